import type { Clock } from '../core/clock.ts';

const BIN_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Counts calls over any hour that lies behind. Kept by the minute, so a call counts for up to a minute longer. */
export interface HourCount {
  add(): void;
  /** Milliseconds until fewer than `cap` calls (1 or more) lie within the hour; 0: now. */
  waitBelow(cap: number): number;
  /** How long ago, and how many. */
  bins(): readonly Bin[];
  /** Counts these as well. */
  restore(bins: readonly Bin[]): void;
}

/** Calls of one minute: how long ago that began, milliseconds. */
export type Bin = readonly [agoMs: number, calls: number];

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

  const sorted = () => [...bins].sort(([a], [b]) => a - b);

  return {
    bins() {
      const now = clock.monotonic();
      forget(now);
      return Array.from(bins, ([start, calls]) => [now - start, calls] as const);
    },
    restore(before) {
      const now = clock.monotonic();
      for (const [agoMs, calls] of before) {
        const start = now - Math.max(0, agoMs);
        bins.set(start, (bins.get(start) ?? 0) + calls);
        total += calls;
      }
      const inOrder = sorted();
      bins.clear();
      for (const [start, calls] of inOrder) bins.set(start, calls);
      forget(now);
    },
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
