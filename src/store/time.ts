import type { Clock } from '../core/clock.ts';

/**
 * The store's clock: UTC milliseconds that never go back. It follows wall time forward; when wall time is set back, it
 * goes on at the pace of the monotonic clock instead of standing still, so that waits stay as long as they were meant.
 */
export function storeClock(clock: Clock): () => number {
  let offset = clock.now() - clock.monotonic();
  return () => {
    const monotonic = clock.monotonic();
    offset = Math.max(offset, clock.now() - monotonic);
    return Math.floor(monotonic + offset);
  };
}

/** What is to be due at a moment is set by how long that is yet, and time passes until it is written. */
export const SETTING_MS = 1000;

/** The moment at which the time of a try stands while the earliest of these pauses (since when, where there is one) lasts. */
export const standsAt = (now: number, ...since: readonly (number | undefined)[]): number =>
  Math.min(now, ...since.map(at => at ?? now));

/** What is left of a try's times at `now`, given what they were at `at`. A wall clock set back between two starts only delays. */
export function elapsed<T extends { sinceFirstMs: number; waitMs: number }>(
  tries: T,
  at: number,
  now: number,
): T {
  const passed = Math.max(0, now - at);
  return { ...tries, sinceFirstMs: tries.sinceFirstMs + passed, waitMs: tries.waitMs - passed };
}
