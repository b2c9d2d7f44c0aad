/** Whether a condition holds for one message, and what was seen of it. */
import type { Check, Judgement } from '../../core/condition.ts';
import { isEmpty, isTyped, textOf } from '../compare.ts';
import { FieldView, lackingPart, reviveFields } from '../field-view.ts';
import type { Now } from '../moment.ts';
import { isName, type View } from '../names.ts';
import { isBound, isWithin, testHolds } from './holds.ts';
import { type Condition, isMoney, namesIn, type Operand, type Tested, testsIn } from './parse.ts';

/** What costs no call is looked at first. */
const FREE: ReadonlySet<string> = new Set(['event', 'app', 'now', 'data', 'run', 'alarm']);

/** Of a value that was seen, no more than this is kept. */
const MAX_SEEN = 120;

/**
 * Rejects when something that is needed can't be read now. Everything that one kind of thing decides is looked at, so that
 * people see all that was wrong and not only the first of it.
 */
export async function judge(condition: Condition, view: View): Promise<Judgement> {
  const checks = new Map<Tested, readonly Check[]>();
  const now: Now = { ms: view.now().getTime(), zone: view.timezone() };
  const holds = await new Judge(view, now, checks).decide(condition);
  return { holds, checks: [...testsIn(condition)].flatMap(test => checks.get(test) ?? []) };
}

class Judge {
  readonly #view: View;
  readonly #now: Now;
  readonly #checks: Map<Tested, readonly Check[]>;
  readonly #roots = new Map<string, Promise<unknown>>();

  constructor(view: View, now: Now, checks: Map<Tested, readonly Check[]>) {
    this.#view = view;
    this.#now = now;
    this.#checks = checks;
  }

  /** @param denied under a `not`: what is seen of its tests is told as what they are there for */
  async decide(condition: Condition, denied = false): Promise<boolean> {
    switch (condition.kind) {
      case 'not':
        return !(await this.decide(condition.of, !denied));
      case 'test':
        return this.#test(condition, denied);
      case 'all':
        return this.#each(condition.of, false, denied);
      case 'any':
        return this.#each(condition.of, true, denied);
    }
  }

  /** `decisive` is what settles it when one of them comes to it. */
  async #each(of: readonly Condition[], decisive: boolean, denied: boolean): Promise<boolean> {
    const free = of.filter(isFree);
    for (const some of [free, of.filter(one => !free.includes(one))]) {
      const results = await Promise.all(some.map(one => this.decide(one, denied)));
      if (results.includes(decisive)) return decisive;
    }
    return !decisive;
  }

  async #test(tested: Tested, denied: boolean): Promise<boolean> {
    const { path, tests, currency } = tested;
    const [root = '', ...rest] = path;
    if ((root === 'fields' || root === 'changes') && rest[0] !== undefined) this.#view.mentions?.(rest[0]);
    const value = await this.#root(root);
    if (this.#view.lacks) {
      const lacking = lackingPart({ [root]: value }, path);
      if (lacking !== undefined) this.#view.lacks(lacking);
    }
    const all = found(value, rest);
    const values = currency === undefined ? all : all.flatMap(value => inCurrency(value, currency));
    const seen = clip(textOf(all.length === 1 ? all[0] : all)) || (await this.#whyEmpty(root));
    const checks: Check[] = [];
    let doAll = true;
    // Of several values it takes one that is above the one bound and below the other.
    const each: readonly unknown[] = values.flatMap(eachIn);
    let between = each;
    for (const test of tests) {
      const { operator, operand } = test;
      const right = await this.#value(operand);
      if (isBound(operator)) between = between.filter(one => isWithin(operator, one, right, this.#now));
      const holds = isBound(operator) ? between.length > 0 : testHolds(test, values, right, this.#now);
      if (!holds) doAll = false;
      // That none is left is this bound's doing: of the next one it is told whether that holds.
      if (isBound(operator) && !holds) between = each;
      const shown = [operator, operand.shown, operator === 'currency' ? undefined : currency];
      const text = [...(denied ? ['not'] : []), ...shown.filter(part => part !== undefined)].join(' ');
      checks.push({ path: path.join('.'), test: clip(text), seen, holds: holds !== denied });
    }
    this.#checks.set(tested, checks);
    return doAll;
  }

  /** Of what was read of an item that is no longer there nothing else can be seen. */
  async #whyEmpty(root: string): Promise<string> {
    const isOfItem = root === 'item' || root === 'fields';
    return isOfItem && (await this.#view.isGone?.()) ? 'empty: the item was not there' : '';
  }

  #root(name: string): Promise<unknown> {
    let value = this.#roots.get(name);
    if (value === undefined) {
      const view = this.#view;
      value = (async () => {
        if (name === 'data') return reviveFields(view.data());
        if (isName(name)) return view[name]();
        return reviveFields(view.data()[name]);
      })();
      this.#roots.set(name, value);
    }
    return value;
  }

  async #value({ value, template, parts }: Operand): Promise<unknown> {
    if (template !== undefined) return template.value(this.#view);
    if (parts === undefined) return value;
    const filled = await Promise.all(parts.map(part => this.#value(part)));
    return isMoney(value) ? { ...value, value: filled[0] } : filled;
  }
}

/** A list, and a field of several values, value by value. */
const eachIn = (value: unknown): readonly unknown[] => {
  if (Array.isArray(value)) return value.flatMap(eachIn);
  return value instanceof FieldView ? value.each() : [value];
};

const isFree = (condition: Condition): boolean => namesIn(condition).isSubsetOf(FREE);

/** What stands at a path, looking through lists on the way: a list at its end is one value. */
function found(value: unknown, path: readonly string[]): readonly unknown[] {
  const [step, ...rest] = path;
  if (step === undefined) return isEmpty(value) ? [] : [value];
  if (value instanceof FieldView) {
    const index = indexOf(step);
    return found(index === undefined ? value.part(step) : value.each()[index], rest);
  }
  if (Array.isArray(value)) {
    const index = indexOf(step);
    if (index !== undefined) return found(value[index], rest);
    if (step === 'size') return found(value.length, rest);
    if (step === 'first' || step === 'last') return found(value.at(step === 'first' ? 0 : -1), rest);
    return value.flatMap(one => found(one, path));
  }
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return [];
  return found((value as Readonly<Record<string, unknown>>)[step], rest);
}

const indexOf = (step: string): number | undefined => (/^\d+$/.test(step) ? Number(step) : undefined);

function inCurrency(value: unknown, currency: string): readonly unknown[] {
  if (Array.isArray(value)) return value.flatMap(one => inCurrency(one, currency));
  if (value instanceof FieldView) return value.each().filter(one => isIn(one.values[0]?.currency, currency));
  const own = typeof value === 'object' && value !== null && 'currency' in value ? value.currency : undefined;
  return !isTyped(value) && isIn(own, currency) ? [value] : [];
}

const isIn = (given: unknown, currency: string): boolean =>
  typeof given === 'string' && given.toUpperCase() === currency;

const clip = (text: string): string => (text.length > MAX_SEEN ? `${text.slice(0, MAX_SEEN - 3)}...` : text);
