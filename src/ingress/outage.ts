import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';

/** Tells of events that could not be taken in: one line when that begins and one when it is over, not one a request. */
export interface Outage {
  failed(reason: string, error?: Error): void;
  /** Called for every event that was taken in. */
  worked(): void;
  /** Why events can't be taken in now; undefined while they can. */
  reason(): string | undefined;
  /** Ends the asking whether it works again. */
  stop(): void;
}

export interface OutageEffects {
  readonly log: Log;
  readonly clock: Clock;
  /** Resolves when the store can write. A balancer that sends nothing while it can't would hide the end of an outage. */
  readonly probe?: (() => Promise<void>) | undefined;
}

/** Failures and successes mix while an outage begins or ends: it is over when none has failed for so long. */
const QUIET_MS = 5_000;

export function makeOutage({ log, clock, probe }: OutageEffects): Outage {
  let current:
    | { readonly since: number; readonly reason: string; lastFailure: number; refused: number }
    | undefined;
  let cancel = (): void => {};
  let stopped = false;

  const over = (): void => {
    if (!current) return;
    cancel();
    const { refused, since } = current;
    log.info('events are taken in again', { refused, seconds: (clock.monotonic() - since) / 1000 });
    current = undefined;
  };
  const isQuiet = (): boolean => current !== undefined && clock.monotonic() - current.lastFailure >= QUIET_MS;
  const probeLater = (): void => {
    if (!probe || stopped) return;
    cancel = clock.after(QUIET_MS, () => {
      const watched = current;
      const end = (works: boolean): void => {
        if (!watched || current !== watched) return;
        if (works && isQuiet()) over();
        else probeLater();
      };
      probe().then(
        () => end(true),
        () => end(false),
      );
    });
  };

  return {
    failed(reason, error) {
      const now = clock.monotonic();
      if (!current) {
        current = { since: now, reason: error?.message ?? reason, lastFailure: now, refused: 0 };
        log.error('events can not be taken in', { reason, ...(error === undefined ? {} : { error }) });
        probeLater();
      }
      current.lastFailure = now;
      current.refused += 1;
    },
    worked() {
      if (isQuiet()) over();
    },
    reason: () => current?.reason,
    stop() {
      stopped = true;
      cancel();
    },
  };
}
