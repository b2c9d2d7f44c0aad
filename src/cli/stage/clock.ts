import type { Clock } from '../../core/clock.ts';

/** A clock that stands still until it is told to go on. */
export interface TurnedClock extends Clock {
  /** Goes on until then (wall time, ms), running what falls due on the way in order; `settle` waits for what that leads to. */
  goTo(instant: number, settle: () => Promise<void>): Promise<void>;
}

interface Timer {
  readonly at: number;
  readonly fn: () => void;
}

export function makeTurnedClock(startedAt: number): TurnedClock {
  let elapsed = 0;
  const timers = new Set<Timer>();

  const nextDue = (until: number): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers) if (timer.at <= until && timer.at < (first?.at ?? Infinity)) first = timer;
    return first;
  };

  return {
    now: () => startedAt + elapsed,
    monotonic: () => elapsed,
    after(ms, fn) {
      const timer: Timer = { at: elapsed + Math.max(ms, 0), fn };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    async goTo(instant, settle) {
      const until = Math.max(instant - startedAt, elapsed);
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
  };
}
