/** The emulated Podio's HTTP side: faults, routes, tokens, limits, answers, in this order. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { ApiError, invalid, notFound } from '../api-error.ts';
import type { Faults } from '../settings.ts';
import { draw } from '../world/sender.ts';
import type { Session } from '../world/tokens.ts';
import type { ApiRequest, Internals } from '../world/world.ts';
import { appOperations } from './apps.ts';
import { hookOperations } from './hooks.ts';
import { itemOperations } from './items.ts';
import { type Limiter, makeLimiter } from './limiter.ts';
import { answerToken, RateLimit, TOKEN_PATHS } from './oauth.ts';
import type { Answer } from './operation.ts';
import { type Match, makeRouter } from './router.ts';
import { storedFile, talkOperations } from './talk.ts';

const MAX_BODY = 16 * 1024 * 1024;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What is known of a call so far; the log shows it when the call has ended. */
type Progress = Mutable<ApiRequest>;

export function makeServer(podio: Internals): Server {
  const { context, tokens } = podio;
  const route = makeRouter([...hookOperations, ...itemOperations, ...appOperations, ...talkOperations]);
  const limiter = makeLimiter(context);

  const server = createServer((request, response) => {
    const [path = '/', query = ''] = (request.url ?? '/').split('?', 2);
    const progress: Progress = {
      at: context.clock.now(),
      method: request.method ?? 'GET',
      path,
      query,
      operation: undefined,
      identity: undefined,
      clientId: undefined,
      status: undefined,
    };
    void answer(request, progress).then(
      given => {
        if (given !== 'cut') return write(response, given, progress);
        log(progress);
        response.destroy();
      },
      (error: unknown) => {
        // A defect of the emulator: Podio's clients see a 500, its author sees the message.
        write(
          response,
          failure(new ApiError(500, 'server_error', String(error)), progress, request),
          progress,
        );
      },
    );
  });

  async function answer(request: IncomingMessage, progress: Progress): Promise<Answer | 'cut'> {
    if (context.faults.down) return 'cut';
    const raw = await readBody(request);
    const encoding = progress.method === 'POST' ? TOKEN_PATHS[progress.path.replace(/\/+$/, '')] : undefined;
    const stored = storedFile(podio, progress.path, request.headers.authorization !== undefined);
    if (stored) return stored;
    const match = encoding ? undefined : route(progress.method, progress.path);
    progress.operation = encoding ? 'oauth.token' : match?.operation.name;
    const isFaulty = hits(context.faults, progress.operation);
    if (isFaulty) await delay(draw(context.faults.latencyMs, context.random.integer));
    if (context.faults.down) return 'cut';
    const fails = isFaulty && context.random.chance(context.faults.errorRate);
    if (fails && !context.faults.errorAfterEffect) return trouble(progress, request);

    const headers: Record<string, string> = {};
    let given: Answer;
    try {
      if (!raw) throw new ApiError(413, 'invalid_value', 'The body is too large');
      blockAll(request, progress);
      given = encoding
        ? login(encoding, request, raw, progress)
        : await operate(match, request, raw, progress, headers);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      given = failure(error, progress, request);
    }
    if (fails) return trouble(progress, request);
    return { ...given, headers: { ...headers, ...given.headers } };
  }

  function login(
    encoding: 'form' | 'json',
    request: IncomingMessage,
    raw: Buffer,
    progress: Progress,
  ): Answer {
    const { answer, session } = answerToken({
      podio,
      limiter,
      encoding,
      contentType: typeOf(request),
      body: raw.toString(),
      authorization: request.headers.authorization,
    });
    progress.identity = session.identity;
    progress.clientId = session.client.clientId;
    return answer;
  }

  async function operate(
    match: Match | undefined,
    request: IncomingMessage,
    raw: Buffer,
    progress: Progress,
    headers: Record<string, string>,
  ): Promise<Answer> {
    if (!match) throw notFound('No matching operation could be found. No body was given.');
    const { session, token } = authenticate(request);
    progress.identity = session.identity;
    progress.clientId = session.client.clientId;
    count(limiter, session, match, headers);
    return match.operation.handle({
      podio,
      session,
      token,
      params: match.params,
      query: new URLSearchParams(progress.query),
      body: parseBody(raw, typeOf(request)),
      raw,
      contentType: typeOf(request),
    });
  }

  function blockAll(request: IncomingMessage, progress: Progress): void {
    const left = podio.rateLimitedUntil() - context.clock.now();
    if (left <= 0) return;
    // The log tells who was refused, though nobody is asked who they are.
    const session = tokens.session(tokenOf(request) ?? '');
    progress.identity = session?.identity;
    progress.clientId = session?.client.clientId;
    throw new RateLimit(Math.ceil(left / 1000));
  }

  function authenticate(request: IncomingMessage): { session: Session; token: string } {
    if (request.headers.authorization === undefined)
      throw new ApiError(401, 'unauthorized', 'invalid_request');
    const token = tokenOf(request);
    if (token === undefined)
      throw new ApiError(400, 'Invalid authorization header', 'Invalid authorization header');
    const session = context.faults.refuseTokens ? undefined : tokens.session(token);
    // An app's deletion takes its token with it.
    const isGone = session?.actor.type === 'app' && podio.world.app(session.actor.id)?.status === 'deleted';
    if (!session || isGone) throw new ApiError(401, 'unauthorized', 'expired_token');
    return { session, token };
  }

  function failure(error: ApiError, progress: Progress, request: IncomingMessage): Answer {
    const url =
      context.switches.errorUrl === 'path' ? progress.path : `http://${request.headers.host}${progress.path}`;
    return {
      status: error.status,
      body: {
        error_parameters: {},
        error_detail: error.detail,
        error_propagate: error.propagate,
        request: { url, query_string: progress.query, method: progress.method },
        error_description: error.message,
        error: error.error,
      },
      headers: {
        ...(error.status === 401 ? { 'www-authenticate': 'Bearer realm="podio"' } : {}),
        // As captured: a login that is refused does not mean that the hourly budget is empty.
        ...(error instanceof RateLimit && progress.operation === 'oauth.token'
          ? {
              'x-rate-limit-limit': String(context.limits.general),
              'x-rate-limit-remaining': String(context.limits.general),
            }
          : {}),
      },
    };
  }

  /** A fault on request, as Podio or as a proxy in front of it would word it. */
  function trouble(progress: Progress, request: IncomingMessage): Answer {
    const { errorStatus, errorBody } = context.faults;
    switch (errorBody) {
      case 'json':
        return failure(new ApiError(errorStatus, 'unavailable', 'Try again later'), progress, request);
      case 'html':
        return {
          status: errorStatus,
          body: Buffer.from(`<html><head><title>${errorStatus}</title></head><body>nginx</body></html>`),
          headers: { 'content-type': 'text/html' },
        };
      case 'empty':
        return { status: errorStatus };
    }
  }

  /** Before the answer leaves, so that whoever has it finds the call in the log. */
  function log(progress: Progress): void {
    podio.requestLog.add(progress);
    context.changed();
  }

  function write(response: ServerResponse, { status, body, headers }: Answer, progress: Progress): void {
    progress.status = status;
    log(progress);
    const isRaw = Buffer.isBuffer(body);
    const bytes = isRaw ? body : Buffer.from(body === undefined ? '' : JSON.stringify(body));
    response.writeHead(status, {
      ...(isRaw || body === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' }),
      ...(status === 204 ? {} : { 'content-length': bytes.byteLength }),
      date: new Date(context.clock.now()).toUTCString(),
      'x-podio-request-id': context.random.hex(8),
      'x-podio-auth-ref': progress.identity?.replace('/', '_') ?? 'None',
      ...headers,
    });
    response.end(bytes);
  }

  const delay = (ms: number): Promise<void> =>
    ms <= 0 ? Promise.resolve() : new Promise(resolve => context.clock.after(ms, resolve));

  return server;
}

function count(limiter: Limiter, session: Session, match: Match, headers: Record<string, string>): void {
  const caller = `${session.identity} ${session.client.clientId}`;
  const { limit, remaining, waitSeconds } = limiter.take(caller, match.operation.name);
  headers['x-rate-limit-limit'] = String(limit);
  headers['x-rate-limit-remaining'] = String(remaining);
  if (waitSeconds !== undefined) throw new RateLimit(waitSeconds);
}

const hits = ({ operations }: Faults, operation: string | undefined): boolean =>
  operations.length === 0 || (operation !== undefined && operations.includes(operation));

const tokenOf = (request: IncomingMessage): string | undefined =>
  /^(?:OAuth2|Bearer)\s+(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];

const typeOf = (request: IncomingMessage): string => request.headers['content-type'] ?? '';

function parseBody(raw: Buffer, contentType: string): unknown {
  if (raw.byteLength === 0 || contentType.startsWith('multipart/')) return undefined;
  try {
    return JSON.parse(raw.toString());
  } catch {
    throw invalid('The body is no valid JSON');
  }
}

/** Undefined when it is too large; the rest is read and thrown away, so that the caller gets the answer. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size <= MAX_BODY) chunks.push(chunk);
  }
  return size <= MAX_BODY ? Buffer.concat(chunks) : undefined;
}
