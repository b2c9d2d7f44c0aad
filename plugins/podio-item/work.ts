import {
  type Item,
  type Message,
  once,
  PermanentError,
  type PluginContext,
  type PluginPodio,
} from 'podiod/plugin';
import { type Definition, makeDefinitions } from './fields.ts';
import type { Options } from './index.ts';
import { byExternalId, codeOf, findItem, keyOf, type Match, matchOf } from './match.ts';
import { isSame, valuesOf } from './same.ts';
import { type Fresh, makeFresh, makeTurns, type Turns } from './turns.ts';
import { type Clock, isEmbed, written } from './written.ts';

/** What a step adds to `data`. */
export interface Outcome {
  /** Null: there was no such item, and none was made. */
  readonly id: number | null;
  readonly title?: string;
  readonly link?: string;
  readonly revision?: number;
  readonly created: boolean;
  /** External ids of the fields that were written. */
  readonly changed: readonly string[];
}

const NOTHING: Outcome = { id: null, created: false, changed: [] };

/** How often a change that others got in between is worked out anew within one try. */
const MAX_CONFLICTS = 5;
/** How long Podio may take until an item that was made can be read. */
const UNREADABLE_MS = 120_000;
/** Podio's clock and this one may differ. */
const SLACK_MS = 120_000;

/** What is to be written: values by external id, and what else an item has. */
interface Wanted {
  readonly fields: readonly { readonly name: string; readonly values: readonly unknown[] }[];
  readonly tags: readonly string[] | undefined;
  readonly externalId: string | undefined;
}

/** What all steps of a daemon share, of all rules: whoever looks for the same item takes turns. */
const shared = new WeakMap<PluginPodio, { readonly inTurn: Turns; readonly fresh: Fresh }>();

function sharedBy(podio: PluginPodio) {
  const known = shared.get(podio) ?? { inTurn: makeTurns(), fresh: makeFresh() };
  shared.set(podio, known);
  return known;
}

export function makeWork(given: Options, context: PluginContext): (message: Message) => Promise<Outcome> {
  const { log, store } = context;
  const podio = given.as === undefined ? context.podio : context.podio.as(given.as);
  const definitions = makeDefinitions(podio, context.aliases);
  const { inTurn, fresh } = sharedBy(context.podio);
  const writing = { hook: given.hook, silent: given.silent };

  /** The item's app, where no `app` says it. */
  const appOf = async (item: Item, message: Message): Promise<string | number> => {
    const appId =
      item.app?.app_id ?? (item.item_id === message.event.itemId ? message.view.app().id : undefined);
    const known = message.view.app();
    // By its name where that is known: aliases hang on it.
    if (appId !== undefined) return known.id === appId && known.name !== undefined ? known.name : appId;
    throw new PermanentError(`item ${item.item_id} is gone`);
  };

  const wantedOf = async (
    message: Message,
    definition: Definition,
    match: Match | undefined,
  ): Promise<Wanted> => {
    const { view } = message;
    const clock: Clock = { now: view.now().getTime(), zone: view.timezone() };
    const values = { ...(await copied(message)), ...(await given.set?.render(view)) };
    return {
      fields: Object.entries(values).map(([name, value]) => {
        const field = definition.field(name);
        return { name: field.external_id, values: written(field, value, clock) };
      }),
      tags: await given.tags?.render(view),
      externalId:
        match?.kind === 'externalId' ? match.externalId : (await given.externalId?.render(view)) || undefined,
    };
  };

  /** Fields of the event's item, under their names in the app they go to. */
  const copied = async (message: Message): Promise<Record<string, unknown>> => {
    if (!given.copy) return {};
    const pairs = Array.isArray(given.copy)
      ? given.copy.map(name => [name, name] as const)
      : Object.entries(given.copy).map(([from, to]) => [from, to] as const);
    const fields = await message.view.fields();
    const result: Record<string, unknown> = {};
    for (const [from, to] of pairs) {
      // Podio leaves out empty fields, so whether there is such a field only the app can tell.
      if (!Object.hasOwn(fields, from)) {
        const { id, name } = message.view.app();
        const source = name ?? id;
        if (source !== undefined) (await definitions.of(source)).field(from);
      }
      result[to] = fields[from] ?? null;
    }
    return result;
  };

  const create = async (definition: Definition, wanted: Wanted): Promise<Outcome> => {
    const filled = wanted.fields.filter(({ values }) => values.length > 0);
    const body = {
      fields: await fieldsBody(filled),
      ...(wanted.externalId !== undefined && { external_id: wanted.externalId }),
      ...(wanted.tags !== undefined && { tags: wanted.tags }),
    };
    const made = await refreshing(definition, () => podio.items.create(definition.appId, body, writing));
    return {
      ...(await shown(podio, made.item_id, made)),
      created: true,
      changed: filled.map(({ name }) => name),
    };
  };

  /** Writes what differs, on top of the revision that it was compared with. */
  const update = async (definition: Definition, first: Item, wanted: Wanted): Promise<Outcome> => {
    let item = first;
    for (let conflicts = 0; ; conflicts++) {
      const changed = wanted.fields.filter(
        ({ name, values }) => !isSame(definition.field(name), values, valuesOf(item, definition.field(name))),
      );
      const tags = wanted.tags && !sameTags(wanted.tags, item.tags) ? wanted.tags : undefined;
      const outcome = {
        id: item.item_id,
        title: item.title,
        ...(item.link !== undefined && { link: item.link }),
        created: false,
        changed: changed.map(({ name }) => name),
      };
      if (changed.length === 0 && !tags)
        return { ...outcome, ...(item.revision !== undefined && { revision: item.revision }) };
      const body = {
        ...(changed.length > 0 && { fields: await fieldsBody(changed) }),
        ...(tags && { tags }),
        ...(item.revision !== undefined && { revision: item.revision }),
      };
      try {
        const { revision, title } = await refreshing(definition, () =>
          podio.items.update(item.item_id, body, writing),
        );
        return { ...outcome, ...(typeof title === 'string' && { title }), revision };
      } catch (error) {
        if (codeOf(error) === 'PODIO_NOT_FOUND' && (await isMissing(item.item_id))) return NOTHING;
        if (codeOf(error) !== 'PODIO_CONFLICT' || conflicts >= MAX_CONFLICTS) throw error;
        item = await podio.items.get(item.item_id);
      }
    }
  };

  /** What is not found may be the item, or something that was to be written into it. */
  const isMissing = async (itemId: number): Promise<boolean> => {
    try {
      await podio.items.get(itemId);
      return false;
    } catch (error) {
      if (!isGone(error)) throw error;
      log.info('the item is gone, nothing was written', { itemId });
      return true;
    }
  };

  /** Links are made known to Podio only when they are really written. */
  const fieldsBody = async (fields: Wanted['fields']): Promise<Record<string, unknown>> => {
    const body: Record<string, unknown> = {};
    for (const { name, values } of fields) {
      body[name] = await Promise.all(
        values.map(async one => (isEmbed(one) ? embedded(podio, one.url) : one)),
      );
    }
    return body;
  };

  /** What Podio refuses may have been made for a field as it was. */
  const refreshing = async <T>({ appId }: Definition, call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (error) {
      if (codeOf(error) === 'PODIO_INVALID')
        for (const app of [appId, given.app]) if (app !== undefined) definitions.forget(app);
      throw error;
    }
  };

  /** An item that was just made may not be found yet. */
  const lookUp = async (definition: Definition, match: Match, key: string): Promise<Item | undefined> => {
    const found = await findItem(podio, definition, match, log);
    const recent = found ? undefined : fresh.get(key);
    if (!recent) return found;
    try {
      return await podio.items.get(recent.itemId);
    } catch (error) {
      if (!isGone(error)) throw error;
      if (recent.ageMs < UNREADABLE_MS)
        throw new Error(`item ${recent.itemId} was just made and can't be read yet`);
      return undefined;
    }
  };

  const meantItem = async (message: Message): Promise<Item | undefined> => {
    const id = given.item ? await given.item.render(message.view) : message.event.itemId;
    if (id === undefined) {
      throw new PermanentError('the event has no item', {
        hint: 'Say which with `item`, or `app` and `match`.',
      });
    }
    try {
      return id === message.event.itemId ? await message.item() : await podio.items.get(id, given.app);
    } catch (error) {
      if (!isGone(error)) throw error;
      // Podio says 403 of an item that is gone as well as of one that somebody else may see.
      log.warn('the item is gone, or nobody here may see it', { itemId: id });
      return undefined;
    }
  };

  const remove = async (item: Item | undefined): Promise<Outcome> => {
    if (!item) return NOTHING;
    await podio.items.delete(item.item_id, writing);
    return { id: item.item_id, title: item.title, created: false, changed: [] };
  };

  const matched = async (message: Message, definition: Definition): Promise<Outcome> => {
    const { view } = message;
    const clock = { now: view.now().getTime(), zone: view.timezone() };
    const match = matchOf((await given.match?.render(view)) ?? {}, definition, clock);
    const key = keyOf(definition.appId, match);
    return inTurn(key, async () => {
      const found = await lookUp(definition, match, key);
      if (given.delete) return remove(found);
      if (found) return update(definition, found, await wantedOf(message, definition, match));
      if (!given.create) return NOTHING;
      const outcome = await create(definition, await wantedOf(message, definition, match));
      if (outcome.id !== null) fresh.set(key, outcome.id);
      return outcome;
    });
  };

  /** An item that a try before has made, though nobody heard of it. */
  const findMade = async (
    definition: Definition,
    wanted: Wanted,
    since: number,
    isOthers: (id: unknown) => boolean,
  ): Promise<Outcome | undefined> => {
    const { appId } = definition;
    const found =
      wanted.externalId === undefined
        ? await lastMade(
            podio,
            appId,
            since,
            item =>
              !isOthers(item.item_id) &&
              wanted.fields.every(({ name, values }) =>
                isSame(definition.field(name), values, valuesOf(item, definition.field(name))),
              ),
          )
        : await byExternalId(podio, appId, wanted.externalId);
    return (
      found && {
        ...(await shown(podio, found.item_id, found)),
        created: true,
        changed: wanted.fields.map(({ name }) => name),
      }
    );
  };

  return async message => {
    const key = message.deliveryKey;
    // What is copied of an item that is gone would empty the other one.
    if (given.copy && isNobody(await message.item())) {
      log.info('the item is gone, nothing was copied', { itemId: message.event.itemId });
      return NOTHING;
    }
    if (given.app !== undefined && given.match) {
      const definition = await definitions.of(given.app);
      return once(store, key, { make: () => matched(message, definition) });
    }
    if (given.app !== undefined && !given.item) {
      const definition = await definitions.of(given.app);
      const wanted = await wantedOf(message, definition, undefined);
      return once(store, key, {
        make: () => create(definition, wanted),
        find: (since, isOthers) => findMade(definition, wanted, since, isOthers),
      });
    }
    return once(store, key, {
      async make() {
        const item = await meantItem(message);
        if (given.delete) return remove(item);
        if (!item || isNobody(item)) return NOTHING;
        const definition = await definitions.of(given.app ?? (await appOf(item, message)));
        return update(definition, item, await wantedOf(message, definition, undefined));
      },
    });
  };
}

const isGone = (error: unknown): boolean =>
  codeOf(error) === 'PODIO_NOT_FOUND' || codeOf(error) === 'PODIO_FORBIDDEN';

/** What stands for an item that is gone and was never read. */
const isNobody = ({ fields, revision, title }: Item): boolean =>
  fields.length === 0 && revision === undefined && title === '';

const sameTags = (wanted: readonly string[], held: readonly string[] | undefined): boolean =>
  held !== undefined && JSON.stringify(wanted.toSorted()) === JSON.stringify(held.toSorted());

/** Podio may answer no more than the id of an item that was made. */
async function shown(
  podio: PluginPodio,
  id: number,
  answer: Readonly<Record<string, unknown>>,
): Promise<Pick<Outcome, 'id' | 'title' | 'link' | 'revision'>> {
  let known = answer;
  if (typeof known.link !== 'string' || typeof known.title !== 'string') {
    try {
      known = await podio.items.get(id);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }
  const { title, link, revision = 0 } = known;
  return {
    id,
    ...(typeof title === 'string' && { title }),
    ...(typeof link === 'string' && { link }),
    ...(typeof revision === 'number' && { revision }),
  };
}

async function lastMade(
  podio: PluginPodio,
  appId: number,
  since: number,
  fits: (item: Item) => boolean,
): Promise<Item | undefined> {
  const from = new Date(since - SLACK_MS).toISOString().slice(0, 19).replace('T', ' ');
  const { items } = await podio.items.filter(appId, {
    filters: { created_on: { from } },
    sort_by: 'created_on',
    sort_desc: true,
    limit: 100,
    remember: false,
  });
  return items.find(fits);
}

async function embedded(podio: PluginPodio, url: string): Promise<number> {
  const answer = await podio.request('POST', '/embed/', { body: { url } });
  const id =
    typeof answer === 'object' && answer !== null && 'embed_id' in answer ? answer.embed_id : undefined;
  if (typeof id === 'number') return id;
  throw new Error('Podio made a link known without saying its embed_id');
}
