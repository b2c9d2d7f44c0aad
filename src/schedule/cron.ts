/**
 * When a schedule's local times are. node-cron reads the pattern and says which days and minutes fit; from when on a
 * local time exists, and how often, is worked out here. Its own timer and search are not used, because they read the
 * system's clock themselves (so no test could turn it), and because its search asks the zone for every minute of a day.
 */
import type { ScheduledTask } from 'node-cron';
import { nodeCron } from '../config/node-cron.ts';
import type { ScheduleTrigger } from '../core/rule.ts';
import { DAY_MS, makeOffset, modulo, toInstant } from '../core/zone.ts';

/** A schedule, ready to be asked. Instants are UTC milliseconds, always at the start of a minute. */
export interface Cron {
  /** The first tick after `instant`; undefined when there is none within eight years. */
  next(instant: number): number | undefined;
  /** The last tick at or before `instant`; undefined when there is none within eight years. */
  latest(instant: number): number | undefined;
}

const MINUTE_MS = 60_000;
/** The longest way to a day that exists: 29 February, over a year 2100 that has none. */
const MAX_DAYS = 8 * 366;
/** The days around now are asked for again and again. */
const KNOWN_DAYS = 8;
const NO_TICKS: readonly number[] = [];

/** @throws Error when node-cron can't read the pattern or the system does not know the zone; config has checked both. */
export function makeCron({ cron, timezone }: Pick<ScheduleTrigger, 'cron' | 'timezone'>): Cron {
  const offsetAt = makeOffset(timezone);
  const fitsDay = makeDayTest(cron);
  const { hour, minute, month } = nodeCron().parse(cron);
  /** Minutes of the day. */
  const times = hour.flatMap(h => minute.map(m => h * 60 + m)).sort((a, b) => a - b);

  /** The ticks of one calendar day, in order of time. `day` is its midnight as if the zone were UTC. */
  const findTicks = (day: number): readonly number[] => {
    // Months first: node-cron takes long over a day, and a rare one is looked for over years.
    if (!month.includes(new Date(day).getUTCMonth() + 1) || !fitsDay(day)) return NO_TICKS;
    const locals = times.map(time => day + time * MINUTE_MS);
    // Nearly every day: nothing changes around it. Asking the zone for each minute is slow.
    const offset = offsetAt(day);
    if ([-1, 1, 2].every(days => offsetAt(day + days * DAY_MS) === offset)) {
      return locals.map(local => local - offset);
    }
    return locals
      .map(local => toInstant(local, offsetAt))
      .filter(instant => instant !== undefined)
      .sort((a, b) => a - b);
  };

  const known = new Map<number, readonly number[]>();
  const ticksOf = (day: number): readonly number[] => {
    let ticks = known.get(day);
    if (ticks === undefined) {
      ticks = findTicks(day);
      if (ticks.length > 0) {
        if (known.size >= KNOWN_DAYS) known.clear();
        known.set(day, ticks);
      }
    }
    return ticks;
  };

  const dayAt = (instant: number): number => {
    const local = instant + offsetAt(instant);
    return local - modulo(local, DAY_MS);
  };

  return {
    next(instant) {
      // The neighbour days are looked at as well: a change of the clock at midnight can swap what belongs to which.
      for (let day = dayAt(instant) - DAY_MS, n = 0; n < MAX_DAYS; day += DAY_MS, n++) {
        const found = ticksOf(day).find(tick => tick > instant);
        if (found !== undefined) return found;
      }
      return undefined;
    },
    latest(instant) {
      for (let day = dayAt(instant) + DAY_MS, n = 0; n < MAX_DAYS; day -= DAY_MS, n++) {
        const found = ticksOf(day).findLast(tick => tick <= instant);
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}

/** Whether a calendar day fits the pattern's days, months and weekdays; `day` as in `findTicks`. */
function makeDayTest(cron: string): (day: number) => boolean {
  const [, , ...days] = cron.trim().split(/\s+/);
  // Never started: it is asked for its calendar only, and UTC as its zone keeps zones out of it.
  const task: ScheduledTask = nodeCron().createTask(['0 0', ...days].join(' '), () => {}, {
    timezone: 'UTC',
  });
  void task.destroy();
  return day => task.match(new Date(day));
}
