/** `where` of a rule and `when` of a step: from the tree to a compiled condition, with every problem at its place. */
import { ALARM_TYPES } from '../core/alarm.ts';
import type { CatalogField } from '../core/catalog.ts';
import type { ItemWhere, RuleCondition } from '../core/condition.ts';
import { HOOK_EVENTS, MADE_TYPES } from '../core/event.ts';
import type { FieldValue } from '../core/rule.ts';
import { suggestion } from '../core/suggest.ts';
import { certainTests } from '../language/condition/certain.ts';
import { culprits, foresee, knownAt, type Occasion, THERE } from '../language/condition/foreseen.ts';
import { judge } from '../language/condition/judge.ts';
import {
  type Condition,
  fieldsFilledIn,
  fieldsIn,
  isMoney,
  namesIn,
  type Operand,
  readCondition,
  type Test,
  type Tested,
  testsIn,
} from '../language/condition/parse.ts';
import { isRelative } from '../language/moment.ts';
import type { Name } from '../language/names.ts';
import { surroundings, within } from '../language/surroundings.ts';
import { hasTemplate } from '../language/template.ts';
import { type Context, complain } from './context.ts';
import type { FieldCheck } from './field-check.ts';
import { nameOf, orderProblem, typeOf, valueProblem } from './field-values.ts';
import { type ConfigNode, child, hasUnknown, nodeAt, type Path, standInsIn, toPlain } from './node.ts';
import { checkTemplateFields } from './template-fields.ts';

export interface ConditionContext extends Context {
  readonly fields: FieldCheck;
}

/** Undefined when there is a problem (reported), or a value can't be known. */
export function resolveCondition(
  context: ConditionContext,
  node: ConfigNode,
  path: Path,
  /** The apps whose fields it is about; empty: that can't be known. */
  apps: readonly string[],
  /** What it will be asked about; empty: that can't be known. */
  occasions: readonly Occasion[],
): RuleCondition | undefined {
  const condition = compiled(context, node, path, apps, undefined, occasions);
  if (condition === undefined) return undefined;
  const fields = fieldsIn(condition);
  return { ...(fields.length > 0 && { fields }), judge: view => judge(condition, view as never) };
}

/** As `resolveCondition`, for a condition that is asked of items which nothing has happened to. */
export function resolveItemWhere(
  context: ConditionContext,
  node: ConfigNode,
  path: Path,
  apps: readonly string[],
): ItemWhere | undefined {
  const condition = compiled(context, node, path, apps, (tested, complainAt) => {
    const others = [...namesIn(tested)].filter(name => !OF_ITEMS.has(name));
    if (others.length === 0) return;
    complainAt(
      `only \`item\` and \`fields\` can be asked of an item that is read, not \`${others.join('`, `')}\``,
      "nothing has happened to it; what the rule's own `where` names is the event's",
    );
  });
  if (condition === undefined) return undefined;
  return {
    judge: view => judge(condition, view as never),
    certain: certainTests(condition),
    paths: [...testsIn(condition)].map(tested => tested.path),
  };
}

/** The fields of a condition that a plugin has read, as {@link resolveItemWhere} looks them up; whatever else is wrong it has told. */
export function checkItemCondition(
  context: ConditionContext,
  node: ConfigNode,
  path: Path,
  rule: string,
  apps: readonly string[],
): void {
  const condition = withStandIns(node, () => readCondition(toPlain(node), () => {}));
  checkFields(context, context, condition, { node, path, rule, apps });
}

/** Does `work`, in which what is made up under the node is known to be. */
export function withStandIns<T>(node: ConfigNode, work: () => T): T {
  const standIns = new Set(standInsIn(node));
  return standIns.size === 0 ? work() : within({ ...surroundings(), isStandIn: v => standIns.has(v) }, work);
}

/** All that events can be of. */
export const EVENT_TYPES: readonly string[] = [
  ...Object.values(HOOK_EVENTS).flatMap(events => Object.keys(events)),
  ...MADE_TYPES,
  ...ALARM_TYPES,
];

/** What is there of an item that is read. */
const OF_ITEMS: ReadonlySet<string> = new Set(['item', 'fields', 'app', 'now']);

function compiled(
  context: ConditionContext,
  node: ConfigNode,
  path: Path,
  apps: readonly string[],
  look?: (tested: Tested, complainAt: (message: string, hint: string) => void) => void,
  occasions: readonly Occasion[] = [],
): Condition | undefined {
  let failed = false;
  const inner: Context = {
    root: context.root,
    report: problem => {
      failed ||= problem.severity === 'error';
      context.report(problem);
    },
  };
  const condition = withStandIns(node, () =>
    readCondition(
      toPlain(node),
      ({ path: at, message, hint, atKey }) =>
        complain(inner, 'CONFIG_CONDITION', [...path, ...at], message, { hint, ...(atKey && { atKey }) }),
      { shownAt: at => shownAt(node, at) },
    ),
  );
  for (const tested of testsIn(condition)) {
    if (!look) checkEventType(inner, tested, path);
    look?.(tested, (message, hint) =>
      complain(inner, 'CONFIG_CONDITION', [...path, ...tested.at], message, { hint, atKey: true }),
    );
  }
  // What is written wrong is told as that.
  if (!failed) checkOccasions(inner, condition, path, occasions);
  const rule = String(path[1]);
  checkFields(context, inner, condition, { node, path, rule, apps });
  const filledIn = fieldsFilledIn(condition);
  checkTemplateFields(context.fields, filledIn, node, apps, { rule, values: [] }, at => [...path, ...at]);
  return failed || hasUnknown(node) ? undefined : condition;
}

/** What Podio says of files that were added, exchanged or taken away. */
const FILE_ACTIONS: readonly string[] = ['file_created', 'file_replaced', 'file_deleted'];

/** What no event is of. */
function checkEventType(context: Context, { path: names, tests }: Tested, path: Path): void {
  const named = names.join('.');
  const isType = named === 'event.type';
  if (!isType && named !== 'event.params.action_type') return;
  const known = isType ? EVENT_TYPES : FILE_ACTIONS;
  for (const { operator, operand, at } of tests) {
    if (operator !== 'eq' && operator !== 'ne' && operator !== 'in') continue;
    for (const [index, one] of (operand.parts ?? [operand]).entries()) {
      if (one.template !== undefined || one.isOpen || known.includes(String(one.value ?? known[0]))) continue;
      complain(
        context,
        isType ? 'CONFIG_UNKNOWN_EVENT' : 'CONFIG_CONDITION',
        [...path, ...at, ...(operand.parts ? [index] : [])],
        isType ? `unknown event: \`${one.shown}\`` : `no file is ever \`${one.shown}\``,
        { hint: suggestion(String(one.value), known, 'known are') },
      );
    }
  }
}

/** What holds for none of the events that the rule is for. By hand it can be fired for any item. */
function checkOccasions(
  context: Context,
  condition: Condition,
  path: Path,
  occasions: readonly Occasion[],
): void {
  if (occasions.length === 0 || occasions.some(one => foresee(condition, one) !== false)) return;
  const isTogether = occasions.some(one => one.isTogether);
  const never = foresee(condition, { type: 'item.fire', isTogether }) === false;
  if (!never && asksForFired(condition)) return;
  const end = never ? 'this can never hold' : 'this holds at most for what is fired by hand';
  const [first = [], ...others] = occasions.map(one => culprits(condition, one));
  const blamed = first.filter(test => others.every(some => some.includes(test)));
  const types = [...new Set(occasions.map(({ type }) => type))].join(', ');
  const severity = never ? 'error' : 'warning';
  for (const tested of blamed) {
    const [message, hint] = foreseenWords(tested.path, occasions as [Occasion], types);
    const at = [...path, ...tested.at];
    complain(context, 'CONFIG_CONDITION', at, `${message}: ${end}`, { hint, severity, atKey: true });
  }
  if (blamed.length > 0) return;
  complain(context, 'CONFIG_CONDITION', path, `for none of ${types} there is all that is asked: ${end}`, {
    hint: 'make a rule for each of the events, or ask for less',
    severity,
  });
}

/** It is for what is fired by hand, and says so. */
const asksForFired = (condition: Condition): boolean =>
  [...testsIn(condition)].some(
    ({ path, tests }) =>
      path.join('.') === 'event.type' &&
      tests.some(({ operand }) =>
        [operand, ...(operand.parts ?? [])].some(({ value }) => value === 'item.fire'),
      ),
  );

function foreseenWords(
  path: readonly string[],
  [occasion]: readonly [Occasion, ...Occasion[]],
  types: string,
): readonly [message: string, hint: string] {
  const [root = '', field] = path;
  const shown = `\`${path.join('.')}\``;
  switch (knownAt(path, occasion)?.why) {
    case 'no-before':
      return [
        `${shown} is always empty: before it was made an item held nothing`,
        `write \`changes.${field}.to\`, or let the rule have \`item.update\` too`,
      ];
    case 'only-id':
      return [`${shown} is always empty for ${types}`, `of what is deleted there is \`${root}.id\` only`];
    case 'type':
      return [`${shown} is ${types} here`, 'those are the events that the rule is for'];
    case 'alone':
      return [
        `${shown} is 1 here`,
        'a `where` is asked before messages are put together, a `when` only with `mode: { batch }` of several',
      ];
    default: {
      const isTick =
        occasion.type === 'schedule.fire' && (THERE[root as Name]?.includes('schedule.item') ?? false);
      return [
        `${shown} is always empty for ${types}`,
        isTick
          ? 'a tick has no item: `items: { app: ... }` beside `schedule` makes a run for each of an app'
          : `there is \`${root}\` for ${THERE[root as Name]?.join(', ')}`,
      ];
    }
  }
}

/** What stands in the file as `${...}` is shown as it stands there. */
function shownAt(node: ConfigNode, at: Path): string | undefined {
  const found = nodeAt(node, at);
  return found?.kind === 'scalar' && found.interpolated ? found.text : undefined;
}

/** Names, options and types of fields, as far as the catalog tells. */
function checkFields(
  { fields }: ConditionContext,
  context: Context,
  condition: Condition,
  /** Where it stands, in whose rule, and the apps whose fields it is about. */
  { node, path, rule, apps }: { node: ConfigNode; path: Path; rule: string; apps: readonly string[] },
): void {
  if (apps.length === 0) return;
  for (const tested of testsIn(condition)) {
    const { path: names, tests, at } = tested;
    const [root, name] = names;
    if ((root !== 'fields' && root !== 'changes') || name === undefined) continue;
    // What an item holds may be an option that is deleted by now, as what it held may be: nobody took it out.
    const became = root === 'changes' && names[2] === 'to';
    const by = { rule, values: comparedIn(nodeAt(node, at)) };
    const found = fields.anyField({ name, shown: name, atKey: true }, [...path, ...at], apps, by);
    const parts = names.slice(root === 'fields' ? 2 : 3);
    fields.parts({ name, shown: name, atKey: true }, parts, [...path, ...at], found);
    // A part of a value, such as a mail, is no value of the field.
    const isWhole = names.length === (root === 'fields' ? 2 : 3);
    const isText = isTextOfOption(parts, found);
    if (found.length === 0 || !(isWhole || isSide(parts, found) || isAmount(parts, found) || isText))
      continue;
    checkCurrency(context, path, tested, found);
    for (const test of tests) {
      if (isText && !isWholeText(test)) continue;
      checkTest(context, path, test, found, became ? 'to' : 'from');
    }
  }
}

/** One side of a date, which compares as the date does. */
const isSide = (parts: readonly string[], fields: readonly CatalogField[]): boolean =>
  parts.length === 1 &&
  (parts[0] === 'start' || parts[0] === 'end') &&
  fields.every(field => typeOf(field) === 'date');

/** `value` of what is a number and nothing else, which compares as the field does. */
const isAmount = (parts: readonly string[], fields: readonly CatalogField[]): boolean =>
  parts.length === 1 &&
  parts[0] === 'value' &&
  fields.every(field => ['number', 'progress', 'duration', 'money'].includes(typeOf(field) ?? ''));

const isTextOfOption = (parts: readonly string[], fields: readonly CatalogField[]): boolean =>
  parts.length === 1 &&
  parts[0] === 'text' &&
  fields.every(({ type }) => type === 'category' || type === 'question');

/** Of an option's text there may be a part, and a number is no id. */
const isWholeText = ({ operator, operand }: Test): boolean =>
  ['eq', 'ne', 'in'].includes(operator) &&
  (operand.parts ?? [operand]).every(({ value }) => typeof value === 'string');

/** The values that a field is compared with, for those who warn when one of them is no more. */
function comparedIn(node: ConfigNode | undefined): readonly (ConfigNode | undefined)[] {
  return node?.kind === 'map' ? ['eq', 'ne', 'in', 'contains'].map(key => child(node, key)) : [node];
}

/** Amounts in one currency are looked at only: nothing else has any. */
function checkCurrency(
  context: Context,
  path: Path,
  { currency, at }: Tested,
  fields: readonly CatalogField[],
): void {
  if (currency === undefined) return;
  const has = ({ type, currencies }: CatalogField): boolean =>
    type === 'calculation' ||
    (type === 'money' && (!currencies?.length || currencies.some(one => one.toUpperCase() === currency)));
  if (fields.some(has)) return;
  const [field] = fields as readonly [CatalogField];
  const known = field.type === 'money' ? field.currencies?.join(', ') : undefined;
  complain(
    context,
    'CONFIG_FIELD_VALUE',
    [...path, ...at, 'currency'],
    known === undefined
      ? `${nameOf(field)} is of type ${field.type}, which has no currency: this can never hold`
      : `\`${currency}\` is a currency that ${nameOf(field)} does not have`,
    { hint: known === undefined ? 'only money has one' : `its currencies are ${known}` },
  );
}

function checkTest(
  context: Context,
  path: Path,
  { operator, operand, at }: Test,
  fields: readonly CatalogField[],
  use: 'from' | 'to',
): void {
  const isOrder = operator === 'gt' || operator === 'gte' || operator === 'lt' || operator === 'lte';
  if (isOrder && fields.every(field => hasNoOrder(field))) {
    const [field] = fields as readonly [CatalogField];
    complain(
      context,
      'CONFIG_CONDITION',
      [...path, ...at],
      `${nameOf(field)} is of type ${field.type}, which has no order: this can never hold`,
      { hint: 'only numbers, amounts and dates have one' },
    );
    return;
  }
  const choice =
    operator === 'contains' && fields.every(({ type }) => type === 'category' || type === 'question');
  if (!isOrder && !choice && !['eq', 'ne', 'in'].includes(operator)) return;
  const operands = operator === 'in' ? (operand.parts ?? []) : [operand];
  for (const [index, one] of operands.entries()) {
    if (!isFixed(one)) continue;
    const value = one.value as FieldValue;
    const problems = fields.map(field => {
      if (isOrder) return orderProblem(field, value, operator);
      // What a relative date comes to is not known yet.
      const isDate = typeOf(field) === 'date' && typeof value === 'string' && isRelative(value.trim());
      return isDate ? undefined : valueProblem(field, value, use);
    });
    const [first] = problems;
    // A rule may be about several apps.
    if (first === undefined || problems.some(problem => problem === undefined)) continue;
    const place = [...path, ...at, ...(operator === 'in' ? [index] : [])];
    complain(context, first.code, place, `\`${one.shown}\` ${first.words}`, { hint: first.hint });
  }
}

const ORDERED = new Set(['number', 'money', 'progress', 'duration', 'date', 'calculation']);
const hasNoOrder = ({ type, returnType }: CatalogField): boolean =>
  type === 'calculation' ? returnType === 'text' : !ORDERED.has(type);

/** What a template comes to is not known yet, nor what a wrong one is to be. */
const isFixed = ({ value, parts, isOpen }: Operand): boolean =>
  parts === undefined &&
  !isOpen &&
  !(typeof value === 'string' && hasTemplate(value)) &&
  (typeof value !== 'object' || value === null || isMoney(value));
