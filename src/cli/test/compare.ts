/** What was expected against what came: nothing but differences, each with the way to it. Pure. */
import type { Part, RuleExpectation, RuleTest, StepExpectation } from '../../core/rule-test.ts';
import { unmetChecks } from '../../core/run.ts';
import { showWould, type Would } from '../../core/would.ts';
import type { StepRun } from '../stage/stage.ts';
import type { RuleResult, TrialResult } from './trial.ts';

export interface Difference {
  /** `won-deal › sales-slack › sends › body › text` */
  readonly path: readonly string[];
  readonly expected: string;
  readonly actual: string;
  /** What helps to see why, such as the conditions that did not hold. */
  readonly notes?: readonly string[];
}

export function compare({ expect, fires }: RuleTest, { rules }: TrialResult): readonly Difference[] {
  const differences: Difference[] = [];
  if (fires !== undefined) {
    const fired = rules.filter(rule => rule.fired > 0).map(({ rule }) => rule);
    const wanted = new Set(fires);
    const off = rules.filter(({ rule, fired: count }) => wanted.has(rule) !== count > 0);
    if (off.length > 0) {
      const notes = off.flatMap(rule => (wanted.has(rule.rule) ? whyLines(rule) : []));
      differences.push({
        path: ['fires'],
        expected: fires.join(', ') || 'none',
        actual: fired.join(', ') || 'none',
        notes,
      });
    }
  }
  for (const [name, expected] of Object.entries(expect)) {
    const result = rules.find(({ rule }) => rule === name);
    if (result) differences.push(...compareRule(name, expected, result));
  }
  return differences;
}

function* compareRule(name: string, expected: RuleExpectation, result: RuleResult): Generator<Difference> {
  const { fires, why, steps = {}, sends, error } = expected;
  if (
    fires !== undefined &&
    (typeof fires === 'boolean' ? fires !== result.fired > 0 : fires !== result.fired)
  ) {
    yield {
      path: [name, 'fires'],
      expected: typeof fires === 'boolean' ? (fires ? 'fires' : 'does not fire') : times(fires),
      actual: result.fired === 0 ? 'does not fire' : times(result.fired),
      notes: result.fired === 0 ? whyLines(result) : result.steps.flatMap(stepLines),
    };
    // What its steps would have done, nobody can say.
    if (result.fired === 0) return;
  }
  if (why !== undefined) {
    const said = whyLines(result);
    if (!said.some(line => includes(line, why)))
      yield { path: [name, 'why'], expected: why, actual: said.join('; ') || 'it fires' };
  }
  if (error !== undefined && !includes(result.error ?? '', error))
    yield { path: [name, 'error'], expected: error, actual: result.error ?? 'none' };
  else if (error === undefined && result.error !== undefined && fires !== false && !expectsFailure(steps))
    yield { path: [name, 'error'], expected: 'none', actual: result.error };
  for (const [step, wanted] of Object.entries(steps)) {
    const runs = result.steps.filter(one => one.step === step);
    yield* compareStep([name, step], wanted, runs);
  }
  if (sends !== undefined) {
    const sent = result.steps.flatMap(({ would }) => would?.sends ?? []);
    yield* comparePart([name, 'sends'], sends, sent);
  }
}

/** Who says which step fails, and how, expects the run's error. */
const expectsFailure = (steps: NonNullable<RuleExpectation['steps']>): boolean =>
  Object.values<StepExpectation | readonly StepExpectation[]>(steps)
    .flat()
    .some(({ outcome, error }) => outcome === 'failed' || error !== undefined);

function* compareStep(
  path: readonly string[],
  wanted: StepExpectation | readonly StepExpectation[],
  runs: readonly StepRun[],
): Generator<Difference> {
  if (isList(wanted)) {
    if (wanted.length !== runs.length)
      yield {
        path,
        expected: `runs ${times(wanted.length)}`,
        actual: `runs ${times(runs.length)}`,
        notes: runs.flatMap(stepLines),
      };
    for (const [n, one] of wanted.entries()) {
      const run = runs[n];
      if (run) yield* compareRun([...path, String(n)], one, run);
    }
    return;
  }
  if (runs.length === 0) return void (yield { path, expected: 'runs', actual: 'does not run' });
  // One that fits is enough; else the nearest shows what is off.
  yield* nearest(runs.map(run => [...compareRun(path, wanted, run)]));
}

/** The one with the fewest differences; of equals that whose first lies deepest, since all around it is as expected. */
function nearest(all: readonly (readonly Difference[])[]): readonly Difference[] {
  const depth = ([first]: readonly Difference[]) => first?.path.length ?? 0;
  return all.toSorted((a, b) => a.length - b.length || depth(b) - depth(a))[0] ?? [];
}

function* compareRun(path: readonly string[], wanted: StepExpectation, run: StepRun): Generator<Difference> {
  const { outcome, gets, gives, sends, says, error } = wanted;
  const failed = run.outcome === 'failed' || run.outcome === 'continued';
  if (outcome !== undefined && outcome !== run.outcome)
    yield {
      path: [...path, 'outcome'],
      expected: outcome,
      actual: run.outcome,
      notes: run.error === undefined ? [] : [run.error],
    };
  else if (outcome === undefined && error === undefined && failed)
    yield { path: [...path, 'outcome'], expected: 'done', actual: run.outcome, notes: [run.error ?? ''] };
  if (error !== undefined && !includes(run.error ?? '', error))
    yield { path: [...path, 'error'], expected: error, actual: run.error ?? 'none' };
  if (gets !== undefined) yield* comparePart([...path, 'gets'], gets, run.gets);
  if (gives !== undefined && run.would?.notRun) yield notRun([...path, 'gives'], gives, run.would);
  else if (gives !== undefined)
    yield* comparePart([...path, 'gives'], gives, run.gives.length === 1 ? run.gives[0] : run.gives);
  if (says !== undefined)
    yield* comparePart(
      [...path, 'says'],
      says,
      run.would === undefined ? null : showWould(run.would).join('\n'),
    );
  if (sends === undefined) return;
  const sent = run.would?.sends ?? [];
  if (run.would?.notRun) return yield notRun([...path, 'sends'], sends, run.would);
  if (isList(sends)) return yield* comparePart([...path, 'sends'], sends, sent);
  if (sent.length === 0) yield { path: [...path, 'sends'], expected: show(sends), actual: 'nothing' };
  else yield* nearest(sent.map(one => [...comparePart([...path, 'sends'], sends, one)]));
}

const notRun = (path: readonly string[], expected: Part, would: Would): Difference => ({
  path,
  expected: show(expected),
  actual: 'not known: its plugin is not run in tests',
  notes: [...showWould(would)],
});

const isList = <T>(value: T | readonly T[]): value is readonly T[] => Array.isArray(value);

/** Maps are compared by the keys that are expected, lists as wholes, texts and numbers by what they say. */
export function* comparePart(
  path: readonly string[],
  expected: Part,
  actual: unknown,
): Generator<Difference> {
  const off = (): Difference => ({ path, expected: show(expected), actual: show(actual) });
  const test = testIn(expected);
  if (test !== undefined) {
    if (!test(actual)) yield off();
  } else if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) return void (yield off());
    if (actual.length !== expected.length) return void (yield ofOtherLength(path, expected, actual));
    for (const [n, one] of expected.entries()) yield* comparePart([...path, String(n)], one, actual[n]);
  } else if (isMap(expected)) {
    if (!isMap(actual)) return void (yield off());
    for (const [key, one] of Object.entries(expected)) yield* comparePart([...path, key], one, actual[key]);
  } else if (!isSame(expected, actual)) yield off();
}

/** A long list in one line is read by nobody. */
function ofOtherLength(
  path: readonly string[],
  expected: readonly Part[],
  actual: readonly unknown[],
): Difference {
  const [wanted, is] = [show(expected), show(actual)];
  if (wanted.length + is.length < MOST_IN_LINE) return { path, expected: wanted, actual: is };
  const most = actual.slice(0, MOST_LISTED).map((one, n) => `${n}: ${show(one, MOST_IN_LINE)}`);
  const more = actual.length > most.length ? [`and ${actual.length - most.length} more`] : [];
  return {
    path,
    expected: `a list of ${expected.length}`,
    actual: `a list of ${actual.length}`,
    notes: [...most, ...more],
  };
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `{ matches: ^a }`, `{ contains: a }`, `{ exists: true }`, alone in their map. */
function testIn(expected: Part): ((actual: unknown) => boolean) | undefined {
  if (!isMap(expected)) return undefined;
  const [[name, value] = [], ...rest] = Object.entries(expected);
  if (rest.length > 0) return undefined;
  switch (name) {
    case 'matches':
      return typeof value === 'string' ? actual => new RegExp(value, 'u').test(textOf(actual)) : undefined;
    case 'contains':
      return actual =>
        Array.isArray(actual)
          ? actual.some(one => [...comparePart([], value, one)].length === 0)
          : textOf(actual).includes(textOf(value));
    case 'exists':
      return actual => (actual !== undefined && actual !== null && actual !== '') === value;
    default:
      return undefined;
  }
}

const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '');

/** `12000` is what Podio writes as `12000.0000`; null is what is not there. */
function isSame(expected: unknown, actual: unknown): boolean {
  if (expected === null) return actual === null || actual === undefined;
  if (typeof expected === 'number' && typeof actual === 'string' && actual.trim() !== '')
    return Number(actual) === expected;
  if (typeof expected === 'string' && typeof actual === 'number') return expected === String(actual);
  return expected === actual;
}

/** Enough for a mail; people are shown the part that differs. */
const MOST_SHOWN = 4000;
const MOST_IN_LINE = 160;
const MOST_LISTED = 20;

function show(value: unknown, most = MOST_SHOWN): string {
  const text = value === undefined ? 'nothing' : (JSON.stringify(value) ?? String(value));
  return text.length > most ? `${text.slice(0, most)}...` : text;
}

const includes = (text: string, words: string): boolean => text.toLowerCase().includes(words.toLowerCase());

const times = (n: number): string => (n === 1 ? 'once' : `${n} times`);

/** Why it did not fire, as `podiod why` says it, with the conditions that did not hold. */
function whyLines({ why, steps }: RuleResult): readonly string[] {
  if (why.length === 0) return ['nothing happened that rules hear of'];
  return why.flatMap(({ why: sentence, trigger, runs, verdict }) => {
    if (verdict === 'settled') return [];
    const failed = [
      ...trigger.filter(({ holds }) => !holds),
      ...runs.flatMap(run => run.steps.flatMap(unmetChecks)),
    ];
    return [
      sentence,
      ...failed.map(({ path, test, seen }) => `${path} ${test}, is ${seen === '' ? 'empty' : seen}`),
      ...steps.filter(({ outcome }) => outcome === 'filtered').map(({ step }) => `${step}: filtered`),
    ];
  });
}

const stepLines = ({ step, outcome, error, would }: StepRun): readonly string[] => [
  `${step}: ${outcome}${error === undefined ? '' : `: ${error}`}`,
  ...(would === undefined ? [] : showWould(would).map(line => `  ${line}`)),
];
