import type { Clock } from '../../src/core/clock.ts';

/** A clock that stands still until it is told to go on. */
export interface VirtualClock extends Clock {
  /** Goes on by `ms`, running what falls due on the way, in order, and what that leads to. */
  advance(ms: number): Promise<void>;
  /** Sets the wall clock off by `ms`, as an administrator or NTP would; measured time does not notice. */
  jump(ms: number): void;
}

/** Lets everything run that waits for nothing but its turn: promise chains and answered sockets need several. */
const settle = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise(resolve => setImmediate(resolve));
};

export function makeVirtualClock(startedAt = Date.UTC(2026, 0, 1)): VirtualClock {
  let elapsed = 0;
  let offset = startedAt;
  const timers = new Set<{ readonly at: number; readonly fn: () => void }>();

  const nextDue = (until: number) =>
    [...timers]
      .filter(({ at }) => at <= until)
      .reduce<{ at: number; fn: () => void } | undefined>(
        (first, timer) => (first === undefined || timer.at < first.at ? timer : first),
        undefined,
      );

  return {
    now: () => offset + elapsed,
    monotonic: () => elapsed,
    after(ms, fn) {
      const timer = { at: elapsed + Math.max(ms, 0), fn };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    async advance(ms) {
      const until = elapsed + ms;
      await settle();
      for (let due = nextDue(until); due; due = nextDue(until)) {
        timers.delete(due);
        elapsed = Math.max(elapsed, due.at);
        due.fn();
        await settle();
      }
      elapsed = until;
      await settle();
    },
    jump(ms) {
      offset += ms;
    },
  };
}
