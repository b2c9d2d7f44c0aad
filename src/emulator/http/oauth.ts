/** The two token endpoints, mirror images of each other. */
import { ApiError, invalid, notFound } from '../api-error.ts';
import type { Actor, Client } from '../model.ts';
import { isObject } from '../values/kind.ts';
import type { Session, TokenPair } from '../world/tokens.ts';
import type { Internals } from '../world/world.ts';
import type { Limiter } from './limiter.ts';
import { type Answer, ok } from './operation.ts';

export const TOKEN_PATHS: Readonly<Record<string, 'form' | 'json'>> = {
  '/oauth/token': 'form',
  '/oauth/token/v2': 'json',
};

export interface TokenCall {
  readonly podio: Internals;
  readonly limiter: Limiter;
  readonly encoding: 'form' | 'json';
  readonly contentType: string;
  readonly body: string;
  /** Client credentials may come as HTTP Basic on the form endpoint. */
  readonly authorization: string | undefined;
}

type Parameters = Readonly<Record<string, unknown>>;

function parametersOf({ encoding, contentType, body, authorization }: TokenCall): Parameters {
  if (encoding === 'json') {
    const parsed: unknown = contentType.includes('json') ? tryParse(body) : undefined;
    if (!isObject(parsed)) throw invalid('Invalid value null (null): must be object');
    return parsed;
  }
  // A body of another type is not read at all, so its parameters are missing.
  const form = contentType.includes('x-www-form-urlencoded') ? new URLSearchParams(body) : [];
  const [scheme, credentials = ''] = authorization?.split(' ') ?? [];
  const basic =
    scheme?.toLowerCase() === 'basic' ? Buffer.from(credentials, 'base64').toString().split(':') : [];
  const [clientId, clientSecret] = basic;
  return {
    ...(clientId === undefined ? {} : { client_id: clientId, client_secret: clientSecret }),
    ...Object.fromEntries(form),
  };
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const grantError = (description: string, detail?: string): ApiError =>
  new ApiError(400, 'invalid_grant', description, detail ? { detail } : {});

function clientOf({ world }: Internals, parameters: Parameters): Client {
  const { client_id: id, client_secret: secret } = parameters;
  if (id === undefined || id === '')
    throw new ApiError(400, 'invalid_client', 'The parameter client_id is missing', {
      detail: 'oauth.client.missing_id',
    });
  const client = world.client(String(id));
  if (!client)
    throw new ApiError(400, 'invalid_client', 'The client_id is not valid', {
      detail: 'oauth.client.invalid_id',
    });
  if (client.clientSecret !== secret)
    throw new ApiError(400, 'invalid_client', 'The client_secret is not valid', {
      detail: 'oauth.client.invalid_secret',
    });
  return client;
}

function actorOf({ world }: Internals, parameters: Parameters): Actor {
  if (parameters.grant_type === 'app') {
    const app = world.app(Number(parameters.app_id));
    if (!app || app.status === 'deleted' || app.token !== parameters.app_token)
      throw grantError('The app_id or app_token is not valid');
    return { type: 'app', id: app.appId };
  }
  const user = world.userNamed(String(parameters.username));
  if (user?.username !== parameters.username || user?.password === undefined)
    throw grantError('The username is not valid', 'user.invalid.username');
  if (user.password !== parameters.password)
    throw grantError('The password is not valid', 'user.invalid.password');
  return { type: 'user', id: user.userId };
}

function grant(podio: Internals, client: Client, parameters: Parameters): TokenPair {
  if (podio.context.faults.refuseLogins) throw grantError('Logins are refused');
  switch (parameters.grant_type) {
    case 'refresh_token':
      return podio.tokens.refresh(client, String(parameters.refresh_token));
    case 'app':
    case 'password':
      return podio.tokens.issue(client, actorOf(podio, parameters));
    default:
      throw new ApiError(
        400,
        'unsupported_grant_type',
        `The grant type ${parameters.grant_type} is not supported`,
      );
  }
}

/** Who is counted by the login limiter. */
function loginKey({ context, tokens }: Internals, client: Client, parameters: Parameters): string {
  if (context.limits.loginScope === 'client') return client.clientId;
  const { app_id: app, username, refresh_token: refresh } = parameters;
  const who = refresh === undefined ? `${app ?? username}` : (tokens.owner(String(refresh)) ?? 'nobody');
  return `${client.clientId} ${who.replace('app/', '')}`;
}

/** Throws ApiErrors. */
export function answerToken(call: TokenCall): { answer: Answer; session: Session } {
  const { podio, limiter, encoding } = call;
  if (encoding === 'form' && podio.context.switches.formTokenEndpoint === 'retired')
    throw notFound('No matching operation could be found. No body was given.');
  const parameters = parametersOf(call);
  const client = clientOf(podio, parameters);
  const { waitSeconds } = limiter.takeLogin(loginKey(podio, client, parameters));
  if (waitSeconds !== undefined) throw new RateLimit(waitSeconds);
  const { accessToken, refreshToken, expiresIn, session } = grant(podio, client, parameters);
  const body = {
    access_token: accessToken,
    token_type: 'bearer',
    expires_in: expiresIn,
    scope: 'global:all',
    ref: { type: session.actor.type, id: session.actor.id },
    refresh_token: refreshToken,
  };
  return { answer: ok(body), session };
}

export class RateLimit extends ApiError {
  constructor(waitSeconds: number) {
    super(
      420,
      'rate_limit',
      `You have hit the rate limit. Please wait ${waitSeconds} seconds before trying again`,
    );
  }
}
