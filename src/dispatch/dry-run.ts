import { childOf } from '../core/branch.ts';
import type { Check } from '../core/condition.ts';
import { coerceError } from '../core/errors.ts';
import type { PodioEvent } from '../core/event.ts';
import type { Rule } from '../core/rule.ts';
import { type Sending, showWould, type Would } from '../core/would.ts';
import type { Data } from '../plugin/contract.ts';
import type { Output, PreparedStep } from '../plugin/host.ts';
import type { ItemReader } from '../podio/contract.ts';
import type { Matcher } from './match.ts';
import { branchesOf } from './strands.ts';
import { deliveryKey } from './trying.ts';
import { wouldWait } from './would-wait.ts';

export interface DryStep {
  readonly step: string;
  /** Which message of a step before that emitted several. */
  readonly branch?: string;
  readonly outcome: 'described' | 'done' | 'filtered' | 'failed' | 'continued' | 'skipped';
  /** For `described`: what the step would do, else the message it would do it with. */
  readonly text?: string;
  /** What it would send, where its plugin could be run with its effects captured. */
  readonly sends?: readonly Sending[];
  readonly error?: string;
  /** Of a `when` that did not hold. */
  readonly checks?: readonly Check[];
}

export interface DryRun {
  readonly rule: string;
  /** `unmatched`: the rule's triggers don't want the event. */
  readonly outcome: 'unmatched' | 'settled' | 'filtered' | 'failed';
  readonly steps: readonly DryStep[];
  readonly error?: string;
  /** Of a `where` that did not hold. */
  readonly checks?: readonly Check[];
  /** What the rule's run mode would do first; absent where each event is run at once, and where the rule does not want it. */
  readonly mode?: string;
}

export interface DryRunDeps {
  readonly rule: Rule;
  /** Prepared by a plugin host that captures what the rule does. */
  readonly steps: readonly PreparedStep[];
  readonly matcher: Pick<Matcher, 'match' | 'decide'>;
  readonly reader: Pick<ItemReader, 'changes'>;
  /** What conditions see of an event. */
  view(event: PodioEvent, data: Data): object;
  readonly signal: AbortSignal;
}

/**
 * What a rule would make of an event, with its effects captured. Nothing is tried twice and nothing is recorded.
 */
export async function dryRun(deps: DryRunDeps, event: PodioEvent): Promise<DryRun> {
  const { rule, matcher } = deps;
  const match = matcher.match(event);
  if (match === 'no') return { rule: rule.name, outcome: 'unmatched', steps: [] };
  const { checks, ...made } = await wantedRun(deps, event, match);
  const isUnwanted = made.outcome === 'filtered' && made.steps.length === 0;
  // What settles is judged by all that changed meanwhile, so this event alone does not decide.
  const mode = isUnwanted && rule.mode?.kind !== 'settle' ? undefined : wouldWait(rule, event);
  return { ...made, ...(checks && { checks }), ...(mode !== undefined && { mode }) };
}

async function wantedRun(deps: DryRunDeps, event: PodioEvent, match: 'yes' | 'ask'): Promise<DryRun> {
  const { rule, matcher, reader } = deps;
  try {
    if (match === 'ask' && !matcher.decide(event, await reader.changes(event))) {
      return { rule: rule.name, outcome: 'filtered', steps: [] };
    }
    const judged = await rule.where?.judge(deps.view(event, {}));
    if (judged?.holds === false) {
      return { rule: rule.name, outcome: 'filtered', steps: [], checks: judged.checks };
    }
  } catch (error) {
    return { rule: rule.name, outcome: 'failed', steps: [], error: coerceError(error).message };
  }

  const steps: DryStep[] = [];
  let letThrough = false;
  /** Depth first, as in a real run. False: a step failed and its run would be parked. */
  const goOn = async (index: number, branch: string, data: Data): Promise<boolean> => {
    const prepared = deps.steps[index];
    if (prepared === undefined) {
      letThrough = true;
      return true;
    }
    const made = await dryStep(deps, prepared, event, branch, data);
    steps.push(made.verdict);
    if (made.verdict.outcome === 'failed') return false;
    const names = branchesOf(made.output);
    let whole = true;
    for (const [n, { data }] of made.output.entries()) {
      const name = names?.[n];
      const own = name === undefined ? branch : childOf(branch, name);
      // A branch is parked by itself: the others go on.
      if (!(await goOn(index + 1, own, data))) whole = false;
    }
    return whole;
  };
  const whole = await goOn(0, '', {});
  const error = steps.find(({ outcome }) => outcome === 'failed')?.error;
  if (!whole) {
    return { rule: rule.name, outcome: 'failed', steps, ...(error !== undefined && { error }) };
  }
  return { rule: rule.name, outcome: letThrough ? 'settled' : 'filtered', steps };
}

async function dryStep(
  { rule, signal, view }: DryRunDeps,
  prepared: PreparedStep,
  event: PodioEvent,
  branch: string,
  data: Data,
): Promise<{ verdict: DryStep; output: readonly Output[] }> {
  const { step } = prepared;
  const at = { step: step.name, ...(branch && { branch }) };
  let would: Would | undefined;
  const task = {
    event,
    data,
    deliveryKey: deliveryKey(rule.name, event.id, step.name, branch),
    deadlineMs: step.delivery.deadlineMs,
    signal,
    would: (told: Would) => {
      would = told;
    },
  };
  try {
    const judged = await step.when?.judge(view(event, data));
    if (judged?.holds === false) {
      return { verdict: { ...at, outcome: 'skipped', checks: judged.checks }, output: [{ data }] };
    }
  } catch (thrown) {
    return { verdict: { ...at, outcome: 'failed', error: coerceError(thrown).message }, output: [] };
  }
  try {
    const output = await prepared.run(task);
    if (would === undefined) {
      return { verdict: { ...at, outcome: output.length > 0 ? 'done' : 'filtered' }, output };
    }
    const isSilent = would.notRun && would.text === undefined;
    const text = isSilent ? JSON.stringify({ event, data }) : showWould(would).join('\n');
    const sends = would.sends && { sends: would.sends };
    return { verdict: { ...at, outcome: 'described', text, ...sends }, output };
  } catch (thrown) {
    const error = coerceError(thrown).message;
    return step.onError === 'continue'
      ? { verdict: { ...at, outcome: 'continued', error }, output: [{ data }] }
      : { verdict: { ...at, outcome: 'failed', error }, output: [] };
  }
}
