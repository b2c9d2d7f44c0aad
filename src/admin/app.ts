/** The admin API's requests and answers, on koa. Loaded with the first request: nobody may ever ask. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { RequestListener } from 'node:http';
import Router from '@koa/router';
import Koa, { type Middleware } from 'koa';
import { coerceError } from '../core/errors.ts';
import { loadOnce } from '../core/load-once.ts';
import { suggestion } from '../core/suggest.ts';
import type { AdminOptions } from './admin.ts';
import { AdminError, answerTo } from './errors.ts';
import { eventToJson } from './events.ts';
import {
  parseEventQuery,
  parseFireRequest,
  parseHandshakeRequest,
  parseItemQuery,
  parseItemsRequest,
  parseLogLevelRequest,
  parseParkedQuery,
  parseParkedSelection,
  parsePauseRequest,
  parsePodioReadRequest,
  parseReconcileRequest,
  parseReloadRequest,
  parseReplayRequest,
  parseWhyQuery,
} from './requests.ts';
import { statusOf } from './status.ts';

/** Where texts stand that quote others. */
const ERRORS: ReadonlySet<string> = new Set(['error', 'lastError', 'message']);

const MAX_BODY = '256kb';

/** @param options with the log of this module */
export function makeApp({ token, deps, metrics, log, mask }: AdminOptions): RequestListener {
  const json = (value: unknown): string =>
    JSON.stringify(value, (key, part) => {
      if (typeof part !== 'string') return part;
      return ERRORS.has(key) ? mask(part) : mask.known(part);
    });

  /** Every answer leaves here, so that none has a stack, a secret or a shape of its own. */
  const answer: Middleware = async (ctx, next) => {
    try {
      await next();
      if (ctx.status === 404 && ctx.body == null) {
        throw new AdminError('ADMIN_REQUEST', 404, `there is no ${ctx.method} ${ctx.path}`);
      }
      if (typeof ctx.body === 'object') ctx.body = json(ctx.body);
      else return;
    } catch (thrown) {
      const { status, body, fault } = answerTo(thrown);
      if (fault) log.error('request failed', { path: ctx.path, error: coerceError(thrown) });
      ctx.status = status;
      ctx.body = json(body);
    }
    ctx.type = 'application/json';
  };

  const wanted = digest(token);
  const wrong = makeLimiter();
  const authorize: Middleware = (ctx, next) => {
    const given = /^Bearer +(\S+)$/i.exec(ctx.get('Authorization'))?.[1];
    if (given !== undefined && timingSafeEqual(digest(given), wanted)) return next();
    // Whoever has the token is not held up by those who guess.
    if (!wrong()) throw new AdminError('ADMIN_TOO_MANY', 429, 'too many wrong tokens');
    ctx.set('WWW-Authenticate', 'Bearer');
    throw new AdminError(
      'ADMIN_UNAUTHORIZED',
      401,
      'a bearer token is missing or wrong',
      'See dataDir/admin-token.',
    );
  };

  const open = new Router();
  open.get('/healthz', ctx => {
    ctx.body = { alive: true };
  });
  open.get('/readyz', ctx => {
    const readiness = deps.readiness();
    ctx.status = readiness.ready ? 200 : 503;
    ctx.body = readiness;
  });

  const api = new Router();
  api.get('/metrics', async ctx => {
    ctx.body = await metrics.text(await deps.facts());
    ctx.set('Content-Type', metrics.contentType);
  });
  api.get('/api/status', async ctx => {
    ctx.body = statusOf(await deps.facts());
  });
  api.get('/api/hooks', async ctx => {
    ctx.body = { hooks: (await deps.facts()).reconcile.hooks };
  });
  api.get('/api/rules', async ctx => {
    ctx.body = { rules: statusOf(await deps.facts()).rules };
  });
  api.get('/api/events', async ctx => {
    ctx.body = { events: (await deps.events(parseEventQuery(ctx.query))).map(entry => eventToJson(entry)) };
  });
  api.get('/api/why', async ctx => {
    ctx.body = await deps.why(parseWhyQuery(ctx.query));
  });
  api.get('/api/parked', async ctx => {
    ctx.body = { parked: await deps.parking.list(parseParkedQuery(ctx.query)) };
  });
  api.get('/api/item', async ctx => {
    ctx.body = { itemId: await deps.findItem(parseItemQuery(ctx.query)) };
  });
  const logLevels = () => {
    if (deps.logLevels) return deps.logLevels;
    throw new AdminError('ADMIN_REQUEST', 404, 'the log of this daemon is that of the program it runs in');
  };
  api.get('/api/log-level', ctx => {
    ctx.body = logLevels().status();
  });
  api.post('/api/log-level', ctx => {
    const levels = logLevels();
    const change = parseLogLevelRequest(ctx.request.body);
    if (!levels.set(change)) {
      const known = Object.keys(levels.status().modules).join(', ');
      throw new AdminError('USAGE', 404, `there is no module ${change.module}`, `There are: ${known}.`);
    }
    log.info('log level changed', { ...change, module: 'admin', of: change.module ?? 'all' });
    ctx.body = levels.status();
  });
  api.post('/api/parked/retry', async ctx => {
    ctx.body = await deps.parking.retry(parseParkedSelection(ctx.request.body));
  });
  api.post('/api/parked/drop', async ctx => {
    ctx.body = await deps.parking.drop(parseParkedSelection(ctx.request.body));
  });
  api.post('/api/replay', async ctx => {
    const wish = parseReplayRequest(ctx.request.body);
    const answer = await deps.replay(wish);
    if (answer === undefined) {
      const names = statusOf(await deps.facts()).rules.map(({ rule }) => rule);
      const hint = suggestion(wish.rule, names, 'There are');
      throw new AdminError('USAGE', 404, `there is no rule ${wish.rule}`, hint);
    }
    ctx.body = answer;
  });
  api.post('/api/fire', async ctx => {
    ctx.body = await deps.fire(parseFireRequest(ctx.request.body));
  });
  api.post('/api/items', async ctx => {
    const numbers = parseItemsRequest(ctx.request.body).map(id => [id, deps.numberOfItem(id)]);
    ctx.body = { numbers: Object.fromEntries(numbers.filter(([, number]) => number !== undefined)) };
  });
  api.post('/api/podio/read', async ctx => {
    ctx.body = await deps.readPodio(parsePodioReadRequest(ctx.request.body));
  });
  api.post('/api/pause', async ctx => {
    ctx.body = await deps.pause(parsePauseRequest(ctx.request.body));
  });
  api.post('/api/resume', async ctx => {
    ctx.body = await deps.resume(parsePauseRequest(ctx.request.body));
  });
  api.post('/api/reload', async ctx => {
    ctx.body = await deps.reload(parseReloadRequest(ctx.request.body));
  });
  api.post('/api/secret/rotate', async ctx => {
    ctx.body = await deps.rotateSecret();
  });
  api.post('/api/handshake', async ctx => {
    const hookId = parseHandshakeRequest(ctx.request.body);
    const answer = await deps.handshake(hookId);
    if (answer === undefined)
      throw new AdminError('ADMIN_REQUEST', 404, `podiod has no hook ${hookId} that it knows of`);
    ctx.body = answer;
  });
  api.post('/api/reconcile', async ctx => {
    const { wait, ...request } = parseReconcileRequest(ctx.request.body);
    const done = deps.reconcile(request);
    if (wait) {
      ctx.body = await done;
    } else {
      done.catch(error => log.error('reconcile failed', { error: coerceError(error) }));
      ctx.status = 202;
      ctx.body = { started: true };
    }
  });

  const app = new Koa();
  // An answer that can't be sent (its reader has gone) is no news.
  app.on('error', error => log.debug('answer not sent', { error: coerceError(error) }));
  app
    .use(answer)
    .use(onlyItsMethods(open))
    .use(open.routes())
    .use(authorize)
    .use(onlyItsMethods(api))
    .use(readBody())
    .use(api.routes());

  return app.callback();
}

/** Loaded with the first body: it takes a tenth of a second and 11 MB, and a daemon may never be sent one. */
function readBody(): Middleware {
  const load = loadOnce(async () => {
    const { koaBody } = await import('koa-body');
    return koaBody({ jsonLimit: MAX_BODY, json: true, urlencoded: false, text: false, multipart: false });
  });
  return async (ctx, next) => {
    if (ctx.method === 'GET' || ctx.method === 'HEAD') return next();
    return (await load())(ctx, next);
  };
}

/** So many wrong tokens a second are looked at, and ten seconds' worth at once. */
const WRONG_TOKENS = 10;

/** True as long as there is one left. */
function makeLimiter(): () => boolean {
  const most = WRONG_TOKENS * 10;
  let left = most;
  let at = performance.now();
  return () => {
    const now = performance.now();
    left = Math.min(most, left + ((now - at) / 1000) * WRONG_TOKENS);
    at = now;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}

/** Equal lengths whatever was sent, so that the comparison can take the same time for all. */
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Not koa's `allowedMethods`: what that throws has no `Allow`, and OPTIONS would be answered. */
const onlyItsMethods =
  (router: Router): Middleware =>
  (ctx, next) => {
    const { path, route } = router.match(ctx.path, ctx.method);
    if (route || path.length === 0) return next();
    ctx.set('Allow', path.flatMap(({ methods }) => methods).join(', '));
    throw new AdminError('ADMIN_REQUEST', 405, `${ctx.path} is not for ${ctx.method}`);
  };
