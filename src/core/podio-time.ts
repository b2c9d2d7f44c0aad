/** Podio writes times as `2026-01-01 10:00:00`, UTC, whole seconds. */

const STAMP = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/;

/** UTC milliseconds of a time in Podio's answers, or undefined for what is no such time. */
export function msOf(stamp: unknown): number | undefined {
  if (typeof stamp !== 'string' || !STAMP.test(stamp)) return undefined;
  const ms = Date.parse(`${stamp.replace(' ', 'T')}Z`);
  return Number.isNaN(ms) ? undefined : ms;
}

export const stampOf = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
