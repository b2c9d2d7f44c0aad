/**
 * Alarms: one event when an outage begins and one when it is over, in the journal like any other. What is raised is kept
 * in the store, so that a restart neither repeats nor forgets one.
 */
import { type AlarmName, alarmEvent, alarmKey, type Outage, type RaisedAlarm } from '../core/alarm.ts';
import { type Clock, sleep } from '../core/clock.ts';
import { coerceError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Journal, Settings } from '../store/contract.ts';
import { type Found, isPatient, overText } from './find.ts';

export interface AlarmsDeps {
  /** What is wrong now. Rejects where that can't be found out. */
  readonly look: (isRaised: (alarm: AlarmName, subject: string) => boolean) => Promise<Found>;
  readonly afterMs: () => number;
  readonly journal: Pick<Journal, 'append'>;
  readonly settings: Pick<Settings, 'set' | 'delete' | 'list'>;
  /** Takes secrets out of what others have said. */
  readonly mask: (text: string) => string;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Alarms {
  start(): Promise<void>;
  /** Resolves when nothing is written any more. */
  stop(): Promise<void>;
  /** Those that last, oldest first. */
  raised(): readonly RaisedAlarm[];
}

/** What is kept of an alarm from its beginning to its end. */
interface Kept extends RaisedAlarm {
  /** That it was raised stands in the journal. */
  readonly told: boolean;
  /** What to tell of its end, which has come, and may not stand in the journal yet. */
  readonly over?: string;
}

const PREFIX = 'alarm/';

const EVERY_MS = 5_000;
/** Less where alarms are to be raised sooner. */
const LEAST_MS = 500;

export function makeAlarms(deps: AlarmsDeps): Alarms {
  const { journal, settings, clock, mask } = deps;
  const log = deps.log.child({ module: 'alarms' });
  const abort = new AbortController();
  const kept = new Map<string, Kept>();
  /** Of these, what was raised since the start. */
  const own = new Set<string>();
  /** Outages that have not lasted long enough, since when by the monotonic clock. */
  const pending = new Map<string, number>();
  let running: Promise<void> = Promise.resolve();
  let trouble: string | undefined;

  const keep = async (key: string, alarm: Kept): Promise<void> => {
    await settings.set(`${PREFIX}${key}`, alarm);
    kept.set(key, alarm);
  };

  /** Kept before it is told, and told by its identity: what a crash interrupts is done again and is a repeat. */
  const raise = async (key: string, outage: Outage): Promise<void> => {
    const raisedAt = clock.now();
    const { since = raisedAt, ...rest } = outage;
    const alarm = { ...rest, text: mask(outage.text), since, raisedAt, told: false };
    await keep(key, alarm);
    own.add(key);
    log.warn('alarm', { alarm: key, text: alarm.text });
    await tell(key, alarm);
  };

  const tell = async (key: string, alarm: Kept): Promise<void> => {
    await journal.append([alarmEvent(alarm, 'raised')]);
    await keep(key, { ...alarm, told: true });
  };

  const end = async (key: string, alarm: Kept): Promise<void> => {
    const over = alarm.over ?? overText(alarm);
    if (alarm.over === undefined) {
      await keep(key, { ...alarm, over });
      log.info('alarm is over', { alarm: key, text: over });
    }
    const cleared = alarmEvent(alarm, 'cleared', over);
    await journal.append(alarm.told ? [cleared] : [alarmEvent(alarm, 'raised'), cleared]);
    await settings.delete(`${PREFIX}${key}`);
    kept.delete(key);
    own.delete(key);
  };

  const look = async (): Promise<void> => {
    // What could not be finished before: an outage that has begun again since is a new one.
    for (const [key, alarm] of kept) if (alarm.over !== undefined) await end(key, alarm);
    const found = await deps.look((alarm, subject) => kept.has(alarmKey({ alarm, subject })));
    const wrong = new Map(found.outages.map(outage => [alarmKey(outage), outage]));
    for (const [key, alarm] of kept) {
      const outage = wrong.get(key);
      if (outage !== undefined) {
        // What status shows is as it is now; what was told is not told again.
        const of = outage.of && [...new Set([...(alarm.of ?? []), ...outage.of])];
        const now = { ...alarm, count: outage.count, text: mask(outage.text), ...(of && { of }) };
        // A start goes by it: what has come to an outage since must be known to be over, too.
        if (now.of?.length === alarm.of?.length) kept.set(key, now);
        else await keep(key, now);
        if (!now.told) await tell(key, now);
      } else if (found.isKnown({ ...alarm, isOwn: own.has(key) })) {
        await end(key, alarm);
      }
    }
    for (const key of pending.keys()) if (!wrong.has(key)) pending.delete(key);
    const now = clock.monotonic();
    for (const [key, outage] of wrong) {
      if (kept.has(key)) continue;
      const seen = pending.get(key) ?? now;
      pending.set(key, seen);
      if (isPatient(outage.alarm) && now - seen < deps.afterMs()) continue;
      await raise(key, outage);
      pending.delete(key);
    }
  };

  const loop = async (): Promise<void> => {
    for (;;) {
      await sleep(clock, Math.max(LEAST_MS, Math.min(EVERY_MS, deps.afterMs())), abort.signal);
      try {
        await look();
        if (trouble !== undefined) log.info('alarms are looked after again');
        trouble = undefined;
      } catch (thrown) {
        if (abort.signal.aborted) return;
        const error = coerceError(thrown);
        // One line for an outage. The disk may be full, which is no reason to stop.
        if (trouble === undefined) log.warn('alarms can not be looked after now', { error });
        trouble = error.message;
      }
    }
  };

  return {
    async start() {
      for (const [key, alarm] of await settings.list(PREFIX)) {
        kept.set(key.slice(PREFIX.length), alarm as Kept);
      }
      running = loop().catch(() => {});
    },
    stop() {
      abort.abort(new Error('podiod is stopping'));
      return running;
    },
    raised: () =>
      [...kept.values()]
        .filter(({ over }) => over === undefined)
        .map(({ told, over, ...alarm }) => alarm)
        .sort((a, b) => a.since - b.since),
  };
}
