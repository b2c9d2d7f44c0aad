import { type Cancel, type Clock, sleep } from '../core/clock.ts';
import { orderKey, type PodioEvent } from '../core/event.ts';
import type { Log } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import type { Rule } from '../core/rule.ts';
import type { Data } from '../plugin/contract.ts';
import type { PreparedStep } from '../plugin/host.ts';
import type { ItemReader } from '../podio/contract.ts';
import type { Entry, Finished, Journal, Lanes, OpenRun, RequestedRun, RunKey } from '../store/contract.ts';
import type { Breaker } from './breaker.ts';
import { Caution, POISON_ENDS } from './caution.ts';
import {
  Delivery,
  type DeliveryContext,
  ON_FIELDS,
  type Pause,
  type Resume,
  type RunCondition,
  WHERE,
} from './deliver.ts';
import { type Chunk, type Feed, firstAbove, sizeOf } from './feed.ts';
import { HeldLane } from './held-lane.ts';
import { type Hold, StillTime } from './holds.ts';
import type { Matcher } from './match.ts';
import type { Vitals } from './movement.ts';
import { Outages } from './outages.ts';
import { isBefore, isLeftOut } from './recovered.ts';
import type { Reliably } from './reliably.ts';
import { type Replayed, Replayer } from './replayer.ts';
import { Retries } from './retries.ts';
import { type ItemPage, Spill } from './spill.ts';
import { Standby } from './standby.ts';
import type { Turn } from './turn.ts';
import { makeWake } from './wake.ts';
import { type Slot, Window, type WindowLimits } from './window.ts';

export interface LaneDeps {
  readonly rule: Rule;
  readonly steps: readonly PreparedStep[];
  /** One for each step, that of its plugin. */
  readonly breakers: readonly Breaker[];
  /** Operators' pauses of the rule. */
  readonly hold: Hold;
  readonly matcher: Matcher;
  readonly reader: Pick<ItemReader, 'changes'>;
  /** What conditions see of an event. */
  readonly view: DeliveryContext['view'];
  /** Takes secrets out of what conditions have seen. */
  readonly mask: (text: string) => string;
  readonly lanes: Lanes;
  readonly feed: Feed;
  readonly journal: Pick<Journal, 'read'>;
  readonly reliably: Reliably;
  /** For trying what may have ended the process: or the innocent of one rule would be in hand when another's guilty is tried. */
  readonly turn: Turn;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly random: () => number;
  readonly limits?: WindowLimits;
}

export type LaneState = 'running' | 'waiting for setup' | 'paused' | 'halted' | 'stopped';

/** What only this process knows of a rule; the rest is read from the store. */
export interface RuleStatus {
  readonly rule: string;
  readonly state: LaneState;
  /** Why it is halted or not set up yet. */
  readonly error?: string;
  /** When an operator paused it, ISO 8601, UTC. */
  readonly pausedSince?: string;
  /** Runs that are being worked on, at most the rule's concurrency. */
  readonly inHand: number;
  /** Runs that wait to try a step again. */
  readonly waiting: number;
  /** How far the journal has been looked at. */
  readonly position: number;
}

/** One event on its way through the rule. */
interface Run {
  readonly event: PodioEvent;
  readonly key: RunKey;
  /** The rule may have run for this change already, on account of another hook. */
  readonly twin: boolean;
  /** Whether it stands in the lane's way through the journal. */
  readonly live: boolean;
  readonly asks: boolean;
  readonly unwanted: boolean;
  readonly resume: Resume | undefined;
  /** Set when a person asked for a parked run to be tried again. */
  readonly parkedId: string | undefined;
  delivery: Delivery | undefined;
}

/** Bounds what a rule that gets nothing done holds in memory, however long that lasts. */
const LIMITS: WindowLimits = { entries: 1000, bytes: 8 * 1024 * 1024, chain: 64 };

/** A lane with little concurrency still takes its entries a handful at a time. */
const MIN_AHEAD = 32;

/** Runs are announced on disk so many entries ahead, at least: each announcement is a write of its own. */
const MIN_REACH = 64;

/** How long aborted work may take to come to an end. */
const LET_GO_MS = 1000;

/** The change has run for this rule before: there is nothing to do and nothing to record. */
const REPEAT = { kind: 'repeat' } as const;
const ABORTED = { kind: 'aborted' } as const;
const NO_DATA: Data = Object.freeze({});

/**
 * Walks one rule along the journal (architecture 5). It pulls: entries are read as there is room for them, so nothing
 * piles up in front of slow steps. Every matching entry ends in a run record; the cursor follows behind as the position
 * below which nothing is open.
 */
export class Lane {
  readonly #deps: LaneDeps;
  readonly #context: DeliveryContext;
  readonly #log: Log;
  readonly #window: Window<Run>;
  /** How many entries may lie ready to run. */
  readonly #ahead: number;
  readonly #abort = new AbortController();
  readonly #outages: Outages;
  readonly #times: readonly StillTime[];
  readonly #leaveHold: Cancel;
  readonly #walk = makeWake(() => this.#read());
  /** Operators may have asked for something. */
  readonly lookForRequests = makeWake(() => this.#readRequests());

  #held: HeldLane | undefined;
  /** Above the cursor, but settled before the last restart. */
  #done = new Set<number>();
  /** Begun before the last restart, by seq; undefined: by other steps than now. */
  readonly #begun = new Map<number, Resume | undefined>();
  /** The same for replays. */
  readonly #begunReplays = new Map<string, Resume | undefined>();
  /** While it is not known what ended the process. */
  #caution: Caution | undefined;
  /** Handed out, and waits until nothing else is in hand. */
  #next: Slot<Run> | undefined;
  /** A run is in hand that nothing may be started beside. */
  #alone = false;
  #openedAt = 0;
  #upTo = 0;
  /** When the rule was first loaded, UTC milliseconds. */
  #loadedAt = 0;
  #isSetUp = false;
  #taking = false;
  /** Another owner has the lane, or so the store says. */
  #isLost = false;
  #halted: string | undefined;
  /** Runs that hold a slot. */
  #active = 0;
  /** Held back while a plugin keeps failing. */
  readonly #standby: Standby<Slot<Run>>;
  readonly #timers = new Map<Slot<Run>, Cancel>();
  /** Chunks taken, and runs started and paused: whether it gets on. */
  #moves = 0;
  readonly #spill: Spill;
  readonly #retries: Retries;
  readonly #replayer: Replayer;
  /** Runs that gave up in a rule that halts then: they come first when it goes on. */
  #haltedRuns: Slot<Run>[] = [];
  /** How often someone has asked for the rule's parked runs, as far as this lane knows. */
  #retriesAsked: number | undefined;
  #onIdle: (() => void) | undefined;

  constructor(deps: LaneDeps) {
    this.#deps = deps;
    this.#log = deps.log.child({ rule: deps.rule.name });
    this.#outages = new Outages(this.#log, deps.clock);
    const limits = deps.limits ?? LIMITS;
    this.#window = new Window(limits);
    this.#standby = new Standby(
      deps.clock,
      deps.breakers,
      () => this.#mayStart,
      slot => this.#again(slot),
    );
    this.#spill = new Spill({
      limit: limits.chain,
      read: (itemId, after, limit) => this.#readItem(itemId, after, limit),
      take: entry => this.#takeLate(entry),
    });
    this.#retries = new Retries({
      requested: async page => this.#held?.requested(page),
      add: request => this.#addRequested(request),
    });
    this.#replayer = new Replayer({
      journal: deps.journal,
      reliably: deps.reliably,
      signal: this.#abort.signal,
      wants: event => deps.matcher.match(event) !== 'no',
      asked: async () => (await this.#held?.asked())?.replays,
      recorded: async eventIds => this.#held?.recorded(eventIds),
      replayed: async (id, cursor) => (await this.#held?.replayed(id, cursor)) ?? false,
      add: replayed => this.#addReplayed(replayed),
    });
    this.#leaveHold = deps.hold.watch(() => this.#startRuns());
    const ruleTime = new StillTime(deps.clock, [deps.hold]);
    const stepTimes = deps.breakers.map(({ hold }) => new StillTime(deps.clock, [deps.hold, hold]));
    this.#times = [ruleTime, ...stepTimes];
    this.#ahead = Math.max(2 * deps.rule.concurrency, MIN_AHEAD);
    this.#context = {
      rule: deps.rule,
      steps: deps.steps,
      breakers: deps.breakers,
      ruleTime,
      stepTimes,
      clock: deps.clock,
      random: deps.random,
      signal: this.#abort.signal,
      view: deps.view,
      mask: deps.mask,
      usable: () => this.#held?.usable() ?? false,
      outages: this.#outages,
    };
  }

  /** Takes the lane over from whoever had it and reads where it stands. Rejects with a StoreError. */
  async open(): Promise<void> {
    const { clock, feed, lanes, reliably, rule } = this.#deps;
    const lease = await lanes.acquire({ rule: rule.name, shard: 0, of: 1 }, rule.startAt);
    const state = await lanes.load(lease);
    const readAt = clock.monotonic();
    this.#upTo = state.cursor;
    this.#loadedAt = state.loadedAt;
    this.#done = new Set(state.done);
    for (const run of state.open) {
      const resume = this.#resume(run, readAt);
      if (run.key.replay === 0) this.#begun.set(run.key.seq, resume);
      else this.#begunReplays.set(placeOf(run.key), resume);
    }
    this.#openedAt = readAt;
    if (state.unclean) {
      this.#caution = new Caution(state.unclean, feed.head());
      this.#log.info('podiod did not end cleanly, what was in hand runs one at a time');
    }
    this.#held = new HeldLane({
      lanes,
      lease,
      fingerprint: rule.fingerprint,
      reliably,
      clock,
      signal: this.#abort.signal,
      savedCursor: state.cursor,
      cursor: () => this.#cursor(),
      position: () => this.#upTo,
      reachAhead: Math.max(4 * rule.concurrency, MIN_REACH),
      onLost: () => this.#lose(),
    });
  }

  /** Begins to work; its steps are set up meanwhile. */
  start(): void {
    const { signal } = this.#abort;
    if (signal.aborted) return;
    this.#taking = true;
    Promise.all(this.#deps.steps.map(step => step.ready(signal))).then(
      () => {
        this.#isSetUp = true;
        this.#startRuns();
      },
      // Set-up is tried until it works, so this is the end of the lane.
      () => {},
    );
    this.#walk();
    // What was asked for since the lane was opened.
    this.lookForRequests();
  }

  /** There may be more in the journal. */
  wake(): void {
    this.#walk();
  }

  /** How far the journal has been looked at. */
  get position(): number {
    return this.#upTo;
  }

  status(): RuleStatus {
    const unready = this.#isSetUp ? undefined : this.#deps.steps.find(step => step.state.state !== 'ready');
    const lost = this.#isLost ? 'the lane was taken over by another owner' : undefined;
    const error = lost ?? this.#halted ?? unready?.state.error;
    return {
      rule: this.#deps.rule.name,
      state: this.#state(),
      ...(error !== undefined && { error }),
      ...this.#deps.hold.told,
      inHand: this.#active,
      waiting: this.#timers.size + this.#standby.size,
      position: this.#upTo,
    };
  }

  /**
   * A lane owes when there is something to read and room for it, a run that may be started, or a write of its own that
   * the store has not answered. Whatever a plugin, a backoff or a pause holds up is not
   * podiod's.
   */
  vitals(): Vitals {
    if (this.#isLost) return { owes: true, done: this.#moves };
    const isBehind = this.#taking && this.#canTake && this.#upTo < this.#deps.feed.head();
    const mayStart = this.#mayStart && this.#window.runnable > 0 && this.#next === undefined;
    const writing = this.#held?.waiting ?? 0;
    return { owes: isBehind || mayStart || writing > 0, done: this.#moves + (this.#held?.answered ?? 0) };
  }

  /**
   * Takes no more and finishes what is in hand; what has not ended after `deadlineMs` is aborted and goes on from its
   * last finished step at the next start. Resolves with how many runs that were.
   */
  async stop(deadlineMs: number): Promise<number> {
    this.#letGo();
    await this.#idle(deadlineMs);
    const left = this.#active;
    this.#abort.abort(new Error('podiod is stopping'));
    await this.#idle(LET_GO_MS);
    this.#held?.end();
    for (const time of this.#times) time.end();
    // Where that fails, the next start takes this for an unclean end, which costs it some looking, no more.
    const released = this.#held?.release().catch(error => this.#log.debug('lane not released', { error }));
    if (released) await within(this.#deps.clock, LET_GO_MS, released);
    return left;
  }

  // -------------------------------------------------------------------------------------------- reading

  async #read(): Promise<void> {
    const { feed, reliably } = this.#deps;
    while (this.#taking && this.#canTake) {
      const found = feed.read(this.#upTo);
      const chunk =
        found instanceof Promise
          ? (await reliably(async () => feed.read(this.#upTo), this.#abort.signal))?.value
          : found;
      if (chunk === undefined || !this.#taking) return;
      this.#moves++;
      this.#take(chunk);
      this.#startRuns();
      this.#held?.advanceSoon();
    }
  }

  #take(chunk: Chunk): void {
    const { entries } = chunk;
    for (let at = firstAbove(chunk, this.#upTo); at < entries.length; at++) {
      const entry = entries[at];
      if (entry === undefined || !this.#canTake) return;
      const { event, twin, order, bytes } = entry;
      this.#upTo = event.seq;
      if (this.#done.delete(event.seq)) continue;
      const run = this.#toRun(event, twin);
      if (run === undefined || this.#spill.leaves(order, this.#window.chainLength(order), event)) continue;
      this.#begun.delete(event.seq);
      const first = this.#window.add(event.seq, order, bytes, run);
      if (first && this.#waitMs(run) <= 0) this.#caution?.take(run);
    }
    this.#upTo = chunk.upTo;
  }

  /** Undefined for an event that the rule does not want. */
  #toRun(event: PodioEvent, twin: boolean): Run | undefined {
    const { matcher, rule } = this.#deps;
    const match = matcher.match(event);
    const key = { seq: event.seq, eventId: event.id, replay: 0 };
    const begun = this.#begun.has(event.seq) || this.#caution?.isSuspect(key) === true;
    if (!begun && (match === 'no' || isBefore(event, rule, this.#loadedAt))) return undefined;
    const resume = this.#begun.get(event.seq);
    return {
      event,
      key,
      twin,
      live: true,
      asks: match === 'ask',
      // A run that was begun goes on, also when the triggers were changed since; when the steps were too, nothing of it
      // is left to do but to clear it away.
      unwanted: match === 'no' && resume === undefined,
      resume,
      parkedId: undefined,
      delivery: undefined,
    };
  }

  async #readItem(itemId: number, after: number, limit: number): Promise<ItemPage | undefined> {
    const { journal, reliably } = this.#deps;
    const read = await reliably(() => journal.read({ after, limit, itemId }), this.#abort.signal);
    if (read === undefined) return undefined;
    const { entries } = read.value;
    const records = await this.#held?.recorded(entries.map(({ event }) => event.id));
    if (records === undefined) return undefined;
    const done = records.filter(({ replay }) => replay === 0).map(({ seq }) => seq);
    return { entries, done: new Set(done) };
  }

  #takeLate({ event, twin }: Entry): boolean {
    const run = this.#taking ? this.#toRun(event, twin) : undefined;
    if (run === undefined) return false;
    this.#begun.delete(event.seq);
    this.#window.addLate(orderKey(event), sizeOf(event), run);
    this.#startRuns();
    return true;
  }

  /** Everything up to here is settled. @param without a slot left out of account */
  #cursor(without?: Slot<Run>): number {
    return this.#spill.cursor(this.#window.cursor(this.#upTo, without));
  }

  async #readRequests(): Promise<void> {
    if (!this.#taking) return;
    const asked = await this.#held?.asked();
    if (asked === undefined || !this.#taking) return;
    const isNew = this.#retriesAsked !== undefined && asked.retries > this.#retriesAsked;
    this.#retriesAsked = asked.retries;
    if (isNew) this.#goOnAfterHalt();
    this.#retries.look();
    if (asked.replays.length > 0) this.#replayer.look();
  }

  #addRequested({ parkedId, entry, run }: RequestedRun): void {
    const resume = this.#resume(run, this.#deps.clock.monotonic());
    this.#addBehind(orderKey(entry.event), {
      event: entry.event,
      key: run.key,
      twin: false,
      resume,
      parkedId,
    });
  }

  #addReplayed({ event, order, key, twin }: Replayed): void {
    const place = placeOf(key);
    const resume = this.#begunReplays.get(place);
    this.#begunReplays.delete(place);
    this.#addBehind(order, { event, key, twin, resume, parkedId: undefined });
  }

  #addBehind(order: string, run: Pick<Run, 'event' | 'key' | 'twin' | 'resume' | 'parkedId'>): void {
    if (!this.#taking) return;
    this.#window.addBehind(order, {
      ...run,
      live: false,
      unwanted: false,
      asks: this.#deps.matcher.match(run.event) === 'ask',
      delivery: undefined,
    });
    this.#startRuns();
  }

  /** With other steps than now, what was reached means nothing: the run begins again. */
  #resume({ fingerprint, checkpoints, tries }: OpenRun, readAt: number): Resume | undefined {
    return fingerprint === this.#deps.rule.fingerprint ? { checkpoints, tries, readAt } : undefined;
  }

  // -------------------------------------------------------------------------------------------- running

  #startRuns(): void {
    while (this.#mayStart) {
      const slot = this.#next ?? this.#window.next();
      if (slot === undefined) return;
      this.#next = undefined;
      const waitMs = this.#waitMs(slot.value);
      if (waitMs > 0) {
        this.#wait(slot, waitMs);
        continue;
      }
      const alone = this.#caution?.wantsAlone(slot.value, this.#upTo) ?? false;
      if (alone && this.#active > 0) {
        this.#next = slot;
        return;
      }
      const suspect = this.#caution?.isSuspect(slot.value.key) ?? false;
      if (suspect && !this.#deps.turn.take(() => this.#again(slot))) continue;
      this.#alone = alone;
      this.#active++;
      this.#moves++;
      void this.#run(slot, alone).finally(() => {
        if (suspect) this.#deps.turn.give();
      });
    }
  }

  get #mayStart(): boolean {
    return (
      this.#taking &&
      this.#isSetUp &&
      this.#halted === undefined &&
      !this.#deps.hold.isOn &&
      !this.#alone &&
      this.#active < this.#deps.rule.concurrency
    );
  }

  /** How long a run that was not started in this life has to wait yet, milliseconds. */
  #waitMs(run: Run): number {
    if (run.delivery !== undefined || (run.resume === undefined && this.#caution === undefined)) return 0;
    const now = this.#deps.clock.monotonic();
    const quarantineMs = (this.#caution?.quarantineMs(run) ?? 0) + this.#openedAt - now;
    const waits = run.resume?.tries.map(({ waitMs }) => waitMs) ?? [];
    return Math.max(quarantineMs, (run.resume?.readAt ?? 0) + Math.max(0, ...waits) - now, 0);
  }

  async #run(slot: Slot<Run>, alone: boolean): Promise<void> {
    const run = slot.value;
    let pause: Pause | typeof REPEAT;
    try {
      pause = await this.#goOn(run, alone);
      // The slot is held until the record is on disk: a disk that is slower than the steps slows them down.
      if (pause.kind === 'ended' && !(await this.#record(slot, pause))) pause = ABORTED;
    } catch (error) {
      this.#log.error('run failed inside podiod', { seq: run.key.seq, event: run.key.eventId, error });
      pause = { kind: 'halted', step: '', error: 'a fault in podiod itself; the log has it' };
    }
    this.#active--;
    this.#moves++;
    if (alone) this.#alone = false;
    if (this.#caution !== undefined && pause.kind !== 'aborted') this.#acquit(run, this.#caution);
    switch (pause.kind) {
      case 'ended':
        this.#deps.metrics.delivered(this.#deps.rule.name, pause.outcome);
        this.#log.debug('run ended', { seq: run.key.seq, event: run.key.eventId, outcome: pause.outcome });
        this.#settle(slot);
        break;
      case 'repeat':
        this.#settle(slot);
        break;
      case 'waiting':
        this.#wait(slot, pause.ms);
        break;
      case 'held':
        if (this.#taking) this.#standby.add(pause.breaker, slot, pause.ms);
        break;
      case 'halted':
        this.#halt(slot, pause);
        break;
      case 'aborted':
        // Where it was not stopped from here, the lease was no longer good.
        this.#lose();
        break;
    }
    this.#startRuns();
    if (this.#wantsMore) this.#walk();
    if (this.#active === 0) this.#onIdle?.();
  }

  async #goOn(run: Run, alone: boolean): Promise<Pause | typeof REPEAT> {
    if (run.unwanted) return { kind: 'ended', outcome: 'filtered', steps: [] };
    if (run.delivery === undefined) {
      if (run.twin) {
        // The twin shares this entry's chain, so when it ran at all it has its record by now.
        const ran = await (run.live ? this.#held?.hasRun(run.key.eventId) : this.#replayer.hasRun(run));
        if (ran === undefined) return ABORTED;
        if (ran) return REPEAT;
      }
      run.delivery = this.#begin(run);
      if (this.#caution?.isPoison(run)) return this.#poisoned(run, run.delivery);
    }
    if (!this.#isStarted(run, alone) && !(await this.#announce(run, alone))) return ABORTED;
    return run.delivery.go();
  }

  /** Whether the disk knows already that the run may be in hand from now on. */
  #isStarted(run: Run, alone: boolean): boolean {
    return run.live && !alone && (this.#held?.isAnnounced(run.key.seq) ?? false);
  }

  async #announce(run: Run, alone: boolean): Promise<boolean> {
    const held = this.#held;
    if (run.live && !alone) return (await held?.announce(run.key.seq)) ?? false;
    return (await held?.mark(run.key, alone)) ?? false;
  }

  #poisoned({ key }: Run, delivery: Delivery): Pause {
    const pause = delivery.poisoned(POISON_ENDS);
    this.#log.error('podiod ended again and again while this event alone was in hand, it is parked', {
      seq: key.seq,
      event: key.eventId,
    });
    return pause;
  }

  #acquit(run: Run, caution: Caution): void {
    caution.acquit(run);
    if (caution.isOver(this.#upTo)) this.#caution = undefined;
  }

  #begin(run: Run): Delivery {
    const { key, resume } = run;
    const event: PodioEvent = key.replay > 0 ? { ...run.event, source: 'replay' } : run.event;
    return new Delivery(
      this.#context,
      {
        event,
        replay: key.replay,
        conditions: [...this.#conditions(run, event)],
        checkpoint: async checkpoint => (await this.#held?.checkpoint(key, checkpoint)) ?? false,
        tried: async tries => (await this.#held?.tried(key, tries)) ?? false,
      },
      resume,
    );
  }

  *#conditions({ asks, event: journaled }: Run, event: PodioEvent): Generator<RunCondition> {
    const { matcher, reader, rule, view } = this.#deps;
    const leftOut = isLeftOut(journaled, rule);
    if (leftOut || asks) {
      yield {
        name: ON_FIELDS,
        judge: async () => {
          if (leftOut) return { holds: false, checks: [] };
          const changes = await reader.changes(journaled);
          const holds = matcher.decide(journaled, changes);
          // What holds leaves no trace.
          return { holds, checks: holds ? [] : matcher.checks(journaled, changes) };
        },
      };
    }
    const { where } = rule;
    if (where !== undefined) yield { name: WHERE, judge: () => where.judge(view(event, NO_DATA)) };
  }

  /** True when the end of the run is on disk. */
  async #record(slot: Slot<Run>, pause: Pause & { kind: 'ended' }): Promise<boolean> {
    const { key, parkedId } = slot.value;
    const { outcome, steps, error, park } = pause;
    const finished: Finished = {
      record: { ...key, outcome, steps, ...(error !== undefined && { error }) },
      ...(park && { park }),
      ...(parkedId !== undefined && { parkedId }),
    };
    return (await this.#held?.finish(finished, this.#cursor(slot))) ?? false;
  }

  #settle(slot: Slot<Run>): void {
    const run = slot.value;
    const { key, live, parkedId } = run;
    this.#window.settle(slot);
    if (live) this.#spill.settled(slot.order, key.seq, this.#window.chainLength(slot.order));
    if (parkedId !== undefined) this.#retries.settle(parkedId);
    else if (!live) this.#replayer.settle(run);
    this.#held?.advanceSoon();
  }

  /** The slot is free meanwhile; the run keeps its place at the head of its item's chain. */
  #wait(slot: Slot<Run>, ms: number): void {
    if (!this.#taking) return;
    const cancel = this.#deps.clock.after(ms, () => {
      this.#timers.delete(slot);
      this.#again(slot);
    });
    this.#timers.set(slot, cancel);
  }

  #again(slot: Slot<Run>): void {
    this.#window.again(slot);
    this.#startRuns();
  }

  #halt(slot: Slot<Run>, { step, error }: { step: string; error: string }): void {
    this.#haltedRuns.push(slot);
    // Others that were in hand may give up as well: that is the same outage.
    if (this.#halted !== undefined) return;
    this.#halted = error;
    const { seq, eventId } = slot.value.key;
    this.#log.error(
      'rule halted; when it is mended, podiod parked retry --rule, or a restart, lets it go on',
      {
        seq,
        event: eventId,
        step,
        reason: error,
      },
    );
  }

  /** Tries again what it halted for; that failing, it halts again. */
  #goOnAfterHalt(): void {
    if (this.#halted === undefined) return;
    this.#halted = undefined;
    this.#log.info('rule goes on');
    for (const slot of this.#haltedRuns.splice(0)) this.#window.again(slot);
    this.#startRuns();
  }

  /** Only so much is read ahead: what waits in memory for long is what the garbage collector works hardest for. */
  get #canTake(): boolean {
    return this.#window.hasRoom && this.#window.runnable < this.#ahead;
  }

  /** Not for each single entry that leaves. */
  get #wantsMore(): boolean {
    const { hasRoom, runnable } = this.#window;
    return hasRoom && runnable < this.#deps.rule.concurrency && this.#upTo < this.#deps.feed.head();
  }

  // -------------------------------------------------------------------------------------------- ending

  /** Someone else has the lane now: what is in hand here no longer counts. */
  #lose(): void {
    if (this.#abort.signal.aborted) return;
    // In the embedded store nobody else can have it: a fault, which the watchdog is to end.
    this.#isLost = true;
    this.#log.warn('lane taken over by another owner, the rule stands still');
    this.#letGo();
    this.#held?.end();
    this.#abort.abort(new Error('the lane has another owner now'));
  }

  /** Takes no more. What waits to try again waits on disk. */
  #letGo(): void {
    this.#taking = false;
    this.#leaveHold();
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#standby.end();
  }

  #state(): LaneState {
    if (!this.#taking) return 'stopped';
    if (this.#halted !== undefined) return 'halted';
    if (this.#deps.hold.isOn) return 'paused';
    return this.#isSetUp ? 'running' : 'waiting for setup';
  }

  /** Resolves when no run holds a slot, or after `ms`. */
  async #idle(ms: number): Promise<void> {
    if (this.#active === 0) return;
    const idle = new Promise<void>(resolve => {
      this.#onIdle = resolve;
    });
    await within(this.#deps.clock, ms, idle);
  }
}

const placeOf = ({ seq, replay }: RunKey): string => `${seq}/${replay}`;

/** Resolves with `promise`, or after `ms` at the latest. */
async function within(clock: Clock, ms: number, promise: Promise<void>): Promise<void> {
  const enough = new AbortController();
  const timeout = sleep(clock, ms, enough.signal).catch(() => {});
  await Promise.race([promise, timeout]);
  enough.abort();
}
