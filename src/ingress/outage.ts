import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';

/** Tells of events that could not be taken in: one line when that begins and one when it is over, not one a request. */
export interface Outage {
  failed(reason: string, error?: unknown): void;
  /** Called for every event that was taken in. */
  worked(): void;
}

/** Failures and successes mix while an outage begins or ends: it is over when none has failed for so long. */
const QUIET_MS = 5_000;

export function makeOutage(log: Log, clock: Clock): Outage {
  let current: { readonly since: number; lastFailure: number; refused: number } | undefined;
  return {
    failed(reason, error) {
      const now = clock.monotonic();
      if (!current) {
        current = { since: now, lastFailure: now, refused: 0 };
        log.error('events can not be taken in', { reason, ...(error === undefined ? {} : { error }) });
      }
      current.lastFailure = now;
      current.refused += 1;
    },
    worked() {
      if (!current) return;
      const now = clock.monotonic();
      if (now - current.lastFailure < QUIET_MS) return;
      log.info('events are taken in again', {
        refused: current.refused,
        seconds: (now - current.since) / 1000,
      });
      current = undefined;
    },
  };
}
