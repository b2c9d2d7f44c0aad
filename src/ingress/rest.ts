/**
 * What goes through koa: every request that is no delivery with a valid key, and every answer that is not 200. Loaded with the
 * first of them: it takes a tenth of a start, and a daemon that strangers don't know may never need it.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import Router from '@koa/router';
import Koa, { type Context } from 'koa';
import { coerceError, IngressError } from '../core/errors.ts';
import type { HookPath } from '../core/hook.ts';
import type { Log } from '../core/log.ts';
import type { Caller } from '../http/strangers.ts';
import type { Intake } from './intake.ts';

export interface RestOptions {
  readonly hookAt: (path: string) => HookPath | undefined;
  /** Of one who has no valid key. */
  readonly refusalOf: (request: Caller) => IngressError;
  /** Of one who has, and does not POST. */
  readonly notAllowed: () => IngressError;
  readonly take: Intake;
  /** Told of every refusal. */
  readonly tell: (error: IngressError, hook?: HookPath) => void;
  readonly log: Log;
}

export interface Rest {
  readonly handle: RequestListener;
  /** Answers a delivery that was not taken in. */
  refuse(request: IncomingMessage, response: ServerResponse, hook: HookPath, error: Error): void;
}

export function makeRest({ hookAt, refusalOf, notAllowed, take, tell, log }: RestOptions): Rest {
  const router = new Router();
  // Whether a path is a hook's is one question with whether its key is valid, so the route takes every path.
  router.post(/^\//, async ctx => {
    const hook = hookAt(ctx.path);
    if (!hook) throw refusalOf(ctx.req);
    ctx.state.hook = hook;
    await new Promise<void>((resolve, reject) => {
      take(ctx.req, hook, error => (error === undefined ? resolve() : reject(error)));
    });
    ctx.status = 200;
    ctx.body = '';
  });
  const app = new Koa();
  app.use(router.routes());
  // `allowedMethods` would answer OPTIONS with 200 and PURGE with 501.
  app.use(ctx => {
    // The key comes first, so that nobody learns which hooks there are.
    throw hookAt(ctx.path) ? notAllowed() : refusalOf(ctx.req);
  });
  app.on('error', (thrown: unknown, ctx?: Context) => {
    if (thrown instanceof IngressError) tell(thrown, ctx?.state.hook);
    // The caller has gone: anyone can do that as often as they like.
    else if (ctx && !ctx.writable) log.debug('answer not sent', { error: coerceError(thrown) });
    else log.error('request failed', { error: coerceError(thrown) });
  });
  return {
    handle: app.callback(),
    refuse(request, response, hook, error) {
      const ctx = app.createContext(request, response);
      ctx.state.hook = hook;
      ctx.onerror(error);
    },
  };
}
