import { definePlugin, FieldView, type Message, PermanentError, templated, z } from 'podiod/plugin';
import { concatAll, concatMap } from 'rxjs';

/** What a step may pass on for one message. */
const MAX = 1000;
/** Keys stand in delivery keys. */
const MAX_KEY = 200;

const options = z.strictObject({
  in: templated(z.unknown(), { fields: 'keep' })
    .refine(({ constant }) => constant === undefined || Array.isArray(constant), {
      error: 'must be a list, or a template that comes to one, such as "{{ data.erp.body.orders }}"',
    })
    .describe(
      'The list, as a template: `"{{ data.erp.body.orders }}"`. A field with several values is one too.',
    ),
  as: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]*$/i, { error: 'must be a name of letters, digits, `_` and `-`' })
    .describe('What the element is called in the steps that follow: `order` makes it `{{ order.total }}`.'),
  key: z
    .string()
    .min(1)
    .optional()
    .describe(
      'What of an element tells it from the others: `id`, or a path like `order.id`. Left out: the element itself, a text or a number.',
    ),
  optional: z.boolean().default(false).describe('Whether nothing in place of a list counts as an empty one.'),
});
type Options = z.output<typeof options>;

/** Lets the steps that follow run for each element of a list by itself. */
export default definePlugin({
  name: 'split',
  options,
  pure: true,
  names: ({ as }) => [as],
  setup: given => ({
    operator: messages$ =>
      messages$.pipe(
        concatMap(message => branches(message, given)),
        concatAll(),
      ),
  }),
  async describe(message, given) {
    const keys = listOf(await given.in.render(message.view), given).map(
      element => keyOf(element, given) ?? 'one without a key',
    );
    const shown = keys.slice(0, 10).join(', ');
    return `goes on for each ${given.as} of ${keys.length}: ${shown}${keys.length > 10 ? ' ...' : ''}`;
  },
});

async function branches(message: Message, given: Options): Promise<readonly Message[]> {
  const list = listOf(await given.in.render(message.view), given);
  if (list.length > MAX) {
    throw new PermanentError(`the list has ${list.length} elements, and ${MAX} is what a split takes`, {
      hint: 'Ask for less at a time, such as a page of it, or what has changed since {{ run.previous }}.',
    });
  }
  const nameless = list.flatMap((element, n) => (keyOf(element, given) === undefined ? [n + 1] : []));
  if (nameless.length > 0) throw withoutKey(list, nameless, given);
  return list.map(element => message.fork(keyOf(element, given) ?? '', given.as, stored(element)));
}

function listOf(value: unknown, { optional }: Options): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (value instanceof FieldView) return value.each();
  const isNothing = value === undefined || value === null || value === '';
  if (isNothing && optional) return [];
  throw new PermanentError(`\`in\` came to ${isNothing ? 'nothing' : kindOf(value)}, and not to a list`, {
    hint: isNothing
      ? 'Where nothing is to count as an empty list, say `optional: true`.'
      : 'Name the list itself, as one {{ ... }} and nothing around it.',
  });
}

const kindOf = (value: unknown): string => (typeof value === 'object' ? 'an object' : `a ${typeof value}`);

/** A list of which single elements can't be told apart can't be gone on with: nobody would know which of them are done. */
function withoutKey(list: readonly unknown[], nameless: readonly number[], { key }: Options): PermanentError {
  const what = key === undefined ? 'is no text and no number' : `has no \`${key}\` to be told by`;
  const which = nameless.slice(0, 3).join(', ');
  const more = nameless.length > 3 ? ` and ${nameless.length - 3} more` : '';
  return new PermanentError(
    `of ${list.length} elements, ${which}${more} ${what} (a text or a number, ${MAX_KEY} characters at most)`,
    {
      hint:
        key === undefined
          ? 'Say which part of an element is its key: `key: id`.'
          : 'Where it is called otherwise, change `key`.',
    },
  );
}

/** Undefined where there is none that would do. */
function keyOf(element: unknown, { key }: Options): string | undefined {
  let part = element;
  for (const name of key?.split('.') ?? []) part = partOf(part, name);
  if (part instanceof FieldView) part = part.number ?? part.toString();
  if (typeof part !== 'string' && typeof part !== 'number') return undefined;
  const text = String(part);
  return text.trim() === '' || text.length > MAX_KEY ? undefined : text;
}

function partOf(whole: unknown, name: string): unknown {
  if (whole instanceof FieldView) return whole.part(name);
  if (typeof whole !== 'object' || whole === null || !Object.hasOwn(whole, name)) return undefined;
  return (whole as Readonly<Record<string, unknown>>)[name];
}

/** As plain JSON, in which fields are known again for what they are. */
function stored(value: unknown): unknown {
  if (value instanceof FieldView) {
    const { type, values, config } = value;
    return { podioField: type, values, ...(config && { config }) };
  }
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(stored);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, stored(part)]));
}
