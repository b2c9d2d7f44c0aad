import { appOption, definePlugin, FieldView, loginOption, templated, z } from 'podiod/plugin';
import { concatMap } from 'rxjs';
import { makeWork } from './work.ts';
import { neverFits, neverMatched, neverWritten } from './written.ts';

/** Anything that YAML can say, and fields as they are. */
const value = z.unknown();
const keep = { fields: 'keep' } as const;

export const options = z
  .strictObject({
    app: appOption()
      .optional()
      .describe('The app that items are made in or looked for in. Default: the item of the event is meant.'),
    item: templated(z.int().positive()).optional().describe('The id of the item that is meant.'),
    match: templated(z.record(z.string(), value), { ...keep, hollow: 'refuse' })
      .optional()
      .describe('Which item of `app` is meant: `externalId`, or what one or more fields hold.'),
    create: z
      .boolean()
      .default(false)
      .describe('Makes the item where `match` finds none. Without `match` one is always made.'),
    set: templated(z.record(z.string(), value), keep)
      .optional()
      .describe('Fields, by alias or external id, and what they are to hold. Empty empties a field.'),
    copy: z
      .union([z.array(z.string().min(1)).min(1), z.record(z.string(), z.string().min(1))])
      .optional()
      .describe(
        'Fields of the event’s item that are copied: a list of names, or a map from the name here to the name there.',
      ),
    externalId: templated(z.string(), { hollow: 'refuse' })
      .optional()
      .describe('The external id of an item that is made.'),
    tags: templated(z.array(z.string())).optional().describe('All tags that the item is to have.'),
    delete: z.boolean().default(false).describe('Deletes the item that is meant.'),
    as: loginOption().optional().describe('The login that acts. Default: the app, by its token.'),
    hook: z
      .boolean()
      .default(false)
      .describe('Whether Podio tells hooks of it. Your own rules hear of it then, too.'),
    silent: z.boolean().default(false).describe('Whether Podio leaves out stream and notifications.'),
  })
  .superRefine((given, check) => {
    const complain = (path: string, message: string) =>
      check.addIssue({ code: 'custom', path: [path], message });
    const { app, item, match, create, set, copy, tags } = given;
    if (match?.constant && Object.keys(match.constant).length === 0)
      complain('match', 'names nothing to look for: give `externalId`, or fields and what they hold');
    if (match && app === undefined) complain('app', 'is needed beside `match`: that is where it is looked');
    if (match && item) complain('item', 'names the item already: leave out `match`, or this');
    if (create && app === undefined) complain('app', 'is needed to create an item');
    if (given.externalId && match?.constant && 'externalId' in match.constant)
      complain('externalId', 'is that of `match` already');
    if (given.delete && (set || copy || tags || create))
      complain('delete', 'goes with nothing that is set or made');
    if (given.delete && app !== undefined && !match && !item)
      complain('match', 'is needed to know which item to delete');
    if (!given.delete && !set && !copy && !tags && !(app !== undefined && !match && !item) && !create)
      complain('set', 'is needed: nothing says what to change (`set`, `copy`, `tags`)');
  });
export type Options = z.output<typeof options>;

/** Makes, changes or deletes an item at Podio, once for each event. */
export default definePlugin({
  name: 'podio-item',
  options,
  effects: 'context',
  gives: ['id', 'title', 'link', 'revision', 'created', 'changed'],
  setup(given, context) {
    const work = makeWork(given, context);
    return {
      operator: messages$ => messages$.pipe(concatMap(async message => message.with(await work(message)))),
    };
  },
  writes({ app, item, match, create, set, copy, delete: isDelete, hook }) {
    // Which app an id is, only the config knows.
    if (typeof app === 'number' || !isAppTold({ app, item })) return [];
    const common = { ...(app !== undefined && { app }), ...(hook !== undefined && { hook }) };
    if (isDelete) return [{ ...common, event: 'item.delete' }];
    const copied = Array.isArray(copy) ? copy : Object.values(copy ?? {});
    // What one template names as a whole is not known before it is filled in.
    const fields = typeof set === 'string' ? undefined : [...new Set([...Object.keys(set ?? {}), ...copied])];
    const values = typeof set === 'object' && {
      values: Object.fromEntries(Object.entries(set).filter(([field]) => !copied.includes(field))),
    };
    const written = { ...common, ...(fields && { fields }), ...values, wrong: neverWritten };
    if (app !== undefined && !match && item === undefined) return [{ ...written, event: 'item.create' }];
    const changed = { ...written, event: 'item.update' };
    return create ? [changed, { ...written, event: 'item.create' }] : [changed];
  },
  reads({ app, item, match, copy }) {
    const name = typeof app === 'string' ? app : undefined;
    const matched = typeof match === 'object' && name !== undefined ? Object.keys(match) : [];
    const unfit = { types: ['image', 'file'], why: 'can’t be copied: files belong to one item' };
    const isKnown = typeof app !== 'number' && isAppTold({ app, item });
    const copied = (key: string | number, field: string) => ({
      at: ['copy', key],
      unfit,
      ...(isKnown && { into: { app: name, field, misfit: neverFits } }),
    });
    return [
      ...matched
        .filter(key => key !== 'externalId')
        .map(key => ({
          app: name,
          at: ['match', key],
          compared: true,
          wrong: neverMatched,
          unfit: { types: ['calculation'], why: 'is calculated by Podio, and can’t be looked for' },
        })),
      ...(Array.isArray(copy)
        ? copy.map((field, n) => copied(n, field))
        : Object.entries(copy ?? {}).map(([from, to]) => copied(from, to))),
    ];
  },
  async describe({ event, view }, given) {
    const { app, match, item, set, copy, create, tags } = given;
    const meant = match
      ? `the item of ${app} with ${show(await match.render(view))}`
      : `item ${item ? await item.render(view) : (event.itemId ?? '(none: the event has no item)')}`;
    if (given.delete) return `deletes ${meant}`;
    const isNew = app !== undefined && !match && !item;
    const lines = [isNew ? `makes an item in ${app}` : `${create ? 'makes or changes' : 'changes'} ${meant}`];
    if (copy) lines.push(`copies ${Array.isArray(copy) ? copy.join(', ') : show(copy)}`);
    if (set) lines.push(`sets ${show(await set.render(view))}`);
    if (tags) lines.push(`tags ${(await tags.render(view)).join(', ')}`);
    return lines.join('\n');
  },
});

/** Of an item that is named by its id only Podio knows the app, unless it is the event's own. */
const isAppTold = ({ app, item }: { readonly app?: unknown; readonly item?: unknown }): boolean =>
  app !== undefined ||
  item === undefined ||
  (typeof item === 'string' && /^\s*\{\{-?\s*(?:item\.id|event\.itemId)\s*-?\}\}\s*$/.test(item));

const show = (fields: Readonly<Record<string, unknown>>): string =>
  Object.entries(fields)
    .map(([name, held]) => `${name}: ${held instanceof FieldView ? held.toString() : JSON.stringify(held)}`)
    .join(', ');
