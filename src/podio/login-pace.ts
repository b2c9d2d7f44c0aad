import type { Cancel, Clock } from '../core/clock.ts';
import { PodioError } from '../core/errors.ts';
import { type Allowance, makeAllowance } from './allowance.ts';
import type { Priority } from './contract.ts';
import { makeLine, type Place } from './line.ts';

/** All identities together. Podio limits bursts of logins apart from the hourly budget, at a number it does not tell. */
const ALL = { atOnce: 5, everyMs: 500 };
/** How long as many identities take that have no token yet. */
export const loginsTakeMs = (count: number): number => Math.max(0, count - ALL.atOnce) * ALL.everyMs;

/** One identity: a token lives for hours, so more than this is a loop. */
const EACH = { atOnce: 10, everyMs: 60_000 };

const FIRST_BACKOFF_MS = 5_000;
const LONGEST_BACKOFF_MS = 900_000;

/** A place in the line for the token endpoint. */
export interface Turn {
  /** Resolves when the request may be sent. */
  readonly come: Promise<void>;
  readonly raise: Place['raise'];
  /** How long that is from now, about; 0: it has come. */
  waitMs(): number;
}

/** Spaces requests for tokens. Everything it refuses is refused at once, with the wait. */
export interface LoginPace {
  /**
   * Throws PODIO_RATE_LIMITED when this identity (or everyone) has to wait, and for a login also the error of the
   * refusal it is backing off from.
   */
  ask(identity: string, grant: 'login' | 'refresh', priority: Priority): Turn;
  succeeded(identity: string): void;
  /** The credentials were refused; the same error is thrown again until the backoff is over. */
  refused(identity: string, error: PodioError): void;
  /**
   * The token endpoint answered 420. Whether its limiter is kept per identity or for all is not known: a second
   * identity that meets it while the first still waits shows that it is for all.
   */
  limited(identity: string, waitMs: number): void;
  /** How long the identity still has to wait after a 420, milliseconds. */
  pausedMs(identity: string): number;
}

interface Account {
  readonly allowance: Allowance;
  pausedUntil: number;
  refusals: number;
  refusal: { readonly error: PodioError; readonly until: number } | undefined;
}

export function makeLoginPace(clock: Clock): LoginPace {
  const accounts = new Map<string, Account>();
  const all = makeAllowance(clock, ALL);
  const line = makeLine();
  let allPausedUntil = Number.NEGATIVE_INFINITY;
  let timer: Cancel | undefined;

  const accountOf = (identity: string): Account => {
    let account = accounts.get(identity);
    if (!account) {
      account = {
        allowance: makeAllowance(clock, EACH),
        pausedUntil: Number.NEGATIVE_INFINITY,
        refusals: 0,
        refusal: undefined,
      };
      accounts.set(identity, account);
    }
    return account;
  };

  const move = () => {
    timer = undefined;
    while (line.size > 0) {
      const wait = all.wait();
      if (wait > 0) {
        timer = clock.after(wait, move);
        return;
      }
      all.use();
      line.next();
    }
  };

  const mustWait = (identity: string, why: string, ms: number) =>
    new PodioError('PODIO_RATE_LIMITED', `no token for ${identity} now: ${why}`, {
      retry: { afterMs: Math.ceil(ms) },
    });

  return {
    ask(identity, grant, priority) {
      const account = accountOf(identity);
      const now = clock.monotonic();
      const paused = Math.max(account.pausedUntil, allPausedUntil) - now;
      if (paused > 0) throw mustWait(identity, 'Podio asked to wait with logins', paused);
      if (grant === 'login' && account.refusal && account.refusal.until > now) throw account.refusal.error;
      const often = account.allowance.wait();
      if (often > 0) throw mustWait(identity, 'it logged in too often lately', often);
      account.allowance.use();
      const { promise: come, resolve } = Promise.withResolvers<void>();
      let hasCome = false;
      const place = line.wait(priority, () => {
        hasCome = true;
        resolve();
      });
      if (!timer) move();
      const waitMs = () => (hasCome ? 0 : all.wait() + place.ahead() * ALL.everyMs);
      return { come, raise: place.raise, waitMs };
    },

    succeeded(identity) {
      const account = accountOf(identity);
      account.refusals = 0;
      account.refusal = undefined;
    },

    refused(identity, error) {
      const account = accountOf(identity);
      const wait = Math.min(FIRST_BACKOFF_MS * 2 ** account.refusals, LONGEST_BACKOFF_MS);
      account.refusals += 1;
      account.refusal = { error, until: clock.monotonic() + wait };
    },

    pausedMs(identity) {
      const until = Math.max(accounts.get(identity)?.pausedUntil ?? 0, allPausedUntil, 0);
      return Math.max(0, until - clock.monotonic());
    },

    limited(identity, waitMs) {
      const now = clock.monotonic();
      const account = accountOf(identity);
      const shared = Array.from(accounts.values()).some(
        other => other !== account && other.pausedUntil > now,
      );
      account.pausedUntil = Math.max(account.pausedUntil, now + waitMs);
      if (shared) allPausedUntil = Math.max(allPausedUntil, account.pausedUntil);
    },
  };
}
