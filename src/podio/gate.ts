import type { Cancel, Clock } from '../core/clock.ts';
import { PodioError } from '../core/errors.ts';
import type { Priority } from './contract.ts';
import { makeLine } from './line.ts';

/** Lets so many in at a time; the others wait in a line by priority. */
export interface Gate {
  /**
   * Resolves with how to leave, to be called once. Rejects with the signal's reason; and with PODIO_RATE_LIMITED, at once
   * where that can be foreseen, when it takes longer than `patienceMs` to get in.
   */
  enter(priority: Priority, options?: EnterOptions): Promise<() => void>;
}

export interface EnterOptions {
  readonly signal?: AbortSignal | undefined;
  /** Default: as long as it takes. */
  readonly patienceMs?: number | undefined;
}

/** How much the latest visit says about how long visits take. */
const LATEST = 1 / 8;

/** Who is sent away comes back after this at the earliest and at the latest. */
const SOONEST_MS = 100;
const LATEST_MS = 30_000;

export function makeGate(places: number, clock: Pick<Clock, 'monotonic' | 'after'>): Gate {
  const line = makeLine();
  let inside = 0;
  /** How long a visit takes, about. */
  let visitMs = 0;
  /** Until when those who were sent away have been told to wait. */
  let promisedUntil = 0;

  const enters = () => {
    const since = clock.monotonic();
    inside += 1;
    return () => {
      visitMs += (clock.monotonic() - since - visitMs) * LATEST;
      inside -= 1;
      line.next();
    };
  };

  /** Each is told a time of its own, at the pace at which places become free: together they would only meet again. */
  const sentAway = (waitMs: number): PodioError => {
    const now = clock.monotonic();
    // No further than anybody is told, or a rush would be waited for long after it.
    promisedUntil = Math.min(Math.max(promisedUntil, now + waitMs) + visitMs / places, now + LATEST_MS);
    return new PodioError('PODIO_RATE_LIMITED', 'no call now: many others wait for their turn at Podio', {
      retry: { afterMs: Math.ceil(Math.max(promisedUntil - now, SOONEST_MS)) },
    });
  };

  const waitOf = (ahead: number): number => ((ahead + 1) * visitMs) / places;

  return {
    async enter(priority, { signal, patienceMs } = {}) {
      signal?.throwIfAborted();
      if (inside < places) return enters();
      if (patienceMs !== undefined) {
        const waitMs = waitOf(line.ahead(priority));
        if (waitMs > patienceMs) throw sentAway(waitMs);
      }
      return new Promise((resolve, reject) => {
        let enough: Cancel | undefined;
        const onAbort = () => giveUp(signal?.reason);
        const end = () => {
          enough?.();
          signal?.removeEventListener('abort', onAbort);
        };
        const place = line.wait(priority, () => {
          end();
          // Counted here and not when the caller goes on: nobody may slip in between.
          resolve(enters());
        });
        const giveUp = (reason: unknown) => {
          end();
          place.leave();
          reject(reason);
        };
        signal?.addEventListener('abort', onAbort, { once: true });
        if (patienceMs !== undefined)
          enough = clock.after(patienceMs, () => giveUp(sentAway(waitOf(place.ahead()))));
      });
    },
  };
}
