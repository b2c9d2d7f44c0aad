/** Time as an effect, so that a test can turn it. All values are milliseconds. */
export interface EmulatorClock {
  /** Wall time, ms since 1970 UTC. */
  now(): number;
  /** Calls `fn` once after `ms`; the answer cancels it. */
  after(ms: number, fn: () => void): () => void;
}

export const realClock: EmulatorClock = {
  now: () => Date.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  },
};
