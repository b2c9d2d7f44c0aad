import { type Clock, sleep } from '../core/clock.ts';
import { PodioError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { type Identity, identityKey, type Priority } from './contract.ts';
import type { Grants, Token } from './grants.ts';
import { isBefore } from './line.ts';
import type { LoginPace, Turn } from './login-pace.ts';
import type { TokenKeep } from './token-keep.ts';

/** Tokens by identity: one login for all calls, one renewal at a time, and never a loop. */
export interface Auth {
  /**
   * The token to call with: the one at hand, one kept from before, or a new one. Whoever has to wait longer than
   * `patienceMs` for the turn to ask for that is told how long (PODIO_RATE_LIMITED); it is asked for all the same.
   */
  token(identity: Identity, priority: Priority, patienceMs?: number): Promise<Token>;
  /** Whether `token` is still the one to call with: another call may have had it renewed meanwhile. */
  isCurrent(identity: Identity, token: Token): boolean;
  /**
   * After a 401, which does not prove expiry: `refresh` tries that first and a login only when Podio refuses it;
   * `login` goes straight to the credentials. Whoever comes while (or after) another call has it renewed shares the result.
   */
  renew(
    identity: Identity,
    refused: Token,
    how: 'refresh' | 'login',
    priority: Priority,
    patienceMs?: number,
  ): Promise<Token>;
}

/** After a renewal failed while the token is still good: when the next try is worth a request. */
const RENEW_AGAIN_MS = 30_000;

/** One renewal in hand, as urgent as the most urgent of those who wait for it. */
interface Flight {
  readonly token: Promise<Token>;
  priority: Priority;
  turn: Turn | undefined;
}

interface Holder {
  token: Token | undefined;
  /** Whether the store has been looked at. */
  loaded: boolean;
  flight: Flight | undefined;
}

export function makeAuth(options: {
  readonly grants: Grants;
  readonly keep: TokenKeep;
  readonly pace: LoginPace;
  readonly clock: Clock;
  readonly log: Log;
}): Auth {
  const { grants, keep, pace, clock, log } = options;
  const holders = new Map<string, Holder>();

  const holderOf = (key: string): Holder => {
    let holder = holders.get(key);
    if (!holder) {
      holder = { token: undefined, loaded: false, flight: undefined };
      holders.set(key, holder);
    }
    return holder;
  };

  const request = async (
    key: string,
    kind: 'login' | 'refresh',
    flight: Flight,
    send: () => Promise<Token>,
  ): Promise<Token> => {
    flight.turn = pace.ask(key, kind, flight.priority);
    await flight.turn.come;
    try {
      const token = await send();
      pace.succeeded(key);
      log.debug('token received', { identity: key, grant: kind });
      return token;
    } catch (error) {
      if (error instanceof PodioError && error.code === 'PODIO_RATE_LIMITED') {
        const waitMs = typeof error.retry === 'object' ? error.retry.afterMs : 0;
        log.warn('Podio asks to wait with logins', { identity: key, waitMs });
        pace.limited(key, waitMs);
      }
      if (kind === 'login' && isRefusal(error)) pace.refused(key, error);
      throw error;
    }
  };

  const login = (identity: Identity, key: string, flight: Flight) =>
    request(key, 'login', flight, () => grants.login(identity));

  const refreshOrLogin = async (identity: Identity, key: string, flight: Flight) => {
    const holder = holderOf(key);
    const { refresh } = holder.token ?? {};
    if (refresh === undefined) return login(identity, key, flight);
    try {
      return await request(key, 'refresh', flight, () => grants.refresh(identity, refresh));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      log.info('refresh token refused, logging in', { identity: key });
      holder.token = undefined;
      if (!hasCredential(identity)) await keep.remove(key);
      return login(identity, key, flight);
    }
  };

  const obtain = async (identity: Identity, how: 'refresh' | 'login', flight: Flight): Promise<Token> => {
    const key = identityKey(identity);
    const holder = holderOf(key);
    if (!holder.loaded) {
      holder.token = await keep.load(key);
      holder.loaded = true;
      if (holder.token && clock.now() < holder.token.expiresAt) return holder.token;
    }
    const token = await (how === 'login' ? login : refreshOrLogin)(identity, key, flight);
    holder.token = token;
    await keep.save(key, token);
    return token;
  };

  /** Joins the renewal in hand, or begins one. */
  const board = (identity: Identity, how: 'refresh' | 'login', priority: Priority): Flight => {
    const holder = holderOf(identityKey(identity));
    if (holder.flight) {
      if (isBefore(priority, holder.flight.priority)) holder.flight.priority = priority;
      holder.flight.turn?.raise(priority);
      return holder.flight;
    }
    const { promise: token, resolve } = Promise.withResolvers<Token>();
    const flight: Flight = { token, priority, turn: undefined };
    holder.flight = flight;
    resolve(
      obtain(identity, how, flight).finally(() => {
        holder.flight = undefined;
      }),
    );
    return flight;
  };

  const fly = async (
    identity: Identity,
    how: 'refresh' | 'login',
    priority: Priority,
    patienceMs: number | undefined,
  ): Promise<Token> => {
    const flight = board(identity, how, priority);
    const { token } = flight;
    if (patienceMs === undefined) return token;
    const enough = new AbortController();
    const turnInTime = async (): Promise<Token> => {
      if ((flight.turn?.waitMs() ?? 0) <= patienceMs) await sleep(clock, patienceMs, enough.signal);
      const waitMs = flight.turn?.waitMs() ?? 0;
      // Its turn has come: what takes time now is the request itself.
      if (waitMs <= 0) return token;
      throw new PodioError(
        'PODIO_RATE_LIMITED',
        `no token for ${identityKey(identity)} yet: other logins come first`,
        {
          retry: { afterMs: Math.ceil(waitMs) },
        },
      );
    };
    try {
      return await Promise.race([token, turnInTime()]);
    } finally {
      enough.abort();
    }
  };

  /** Before the token ends, beside the calls that still use it. */
  const renewAhead = (identity: Identity, holder: Holder, token: Token) => {
    if (holder.flight) return;
    board(identity, 'refresh', 'background').token.catch(error => {
      log.debug('token not renewed ahead of its end', { identity: identityKey(identity), error });
      if (holder.token === token) holder.token = { ...token, renewAt: clock.now() + RENEW_AGAIN_MS };
    });
  };

  return {
    async token(identity, priority, patienceMs) {
      const holder = holderOf(identityKey(identity));
      const { token } = holder;
      if (!token || clock.now() >= token.expiresAt) return fly(identity, 'refresh', priority, patienceMs);
      if (clock.now() >= token.renewAt) renewAhead(identity, holder, token);
      return token;
    },

    isCurrent(identity, token) {
      const held = holderOf(identityKey(identity)).token;
      return held?.access === token.access && clock.now() < held.expiresAt;
    },

    async renew(identity, refused, how, priority, patienceMs) {
      const holder = holderOf(identityKey(identity));
      const { token } = holder;
      if (token && token.access !== refused.access) return token;
      // Whatever its date says, it has ended: nobody else is to run into the same 401 meanwhile.
      if (token) holder.token = { ...token, renewAt: 0, expiresAt: 0 };
      return fly(identity, how, priority, patienceMs);
    },
  };
}

const hasCredential = (identity: Identity): boolean =>
  (identity.kind === 'app' ? identity.token : identity.password) !== undefined;

/** Podio understood and said no, as opposed to not answering. */
const isRefusal = (error: unknown): error is PodioError =>
  error instanceof PodioError && error.code === 'PODIO_UNAUTHORIZED';
