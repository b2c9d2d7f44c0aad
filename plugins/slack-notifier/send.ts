import { IncomingWebhook, IncomingWebhookHTTPError, IncomingWebhookRequestError } from '@slack/webhook';
import { PermanentError, RetryAfter } from 'podiod/plugin';

export interface SlackMessage {
  readonly text?: string;
  readonly blocks?: { type: string; [key: string]: unknown }[];
}

/** Slack says "ok" or a word such as `no_service`; anything longer is somebody's error page. */
const MAX_ANSWER = 200;

/**
 * Posts to one webhook. Rejects with RetryAfter when Slack says when to come again, with PermanentError when the
 * message or the webhook is refused, else with an Error that is worth trying again. No error holds the URL.
 */
export function makeSender(
  url: string,
  fetch: typeof globalThis.fetch,
): (message: SlackMessage, signal: AbortSignal) => Promise<void> {
  return async (message, signal) => {
    let answer: Response | undefined;
    const webhook = new IncomingWebhook(url, {
      // The package tells neither headers nor takes a signal: both go through the fetch that it is given.
      fetch: async (target, init = {}) => {
        answer = await fetch(target, { ...init, signal });
        return answer;
      },
    });
    try {
      await webhook.send(message);
    } catch (error) {
      throw toError(error, answer);
    }
  };
}

function toError(error: unknown, answer: Response | undefined): Error {
  if (error instanceof IncomingWebhookHTTPError) {
    const { statusCode: status, body } = error;
    const said = `Slack answered ${status}: ${body.trim().slice(0, MAX_ANSWER) || 'nothing'}`;
    if (status === 429) {
      const ms = retryAfterMs(answer?.headers.get('retry-after') ?? null, Date.now());
      return ms === undefined ? new Error(said) : new RetryAfter(ms, said);
    }
    // 408 is the one refusal that is nobody's fault.
    return status >= 400 && status < 500 && status !== 408 ? new PermanentError(said) : new Error(said);
  }
  if (error instanceof IncomingWebhookRequestError) {
    const { original } = error;
    // podiod's own word: it may not be called.
    if ('retry' in original) return original;
    return new Error('Slack could not be reached', { cause: original });
  }
  return error instanceof Error ? error : new Error(String(error));
}

/** Retry-After is seconds or a date; undefined where it is neither. */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null || header.trim() === '') return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(seconds, 0) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(date - now, 0);
}
