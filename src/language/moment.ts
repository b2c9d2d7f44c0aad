/** Dates and times as Podio writes them, as people write them in rules, and between the two. */
import type { FieldValueJson } from '../core/podio.ts';

/** A day, or a time on it. */
export interface Moment {
  /** `2026-01-31` */
  readonly day: string;
  /** `12:00:00`; undefined for a day without a time. */
  readonly time?: string;
  /** UTC milliseconds, where it is known which moment that is. */
  readonly instant?: number;
}

/** What relative values are relative to. */
export interface Now {
  readonly ms: number;
  /** IANA name. */
  readonly zone: string;
}

const DATE = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:\.\d+)?)?\s*(Z|[+-]\d\d:?\d\d)?)?$/i;
const RELATIVE = /^([+-])(\d{1,5})(s|m|h|d|w)$/;
const DAYS: Readonly<Record<string, number>> = { yesterday: -1, today: 0, tomorrow: 1 };
const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };
const DAY_MS = 86_400_000;

/** Whether a text reads as a date that there is, with or without a time. */
export function looksLikeDate(text: string): boolean {
  const [, day = '', minutes = '00:00', seconds = '00'] = DATE.exec(text.trim()) ?? [];
  return isDay(day) && !Number.isNaN(Date.parse(`${day}T${minutes}:${seconds}Z`));
}

/** Written as a date is, but no calendar or clock has it. */
export const isNoDate = (text: string): boolean => DATE.test(text.trim()) && !looksLikeDate(text);

/** Whether a text is a relative value: `now`, `today`, `-7d`, `+2h`. */
export const isRelative = (text: string): boolean =>
  text === 'now' || Object.hasOwn(DAYS, text) || RELATIVE.test(text);

/** A date that someone has written: relative, or with or without time and zone. */
export function writtenMoment(text: string, now: Now): Moment | undefined {
  const given = text.trim();
  if (given === 'now') return momentAt(now.ms, now.zone);
  const days = Object.hasOwn(DAYS, given) ? DAYS[given] : undefined;
  if (days !== undefined) return { day: shifted(momentAt(now.ms, now.zone).day, days) };
  const relative = RELATIVE.exec(given);
  if (relative) {
    const [, sign, count, unit = ''] = relative;
    const amount = Number(`${sign}${count}`);
    const ms = UNIT_MS[unit];
    if (ms !== undefined) return momentAt(now.ms + amount * ms, now.zone);
    return { day: shifted(momentAt(now.ms, now.zone).day, amount * (unit === 'w' ? 7 : 1)) };
  }
  return parsed(given, now.zone, false);
}

/** A date in Podio's JSON or somebody else's: without a zone it is UTC. */
export const plainMoment = (value: unknown, zone: string): Moment | undefined => {
  if (value instanceof Date)
    return Number.isFinite(value.getTime()) ? momentAt(value.getTime(), zone) : undefined;
  return typeof value === 'string' ? parsed(value.trim(), zone, true) : undefined;
};

function parsed(text: string, zone: string, isUtc: boolean): Moment | undefined {
  const match = DATE.exec(text);
  if (!match) return undefined;
  const [, day = '', minutes, seconds = '00', offset] = match;
  if (!isDay(day)) return undefined;
  if (minutes === undefined) return { day };
  if (offset === undefined && !isUtc) {
    return Number.isNaN(Date.parse(`${day}T${minutes}:${seconds}Z`))
      ? undefined
      : { day, time: `${minutes}:${seconds}` };
  }
  const suffix = offset?.replace(/^([+-]\d\d):?(\d\d)$/, '$1:$2').toUpperCase() ?? 'Z';
  const instant = Date.parse(`${day}T${minutes}:${seconds}${suffix}`);
  return Number.isNaN(instant) ? undefined : momentAt(instant, zone);
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/**
 * The start or the end of a date field's value. Its day is the one that Podio shows; its instant comes from the keys in UTC.
 */
export function fieldMoment(value: FieldValueJson, key: 'start' | 'end'): Moment | undefined {
  const local = part(value, key, '');
  if (local === undefined) return undefined;
  if (local.time === undefined) return local;
  const utc = part(value, key, '_utc');
  const instant = utc?.time === undefined ? Number.NaN : Date.parse(`${utc.day}T${utc.time}Z`);
  return Number.isNaN(instant) ? local : { ...local, instant };
}

function part(value: FieldValueJson, key: string, zone: '' | '_utc'): Moment | undefined {
  const whole = text(value[`${key}${zone}`]);
  const day = text(value[`${key}_date${zone}`]) || whole.slice(0, 10);
  if (!isDay(day)) return undefined;
  const timeKey = `${key}_time${zone}`;
  // Without the key, midnight is how Podio writes a date without a time.
  const time = timeKey in value ? text(value[timeKey]) : whole.slice(11).replace(/^00:00:00$/, '');
  return time === '' ? { day } : { day, time };
}

/**
 * Negative, 0 or positive. Where one side has no time the days are compared, else the instants where both are known, else
 * what a clock on the wall shows.
 */
export function compareMoments(a: Moment, b: Moment): number {
  if (a.time === undefined || b.time === undefined) return compareTexts(a.day, b.day);
  if (a.instant !== undefined && b.instant !== undefined) return Math.sign(a.instant - b.instant);
  return compareTexts(`${a.day} ${a.time}`, `${b.day} ${b.time}`);
}

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** JavaScript takes February 30 for March 2. */
function isDay(day: string): boolean {
  const ms = /^\d{4}-\d\d-\d\d$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN;
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(day);
}

const shifted = (day: string, days: number): string =>
  new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);

const formats = new Map<string, Intl.DateTimeFormat>();

/** A moment as a clock in that zone shows it. */
export function momentAt(ms: number, zone: string): Moment {
  let format = formats.get(zone);
  if (format === undefined) {
    // This locale writes dates as ISO 8601 does.
    format = new Intl.DateTimeFormat('sv-SE', {
      timeZone: zone,
      dateStyle: 'short',
      timeStyle: 'medium',
    });
    formats.set(zone, format);
  }
  const [day = '', time = ''] = format.format(ms).split(' ');
  return { day, time, instant: ms };
}
