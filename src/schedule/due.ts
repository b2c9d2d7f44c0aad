import type { DateOffset } from '../core/date-offset.ts';
import type { FieldValueJson } from '../core/podio.ts';
import { DAY_MS, makeOffset, toInstant } from '../core/zone.ts';
import { fieldMoment, momentAt } from '../language/moment.ts';

/** When an item is due by one of its dates. */
export interface Due {
  /** UTC milliseconds. */
  readonly at: number;
  /** The date it goes by, as the zone has it: `2026-01-31` or `2026-01-31 12:00:00`. */
  readonly date: string;
}

const offsets = new Map<string, (instant: number) => number>();

function offsetOf(zone: string): (instant: number) => number {
  const known = offsets.get(zone) ?? makeOffset(zone);
  offsets.set(zone, known);
  return known;
}

/**
 * Undefined where the field is empty, and where the clocks of that day skip the time, as for a schedule. A date without a
 * time is its day's first moment where nothing says another time.
 */
export function dueOf(
  values: readonly FieldValueJson[],
  { days, ms, minutes }: DateOffset,
  zone: string,
): Due | undefined {
  const [value] = values;
  const written = value && fieldMoment(value, 'start');
  if (written === undefined) return undefined;
  // Podio shows a time as the clocks of whoever looks have it; the instant is the same for all.
  const moment = written.instant === undefined ? written : momentAt(written.instant, zone);
  const { day, time } = moment;
  const date = time === undefined ? day : `${day} ${time}`;
  const offsetAt = offsetOf(zone);
  const midnight = Date.parse(`${day}T00:00:00Z`) + days * DAY_MS;
  const found = (at: number | undefined): Due | undefined =>
    at === undefined ? undefined : { at: at + ms, date };
  if (minutes !== undefined) return found(toInstant(midnight + minutes * 60_000, offsetAt));
  if (time === undefined) return found(startOfDay(midnight, offsetAt));
  if (days === 0 && moment.instant !== undefined) return found(moment.instant);
  return found(toInstant(midnight + Date.parse(`1970-01-01T${time}Z`), offsetAt));
}

/** Some clocks go from 23:59 to 01:00. */
function startOfDay(midnight: number, offsetAt: (instant: number) => number): number | undefined {
  for (let minute = 0; minute < 24 * 60; minute += 30) {
    const instant = toInstant(midnight + minute * 60_000, offsetAt);
    if (instant !== undefined) return instant;
  }
  return undefined;
}
