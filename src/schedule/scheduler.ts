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
  readonly clock: Clock;
  readonly log: Log;
}

/** Appends a `schedule.fire` event for every tick of the rules' schedules. */
export interface Scheduler {
  /**
   * Looks for ticks missed while nothing ran, then begins. `goesOn`: one before it has run until just now, and what came
   * due since is not missed. Rejects with a StoreError.
   */
  start(goesOn?: boolean): Promise<void>;
  /** No tick after this; resolves when the last one is on disk or given up. */
  stop(): Promise<void>;
}

/** The wall clock can jump and a machine can sleep, and timers notice neither: so it is looked at this often. */
const LOOK_MS = 60_000;

/** A tick found this late is still its own time's: a busy process or a slow timer is not a missed tick. */
const LATE_MS = 60_000;

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;

/** The schedules of one rule. */
interface Timetable {
  readonly rule: Rule;
  readonly crons: readonly {
    readonly cron: Cron;
    readonly missed: ScheduleTrigger['missed'];
    readonly ofItems: boolean;
  }[];
  /** As written, to notice a change. */
  readonly schedules: string;
  /** Ticks up to here have been seen to. */
  seen: number;
  /** The first tick after `seen`: Infinity when there is none. */
  next: number;
}

/** What is kept of a rule between two starts. */
interface Kept {
  readonly schedules: string;
  readonly seen: number;
}

export function makeScheduler(deps: SchedulerDeps): Scheduler {
  const { rules, journal, settings, itemRuns, clock, log } = deps;
  const lines = log.child({ module: 'schedule' });
  const abort = new AbortController();
  const timetables = rules.flatMap(rule => timetableOf(rule, clock.now()));
  let cancel: Cancel | undefined;
  let looking = Promise.resolve();

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
        if (waitMs === FIRST_WAIT_MS)
          lines.error('tick not stored, trying again', { rule: rule.name, tick, error });
      }
      await sleep(clock, waitMs, abort.signal);
    }
  };

  /** Fires what is due, at most one tick of each schedule: after a sleep, the latest stands for those before it. */
  const look = async (timetable: Timetable, lateMs: number): Promise<void> => {
    const now = clock.now();
    const { rule, crons } = timetable;
    // A clock that was set back shows times again that were seen to: their identity makes them repeats.
    if (now < timetable.seen) moveTo(timetable, now);
    if (now < timetable.next) return;
    /** By tick: whether items are wanted. */
    const due = new Map<number, boolean>();
    for (const { cron, missed, ofItems } of crons) {
      const tick = cron.latest(now);
      if (tick === undefined || tick <= timetable.seen) continue;
      if (missed === 'run' || now - tick < lateMs) due.set(tick, ofItems || due.get(tick) === true);
      else lines.info('missed tick skipped', { rule: rule.name, tick: minuteOf(tick) });
    }
    for (const [tick, ofItems] of [...due].sort(([a], [b]) => a - b)) await fire(rule, tick, ofItems);
    moveTo(timetable, now);
    // After the append: a crash between the two fires the tick again, which is a repeat as well.
    await keep(timetable);
  };

  const keep = async ({ rule, schedules, seen }: Timetable): Promise<void> => {
    const kept: Kept = { schedules, seen };
    await settings.set(settingOf(rule), kept).catch(error => {
      lines.warn('schedule position not stored', { rule: rule.name, error });
    });
  };

  const lookAtAll = async (): Promise<void> => {
    await Promise.all(timetables.map(timetable => look(timetable, LATE_MS)));
    wait();
  };

  const wait = (): void => {
    if (abort.signal.aborted || timetables.length === 0) return;
    const next = Math.min(...timetables.map(timetable => timetable.next));
    cancel = clock.after(Math.min(Math.max(next - clock.now(), 0), LOOK_MS), () => {
      // Rejects only when it is stopped while it waits for the store.
      looking = lookAtAll().catch(() => {});
    });
  };

  return {
    async start(goesOn = false) {
      for (const timetable of timetables) {
        const kept = (await settings.get(settingOf(timetable.rule))) as Kept | undefined;
        // A schedule that is new, or not what it was, has missed nothing.
        if (kept?.schedules === timetable.schedules) moveTo(timetable, kept.seen);
        await look(timetable, goesOn ? LATE_MS : 0);
        await keep(timetable);
      }
      wait();
    },
    async stop() {
      cancel?.();
      abortWith(abort, new Error('podiod is stopping'));
      await looking;
      await Promise.all(timetables.map(keep));
    },
  };
}

const settingOf = (rule: Rule): string => `schedule/${keyOf(rule)}`;

function timetableOf(rule: Rule, now: number): readonly Timetable[] {
  const triggers = rule.triggers.filter(trigger => trigger.kind === 'schedule');
  if (triggers.length === 0) return [];
  const timetable: Timetable = {
    rule,
    crons: triggers.map(trigger => ({
      cron: makeCron(trigger),
      missed: trigger.missed,
      ofItems: trigger.items !== undefined,
    })),
    schedules: triggers.map(({ cron, timezone }) => `${cron} ${timezone}`).join('; '),
    seen: now,
    next: Infinity,
  };
  moveTo(timetable, now);
  return [timetable];
}

function moveTo(timetable: Timetable, seen: number): void {
  timetable.seen = seen;
  timetable.next = Math.min(...timetable.crons.map(({ cron }) => cron.next(seen) ?? Infinity));
}
