import type { Clock } from '../core/clock.ts';

/** So many at once, then one every so often (a leaky bucket). */
export interface Allowance {
  /** Milliseconds until one more is allowed; 0: now. */
  wait(): number;
  use(): void;
}

export function makeAllowance(
  clock: Pick<Clock, 'monotonic'>,
  options: { readonly atOnce: number; readonly everyMs: number },
): Allowance {
  const { atOnce, everyMs } = options;
  /** When all of them would be there again. */
  let fullAt = Number.NEGATIVE_INFINITY;
  return {
    wait: () => Math.max(0, fullAt - (atOnce - 1) * everyMs - clock.monotonic()),
    use() {
      fullAt = Math.max(fullAt, clock.monotonic()) + everyMs;
    },
  };
}
