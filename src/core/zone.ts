/** What the clocks of a time zone show. */

export const DAY_MS = 86_400_000;

/** The zone's offset from UTC at an instant, milliseconds. */
export function makeOffset(timezone: string): (instant: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  return instant => {
    const part: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
    for (const { type, value } of format.formatToParts(instant)) part[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
    return Date.UTC(year, month - 1, day, hour, minute, second) - (instant - modulo(instant, 1000));
  };
}

/**
 * The instant at which a zone's clocks show a local time: the first one where they show it twice, undefined where they
 * skip it.
 */
export function toInstant(local: number, offsetAt: (instant: number) => number): number | undefined {
  // The offsets in force some time before and after: a change between the two is the case to look at.
  const earlier = local - offsetAt(local - DAY_MS);
  const later = local - offsetAt(local + DAY_MS);
  const instants = [earlier, later].filter(instant => instant + offsetAt(instant) === local);
  return instants.length > 0 ? Math.min(...instants) : undefined;
}

export const modulo = (a: number, n: number): number => ((a % n) + n) % n;
