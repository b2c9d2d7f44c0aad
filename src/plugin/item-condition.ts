/** Conditions that a plugin asks of items it has at hand, in the words of rules. */
import { type ZodType, z } from 'zod';
import type { CertainTest } from '../core/condition.ts';
import type { PodioEvent } from '../core/event.ts';
import type { Item } from '../core/podio.ts';
import { certainTests } from '../language/condition/certain.ts';
import { judge } from '../language/condition/judge.ts';
import { type Condition, type Operand, parseCondition, testsIn } from '../language/condition/parse.ts';
import type { View } from '../language/names.ts';
import { surroundings, within } from '../language/surroundings.ts';
import { makeView, type ViewWorld } from './view.ts';

export interface ItemCondition {
  /** For one message: templates in it are about that, and names (`item`, `fields`) about the items that are asked. */
  bind(view: View, aliases?: Readonly<Record<string, string>>): Promise<ItemTest>;
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
    certain: certainTests(filled),
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
