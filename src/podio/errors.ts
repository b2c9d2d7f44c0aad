import type { ErrorCode } from '../core/errors.ts';
import { PodioError, type RetryVerdict } from '../core/errors.ts';
import type { Answer } from './http.ts';
import { isRecord } from './json.ts';

/** How long a 420 or 429 that states no wait is taken to mean: what Podio's login limiter was seen to state. */
export const DEFAULT_PAUSE_MS = 300_000;

/** A stated wait is believed up to here: Podio's windows are an hour long, so more is a misreading. */
const MAX_PAUSE_MS = 24 * 3_600_000;

/** What is wrong with an answer, in Podio's own words. */
export interface Complaint {
  /** The class: `invalid_grant`, `not_found`. */
  readonly error: string | undefined;
  /** A dotted code, finer than the class: `oauth.client.invalid_secret`. */
  readonly detail: string | undefined;
  /** A second code or a sentence; may quote what was sent. */
  readonly description: string | undefined;
}

export function complaintOf(body: unknown): Complaint {
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);
  const { error, error_detail, error_description } = isRecord(body) ? body : {};
  return { error: text(error), detail: text(error_detail), description: text(error_description) };
}

const UNIT_MS: Readonly<Record<string, number>> = { second: 1_000, minute: 60_000, hour: 3_600_000 };

/** How long a 420 or 429 asks to wait, in milliseconds: by header, else by the sentence, which alone tells on Podio. */
export function waitOf(answer: Answer): number {
  const stated = /(\d+)\s*(second|minute|hour)/i.exec(complaintOf(answer.body).description ?? '');
  const inText = stated ? Number(stated[1]) * (UNIT_MS[stated[2]?.toLowerCase() ?? ''] ?? 1_000) : undefined;
  return Math.min(answer.retryAfterMs ?? inText ?? DEFAULT_PAUSE_MS, MAX_PAUSE_MS);
}

export const isRateLimit = (status: number): boolean => status === 420 || status === 429;

/** Podio as a whole is not there, as opposed to failing on this one call (500). */
export const isOutage = (error: unknown): boolean =>
  error instanceof PodioError && error.code === 'PODIO_UNAVAILABLE' && error.status !== 500;

/** The object is not there (any more), or an app token may not see it: Podio answers 403 for both. */
export const isGone = (error: unknown): boolean =>
  error instanceof PodioError && (error.code === 'PODIO_NOT_FOUND' || error.code === 'PODIO_FORBIDDEN');

/** The object is certainly not there: for deletes, whose work is then done. */
export const isDeleted = (error: unknown): boolean =>
  error instanceof PodioError && error.code === 'PODIO_NOT_FOUND';

/** Whether a write that failed so may have been done all the same: its answer was lost, or is not one. */
export const mayBeDone = (error: unknown): boolean =>
  !(error instanceof PodioError) || (error.code === 'PODIO_UNAVAILABLE' && !error.unsent);

interface Meaning {
  readonly code: ErrorCode;
  readonly retry: RetryVerdict;
  readonly hint?: string;
}

/**
 * What a status means and whether trying again helps. `never` where the same call can only fail again. A conflict is
 * worth another try, since a step reads the item anew; so are refused credentials, since a person can put them right
 * meanwhile, and what they hold up should not be given up at once.
 */
function meaningOf(answer: Answer): Meaning {
  const { status, retryAfterMs } = answer;
  if (isRateLimit(status)) return { code: 'PODIO_RATE_LIMITED', retry: { afterMs: waitOf(answer) } };
  if (status >= 500 || status === 408)
    return {
      code: 'PODIO_UNAVAILABLE',
      retry: retryAfterMs === undefined ? 'backoff' : { afterMs: Math.min(retryAfterMs, MAX_PAUSE_MS) },
    };
  switch (status) {
    case 401:
      return {
        code: 'PODIO_UNAUTHORIZED',
        retry: 'backoff',
        hint: 'Podio gave a token and refuses it here: check that the API key is still active and may do this.',
      };
    case 402:
    case 403:
      return { code: 'PODIO_FORBIDDEN', retry: 'never' };
    case 404:
    case 410:
      return { code: 'PODIO_NOT_FOUND', retry: 'never' };
    case 409:
      return { code: 'PODIO_CONFLICT', retry: 'backoff' };
    default:
      return status >= 300 && status < 400
        ? { code: 'PODIO_INVALID', retry: 'never', hint: 'Check podio.apiUrl: it redirects elsewhere.' }
        : { code: 'PODIO_INVALID', retry: 'never' };
  }
}

/** A description can quote a hook's URL, whose key is a secret; it is cut to what a log line bears. */
const shown = (description: string): string => description.replace(/https?:\/\/\S+/gi, '***').slice(0, 200);

export interface FailedCall {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** False where the answer may quote a secret that was sent: only codes are told then. */
  readonly quotable: boolean;
  readonly hint?: string | undefined;
}

/** The error for an answer that is not a success. */
export function errorOf(call: FailedCall, answer: Answer): PodioError {
  const { code, retry, hint } = meaningOf(answer);
  const { error, detail, description } = complaintOf(answer.body);
  const said = [error, detail, call.quotable && description && shown(description)].filter(Boolean).join(', ');
  return new PodioError(code, `${call.method} ${call.path} answered ${answer.status}${said && `: ${said}`}`, {
    status: answer.status,
    error,
    retry,
    hint: call.hint ?? hint,
  });
}

/** A success whose body is not what the operation answers: a proxy's page, or a server that is not Podio. */
export function unexpectedAnswer(call: Pick<FailedCall, 'method' | 'path'>, wanted: string): PodioError {
  return new PodioError(
    'PODIO_UNAVAILABLE',
    `${call.method} ${call.path} was answered with something else than ${wanted}`,
    { hint: 'Check podio.apiUrl, and whether a proxy answers in its place.' },
  );
}
