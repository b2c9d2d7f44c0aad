import type { Cancel, Clock } from '../core/clock.ts';
import type { Judgement } from '../core/condition.ts';
import type { PodioEvent } from '../core/event.ts';
import type { Bundle } from '../core/gather.ts';
import type { Log } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import { MAX_DEPTH, type OwnLookup, ownId } from '../core/own.ts';
import type { Rule } from '../core/rule.ts';
import { keyOf } from '../core/rule-key.ts';
import type { Outcome, StepVerdict } from '../core/run.ts';
import type { Data } from '../plugin/contract.ts';
import type { ItemReader } from '../podio/contract.ts';
import type { Finished, RunKey } from '../store/contract.ts';
import { type Caution, POISON_ENDS } from './caution.ts';
import {
  CONFIRM,
  Delivery,
  type DeliveryContext,
  hasBegun,
  isCondition,
  ON,
  ON_FIELDS,
  OWN,
  type Pause,
  RECOVERED,
  type RunCondition,
  type StepInHand,
  WHERE,
} from './deliver.ts';
import { GatherQueue } from './gather-queue.ts';
import type { Gatherer } from './gatherer.ts';
import type { HeldLane } from './held-lane.ts';
import type { Hold } from './holds.ts';
import type { Intake, Taker } from './intake.ts';
import { LaneTask } from './lane-task.ts';
import type { Matcher } from './match.ts';
import { ageCheck } from './recovered.ts';
import type { Run } from './run.ts';
import { spanConditions } from './span.ts';
import { Standby } from './standby.ts';
import { Throttle } from './throttle.ts';
import {
  bundleOf,
  type GatheringMode,
  gatheringMode,
  gatheringOf,
  isConfirmed,
  leadVerdict,
  othersRecord,
} from './together.ts';
import { deliveryKey, verdictOf } from './trying.ts';
import type { Turn } from './turn.ts';
import type { Slot, Window } from './window.ts';

export interface RunnerDeps {
  readonly rule: Rule;
  /** Operators' pauses of the rule. */
  readonly hold: Hold;
  readonly matcher: Matcher;
  readonly reader: Pick<ItemReader, 'changes' | 'spanned'>;
  /** What all lanes go by in trying what may have ended the process. */
  readonly turn: Turn;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly window: Window<Run>;
  /** How many runs hold a slot at most. */
  readonly concurrency: number;
  /** Its runs are gathered in the order of the journal: they make no chains. */
  readonly inOrder?: boolean;
  readonly context: DeliveryContext;
  readonly intake: () => Pick<
    Intake,
    'position' | 'cursor' | 'settle' | 'hasRun' | 'replenish' | 'isThrough'
  >;
  readonly gatherer: Gatherer;
  /** What podiod made at Podio itself. */
  readonly own?: OwnLookup;
  /** Someone else has the lane now. */
  readonly onLost: () => void;
}

/** A run of which something is being tried. */
export interface RunInHand extends StepInHand {
  readonly rule: string;
  /** Of its event; of all that are run together. */
  readonly seqs: readonly number[];
  readonly replay: number;
}

const LOOP_TOLD_MS = 60 * 60 * 1000;

/** The change has run for this rule before: there is nothing to do and nothing to record. */
const REPEAT = { kind: 'repeat' } as const;
const ABORTED = { kind: 'aborted' } as const;
/** What came before is not dealt with yet. */
const EARLY = { kind: 'early' } as const;

type Paused =
  | Pause
  | typeof REPEAT
  | typeof EARLY
  /** It waits with others now. `waitMs`: until they are due. */
  | { readonly kind: 'joined'; readonly waitMs: number | undefined };

/** Of a run of a schedule over items: it ends a batch, and is no run of its own. */
const SCHEDULE_END = 'schedule.end';
const NO_DATA: Data = Object.freeze({});

/** Begun for a trigger that the rule had then, by steps that it has no more. */
const UNWANTED: StepVerdict = {
  ...verdictOf({ name: ON }, '', 'filtered', { attempts: 1, ms: 0 }),
  checks: [{ path: 'on', test: 'as it is now', seen: 'begun before the rule was changed', holds: false }],
};

const gatheredAs = (judged: readonly StepVerdict[]): Pause => ({ kind: 'gathered', judged });

const eventsOf = ({ members }: Run): readonly PodioEvent[] | undefined => members?.map(({ event }) => event);

/** Starts what lies in a lane's window, up to the rule's concurrency, and sees each run through its waits to its record. */
export class Runner implements Taker {
  readonly #deps: RunnerDeps;
  readonly #window: Window<Run>;
  readonly #leaveHold: Cancel;
  /** Held back while a plugin keeps failing. */
  readonly #standby: Standby<Slot<Run>>;
  readonly #timers = new Map<Slot<Run>, Cancel>();
  /** Held back while no run may begin. */
  readonly #throttle: Throttle<Slot<Run>> | undefined;
  readonly #gathering: GatheringMode | undefined;
  readonly #queue = new GatherQueue({
    write: async gathered => this.#held?.gather(gathered, this.#deps.intake().cursor()),
  });
  /** Wait until what came before them has been gathered. */
  readonly #early: Slot<Run>[] = [];

  #held: HeldLane | undefined;
  /** While it is not known what ended the process. */
  #caution: Caution | undefined;
  #openedAt = 0;
  #taking = false;
  #isSetUp = false;
  #halted: string | undefined;
  /** Runs that gave up in a rule that halts then: they come first when it goes on. */
  #haltedRuns: Slot<Run>[] = [];
  /** Handed out, and waits until nothing else is in hand. */
  #next: Slot<Run> | undefined;
  /** A run is in hand that nothing may be started beside. */
  #alone = false;
  /** Runs that hold a slot. */
  readonly #inHand = new Set<Run>();
  #moves = 0;
  #onIdle: (() => void) | undefined;
  /** Until then, on the monotonic clock, no line tells of loops. */
  #loopToldUntil = 0;
  readonly #onOpen = () => this.start();
  readonly #leavesOff = () => this.#deps.turn.isAwaited;

  constructor(deps: RunnerDeps) {
    this.#deps = deps;
    this.#window = deps.window;
    this.#standby = new Standby(
      deps.clock,
      deps.context.breakers,
      () => this.#mayStart,
      slot => this.#again(slot),
    );
    this.#gathering = gatheringMode(deps.rule);
    this.#throttle =
      deps.rule.mode?.kind === 'throttle' ? new Throttle(deps.clock, slot => this.#again(slot)) : undefined;
    this.#leaveHold = deps.hold.watch(() => this.start());
  }

  /** @param openedAt when the lane was taken over, on the monotonic clock */
  open(held: HeldLane, openedAt: number, caution: Caution | undefined): void {
    this.#held = held;
    this.#openedAt = openedAt;
    this.#caution = caution;
  }

  /** Runs may be started once the steps are set up. */
  take(): void {
    this.#taking = true;
  }

  setUp(): void {
    this.#isSetUp = true;
    this.start();
  }

  get isSetUp(): boolean {
    return this.#isSetUp;
  }

  /** Why it is halted. */
  get halted(): string | undefined {
    return this.#halted;
  }

  get active(): number {
    return this.#inHand.size;
  }

  /** What is being tried at this moment. */
  get inHand(): readonly RunInHand[] {
    const { rule } = this.#deps;
    return [...this.#inHand].flatMap(run => {
      const now = run.delivery?.now;
      if (now === undefined) return [];
      const seqs = eventsOf(run)?.map(({ seq }) => seq) ?? [run.key.seq];
      return [{ rule: rule.name, seqs, replay: run.key.replay, ...now }];
    });
  }

  /** Runs that wait to try a step again. */
  get waiting(): number {
    return this.#timers.size + this.#standby.size + (this.#throttle?.size ?? 0);
  }

  /** How many of these wait for their turn, and when the next one may begin. */
  get throttled(): { readonly runs: number; readonly nextAt: string } | undefined {
    const nextAt = this.#throttle?.nextAt;
    if (this.#throttle === undefined || nextAt === undefined) return undefined;
    return { runs: this.#throttle.size, nextAt: new Date(nextAt).toISOString() };
  }

  /** Runs started and paused: whether it gets on. */
  get moves(): number {
    return this.#moves;
  }

  /** There is a run that may be started. */
  get owes(): boolean {
    return this.#mayStart && !this.#isShutOut && this.#window.runnable > 0 && this.#next === undefined;
  }

  /**
   * What is only put with others ends no process, so it neither waits for whoever is to have that to itself nor is waited for:
   * one in hand may wait for one that is yet to be started.
   */
  get #isShutOut(): boolean {
    return this.#deps.inOrder !== true && this.#deps.turn.isClosed;
  }

  /** How many more could be started. */
  get room(): number {
    return this.#deps.concurrency - this.#inHand.size - this.#window.runnable;
  }

  /** Order keys of what waits to try again. */
  get waitingOrders(): ReadonlySet<string> {
    return new Set([...this.#timers.keys(), ...this.#haltedRuns, ...this.#early].map(({ order }) => order));
  }

  isSuspect(key: RunKey): boolean {
    return this.#caution?.isSuspect(key) ?? false;
  }

  cameFirst(run: Run): void {
    if (this.#caution !== undefined && this.#waitMs(run) <= 0) this.#caution.take(run);
  }

  start(): void {
    const { turn } = this.#deps;
    while (this.#mayStart) {
      if (this.#isShutOut) {
        turn.whenOpen(this.#onOpen);
        return;
      }
      const slot = this.#next ?? this.#window.next();
      if (slot === undefined) return;
      this.#next = undefined;
      this.#throttle?.came(slot);
      const waitMs = this.#waitMs(slot.value);
      if (waitMs > 0) {
        this.#wait(slot, waitMs);
        continue;
      }
      const alone = this.#caution?.wantsAlone(slot.value, this.#deps.intake().position) ?? false;
      // Before it asks whether it may begin: it would lose its time to do so while others end.
      if (alone && this.#inHand.size > 0) {
        this.#next = slot;
        return;
      }
      if (this.#throttle && !this.#mayAsk(slot, this.#throttle)) continue;
      const suspect = this.isSuspect(slot.value.key);
      if (suspect && !this.#takeTurn(slot)) {
        // Its time to begin is another's now: it asks anew when it comes back.
        this.#throttle?.next();
        continue;
      }
      if (this.#deps.inOrder) slot.value.ticket ??= this.#queue.take();
      if (!this.#deps.inOrder) turn.began();
      this.#alone = alone;
      this.#inHand.add(slot.value);
      this.#moves++;
      void this.#run(slot, alone, suspect);
    }
  }

  #takeTurn(slot: Slot<Run>): boolean {
    const { turn } = this.#deps;
    if (!this.#caution?.wantsProcess(slot.value)) return turn.take(false, () => this.#again(slot));
    return turn.take(true, () => {
      // Nothing is in hand for it, so it comes before what else lies ready.
      if (this.#next !== undefined) this.#window.again(this.#next);
      this.#next = slot;
      this.start();
    });
  }

  /** Tries again what it halted for; that failing, it halts again. */
  goOnAfterHalt(): void {
    if (this.#halted === undefined) return;
    this.#halted = undefined;
    this.#deps.log.info('rule goes on');
    for (const slot of this.#haltedRuns.splice(0)) this.#window.again(slot);
    this.start();
  }

  /** Starts no more. What waits to try again waits on disk. */
  letGo(): void {
    this.#taking = false;
    this.#leaveHold();
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#standby.end();
    this.#throttle?.end();
  }

  /** Resolves when no run holds a slot. */
  async idle(): Promise<void> {
    if (this.#inHand.size === 0) return;
    await new Promise<void>(resolve => {
      this.#onIdle = resolve;
    });
  }

  get #mayStart(): boolean {
    return (
      this.#taking &&
      this.#isSetUp &&
      this.#halted === undefined &&
      !this.#deps.hold.isOn &&
      !this.#alone &&
      this.#inHand.size < this.#deps.concurrency
    );
  }

  /** A run that has begun goes on whatever others do. */
  #mayAsk(slot: Slot<Run>, throttle: Throttle<Slot<Run>>): boolean {
    const { delivery, resume } = slot.value;
    const hasItsTurn = throttle.takeTurn(slot);
    if (hasItsTurn || delivery !== undefined || (resume !== undefined && hasBegun(resume))) return true;
    return throttle.mayAsk(slot);
  }

  /** How long a run that was not started in this life has to wait yet, milliseconds. */
  #waitMs(run: Run): number {
    if (run.delivery !== undefined || (run.resume === undefined && this.#caution === undefined)) return 0;
    const now = this.#deps.clock.monotonic();
    const quarantineMs = (this.#caution?.quarantineMs(run) ?? 0) + this.#openedAt - now;
    const waits = run.resume?.tries.map(({ waitMs }) => waitMs) ?? [];
    const waitMs = waits.length > 0 ? Math.min(...waits) : 0;
    return Math.max(quarantineMs, (run.resume?.readAt ?? 0) + waitMs - now, 0);
  }

  async #run(slot: Slot<Run>, alone: boolean, suspect: boolean): Promise<void> {
    const run = slot.value;
    const { log, turn } = this.#deps;
    let pause: Paused;
    try {
      pause = await this.#goOn(run, alone);
      if (pause.kind === 'gathered') pause = await this.#gather(slot, pause.judged);
      // The slot is held until the record is on disk: a disk that is slower than the steps slows them down.
      if (pause.kind === 'ended' && !(await this.#record(slot, pause))) pause = ABORTED;
      // Whoever ends the process while it waits for its turn, it is not the one.
      if (pause.kind === 'throttled' && alone && !(await this.#held?.mark(run.key, false))) pause = ABORTED;
    } catch (error) {
      log.error('run failed inside podiod', { seq: run.key.seq, event: run.key.eventId, error });
      pause = { kind: 'halted', step: '', error: 'a fault in podiod itself; the log has it' };
    }
    this.#inHand.delete(run);
    this.#moves++;
    if (alone) this.#alone = false;
    if (run.ticket !== undefined && pause.kind !== 'early') {
      this.#queue.drop(run.ticket);
      run.ticket = undefined;
    }
    // What waits for its turn was not tried: it is neither guilty nor proved harmless.
    const wasTried = pause.kind !== 'aborted' && pause.kind !== 'throttled';
    if (this.#caution !== undefined && wasTried) this.#acquit(run, this.#caution);
    switch (pause.kind) {
      case 'ended':
        this.#count(run, pause.outcome);
        log.debug('run ended', { seq: run.key.seq, event: run.key.eventId, outcome: pause.outcome });
        this.#settle(slot);
        break;
      case 'repeat':
        this.#settle(slot);
        break;
      case 'joined':
        this.#settle(slot);
        this.#deps.gatherer.joined(pause.waitMs);
        break;
      case 'early':
        this.#early.push(slot);
        break;
      case 'throttled':
        this.#throttle?.refused(slot, pause.ms);
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
        this.#deps.onLost();
        break;
    }
    if (suspect) turn.give();
    if (!this.#deps.inOrder) turn.ended();
    this.#throttle?.next();
    this.start();
    this.#deps.intake().replenish();
    if (this.#gathering !== undefined) this.#lookAtGroups();
    if (this.#inHand.size === 0) this.#onIdle?.();
  }

  #settle(slot: Slot<Run>): void {
    const { together, parkedId } = slot.value;
    this.#deps.intake().settle(slot);
    if (together && parkedId === undefined) this.#deps.gatherer.settle(together.mode);
    else this.#deps.gatherer.freed();
  }

  #lookAtGroups(): void {
    const { gatherer, intake } = this.#deps;
    gatherer.progressed();
    gatherer.freed();
    if (this.#early.length === 0) return;
    const waits = this.#waits();
    for (const slot of [...this.#early]) {
      if (!intake().isThrough(slot.value.key.seq - 1, waits)) continue;
      this.#early.splice(this.#early.indexOf(slot), 1);
      this.#again(slot);
    }
  }

  #waits(): (order: string) => boolean {
    const orders = this.waitingOrders;
    return order => orders.has(order);
  }

  #count({ together }: Run, outcome: Outcome): void {
    const { metrics, rule } = this.#deps;
    metrics.delivered(rule.name, outcome, rule.shadow);
    const others = together?.mode === 'latest' ? 'filtered' : outcome;
    for (let n = 1; n < (together?.count ?? 1); n++) metrics.delivered(rule.name, others, rule.shadow);
  }

  #goOn(run: Run, alone: boolean): Promise<Paused> {
    // Nearly always there is nothing to ask for before, and then nothing is made to wait with.
    if (this.#isPlain(run) && this.#isStarted(run, alone)) {
      run.delivery = this.#begin(run);
      return run.delivery.go(this.#leavesOff);
    }
    return this.#goOnWithAll(run, alone);
  }

  /** One event that comes up for the first time, and nobody has ended the process or waits for others. */
  #isPlain({ delivery, unwanted, together, twin, resume, event }: Run): boolean {
    return (
      delivery === undefined &&
      resume === undefined &&
      together === undefined &&
      !unwanted &&
      !twin &&
      this.#caution === undefined &&
      this.#gathering === undefined &&
      event.type !== SCHEDULE_END
    );
  }

  async #goOnWithAll(run: Run, alone: boolean): Promise<Paused> {
    if (run.unwanted) return { kind: 'ended', outcome: 'filtered', steps: [UNWANTED] };
    if (run.event.type === SCHEDULE_END) return this.#endSchedule(run);
    if (run.together && run.members === undefined) {
      run.members = await this.#held?.members(run.key);
      if (run.members === undefined) return ABORTED;
      // Someone gave them up meanwhile.
      if (run.members.length === 0) return REPEAT;
    }
    if (run.delivery === undefined) {
      if (run.twin) {
        // What is only gathered is in no chain with its twin.
        const mayCome = this.#deps.inOrder && !this.#deps.intake().isThrough(run.key.seq - 1, this.#waits());
        if (mayCome) return EARLY;
        const ran = await this.#deps.intake().hasRun(run);
        if (ran === undefined) return ABORTED;
        if (ran) return REPEAT;
      }
      run.delivery = this.#begin(run);
      if (this.#caution?.isPoison(run)) return this.#poisoned(run, run.delivery);
    }
    // What is only gathered is in no step's hands.
    if (!this.#isGathered(run) && !this.#isStarted(run, alone) && !(await this.#announce(run, alone)))
      return ABORTED;
    // One that is alone would be marked as such while it waits.
    return run.delivery.go(alone ? undefined : this.#leavesOff);
  }

  /** Whether it is to wait for others: a run that has begun by itself goes on so. */
  #isGathered({ key, together, resume }: Run): boolean {
    return (
      this.#gathering !== undefined &&
      together === undefined &&
      key.replay === 0 &&
      !(resume !== undefined && hasBegun(resume))
    );
  }

  /** The run of a schedule over items is through: what it has brought is run, but for what waits to be decided. */
  async #endSchedule({ key }: Run): Promise<Paused> {
    const { gatherer, intake } = this.#deps;
    if (!intake().isThrough(key.seq - 1, this.#waits())) return EARLY;
    return (await gatherer.closeBefore(key.seq)) ? REPEAT : ABORTED;
  }

  async #gather(slot: Slot<Run>, judged: readonly StepVerdict[]): Promise<Paused> {
    const run = slot.value;
    const { event, key, parkedId } = run;
    const { rule } = this.#deps;
    if (this.#gathering === undefined) return REPEAT;
    const gathered = {
      key,
      ...gatheringOf(this.#gathering, event, rule.timezone),
      ...(judged.length > 0 && { judged }),
      ...(parkedId !== undefined && { parkedId }),
    };
    const ticket = run.ticket ?? this.#queue.take();
    run.ticket = undefined;
    const written = await this.#queue.fill(ticket, gathered);
    return written === undefined ? ABORTED : { kind: 'joined', waitMs: written.waitMs };
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
    this.#deps.log.error('podiod ended again and again while this event alone was in hand, it is parked', {
      seq: key.seq,
      event: key.eventId,
    });
    return pause;
  }

  #acquit(run: Run, caution: Caution): void {
    caution.acquit(run);
    if (caution.isOver(this.#deps.intake().position)) this.#caution = undefined;
  }

  #begin(run: Run): Delivery {
    const { key, only, resume, together } = run;
    const events = eventsOf(run);
    const event: PodioEvent = key.replay > 0 ? { ...run.event, source: 'replay' } : run.event;
    const bundle = together && events && bundleOf(together.mode, events);
    const isGathered = this.#isGathered(run);
    const gate = isGathered ? async (judged: readonly StepVerdict[]) => gatheredAs(judged) : undefined;
    const admit = this.#throttle ? () => this.#admit() : gate;
    const conditions = this.#conditions(run, event, bundle, isGathered);
    const isSuspect = this.isSuspect(key);
    const task = new LaneTask(this.#held, key, event, bundle, conditions, only, admit, isSuspect);
    return new Delivery(this.#deps.context, task, resume);
  }

  async #admit(): Promise<Pause | undefined> {
    const { mode } = this.#deps.rule;
    const throttle = this.#throttle;
    if (mode?.kind !== 'throttle' || throttle === undefined) return undefined;
    const waitMs = throttle.waitMs(mode) || (await this.#held?.admit(mode));
    if (waitMs === undefined) return ABORTED;
    if (waitMs > 0) return { kind: 'throttled', ms: waitMs };
    throttle.begins(mode);
    throttle.next();
    return undefined;
  }

  /** What settles is judged when it has settled, by what changed from first to last; all else when it comes. */
  #conditions(
    run: Run,
    event: PodioEvent,
    bundle: Bundle | undefined,
    isGathered: boolean,
  ): readonly RunCondition[] {
    const found: RunCondition[] = [];
    const { matcher, reader, rule, context } = this.#deps;
    const { asks, event: journaled, together } = run;
    const isSettling = isGathered && this.#gathering?.kind === 'settle';
    if (isGathered && isConfirmed(rule)) found.push(this.#confirmed(event));
    if (together && together.mode !== 'settle') return found;
    const { where } = rule;
    const judgeWhere: RunCondition | undefined = where && {
      name: WHERE,
      judge: noField => where.judge(context.view(event, NO_DATA, bundle, noField)),
    };
    if (bundle && bundle.events.length > 1) {
      found.push(...spanConditions(bundle.events, rule, matcher, reader));
      if (judgeWhere) found.push(judgeWhere);
      return found;
    }
    const { own } = this.#deps;
    if (own?.maybe(journaled)) found.push({ name: OWN, judge: () => this.#judgeOwn(own, journaled) });
    const age = ageCheck(journaled, rule);
    if (age) found.push({ name: RECOVERED, judge: async () => ({ holds: age.holds, checks: [age] }) });
    if (asks && !isSettling) {
      found.push({
        name: ON_FIELDS,
        judge: async () => {
          const changes = await reader.changes(journaled);
          const holds = matcher.decide(journaled, changes);
          return { holds, checks: matcher.checks(journaled, changes) };
        },
      });
    }
    if (judgeWhere && !isSettling) found.push(judgeWhere);
    return found;
  }

  /** What nobody at Podio has made may not come among what is run together. */
  #confirmed(event: PodioEvent): RunCondition {
    const { context, rule } = this.#deps;
    return {
      name: CONFIRM,
      judge: async () => {
        const [first] = context.steps;
        if (first === undefined) return { holds: true, checks: [] };
        const { name, delivery } = first.step;
        const output = await first.run({
          event,
          data: NO_DATA,
          deliveryKey: deliveryKey(keyOf(rule), event.id, name, ''),
          deadlineMs: delivery.deadlineMs,
          signal: context.signal,
        });
        const holds = output.length > 0;
        const seen = holds ? 'Podio bears it out' : 'Podio does not bear it out';
        return { holds, checks: [{ path: 'event', test: 'confirm', seen, holds }] };
      },
    };
  }

  /**
   * What podiod made itself is no news to its rules; to those that want it nevertheless, not without end. What time brings is
   * news to all of them, whoever has begun it, and as little without end.
   */
  async #judgeOwn(own: OwnLookup, event: PodioEvent): Promise<Judgement> {
    const { log, rule } = this.#deps;
    const { includeOwn = false, maxDepth = MAX_DEPTH } = rule;
    const change = await own.find(event);
    if (change === undefined) return { holds: true, checks: [] };
    if (!includeOwn && ownId(event) !== undefined) {
      const seen = `own change, made by rule ${change.rule}`;
      return { holds: false, checks: [{ path: 'event', test: 'made by others', seen, holds: false }] };
    }
    const { depth } = change;
    const check = { path: 'run.depth', test: `less than ${maxDepth}`, seen: String(depth) };
    if (depth < maxDepth) return { holds: true, checks: [{ ...check, holds: true }] };
    const { seq, id } = event;
    const now = this.#deps.clock.monotonic();
    // One line an hour: what runs in circles does so again.
    if (now >= this.#loopToldUntil) {
      this.#loopToldUntil = now + LOOP_TOLD_MS;
      log.warn('rules set each other off again and again; stopped', {
        seq,
        event: id,
        depth,
        madeBy: change.rule,
      });
    }
    return { holds: false, checks: [{ ...check, holds: false }] };
  }

  /** True when the end of the run is on disk. */
  async #record(slot: Slot<Run>, pause: Pause & { kind: 'ended' }): Promise<boolean> {
    const finished = this.#finished(slot.value, pause);
    return (await this.#held?.finish(finished, this.#deps.intake().cursor(slot))) ?? false;
  }

  #finished(run: Run, pause: Pause & { kind: 'ended' }): Finished {
    const { key, only, parkedId, together, event, members = [] } = run;
    const { outcome, steps, error, park, rest } = pause;
    const shadow = this.#deps.rule.shadow && ({ shadow: true } as const);
    // Nearly all have no more to tell than this.
    if (error === undefined && !shadow && !together && !park && parkedId === undefined && !only && !rest) {
      const { seq, eventId, replay } = key;
      return { record: { seq, eventId, replay, outcome, steps: this.#recorded(run, steps) } };
    }
    // Dropping what was asked for takes its group apart, and this may be the later word.
    const which = parkedId !== undefined && {
      seqs: members.map(({ event }) => event.seq).filter(seq => seq !== key.seq),
    };
    const judged = members.filter(one => one.judged.length > 0 && one.event.seq !== key.seq);
    return {
      record: {
        ...key,
        outcome,
        steps: only ? steps : this.#recorded(run, steps),
        ...(error !== undefined && { error }),
        ...shadow,
      },
      ...(together && {
        others: {
          ...othersRecord(together.mode, event, pause),
          ...shadow,
          ...which,
          ...(judged.length > 0 && { judged: new Map(judged.map(one => [one.event.seq, one.judged])) }),
        },
      }),
      ...(park && { park }),
      ...(parkedId !== undefined && { parkedId }),
      ...(only && { branch: only.branch }),
      ...(rest && { rest }),
    };
  }

  /**
   * What is on record of a run: how it came to wait for others, with which ones it was run, and what its `where` named in vain,
   * before its steps.
   */
  #recorded(run: Run, steps: readonly StepVerdict[]): readonly StepVerdict[] {
    const { key, together, members } = run;
    const judged = members?.find(({ event }) => event.seq === key.seq)?.judged ?? [];
    const lead = together && members ? [...judged, leadVerdict(together.mode, members.length)] : [];
    const unknownFields = this.#namedInVain(run, steps);
    if (lead.length === 0 && unknownFields.length === 0) return steps;
    if (unknownFields.length === 0) return [...lead, ...steps];
    const all = [...lead, ...steps];
    if (all.some(({ step }) => step === WHERE))
      return all.map(one => (one.step === WHERE ? { ...one, unknownFields } : one));
    const where = verdictOf({ name: WHERE }, '', 'done', { attempts: 1, ms: 0, unknownFields });
    return [...lead, where, ...steps];
  }

  #namedInVain(run: Run, steps: readonly StepVerdict[]): readonly string[] {
    const { rule, context } = this.#deps;
    const { fields } = rule.where ?? {};
    // A `where` that did not hold has told of it itself; one that was not asked names nothing.
    if (fields === undefined || !steps.some(({ step }) => !isCondition(step))) return [];
    const unknown = new Set<string>();
    for (const one of eventsOf(run) ?? [run.event]) {
      const view = context.view(one, NO_DATA, undefined, field => void unknown.add(field));
      for (const field of fields) view.mentions?.(field);
    }
    return [...unknown].sort();
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
    this.start();
  }

  #halt(slot: Slot<Run>, { step, error }: { step: string; error: string }): void {
    this.#haltedRuns.push(slot);
    // Others that were in hand may give up as well: that is the same outage.
    if (this.#halted !== undefined) return;
    this.#halted = error;
    const { seq, eventId } = slot.value.key;
    this.#deps.log.error(
      'rule halted; when it is mended, podiod parked retry --rule, or a restart, lets it go on',
      {
        seq,
        event: eventId,
        step,
        reason: error,
      },
    );
  }
}
