/** Days of the week that people name: `mon`, `mon-fri`. Pure. */
import { DAY_MS, makeOffset, modulo, toInstant } from './zone.ts';

const NAMES = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

/** For editors. */
export const WEEKDAYS = new RegExp(`^(${NAMES.join('|')})(-(${NAMES.join('|')}))?$`);

/** From 0, Sunday, on; `fri-mon` goes over the weekend. Empty for what is none. */
export function parseWeekdays(text: string): readonly number[] {
  const [from = '', to = from] = text.split('-');
  const places = [from, to].map(name => NAMES.indexOf(name as (typeof NAMES)[number]));
  const [first = -1, last = -1] = places;
  if (first < 0 || last < 0) return [];
  return Array.from({ length: modulo(last - first, 7) + 1 }, (_, n) => (first + n) % 7);
}

/** `mon-fri`, `mon, wed`: of days in ascending order. */
export function showWeekdays(days: readonly number[]): string {
  const isRun = days.length > 2 && days.every((day, n) => day === (days[0] ?? 0) + n);
  const shown = isRun ? [days[0], days.at(-1)] : days;
  return shown.map(day => NAMES[day ?? 0]).join(isRun ? '-' : ', ');
}

/**
 * How much of the time between two instants lies on these days of the week, by the clocks of the zone. @param enough it is not
 * looked further once it is so much: of years each day would be looked up
 */
export function timeOn(
  days: readonly number[],
  timezone: string,
  from: number,
  to: number,
  enough = Number.POSITIVE_INFINITY,
): number {
  const offsetAt = makeOffset(timezone);
  // Where the clocks skip it: when they do.
  const midnight = (day: number): number => toInstant(day, offsetAt) ?? day - offsetAt(day - DAY_MS);
  const local = from + offsetAt(from);
  let ms = 0;
  for (let day = local - modulo(local, DAY_MS); ; day += DAY_MS) {
    const start = midnight(day);
    if (start >= to || ms >= enough) return ms;
    if (days.includes(new Date(day).getUTCDay()))
      ms += Math.max(0, Math.min(midnight(day + DAY_MS), to) - Math.max(start, from));
  }
}
