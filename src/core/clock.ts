/** Cancels what it was returned for; a second call does nothing. */
export type Cancel = () => void;

/** Time as an effect, so that a test can turn it. All values are milliseconds. */
export interface Clock {
  /** Wall time, ms since 1970 UTC. May jump. */
  now(): number;
  /** Never goes back and knows no date: for measuring how long something took. */
  monotonic(): number;
  /** Calls `fn` once after `ms`. Longer than 24.8 days is fine. */
  after(ms: number, fn: () => void): Cancel;
}

/** setTimeout takes 31 bits; a longer wait would fire at once. */
const MAX_TIMEOUT = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fn) {
    let timer: NodeJS.Timeout;
    const arm = (left: number) => {
      timer = setTimeout(
        () => (left > MAX_TIMEOUT ? arm(left - MAX_TIMEOUT) : fn()),
        Math.min(Math.max(left, 0), MAX_TIMEOUT),
      );
    };
    arm(ms);
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms`; rejects with the signal's reason when that is aborted first. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
