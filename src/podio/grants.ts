import type { Clock } from '../core/clock.ts';
import { PodioError } from '../core/errors.ts';
import type { Identity } from './contract.ts';
import { complaintOf, errorOf, isRateLimit, unexpectedAnswer } from './errors.ts';
import type { Answer, HttpRequest } from './http.ts';
import { isRecord } from './json.ts';

/** What an identity holds to make calls with. Both texts are secrets. Times are UTC milliseconds. */
export interface Token {
  readonly access: string;
  readonly refresh: string | undefined;
  /** From here on it is renewed beside the calls that still use it. */
  readonly renewAt: number;
  readonly expiresAt: number;
}

/**
 * The token endpoint. Each call is one request. Rejects with PODIO_UNAUTHORIZED
 * when Podio refuses what was given, PODIO_RATE_LIMITED, or PODIO_UNAVAILABLE.
 */
export interface Grants {
  /** App token or user name and password. */
  login(identity: Identity): Promise<Token>;
  /** Answers a full pair: the old refresh token counts as spent. */
  refresh(identity: Identity, refreshToken: string): Promise<Token>;
}

/** Told by `expires_in`; without it, short enough that a refresh comes before the documented 8 h end. */
const UNTOLD_LIFETIME_S = 3_600;
const RENEW_BEFORE_MS = 300_000;

export function makeGrants(options: {
  readonly send: (operation: string, request: HttpRequest) => Promise<Answer>;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly tokenEndpoint: 'v1' | 'v2';
  readonly clock: Pick<Clock, 'now'>;
}): Grants {
  const { send, clientId, clientSecret, tokenEndpoint, clock } = options;

  const ask = async (
    operation: string,
    identity: Identity,
    grant: Readonly<Record<string, string | number>>,
  ): Promise<Token> => {
    const parameters = { ...grant, client_id: clientId, client_secret: clientSecret };
    // The endpoints are mirror images: each refuses the other's encoding.
    const [path, contentType, body] =
      tokenEndpoint === 'v2'
        ? ['/oauth/token/v2', 'application/json', JSON.stringify(parameters)]
        : ['/oauth/token', 'application/x-www-form-urlencoded', form(parameters)];
    const asked = clock.now();
    const answer = await send(operation, {
      method: 'POST',
      path,
      headers: { 'content-type': contentType },
      body,
    });
    if (answer.status >= 200 && answer.status < 300) return read(path, identity, answer, asked);
    throw refusalOf(path, identity, answer, tokenEndpoint);
  };

  return {
    login(identity) {
      if (identity.kind === 'app') {
        if (identity.token === undefined) return Promise.reject(noCredential(identity));
        const { appId, token } = identity;
        return ask('oauth.login', identity, { grant_type: 'app', app_id: appId, app_token: token });
      }
      if (identity.password === undefined) return Promise.reject(noCredential(identity));
      const { username, password } = identity;
      return ask('oauth.login', identity, { grant_type: 'password', username, password });
    },
    refresh: (identity, refreshToken) =>
      ask('oauth.refresh', identity, { grant_type: 'refresh_token', refresh_token: refreshToken }),
  };
}

const form = (parameters: Readonly<Record<string, string | number>>): string => {
  const fields = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) fields.set(name, String(value));
  return fields.toString();
};

const nameOf = (identity: Identity): string =>
  identity.kind === 'app' ? `app ${identity.appId}` : `login ${identity.name}`;

function noCredential(identity: Identity): PodioError {
  return new PodioError(
    'PODIO_UNAUTHORIZED',
    `${nameOf(identity)} is no longer in the config, and no token kept from before is good any more`,
    { retry: 'backoff', hint: 'Put it back into the config to let podiod act there, or do it by hand.' },
  );
}

function read(path: string, identity: Identity, answer: Answer, asked: number): Token {
  const body = isRecord(answer.body) ? answer.body : {};
  if (typeof body.server_nonce === 'string') {
    throw new PodioError(
      'PODIO_UNAUTHORIZED',
      `${nameOf(identity)} has a second factor, which a daemon can't give`,
      {
        status: answer.status,
        retry: 'backoff',
        hint: 'Use a user without two-factor login, or app tokens.',
      },
    );
  }
  const { access_token: access, refresh_token: refresh, expires_in: expiresIn } = body;
  if (typeof access !== 'string' || access === '') {
    throw unexpectedAnswer({ method: 'POST', path }, 'a token');
  }
  const seconds = Number(expiresIn);
  const lifetime = (seconds > 0 ? seconds : UNTOLD_LIFETIME_S) * 1_000;
  const expiresAt = asked + lifetime;
  return {
    access,
    refresh: typeof refresh === 'string' && refresh !== '' ? refresh : undefined,
    renewAt: expiresAt - Math.min(RENEW_BEFORE_MS, lifetime / 10),
    expiresAt,
  };
}

/**
 * Whatever the status, what the token endpoint refuses is about credentials. Above all, its 404 must not pass for a 404
 * of the object that the call is about: that one counts as deleted.
 */
function refusalOf(path: string, identity: Identity, answer: Answer, tokenEndpoint: 'v1' | 'v2'): PodioError {
  const { status } = answer;
  if (isRateLimit(status) || status < 400) return errorOf({ method: 'POST', path, quotable: false }, answer);
  // The description may quote what was sent, so only the codes are told.
  const { error, detail } = complaintOf(answer.body);
  const said = [error, detail].filter(Boolean).join(', ');
  const isEndpoint = status === 404 || error === 'invalid_value';
  return new PodioError(
    'PODIO_UNAUTHORIZED',
    `POST ${path} refused ${nameOf(identity)} with ${status}${said && `: ${said}`}`,
    {
      status,
      error,
      retry: 'backoff',
      hint: isEndpoint
        ? `Try podio.tokenEndpoint: ${tokenEndpoint === 'v2' ? 'v1' : 'v2'}, and check podio.apiUrl.`
        : hintFor(identity, error),
    },
  );
}

function hintFor(identity: Identity, error: string | undefined): string {
  if (error === 'invalid_client') return 'Check podio.clientId and podio.clientSecret.';
  return identity.kind === 'app'
    ? "Check the app's id and its token; both stand in the app's menu under Developer."
    : `Check the username and password of logins.${identity.name}.`;
}
