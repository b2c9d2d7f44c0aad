import {
  definePlugin,
  type FieldChanged,
  type FieldValue,
  fieldOption,
  fieldValuesOption,
  type Message,
  showValues,
  testValues,
  z,
} from 'podiod/plugin';
import { filter, map, mergeMap } from 'rxjs';

const value = z.union([
  z.string(),
  z.number(),
  z.boolean(),
  z.null(),
  z.strictObject({ value: z.union([z.string(), z.number()]), currency: z.string().optional() }),
]);
const oneOrMore = z
  .union([value, z.array(value).min(1)])
  .transform((given): FieldValue[] => (Array.isArray(given) ? given : [given]) as FieldValue[]);

const options = z.strictObject({
  field: fieldOption().describe('The field, by alias, external id or field id.'),
  from: fieldValuesOption(oneOrMore, 'from')
    .optional()
    .describe('What it must have been: a value, a list of alternatives, or null for empty.'),
  to: fieldValuesOption(oneOrMore, 'to').optional().describe('What it must be now.'),
});
type Options = z.output<typeof options>;

/** Left out, `from` and `to` take anything. A field that did not change has no entry at all. */
function fits({ from, to }: Options, change: FieldChanged | undefined): boolean {
  if (change === undefined) return false;
  const { type, config } = change;
  return (
    (from === undefined || testValues(type, change.from, from, { config })) &&
    (to === undefined || testValues(type, change.to, to, { config }))
  );
}

const show = (values: readonly FieldValue[]): string =>
  values
    .map(one => {
      if (one === null) return 'empty';
      return typeof one === 'object' ? [one.value, one.currency].filter(Boolean).join(' ') : String(one);
    })
    .join(' or ');

const wantedOf = ({ from, to }: Pick<Options, 'from' | 'to'>): string =>
  [from && `from ${show(from)}`, to && `to ${show(to)}`].filter(Boolean).join(' ');

/** Passes a message on when the event changed this field, from and to what is asked for. */
export default definePlugin({
  name: 'field-change-filter',
  options,
  pure: true,
  setup: given => ({
    operator: messages$ =>
      messages$.pipe(
        mergeMap(async message => ({ message, passes: fits(given, await message.change(given.field)) })),
        filter(({ passes }) => passes),
        map(({ message }) => message),
      ),
  }),
  async explain(message, given) {
    const { field } = given;
    const change = await message.change(field);
    const is = (values: FieldChanged['from']): string =>
      (change && showValues(change.type, values, { config: change.config })) || 'empty';
    const seen = change ? `from ${is(change.from)} to ${is(change.to)}` : 'unchanged';
    const holds = fits(given, change);
    return [{ path: `changes.${field}`, test: wantedOf(given) || 'any', seen, holds }];
  },
  async describe(message: Message, given) {
    const { field } = given;
    const wanted = wantedOf(given);
    const what = wanted ? `a change of ${field} ${wanted}` : `any change of ${field}`;
    return `${fits(given, await message.change(field)) ? 'passes' : 'stops here'}: wants ${what}`;
  },
});
