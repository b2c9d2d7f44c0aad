import type { Cancel, Clock } from '../core/clock.ts';
import { coerceError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { DeliveryPolicy } from '../core/rule.ts';
import { backoffMs, isAway, verdictOf } from './failure.ts';
import { Hold, type Holds } from './holds.ts';
import { Row } from './outages.ts';

/** What `podiod status` tells of a plugin. Times are ISO 8601, UTC. */
export interface BreakerStatus {
  /** A key of `plugins`, or a built-in's name. */
  readonly plugin: string;
  readonly state: 'closed' | 'open';
  readonly since?: string;
  /** Of the last failure. */
  readonly error?: string;
  /** When the next try may be made; absent while one is under way. */
  readonly nextTryAt?: string;
  /** When an operator paused it. */
  readonly pausedSince?: string;
  /** A try has succeeded since the start, or since its rules are as they are now. */
  readonly hasWorked?: true;
}

/** `probe`: the one try of this backoff step, whose end has to be told. */
export type Admission = 'pass' | 'probe' | 'hold';

/** Someone with runs that are held. */
export interface Holder {
  /** Lets one of its runs ask again. False when it has none that could. */
  letOne(): boolean;
  letAll(): void;
}

export interface BreakerDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** From 0 (included) to 1 (excluded). */
  readonly random: () => number;
}

/** Failures in a row, and from how many events, that open a breaker. */
const FAILURES = 5;
const EVENTS = 3;

/** A wait that a plugin asks for is honoured up to here. */
const LONGEST_WAIT_MS = 24 * 60 * 60 * 1000;

/** How long a holder may take to make the try it was asked for, before another one is asked too. */
const CLAIM_MS = 5000;

interface Outage {
  /** Wall time and monotonic. */
  readonly sinceWall: number;
  readonly since: number;
  backoff: DeliveryPolicy['backoff'];
  error: string;
  /** Probes that have failed. */
  probes: number;
  nextAt: number;
  probing: boolean;
}

/**
 * Stands between a plugin that keeps failing and the events that need it, over all rules: while it is open one try at a
 * time finds out whether it works again, and everything else waits. What it knows is this process's only. While the plugin
 * is paused nothing is tried at all.
 */
export class Breaker {
  readonly plugin: string;
  /** An operator's. */
  readonly hold: Hold;
  readonly #deps: BreakerDeps;
  readonly #holders: Holder[] = [];
  #failures = 0;
  #hasWorked = false;
  /** Of these events; more than are needed are not kept. */
  readonly #events = new Set<string>();
  /** Since it last worked. */
  #row: Row | undefined;
  #outage: Outage | undefined;
  #timer: Cancel | undefined;

  constructor(plugin: string, deps: BreakerDeps, hold = new Hold()) {
    this.plugin = plugin;
    this.#deps = deps;
    this.hold = hold;
    hold.watch(() => this.#resumed());
  }

  /** Whoever is told `probe` has to say `succeeded`, `failed` or `abandoned`. */
  admit(): Admission {
    if (this.hold.isOn) return 'hold';
    const outage = this.#outage;
    if (outage === undefined) return 'pass';
    if (this.isHolding) return 'hold';
    outage.probing = true;
    this.#timer?.();
    return 'probe';
  }

  /** Whether a try would be held back now. */
  get isHolding(): boolean {
    if (this.hold.isOn) return true;
    const outage = this.#outage;
    return outage !== undefined && (outage.probing || this.#deps.clock.monotonic() < outage.nextAt);
  }

  /** Until the next try may be made. */
  get waitMs(): number {
    return this.#outage ? Math.max(0, this.#outage.nextAt - this.#deps.clock.monotonic()) : 0;
  }

  /** @param begunAt by the clock's monotonic time */
  succeeded(begunAt: number): void {
    this.#hasWorked = true;
    // The way nearly every call goes.
    if (this.#failures === 0 && this.#row === undefined) return;
    const outage = this.#outage;
    // What had begun before the first one failed says nothing of whether the next one would.
    const isOld = begunAt < (this.#row?.since ?? 0);
    if (outage !== undefined && isOld) return;
    this.#failures = 0;
    this.#events.clear();
    if (!isOld) this.#row = undefined;
    if (outage === undefined) return;
    this.#outage = undefined;
    this.#timer?.();
    this.#deps.log.info('plugin works again', {
      plugin: this.plugin,
      tries: outage.probes + 1,
      ms: Math.round(this.#deps.clock.monotonic() - outage.since),
    });
    this.#letAll();
  }

  /** Answers the row of failures that this is one of, where it says something about the plugin. */
  failed(
    event: string,
    error: unknown,
    { backoff }: Pick<DeliveryPolicy, 'backoff'>,
    admission: Admission,
  ): Row | undefined {
    const verdict = verdictOf(error);
    // Neither a fault of the event nor Podio or the store being away says that the plugin is broken, nor that it works.
    if (verdict === 'never' || isAway(error)) {
      if (admission === 'probe') this.#schedule(0);
      return undefined;
    }
    this.#row ??= new Row(this.#deps.clock.monotonic());
    const row = this.#row;
    const outage = this.#outage;
    const atLeastMs = typeof verdict === 'object' ? Math.min(verdict.afterMs, LONGEST_WAIT_MS) : 0;
    if (outage !== undefined) {
      // Tries from before it opened have been counted.
      if (admission !== 'probe') return row;
      outage.probes++;
      outage.error = coerceError(error).message;
      outage.backoff = backoff;
      this.#schedule(atLeastMs);
      return row;
    }
    this.#failures++;
    if (this.#events.size < EVENTS) this.#events.add(event);
    if (this.#failures >= FAILURES && this.#events.size >= EVENTS) this.#open(row, error, backoff, atLeastMs);
    return row;
  }

  /** Whoever uses the plugin is not what it was: what was known of it says nothing any more. */
  renew(): void {
    this.#failures = 0;
    this.#hasWorked = false;
    this.#events.clear();
    this.#row = undefined;
    this.#outage = undefined;
    this.#timer?.();
    this.#letAll();
  }

  /** A probe was cut off from outside. */
  abandoned(): void {
    this.#schedule(0);
  }

  /** Whoever holds runs back on account of this breaker is told when they may ask again. Answers how to leave. */
  join(holder: Holder): Cancel {
    this.#holders.push(holder);
    return () => {
      const at = this.#holders.indexOf(holder);
      if (at >= 0) this.#holders.splice(at, 1);
      if (this.#holders.length === 0) this.#timer?.();
    };
  }

  status(): BreakerStatus {
    const { plugin, hold } = this;
    const outage = this.#outage;
    const worked = this.#hasWorked ? ({ hasWorked: true } as const) : {};
    if (outage === undefined) return { plugin, state: 'closed', ...worked, ...hold.told };
    const { sinceWall, since, error, nextAt, probing } = outage;
    return {
      plugin,
      state: 'open',
      since: new Date(sinceWall).toISOString(),
      error,
      ...(!probing && { nextTryAt: new Date(sinceWall + (nextAt - since)).toISOString() }),
      ...worked,
      ...hold.told,
    };
  }

  /** All ask again: how long each may wait yet is for them to say, the pause left out. */
  #resumed(): void {
    if (this.hold.isOn) return;
    this.#letAll();
    if (this.#outage !== undefined && !this.#outage.probing) this.#askAfter(this.waitMs);
  }

  #letAll(): void {
    if (this.hold.isOn) return;
    for (const holder of [...this.#holders]) holder.letAll();
  }

  #open(row: Row, error: unknown, backoff: DeliveryPolicy['backoff'], atLeastMs: number): void {
    const { clock, log } = this.#deps;
    this.#outage = {
      sinceWall: clock.now(),
      since: clock.monotonic(),
      backoff,
      error: coerceError(error).message,
      probes: 0,
      nextAt: 0,
      probing: false,
    };
    this.#schedule(atLeastMs);
    row.isTakenOver = true;
    // Most often the rule whose step failed first has told of it.
    log[row.isNews('step failed') ? 'warn' : 'debug']('plugin keeps failing, one event at a time tries it', {
      plugin: this.plugin,
      failures: this.#failures,
      nextTryInMs: Math.round(this.waitMs),
      error,
    });
  }

  #schedule(atLeastMs: number): void {
    const { clock, random } = this.#deps;
    const outage = this.#outage;
    if (outage === undefined) return;
    const waitMs = Math.max(backoffMs(outage.backoff, outage.probes + 1, 0, random()), atLeastMs);
    outage.probing = false;
    outage.nextAt = clock.monotonic() + waitMs;
    this.#askAfter(waitMs);
  }

  #askAfter(ms: number): void {
    this.#timer?.();
    this.#timer = this.#deps.clock.after(ms, () => this.#ask());
  }

  /** By turns, so that a holder that can't get to it keeps nobody waiting. */
  #ask(): void {
    if (this.#outage === undefined || this.#outage.probing || this.hold.isOn) return;
    if (this.isHolding) {
      // A timer may be a moment early, and nobody else would ask.
      this.#askAfter(this.waitMs);
      return;
    }
    for (let asked = 0; asked < this.#holders.length; asked++) {
      const holder = this.#holders.shift();
      if (holder === undefined) return;
      this.#holders.push(holder);
      if (holder.letOne()) break;
    }
    this.#askAfter(CLAIM_MS);
  }
}

/** One for each plugin that the rules use. */
export class Breakers {
  readonly #deps: BreakerDeps;
  readonly #holds: Holds;
  readonly #all = new Map<string, Breaker>();

  constructor(deps: BreakerDeps, holds: Holds) {
    this.#deps = deps;
    this.#holds = holds;
  }

  of(plugin: string): Breaker {
    let breaker = this.#all.get(plugin);
    if (breaker === undefined) {
      breaker = new Breaker(plugin, this.#deps, this.#holds.of('plugin', plugin));
      this.#all.set(plugin, breaker);
    }
    return breaker;
  }

  /** What is used by other rules than before is begun with anew. */
  renew(asBefore: ReadonlySet<string>): void {
    for (const [plugin, breaker] of this.#all) if (!asBefore.has(plugin)) breaker.renew();
  }

  /** What nobody uses is forgotten. */
  keep(used: ReadonlySet<string>): void {
    for (const plugin of this.#all.keys()) {
      if (used.has(plugin)) continue;
      this.#all.delete(plugin);
      this.#holds.forget('plugin', plugin);
    }
  }

  status(): readonly BreakerStatus[] {
    return [...this.#all.values()].map(breaker => breaker.status());
  }
}
