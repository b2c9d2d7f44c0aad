import { PermanentError, RetryAfter } from 'podiod/plugin';
import { isAllowed, type Request } from './request.ts';

export interface SendOptions {
  /** Statuses that are worth another try: 429, or `5xx` for all of them. */
  readonly retryOn: readonly (number | string)[];
  readonly redirects: number;
  readonly plainHttp: boolean;
}

/** A wait that a server asks for is believed up to here. */
const MAX_WAIT_MS = 24 * 60 * 60 * 1000;
/** Of what is said with a refusal, for people. */
const MAX_SAID = 200;
/** These may go along to another host: they tell nothing. */
const HARMLESS = ['accept', 'content-type', 'user-agent', 'idempotency-key'];

/**
 * Sends and answers with a success, whose body is not read yet. Rejects with RetryAfter where the server says when to come
 * again, with PermanentError where trying again is of no use, else with an Error. No error holds more of the URL than its
 * host.
 */
export async function send(
  request: Request,
  options: SendOptions,
  fetch: typeof globalThis.fetch,
  signal: AbortSignal,
): Promise<Response> {
  let { method, url, headers, body } = request;
  for (let hops = 0; ; hops++) {
    const sent = { method, headers: [...headers], ...(body !== undefined && { body }), signal };
    const response = await once(fetch, url, sent);
    if (response.ok) return response;
    if (response.status < 300 || response.status >= 400) throw await refusal(response, url, request, options);
    const next = await redirected(response, url, hops, options);
    // As browsers do, and everybody since.
    if (response.status === 303 || (response.status < 303 && method === 'POST')) {
      method = method === 'HEAD' ? 'HEAD' : 'GET';
      body = undefined;
      headers = without(headers, name => name.startsWith('content-'));
    }
    if (next.origin !== url.origin) headers = without(headers, name => !HARMLESS.includes(name));
    url = next;
  }
}

async function once(fetch: typeof globalThis.fetch, url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, redirect: 'manual' });
  } catch (error) {
    init.signal?.throwIfAborted();
    // podiod's own word, such as a host that is not allowed.
    if (error instanceof Error && 'retry' in error) throw error;
    throw new Error(`${url.host} could not be reached`, { cause: causeOf(error) });
  }
}

/** fetch says only that it failed; its cause says why, and neither may say the URL. */
function causeOf(error: unknown): Error | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? cause : undefined;
}

async function refusal(response: Response, { host }: URL, request: Request, options: SendOptions) {
  const { status } = response;
  const said = cut(hide(await beginning(response), request.secrets));
  const message = `${host} answered ${status}${said && `: ${said}`}`;
  if (!isWorthRetrying(status, options.retryOn)) return new PermanentError(message);
  const waitMs = retryAfterMs(response.headers.get('retry-after'), Date.now());
  return waitMs === undefined ? new Error(message) : new RetryAfter(Math.min(waitMs, MAX_WAIT_MS), message);
}

/** Where a redirect leads, if it may be followed. */
async function redirected(response: Response, from: URL, hops: number, options: SendOptions): Promise<URL> {
  await response.body?.cancel();
  const location = response.headers.get('location') ?? '';
  const next = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  const where = next ? `${next.protocol}//${next.host}` : 'nowhere';
  const message = `${from.host} answered ${response.status}, a redirect to ${where}`;
  if (!next) throw new PermanentError(message);
  if (hops >= options.redirects) {
    throw new PermanentError(`${message}, which is not followed`, {
      hint:
        options.redirects === 0
          ? 'Put the new URL into `url`, or allow `redirects: 1`.'
          : 'It goes on and on.',
    });
  }
  if (!isAllowed(next, options.plainHttp) || (from.protocol === 'https:' && next.protocol !== 'https:'))
    throw new PermanentError(`${message}, which is not https`);
  next.username = '';
  next.password = '';
  return next;
}

const isWorthRetrying = (status: number, retryOn: SendOptions['retryOn']): boolean =>
  retryOn.some(one => one === status || one === `${Math.floor(status / 100)}xx`);

/** Retry-After is seconds or a date; undefined where it is neither. */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null || header.trim() === '') return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(seconds, 0) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(date - now, 0);
}

function without(headers: Headers, isOut: (name: string) => boolean): Headers {
  return new Headers([...headers].filter(([name]) => !isOut(name)));
}

/** A server may say again what it was sent. */
const hide = (text: string, secrets: readonly string[]): string =>
  secrets.reduce((shown, secret) => shown.replaceAll(secret, '***'), text);

/** The first of an answer's words, read no further than that. */
async function beginning(response: Response): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length >= 4 * MAX_SAID) break;
    }
  } catch {
    // The status has said enough.
  }
  return text.replace(/\s+/g, ' ').trim();
}

/** For messages: cut after everything that is secret was taken out, so that no half of one is left. */
const cut = (text: string): string => (text.length > MAX_SAID ? `${text.slice(0, MAX_SAID)}...` : text);
