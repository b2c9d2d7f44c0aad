/** Reading what is written behind options. */

import { UsageError } from '../core/errors.ts';
import { parseDuration } from '../core/units.ts';

export function wholeNumber(option: string, text: string, from = 0, to = 999_999_999): number {
  const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= from && value <= to) return value;
  throw new UsageError(`${option} must be a whole number from ${from} to ${to}, got ${text}`);
}

/** Milliseconds. */
export function duration(option: string, text: string): number {
  const ms = parseDuration(text);
  if (ms >= 1) return ms;
  throw new UsageError(`${option} must be a time like 500ms or 2s, got ${text}`);
}

const DATE = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})?$/;

/** UTC milliseconds of `2h`, `7d` (before `now`) or an ISO 8601 time (without a zone: this machine's). */
export function parseTime(option: string, text: string, now: number): number {
  const ago = parseDuration(text);
  if (!Number.isNaN(ago)) return now - ago;
  const day = DATE.test(text) ? text : TIME.exec(text)?.[1];
  // A date alone would be read as UTC, and the 30th of February as the first of March.
  const exists = day !== undefined && isoDay(Date.parse(day)) === day;
  const time = exists ? Date.parse(day === text ? `${text}T00:00` : text) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw new UsageError(`${option} must be like 2h or 7d, or an ISO 8601 time, got ${text}`);
}

const isoDay = (time: number): string | undefined =>
  Number.isNaN(time) ? undefined : new Date(time).toISOString().slice(0, 10);
