import type { Clock } from '../../src/core/clock.ts';

/** A clock that stands still until it is told to go on. */
export interface VirtualClock extends Clock {
  /** Goes on by `ms`, running what falls due on the way, in order, and what that leads to. */
  advance(ms: number): Promise<void>;
  /** Goes on from timer to timer until the promise is settled. */
  until<T>(promise: Promise<T>): Promise<T>;
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
    async until(promise) {
      let isSettled = false;
      const onSettled = () => {
        isSettled = true;
      };
      promise.then(onSettled, onSettled);
      for (await settle(); !isSettled; await settle()) {
        const next = nextDue(Number.POSITIVE_INFINITY);
        if (!next) throw new Error('no timer is left, and the promise is not settled');
        timers.delete(next);
        elapsed = Math.max(elapsed, next.at);
        next.fn();
      }
      return promise;
    },
    jump(ms) {
      offset += ms;
    },
  };
}
