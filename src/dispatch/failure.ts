/** What to do when a try of a step has failed. Pure: time and chance are passed in. */
import { isPodiodError, type RetryVerdict } from '../core/errors.ts';
import type { DeliveryPolicy, Step } from '../core/rule.ts';

/** How far a step has come with one message, the failed try not included. */
export interface Tried {
  /** Tries that counted. */
  readonly attempts: number;
  /** Since the first try began, milliseconds. */
  readonly sinceFirstMs: number;
}

export type Decision =
  | { readonly kind: 'retry'; readonly afterMs: number; readonly attempts: number }
  | { readonly kind: 'park' | 'continue' | 'halt'; readonly attempts: number };

/** How long waits that use up no attempt may go on, from the first try. */
const FREE_WAIT_MS = 24 * 60 * 60 * 1000;

/** How long a step may wait, from its first try, where that is no fault of its own. */
export const freeWaitMs = ({ retryForMs }: DeliveryPolicy): number => Math.max(FREE_WAIT_MS, retryForMs);

/** Lowest wait for an error that names one: `RetryAfter(0)` must not become a busy loop. */
const MIN_WAIT_MS = 50;

/**
 * Decides by the error's own verdict and the step's policy (`delivery`).
 * @param random from 0 (included) to 1 (excluded)
 * @param isProbe made on behalf of all that wait for an open breaker: it uses up no attempt
 */
export function afterFailure(
  { delivery, onError }: Pick<Step, 'delivery' | 'onError'>,
  tried: Tried,
  error: unknown,
  random: number,
  isProbe = false,
): Decision {
  const verdict = verdictOf(error);
  const free = verdict !== 'never' && (isProbe || typeof verdict === 'object' || isAway(error));
  const attempts = free ? tried.attempts : tried.attempts + 1;
  const giveUp: Decision = { kind: onError === 'continue' ? 'continue' : delivery.whenExhausted, attempts };

  if (verdict === 'never') return giveUp;
  if (!free && delivery.attempts !== undefined && attempts >= delivery.attempts) return giveUp;

  const limitMs = free ? freeWaitMs(delivery) : delivery.retryForMs;
  const leftMs = limitMs - tried.sinceFirstMs;
  if (leftMs <= 0) return giveUp;
  if (typeof verdict === 'object') {
    const afterMs = Math.max(verdict.afterMs, MIN_WAIT_MS);
    // Trying before the time it was told would break the other side's wish, so this wait can't be cut short.
    return afterMs > leftMs ? giveUp : { kind: 'retry', afterMs, attempts };
  }
  // The last try comes right at the end of `retryFor`, rather than up to one long wait before it.
  return {
    kind: 'retry',
    afterMs: Math.min(backoffMs(delivery.backoff, attempts, tried.sinceFirstMs, random), leftMs),
    attempts,
  };
}

/** Doubles from `from` to `to`, random between half and whole. */
export function backoffMs(
  backoff: DeliveryPolicy['backoff'],
  attempts: number,
  sinceFirstMs: number,
  random: number,
): number {
  // An exponent this high is past every `to`; more would only overflow.
  const doubled = backoff.fromMs * 2 ** Math.min(Math.max(attempts - 1, 0), 50);
  // Failures that use up no attempt grow by the time that has passed instead, which doubles as well.
  const whole = Math.min(attempts === 0 ? Math.max(doubled, sinceFirstMs) : doubled, backoff.toMs);
  return whole * (0.5 + random / 2);
}

/** Errors of anyone else know no verdict: they are tried again. */
export function verdictOf(error: unknown): RetryVerdict {
  if (!isPodiodError(error)) return 'backoff';
  const { code, retry } = error;
  // The store says of a damaged file that trying again is of no use, and it is right; but the run is not to be given up for it.
  if (retry === 'never' && code !== 'PLUGIN_PERMANENT' && comesFrom(error, STORE_AWAY)) return 'backoff';
  // A plugin's own copy of podiod may be older or hand on what another API said.
  if (typeof retry === 'object' && !Number.isFinite(retry.afterMs)) return 'backoff';
  return retry;
}

const STORE_AWAY: ReadonlySet<string> = new Set(['STORE_WRITE_FAILED', 'STORE_UNAVAILABLE', 'STORE_CORRUPT']);
const AWAY: ReadonlySet<string> = new Set(['PODIO_RATE_LIMITED', 'PODIO_UNAVAILABLE', ...STORE_AWAY]);

/** Podio can't be called now, or the store's disk fails: no fault of the event or the plugin. */
export const isAway = (error: unknown): boolean => comesFrom(error, AWAY);

/** Looks through wrapping. */
function comesFrom(error: unknown, codes: ReadonlySet<string>): boolean {
  for (let at = error, depth = 0; at instanceof Object && depth < 8; depth++) {
    if (isPodiodError(at) && codes.has(at.code)) return true;
    at = 'cause' in at ? at.cause : undefined;
  }
  return false;
}
