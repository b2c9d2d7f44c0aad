import { isWithin } from '../core/branch.ts';
import type { Clock } from '../core/clock.ts';
import type { Check, Judgement, RuleCondition } from '../core/condition.ts';
import type { PodioEvent } from '../core/event.ts';
import { CONDITIONS_HELD } from '../core/fingerprint.ts';
import type { Bundle } from '../core/gather.ts';
import type { Rule, Step } from '../core/rule.ts';
import { keyOf } from '../core/rule-key.ts';
import type { Outcome, StepVerdict } from '../core/run.ts';
import { kept, type Would } from '../core/would.ts';
import type { Data } from '../plugin/contract.ts';
import type { NoField, Output, PreparedStep, StepTask } from '../plugin/host.ts';
import type { Checkpoint, ParkRequest, Tries } from '../store/contract.ts';
import type { Breaker } from './breaker.ts';
import { afterFailure, freeWaitMs } from './failure.ts';
import type { StillTime } from './holds.ts';
import type { Outages, Row } from './outages.ts';
import { branchesOf, type Strand, Strands, strandAt, strandsAfter } from './strands.ts';
import { deliveryKey, messageOf, Trying, verdictOf } from './trying.ts';

/** Where a delivery stands when it can't go on by itself. */
export type Pause =
  | {
      readonly kind: 'ended';
      readonly outcome: Outcome;
      readonly steps: readonly StepVerdict[];
      readonly error?: string;
      /** Parked as a whole. */
      readonly park?: ParkRequest;
      /** Where branches of it are parked by themselves: what became of the others. */
      readonly rest?: Outcome;
    }
  /** Call `go()` again after `ms`. */
  | { readonly kind: 'waiting'; readonly ms: number }
  /** A breaker holds it back: call `go()` again when that says so, or after `ms` (a pause of the plugin not counted). */
  | { readonly kind: 'held'; readonly breaker: Breaker; readonly ms: number }
  /** The rule wants no further event handled before a person has looked. */
  | { readonly kind: 'halted'; readonly step: string; readonly error: string }
  /** It waits for others, on disk, in place of a run of its own. `judged`: what has decided that it may. */
  | { readonly kind: 'gathered'; readonly judged: readonly StepVerdict[] }
  /** Enough runs have begun for now: call `go()` again when another one may, in `ms` at the earliest. */
  | { readonly kind: 'throttled'; readonly ms: number }
  /** Stopped from outside; nothing is decided, and all that was reached is on disk. */
  | { readonly kind: 'aborted' };

/** What is being tried. */
export interface StepInHand {
  /** Of a condition that is asked before the first step: what stands in place of a step's name. */
  readonly step: string;
  readonly branch: string;
  /** The first is 1. */
  readonly attempt: number;
  /** UTC milliseconds. */
  readonly since: number;
}

/** What a delivery needs of its lane. */
export interface DeliveryContext {
  readonly rule: Rule;
  /** One for each step of the rule. */
  readonly steps: readonly PreparedStep[];
  /** One for each step, that of its plugin. */
  readonly breakers: readonly Breaker[];
  /** Stands still while the rule is paused. */
  readonly ruleTime: Pick<StillTime, 'monotonic'>;
  /** One for each step: stands still while the rule or its plugin is paused. */
  readonly stepTimes: readonly Pick<StillTime, 'monotonic'>[];
  readonly clock: Clock;
  /** From 0 (included) to 1 (excluded). */
  readonly random: () => number;
  /** Aborted when what is in hand has to be let go. */
  readonly signal: AbortSignal;
  /** What conditions see of an event. */
  view(
    event: PodioEvent,
    data: Data,
    bundle?: Bundle,
    noField?: NoField,
  ): object & { mentions?(field: string): void };
  /** Takes secrets out of what a condition has seen, before it is kept. */
  mask(text: string): string;
  /** The same of errors, which are told to people and kept: what only looks like a secret goes as well. */
  maskError(text: string): string;
  /** Whether a try may be started: false when another owner may have the lane. */
  usable(): boolean;
  readonly outages: Pick<Outages, 'failed' | 'gaveUp' | 'succeeded'>;
}

/** Something that has to hold before the first step. */
export interface RunCondition {
  /** In place of a step's name: no step can be called so. */
  readonly name: string;
  /** Rejects when what it has to look at can't be read now. */
  judge(noField: NoField): Promise<Judgement>;
}

/** What a delivery needs for one event. The recordings resolve with true when it is on disk, false when let go. */
export interface Task {
  readonly event: PodioEvent;
  /** Where it is for several events: `event` is the last of them. */
  readonly bundle?: Bundle | undefined;
  /** 0, or which replay of the event this is. */
  readonly replay: number;
  /** What decides, one after the other, whether the rule wants the event. */
  readonly conditions: readonly RunCondition[];
  /** The branch of the run that is to go on; left out: all of it. */
  readonly only?: Only | undefined;
  /** It may end the process in its first step: what has been decided before is put on disk first. */
  readonly isSuspect?: boolean;
  /** Asked once the conditions hold and before the first step: undefined lets it go on, now and later. */
  readonly admit?: ((judged: readonly StepVerdict[]) => Promise<Pause | undefined>) | undefined;
  checkpoint(checkpoint: Checkpoint): Promise<boolean>;
  tried(tries: Tries): Promise<boolean>;
  /** A branch is parked by itself. */
  park(park: ParkRequest): Promise<boolean>;
}

/** A branch that was parked by itself, and the step at which it was. */
export interface Only {
  readonly branch: string;
  readonly step: string;
}

/** What is known of the run from before. */
export interface Resume {
  readonly checkpoints: readonly Checkpoint[];
  readonly tries: readonly Tries[];
  /** Branches that are parked by themselves. */
  readonly parked: readonly ParkRequest[];
  /** When that was read, on the monotonic clock: waits count from there. */
  readonly readAt: number;
}

/** Names of what is decided before the first step: the trigger's own conditions on fields, and the rule's `where`. */
export const ON_FIELDS = 'on.fields';
export const WHERE = 'rule.where';
/** Name of what keeps podiod from hearing of itself. */
export const OWN = 'rule.own';
/** Name of what the rule's run mode has decided. */
export const MODE = 'rule.mode';
/** Name of what Podio is asked about an event before it may wait with others. */
export const CONFIRM = 'rule.confirm';

/** Name of what the rule makes of changes that were missed and found later. */
export const RECOVERED = 'rule.recovered';
/** Name of what says that the rule's triggers are others by now. */
export const ON = 'rule.on';

const CONDITIONS: ReadonlySet<string> = new Set([ON_FIELDS, WHERE, MODE, CONFIRM, OWN, RECOVERED, ON]);
export const isCondition = (step: string): boolean => CONDITIONS.has(step);

/** Whether a step was reached: such a run goes on as what it is. */
export const hasBegun = ({ checkpoints, tries }: Resume): boolean =>
  checkpoints.length > 0 || tries.some(({ step }) => !isCondition(step));

type Time = Pick<StillTime, 'monotonic'>;

const ABORTED: Pause = { kind: 'aborted' };
const NO_DATA: Data = Object.freeze({});

/** Of the nearly all that have no earlier life. */
const NOTHING = new Map<string, never>();

const byPlace = <T extends { readonly step: string; readonly branch: string }>(
  known: readonly T[] = [],
): Map<string, T> =>
  known.length === 0 ? NOTHING : new Map(known.map(one => [placeOf(one.step, one.branch), one]));

/**
 * One event on its way through the steps of a rule. A step that passes on several messages opens a branch for each, and each
 * is retried and parked by itself; one at a time is in hand, in their order, and while one waits the next one goes on. A
 * delivery can be left at any point and gone on with by a new object from what is on disk: every finished step is recorded
 * before the next one starts.
 */
export class Delivery {
  readonly #context: DeliveryContext;
  readonly #task: Task;
  /** Steps finished in an earlier life of this run. */
  readonly #finished: ReadonlyMap<string, Checkpoint>;
  readonly #restored: Map<string, Tries>;
  /** Branches parked by themselves in an earlier life. */
  readonly #parkedBefore: ReadonlyMap<string, ParkRequest>;
  readonly #readAt: number;
  readonly #strands = new Strands(strandAt(0, '', NO_DATA));
  readonly #verdicts: StepVerdict[] = [];
  /** What has been decided before the first step. */
  readonly #judged: StepVerdict[] = [];
  /** Whether that is on disk, for whoever goes on with the run. */
  #isKept = false;
  /** Errors of branches that are parked by themselves. */
  readonly #parked: string[] = [];
  /** Those that are not known to hold; the next one is first. */
  #conditions: readonly RunCondition[];
  /** Of the condition that is asked. */
  #asking: Trying | undefined;
  #letThrough = false;
  /** Whether the branch has come up that this is about. */
  #isThere: boolean;
  #isAdmitted: boolean;
  /** Whose step is in hand. */
  #at: Strand | undefined;

  constructor(context: DeliveryContext, task: Task, resume?: Resume) {
    this.#context = context;
    this.#task = task;
    this.#readAt = resume?.readAt ?? 0;
    this.#isThere = task.only === undefined;
    this.#finished = byPlace(resume?.checkpoints);
    this.#restored = byPlace(resume?.tries);
    this.#parkedBefore = byPlace(resume?.parked);
    this.#isAdmitted = resume !== undefined && hasBegun(resume);
    // A step was reached before, so the conditions held.
    this.#conditions = this.#finished.size > 0 ? [] : task.conditions;
    if (this.#finished.size > 0) this.#restoreJudged();
  }

  /**
   * Goes as far as it can. Never rejects for what a plugin does. @param leavesOff asked before each step but the first whether it is
   * to go on later
   */
  async go(leavesOff?: () => boolean): Promise<Pause> {
    for (let next = this.#conditions[0]; next !== undefined; next = this.#conditions[0]) {
      const pause = await this.#askCondition(next);
      if (pause !== undefined) return pause;
      this.#conditions = this.#conditions.slice(1);
    }
    if (!this.#isAdmitted && this.#task.admit) {
      const pause = await this.#task.admit(this.#judged);
      if (pause !== undefined) return pause;
      this.#isAdmitted = true;
    }
    if (this.#task.isSuspect && !(await this.#keepConditions(this.#prepared(0).step.name))) return ABORTED;
    const { clock } = this.#context;
    // What a breaker has held back once in here it would hold back again.
    let barred: Set<Breaker> | undefined;
    const isBarred = (index: number): boolean => barred?.has(this.#breaker(index)) ?? false;
    this.#strands.ask();
    let hasTried = false;
    for (;;) {
      const at = this.#strands.next(clock.monotonic(), isBarred);
      if (at === undefined) break;
      if (this.#skipKnown(at)) continue;
      if (hasTried && leavesOff?.()) return { kind: 'waiting', ms: 0 };
      hasTried = true;
      this.#at = at;
      const pause = await this.#tryStep(at);
      this.#at = undefined;
      if (pause === undefined) continue;
      if (pause.kind !== 'waiting' && pause.kind !== 'held') return pause;
      at.until = clock.monotonic() + pause.ms;
      if (pause.kind === 'waiting') continue;
      at.heldBy = pause.breaker;
      barred ??= new Set();
      barred.add(pause.breaker);
    }
    if (this.#strands.size === 0) return this.#end();
    const { ms, breaker } = this.#strands.wait(clock.monotonic(), isBarred);
    return breaker === undefined ? { kind: 'waiting', ms } : { kind: 'held', breaker, ms };
  }

  /** The step or condition that is in hand while `go` is under way, and since when, UTC milliseconds. */
  get now(): StepInHand | undefined {
    const at = this.#at;
    const trying = at ? at.trying : this.#asking;
    const step = at ? this.#prepared(at.index).step.name : this.#conditions[0]?.name;
    if (trying?.startedAt === undefined || step === undefined) return undefined;
    return { step, branch: at?.branch ?? '', attempt: trying.attempts + 1, since: trying.startedAt };
  }

  #restoreJudged(): void {
    for (const { step, verdict, before } of this.#finished.values()) {
      if (before === undefined && step !== CONDITIONS_HELD) continue;
      this.#judged.push(...(before ?? (verdict.checks ? [verdict] : [])));
      this.#isKept = true;
      return;
    }
  }

  /** Parks the run where it stands, untried: it has ended the process too often. */
  poisoned(ends: number): Pause {
    const error = `podiod ended ${ends} times while this event alone was in hand`;
    let at = this.#strands.first;
    while (at !== undefined && this.#skipKnown(at)) at = this.#strands.first;
    const { name } = this.#prepared(at?.index ?? 0).step;
    const verdict = verdictOf({ name }, at?.branch ?? '', 'failed', { attempts: ends, ms: 0, error });
    // Which of its branches it was is not known, so it is not one of them that is parked.
    return this.#giveUp({ step: name, branch: this.#own, attempts: ends, error }, verdict);
  }

  /** The branch that all of this is about. */
  get #own(): string {
    return this.#task.only?.branch ?? '';
  }

  #giveUp(park: ParkRequest, verdict?: StepVerdict): Pause {
    const steps = this.#told(verdict === undefined ? this.#verdicts : [...this.#verdicts, verdict]);
    return this.#givenUp(steps, park);
  }

  /** Kept for a person, unless nothing is to come of the run anyway. */
  #givenUp(steps: readonly StepVerdict[], park: ParkRequest): Pause {
    const { error } = park;
    if (this.#context.rule.shadow) {
      return { kind: 'ended', outcome: 'dropped', steps, error: `would be parked: ${error}` };
    }
    return { kind: 'ended', outcome: 'parked', steps, error, park };
  }

  #end(): Pause {
    const { only } = this.#task;
    if (only !== undefined && !this.#isThere) return this.#lost(only);
    const steps = this.#told(this.#verdicts);
    const passed = this.#letThrough ? 'settled' : 'filtered';
    const [error] = this.#parked;
    if (error === undefined) return { kind: 'ended', outcome: passed, steps };
    const count = this.#parked.length;
    const told = `${count === 1 ? 'a branch' : `${count} branches`} of it parked: ${error}`;
    if (this.#context.rule.shadow) {
      return { kind: 'ended', outcome: 'dropped', steps, error: `would be parked: ${told}` };
    }
    return { kind: 'ended', outcome: 'parked', steps, error: told, rest: passed };
  }

  /** What others have on record is theirs. */
  #told(verdicts: readonly StepVerdict[]): readonly StepVerdict[] {
    if (this.#task.only === undefined)
      return this.#judged.length > 0 ? [...this.#judged, ...verdicts] : verdicts;
    return verdicts.filter(({ branch = '' }) => isWithin(branch, this.#own));
  }

  #lost({ branch, step }: Only): Pause {
    const error = 'the rule comes no more to what was parked here, since its steps were changed';
    return this.#giveUp({ step, branch, attempts: 1, error });
  }

  async #askCondition({ name, judge }: RunCondition): Promise<Pause | undefined> {
    const { clock, ruleTime, signal } = this.#context;
    this.#asking ??= new Trying();
    const trying = this.#asking;
    const waitMs = this.#restore(trying, ruleTime, name, '');
    if (waitMs > 0) return { kind: 'waiting', ms: waitMs };
    if (!this.#mayTry()) return ABORTED;
    trying.since(ruleTime);
    trying.startedAt = clock.now();
    const startedAt = clock.monotonic();
    try {
      const { holds, checks } = await judge(trying.noField);
      this.#context.outages.succeeded(name, trying);
      this.#asking = undefined;
      if (checks.length > 0) {
        const ms = clock.monotonic() - startedAt;
        const rest = { attempts: trying.attempts + 1, ms, ...trying.seen };
        const verdict = verdictOf({ name }, '', holds ? 'done' : 'filtered', rest);
        this.#judged.push({ ...verdict, checks: this.#masked(checks) });
      }
      return holds ? undefined : { kind: 'ended', outcome: 'filtered', steps: this.#judged };
    } catch (error) {
      if (signal.aborted) return ABORTED;
      // A condition can't be passed over, whatever the first step says about its own failures.
      const { delivery } = this.#prepared(0).step;
      const step = { name, delivery, onError: 'park' } as const;
      const decided = await this.#failed(step, trying, ruleTime, '', error, 0);
      return typeof decided === 'string' ? undefined : decided;
    }
  }

  /** Passes on what the step emitted in an earlier life, or leaves out what was parked then. False: it has to be tried. */
  #skipKnown(at: Strand): boolean {
    if (this.#finished.size === 0 && this.#parkedBefore.size === 0) return false;
    const place = placeOf(this.#prepared(at.index).step.name, at.branch);
    const parked = this.#parkedBefore.get(place);
    if (parked !== undefined) {
      const { step: name, branch, attempts, error } = parked;
      this.#setAside(at, verdictOf({ name }, branch, 'failed', { attempts, ms: 0, error }));
      return true;
    }
    const checkpoint = this.#finished.get(place);
    if (checkpoint === undefined) return false;
    const { output, branches, verdict } = checkpoint;
    const data = output.map(added => ({ ...at.data, ...added }));
    const isOld = branches === undefined && data.length > 1;
    this.#pass(at, data, isOld ? data.map((_, n) => String(n)) : branches, verdict);
    return true;
  }

  async #tryStep(at: Strand): Promise<Pause | undefined> {
    const { clock, rule, signal } = this.#context;
    const { branch, index, trying } = at;
    const prepared = this.#prepared(index);
    const { step } = prepared;
    const time = this.#context.stepTimes[index] ?? this.#context.ruleTime;
    const { only } = this.#task;
    if (only !== undefined && !this.#leadsTo(only, at)) return this.#lost(only);
    const waitMs = this.#restore(trying, time, step.name, branch);
    if (waitMs > 0) return { kind: 'waiting', ms: waitMs };
    if (!this.#mayTry()) return ABORTED;
    if (step.when !== undefined && !trying.held) {
      const pause = await this.#askWhen(step, step.when, at, time);
      if (pause !== 'holds') return pause;
    }
    const breaker = this.#breaker(index);
    const admission = breaker.admit();
    if (admission === 'hold') {
      const pause = await this.#holdBack(step, trying, time, branch, breaker);
      if (pause !== undefined) return pause;
    } else if (admission === 'pass' && !trying.wasTried) {
      // The time it was held back is none that it was tried for.
      trying.firstTryAt = time.monotonic();
      trying.wasTried = true;
    }
    trying.since(time);

    const { event, bundle, replay } = this.#task;
    trying.startedAt = clock.now();
    const startedAt = clock.monotonic();
    let output: readonly Output[];
    let verdict: StepVerdict;
    let would: Would | undefined;
    try {
      const task = {
        event,
        ...(bundle && { bundle }),
        data: at.data,
        deliveryKey: deliveryKey(keyOf(rule), identityOf(event, bundle), step.name, branch, replay),
        deadlineMs: step.delivery.deadlineMs,
        signal,
        would: (told: Would) => {
          would = told;
        },
        noField: trying.noField,
      };
      output = await prepared.run(task);
      const ms = clock.monotonic() - startedAt;
      if (output.length === 0 || prepared.explains)
        trying.held = await this.#explained(prepared, task, trying.held);
      verdict = verdictOf(step, branch, output.length > 0 ? 'done' : 'filtered', {
        attempts: trying.attempts + 1,
        ms,
        ...trying.seen,
      });
      if (would) verdict = { ...verdict, would: kept(would, this.#context.mask) };
      this.#context.outages.succeeded(step.name, trying);
      breaker.succeeded(startedAt);
    } catch (error) {
      // A try that was cut off from outside says nothing about the step.
      if (signal.aborted) {
        if (admission === 'probe') breaker.abandoned();
        return ABORTED;
      }
      const ms = clock.monotonic() - startedAt;
      const row = breaker.failed(event.id, error, step.delivery, admission);
      const probe = admission === 'probe' ? breaker : undefined;
      const decided = await this.#failed(step, trying, time, branch, error, ms, { row, probe });
      if (decided === 'aside') {
        this.#setAside(at, failedBy(this.#messageOf(error), step, branch, trying, ms));
        return undefined;
      }
      if (decided !== 'continue') return decided;
      output = [{ data: at.data }];
      verdict = verdictOf(step, branch, 'continued', {
        attempts: trying.attempts,
        ms,
        error: this.#messageOf(error),
        ...trying.seen,
      });
    }
    return this.#finish(at, output, verdict);
  }

  /** What a filter has looked at comes last, behind what held before it was asked. */
  async #explained(
    prepared: PreparedStep,
    task: StepTask,
    held: readonly Check[] | undefined,
  ): Promise<readonly Check[] | undefined> {
    const checks = await prepared.explain?.(task);
    return checks ? [...(held ?? []), ...this.#masked(checks)] : held;
  }

  /** `holds`: the step is to be tried. Undefined: it was passed over. */
  async #askWhen(
    step: Step,
    when: RuleCondition,
    at: Strand,
    time: Time,
  ): Promise<Pause | 'holds' | undefined> {
    const { clock, signal } = this.#context;
    const { branch, trying } = at;
    trying.since(time);
    trying.startedAt = clock.now();
    const startedAt = clock.monotonic();
    try {
      const { holds, checks } = await when.judge(
        this.#context.view(this.#task.event, at.data, this.#task.bundle, trying.noField),
      );
      if (holds) {
        trying.held = this.#masked(checks);
        return 'holds';
      }
      this.#context.outages.succeeded(step.name, trying);
      const attempts = trying.attempts + 1;
      const rest = { attempts, ms: clock.monotonic() - startedAt, ...trying.seen };
      return this.#finish(at, [{ data: at.data }], {
        ...verdictOf(step, branch, 'skipped', rest),
        checks: this.#masked(checks),
      });
    } catch (error) {
      if (signal.aborted) return ABORTED;
      // What could not be decided is never taken for decided, so `onError: continue` is for the step itself.
      const decided = await this.#failed({ ...step, onError: 'park' }, trying, time, branch, error, 0);
      if (decided === 'aside') {
        this.#setAside(at, failedBy(this.#messageOf(error), step, branch, trying, 0));
        return undefined;
      }
      return decided === 'continue' ? undefined : decided;
    }
  }

  #finish(
    at: Strand,
    output: readonly Output[],
    verdict: StepVerdict,
  ): Promise<Pause | undefined> | undefined {
    const branches = branchesOf(output);
    this.#pass(
      at,
      output.map(({ data }) => data),
      branches,
      verdict,
    );
    // Nothing comes after the last one: then the record of the run says it all.
    if (this.#strands.size === 0) return undefined;
    return this.#checkpoint(at, output, branches, verdict);
  }

  async #checkpoint(
    at: Strand,
    output: readonly Output[],
    branches: readonly string[] | undefined,
    verdict: StepVerdict,
  ): Promise<Pause | undefined> {
    const { name: step } = this.#prepared(at.index).step;
    const checkpoint = {
      step,
      branch: at.branch,
      output: output.map(({ data }) => addedTo(at.data, data)),
      ...(branches && { branches }),
      verdict,
      ...this.#unkept(),
    };
    return (await this.#task.checkpoint(checkpoint)) ? undefined : ABORTED;
  }

  /** What has been decided before the first step, once: it goes to disk with the first that does. */
  #unkept(): Pick<Checkpoint, 'before'> {
    if (this.#isKept || this.#judged.length === 0) return {};
    this.#isKept = true;
    return { before: [...this.#judged] };
  }

  #masked(checks: readonly Check[]): readonly Check[] {
    const { mask } = this.#context;
    return checks.map(check => ({ ...check, test: mask(check.test), seen: mask(check.seen) }));
  }

  #messageOf(error: unknown): string {
    return this.#context.maskError(messageOf(error));
  }

  #mayTry(): boolean {
    return !this.#context.signal.aborted && this.#context.usable();
  }

  /**
   * The wait for an open breaker, or for someone to resume the plugin. On disk too, so that it goes on where it was after a
   * restart. Undefined when an outage has lasted long enough: then the step has its try, and its failure counts.
   */
  async #holdBack(
    { name, delivery }: Step,
    trying: Trying,
    time: Time,
    branch: string,
    breaker: Breaker,
  ): Promise<Pause | undefined> {
    const sinceFirstMs = trying.since(time);
    const leftMs = freeWaitMs(delivery) - sinceFirstMs;
    const isPaused = breaker.hold.isOn;
    if (leftMs <= 0 && !isPaused) return undefined;
    if (!(await this.#keepConditions(name))) return ABORTED;
    const recorded = await this.#task.tried({
      step: name,
      branch,
      attempts: trying.attempts,
      sinceFirstMs,
      waitMs: breaker.waitMs,
      error: `plugin ${breaker.plugin} ${isPaused ? 'is paused' : 'keeps failing'}`,
      plugin: breaker.plugin,
    });
    return recorded ? { kind: 'held', breaker, ms: leftMs } : ABORTED;
  }

  /** `aside`: the branch is parked by itself, and the others go on. */
  async #failed(
    step: Pick<Step, 'name' | 'delivery' | 'onError'> & Partial<Pick<Step, 'plugin'>>,
    trying: Trying,
    time: Time,
    branch: string,
    error: unknown,
    ms: number,
    { row, probe }: { readonly row?: Row | undefined; readonly probe?: Breaker | undefined } = {},
  ): Promise<Pause | 'continue' | 'aside'> {
    const { outages, random } = this.#context;
    const sinceFirstMs = trying.since(time);
    const tried = { attempts: trying.attempts, sinceFirstMs };
    const decision = afterFailure(step, tried, error, random(), probe !== undefined);
    const message = this.#messageOf(error);
    const { attempts } = decision;
    trying.attempts = attempts;
    const { seq, id } = this.#task.event;
    const fields = { seq, event: id, ...(branch && { branch }), attempts, error };
    const record = (waitMs: number) =>
      this.#task.tried({
        step: step.name,
        branch,
        attempts,
        sinceFirstMs,
        waitMs,
        error: message,
        ...(step.plugin !== undefined && { plugin: step.plugin }),
      });
    switch (decision.kind) {
      case 'retry': {
        const { afterMs } = decision;
        const waitMs = probe?.waitMs ?? afterMs;
        outages.failed(step.name, trying, { ...fields, retryInMs: Math.round(waitMs) }, row);
        if (!(await this.#keepConditions(step.name)) || !(await record(waitMs))) return ABORTED;
        if (probe === undefined) return { kind: 'waiting', ms: afterMs };
        return { kind: 'held', breaker: probe, ms: freeWaitMs(step.delivery) - sinceFirstMs };
      }
      case 'halt':
        outages.gaveUp(step.name, trying, { ...fields, next: 'halt' }, row);
        if (!(await this.#keepConditions(step.name))) return ABORTED;
        return (await record(0)) ? { kind: 'halted', step: step.name, error: message } : ABORTED;
      case 'continue':
        outages.gaveUp(step.name, trying, { ...fields, next: 'continue' }, row);
        return 'continue';
      case 'park': {
        outages.gaveUp(step.name, trying, { ...fields, next: 'park' }, row);
        const park = { step: step.name, branch, attempts, error: message };
        if (branch !== this.#own) {
          const isKept = this.#context.rule.shadow || (await this.#task.park(park));
          return isKept ? 'aside' : ABORTED;
        }
        if (!(await this.#keepConditions(step.name))) return ABORTED;
        const verdict = failedBy(this.#messageOf(error), step, branch, trying, ms);
        return isCondition(step.name) ? this.#givenUp(this.#judged, park) : this.#giveUp(park, verdict);
      }
    }
  }

  /**
   * A run that fails at its first step has no finished step that shows that the conditions held. By the time it is tried again,
   * or someone asks for that, the item may be gone, and they would hold no more.
   */
  async #keepConditions(step: string): Promise<boolean> {
    if (this.#isKept || this.#task.conditions.length === 0 || this.#verdicts.length > 0 || isCondition(step))
      return true;
    const verdict: StepVerdict = { step: CONDITIONS_HELD, outcome: 'done', attempts: 1, ms: 0 };
    const before = this.#unkept();
    this.#isKept = true;
    return this.#task.checkpoint({ step: CONDITIONS_HELD, branch: '', output: [], verdict, ...before });
  }

  /** Takes up the tries of an earlier life; says how long to wait before the next one. */
  #restore(trying: Trying, time: Time, step: string, branch: string): number {
    if (this.#restored.size === 0) return 0;
    const place = placeOf(step, branch);
    const tries = this.#restored.get(place);
    if (tries === undefined) return 0;
    this.#restored.delete(place);
    trying.restore(tries, this.#readAt, time);
    return this.#readAt + tries.waitMs - this.#context.clock.monotonic();
  }

  #pass(
    at: Strand,
    data: readonly Data[],
    branches: readonly string[] | undefined,
    verdict: StepVerdict,
  ): void {
    this.#verdicts.push(verdict);
    const isLast = at.index + 1 === this.#context.steps.length;
    if (isLast && data.length > 0) this.#letThrough = true;
    this.#follow(at, isLast ? [] : strandsAfter(at, data, branches));
  }

  #setAside(at: Strand, verdict: StepVerdict): void {
    this.#verdicts.push(verdict);
    this.#parked.push(verdict.error ?? '');
    this.#follow(at, []);
  }

  #follow(at: Strand, next: readonly Strand[]): void {
    if (next.length === 0) {
      this.#strands.replace(at, next);
      return;
    }
    const own = this.#own;
    const wanted = next.filter(({ branch }) => isWithin(branch, own) || isWithin(own, branch));
    this.#isThere ||= wanted.some(({ branch }) => isWithin(branch, own));
    this.#strands.replace(at, wanted);
  }

  /** What comes before the branch that this is about was done; with other steps than then it is done again, but not more. */
  #leadsTo({ branch, step }: Only, at: Strand): boolean {
    if (isWithin(at.branch, branch)) return true;
    return at.index < this.#context.steps.findIndex(prepared => prepared.step.name === step);
  }

  #breaker(index: number): Breaker {
    return this.#context.breakers[index] as Breaker;
  }

  #prepared(index: number): PreparedStep {
    return this.#context.steps[index] as PreparedStep;
  }
}

const failedBy = (
  error: string,
  step: Pick<Step, 'name'>,
  branch: string,
  { attempts, seen }: Trying,
  ms: number,
): StepVerdict => verdictOf(step, branch, 'failed', { attempts, ms, error, ...seen });

/** Which change, or which changes, a delivery is about. */
function identityOf(event: PodioEvent, bundle: Bundle | undefined): string {
  const [first] = bundle?.events ?? [];
  return bundle?.mode === 'batch' && first ? `${first.seq}-${event.seq}` : event.id;
}

const placeOf = (step: string, branch: string): string => `${step}/${branch}`;

/** What a step has added to a message: what was there before is on disk already. */
const addedTo = (before: Data, after: Data): Data =>
  Object.fromEntries(Object.entries(after).filter(([name, value]) => before[name] !== value));
