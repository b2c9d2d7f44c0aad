import { coerceError } from '../core/errors.ts';
import type { PodioEvent } from '../core/event.ts';
import type { Rule, Step } from '../core/rule.ts';
import type { Data } from '../plugin/contract.ts';
import type { PreparedStep } from '../plugin/host.ts';
import type { ItemReader } from '../podio/contract.ts';
import { deliveryKey } from './deliver.ts';
import type { Matcher } from './match.ts';

export interface DryStep {
  readonly step: string;
  /** Which message of a step before that emitted several. */
  readonly branch?: string;
  readonly outcome: 'described' | 'done' | 'filtered' | 'failed' | 'continued';
  /** For `described`: what the step would do. */
  readonly text?: string;
  readonly error?: string;
}

export interface DryRun {
  readonly rule: string;
  /** `unmatched`: the rule's triggers don't want the event. */
  readonly outcome: 'unmatched' | 'settled' | 'filtered' | 'failed';
  readonly steps: readonly DryStep[];
  readonly error?: string;
}

export interface DryRunDeps {
  readonly rule: Rule;
  readonly steps: readonly PreparedStep[];
  readonly matcher: Matcher;
  readonly reader: Pick<ItemReader, 'changes'>;
  /** Whether a step may really run: it only decides and touches nothing outside. */
  readonly isHarmless: (step: Step) => boolean;
  readonly signal: AbortSignal;
}

/**
 * What a rule would make of an event. Steps that describe themselves are asked, harmless ones run, and of any other the
 * message that would have reached it is shown; nothing is tried twice and nothing is recorded. A described step passes
 * its message on.
 */
export async function dryRun(deps: DryRunDeps, event: PodioEvent): Promise<DryRun> {
  const { rule, matcher, reader } = deps;
  const match = matcher.match(event);
  if (match === 'no') return { rule: rule.name, outcome: 'unmatched', steps: [] };
  try {
    if (match === 'ask' && !matcher.decide(event, await reader.changes(event))) {
      return { rule: rule.name, outcome: 'filtered', steps: [] };
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
    for (const [n, output] of made.output.entries()) {
      const own = made.output.length === 1 ? '' : String(n);
      if (!(await goOn(index + 1, branch && own ? `${branch}.${own}` : branch || own, output))) return false;
    }
    return true;
  };
  const whole = await goOn(0, '', {});
  const error = steps.at(-1)?.error;
  if (!whole) {
    return { rule: rule.name, outcome: 'failed', steps, ...(error !== undefined && { error }) };
  }
  return { rule: rule.name, outcome: letThrough ? 'settled' : 'filtered', steps };
}

async function dryStep(
  { rule, isHarmless, signal }: DryRunDeps,
  prepared: PreparedStep,
  event: PodioEvent,
  branch: string,
  data: Data,
): Promise<{ verdict: DryStep; output: readonly Data[] }> {
  const { step } = prepared;
  const at = { step: step.name, ...(branch && { branch }) };
  const task = {
    event,
    data,
    deliveryKey: deliveryKey(rule.name, event.id, step.name, branch),
    deadlineMs: step.delivery.deadlineMs,
    signal,
  };
  try {
    await prepared.ready(signal);
    const text = await prepared.describe(task);
    if (text !== undefined || !isHarmless(step)) {
      const shown = text ?? JSON.stringify({ event, data });
      return { verdict: { ...at, outcome: 'described', text: shown }, output: [data] };
    }
    const output = await prepared.run(task);
    return { verdict: { ...at, outcome: output.length > 0 ? 'done' : 'filtered' }, output };
  } catch (thrown) {
    const error = coerceError(thrown).message;
    return step.onError === 'continue'
      ? { verdict: { ...at, outcome: 'continued', error }, output: [data] }
      : { verdict: { ...at, outcome: 'failed', error }, output: [] };
  }
}
