/** Conditions that a plugin asks of items it has at hand, in the words of rules. */
import { type ZodType, z } from 'zod';
import type { CertainTest } from '../core/condition.ts';
import type { PodioEvent } from '../core/event.ts';
import type { Item } from '../core/podio.ts';
import { certainTests } from '../language/condition/certain.ts';
import { judge } from '../language/condition/judge.ts';
import {
  type Condition,
  fieldsFilledIn,
  type Operand,
  parseCondition,
  testsIn,
} from '../language/condition/parse.ts';
import type { View } from '../language/names.ts';
import { surroundings, within } from '../language/surroundings.ts';
import { makeView, type ViewWorld } from './view.ts';

export interface ItemCondition {
  /**
   * For one message: templates in it are about that, and names (`item`, `fields`) about the items that are asked. Undefined where no
   * item fits, since what it is to be compared with came to nothing: nothing is no value to look for.
   */
  bind(view: View, aliases?: Readonly<Record<string, string>>): Promise<ItemTest | undefined>;
}

export interface ItemTest {
  /** What can be known of every item that fits, for whoever can be asked a part of the question. */
  readonly certain: readonly CertainTest[];
  /** All that is looked at, whether it must hold or not. */
  readonly paths: readonly (readonly string[])[];
  holds(item: Item): Promise<boolean>;
}

/**
 * An option that is a condition. What is wrong with it is a problem of the config with its place; its fields are looked up in
 * the catalog, in the app that the plugin's `appOption()` names.
 */
export const itemConditionOption = (): ZodType<ItemCondition> =>
  z.unknown().transform(readItemCondition).meta({ format: 'item-condition' });

function readItemCondition(written: unknown, context: z.RefinementCtx): ItemCondition {
  const complain = (path: readonly (string | number)[], message: string) =>
    context.issues.push({ code: 'custom', message, path: [...path], input: written });
  // These items are of an app of their own: what is known of the rule's says nothing of them, and all of its templates.
  const known = { ...surroundings(), fieldProblem: () => undefined };
  const condition = within(known, () =>
    parseCondition(written, ({ path, message, hint }) =>
      complain(path, hint === undefined ? message : `${message}. ${hint}`),
    ),
  );
  for (const field of condition ? fieldsFilledIn(condition) : []) {
    const problem = surroundings().fieldProblem(field.name, field.parts);
    if (problem) complain([], problem.message);
  }
  for (const { path } of condition ? testsIn(condition) : []) {
    if (path[0] !== 'item' && path[0] !== 'fields')
      complain([path.join('.')], `only \`item\` and \`fields\` can be asked of an item, not \`${path[0]}\``);
  }
  return { bind: (view, aliases = {}) => bind(condition ?? NOTHING, view, aliases) };
}

const NOTHING: Condition = { kind: 'all', of: [] };

async function bind(
  condition: Condition,
  view: View,
  aliases: Readonly<Record<string, string>>,
): Promise<ItemTest | undefined> {
  const filled = await fill(condition, view);
  return (
    filled && {
      certain: certainTests(filled),
      paths: [...testsIn(filled)].map(({ path }) => path),
      async holds(item) {
        return (await judge(filled, viewOf(item, view, aliases))).holds;
      },
    }
  );
}

/**
 * Every template replaced by what it comes to. A test whose template comes to nothing is neither held nor failed by any item, as with
 * NULL in SQL, so it takes all of `all` with it and nothing of `any`; under a `not` it is the other way round. Undefined: so the whole.
 */
async function fill(condition: Condition, view: View, denied = false): Promise<Condition | undefined> {
  switch (condition.kind) {
    case 'not': {
      const of = await fill(condition.of, view, !denied);
      return of && { kind: 'not', of };
    }
    case 'all':
    case 'any': {
      const filled = await Promise.all(condition.of.map(one => fill(one, view, denied)));
      const of = filled.filter(one => one !== undefined);
      const isWhole = of.length === filled.length;
      return isWhole || ((condition.kind === 'any') !== denied && of.length > 0)
        ? { kind: condition.kind, of }
        : undefined;
    }
    case 'test': {
      const tests = await Promise.all(
        condition.tests.map(async test => {
          const operand = await filledIn(test.operand, view);
          return operand && { ...test, operand };
        }),
      );
      return tests.every(test => test !== undefined) ? { ...condition, tests } : undefined;
    }
  }
}

/** Undefined where there are templates and nothing came of them. */
async function filledIn(
  { value, shown, template, parts }: Operand,
  view: View,
): Promise<Operand | undefined> {
  if (template) {
    if (await template.isHollow(view)) return undefined;
    return { value: await template.value(view), shown };
  }
  if (!parts) return { value, shown };
  const filled = await Promise.all(parts.map(part => filledIn(part, view)));
  const values = filled.flatMap(part => (part ? [part.value] : []));
  // Of several that are wanted, those that came to something.
  if (values.length === 0 && parts.length > 0) return undefined;
  return { value: Array.isArray(value) ? values : { ...(value as object), value: values[0] }, shown };
}

const NOT_ASKED = async () => undefined;

/** The names of a condition as they are for an item that no event is about. */
const viewOf = (item: Item, view: View, aliases: Readonly<Record<string, string>>): View =>
  itemView(item, {
    event: view.event(),
    app: { id: item.app?.app_id ?? 0, fields: aliases },
    timezone: view.timezone(),
    rule: '',
    now: () => view.now().getTime(),
  });

/** What a condition sees of an item that is at hand: no change, nobody who made one. */
export const itemView = (
  item: Item,
  world: Pick<ViewWorld, 'app' | 'timezone' | 'rule' | 'now'> & { readonly event: PodioEvent },
): View =>
  makeView(
    { event: world.event, item: async () => item, changes: async () => new Map(), data: {} },
    {
      ...world,
      reader: { actor: NOT_ASKED, comment: NOT_ASKED, files: async () => [], task: NOT_ASKED },
      previousRun: NOT_ASKED,
    },
  );
