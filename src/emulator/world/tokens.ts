/** Logins and what became of them. */
import { ApiError } from '../api-error.ts';
import type { Context } from '../context.ts';
import type { Actor, Client } from '../model.ts';

export interface Session {
  readonly client: Client;
  readonly actor: Actor;
  /** `app/101`, `user/2100001`. */
  readonly identity: string;
}

export interface TokenPair {
  readonly session: Session;
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresIn: number;
}

export interface Tokens {
  /** Kills access and refresh tokens, of one app or user or of all. */
  revokeTokens(actor?: Actor): void;
  /** Access tokens that would be taken now. */
  activeTokens(): number;
}

export interface TokenBook extends Tokens {
  issue(client: Client, actor: Actor): TokenPair;
  refresh(client: Client, refreshToken: string): TokenPair;
  session(accessToken: string): Session | undefined;
  /** Whose refresh token it is, expired or not. */
  owner(refreshToken: string): string | undefined;
  /** `POST /oauth/token/invalidate`. */
  invalidate(accessToken: string): void;
}

interface Grant {
  readonly session: Session;
  readonly expiresAt: number;
}

export const identityOf = (actor: Actor): string => `${actor.type}/${actor.id}`;

export function makeTokens(context: Context): TokenBook {
  const { clock, random, switches } = context;
  const access = new Map<string, Grant>();
  const refresh = new Map<string, Grant>();

  const isAlive = (grant: Grant | undefined): grant is Grant =>
    grant !== undefined && grant.expiresAt > clock.now();

  function pair(session: Session): TokenPair {
    const accessToken = random.hex(32);
    const refreshToken = random.hex(32);
    const now = clock.now();
    access.set(accessToken, { session, expiresAt: now + switches.accessTokenSeconds * 1000 });
    refresh.set(refreshToken, { session, expiresAt: now + switches.refreshTokenSeconds * 1000 });
    return { session, accessToken, refreshToken, expiresIn: switches.accessTokenSeconds };
  }

  return {
    issue: (client, actor) => pair({ client, actor, identity: identityOf(actor) }),
    refresh(client, refreshToken) {
      const grant = refresh.get(refreshToken);
      if (!isAlive(grant) || grant.session.client !== client)
        throw new ApiError(400, 'invalid_grant', 'The refresh token is not valid');
      if (switches.oldRefreshToken === 'dies') refresh.delete(refreshToken);
      return pair(grant.session);
    },
    session(accessToken) {
      const grant = access.get(accessToken);
      return isAlive(grant) ? grant.session : undefined;
    },
    owner: refreshToken => refresh.get(refreshToken)?.session.identity,
    invalidate: accessToken => void access.delete(accessToken),
    revokeTokens(actor) {
      for (const book of [access, refresh]) {
        for (const [token, { session }] of book)
          if (!actor || session.identity === identityOf(actor)) book.delete(token);
      }
    },
    activeTokens: () => [...access.values()].filter(isAlive).length,
  };
}
