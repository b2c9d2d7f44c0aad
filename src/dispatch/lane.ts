import { abortWith } from '../core/abort.ts';
import { type Clock, sleep } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import type { OwnLookup } from '../core/own.ts';
import type { Rule } from '../core/rule.ts';
import type { PreparedStep } from '../plugin/host.ts';
import type { ItemReader } from '../podio/contract.ts';
import type { Journal, Lanes } from '../store/contract.ts';
import type { Breaker } from './breaker.ts';
import { Caution } from './caution.ts';
import type { DeliveryContext } from './deliver.ts';
import type { Feed } from './feed.ts';
import { Gatherer } from './gatherer.ts';
import { HeldLane } from './held-lane.ts';
import { type Hold, StillTime } from './holds.ts';
import { Intake, type Taker } from './intake.ts';
import type { Matcher } from './match.ts';
import type { Vitals } from './movement.ts';
import { type Away, Outages } from './outages.ts';
import type { Reliably } from './reliably.ts';
import type { Run } from './run.ts';
import { type RunInHand, Runner } from './runner.ts';
import { gatheringMode, isConfirmed } from './together.ts';
import type { Turn } from './turn.ts';
import { Window, type WindowLimits } from './window.ts';

export interface LaneDeps {
  readonly rule: Rule;
  readonly steps: readonly PreparedStep[];
  /** One for each step, that of its plugin. */
  readonly breakers: readonly Breaker[];
  /** Operators' pauses of the rule. */
  readonly hold: Hold;
  readonly matcher: Matcher;
  readonly reader: Pick<ItemReader, 'changes' | 'spanned'>;
  /** What conditions see of an event. */
  readonly view: DeliveryContext['view'];
  /** Takes secrets out of what conditions have seen. */
  readonly mask: (text: string) => string;
  readonly maskError: (text: string) => string;
  readonly lanes: Lanes;
  readonly feed: Feed;
  readonly journal: Pick<Journal, 'read' | 'trace'>;
  readonly reliably: Reliably;
  /** What all lanes go by in trying what may have ended the process. */
  readonly turn: Turn;
  /** What is told of Podio being away, one for all lanes. */
  readonly away: Away;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly random: () => number;
  /** What podiod made at Podio itself. */
  readonly own?: OwnLookup;
  readonly limits?: WindowLimits;
}

export type LaneState = 'running' | 'waiting for setup' | 'paused' | 'halted' | 'stopped';

/** What only this process knows of a rule; the rest is read from the store. */
export interface RuleStatus {
  readonly rule: string;
  /** What it would do outside is shown and not done. */
  readonly shadow?: true;
  readonly state: LaneState;
  /** Why it is halted or not set up yet. */
  readonly error?: string;
  /** When an operator paused it, ISO 8601, UTC. */
  readonly pausedSince?: string;
  /** Runs that are being worked on, at most the rule's concurrency. */
  readonly inHand: number;
  /** Runs that wait to try a step again. */
  readonly waiting: number;
  /** Of a rule whose mode is `throttle`: of these, how many wait for their turn, and when the next one may begin, ISO 8601. */
  readonly throttled?: { readonly runs: number; readonly nextAt: string };
  /** How far the journal has been looked at. */
  readonly position: number;
  /** Entries that it has yet to look at, and those that it wants and has not settled; absent: they are not counted. */
  readonly unsettled?: number;
}

/** Bounds what a rule that gets nothing done holds in memory, however long that lasts. */
const LIMITS: WindowLimits = { entries: 1000, bytes: 8 * 1024 * 1024, chain: 64 };

/** Runs are announced on disk so many entries ahead, at least: each announcement is a write of its own. */
const MIN_REACH = 64;

/** So many events are put with others at the same time, where nothing is read from Podio for it. */
const MAX_GATHERING = 64;

/** How long aborted work may take to come to an end. */
const LET_GO_MS = 1000;

/**
 * Walks one rule along the journal (architecture 5). It pulls: entries are read as there is room for them, so nothing
 * piles up in front of slow steps. Every matching entry ends in a run record; the cursor follows behind as the position
 * below which nothing is open. What comes in is the intake's, what is done with it the runner's; the lane takes over,
 * starts, stops and tells.
 */
export class Lane {
  readonly #deps: LaneDeps;
  readonly #log: Log;
  readonly #abort = new AbortController();
  readonly #times: readonly StillTime[];
  /** Runs steps. */
  readonly #runner: Runner;
  /** Where events are gathered before they are run: decides which, and puts them with the others. */
  readonly #collector: Runner | undefined;
  readonly #gatherer: Gatherer;
  readonly #intake: Intake;

  #held: HeldLane | undefined;
  #taking = false;
  /** Another owner has the lane, or so the store says. */
  #isLost = false;
  #stopped: Promise<number> | undefined;

  constructor(deps: LaneDeps) {
    this.#deps = deps;
    this.#log = deps.log.child({ rule: deps.rule.name });
    const { breakers, clock, hold, rule } = deps;
    const { signal } = this.#abort;
    const limits = deps.limits ?? LIMITS;
    const window = new Window<Run>(limits);
    const ruleTime = new StillTime(clock, [hold]);
    const stepTimes = breakers.map(breaker => new StillTime(clock, [hold, breaker.hold]));
    this.#times = [ruleTime, ...stepTimes];
    const context: DeliveryContext = {
      rule,
      steps: deps.steps,
      breakers,
      ruleTime,
      stepTimes,
      clock,
      random: deps.random,
      signal,
      view: deps.view,
      mask: deps.mask,
      maskError: deps.maskError,
      usable: () => this.#held?.usable() ?? false,
      outages: new Outages(this.#log, clock, deps.away),
    };
    const gathering = gatheringMode(rule);
    const behind = gathering ? new Window<Run>(limits) : window;
    this.#gatherer = new Gatherer({
      clock,
      mode: gathering?.kind,
      timed: gathering?.kind !== 'batch' || gathering.closes.kind !== 'run',
      room: () => (gathering?.kind === 'latest' ? this.#runner.room : Number.POSITIVE_INFINITY),
      head: () => deps.feed.head(),
      isThrough: seq => this.#isGathered(seq),
      others: () => this.#intake.carried,
      add: group => this.#intake.addGroup(group),
      onThrough: () => this.#intake.pastBefore(),
    });
    const parts = {
      ...deps,
      log: this.#log,
      context,
      gatherer: this.#gatherer,
      intake: () => this.#intake,
      onLost: () => this.#lose(),
    };
    this.#runner = new Runner({ ...parts, window: behind, concurrency: rule.concurrency });
    const inOrder = gathering !== undefined && !isJudged(rule);
    const concurrency = inOrder ? MAX_GATHERING : rule.concurrency;
    this.#collector = gathering && new Runner({ ...parts, window, concurrency, inOrder });
    this.#intake = new Intake({
      ...deps,
      window,
      behind,
      concurrency,
      inOrder,
      chain: limits.chain,
      signal,
      taker: this.#collector ? both(this.#collector, this.#runner, this.#gatherer) : this.#runner,
    });
  }

  /**
   * Takes the lane over from whoever had it and reads where it stands. Rejects with a StoreError.
   * @param position where the journal stood when the rule came: a new one begins after it
   */
  async open(position?: number): Promise<void> {
    const { clock, feed, lanes, reliably, rule } = this.#deps;
    const startAt = rule.startAt === 'head' ? (position ?? 'head') : rule.startAt;
    const lease = await lanes.acquire({ rule: rule.name, shard: 0, of: 1 }, startAt);
    const state = await lanes.load(lease);
    const readAt = clock.monotonic();
    this.#intake.load(state, readAt);
    const caution = state.unclean && new Caution(state.unclean, feed.head());
    if (caution) this.#log.info('podiod did not end cleanly, what was in hand runs one at a time');
    const held = new HeldLane({
      lanes,
      lease,
      fingerprint: rule.fingerprint,
      reliably,
      clock,
      signal: this.#abort.signal,
      savedCursor: state.cursor,
      cursor: () => this.#intake.cursor(),
      position: () => this.#intake.position,
      reached: () => this.#intake.reached,
      reachAhead: Math.max(4 * rule.concurrency, MIN_REACH),
      onLost: () => this.#lose(),
    });
    this.#held = held;
    this.#intake.open(held);
    this.#gatherer.open(held);
    this.#runner.open(held, readAt, caution);
    this.#collector?.open(held, readAt, undefined);
  }

  /** Begins to work; its steps are set up meanwhile. */
  start(): void {
    const { signal } = this.#abort;
    if (signal.aborted) return;
    this.#taking = true;
    this.#runner.take();
    this.#collector?.take();
    this.#collector?.setUp();
    Promise.all(this.#deps.steps.map(step => step.ready(signal))).then(
      () => this.#runner.setUp(),
      // Set-up is tried until it works, so this is the end of the lane.
      () => {},
    );
    this.#intake.start();
    if (this.#intake.hasBefore) void this.#goOnWithBefore();
  }

  /**
   * What had begun by itself, or was gathered, before the rule ran as it does now comes before what comes now of the same item.
   * Where nothing is gathered any more, the journal is read on when all of that is in the window.
   */
  async #goOnWithBefore(): Promise<void> {
    if (!(await this.#intake.carryOn())) return;
    if (this.#collector) this.#intake.begin();
    await this.#gatherer.start();
  }

  /** There may be more in the journal. */
  wake(): void {
    this.#intake.wake();
  }

  /** Operators may have asked for something. */
  lookForRequests(): void {
    this.#intake.lookForRequests();
  }

  get rule(): Rule {
    return this.#deps.rule;
  }

  /** Of its steps. */
  get plugins(): readonly string[] {
    return this.#deps.steps.map(({ step }) => step.plugin);
  }

  /** Resolves when its steps are set up. Rejects with what `ready` of one rejects with. */
  async ready(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#deps.steps.map(step => step.ready(signal)));
  }

  /** Resolves when the first set-up of each of its steps has ended, well or not. */
  async tried(): Promise<void> {
    await Promise.all(this.#deps.steps.map(step => step.tried));
  }

  get matcher(): Matcher {
    return this.#deps.matcher;
  }

  /** How far the journal has been looked at. */
  get position(): number {
    return this.#intake.position;
  }

  status(): RuleStatus {
    const { isSetUp, active, waiting, throttled } = this.#runner;
    const halted = this.#halted;
    const unready = isSetUp ? undefined : this.#deps.steps.find(step => step.state.state !== 'ready');
    const lost = this.#isLost ? 'the lane was taken over by another owner' : undefined;
    const error = lost ?? halted ?? (unready && whyUnready(unready));
    const { position, unsettled } = this.#intake;
    return {
      rule: this.#deps.rule.name,
      ...(this.#deps.rule.shadow && { shadow: true }),
      state: this.#state(),
      ...(error !== undefined && { error }),
      ...this.#deps.hold.told,
      inHand: active,
      waiting,
      ...(throttled && { throttled }),
      position,
      ...(unsettled !== undefined && { unsettled }),
    };
  }

  /** What is being tried at this moment. */
  inHand(): readonly RunInHand[] {
    return [...this.#runner.inHand, ...(this.#collector?.inHand ?? [])];
  }

  /**
   * A lane owes when there is something to read and room for it, a run that may be started, or a write of its own that
   * the store has not answered. Whatever a plugin, a backoff or a pause holds up is not
   * podiod's.
   */
  vitals(): Vitals {
    const moves = this.#intake.chunks + this.#runner.moves + (this.#collector?.moves ?? 0);
    if (this.#isLost) return { owes: true, done: moves };
    const writing = this.#held?.waiting ?? 0;
    const mayStart = this.#runner.owes || (this.#collector?.owes ?? false);
    const owes = this.#intake.isBehind || mayStart || writing > 0;
    return { owes, done: moves + (this.#held?.answered ?? 0) };
  }

  /**
   * Takes no more and finishes what is in hand; what has not ended after `deadlineMs` is aborted and goes on from its
   * last finished step at the next start. Resolves with how many runs that were. A second call answers the same.
   */
  stop(deadlineMs: number): Promise<number> {
    this.#stopped ??= this.#stop(deadlineMs);
    return this.#stopped;
  }

  async #stop(deadlineMs: number): Promise<number> {
    const { clock } = this.#deps;
    this.#letGo();
    await within(clock, deadlineMs, this.#idle());
    const left = this.#runner.active;
    abortWith(this.#abort, new Error('podiod is stopping'));
    await within(clock, LET_GO_MS, this.#idle());
    this.#held?.end();
    for (const time of this.#times) time.end();
    // Where that fails, the next lane of the process waits for it, and the next process knows by run.json.
    const released = this.#held?.release().catch(error => this.#log.debug('lane not released', { error }));
    if (released) await within(clock, LET_GO_MS, released);
    return left;
  }

  /**
   * After a stop: resolves when the store knows that it was one. A lane that is taken over before that has ended uncleanly,
   * as far as the store can tell, and what was alone in hand would have to do with it. Ends with `signal` as well.
   */
  async released(signal: AbortSignal): Promise<void> {
    const held = this.#held;
    if (held === undefined || this.#isLost) return;
    // STORE_STALE_LEASE: it has an owner by now.
    await this.#deps.reliably(() => held.release(), signal).catch(() => {});
  }

  /** Someone else has the lane now: what is in hand here no longer counts. */
  #lose(): void {
    if (this.#abort.signal.aborted) return;
    // In the embedded store nobody else can have it: a fault, which the watchdog is to end.
    this.#isLost = true;
    this.#log.warn('lane taken over by another owner, the rule stands still');
    this.#letGo();
    this.#held?.end();
    abortWith(this.#abort, new Error('the lane has another owner now'));
  }

  #letGo(): void {
    this.#taking = false;
    this.#intake.letGo();
    this.#runner.letGo();
    this.#collector?.letGo();
    this.#gatherer.end();
  }

  async #idle(): Promise<void> {
    await Promise.all([this.#runner.idle(), this.#collector?.idle()]);
  }

  get #halted(): string | undefined {
    return this.#runner.halted ?? this.#collector?.halted;
  }

  /** What waits to be decided is left out of account: it may take a day, and is put with those that come then. */
  #isGathered(seq: number): boolean {
    if (!isJudged(this.#deps.rule)) return this.#intake.isThrough(seq);
    const waiting = this.#collector?.waitingOrders;
    return this.#intake.isThrough(seq, order => waiting?.has(order) ?? false);
  }

  #state(): LaneState {
    if (!this.#taking) return 'stopped';
    if (this.#halted !== undefined) return 'halted';
    if (this.#deps.hold.isOn) return 'paused';
    return this.#runner.isSetUp ? 'running' : 'waiting for setup';
  }
}

const whyUnready = ({ step, state }: PreparedStep): string =>
  `plugin ${step.plugin}: ${state.error ?? 'its setup() has not ended yet'}`;

/** Whether events are decided on before they are gathered. */
const isJudged = (rule: Rule): boolean => {
  const { mode, where, triggers } = rule;
  if (isConfirmed(rule)) return true;
  if (mode?.kind === 'settle') return false;
  return (
    where !== undefined || triggers.some(trigger => trigger.kind === 'app' && trigger.fields !== undefined)
  );
};

const both = (collector: Taker, runner: Taker, gatherer: Pick<Gatherer, 'progressed'>): Taker => ({
  isSuspect: key => runner.isSuspect(key),
  cameFirst: run => runner.cameFirst(run),
  start() {
    collector.start();
    runner.start();
    // Of what was read nothing may be for the rule, and groups may have waited for just that.
    gatherer.progressed();
  },
  goOnAfterHalt() {
    collector.goOnAfterHalt();
    runner.goOnAfterHalt();
  },
});

/** Resolves with `promise`, or after `ms` at the latest. */
async function within(clock: Clock, ms: number, promise: Promise<void>): Promise<void> {
  const enough = new AbortController();
  const timeout = sleep(clock, ms, enough.signal).catch(() => {});
  await Promise.race([promise, timeout]);
  enough.abort();
}
