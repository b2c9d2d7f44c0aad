/**
 * Where Podio's deliveries come in: trust, read, parse, append, answer. Knows nothing of rules; an event is
 * answered when the journal has it on disk.
 */
import type { RequestListener, ServerResponse } from 'node:http';
import type { Clock } from '../core/clock.ts';
import { coerceError, IngressError } from '../core/errors.ts';
import { refKey } from '../core/event.ts';
import type { HookPath, Secrets } from '../core/hook.ts';
import { loadOnce } from '../core/load-once.ts';
import type { Log } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import {
  type BareAnswer,
  DEFAULT_TIMEOUTS,
  type HttpServer,
  type ListenAt,
  listen,
  type Timeouts,
} from '../http/server.ts';
import { type Caller, makeStrangers } from '../http/strangers.ts';
import { type IntakeOptions, makeIntake, RETRY_AFTER_SECONDS } from './intake.ts';
import { makeHookPaths } from './keys.ts';
import { makeOutage } from './outage.ts';
import { type MakeId, randomId } from './parse.ts';
import { makeRefusals } from './refusals.ts';
import type { Rest } from './rest.ts';

export interface IngressOptions
  extends Pick<IntakeOptions, 'journal' | 'verify' | 'resolve' | 'maxBody' | 'maxWaiting'> {
  /** Before the key, without a slash at its end; '' for the root. */
  readonly path: string;
  /** The same array for as long as nothing has changed. */
  readonly secrets: () => Secrets;
  /** Bytes of bodies that may be in hand at once; more are answered 503. */
  readonly maxInHand?: number;
  /** Requests with a wrong path or key, a second and address; 0 (default): no limit. */
  readonly strangers?: number;
  /** Every connection comes from a proxy, whose X-Forwarded-For is to be believed. */
  readonly trustProxy?: boolean;
  readonly maxConnections?: number;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Resolves when the store can write; asked during an outage. Left out: the next event tells. */
  readonly probe?: () => Promise<void>;
  readonly makeId?: MakeId;
  readonly timeouts?: Timeouts;
}

export interface Ingress {
  /** Why events are answered 503 now; undefined while they are taken in. */
  outage(): string | undefined;
  /** Events that are not on disk yet; `maxWaiting` at most. */
  waiting(): number;
  /** Rejects with INGRESS_PORT when the address can't be had. */
  listen(at: ListenAt): Promise<HttpServer>;
}

/** As many bodies as are likely to be read at once, and no more than a small machine can spare; bytes. */
const MAX_IN_HAND = 64 * 1024 * 1024;

/** An event is stored all the same, if its answer should take that long, and told again as a repeat. */
const TIMEOUTS: Timeouts = { ...DEFAULT_TIMEOUTS, stall: 60_000 };

const tooMany = (): IngressError =>
  new IngressError('INGRESS_TOO_MANY', 429, '', { headers: { 'Retry-After': RETRY_AFTER_SECONDS } });
const notFound = (): IngressError => new IngressError('INGRESS_NOT_FOUND', 404, '');
const notAllowed = (): IngressError =>
  new IngressError('INGRESS_METHOD', 405, 'hooks are called with POST', { headers: { Allow: 'POST' } });

/** Of a request's target. */
const pathOf = (target: string): string => target.split(/[?#]/, 1)[0] ?? '';

const answer = (response: ServerResponse, { status, headers }: BareAnswer): void => {
  response.writeHead(status, { ...headers, 'Content-Length': 0 }).end();
};

export function makeIngress(options: IngressOptions): Ingress {
  const { path: base, metrics, clock, makeId = randomId } = options;
  const log = options.log.child({ module: 'ingress' });
  const hooks = makeHookPaths(base, options.secrets);
  const outage = makeOutage({ log, clock, probe: options.probe });
  const refusals = makeRefusals(log, clock);
  const strangers = makeStrangers({
    perSecond: options.strangers ?? 0,
    trustProxy: options.trustProxy ?? false,
    now: clock.monotonic,
  });
  const maxInHand = options.maxInHand ?? MAX_IN_HAND;
  const { take, waiting } = makeIntake({ ...options, maxInHand, makeId, outage, log });

  const refusalOf = (request: Caller): IngressError => {
    if (strangers.exceeds(request)) return tooMany();
    strangers.refused(request);
    return notFound();
  };

  const tell = (error: IngressError, hook?: HookPath): void => {
    metrics.refused(error.code);
    // An outage has its own lines.
    if (error.code === 'INGRESS_UNAVAILABLE') return;
    refusals.add(error.code, {
      status: error.status,
      ...(error.message ? { reason: error.message } : {}),
      ...(hook ? { ref: refKey(hook.ref), type: hook.type } : {}),
    });
  };
  let rest: Rest | undefined;
  const load = loadOnce(() =>
    import('./rest.ts').then(({ makeRest }) =>
      makeRest({ hookAt: hooks.find, refusalOf, notAllowed, take, tell, log }),
    ),
  );
  /** Does `work` with koa, which comes with the first request that needs it. */
  const throughKoa = (response: ServerResponse, work: (koa: Rest) => void): void => {
    if (rest) {
      work(rest);
      return;
    }
    load().then(
      loaded => {
        rest = loaded;
        work(loaded);
      },
      // No more files may be opened, or podiod is just being replaced by another version.
      thrown => {
        log.error('request failed', { error: coerceError(thrown) });
        answer(response, { status: 503, headers: { 'Retry-After': RETRY_AFTER_SECONDS } });
      },
    );
  };
  /**
   * What nearly every request is goes past koa: making its context and composing its middleware would cost more than
   * all that is done for the delivery here. So does what an address sends that has used up its allowance. It may be Podio's
   * all the same, so the key is looked at first: one hash, a fraction of what any answer costs. Whatever else there is, is koa's.
   */
  const handle: RequestListener = (request, response) => {
    const { method, url: target = '' } = request;
    const path = pathOf(target);
    const hook = hooks.find(path);
    if (!hook && strangers.exceeds(request)) {
      const refusal = tooMany();
      tell(refusal);
      answer(response, refusal);
      return;
    }
    if (!hook || method !== 'POST' || path !== target) {
      throughKoa(response, koa => koa.handle(request, response));
      return;
    }
    take(request, hook, error => {
      if (error === undefined) response.end();
      else throughKoa(response, koa => koa.refuse(request, response, hook, coerceError(error)));
    });
  };

  const unknownMethod = (target: string, caller: Caller): BareAnswer => {
    const refusal = hooks.find(pathOf(target)) ? notAllowed() : refusalOf(caller);
    tell(refusal);
    return refusal;
  };

  return {
    outage: outage.reason,
    waiting,
    async listen(at) {
      const server = await listen(handle, at, {
        name: 'server',
        unknownMethod,
        ...(options.maxConnections === undefined ? {} : { maxConnections: options.maxConnections }),
        timeouts: options.timeouts ?? TIMEOUTS,
      });
      return {
        ...server,
        close(graceMs) {
          outage.stop();
          return server.close(graceMs);
        },
      };
    },
  };
}
