/** Times of the day in a zone: when a clock on the wall there shows them next. */
import { momentAt } from './moment.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** `09:30` as minutes since midnight; undefined where it is none. */
export function parseTimeOfDay(text: string): number | undefined {
  const [, hours, minutes] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  return hours === undefined ? undefined : Number(hours) * 60 + Number(minutes);
}

/**
 * The first moment after `instant` at which it is one of these times (minutes since midnight). One that a change of the
 * clock skips comes as much later as the clock was put forward; one that occurs twice is the first. UTC milliseconds.
 */
export function nextTimeOfDay(times: readonly number[], zone: string, instant: number): number {
  const today = instant + offsetAt(instant, zone);
  const midnight = today - (((today % DAY_MS) + DAY_MS) % DAY_MS);
  const found = [-1, 0, 1, 2]
    .flatMap(days => times.map(time => midnight + days * DAY_MS + time * MINUTE_MS))
    .map(local => instantOf(local, zone))
    .filter(at => at > instant);
  return Math.min(...found);
}

/** @param local a local time as if the zone were UTC */
function instantOf(local: number, zone: string): number {
  // The offsets in force some time before and after: a change between the two is the case to look at.
  const earlier = local - offsetAt(local - DAY_MS, zone);
  const later = local - offsetAt(local + DAY_MS, zone);
  const shown = [earlier, later].filter(at => at + offsetAt(at, zone) === local);
  return shown.length > 0 ? Math.min(...shown) : earlier;
}

/** What a clock there is ahead of UTC at an instant, milliseconds. */
function offsetAt(instant: number, zone: string): number {
  const { day, time } = momentAt(instant, zone);
  return Date.parse(`${day}T${time}Z`) - Math.floor(instant / 1000) * 1000;
}
