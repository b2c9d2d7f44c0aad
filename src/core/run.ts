import { isWithin } from './branch.ts';
import type { Check } from './condition.ts';
import type { PodioEvent } from './event.ts';
import type { Would } from './would.ts';

/** What became of a run. `filtered`: a step (or the rule's own conditions) let nothing through. */
export type Outcome = 'settled' | 'filtered' | 'parked' | 'dropped';

/** What one step made of the run, for people: status, `events`, `why`. */
export interface StepVerdict {
  readonly step: string;
  /** Which message of a step before that emitted several: `0`, `2/1`, or its key; absent where there was one. */
  readonly branch?: string;
  /** `skipped`: its `when` did not hold, and the message went on to the next step. */
  readonly outcome: 'done' | 'filtered' | 'failed' | 'continued' | 'skipped';
  readonly attempts: number;
  /** How long its last try took. */
  readonly ms: number;
  /** When that began, UTC milliseconds; absent where there was none, and in records of before it was kept. */
  readonly startedAt?: number;
  readonly error?: string;
  /** What its condition, or it as one, looked at. */
  readonly checks?: readonly Check[];
  /** Of a rule in shadow: what it would have done. */
  readonly would?: Would;
  /** Fields that its templates or its condition name and the app does not have: they were taken for empty. */
  readonly unknownFields?: readonly string[];
}

/** As programs are told: times are ISO 8601, UTC. */
export interface StepJson extends Omit<StepVerdict, 'startedAt'> {
  readonly startedAt?: string;
}

export const stepToJson = ({ startedAt, ...verdict }: StepVerdict): StepJson => ({
  ...verdict,
  ...(startedAt !== undefined && { startedAt: new Date(startedAt).toISOString() }),
});

/** Of all of them together, each once. */
export const unknownFieldsOf = (steps: readonly Pick<StepVerdict, 'unknownFields'>[]): readonly string[] =>
  [...new Set(steps.flatMap(({ unknownFields = [] }) => unknownFields))].sort();

/**
 * Of what said no, the tests that did not hold. What held may have some as well: one of several was enough. No step can be
 * called as a condition of the rule is: `rule.where`; the last thing that stands at one that let nothing through is why.
 */
export function unmetChecks({
  step,
  outcome,
  checks = [],
}: Pick<StepVerdict, 'step' | 'outcome' | 'checks'>): readonly Check[] {
  if (outcome !== 'skipped' && outcome !== 'filtered') return [];
  const said = outcome === 'filtered' && !step.includes('.') ? checks.slice(-1) : checks;
  return said.filter(({ holds }) => !holds);
}

/**
 * The record of a finished run. Of the entries of one event id one has it, for each rule and replay; but where it was not to be told
 * whether the fields of the first had changed, and the next was the word of a field's hook, both have. Times are UTC milliseconds.
 */
export interface RunRecord {
  readonly rule: string;
  readonly eventId: string;
  /** 0: the run that the event itself caused; n: the n-th replay. */
  readonly replay: number;
  readonly seq: number;
  readonly outcome: Outcome;
  /** In front of a rule's own those that were decided before: the conditions on the trigger's fields, `where`. */
  readonly steps: readonly StepVerdict[];
  readonly error?: string;
  /** The rule ran in shadow: nothing was done to the world outside. `dropped`: it would have been parked. */
  readonly shadow?: true;
  readonly endedAt: number;
}

/** A run whose step gave up. `id` is what `podiod parked retry` takes. */
export interface ParkedRun {
  readonly id: string;
  readonly rule: string;
  readonly seq: number;
  readonly event: PodioEvent;
  /** How many were run together, `event` is the last of them; absent: it alone. */
  readonly events?: number;
  readonly step: string;
  /** Of a branch that is parked by itself. */
  readonly branch?: string;
  readonly attempts: number;
  readonly error: string;
  /** ISO 8601, UTC. */
  readonly parkedAt: string;
}

/** What is on record of a run, with what one branch of it has come to since. */
export const withBranch = (
  before: readonly StepVerdict[],
  branch: string,
  since: readonly StepVerdict[],
): readonly StepVerdict[] => [...before.filter(verdict => !isWithin(verdict.branch ?? '', branch)), ...since];
