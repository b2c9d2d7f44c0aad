/** Podio writes times as `YYYY-MM-DD HH:MM:SS` without a zone: UTC everywhere but in local values of date fields. */

const STAMP = /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2}))?)?$/;

export const stamp = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');

/** Reads a stamp or a bare date as if it were UTC; undefined for anything else, February 30th included. */
export function parseStamp(text: string): { ms: number; hasTime: boolean } | undefined {
  const match = STAMP.exec(text);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const ms = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour ?? 0),
    Number(minute ?? 0),
    Number(second ?? 0),
  );
  const wanted = `${year}-${month}-${day}${hour === undefined ? '' : ` ${hour}:${minute}:${second ?? '00'}`}`;
  return stamp(ms).startsWith(wanted) ? { ms, hasTime: hour !== undefined } : undefined;
}

/** Milliseconds that `zone` is ahead of UTC at this moment. */
function offsetAt(ms: number, zone: string): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(ms);
  const get = (type: string): number => Number(parts.find(part => part.type === type)?.value);
  const local = Date.UTC(
    get('year'),
    get('month') - 1,
    get('day'),
    get('hour'),
    get('minute'),
    get('second'),
  );
  return local - Math.floor(ms / 1000) * 1000;
}

export const toLocal = (utcMs: number, zone: string): number => utcMs + offsetAt(utcMs, zone);

/** Asked twice, since the offset belongs to the UTC time, which is what is looked for. */
export function toUtc(localMs: number, zone: string): number {
  const guess = localMs - offsetAt(localMs, zone);
  return localMs - offsetAt(guess, zone);
}

const HOUR = 3_600_000;
const RELATIVE = /^([+-]\d+)([hdwmy])r?$/;

/**
 * A bound of a date filter: a stamp, a date (its first second, or its last as the upper end) or an expression relative
 * to now such as `-7d`. Undefined when it is none of these.
 */
export function parseBound(text: string, end: 'from' | 'to', now: number): number | undefined {
  const absolute = parseStamp(text);
  if (absolute) return absolute.ms + (end === 'to' && !absolute.hasTime ? 24 * HOUR - 1000 : 0);
  const [, count, unit] = RELATIVE.exec(text) ?? [];
  if (count === undefined) return undefined;
  const date = new Date(now);
  if (unit === 'm') date.setUTCMonth(date.getUTCMonth() + Number(count));
  else if (unit === 'y') date.setUTCFullYear(date.getUTCFullYear() + Number(count));
  else return now + Number(count) * (unit === 'h' ? HOUR : unit === 'd' ? 24 * HOUR : 7 * 24 * HOUR);
  return date.getTime();
}
