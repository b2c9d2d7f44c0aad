import type { Clock } from '../core/clock.ts';
import { PodioError } from '../core/errors.ts';

export interface HttpRequest {
  readonly method: string;
  /** Begins with a slash; holds neither host nor query. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean>> | undefined;
  /** Sent with every request besides `Accept`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** A success is wanted as bytes, no more than these. A redirect is then followed, without what is for Podio alone. */
  readonly maxBytes?: number | undefined;
}

/** What the rate limit headers of an answer say: the ceiling of the call just made, and what is left this hour. */
export interface RateLimit {
  readonly limit: number;
  readonly remaining: number;
}

export interface Answer {
  readonly status: number;
  /** Parsed; undefined for an empty body and for one that is not JSON. With `maxBytes`, the bytes of a success. */
  readonly body: unknown;
  /** False when there was a body that is not JSON, such as a proxy's error page. */
  readonly readable: boolean;
  readonly rateLimit: RateLimit | undefined;
  /** Of `Retry-After`, either form. */
  readonly retryAfterMs: number | undefined;
}

/** One request, one answer of any status. Rejects with PODIO_UNAVAILABLE when none came, or with the signal's reason. */
export type Http = (request: HttpRequest) => Promise<Answer>;

export function makeHttp(options: {
  /** Without a slash at its end. */
  readonly apiUrl: string;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  /** For the whole answer, its body included. */
  readonly timeoutMs: number;
  /** Told of the date of every answer that has one, and between which times of `clock` it was made. UTC milliseconds. */
  readonly onDate?: (date: number, sentAt: number, receivedAt: number) => void;
}): Http {
  const { apiUrl, fetch, clock, timeoutMs, onDate = () => {} } = options;
  return async request => {
    const { method, path, query, headers, body, signal, maxBytes } = request;
    signal?.throwIfAborted();
    const url = new URL(apiUrl + path);
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, String(value));
    const timeout = new AbortController();
    const cancel = clock.after(timeoutMs, () => timeout.abort());
    const sentAt = clock.now();
    try {
      const ends = signal ? AbortSignal.any([signal, timeout.signal]) : timeout.signal;
      let response = await fetch(url, {
        method,
        headers: { accept: maxBytes === undefined ? 'application/json' : '*/*', ...headers },
        ...(body !== undefined && { body }),
        // A redirect could carry a token to another host.
        redirect: 'manual',
        signal: ends,
      });
      const date = Date.parse(response.headers.get('date') ?? '');
      if (!Number.isNaN(date)) onDate(date, sentAt, clock.now());
      if (maxBytes !== undefined) {
        const { rateLimit, retryAfterMs } = readHeaders(response.headers, clock);
        response = await follow(response, url, hop => fetch(hop, { redirect: 'manual', signal: ends }));
        if (response.ok) {
          const bytes = await readBytes(response, maxBytes);
          return { status: response.status, body: bytes, readable: true, rateLimit, retryAfterMs };
        }
      }
      const text = await response.text();
      return { status: response.status, ...parse(text), ...readHeaders(response.headers, clock) };
    } catch (cause) {
      signal?.throwIfAborted();
      if (cause instanceof PodioError) throw cause;
      throw new PodioError(
        'PODIO_UNAVAILABLE',
        timeout.signal.aborted
          ? `${method} ${path} got no answer within ${timeoutMs} ms`
          : `${method} ${path} could not be sent to ${url.host}: ${reasonOf(cause)}`,
        { cause, unsent: UNCONNECTED.has(reasonOf(cause)) },
      );
    } finally {
      cancel();
    }
  };
}

/** What fetch says where no connection came about. Whatever else ends one may do so after the request was sent. */
const UNCONNECTED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Files may be kept at another host, under an address that is good for a while. */
const MAX_HOPS = 3;

/** Follows redirects of a download. They carry nothing along, and never from https to anything else. */
async function follow(first: Response, from: URL, get: (url: URL) => Promise<Response>): Promise<Response> {
  let response = first;
  let at = from;
  for (let hops = 0; response.status >= 300 && response.status < 400 && hops < MAX_HOPS; hops++) {
    const location = response.headers.get('location');
    if (location === null || !URL.canParse(location, at.href)) break;
    const next = new URL(location, at);
    if (next.protocol !== 'https:' && next.protocol !== from.protocol) break;
    await response.body?.cancel();
    response = await get(next);
    at = next;
  }
  return response;
}

/** Stops reading where it is too much: a file is held in memory. */
async function readBytes(response: Response, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) {
      throw new PodioError('PODIO_INVALID', `the file is larger than ${maxBytes} bytes`, { retry: 'never' });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

function parse(text: string): Pick<Answer, 'body' | 'readable'> {
  if (text.trim() === '') return { body: undefined, readable: true };
  try {
    return { body: JSON.parse(text), readable: true };
  } catch {
    return { body: undefined, readable: false };
  }
}

function readHeaders(headers: Headers, clock: Clock): Pick<Answer, 'rateLimit' | 'retryAfterMs'> {
  const limit = count(headers.get('x-rate-limit-limit'));
  const remaining = count(headers.get('x-rate-limit-remaining'));
  return {
    rateLimit: limit !== undefined && remaining !== undefined ? { limit, remaining } : undefined,
    retryAfterMs: retryAfter(headers.get('retry-after'), clock),
  };
}

const count = (text: string | null): number | undefined =>
  text !== null && /^\d{1,15}$/.test(text.trim()) ? Number(text) : undefined;

function retryAfter(text: string | null, clock: Clock): number | undefined {
  if (text === null) return undefined;
  const seconds = count(text);
  if (seconds !== undefined) return seconds * 1_000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - clock.now());
}

/** fetch says only `fetch failed`; what happened stands in the cause: `ECONNREFUSED`, `ENOTFOUND`. */
function reasonOf(thrown: unknown): string {
  const cause = thrown instanceof Error ? (thrown.cause ?? thrown) : thrown;
  if (!(cause instanceof Error)) return 'unknown reason';
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name;
}
