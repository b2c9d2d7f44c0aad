import type { Clock } from '../core/clock.ts';

const BIN_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Counts calls over any hour that lies behind. Kept by the minute, so a call counts for up to a minute longer. */
export interface HourCount {
  add(): void;
  /** Milliseconds until fewer than `cap` calls (1 or more) lie within the hour; 0: now. */
  waitBelow(cap: number): number;
}

export function makeHourCount(clock: Pick<Clock, 'monotonic'>): HourCount {
  /** By the minute's start, oldest first. */
  const bins = new Map<number, number>();
  let total = 0;

  const freeAt = (start: number) => start + BIN_MS + HOUR_MS;
  const forget = (now: number) => {
    for (const [start, calls] of bins) {
      if (freeAt(start) > now) break;
      bins.delete(start);
      total -= calls;
    }
  };

  return {
    add() {
      const now = clock.monotonic();
      forget(now);
      const start = now - (now % BIN_MS);
      bins.set(start, (bins.get(start) ?? 0) + 1);
      total += 1;
    },
    waitBelow(cap) {
      const now = clock.monotonic();
      forget(now);
      let left = total;
      if (left < cap) return 0;
      for (const [start, calls] of bins) {
        left -= calls;
        if (left < cap) return freeAt(start) - now;
      }
      return 0;
    },
  };
}
