import type { Clock } from '../core/clock.ts';
import { sleep } from '../core/clock.ts';
import { isPodiodError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';

/**
 * Does something with the store until it succeeds, however long that takes. Undefined: given up, because `signal` was
 * aborted. Rejects with STORE_STALE_LEASE only, since no waiting helps against that.
 */
export type Reliably = <T>(
  work: () => Promise<T>,
  signal: AbortSignal,
) => Promise<{ readonly value: T } | undefined>;

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 10_000;

/** One for all lanes: a store that fails is one outage with one line in the log, however many wait for it. */
export function makeReliably({ clock, log }: { clock: Clock; log: Log }): Reliably {
  let failures = 0;
  let since = 0;

  return async (work, signal) => {
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
      try {
        const value = await work();
        if (failures > 0) {
          log.info('store works again', { failures, ms: Math.round(clock.monotonic() - since) });
          failures = 0;
        }
        return { value };
      } catch (error) {
        if (isPodiodError(error) && error.code === 'STORE_STALE_LEASE') throw error;
        if (signal.aborted) return undefined;
        if (failures++ === 0) {
          since = clock.monotonic();
          log.error('store fails, work in hand waits for it', { error });
        }
      }
      try {
        await sleep(clock, waitMs, signal);
      } catch {
        return undefined;
      }
    }
  };
}
