/** From what stands in a config to a condition, with everything in it that can never hold. Pure but for templates and patterns. */
import { isDeepStrictEqual } from 'node:util';
import { isPodiodError } from '../../core/errors.ts';
import { didYouMean, nearest } from '../../core/suggest.ts';
import { DURATION } from '../../core/units.ts';
import { isRecord, toNumber } from '../../core/values.ts';
import { isEmpty, textOf } from '../compare.ts';
import { compareMoments, isNoDate, isRelative, looksLikeDate, writtenMoment } from '../moment.ts';
import { isName, NAMES, partProblem } from '../names.ts';
import { surroundings } from '../surroundings.ts';
import { compileTemplate, type FieldPath, hasTemplate, type Template } from '../template.ts';
import { compilePattern, type Pattern } from './pattern.ts';

const OPERATORS = ['eq', 'ne', 'in', 'gt', 'gte', 'lt', 'lte', 'matches', 'contains', 'exists'] as const;
export type Operator = (typeof OPERATORS)[number];

/** What other languages call them; by its letters alone `ge` is as near to `ne`. */
const ELSEWHERE: ReadonlyMap<string, Operator> = new Map([
  ['ge', 'gte'],
  ['le', 'lte'],
  ['>', 'gt'],
  ['>=', 'gte'],
  ['<', 'lt'],
  ['<=', 'lte'],
  ['=', 'eq'],
  ['==', 'eq'],
  ['!=', 'ne'],
  ['<>', 'ne'],
  ['equals', 'eq'],
  ['not', 'ne'],
  ['regex', 'matches'],
  ['includes', 'contains'],
]);

export type Path = readonly (string | number)[];

export interface Operand {
  /** As written. */
  readonly value: unknown;
  /** For people. */
  readonly shown: string;
  /** What will stand there is not known. */
  readonly isOpen?: true;
  /** Of a text with templates in it. */
  readonly template?: Template;
  /** Of a list in which there are templates, and of the amount in `{ value, currency }`. */
  readonly parts?: readonly Operand[];
}

export interface Test {
  readonly operator: Operator | 'currency';
  readonly operand: Operand;
  readonly pattern?: Pattern;
  /** Where the operand stands in the condition. */
  readonly at: Path;
}

/** All tests of one path. */
export interface Tested {
  readonly kind: 'test';
  readonly path: readonly string[];
  readonly tests: readonly Test[];
  /** Only amounts in this currency count. */
  readonly currency?: string;
  /** Where it stands in the condition. */
  readonly at: Path;
}

export type Condition =
  | { readonly kind: 'all' | 'any'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition }
  | Tested;

export interface ConditionProblem {
  readonly path: Path;
  readonly message: string;
  readonly hint?: string | undefined;
  /** The key is wrong, not its value. */
  readonly atKey?: boolean;
}

export interface ParseOptions {
  /** How a value is to be shown that stands in the file as `${...}`. */
  readonly shownAt?: (path: Path) => string | undefined;
}

type Complain = (problem: ConditionProblem) => void;

/** Tells every problem. What it answers then holds all that was right. */
export const readCondition = (written: unknown, complain: Complain, options: ParseOptions = {}): Condition =>
  new Parser(complain, options).map(written, []);

/** Undefined when there is a problem; all of them are told. */
export function parseCondition(
  written: unknown,
  complain: Complain,
  options: ParseOptions = {},
): Condition | undefined {
  let failed = false;
  const condition = readCondition(
    written,
    problem => {
      failed = true;
      complain(problem);
    },
    options,
  );
  return failed ? undefined : condition;
}

const MEANS = 'write a map of what is looked at and what it must be, like `{ fields.status: Won }`';
const ALL: Condition = { kind: 'all', of: [] };

class Parser {
  readonly #complain: Complain;
  readonly #options: ParseOptions;

  constructor(complain: Complain, options: ParseOptions) {
    this.#complain = complain;
    this.#options = options;
  }

  /** A map of paths and tests, all of which must hold. */
  map(written: unknown, at: Path): Condition {
    if (!isRecord(written)) {
      this.#complain({ path: at, message: 'a condition must be a map', hint: MEANS });
      return ALL;
    }
    const entries = Object.entries(written);
    if (entries.length === 0) {
      this.#complain({ path: at, message: 'a condition with nothing in it says nothing', hint: MEANS });
    }
    const of = entries.map(([key, value]) => this.#entry(key, value, [...at, key]));
    const [only] = of;
    return of.length === 1 && only ? only : { kind: 'all', of };
  }

  #entry(key: string, value: unknown, at: Path): Condition {
    if (key === 'not') return { kind: 'not', of: this.map(value, at) };
    if (key === 'all' || key === 'any') return this.#several(key, value, at);
    const path = this.#path(key, at);
    return this.#test(path, value, at);
  }

  /** A list of conditions, or a map of which each entry is one. */
  #several(kind: 'all' | 'any', value: unknown, at: Path): Condition {
    if (isRecord(value) && Object.keys(value).length > 0) {
      return { kind, of: Object.entries(value).map(([key, one]) => this.#entry(key, one, [...at, key])) };
    }
    if (!Array.isArray(value) || value.length === 0) {
      this.#complain({
        path: at,
        message: `\`${kind}\` must be a list of conditions`,
        hint: `write \`${kind}: [{ fields.status: Won }, { fields.value: { gt: 100 } }]\``,
      });
      return ALL;
    }
    return { kind, of: value.map((one, index) => this.map(one, [...at, index])) };
  }

  // ---------------------------------------------------------------------------------------------- paths

  #path(key: string, at: Path): readonly string[] {
    const path = key.split('.').map(part => part.trim());
    const [root = '', second] = path;
    const wrong = (message: string, hint?: string) => {
      this.#complain({ path: at, message, hint, atKey: true });
      return path;
    };
    if (path.some(part => part === ''))
      return wrong(`\`${key}\` is not a path`, 'write it as `fields.status`');
    const { names, fieldProblem, dataProblem } = surroundings();
    if (!isName(root) && !names.has(root)) {
      const known = [...NAMES, ...names, 'all', 'any', 'not'];
      return wrong(
        `unknown name \`${root}\` in a condition`,
        didYouMean(root, known) ?? `a field is written as \`fields.${root}\``,
      );
    }
    if (root === 'fields' || root === 'changes') {
      if (second === undefined) return wrong(`\`${key}\` names no field`, `write it as \`${root}.status\``);
      const problem = fieldProblem(second, path.slice(root === 'fields' ? 2 : 3));
      if (problem) return wrong(problem.message, problem.hint);
    }
    if (root === 'data' && second !== undefined) {
      const problem = dataProblem?.(second, path.slice(2));
      if (problem) return wrong(problem.message, problem.hint);
    }
    if (root === 'batch' && second !== undefined && second !== 'size')
      return wrong(
        `a condition is asked of one message: of \`batch\` it can compare \`batch.size\` only, so \`${key}\` is always empty`,
        'leave out `batch`, or say it in a template: `{% for m in batch %}`',
      );
    const part = partProblem(path);
    if (part) return wrong(part.message, part.hint);
    return path;
  }

  // ---------------------------------------------------------------------------------------------- tests

  #test(path: readonly string[], value: unknown, at: Path): Condition {
    const tests = this.#tests(value, at);
    const currency = tests.find(({ operator }) => operator === 'currency')?.operand.value;
    this.#checkTogether(tests, at);
    this.#checkChange(path, tests, at);
    if (MOMENTS.has(path.join('.'))) this.#checkMoments(path, tests);
    return {
      kind: 'test',
      path,
      at,
      tests: tests.length > 1 ? tests.filter(({ operator }) => operator !== 'currency') : tests,
      ...(typeof currency === 'string' && { currency: currency.toUpperCase() }),
    };
  }

  #tests(value: unknown, at: Path): readonly Test[] {
    if (Array.isArray(value)) return [this.#in(value, at)];
    if (!isRecord(value)) return [{ operator: 'eq', operand: this.#operand(value, at), at }];
    if (isAmount(value)) return [{ operator: 'eq', operand: this.#operand(value, at), at }];
    const keys = Object.keys(value);
    if (keys.length === 0) {
      this.#complain({ path: at, message: 'a test with nothing in it says nothing', hint: KNOWN_OPERATORS });
    }
    return keys.flatMap(key => this.#operator(key, value[key], [...at, key]) ?? []);
  }

  #operator(key: string, value: unknown, at: Path): Test | undefined {
    const wrong = (message: string, hint?: string) => {
      this.#complain({ path: at, message, hint });
      return undefined;
    };
    if (isOperator(key) && isOpen(value)) return { operator: key, operand: this.#operand(value, at), at };
    if (key === 'currency') {
      return typeof value === 'string' && (/^[A-Za-z]{3}$/.test(value) || isOpen(value))
        ? { operator: 'currency', operand: this.#operand(value, at), at }
        : wrong('`currency` must be a code of three letters', 'like EUR or USD');
    }
    if (!isOperator(key)) {
      const near = ELSEWHERE.get(key.toLowerCase()) ?? nearest(key, [...OPERATORS, 'currency']);
      this.#complain({
        path: at,
        message: `unknown operator \`${key}\``,
        hint: /^\d{3}$/.test(key)
          ? 'between { } a comma begins another key: write 10000 for ten thousand'
          : near === undefined
            ? KNOWN_OPERATORS
            : `did you mean \`${near}\`?`,
        atKey: true,
      });
      return undefined;
    }
    switch (key) {
      case 'exists':
        return typeof value === 'boolean'
          ? { operator: key, operand: this.#operand(value, at), at }
          : wrong('`exists` must be true or false');
      case 'in':
        if (Array.isArray(value)) return this.#in(value, at);
        return isTemplate(value)
          ? { operator: key, operand: this.#operand(value, at), at }
          : wrong('`in` must be a list', 'for one value write `eq`');
      case 'matches':
        return this.#matches(value, at);
      case 'contains':
        return isRecord(value) || Array.isArray(value) || value === null || value === ''
          ? wrong('`contains` must be one text', 'for several write `any: [...]` or `matches: "a|b"`')
          : { operator: key, operand: this.#operand(value, at), at };
      case 'eq':
      case 'ne':
        if (Array.isArray(value)) {
          return wrong(
            `\`${key}\` must be one value`,
            key === 'eq' ? 'for one of several write `in`' : 'write `not: { ...: { in: [...] } }`',
          );
        }
        if (isRecord(value) && !isAmount(value)) return wrong(`\`${key}\` must be one value`);
        return { operator: key, operand: this.#operand(value, at), at };
      default:
        if (isOrdered(value)) return { operator: key, operand: this.#operand(value, at), at };
        if (typeof value === 'string' && isNoDate(value))
          return wrong(`\`${key}: ${value}\` can never hold: no calendar has that date`);
        return wrong(
          `\`${key}: ${textOf(value)}\` can never hold: only numbers, amounts and dates have an order`,
          'write a number, a date like 2026-01-31, or a relative one like -7d, today or now',
        );
    }
  }

  #in(value: readonly unknown[], at: Path): Test {
    if (value.length === 0) {
      this.#complain({
        path: at,
        message: 'one of nothing can never hold',
        hint: 'put values into the list',
      });
    }
    const parts = value.map((one, index) => {
      if (Array.isArray(one) || (isRecord(one) && !isAmount(one))) {
        this.#complain({ path: [...at, index], message: 'a list holds values, no lists or maps' });
      }
      return this.#operand(one, [...at, index]);
    });
    const shown = parts.map(part => part.shown).join(', ');
    return { operator: 'in', operand: { value, shown, parts }, at };
  }

  #matches(value: unknown, at: Path): Test | undefined {
    if (typeof value !== 'string' || value === '') {
      this.#complain({ path: at, message: '`matches` must be a regular expression, in quotes' });
      return undefined;
    }
    if (value.includes('\b')) {
      this.#complain({
        path: at,
        message: 'between double quotes `\\b` is a backspace to YAML, which is in no text',
        hint: 'write `\\\\b`, or put it between single quotes',
      });
      return undefined;
    }
    if (hasTemplate(value)) {
      this.#complain({ path: at, message: 'a regular expression can have no templates in it' });
      return undefined;
    }
    try {
      return { operator: 'matches', operand: this.#operand(value, at), at, pattern: compilePattern(value) };
    } catch (error) {
      this.#complain({
        path: at,
        message: `not a regular expression: ${error instanceof Error ? error.message : String(error)}`,
        hint: 'the syntax is that of RE2: no lookaround and no back references',
      });
      return undefined;
    }
  }

  /** What is true of each test alone, but never of both. */
  #checkTogether(tests: readonly Test[], at: Path): void {
    const operandOf = (...operators: readonly string[]) =>
      tests.find(({ operator }) => operators.includes(operator))?.operand;
    const isPositive = ({ operator, operand }: Test) =>
      !['ne', 'exists', 'currency'].includes(operator) && !mayBeEmpty(operand);
    if (operandOf('exists')?.value === false && tests.some(isPositive)) {
      this.#complain({ path: at, message: 'what does not exist can be nothing else: this can never hold' });
    }
    const [is, isNot] = [operandOf('eq'), operandOf('ne')];
    const isEither =
      is && isNot && isFilled(is) && isFilled(isNot) && isDeepStrictEqual(is.value, isNot.value);
    const mustBe = operandOf('exists')?.value;
    const isNothing = (mustBe === true ? is : mustBe === false ? isNot : undefined) ?? NOT_GIVEN;
    if (isEither || (isFilled(isNothing) && isEmpty(isNothing.value))) {
      this.#complain({ path: at, message: 'the one is the opposite of the other: this can never hold' });
    }
    const above = tests.filter(({ operator }) => operator === 'gt' || operator === 'gte');
    const below = tests.filter(({ operator }) => operator === 'lt' || operator === 'lte');
    if (above.some(low => below.some(high => excludes(low, high)))) {
      this.#complain({
        path: at,
        message: 'nothing is above the one and below the other: this can never hold',
      });
    }
  }

  /** A change is no value: only its two sides are. */
  #checkChange([root, field, side]: readonly string[], tests: readonly Test[], at: Path): void {
    if (root !== 'changes' || field === undefined || side !== undefined) return;
    const isWhether = ({ operator, operand }: Test) =>
      operator === 'exists' || operator === 'ne' || mayBeEmpty(operand);
    if (tests.every(isWhether)) return;
    const name = `changes.${field}`;
    this.#complain({
      path: at,
      message: `\`${name}\` is a change, which has no value of its own: this can never hold`,
      hint: `write \`${name}.to\` or \`${name}.from\`, or \`${name}: { exists: true }\` for any change`,
      atKey: true,
    });
  }

  /** A moment is neither a number nor a word; `30d` without a sign is so long, and no date. */
  #checkMoments(path: readonly string[], tests: readonly Test[]): void {
    for (const { operator, operand, at } of tests) {
      if (!AS_A_WHOLE.has(operator)) continue;
      for (const [index, one] of (operand.parts ?? [operand]).entries()) {
        const { value, shown } = one;
        if (!isFilled(one) || isEmpty(value) || mayBeMoment(value)) continue;
        this.#complain({
          path: [...at, ...(operand.parts ? [index] : [])],
          message: `\`${path.join('.')}\` is a date and a time, which \`${shown}\` can never be`,
          hint: isRelative(`-${String(value).trim()}`)
            ? `write \`-${shown}\` for so long ago, or \`+${shown}\``
            : 'write a date like 2026-01-31, or a relative one like -7d, today or now',
        });
      }
    }
  }

  #operand(value: unknown, at: Path): Operand {
    const shown = this.#options.shownAt?.(at) ?? textOf(isMoney(value) ? moneyText(value) : value);
    if (isOpen(value) || (isAmount(value) && isOpen(value.value))) return { value, shown, isOpen: true };
    if (isMoney(value) && isTemplate(value.value)) {
      return { value, shown, parts: [this.#operand(value.value, [...at, 'value'])] };
    }
    if (!isTemplate(value)) return { value, shown };
    try {
      return { value, shown, template: compileTemplate(value) };
    } catch (error) {
      if (!isPodiodError(error)) throw error;
      this.#complain({ path: at, message: error.message, hint: error.hint });
      return { value, shown };
    }
  }
}

/** What is a moment whatever the apps are like. */
const MOMENTS: ReadonlySet<string> = new Set([
  'item.createdOn',
  'item.editedOn',
  'event.receivedAt',
  'run.previous',
  'now',
]);

/** What compares with the value itself, and not with its text. */
const AS_A_WHOLE: ReadonlySet<string> = new Set(['eq', 'ne', 'in', 'gt', 'gte', 'lt', 'lte']);

const mayBeMoment = (value: unknown): boolean =>
  typeof value === 'string' && (isRelative(value.trim()) || looksLikeDate(value));

const isOperator = (key: string): key is Operator => (OPERATORS as readonly string[]).includes(key);

const KNOWN_OPERATORS = `operators: ${OPERATORS.join(', ')}`;

const isTemplate = (value: unknown): value is string => typeof value === 'string' && hasTemplate(value);

/** `{ value: 100, currency: EUR }` */
export const isMoney = (value: unknown): value is { value: unknown; currency?: unknown } =>
  isRecord(value) &&
  (typeof value.value === 'number' || typeof value.value === 'string') &&
  Object.keys(value).every(key => key === 'value' || key === 'currency');

/** The same, where the amount is not known yet. */
const isAmount = (value: unknown): value is { value: unknown; currency?: unknown } =>
  isMoney(value) ||
  (isRecord(value) && 'value' in value && isOpen(value.value) && isMoney({ ...value, value: 0 }));

/** Not known here: it is missing, or something stands in its place. */
const isOpen = (value: unknown): boolean =>
  value === undefined || (surroundings().isStandIn?.(value) ?? false);

const moneyText = ({ value, currency }: { value: unknown; currency?: unknown }): string =>
  [value, currency].filter(part => part !== undefined).join(' ');

const NOT_GIVEN: Operand = { value: 'anything', shown: '' };

/** Known before anything is looked at. */
const isFilled = ({ template, parts, isOpen }: Operand): boolean =>
  template === undefined && parts === undefined && !isOpen;

/** Empty is wanted, or one of several that are. */
const mayBeEmpty = ({ value, parts, isOpen }: Operand): boolean =>
  isOpen === true || (parts === undefined ? isEmpty(value) : parts.some(mayBeEmpty));

/** Whether nothing can be above the one and below the other, as far as that is known by now. */
function excludes(low: Test, high: Test): boolean {
  const isStrict = low.operator === 'gt' || high.operator === 'lt';
  const [from, to] = [toNumber(low.operand.value), toNumber(high.operand.value)];
  if (from !== undefined && to !== undefined) return from > to || (from === to && isStrict);
  const [start, end] = [momentOf(low.operand.value), momentOf(high.operand.value)];
  // Which day a moment is on depends on the zone, and how far a day is from another on today.
  if (!start || !end || start.kind !== end.kind) return false;
  const order = compareMoments(start.moment, end.moment);
  const isSameKind = (start.moment.time === undefined) === (end.moment.time === undefined);
  return order > 0 || (order === 0 && isStrict && isSameKind);
}

/** Any would do: two relative ones are as far from each other as ever. */
const SOMETIME = { ms: Date.UTC(2026, 5, 15, 12), zone: 'UTC' };

function momentOf(value: unknown) {
  const text = typeof value === 'string' ? value.trim() : '';
  const moment = isRelative(text) || looksLikeDate(text) ? writtenMoment(text, SOMETIME) : undefined;
  if (moment === undefined) return undefined;
  const unit = moment.time === undefined ? 'days' : 'hours';
  return { moment, kind: isRelative(text) ? unit : moment.instant === undefined ? 'local' : 'zoned' };
}

/** What has an order with something. */
function isOrdered(value: unknown): boolean {
  if (isAmount(value) && isOpen(value.value)) return true;
  if (isMoney(value)) return toNumber(value.value) !== undefined || isTemplate(value.value);
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'string') return false;
  return (
    hasTemplate(value) ||
    toNumber(value) !== undefined ||
    looksLikeDate(value) ||
    isRelative(value.trim()) ||
    DURATION.test(value)
  );
}

/** In the order they are written in. */
export function* testsIn(condition: Condition): Generator<Tested> {
  if (condition.kind === 'test') yield condition;
  else if (condition.kind === 'not') yield* testsIn(condition.of);
  else for (const one of condition.of) yield* testsIn(one);
}

/** Every name that a condition looks at: only these are fetched. */
export function namesIn(condition: Condition): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { path, tests } of testsIn(condition)) {
    names.add(path[0] ?? '');
    for (const { operand } of tests)
      for (const template of templatesIn(operand)) for (const name of template.names) names.add(name);
  }
  return names;
}

/** Every field that a condition names, also in the templates of what is compared with. */
export function fieldsIn(condition: Condition): readonly string[] {
  const fields = new Set(fieldsFilledIn(condition).map(({ name }) => name));
  for (const { path } of testsIn(condition)) {
    const [root, name] = path;
    if ((root === 'fields' || root === 'changes') && name !== undefined) fields.add(name);
  }
  return [...fields];
}

/** Fields that the templates of what is compared with name, and what they ask of them. */
export const fieldsFilledIn = (condition: Condition): readonly FieldPath[] =>
  [...testsIn(condition)].flatMap(({ tests }) =>
    tests.flatMap(({ operand }) => [...templatesIn(operand)].flatMap(({ fieldPaths }) => fieldPaths)),
  );

function* templatesIn({ template, parts = [] }: Operand): Generator<Template> {
  if (template) yield template;
  for (const part of parts) yield* templatesIn(part);
}
