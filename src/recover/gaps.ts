import type { Subscription } from 'rxjs';
import { backoffMs, statedWaitMs } from '../core/backoff.ts';
import type { Cancel, Clock } from '../core/clock.ts';
import { coerceError, PodioError } from '../core/errors.ts';
import { type Range, sizeOf } from '../core/ledger.ts';
import type { Log } from '../core/log.ts';
import type { Identities, PodioClient } from '../podio/contract.ts';
import type { HeldItem, OpenGap, Singleton, Store } from '../store/contract.ts';
import { type Finding, lostFor, recoveryWith, WHY } from './missed.ts';
import { lossIn } from './sweep.ts';

/** Deliveries overtake each other by some seconds at most, by far most of them by less: so long they are waited for. */
const STRAGGLERS_MS = 1000;

/** So long events wait for what is missing before them. */
const HOLD_MS = 30_000;

/** So long each process tries at least, however long they have been held before it was there. */
const LEAST_TRY_MS = 10_000;

/** Waits between two tries to read what events wait for, then what nothing waits for any more. */
const RETRY = { fromMs: 1000, toMs: 8000 };
const OPEN_RETRY = { fromMs: 60_000, toMs: 3_600_000 };

/** What is tried before its time, since Podio answers again, is tried one after the other, so long apart. */
const WOKEN_APART_MS = 500;
/** And not again for as long as that, however often Podio comes and goes. */
const CALM_MS = 60_000;

/** A refusal is not yet proof: a token may be renewed. After so long it is taken for one. */
const REFUSED_FOR_MS = 3_600_000;

const AT_ONCE = 4;

export interface GapReaderDeps {
  readonly store: Pick<Store, 'gaps' | 'changes$'>;
  readonly lease: Singleton;
  readonly items: Pick<PodioClient['items'], 'revisions'>;
  readonly identities: Identities;
  /** Undefined for an app that no rule follows any more. */
  readonly findingFor: (app: string) => Finding | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** An item's missing revisions, whether events wait for them or not. */
interface Wanted {
  readonly itemId: number;
  readonly app: string;
  readonly missing: readonly Range[];
  /** How long they have been missing. */
  readonly ageMs: number;
  readonly isHeld: boolean;
}

/** How long an item's events have been held, by this process's own clock: what the store tells is wall time. */
interface Held {
  readonly ageMs: number;
  /** By the clock's monotonic time. */
  readonly at: number;
  /** As the store told it. */
  readonly heldMs: number;
}

/** What this process has tried; after a restart it tries at once. */
interface Attempts {
  count: number;
  isReading: boolean;
  /** By the clock's monotonic time. */
  nextAt: number;
  why: string;
}

/** Reads what is missing before events that are held, and lets them go when that takes too long. */
export class GapReader {
  readonly #deps: GapReaderDeps;
  readonly #attempts = new Map<number, Attempts>();
  readonly #held = new Map<number, Held>();
  /** Apps of which Podio answers again; undefined: of any. */
  readonly #called = new Set<string | undefined>();
  #calledAt = Number.NEGATIVE_INFINITY;
  /** When items are to be tried before their time, by the clock's monotonic time. */
  readonly #woken = new Map<number, number>();
  #subscription: Subscription | undefined;
  #timer: Cancel | undefined;
  #looking: Promise<void> | undefined;
  #again = false;
  #reading = 0;

  constructor(deps: GapReaderDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#subscription = this.#deps.store.changes$.subscribe(pulse => {
      if (pulse === 'gaps') this.#wake();
    });
    // Whatever kept something from being read may have been mended since.
    this.wake();
  }

  /** Podio answers again, of this app or of all: what is left open need not wait for its next try. */
  wake(app?: string): void {
    this.#called.add(app);
    this.#wake();
  }

  /** Calls under way end with the lease's signal. */
  async stop(): Promise<void> {
    this.#subscription?.unsubscribe();
    this.#timer?.();
    this.#again = false;
    await this.#looking;
  }

  #wake(): void {
    if (!this.#deps.lease.usable()) return;
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = this.#look()
      .catch(error => {
        if (!this.#deps.lease.usable()) return;
        this.#deps.log.error('held events could not be looked at', { error: coerceError(error) });
        this.#wakeIn(RETRY.toMs);
      })
      .finally(() => {
        this.#looking = undefined;
        if (this.#again) {
          this.#again = false;
          this.#wake();
        }
      });
  }

  #wakeIn(ms: number): void {
    this.#timer?.();
    this.#timer = this.#deps.clock.after(ms, () => this.#wake());
  }

  async #look(): Promise<void> {
    const { gaps } = this.#deps.store;
    const [held, open] = await Promise.all([gaps.held(), gaps.open()]);
    let next = Number.POSITIVE_INFINITY;
    for (const item of held) next = Math.min(next, await this.#tend(item));
    const waiting = new Set(held.map(({ itemId }) => itemId));
    for (const itemId of this.#held.keys()) if (!waiting.has(itemId)) this.#held.delete(itemId);
    next = Math.min(next, this.#call(open));
    for (const gap of open) if (!waiting.has(gap.itemId)) next = Math.min(next, this.#retry(gap));
    const left = new Set(open.map(({ itemId }) => itemId));
    for (const itemId of this.#woken.keys()) if (!left.has(itemId)) this.#woken.delete(itemId);
    const present = new Set([...waiting, ...left]);
    for (const [itemId, { isReading }] of this.#attempts) {
      if (!isReading && !present.has(itemId)) this.#attempts.delete(itemId);
    }
    if (next < Number.POSITIVE_INFINITY) this.#wakeIn(next);
  }

  /**
   * Goes on by this process's own clock: nothing is let go untried because podiod was down for long or the wall clock was
   * set forward, and nothing waits for a clock that was set back to come round again.
   */
  #ageOf({ itemId, heldMs }: HeldItem): number {
    const now = this.#deps.clock.monotonic();
    const last = this.#held.get(itemId);
    let ageMs: number;
    if (last === undefined) ageMs = Math.min(heldMs, HOLD_MS - LEAST_TRY_MS);
    // The oldest one was released, and another one is the oldest now.
    else if (heldMs < last.heldMs) ageMs = heldMs;
    else ageMs = last.ageMs + now - last.at;
    this.#held.set(itemId, { ageMs, at: now, heldMs });
    return ageMs;
  }

  /** Answers when to look again, milliseconds. */
  async #tend(item: HeldItem): Promise<number> {
    const { itemId, app = '', missing } = item;
    const heldMs = this.#ageOf(item);
    if (heldMs >= HOLD_MS || missing.length === 0) {
      const why = this.#attempts.get(itemId)?.why ?? 'there was no answer in time';
      await this.#letGo(itemId, app, missing, why);
      return Number.POSITIVE_INFINITY;
    }
    const ready = STRAGGLERS_MS - heldMs;
    if (ready > 0) return ready;
    const wait = this.#tryToRead({ itemId, app, missing, ageMs: heldMs, isHeld: true });
    return Math.min(wait, HOLD_MS - heldMs);
  }

  async #letGo(itemId: number, app: string, missing: readonly Range[], why: string): Promise<void> {
    const { store, lease, log } = this.#deps;
    log.warn('missed changes could not be read in time; what waited for them goes on', {
      app,
      item: itemId,
      missing: sizeOf(missing),
      reason: why,
    });
    // What nothing waits for is tried by another measure, from its beginning.
    const attempts = this.#attempts.get(itemId);
    if (attempts) attempts.count = 0;
    await store.gaps.release(lease, { itemId, app, why, retryMs: OPEN_RETRY.fromMs });
  }

  /** Says when each is to be tried of what has been called for. Answers when to look again, milliseconds. */
  #call(open: readonly OpenGap[]): number {
    if (this.#called.size === 0) return Number.POSITIVE_INFINITY;
    const now = this.#deps.clock.monotonic();
    const calmMs = this.#calledAt + CALM_MS - now;
    if (calmMs > 0) return calmMs;
    let at = now;
    for (const woken of this.#woken.values()) at = Math.max(at, woken + WOKEN_APART_MS);
    for (const { itemId, app, waitMs } of open) {
      if (waitMs <= 0 || this.#woken.has(itemId)) continue;
      if (!this.#called.has(undefined) && !this.#called.has(app)) continue;
      this.#woken.set(itemId, at);
      at += WOKEN_APART_MS;
      this.#calledAt = now;
      // That it failed before says nothing any more.
      const attempts = this.#attempts.get(itemId);
      if (attempts) attempts.count = 0;
    }
    this.#called.clear();
    return Number.POSITIVE_INFINITY;
  }

  #retry({ itemId, app, missing, since, waitMs: dueMs }: OpenGap): number {
    const wokenMs = (this.#woken.get(itemId) ?? Number.POSITIVE_INFINITY) - this.#deps.clock.monotonic();
    const waitMs = Math.min(dueMs, wokenMs);
    // Never longer than the longest wait: more is what a clock that was set back makes of it.
    if (waitMs > 0 && waitMs <= OPEN_RETRY.toMs) return waitMs;
    const ageMs = Math.max(0, this.#deps.clock.now() - since);
    return this.#tryToRead({ itemId, app, missing, ageMs, isHeld: false });
  }

  /** Begins to read unless that is under way or has to wait; answers when to look again. */
  #tryToRead(wanted: Wanted): number {
    const { clock } = this.#deps;
    const attempts = this.#attempts.get(wanted.itemId) ?? { count: 0, isReading: false, nextAt: 0, why: '' };
    this.#attempts.set(wanted.itemId, attempts);
    // The end of every reading wakes.
    if (attempts.isReading || this.#reading >= AT_ONCE) return Number.POSITIVE_INFINITY;
    const wait = wanted.isHeld ? attempts.nextAt - clock.monotonic() : 0;
    if (wait > 0) return wait;
    attempts.isReading = true;
    this.#woken.delete(wanted.itemId);
    this.#reading += 1;
    void this.#read(wanted, attempts).finally(() => {
      attempts.isReading = false;
      this.#reading -= 1;
      this.#wake();
    });
    return Number.POSITIVE_INFINITY;
  }

  async #read(wanted: Wanted, attempts: Attempts): Promise<void> {
    const { store, lease, log, clock } = this.#deps;
    const { itemId, app, missing } = wanted;
    try {
      const found = await this.#find(wanted);
      const told = await store.gaps.recover(lease, [found]);
      log.info('missed changes recovered', {
        app,
        item: itemId,
        recovered: told,
        unprovable: sizeOf(found.unprovable?.revisions ?? []),
        missing: sizeOf(missing),
      });
      attempts.count = 0;
    } catch (thrown) {
      if (!lease.usable()) return;
      const error = coerceError(thrown);
      attempts.count += 1;
      attempts.why = error.message;
      const limits = wanted.isHeld ? RETRY : OPEN_RETRY;
      const longer = Math.max(statedWaitMs(error) ?? 0, backoffMs(attempts.count, limits));
      const wait = wanted.isHeld ? longer : Math.min(longer, limits.toMs);
      attempts.nextAt = clock.monotonic() + wait;
      log.debug('missed changes could not be read', { app, item: itemId, error });
      if (wanted.isHeld) return;
      await store.gaps
        .postpone(lease, { itemId, app, why: error.message, retryMs: wait })
        .catch(failure => log.debug('open gap not put off', { error: coerceError(failure) }));
    }
  }

  async #find({ itemId, app, missing, ageMs, isHeld }: Wanted) {
    const { identities, items, lease, findingFor, store } = this.#deps;
    const finding = findingFor(app);
    const as = identities.forApp(app);
    if (!finding || !as) return lostFor(itemId, app, missing, WHY.unconfigured);
    try {
      const priority = isHeld ? 'recovery' : 'background';
      const revisions = await items.revisions(as, itemId, { priority, signal: lease.signal });
      return recoveryWith({ itemId, externalId: undefined }, missing, revisions, finding);
    } catch (error) {
      const why = lossIn(error);
      const isProven = error instanceof PodioError && error.code === 'PODIO_NOT_FOUND';
      if (why === undefined || !(isProven || ageMs >= REFUSED_FOR_MS)) throw error;
      if (isProven && finding.app.deletions) await store.gaps.deleted(itemId, app);
      return lostFor(itemId, app, missing, why);
    }
  }
}
