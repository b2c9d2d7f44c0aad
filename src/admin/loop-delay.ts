import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Between two measurements, milliseconds. A delay that is shorter may be missed. */
const RESOLUTION_MS = 10;

/** How late the event loop was, seconds. */
export interface LoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Tells of the time since it was asked last. Measures from the first time on: where nobody asks, it costs nothing. */
export function makeLoopDelay(): () => LoopDelay {
  const times = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  let measuring = false;
  // Node's figures are the times from one measurement to the next.
  const late = (ns: number): number => Math.max(0, ns / 1e9 - RESOLUTION_MS / 1e3);
  return () => {
    const delay =
      times.count === 0
        ? { p50: 0, p99: 0, max: 0 }
        : { p50: late(times.percentile(50)), p99: late(times.percentile(99)), max: late(times.max) };
    if (!measuring) times.enable();
    measuring = true;
    times.reset();
    return delay;
  };
}
