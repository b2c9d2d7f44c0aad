import { abortWith } from '../core/abort.ts';
import { type Cancel, type Clock, sleep } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Rule, ScheduleTrigger } from '../core/rule.ts';
import { keyOf } from '../core/rule-key.ts';
import type { Journal, Settings } from '../store/contract.ts';
import { type Cron, makeCron } from './cron.ts';
import { minuteOf, tickEvent } from './events.ts';
import type { ItemRuns } from './item-runs.ts';

export interface SchedulerDeps {
  readonly rules: readonly Rule[];
  readonly journal: Pick<Journal, 'append'>;
  readonly settings: Pick<Settings, 'get' | 'set'>;
  /** Told of ticks that items are wanted for. */
  readonly itemRuns: Pick<ItemRuns, 'wish' | 'go'>;
  /** From the one before it in this process, and to the one after it. Left out: there is none. */
  readonly handedOver?: HandedOver;
  readonly clock: Clock;
  readonly log: Log;
}

/** Appends a `schedule.fire` event for every tick of the rules' schedules. */
export interface Scheduler {
  /**
   * Looks for ticks missed while nothing ran, then begins. `goesOn`: one before it has run until just now, and what came
   * due since is not missed. Resolves when what is due is on disk, or waits for the store. Rejects with a StoreError.
   */
  start(goesOn?: boolean): Promise<void>;
  /** No tick after this; resolves when the last one is on disk or handed over. */
  stop(): Promise<void>;
}

/** By setting, what a scheduler that has stopped leaves to the one after it in this process: the store may take nothing now. */
export type HandedOver = Map<string, Kept>;

/** The wall clock can jump and a machine can sleep, and timers notice neither: so it is looked at this often. */
const LOOK_MS = 60_000;

/** A tick found this late is still its own time's: a busy process or a slow timer is not a missed tick. */
const LATE_MS = 60_000;

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;

interface Entry {
  readonly cron: Cron;
  readonly missed: ScheduleTrigger['missed'];
  readonly ofItems: boolean;
}

/** A tick that came due and is not in the journal yet. */
interface Owed {
  readonly tick: number;
  readonly entry: Entry;
}

/** The schedules of one rule. */
interface Timetable {
  readonly rule: Rule;
  readonly entries: readonly Entry[];
  /** As written, to notice a change. */
  readonly schedules: string;
  /** Ticks up to here have been seen to: they are in the journal, skipped or owed. */
  seen: number;
  /** The first tick after `seen`: Infinity when there is none. */
  next: number;
  /** In order. */
  owed: readonly Owed[];
  /** Which of them is being appended; that may take until the disk has room. */
  inHand?: number | undefined;
  paying?: Promise<void> | undefined;
  /** Whether it was learnt where the one before has left off. Until then nothing is to be put over that. */
  isRead: boolean;
}

/** What is kept of a rule between two starts. */
interface Kept {
  readonly schedules: string;
  readonly seen: number;
  /** Ticks that came due and that the store has not taken. */
  readonly owed?: readonly number[];
}

export function makeScheduler(deps: SchedulerDeps): Scheduler {
  const { rules, journal, settings, itemRuns, handedOver, clock, log } = deps;
  const lines = log.child({ module: 'schedule' });
  const abort = new AbortController();
  const timetables = rules.flatMap(rule => timetableOf(rule, clock.now()));
  /** Resolves when a tick waits for the store. */
  const stuck = Promise.withResolvers<void>();
  let cancel: Cancel | undefined;

  /** The identity makes it safe to come twice: after a crash, from another trigger of the rule, from another node. */
  const fire = async (rule: Rule, tick: number, ofItems: boolean): Promise<void> => {
    const event = tickEvent(rule, tick);
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
      try {
        // Before the tick: a crash between the two must not lose its items.
        if (ofItems) await itemRuns.wish(rule, tick);
        await journal.append([event]);
        if (ofItems) itemRuns.go(rule);
        return;
      } catch (error) {
        stuck.resolve();
        if (waitMs === FIRST_WAIT_MS)
          lines.error('tick not stored, trying again', { rule: rule.name, tick, error });
      }
      await sleep(clock, waitMs, abort.signal);
    }
  };

  /** Notes what is due, at most one tick of each schedule: after a sleep, the latest stands for those before it. */
  const look = (timetable: Timetable, lateMs: number): void => {
    const now = clock.now();
    // A clock that was set back shows times again that were seen to: their identity makes them repeats.
    if (now < timetable.seen) moveTo(timetable, now);
    if (now < timetable.next) return;
    for (const entry of timetable.entries) {
      const tick = entry.cron.latest(now);
      if (tick === undefined || tick <= timetable.seen) continue;
      if (entry.missed === 'run' || now - tick < lateMs) {
        const { inHand } = timetable;
        timetable.owed = timetable.owed.filter(owed => owed.entry !== entry || owed.tick === inHand);
        owe(timetable, { tick, entry });
      } else lines.info('missed tick skipped', { rule: timetable.rule.name, tick: minuteOf(tick) });
    }
    moveTo(timetable, now);
  };

  /** Appends what is owed, in order. Rejects only when it is stopped while it waits for the store. */
  const pay = async (timetable: Timetable): Promise<void> => {
    const { rule } = timetable;
    for (let [first] = timetable.owed; first; [first] = timetable.owed) {
      const { tick } = first;
      timetable.inHand = tick;
      const ofItems = timetable.owed.some(owed => owed.tick === tick && owed.entry.ofItems);
      await fire(rule, tick, ofItems);
      timetable.inHand = undefined;
      timetable.owed = timetable.owed.filter(owed => owed.tick !== tick);
    }
    // After the append: a crash between the two fires the tick again, which is a repeat as well.
    await keep(timetable);
  };

  /** A rule whose tick waits for the store holds up no look at the clock: what comes due meanwhile is not missed. */
  const payAll = (): void => {
    for (const timetable of timetables) {
      if (timetable.paying || timetable.owed.length === 0) continue;
      timetable.paying = pay(timetable)
        .catch(() => {})
        .finally(() => {
          timetable.paying = undefined;
          // What was noted while the position was being kept.
          if (!abort.signal.aborted) payAll();
        });
    }
  };

  const keptOf = ({ schedules, seen, owed }: Timetable): Kept => ({
    schedules,
    seen,
    ...(owed.length > 0 && { owed: [...new Set(owed.map(({ tick }) => tick))] }),
  });

  const keep = async (timetable: Timetable): Promise<void> => {
    await settings.set(settingOf(timetable.rule), keptOf(timetable)).catch(error => {
      lines.warn('schedule position not stored', { rule: timetable.rule.name, error });
    });
  };

  const wait = (): void => {
    if (abort.signal.aborted || timetables.length === 0) return;
    const next = Math.min(...timetables.map(timetable => timetable.next));
    cancel = clock.after(Math.min(Math.max(next - clock.now(), 0), LOOK_MS), () => {
      for (const timetable of timetables) look(timetable, LATE_MS);
      payAll();
      wait();
    });
  };

  return {
    async start(goesOn = false) {
      for (const timetable of timetables) {
        const setting = settingOf(timetable.rule);
        const kept = handedOver?.get(setting) ?? ((await settings.get(setting)) as Kept | undefined);
        // A schedule that is new, or not what it was, has missed nothing.
        if (kept?.schedules === timetable.schedules) moveTo(timetable, kept.seen);
        for (const tick of kept?.owed ?? []) {
          // Where no schedule of the rule has it any more, it is owed no more.
          for (const entry of timetable.entries)
            if (entry.cron.latest(tick) === tick) owe(timetable, { tick, entry });
        }
        timetable.isRead = true;
      }
      handedOver?.clear();
      // First, so that what has come due since takes no place of it.
      payAll();
      for (const timetable of timetables) look(timetable, goesOn ? LATE_MS : 0);
      payAll();
      await Promise.race([Promise.all(timetables.map(({ paying }) => paying)), stuck.promise]);
      await Promise.all(timetables.filter(({ paying }) => !paying).map(keep));
      wait();
    },
    async stop() {
      cancel?.();
      abortWith(abort, new Error('podiod is stopping'));
      await Promise.all(timetables.map(({ paying }) => paying));
      const read = timetables.filter(({ isRead }) => isRead);
      for (const timetable of read) handedOver?.set(settingOf(timetable.rule), keptOf(timetable));
      await Promise.all(read.map(keep));
    },
  };
}

const settingOf = (rule: Rule): string => `schedule/${keyOf(rule)}`;

function timetableOf(rule: Rule, now: number): readonly Timetable[] {
  const triggers = rule.triggers.filter(trigger => trigger.kind === 'schedule');
  if (triggers.length === 0) return [];
  const timetable: Timetable = {
    rule,
    entries: triggers.map(trigger => ({
      cron: makeCron(trigger),
      missed: trigger.missed,
      ofItems: trigger.items !== undefined,
    })),
    schedules: triggers.map(({ cron, timezone }) => `${cron} ${timezone}`).join('; '),
    seen: now,
    next: Infinity,
    owed: [],
    isRead: false,
  };
  moveTo(timetable, now);
  return [timetable];
}

function owe(timetable: Timetable, owed: Owed): void {
  if (timetable.owed.some(({ tick, entry }) => tick === owed.tick && entry === owed.entry)) return;
  timetable.owed = [...timetable.owed, owed].sort((a, b) => a.tick - b.tick);
}

function moveTo(timetable: Timetable, seen: number): void {
  timetable.seen = seen;
  timetable.next = Math.min(...timetable.entries.map(({ cron }) => cron.next(seen) ?? Infinity));
}
