/** When something is due that goes by a date: so long before or after it, at a time of the day. */
export interface DateOffset {
  /** By the calendar. */
  readonly days: number;
  /** By the clock. */
  readonly ms: number;
  /** Of the day; undefined: the time that the date itself has. */
  readonly minutes?: number;
}

/** For editors. */
export const DATE_OFFSET = /^(?:[+-]?\d{1,5}[hdw])?(?: ?(?:[01]\d|2[0-3]):[0-5]\d)?$/;

const PARTS = /^(?:([+-]?\d{1,5})([hdw]))?(?:\s+|$|(?=\d\d:))(?:(\d{2}):(\d{2}))?$/;

/** `-30d 09:00`, `+2h`, `-1w`, `09:00`. Undefined for anything else, also for hours with a time of the day. */
export function parseDateOffset(text: string): DateOffset | undefined {
  const trimmed = text.trim();
  const match = PARTS.exec(trimmed);
  if (!match || trimmed === '') return undefined;
  const [, count = '0', unit = 'd', hour, minute] = match;
  const amount = Number(count);
  const minutes = hour === undefined ? undefined : Number(hour) * 60 + Number(minute);
  if (minutes !== undefined && (Number(hour) > 23 || Number(minute) > 59)) return undefined;
  if (unit === 'h') return minutes === undefined ? { days: 0, ms: amount * 3_600_000 } : undefined;
  return { days: amount * (unit === 'w' ? 7 : 1), ms: 0, ...(minutes !== undefined && { minutes }) };
}

/** The date itself. */
export const NO_OFFSET: DateOffset = { days: 0, ms: 0 };
