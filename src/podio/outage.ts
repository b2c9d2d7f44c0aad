import type { Clock } from '../core/clock.ts';
import { PodioError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { OutageStatus } from './contract.ts';
import { isOutage } from './errors.ts';

/** Failures in a row until Podio counts as down: one or two are bad luck with one call. */
const TOLERATED = 3;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;

/**
 * Notices that Podio as a whole is not there. From then on calls are refused at once with the wait, so that work that
 * needs Podio neither hangs in its deadline nor uses up its attempts; one call at a time tries whether it is back.
 */
export interface OutageGuard {
  /** Before a call. Throws PODIO_UNAVAILABLE with `retry: { afterMs }` while Podio is down. */
  admit(): Admission;
  status(): OutageStatus;
}

export interface Admission {
  /** Any answer but a gateway's shows that Podio is there. */
  succeeded(): void;
  /** Answers the error to throw: with the wait where Podio counts as down. */
  failed(error: PodioError): PodioError;
}

/** @param onBack told when Podio answers again after it was down */
export function makeOutageGuard(
  clock: Pick<Clock, 'monotonic'>,
  log: Log,
  onBack: () => void = () => {},
): OutageGuard {
  let inRow = 0;
  let downUntil = Number.NEGATIVE_INFINITY;
  /** Raised with each wait, so that the failures of calls sent before it do not count for the next. */
  let round = 0;
  let hasAnswered = false;
  let down: { readonly since: number; readonly error: string } | undefined;

  const isDown = () => inRow >= TOLERATED;
  const waitMs = () => Math.min(FIRST_WAIT_MS * 2 ** (inRow - TOLERATED), LONGEST_WAIT_MS);

  return {
    status: () => ({
      hasAnswered,
      ...(down && { down: { ms: clock.monotonic() - down.since, error: down.error } }),
    }),
    admit() {
      const now = clock.monotonic();
      if (now < downUntil) {
        const why = down ? ` (${down.error})` : '';
        throw new PodioError('PODIO_UNAVAILABLE', `Podio is down; the call was not made${why}`, {
          retry: { afterMs: Math.ceil(downUntil - now) },
          unsent: true,
        });
      }
      // This one tries; the others wait for what becomes of it.
      if (isDown()) downUntil = now + waitMs();
      const mine = round;
      const succeeded = () => {
        const wasDown = isDown();
        hasAnswered = true;
        down = undefined;
        inRow = 0;
        downUntil = Number.NEGATIVE_INFINITY;
        if (!wasDown) return;
        log.info('Podio answers again');
        onBack();
      };
      return {
        succeeded,
        failed(error) {
          if (!isOutage(error)) {
            succeeded();
            return error;
          }
          if (mine === round) {
            inRow += 1;
            if (isDown()) {
              if (inRow === TOLERATED) log.warn('Podio is down', { error });
              down ??= { since: clock.monotonic(), error: error.message };
              round += 1;
              downUntil = clock.monotonic() + waitMs();
            }
          }
          if (!isDown() || error.retry !== 'backoff') return error;
          return new PodioError(error.code, error.message, {
            status: error.status,
            error: error.error,
            cause: error.cause,
            hint: error.hint,
            unsent: error.unsent,
            retry: { afterMs: waitMs() },
          });
        },
      };
    },
  };
}
