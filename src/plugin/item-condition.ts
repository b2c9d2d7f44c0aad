/** Conditions that a plugin asks of items it has at hand, in the words of rules. */
import { type ZodType, z } from 'zod';
import type { Item } from '../core/podio.ts';
import { judge } from '../language/condition/judge.ts';
import {
  type Condition,
  type Operand,
  parseCondition,
  type Tested,
  testsIn,
} from '../language/condition/parse.ts';
import type { View } from '../language/names.ts';
import { surroundings, within } from '../language/surroundings.ts';
import { makeView } from './view.ts';

export interface ItemCondition {
  /** For one message: templates in it are about that, and names (`item`, `fields`) about the items that are asked. */
  bind(view: View, aliases?: Readonly<Record<string, string>>): Promise<ItemTest>;
}

/** One test that must hold for the whole to hold. */
export interface CertainTest {
  /** `['fields', 'status']` */
  readonly path: readonly string[];
  readonly operator: string;
  /** What it is compared with; templates are filled in. A field stays a FieldView. */
  readonly value: unknown;
}

export interface ItemTest {
  /** What can be known of every item that fits, for whoever can be asked a part of the question. */
  readonly certain: readonly CertainTest[];
  /** All that is looked at, whether it must hold or not. */
  readonly paths: readonly (readonly string[])[];
  holds(item: Item): Promise<boolean>;
}

/** An option that is a condition. What is wrong with it is a problem of the config with its place. */
export const itemConditionOption = (): ZodType<ItemCondition> =>
  z.unknown().transform((written, context): ItemCondition => {
    const complain = (path: readonly (string | number)[], message: string) =>
      context.issues.push({ code: 'custom', message, path: [...path], input: written });
    // These items are of an app of their own: what is known of the rule's says nothing of them.
    const known = { ...surroundings(), fieldProblem: () => undefined };
    const condition = within(known, () =>
      parseCondition(written, ({ path, message, hint }) =>
        complain(path, hint === undefined ? message : `${message}. ${hint}`),
      ),
    );
    for (const { path } of condition ? testsIn(condition) : []) {
      if (path[0] !== 'item' && path[0] !== 'fields')
        complain(
          [path.join('.')],
          `only \`item\` and \`fields\` can be asked of an item, not \`${path[0]}\``,
        );
    }
    return { bind: (view, aliases = {}) => bind(condition ?? NOTHING, view, aliases) };
  });

const NOTHING: Condition = { kind: 'all', of: [] };

async function bind(
  condition: Condition,
  view: View,
  aliases: Readonly<Record<string, string>>,
): Promise<ItemTest> {
  const filled = await fill(condition, view);
  return {
    certain: certainIn(filled).flatMap(({ path, tests }) =>
      tests.map(({ operator, operand }) => ({ path, operator, value: operand.value })),
    ),
    paths: [...testsIn(filled)].map(({ path }) => path),
    async holds(item) {
      return (await judge(filled, viewOf(item, view, aliases))).holds;
    },
  };
}

/** Every template replaced by what it comes to. */
async function fill(condition: Condition, view: View): Promise<Condition> {
  switch (condition.kind) {
    case 'not':
      return { kind: 'not', of: await fill(condition.of, view) };
    case 'all':
    case 'any':
      return { kind: condition.kind, of: await Promise.all(condition.of.map(one => fill(one, view))) };
    case 'test': {
      const tests = condition.tests.map(async test => ({
        ...test,
        operand: await filledIn(test.operand, view),
      }));
      return { ...condition, tests: await Promise.all(tests) };
    }
  }
}

async function filledIn({ value, shown, template, parts }: Operand, view: View): Promise<Operand> {
  if (template) return { value: await template.value(view), shown };
  if (!parts) return { value, shown };
  const filled = await Promise.all(parts.map(async part => (await filledIn(part, view)).value));
  return { value: Array.isArray(value) ? filled : { ...(value as object), value: filled[0] }, shown };
}

const certainIn = (condition: Condition): readonly Tested[] => {
  if (condition.kind === 'test') return [condition];
  return condition.kind === 'all' ? condition.of.flatMap(certainIn) : [];
};

const NOT_ASKED = async () => undefined;

/** The names of a condition as they are for an item that no event is about. */
const viewOf = (item: Item, view: View, aliases: Readonly<Record<string, string>>): View =>
  makeView(
    { event: view.event(), item: async () => item, changes: async () => new Map(), data: {} },
    {
      reader: { actor: NOT_ASKED, comment: NOT_ASKED, files: async () => [], task: NOT_ASKED },
      app: { id: item.app?.app_id ?? 0, fields: aliases },
      timezone: view.timezone(),
      rule: '',
      now: () => view.now().getTime(),
      previousRun: NOT_ASKED,
    },
  );
