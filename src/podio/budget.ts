import type { Clock } from '../core/clock.ts';
import type { BudgetStatus, Priority } from './contract.ts';
import { type Bin, type HourCount, makeHourCount } from './hour-count.ts';
import type { RateLimit } from './http.ts';
import { type Bucket, DOCUMENTED, shareOf } from './pace.ts';

/** Known to be "Rate limited" before a header says so. The names are those in metrics. */
const LIMITED_OPERATIONS: ReadonlySet<string> = new Set(['items.filter', 'request.filter', 'request.search']);

/** A window is an hour long, but when it began can't be seen. */
const WINDOW_MS = 3_600_000;

/** How often a call may try out whether a window that looked used up has been renewed; asking is free, so no wait is longer. */
const PROBE_MS = 300_000;

/** About how long a call that is on its way takes: its answer may change everything. */
const ANSWER_MS = 1_000;

/**
 * The part of a budget that each priority leaves for those before it. Live work leaves enough for a handshake, without
 * which a hook stays dead, and for probes; the rest leaves room for live work.
 */
const KEPT: Readonly<Record<Priority, number>> = {
  handshake: 0,
  live: 0.02,
  recovery: 0.1,
  background: 0.2,
};

/** One call that may be made now. */
export interface Grant {
  /** To be called once, with what the answer's headers said; undefined when they (or the answer) are missing. */
  answered(rateLimit: RateLimit | undefined): void;
}

/** Either a grant, or how long to wait before asking again. */
export type Taken =
  | { readonly grant: Grant; readonly waitMs?: undefined }
  | { readonly grant?: undefined; readonly waitMs: number };

/**
 * Keeps calls inside Podio's limits, per identity. Learns both ceilings, and which operation falls under which, from
 * the headers of each answer; never waits itself. Identities are keys as of `identityKey`.
 */
export interface Budget {
  /** Milliseconds until `take` would say yes; 0: now. Takes nothing. */
  wait(identity: string, operation: string, priority: Priority): number;
  take(identity: string, operation: string, priority: Priority): Taken;
  /** After a 420: nothing goes out for this identity until then. A shorter wait never cuts a longer one. */
  pause(identity: string, ms: number): void;
  /** What a restart must not forget. */
  spent(identity: string): Spent;
  /** What was spent before a restart, `elapsedMs` ago. */
  restore(identity: string, spent: Spent, elapsedMs: number): void;
  /** Calls an hour that all background work of this identity may make. */
  share(identity: string): Readonly<Record<Bucket, number>>;
  status(): readonly BudgetStatus[];
}

/** Of one identity: how long it is still paused, its ceilings as a header told them last, its background calls of the last hour. */
export interface Spent {
  readonly pausedMs: number;
  readonly limits: Partial<Readonly<Record<Bucket, number>>>;
  readonly background: Readonly<Record<Bucket, readonly Bin[]>>;
}

/** What is known of one bucket. */
interface Known {
  limit: number;
  /** At the latest answer; calls on their way are not taken off. */
  remaining: number;
  /** Which of the bucket's calls that answer belonged to: answers to earlier calls are older news. */
  asOf: number;
  /** By then the window is another one: an hour after the first answer that belongs to it. */
  renewedBy: number;
  /** `renewedBy` is when calls are to be tried again, no more: nothing was said of the window. */
  isGuess?: boolean;
  /** The latest grant that was made only to see whether the window was renewed. */
  probedAt: number;
}

interface Account {
  readonly known: Map<Bucket, Known>;
  /** Ceilings that were told before a restart: they count until a header tells of one anew. */
  before: Spent['limits'];
  /** Where a header has shown an operation to belong. */
  readonly bucketOf: Map<string, Bucket>;
  /** Calls granted so far. */
  readonly granted: Record<Bucket, number>;
  /** Of these, the ones without an answer yet. */
  readonly onTheWay: Record<Bucket, number>;
  readonly background: Readonly<Record<Bucket, HourCount>>;
  pausedUntil: number;
}

export function makeBudget(options: {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Of each hourly budget, 0 to 1: all that background work may use. */
  readonly backgroundShare: number;
}): Budget {
  const { clock, backgroundShare } = options;
  const accounts = new Map<string, Account>();

  const accountOf = (identity: string): Account => {
    let account = accounts.get(identity);
    if (!account) {
      account = {
        known: new Map(),
        before: {},
        bucketOf: new Map(),
        granted: { general: 0, limited: 0 },
        onTheWay: { general: 0, limited: 0 },
        background: { general: makeHourCount(clock), limited: makeHourCount(clock) },
        pausedUntil: Number.NEGATIVE_INFINITY,
      };
      accounts.set(identity, account);
    }
    return account;
  };

  const bucketOf = (account: Account, operation: string): Bucket =>
    account.bucketOf.get(operation) ?? (LIMITED_OPERATIONS.has(operation) ? 'limited' : 'general');

  const shareIn = (account: Account | undefined, bucket: Bucket): number =>
    shareOf((account && limitOf(account, bucket)) ?? DOCUMENTED[bucket], backgroundShare);

  const shareWait = (account: Account, bucket: Bucket): number =>
    account.background[bucket].waitBelow(shareIn(account, bucket));

  /** Milliseconds, and whether the call would be a probe. */
  const windowWait = (
    account: Account,
    bucket: Bucket,
    priority: Priority,
  ): { readonly ms: number; readonly probe: boolean } => {
    const known = account.known.get(bucket);
    if (!known) return { ms: 0, probe: false };
    const left = known.remaining - account.onTheWay[bucket];
    if (left > Math.ceil(known.limit * KEPT[priority])) return { ms: 0, probe: false };
    // It looks used up, but no header comes without a call: one finds out at the time when the window must have been
    // renewed, and now and then before that, as long as what is kept back lasts.
    const now = clock.monotonic();
    const untilNextProbe = Math.max(0, known.probedAt + PROBE_MS - now);
    if (untilNextProbe > 0 && account.onTheWay[bucket] > 0) return { ms: ANSWER_MS, probe: false };
    if (now >= known.renewedBy) {
      const ms = known.probedAt < known.renewedBy ? 0 : untilNextProbe;
      return { ms, probe: ms === 0 };
    }
    const untouchable = priority === 'live' ? 0 : Math.ceil(known.limit * KEPT.live);
    const untilProbe = left > untouchable ? untilNextProbe : PROBE_MS;
    return { ms: Math.min(known.renewedBy - now, untilProbe), probe: untilProbe === 0 };
  };

  const look = (identity: string, operation: string, priority: Priority) => {
    const account = accountOf(identity);
    const bucket = bucketOf(account, operation);
    const paused = Math.max(0, account.pausedUntil - clock.monotonic());
    const share = priority === 'background' ? shareWait(account, bucket) : 0;
    const window = windowWait(account, bucket, priority);
    return { account, bucket, waitMs: Math.max(paused, share, window.ms), probe: window.probe };
  };

  const pause = (identity: string, ms: number): void => {
    const account = accountOf(identity);
    account.pausedUntil = Math.max(account.pausedUntil, clock.monotonic() + ms);
    // A 420 shows that what was believed to be left is wrong. At its end one call finds out what is.
    for (const known of account.known.values()) {
      known.remaining = 0;
      known.renewedBy = account.pausedUntil;
      known.isGuess = true;
    }
  };

  return {
    wait: (identity, operation, priority) => look(identity, operation, priority).waitMs,

    take(identity, operation, priority) {
      const { account, bucket, waitMs, probe } = look(identity, operation, priority);
      if (waitMs > 0) return { waitMs: Math.ceil(waitMs) };
      const probed = probe ? account.known.get(bucket) : undefined;
      const probedBefore = probed?.probedAt;
      if (probed) probed.probedAt = clock.monotonic();
      if (priority === 'background') account.background[bucket].add();
      account.onTheWay[bucket] += 1;
      account.granted[bucket] += 1;
      const call = account.granted[bucket];
      const answered = (rateLimit: RateLimit | undefined) => {
        account.onTheWay[bucket] -= 1;
        if (rateLimit) {
          const told = classify(account, operation, bucket, rateLimit.limit);
          account.bucketOf.set(operation, told);
          learn(account, told, rateLimit, told === bucket ? call : account.granted[told], clock.monotonic());
          return;
        }
        // No header tells, so it is counted here: too low is safe, and the next header puts it right.
        const known = account.known.get(bucket);
        if (known) known.remaining -= 1;
        // A probe that brought no news leaves the question open.
        if (probed && probedBefore !== undefined) probed.probedAt = probedBefore;
      };
      return { grant: { answered } };
    },

    pause,

    spent(identity) {
      const account = accountOf(identity);
      const { background, pausedUntil } = account;
      const general = limitOf(account, 'general');
      const limited = limitOf(account, 'limited');
      return {
        pausedMs: Math.max(0, pausedUntil - clock.monotonic()),
        limits: { ...(general !== undefined && { general }), ...(limited !== undefined && { limited }) },
        background: { general: background.general.bins(), limited: background.limited.bins() },
      };
    },

    restore(identity, { pausedMs, limits, background }, elapsedMs) {
      const account = accountOf(identity);
      account.before = limits;
      for (const bucket of ['general', 'limited'] as const) {
        account.background[bucket].restore(
          background[bucket].map(([agoMs, calls]) => [agoMs + elapsedMs, calls]),
        );
      }
      if (pausedMs > elapsedMs) pause(identity, pausedMs - elapsedMs);
    },

    share(identity) {
      const account = accounts.get(identity);
      return { general: shareIn(account, 'general'), limited: shareIn(account, 'limited') };
    },

    status() {
      const now = clock.monotonic();
      return Array.from(accounts, ([identity, account]) => {
        const show = (bucket: Bucket) => {
          const known = account.known.get(bucket);
          // Nobody has asked since the window became another one: whoever calls next has all of it. Where calls were made that
          // nothing was told of, they may be of this one, and are not of the one after.
          const isSure = known?.asOf === account.granted[bucket] && !known.isGuess;
          const isOld = known !== undefined && now >= known.renewedBy + (isSure ? 0 : WINDOW_MS);
          return (
            known && { limit: known.limit, remaining: isOld ? known.limit : Math.max(0, known.remaining) }
          );
        };
        return {
          identity,
          general: show('general'),
          limited: show('limited'),
          pausedMs: Math.max(0, Math.ceil(account.pausedUntil - now)),
        };
      });
    },
  };
}

/** A bucket's ceiling as it was told last; undefined when nobody has told of it yet. */
const limitOf = ({ known, before }: Account, bucket: Bucket): number | undefined =>
  known.get(bucket)?.limit ?? before[bucket];

/**
 * Which bucket an answer's ceiling belongs to. The limit alone tells, as long as it matches one bucket only; ceilings
 * that support has raised match neither at first, and then the smaller one is the limited one.
 */
function classify(account: Account, operation: string, assumed: Bucket, limit: number): Bucket {
  const learned = account.bucketOf.get(operation) ?? assumed;
  const general = limitOf(account, 'general');
  const limited = limitOf(account, 'limited');
  const isGeneral = limit === (general ?? DOCUMENTED.general);
  const isLimited = limit === (limited ?? DOCUMENTED.limited);
  if (isGeneral !== isLimited) return isGeneral ? 'general' : 'limited';
  if (general !== undefined && limited === undefined && limit < general) return 'limited';
  if (limited !== undefined && general === undefined && limit > limited) return 'general';
  return learned;
}

function learn(account: Account, bucket: Bucket, told: RateLimit, call: number, now: number): void {
  const known = account.known.get(bucket);
  if (!known || known.limit !== told.limit) {
    account.known.set(bucket, { ...told, asOf: call, renewedBy: now + WINDOW_MS, probedAt: now });
    return;
  }
  // Answers overtake each other: less left is news from any call, more left only from one made later.
  if (call < known.asOf) {
    known.remaining = Math.min(known.remaining, told.remaining);
    return;
  }
  // Each call since takes one. Where more is left than that leaves, the window is another one.
  if (told.remaining > known.remaining - (call - known.asOf)) {
    known.renewedBy = now + WINDOW_MS;
    known.isGuess = false;
  }
  known.remaining = told.remaining;
  known.asOf = call;
}
