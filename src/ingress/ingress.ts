/**
 * Where Podio's deliveries come in (contract 5): trust, read, parse, append, answer. Knows nothing of rules; an event is
 * answered when the journal has it on disk.
 */
import type { IncomingMessage, RequestListener } from 'node:http';
import Router from '@koa/router';
import Koa, { type Context } from 'koa';
import type { Clock } from '../core/clock.ts';
import { coerceError, IngressError } from '../core/errors.ts';
import { type NewEvent, refKey } from '../core/event.ts';
import { type HookPath, type HookRef, parseHookPath, type Secrets } from '../core/hook.ts';
import type { Log } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import { type BareAnswer, type HttpServer, type ListenAt, listen, type Timeouts } from '../http/server.ts';
import { makeStrangers } from '../http/strangers.ts';
import type { Journal } from '../store/contract.ts';
import { readBody } from './body.ts';
import { makeKeyCheck } from './keys.ts';
import { makeOutage } from './outage.ts';
import {
  type MakeId,
  mediaTypeOf,
  type Params,
  type Place,
  parseBody,
  randomId,
  toEvent,
  verificationOf,
} from './parse.ts';
import { makeRefusals } from './refusals.ts';

export interface IngressOptions {
  /** Before the key, without a slash at its end; '' for the root. */
  readonly path: string;
  /** The same array for as long as nothing has changed. */
  readonly secrets: () => Secrets;
  readonly journal: Pick<Journal, 'append'>;
  /** Gets the code that makes a hook active. Must not wait for anything. */
  readonly verify: (ref: HookRef, type: string, hookId: number, code: string) => void;
  /** Names from the config for what an event is about. */
  readonly resolve: (ref: HookRef, params: Params) => Place;
  /** Bytes. */
  readonly maxBody: number;
  /** Events not yet on disk; more are answered 503. */
  readonly maxWaiting: number;
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
  /** For embedding in another server; without `listen` the answers to methods that Node does not know are Node's. */
  readonly app: Koa;
  /** Why events are answered 503 now; undefined while they are taken in. */
  outage(): string | undefined;
  /** Rejects with INGRESS_PORT when the address can't be had. */
  listen(at: ListenAt): Promise<HttpServer>;
}

/** Podio's spacing of redeliveries is not known; a proxy or another client may ask. */
const RETRY_AFTER_SECONDS = '10';

/** As many bodies as are likely to be read at once, and no more than a small machine can spare; bytes. */
const MAX_IN_HAND = 64 * 1024 * 1024;

const tooMany = (): IngressError =>
  new IngressError('INGRESS_TOO_MANY', 429, '', { headers: { 'Retry-After': RETRY_AFTER_SECONDS } });
const notFound = (): IngressError => new IngressError('INGRESS_NOT_FOUND', 404, '');
const notAllowed = (): IngressError =>
  new IngressError('INGRESS_METHOD', 405, 'hooks are called with POST', { headers: { Allow: 'POST' } });
const unavailable = (cause?: unknown): IngressError =>
  new IngressError('INGRESS_UNAVAILABLE', 503, 'not stored, deliver it again', {
    headers: { 'Retry-After': RETRY_AFTER_SECONDS },
    cause,
  });

export function makeIngress(options: IngressOptions): Ingress {
  const { path: base, journal, maxBody, maxWaiting, metrics, clock, makeId = randomId } = options;
  const log = options.log.child({ module: 'ingress' });
  const isValid = makeKeyCheck(options.secrets);
  const outage = makeOutage({ log, clock, probe: options.probe });
  const refusals = makeRefusals(log, clock);
  const strangers = makeStrangers({
    perSecond: options.strangers ?? 0,
    trustProxy: options.trustProxy ?? false,
    now: clock.monotonic,
  });
  const { maxInHand = MAX_IN_HAND } = options;
  let waiting = 0;
  /** Bytes of bodies that are being read or written. */
  let inHand = 0;

  /** A key that was seen before costs nothing: whoever has one is no stranger, however busy his address is. */
  const hookAt = (path: string, request?: IncomingMessage): HookPath | undefined => {
    const hook = parseHookPath(base, path);
    if (!hook) return undefined;
    const isRight = request && strangers.exceeds(request) ? isValid.known(hook) : isValid(hook);
    return isRight ? hook : undefined;
  };
  const refusalOf = (request: IncomingMessage): IngressError => {
    if (strangers.exceeds(request)) return tooMany();
    strangers.refused(request);
    return notFound();
  };

  const cannotStore = (thrown: unknown): IngressError => {
    const error = coerceError(thrown);
    outage.failed('the store can not write', error);
    return unavailable(error);
  };

  const append = async (event: NewEvent): Promise<void> => {
    if (waiting >= maxWaiting) {
      outage.failed('too much is waiting to be written');
      throw unavailable();
    }
    waiting += 1;
    try {
      const [taken] = await journal.append([event]);
      log.debug('event taken in', {
        event: event.id,
        status: taken?.status,
        seq: taken?.seq,
        ref: event.ref,
      });
    } catch (thrown) {
      throw cannotStore(thrown);
    } finally {
      waiting -= 1;
    }
    outage.worked();
  };

  /** Resolves when the delivery may be answered 200. */
  const deliver = async (request: IncomingMessage, hook: HookPath): Promise<void> => {
    const begin = clock.monotonic();
    // What has no length may become as long as is allowed; what says it is longer is refused before a byte is read.
    const declared = Number(request.headers['content-length'] ?? maxBody);
    const size = declared <= maxBody ? declared : 0;
    if (inHand + size > maxInHand) {
      outage.failed('too much is being read');
      throw unavailable();
    }
    inHand += size;
    try {
      const body = await readBody(request, maxBody);
      const media = mediaTypeOf(request.headers['content-type']);
      if (!media || isEncoded(request)) {
        throw new IngressError(
          'INGRESS_MEDIA_TYPE',
          415,
          'the body must be a form or JSON, without encoding',
        );
      }
      const params = parseBody(body, media);
      const verification = verificationOf(hook, params);
      if (verification) {
        options.verify(hook.ref, hook.type, verification.hookId, verification.code);
        return;
      }
      await append(toEvent(hook, params, options.resolve(hook.ref, params), makeId));
      metrics.received(hook.type, (clock.monotonic() - begin) / 1000);
    } finally {
      inHand -= size;
    }
  };

  const router = new Router();
  // Whether a path is a hook's is one question with whether its key is valid, so the route takes every path.
  router.post(/^\//, async ctx => {
    const hook = hookAt(ctx.path, ctx.req);
    if (!hook) throw refusalOf(ctx.req);
    ctx.state.hook = hook;
    await deliver(ctx.req, hook);
    ctx.status = 200;
    ctx.body = '';
  });
  const app = new Koa();
  app.use(router.routes());
  // `allowedMethods` would answer OPTIONS with 200 and PURGE with 501.
  app.use(ctx => {
    // The key comes first, so that nobody learns which hooks there are.
    throw hookAt(ctx.path, ctx.req) ? notAllowed() : refusalOf(ctx.req);
  });

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
  app.on('error', (thrown: unknown, ctx?: Context) => {
    if (thrown instanceof IngressError) tell(thrown, ctx?.state.hook);
    // The caller has gone: anyone can do that as often as they like.
    else if (ctx && !ctx.writable) log.debug('answer not sent', { error: coerceError(thrown) });
    else log.error('request failed', { error: coerceError(thrown) });
  });

  const throughKoa = app.callback();
  /**
   * What nearly every request is goes past koa: making its context and composing its middleware would cost more than
   * all that is done for the delivery here. Whatever is refused, and whatever else there is, is koa's.
   */
  const handle: RequestListener = (request, response) => {
    const hook = request.method === 'POST' ? hookAt(request.url ?? '', request) : undefined;
    if (!hook) {
      throughKoa(request, response);
      return;
    }
    deliver(request, hook).then(
      () => response.end(),
      error => {
        const ctx = app.createContext(request, response);
        ctx.state.hook = hook;
        ctx.onerror(error);
      },
    );
  };

  const unknownMethod = (target: string): BareAnswer => {
    const refusal = hookAt(target.split('?', 1)[0] ?? '') ? notAllowed() : notFound();
    tell(refusal);
    return refusal;
  };

  return {
    app,
    outage: outage.reason,
    async listen(at) {
      const server = await listen(handle, at, {
        name: 'server',
        unknownMethod,
        ...(options.maxConnections === undefined ? {} : { maxConnections: options.maxConnections }),
        ...(options.timeouts ? { timeouts: options.timeouts } : {}),
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

/** A compressed body can't be read here, and its size says nothing. */
const isEncoded = ({ headers }: IncomingMessage): boolean =>
  (headers['content-encoding'] ?? 'identity') !== 'identity';
