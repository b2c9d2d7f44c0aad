import type { Clock } from '../core/clock.ts';
import type { Check, Judgement, RuleCondition } from '../core/condition.ts';
import { coerceError } from '../core/errors.ts';
import type { PodioEvent } from '../core/event.ts';
import type { Rule, Step } from '../core/rule.ts';
import { keyOf } from '../core/rule-key.ts';
import type { Outcome, StepVerdict } from '../core/run.ts';
import { kept, type Would } from '../core/would.ts';
import type { Data } from '../plugin/contract.ts';
import type { PreparedStep } from '../plugin/host.ts';
import type { Checkpoint, ParkRequest, Tries } from '../store/contract.ts';
import type { Breaker } from './breaker.ts';
import { afterFailure, freeWaitMs } from './failure.ts';
import type { StillTime } from './holds.ts';

/** Where a delivery stands when it can't go on by itself. */
export type Pause =
  | {
      readonly kind: 'ended';
      readonly outcome: Outcome;
      readonly steps: readonly StepVerdict[];
      readonly error?: string;
      readonly park?: ParkRequest;
    }
  /** Call `go()` again after `ms`. */
  | { readonly kind: 'waiting'; readonly ms: number }
  /** A breaker holds it back: call `go()` again when that says so, or after `ms` (a pause of the plugin not counted). */
  | { readonly kind: 'held'; readonly breaker: Breaker; readonly ms: number }
  /** The rule wants no further event handled before a person has looked. */
  | { readonly kind: 'halted'; readonly step: string; readonly error: string }
  /** Stopped from outside; nothing is decided, and all that was reached is on disk. */
  | { readonly kind: 'aborted' };

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
  view(event: PodioEvent, data: Data): object;
  /** Takes secrets out of what a condition has seen, before it is kept. */
  mask(text: string): string;
  /** Whether a try may be started: false when another owner may have the lane. */
  usable(): boolean;
  readonly outages: {
    failed(step: string, run: object, fields: Record<string, unknown>): void;
    gaveUp(step: string, run: object, fields: Record<string, unknown>): void;
    succeeded(step: string, run: object): void;
  };
}

/** Something that has to hold before the first step. */
export interface RunCondition {
  /** In place of a step's name: no step can be called so. */
  readonly name: string;
  /** Rejects when what it has to look at can't be read now. */
  judge(): Promise<Judgement>;
}

/** What a delivery needs for one event. The recordings resolve with true when it is on disk, false when let go. */
export interface Task {
  readonly event: PodioEvent;
  /** 0, or which replay of the event this is. */
  readonly replay: number;
  /** What decides, one after the other, whether the rule wants the event. */
  readonly conditions: readonly RunCondition[];
  checkpoint(checkpoint: Checkpoint): Promise<boolean>;
  tried(tries: Tries): Promise<boolean>;
}

/** What is known of the run from before. */
export interface Resume {
  readonly checkpoints: readonly Checkpoint[];
  readonly tries: readonly Tries[];
  /** When that was read, on the monotonic clock: waits count from there. */
  readonly readAt: number;
}

/** A message on its way to a step. */
interface Pending {
  readonly index: number;
  readonly branch: string;
  readonly data: Data;
}

/** Names of what is decided before the first step: the trigger's own conditions on fields, and the rule's `where`. */
export const ON_FIELDS = 'on.fields';
export const WHERE = 'rule.where';

const isCondition = (step: string): boolean => step === ON_FIELDS || step === WHERE;

const ABORTED: Pause = { kind: 'aborted' };
const NO_DATA: Data = Object.freeze({});

/**
 * One event on its way through the steps of a rule, depth first over the branches that steps open by emitting several
 * messages. It can be left at any point and gone on with by a new object from what is on disk: every finished step is
 * recorded before the next one starts.
 */
export class Delivery {
  readonly #context: DeliveryContext;
  readonly #task: Task;
  /** Steps finished in an earlier life of this run. */
  readonly #finished = new Map<string, Checkpoint>();
  readonly #restored = new Map<string, Tries>();
  readonly #readAt: number;
  /** A stack: the next one is last. */
  readonly #pending: Pending[] = [{ index: 0, branch: '', data: NO_DATA }];
  readonly #verdicts: StepVerdict[] = [];
  /** Those that are not known to hold; the next one is first. */
  #conditions: readonly RunCondition[];
  #letThrough = false;

  /** What passes of the time that the step being tried may take. */
  #time: Pick<StillTime, 'monotonic'>;
  /** Of the step that is being tried. */
  #attempts = 0;
  /** By `#time`. */
  #firstTryAt: number | undefined;
  /** Whether it had a try that was not on behalf of others. */
  #wasTried = false;
  /** Whether its `when` is known to hold. */
  #held = false;

  constructor(context: DeliveryContext, task: Task, resume?: Resume) {
    this.#context = context;
    this.#task = task;
    this.#readAt = resume?.readAt ?? 0;
    this.#time = context.ruleTime;
    for (const checkpoint of resume?.checkpoints ?? []) {
      this.#finished.set(placeOf(checkpoint.step, checkpoint.branch), checkpoint);
    }
    for (const tries of resume?.tries ?? []) {
      this.#restored.set(placeOf(tries.step, tries.branch), tries);
    }
    // A step was reached before, so the conditions held.
    this.#conditions = this.#finished.size > 0 ? [] : task.conditions;
  }

  /** Goes as far as it can. Never rejects for what a plugin does. */
  async go(): Promise<Pause> {
    for (;;) {
      const [condition, ...rest] = this.#conditions;
      if (condition === undefined) break;
      const pause = await this.#askCondition(condition);
      if (pause !== undefined) return pause;
      this.#conditions = rest;
    }
    for (;;) {
      const at = this.#pending.at(-1);
      if (at === undefined) break;
      const pause = this.#skipFinished(at) ? undefined : await this.#tryStep(at);
      if (pause !== undefined) return pause;
    }
    return { kind: 'ended', outcome: this.#letThrough ? 'settled' : 'filtered', steps: this.#verdicts };
  }

  /** Parks the run where it stands, untried: it has ended the process too often. */
  poisoned(ends: number): Pause {
    const error = `podiod ended ${ends} times while this event alone was in hand`;
    let at = this.#pending.at(-1);
    while (at !== undefined && this.#skipFinished(at)) at = this.#pending.at(-1);
    const { name } = this.#prepared(at?.index ?? 0).step;
    const branch = at?.branch ?? '';
    const verdict = verdictOf({ name }, branch, 'failed', { attempts: ends, ms: 0, error });
    return this.#givenUp([...this.#verdicts, verdict], { step: name, branch, attempts: ends, error });
  }

  async #askCondition({ name, judge }: RunCondition): Promise<Pause | undefined> {
    const { clock, ruleTime, signal } = this.#context;
    this.#time = ruleTime;
    const waitMs = this.#restore(name, '');
    if (waitMs > 0) return { kind: 'waiting', ms: waitMs };
    if (!this.#mayTry()) return ABORTED;
    this.#firstTryAt ??= this.#time.monotonic();
    const startedAt = clock.monotonic();
    try {
      const { holds, checks } = await judge();
      this.#succeeded(name);
      const attempts = this.#attempts + 1;
      this.#nextStep();
      if (holds) return undefined;
      const ms = clock.monotonic() - startedAt;
      const verdict = {
        ...verdictOf({ name }, '', 'filtered', { attempts, ms }),
        checks: this.#masked(checks),
      };
      return { kind: 'ended', outcome: 'filtered', steps: checks.length > 0 ? [verdict] : [] };
    } catch (error) {
      if (signal.aborted) return ABORTED;
      // A condition can't be passed over, whatever the first step says about its own failures.
      const { delivery } = this.#prepared(0).step;
      const decided = await this.#failed({ name, delivery, onError: 'park' }, '', error, 0);
      return decided === 'continue' ? undefined : decided;
    }
  }

  /** Passes on what the step emitted in an earlier life. False when it has not finished yet. */
  #skipFinished(at: Pending): boolean {
    const checkpoint = this.#finished.get(placeOf(this.#prepared(at.index).step.name, at.branch));
    if (checkpoint === undefined) return false;
    this.#pass(at, checkpoint.output, checkpoint.verdict);
    return true;
  }

  async #tryStep(at: Pending): Promise<Pause | undefined> {
    const { clock, rule, signal } = this.#context;
    const prepared = this.#prepared(at.index);
    const { step } = prepared;
    this.#time = this.#context.stepTimes[at.index] ?? this.#context.ruleTime;
    const waitMs = this.#restore(step.name, at.branch);
    if (waitMs > 0) return { kind: 'waiting', ms: waitMs };
    if (!this.#mayTry()) return ABORTED;
    if (step.when !== undefined && !this.#held) {
      const pause = await this.#askWhen(step, step.when, at);
      if (pause !== 'holds') return pause;
    }
    const breaker = this.#context.breakers[at.index] as Breaker;
    const admission = breaker.admit();
    if (admission === 'hold') {
      const pause = await this.#holdBack(step, at.branch, breaker);
      if (pause !== undefined) return pause;
    } else if (admission === 'pass' && !this.#wasTried) {
      // The time it was held back is none that it was tried for.
      this.#firstTryAt = this.#time.monotonic();
      this.#wasTried = true;
    }
    this.#firstTryAt ??= this.#time.monotonic();

    const { event, replay } = this.#task;
    const startedAt = clock.monotonic();
    let output: readonly Data[];
    let verdict: StepVerdict;
    let would: Would | undefined;
    try {
      output = await prepared.run({
        event,
        data: at.data,
        deliveryKey: deliveryKey(keyOf(rule), event.id, step.name, at.branch, replay),
        deadlineMs: step.delivery.deadlineMs,
        signal,
        would: told => {
          would = told;
        },
      });
      verdict = verdictOf(step, at.branch, output.length > 0 ? 'done' : 'filtered', {
        attempts: this.#attempts + 1,
        ms: clock.monotonic() - startedAt,
      });
      if (would) verdict = { ...verdict, would: kept(would, this.#context.mask) };
      this.#succeeded(step.name);
      breaker.succeeded();
    } catch (error) {
      // A try that was cut off from outside says nothing about the step.
      if (signal.aborted) {
        if (admission === 'probe') breaker.abandoned();
        return ABORTED;
      }
      const ms = clock.monotonic() - startedAt;
      breaker.failed(event.id, error, step.delivery, admission);
      const probe = admission === 'probe' ? breaker : undefined;
      const decided = await this.#failed(step, at.branch, error, ms, probe);
      if (decided !== 'continue') return decided;
      output = [at.data];
      verdict = verdictOf(step, at.branch, 'continued', {
        attempts: this.#attempts,
        ms,
        error: messageOf(error),
      });
    }
    return this.#finish(at, output, verdict);
  }

  /** `holds`: the step is to be tried. Undefined: it was passed over. */
  async #askWhen(step: Step, when: RuleCondition, at: Pending): Promise<Pause | 'holds' | undefined> {
    const { clock, signal } = this.#context;
    this.#firstTryAt ??= this.#time.monotonic();
    const startedAt = clock.monotonic();
    try {
      const { holds, checks } = await when.judge(this.#context.view(this.#task.event, at.data));
      if (holds) {
        this.#held = true;
        return 'holds';
      }
      this.#succeeded(step.name);
      const rest = { attempts: this.#attempts + 1, ms: clock.monotonic() - startedAt };
      return this.#finish(at, [at.data], {
        ...verdictOf(step, at.branch, 'skipped', rest),
        checks: this.#masked(checks),
      });
    } catch (error) {
      if (signal.aborted) return ABORTED;
      // What could not be decided is never taken for decided, so `onError: continue` is for the step itself.
      const decided = await this.#failed({ ...step, onError: 'park' }, at.branch, error, 0);
      return decided === 'continue' ? undefined : decided;
    }
  }

  async #finish(at: Pending, output: readonly Data[], verdict: StepVerdict): Promise<Pause | undefined> {
    const { name: step } = this.#prepared(at.index).step;
    this.#pass(at, output, verdict);
    this.#nextStep();
    // Nothing comes after the last one: then the record of the run says it all.
    if (this.#pending.length === 0) return undefined;
    const checkpoint = { step, branch: at.branch, output, verdict };
    return (await this.#task.checkpoint(checkpoint)) ? undefined : ABORTED;
  }

  #masked(checks: readonly Check[]): readonly Check[] {
    const { mask } = this.#context;
    return checks.map(check => ({ ...check, test: mask(check.test), seen: mask(check.seen) }));
  }

  #nextStep(): void {
    this.#attempts = 0;
    this.#firstTryAt = undefined;
    this.#wasTried = false;
    this.#held = false;
  }

  #mayTry(): boolean {
    return !this.#context.signal.aborted && this.#context.usable();
  }

  /**
   * The wait for an open breaker, or for someone to resume the plugin. On disk too, so that it goes on where it was after a
   * restart. Undefined when an outage has lasted long enough: then the step has its try, and its failure counts.
   */
  async #holdBack({ name, delivery }: Step, branch: string, breaker: Breaker): Promise<Pause | undefined> {
    const now = this.#time.monotonic();
    this.#firstTryAt ??= now;
    const sinceFirstMs = now - this.#firstTryAt;
    const leftMs = freeWaitMs(delivery) - sinceFirstMs;
    const isPaused = breaker.hold.isOn;
    if (leftMs <= 0 && !isPaused) return undefined;
    const recorded = await this.#task.tried({
      step: name,
      branch,
      attempts: this.#attempts,
      sinceFirstMs,
      waitMs: breaker.waitMs,
      error: `plugin ${breaker.plugin} ${isPaused ? 'is paused' : 'keeps failing'}`,
      plugin: breaker.plugin,
    });
    return recorded ? { kind: 'held', breaker, ms: leftMs } : ABORTED;
  }

  async #failed(
    step: Pick<Step, 'name' | 'delivery' | 'onError'> & Partial<Pick<Step, 'plugin'>>,
    branch: string,
    error: unknown,
    ms: number,
    probe?: Breaker,
  ): Promise<Pause | 'continue'> {
    const { outages, random } = this.#context;
    const now = this.#time.monotonic();
    const sinceFirstMs = now - (this.#firstTryAt ?? now);
    const tried = { attempts: this.#attempts, sinceFirstMs };
    const decision = afterFailure(step, tried, error, random(), probe !== undefined);
    const message = messageOf(error);
    this.#attempts = decision.attempts;
    const { seq, id } = this.#task.event;
    const fields = { seq, event: id, attempts: decision.attempts, error };
    const record = (waitMs: number) =>
      this.#task.tried({
        step: step.name,
        branch,
        attempts: decision.attempts,
        sinceFirstMs,
        waitMs,
        error: message,
        ...(step.plugin !== undefined && { plugin: step.plugin }),
      });
    switch (decision.kind) {
      case 'retry': {
        const { afterMs } = decision;
        const waitMs = probe?.waitMs ?? afterMs;
        outages.failed(step.name, this, { ...fields, retryInMs: Math.round(waitMs) });
        if (!(await record(waitMs))) return ABORTED;
        if (probe === undefined) return { kind: 'waiting', ms: afterMs };
        return { kind: 'held', breaker: probe, ms: freeWaitMs(step.delivery) - sinceFirstMs };
      }
      case 'halt':
        outages.gaveUp(step.name, this, { ...fields, next: 'halt' });
        return (await record(0)) ? { kind: 'halted', step: step.name, error: message } : ABORTED;
      case 'continue':
        outages.gaveUp(step.name, this, { ...fields, next: 'continue' });
        return 'continue';
      case 'park': {
        outages.gaveUp(step.name, this, { ...fields, next: 'park' });
        if (!(await this.#keepConditions(step.name))) return ABORTED;
        const { attempts } = decision;
        const verdict = verdictOf(step, branch, 'failed', { attempts, ms, error: message });
        const steps = isCondition(step.name) ? [] : [...this.#verdicts, verdict];
        return this.#givenUp(steps, { step: step.name, branch, attempts, error: message });
      }
    }
  }

  /** Kept for a person, unless nothing is to come of the run anyway. */
  #givenUp(steps: readonly StepVerdict[], park: ParkRequest): Pause {
    const { error } = park;
    if (this.#context.rule.shadow) {
      return { kind: 'ended', outcome: 'dropped', steps, error: `would be parked: ${error}` };
    }
    return { kind: 'ended', outcome: 'parked', steps, error, park };
  }

  /**
   * A run that is parked at its first step has no finished step that shows that the conditions held. By the time someone
   * asks for a retry the item may be gone, and they would hold no more.
   */
  async #keepConditions(step: string): Promise<boolean> {
    if (this.#task.conditions.length === 0 || this.#verdicts.length > 0 || isCondition(step)) return true;
    const verdict: StepVerdict = { step: ON_FIELDS, outcome: 'done', attempts: 1, ms: 0 };
    return this.#task.checkpoint({ step: ON_FIELDS, branch: '', output: [], verdict });
  }

  /** Takes up the tries of an earlier life; says how long to wait before the next one. */
  #restore(step: string, branch: string): number {
    const place = placeOf(step, branch);
    const tries = this.#restored.get(place);
    if (tries === undefined) return 0;
    this.#restored.delete(place);
    this.#attempts = tries.attempts;
    // Where a pause has held time back since, it was read in what is this one's future.
    this.#firstTryAt = Math.min(this.#readAt, this.#time.monotonic()) - tries.sinceFirstMs;
    this.#wasTried = true;
    return this.#readAt + tries.waitMs - this.#context.clock.monotonic();
  }

  #succeeded(step: string): void {
    this.#context.outages.succeeded(step, this);
  }

  #pass(at: Pending, output: readonly Data[], verdict: StepVerdict): void {
    this.#pending.pop();
    this.#verdicts.push(verdict);
    const index = at.index + 1;
    if (index === this.#context.steps.length) {
      if (output.length > 0) this.#letThrough = true;
      return;
    }
    for (let n = output.length - 1; n >= 0; n--) {
      const own = output.length === 1 ? '' : String(n);
      const branch = at.branch && own ? `${at.branch}.${own}` : at.branch || own;
      this.#pending.push({ index, branch, data: output[n] ?? NO_DATA });
    }
  }

  #prepared(index: number): PreparedStep {
    return this.#context.steps[index] as PreparedStep;
  }
}

/** Contract 6: the same over retries and restarts, another one for each replay. */
export function deliveryKey(rule: string, eventId: string, step: string, branch: string, replay = 0): string {
  const key = branch ? `${rule}/${eventId}/${step}/${branch}` : `${rule}/${eventId}/${step}`;
  return replay > 0 ? `${key}/${replay}` : key;
}

const placeOf = (step: string, branch: string): string => `${step}/${branch}`;

function verdictOf(
  step: Pick<Step, 'name'>,
  branch: string,
  outcome: StepVerdict['outcome'],
  rest: { attempts: number; ms: number; error?: string },
): StepVerdict {
  return {
    step: step.name,
    ...(branch && { branch }),
    outcome,
    ...rest,
    ms: Math.round(rest.ms),
  };
}

/** Long enough for people; some errors carry the whole answer of a server. */
const MAX_MESSAGE = 2000;

function messageOf(error: unknown): string {
  const { message, name } = coerceError(error);
  const text = message || name;
  return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE - 3)}...` : text;
}
