import { backoffMs, statedWaitMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { isPodiodError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';

/** Something of the reconciler's work that fails while the rest goes on. */
export interface Degraded {
  /** The ref in trouble: `app/101`. */
  readonly ref: string;
  readonly error: string;
  /** What to do, where that is known. */
  readonly hint: string | undefined;
  /** ISO 8601, UTC: when it began. */
  readonly since: string;
  /** Who suffers from it; empty when that isn't known or is nobody. */
  readonly rules: readonly string[];
  /** Nothing is wrong with it: Podio as a whole is away, or lets nobody in for now. */
  readonly away?: true;
}

export interface Trouble {
  readonly ref: string;
  readonly error: Error;
  readonly rules: readonly string[];
}

interface Entry {
  readonly shown: Degraded;
  /** What tells one trouble from the next. */
  readonly kind: string;
  readonly failures: number;
  /** By the clock's monotonic time. */
  readonly dueAt: number;
}

const AWAY: ReadonlySet<string> = new Set(['PODIO_UNAVAILABLE', 'PODIO_RATE_LIMITED']);

const FIRST_WAIT = 30_000;
const LONGEST_WAIT = 15 * 60_000;

/** What fails, since when, and when it may be tried again: each thing has a backoff of its own. */
export class DegradedSet {
  readonly #entries = new Map<string, Entry>();
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #log: Log;

  constructor(effects: { clock: Clock; random: () => number; log: Log }) {
    this.#clock = effects.clock;
    this.#random = effects.random;
    this.#log = effects.log;
  }

  list(): readonly Degraded[] {
    return [...this.#entries.values()].map(entry => entry.shown);
  }

  get(key: string): Degraded | undefined {
    return this.#entries.get(key)?.shown;
  }

  /** False while the last failure's wait is not over. */
  isDue(key: string): boolean {
    const entry = this.#entries.get(key);
    return !entry || entry.dueAt <= this.#clock.monotonic();
  }

  /** Milliseconds until the next one is due; undefined when there is none. */
  nextDueMs(): number | undefined {
    if (this.#entries.size === 0) return undefined;
    const next = Math.min(...[...this.#entries.values()].map(entry => entry.dueAt));
    return Math.max(0, next - this.#clock.monotonic());
  }

  /** `everyMs`: how often all is looked at anyway; the first wait is never longer. */
  failed(key: string, trouble: Trouble, everyMs: number): void {
    const { ref, error, rules } = trouble;
    const before = this.#entries.get(key);
    const failures = (before?.failures ?? 0) + 1;
    const whole = backoffMs(failures, {
      fromMs: Math.min(FIRST_WAIT, everyMs),
      toMs: Math.max(LONGEST_WAIT, everyMs),
    });
    const wait = statedWaitMs(error) ?? whole * (0.5 + this.#random() / 2);
    const hint = isPodiodError(error) ? error.hint : undefined;
    const kind = isPodiodError(error) ? error.code : error.message;
    const since = before?.shown.since ?? new Date(this.#clock.now()).toISOString();
    this.#entries.set(key, {
      shown: { ref, error: error.message, hint, since, rules, ...(AWAY.has(kind) && { away: true }) },
      kind,
      failures,
      dueAt: this.#clock.monotonic() + wait,
    });
    // One line an outage, not one a try: messages name the hook that happened to fail, codes don't.
    if (before?.kind !== kind) this.#log.warn('ref degraded', { ref, rules, error, hint });
  }

  recovered(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#log.info('ref recovered', { ref: entry.shown.ref, since: entry.shown.since });
  }

  /** Forgets what is no longer looked at. */
  retain(isWanted: (key: string) => boolean): void {
    for (const key of this.#entries.keys()) if (!isWanted(key)) this.#entries.delete(key);
  }
}
