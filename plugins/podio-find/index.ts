import {
  type App,
  appOption,
  definePlugin,
  type FilterResult,
  filtersFor,
  type Item,
  itemConditionOption,
  itemJson,
  loginOption,
  PermanentError,
  type PluginContext,
  type PluginPodio,
  z,
} from 'podiod/plugin';
import { concatMap } from 'rxjs';

/** What a page of Podio's filter holds at most. */
const PAGE = 500;
/** Calls for one search; Podio allows 250 of these in an hour. */
const MAX_CALLS = 10;
/** What a step may add is 64 kb: some is left for the rest. */
const MAX_BYTES = 60 * 1024;

const options = z.strictObject({
  app: appOption().describe('The app whose items are looked for, by name or id.'),
  where: itemConditionOption()
    .optional()
    .describe(
      'What they must be, as in a rule’s `where`, over `item` and `fields` of theirs. Templates are about the event.',
    ),
  view: z.int().positive().optional().describe('The id of a view of the app whose filters hold as well.'),
  sort: z
    .string()
    .min(1)
    .default('-createdOn')
    .describe(
      '`createdOn`, `editedOn`, `title`, `id` or a field; with a minus before it from the last to the first.',
    ),
  limit: z.int().min(1).max(PAGE).default(30).describe('How many items are taken.'),
  fields: z.array(z.string().min(1)).optional().describe('Fields that are kept of each item. Default: all.'),
  as: loginOption().optional().describe('The login that looks. Default: the app, by its token.'),
});
type Options = z.output<typeof options>;

const SORTS: Readonly<Record<string, string>> = {
  createdOn: 'created_on',
  editedOn: 'last_edit_on',
  title: 'title',
  id: 'item_id',
  number: 'app_item_id',
};

/** Of `-createdOn`. */
const nameIn = (sort: string): string => sort.replace(/^-/, '');

const KEPT_MS = 5 * 60_000;

interface Found {
  readonly items: readonly Item[];
  /** False: there may be more that nobody looked at. */
  readonly complete: boolean;
}

/** Finds items of an app and adds them to the message. */
export default definePlugin({
  name: 'podio-find',
  options,
  effects: 'context',
  gives: ['items', 'complete'],
  reads({ app, fields = [], sort }) {
    if (typeof app !== 'string') return [];
    const by = typeof sort === 'string' ? nameIn(sort) : undefined;
    return [
      ...fields.map((_field, n) => ({ app, at: ['fields', n] })),
      ...(by === undefined || Object.hasOwn(SORTS, by) ? [] : [{ app, at: ['sort'], name: by }]),
    ];
  },
  setup(given, context) {
    const podio = given.as === undefined ? context.podio : context.podio.as(given.as);
    const search = makeSearch(given, podio, context);
    return {
      operator: messages$ =>
        messages$.pipe(
          concatMap(async message => {
            const { items, complete } = await search(message.view);
            if (!complete)
              context.log.warn('not every item was looked at', { calls: MAX_CALLS, found: items.length });
            const data = { items: items.map(item => shownOf(item, given, context)), complete };
            const bytes = Buffer.byteLength(JSON.stringify(data));
            if (bytes > MAX_BYTES) {
              throw new PermanentError(
                `${items.length} items are ${bytes} bytes, and a step may add ${MAX_BYTES}`,
                {
                  hint: 'Keep fewer fields of each (`fields: [...]`), or lower `limit`.',
                },
              );
            }
            return message.with(data);
          }),
        ),
    };
  },
  describe: (_message, { app, limit, view }) =>
    `looks for up to ${limit} items of ${app}${view === undefined ? '' : ` in view ${view}`}`,
});

function shownOf(item: Item, { app, fields }: Options, { aliases }: PluginContext) {
  const { fields: all, ...head } = itemJson(item, aliases(app));
  const editedOn = item.last_edit_on ?? item.created_on;
  const kept =
    fields === undefined
      ? all
      : Object.fromEntries(Object.entries(all).filter(([name]) => fields.includes(name)));
  return { ...head, ...(editedOn !== undefined && { editedOn }), fields: kept };
}

function makeSearch(given: Options, podio: PluginPodio, { aliases, log }: PluginContext) {
  let known: { readonly at: number; readonly app: Promise<App> } | undefined;
  const definition = (): Promise<App> => {
    if (known && Date.now() - known.at < KEPT_MS) return known.app;
    const app = podio.apps.get(given.app);
    known = { at: Date.now(), app };
    app.catch(() => {
      known = undefined;
    });
    return app;
  };

  return async (view: Parameters<NonNullable<Options['where']>['bind']>[0]): Promise<Found> => {
    const app = await definition();
    const names = aliases(given.app);
    const fieldNamed = (name: string) => {
      const wanted = Object.hasOwn(names, name) ? names[name] : name;
      return app.fields.find(
        one => one.status === 'active' && (one.external_id === wanted || String(one.field_id) === wanted),
      );
    };
    const test = await given.where?.bind(view, names);
    if (given.where && !test) {
      log.info('nothing was looked for: what `where` compares with came to nothing', { app: given.app });
      return { items: [], complete: true };
    }
    const paths = test?.paths ?? [];
    for (const [root, name] of paths) need(root === 'fields' ? name : undefined);
    for (const name of given.fields ?? []) need(name);
    const filters = filtersFor(test?.certain ?? [], fieldNamed, {
      now: view.now().getTime(),
      zone: view.timezone(),
    });
    const isAll = Object.keys(filters).length >= paths.length;
    const by = nameIn(given.sort);
    const sort = SORTS[by] ?? need(by)?.field_id;
    const body = { filters, sort_by: String(sort), sort_desc: by !== given.sort, remember: false };
    const needsTags = paths.some(([root, name]) => root === 'item' && name === 'tags');

    function need(name: string | undefined) {
      const field = name === undefined ? undefined : fieldNamed(name);
      if (name !== undefined && !field) {
        throw new PermanentError(`the app ${app.config.name} has no field ${name}`, {
          hint: `It has ${app.fields.map(({ external_id }) => external_id).join(', ')}.`,
        });
      }
      return field;
    }

    const page = async (limit: number, offset: number): Promise<FilterResult> => {
      const full = { ...body, limit, offset };
      if (given.view === undefined && !needsTags) return podio.items.filter(app.app_id, full);
      const path = `/item/app/${app.app_id}/filter/${given.view === undefined ? '' : `${given.view}/`}`;
      const query = { fields: 'items.fields(files,tags)' };
      return (await podio.request('POST', path, { body: full, query })) as FilterResult;
    };

    const found = new Map<number, Item>();
    // What Podio answers is a little more than what fits.
    const size = isAll ? Math.min(PAGE, given.limit + 50) : PAGE;
    let offset = 0;
    for (let calls = 0; calls < MAX_CALLS; calls++) {
      const { items, filtered } = await page(size, offset);
      for (const item of items) {
        if (found.has(item.item_id) || !((await test?.holds(item)) ?? true)) continue;
        found.set(item.item_id, item);
        if (found.size === given.limit) return { items: [...found.values()], complete: true };
      }
      offset += items.length;
      if (items.length === 0 || offset >= filtered) return { items: [...found.values()], complete: true };
    }
    return { items: [...found.values()], complete: false };
  };
}
