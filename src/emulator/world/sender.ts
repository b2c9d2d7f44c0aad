/** Sends webhooks: form posts, many at once, tried again after failures, with the trouble that was asked for. */
import { Agent as HttpAgent, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { Context } from '../context.ts';
import type { Milliseconds } from '../settings.ts';
import type { Log } from './log.ts';

/** One try of one delivery, as it ended. */
export interface Delivery {
  readonly hookId: number;
  /** As registered, query included. */
  readonly url: string;
  readonly type: string;
  readonly params: Readonly<Record<string, string>>;
  /** 1 for the first. */
  readonly attempt: number;
  /** ms since 1970 UTC. */
  readonly sentAt: number;
  readonly endedAt: number;
  /** `answered` may be any status; `dropped` was lost on request, `given-up` found its hook inactive or gone. */
  readonly outcome: 'answered' | 'timeout' | 'failed' | 'dropped' | 'given-up';
  /** What the receiver answered. */
  readonly status: number | undefined;
  /** The network's error code. */
  readonly error: string | undefined;
}

export type Params = readonly (readonly [name: string, value: string])[];

export interface Letter {
  readonly hookId: number;
  readonly url: string;
  readonly type: string;
  readonly params: Params;
}

export interface Sender {
  /** Resolves when the first try has ended, however it did. */
  send(letter: Letter): Promise<void>;
  /** On their way, waiting for their turn or for another try. */
  pending(): number;
  /** Drops what waits and cuts what is on its way. */
  stop(): void;
}

interface Rules {
  /** Asked before every try. */
  mayDeliver(letter: Letter): boolean;
  /** Told after every try that reached the network. */
  onTried(letter: Letter, delivery: Delivery): void;
}

type Ending = Pick<Delivery, 'outcome' | 'status' | 'error'>;

export const isSuccess = ({ status }: Pick<Delivery, 'status'>): boolean =>
  status !== undefined && status >= 200 && status < 300;

export function makeSender(context: Context, deliveries: Log<Delivery>, rules: Rules): Sender {
  const { clock, faults, random, switches } = context;
  const http = new HttpAgent({ keepAlive: true });
  const https = new HttpsAgent({ keepAlive: true });
  const ready: (() => Promise<void>)[] = [];
  const timers = new Set<() => void>();
  const stopped = new AbortController();
  let running = 0;
  let pending = 0;

  function later(ms: number, fn: () => void): void {
    if (ms <= 0) {
      fn();
      return;
    }
    const cancel = clock.after(ms, () => {
      timers.delete(cancel);
      fn();
    });
    timers.add(cancel);
  }

  function pump(): void {
    while (running < switches.deliveryConcurrency && !stopped.signal.aborted) {
      const work = ready.shift();
      if (!work) return;
      running += 1;
      void work().finally(() => {
        running -= 1;
        pump();
      });
    }
  }

  function post(letter: Letter, isFresh = false): Promise<Ending> {
    const { promise, resolve } = Promise.withResolvers<Ending>();
    const url = new URL(letter.url);
    const body = formBody(letter.params, switches.queryParameters === 'body' ? url.searchParams : []);
    url.search = '';
    const secure = url.protocol === 'https:';
    const request = (secure ? requestHttps : requestHttp)(url, {
      method: 'POST',
      // A connection that the receiver closed while it was idle says nothing about the receiver: one more on a new one.
      agent: isFresh ? false : secure ? https : http,
      rejectUnauthorized: switches.verifyTls,
      signal: stopped.signal,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'content-length': Buffer.byteLength(body),
        'user-agent': switches.userAgent,
      },
    });
    const cancel = clock.after(switches.deliveryTimeoutMs, () => {
      resolve({ outcome: 'timeout', status: undefined, error: undefined });
      request.destroy();
    });
    request.on('response', response => {
      response.resume();
      response.on('close', () =>
        resolve({ outcome: 'answered', status: response.statusCode, error: undefined }),
      );
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      const isStale = request.reusedSocket && ['ECONNRESET', 'EPIPE'].includes(error.code ?? '');
      if (isStale && !isFresh) resolve(post(letter, true));
      else resolve({ outcome: 'failed', status: undefined, error: error.code ?? error.message });
    });
    request.end(body);
    return promise.finally(cancel);
  }

  function mayRetry(ending: Ending): boolean {
    if (ending.outcome === 'timeout' || ending.outcome === 'failed') return true;
    if (switches.retryOn === 'any-failure') return !isSuccess(ending);
    return (ending.status ?? 0) >= 500;
  }

  async function attempt(letter: Letter, number: number): Promise<void> {
    const sentAt = clock.now();
    const isLost = random.chance(faults.dropRate);
    const reaches = !isLost && rules.mayDeliver(letter);
    const ending: Ending = reaches
      ? await post(letter)
      : { outcome: isLost ? 'dropped' : 'given-up', status: undefined, error: undefined };
    if (stopped.signal.aborted) return;
    const delivery: Delivery = {
      hookId: letter.hookId,
      url: letter.url,
      type: letter.type,
      params: Object.fromEntries(letter.params),
      attempt: number,
      sentAt,
      endedAt: clock.now(),
      ...ending,
    };
    if (reaches) rules.onTried(letter, delivery);
    const wait = reaches && mayRetry(ending) ? switches.retryDelaysMs[number - 1] : undefined;
    if (wait === undefined) pending -= 1;
    else later(wait, () => enqueue(letter, number + 1));
    deliveries.add(delivery);
    context.changed();
  }

  function enqueue(letter: Letter, number: number, done?: () => void): void {
    ready.push(() => attempt(letter, number).finally(done));
    pump();
  }

  return {
    send(letter) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const copies = random.chance(faults.duplicateRate) ? 2 : 1;
      for (let copy = 0; copy < copies; copy += 1) {
        const overtaken = random.chance(faults.reorderRate) ? random.integer(0, faults.reorderMs) : 0;
        pending += 1;
        later(draw(faults.deliveryDelayMs, random.integer) + overtaken, () => enqueue(letter, 1, resolve));
      }
      return promise;
    },
    pending: () => pending,
    stop() {
      stopped.abort();
      for (const cancel of timers) cancel();
      ready.length = 0;
      http.destroy();
      https.destroy();
    },
  };
}

export const draw = (ms: Milliseconds, integer: (from: number, to: number) => number): number =>
  typeof ms === 'number' ? ms : integer(ms[0], ms[1]);

function formBody(params: Params, query: Iterable<readonly [string, string]>): string {
  const form = new URLSearchParams();
  for (const [name, value] of [...params, ...query]) form.append(name, value);
  return form.toString();
}
