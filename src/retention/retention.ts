/** Old things go: when, and how much at a time. What may go is the store's to say. */
import { type Clock, sleep } from '../core/clock.ts';
import { showDuration } from '../core/duration.ts';
import { coerceError, isPodiodError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { showSize } from '../core/units.ts';
import type { Removed, Singleton, Store, Usage } from '../store/contract.ts';

export interface RetentionLimits {
  readonly eventsMs: number;
  readonly runsMs: number;
  /** Bytes. */
  readonly size: number;
}

export interface RetentionDeps {
  readonly store: Pick<Store, 'retention' | 'singleton' | 'now'>;
  readonly limits: () => RetentionLimits;
  /** Of the config as it is now, by name. */
  readonly rules: () => readonly string[];
  readonly clock: Clock;
  /** How far Podio's clock is ahead of this one, milliseconds; undefined as long as it has not answered. */
  readonly podioAheadMs: () => number | undefined;
  readonly log: Log;
}

export interface RetentionStatus extends RetentionLimits {
  readonly usage: Usage;
  /** When a round last came to its end; UTC milliseconds. */
  readonly lastRoundAt: number | undefined;
  readonly lastError: string | undefined;
  /** Nothing is removed until this has come about, since the age of events can't be told before. */
  readonly waitsFor: string | undefined;
  /** Events that are old enough to go stay, since this rule has not settled them. */
  readonly heldBy: Removed['heldBy'];
  /** More is used than `size` allows, and why nothing more goes. */
  readonly over: string | undefined;
}

export interface Retention {
  start(): void;
  /** Resolves when nothing is being removed any more. */
  stop(): Promise<void>;
  status(): Promise<RetentionStatus>;
}

/** Changes are known this long, however large the database gets (ARCHITECTURE.md, G3). */
const PROMISED_MS = 30 * 24 * 3_600_000;
/** By a clock that is this much ahead nothing is old enough. */
const APART_MS = 24 * 3_600_000;
/** The wall clock may be set, and a machine may have slept. After that it takes so long until Podio has surely been asked again. */
const JUMP_MS = 3_600_000;
const AFTER_JUMP_MS = 2 * 3_600_000;
/** After a start lanes have better to do. */
const FIRST_MS = 3_000;
const EVERY_MS = 10 * 60_000;
/** So often it is asked whether the age of events can be told by now. */
const UNSURE_MS = 15_000;
/** So often what was passed over is looked at again: runs of old events may be new. */
const AGAIN_MS = 24 * 3_600_000;
/** The writer is left alone so many times as long as a part has taken, and at least so long. */
const REST = 4;
const LEAST_REST_MS = 10;

export function makeRetention({
  store,
  limits,
  rules,
  clock,
  podioAheadMs,
  log: parent,
}: RetentionDeps): Retention {
  const log = parent.child({ module: 'retention' });
  const abort = new AbortController();
  let running: Promise<void> = Promise.resolve();
  let lookedAgainAt = Number.NEGATIVE_INFINITY;
  let lastRoundAt: number | undefined;
  let lastError: string | undefined;
  let waitsFor: string | undefined;
  let heldBy: Removed['heldBy'];
  let over: string | undefined;
  /** Wall time less measured time: the same for as long as nobody sets the clock. */
  let offset = clock.now() - clock.monotonic();
  let jumpedAt = Number.NEGATIVE_INFINITY;

  /** A part, and a rest for the writer. */
  const part = async <T>(work: () => Promise<T>): Promise<T> => {
    const started = clock.monotonic();
    const answer = await work();
    const taken = clock.monotonic() - started;
    await sleep(clock, Math.max(LEAST_REST_MS, REST * taken), abort.signal);
    return answer;
  };

  /** Removes until nothing is left that may go, or `enough`. */
  const remove = async (
    lease: Singleton,
    olderThanMs: number,
    enough: (removed: Removed) => boolean,
  ): Promise<Removed & { readonly total: number }> => {
    let after = 0;
    let total = 0;
    for (;;) {
      const removed = await part(() =>
        store.retention.removeEvents(lease, { olderThanMs, rules: rules(), after }),
      );
      total += removed.events;
      after = removed.upTo;
      if (!removed.more || enough(removed)) return { ...removed, total };
    }
  };

  const tell = (size: number, { used, heldBy: held }: Removed): void => {
    const before = over;
    over =
      used <= size
        ? undefined
        : held === undefined
          ? 'what is left is younger than 30 days, or parked, or waits for a rule that has left the config: changes are known for 30 days whatever they take'
          : `rule ${held.rule} has not settled the events after ${held.cursor}`;
    if (over !== undefined && over !== before) {
      log.warn('the database is larger than retention.size allows', {
        used: showSize(used),
        size: showSize(size),
        because: over,
      });
    } else if (over === undefined && before !== undefined) {
      log.info('the database fits into retention.size again', { used: showSize(used), size: showSize(size) });
    }
  };

  /**
   * What the age of events can't be told without yet; undefined: it can be told. Where the clock is ahead all of them look old,
   * and what is gone is gone. Throws where it is; until Podio has told the time nobody knows.
   */
  const untilAgeIsTold = (): string | undefined => {
    const before = offset;
    offset = clock.now() - clock.monotonic();
    if (offset - before > JUMP_MS) jumpedAt = clock.monotonic();
    const podioAhead = podioAheadMs();
    if (podioAhead === undefined) return 'Podio to tell the time';
    if (clock.monotonic() - jumpedAt < AFTER_JUMP_MS)
      return 'Podio to tell the time again: the clock was set, or the machine slept';
    const aheadMs = store.now() - (clock.now() + podioAhead);
    if (aheadMs <= APART_MS) return undefined;
    throw new Error(
      `the clock is ${showDuration(aheadMs)} ahead of Podio's, or was since podiod started, and everything looks old by it: set it right, then restart podiod`,
    );
  };

  /** Answers whether there was one. */
  const round = async (lease: Singleton): Promise<boolean> => {
    waitsFor = untilAgeIsTold();
    if (waitsFor !== undefined) return false;
    const { eventsMs, runsMs, size } = limits();
    const aged = await remove(lease, eventsMs, () => false);
    let last: Removed = aged;
    let { total } = aged;
    // A part may remove more than was needed: by then others have taken up as much.
    if (aged.used > size) {
      const early = await remove(lease, Math.min(PROMISED_MS, eventsMs), ({ used }) => used <= size);
      last = early;
      total += early.total;
    }
    heldBy = last.heldBy;
    if (total > 0) log.info('old events removed', { events: total, used: showSize(last.used) });
    tell(size, last);

    const again = clock.monotonic() - lookedAgainAt >= AGAIN_MS;
    if (again) lookedAgainAt = clock.monotonic();
    for (let first = again; await part(() => store.retention.forgetSteps(lease, runsMs, first)); )
      first = false;
    while (await part(() => store.retention.giveBack(lease)));
    lastRoundAt = clock.now();
    return true;
  };

  const loop = async (): Promise<void> => {
    const lease = await store.singleton('retention');
    for (let waitMs = FIRST_MS; ; ) {
      await sleep(clock, waitMs, abort.signal);
      waitMs = EVERY_MS;
      try {
        if (!(await round(lease))) {
          waitMs = UNSURE_MS;
          continue;
        }
        if (lastError !== undefined) log.info('old things are removed again');
        lastError = undefined;
      } catch (thrown) {
        if (abort.signal.aborted || (isPodiodError(thrown) && thrown.code === 'STORE_STALE_LEASE')) return;
        const error = coerceError(thrown);
        waitsFor = undefined;
        // One line for an outage: the rounds go on.
        if (lastError === undefined) log.warn('old things can not be removed now', { error });
        lastError = error.message;
      }
    }
  };

  return {
    start() {
      running = loop().catch(error => {
        if (!abort.signal.aborted) log.error('old things are not removed any more', { error });
      });
    },
    stop() {
      abort.abort();
      return running;
    },
    async status() {
      return {
        ...limits(),
        usage: await store.retention.usage(),
        lastRoundAt,
        lastError,
        waitsFor,
        heldBy,
        over,
      };
    },
  };
}
