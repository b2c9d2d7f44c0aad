import { parseDuration } from '../config/units.ts';
import { UsageError } from '../core/errors.ts';

const ISO = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})?)?$/;

/** UTC milliseconds of `2h`, `7d` (before `now`) or an ISO 8601 time (without a zone: this machine's). */
export function parseTime(option: string, text: string, now: number): number {
  const ago = parseDuration(text);
  if (!Number.isNaN(ago)) return now - ago;
  const time = ISO.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw new UsageError(`${option} must be like 2h or 7d, or an ISO 8601 time, got ${text}`);
}
