import { ApiError, invalid, notFound } from '../api-error.ts';
import { makeFilter } from '../filter.ts';
import {
  basicItemJson,
  differenceJson,
  filesJson,
  fullItemJson,
  listedItemJson,
  revisionJson,
  valuesJson,
} from '../json.ts';
import type { App, Item } from '../model.ts';
import { isObject, type JsonObject } from '../values/kind.ts';
import { findField } from '../values/values.ts';
import { type ItemInput, revisionAt, revisionOf } from '../world/items.ts';
import {
  type Answer,
  type Call,
  changeOptions,
  empty,
  idParam,
  type Operation,
  objectBody,
  ok,
  requireApp,
  requireItem,
} from './operation.ts';

/** Ids only, as the API wants them. */
const look = (call: Call) => call.podio.lookup(false);

const showDeleted = (call: Call): boolean => call.podio.context.switches.deletedFieldsShown;

const full = (call: Call, app: App, item: Item): Answer =>
  ok(fullItemJson(call.podio.world, app, item, look(call), showDeleted(call)));

const values = (call: Call, app: App, item: Item): JsonObject[] =>
  valuesJson(app, item.values, look(call), showDeleted(call));

/** What was made a moment ago can't be found yet, if the world is so. */
const readable = ({ podio: { world, context } }: Call, app: App): readonly Item[] =>
  world
    .items(app.appId)
    .filter(({ created }) => context.clock.now() - created.on >= context.switches.readDelayMs);

function strings(body: JsonObject, key: string): readonly string[] | undefined {
  const list = body[key];
  if (list === undefined || list === null) return undefined;
  if (!Array.isArray(list) || !list.every(each => typeof each === 'string'))
    throw invalid(`Invalid value for "${key}": must be a list of strings`);
  return list;
}

function fileIds(call: Call, body: JsonObject): readonly number[] {
  const list = body.file_ids ?? [];
  if (!Array.isArray(list)) throw invalid('Invalid value for "file_ids": must be a list of integers');
  for (const id of list) {
    const file = call.podio.world.file(id);
    if (!file || file.deleted) throw notFound(`No file with id ${id} could be found`);
  }
  return list;
}

function inputOf(body: JsonObject): ItemInput {
  const { fields, external_id: externalId } = body;
  if (externalId !== undefined && externalId !== null && typeof externalId !== 'string')
    throw invalid('Invalid value for "external_id": must be string');
  const tags = strings(body, 'tags');
  return { fields, ...(externalId === undefined ? {} : { externalId }), ...(tags ? { tags } : {}) };
}

function update(call: Call, input: ItemInput): Answer {
  const { item } = requireItem(call, idParam(call, 'item_id'));
  const { world } = call.podio;
  world.updateItem(item.itemId, input, { ...changeOptions(call), strict: true });
  return ok({ revision: revisionOf(item), title: world.title(item) });
}

function filterBody(body: JsonObject): JsonObject {
  const { filters = {} } = body;
  if (isObject(filters)) return filters;
  if (!Array.isArray(filters)) throw invalid('Invalid value for "filters": must be object');
  return Object.fromEntries(filters.filter(isObject).map(({ key, values }) => [String(key), values]));
}

function integer(body: JsonObject, key: string, otherwise: number): number {
  const value = body[key] ?? otherwise;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0)
    throw invalid(`Invalid value ${JSON.stringify(value)} for "${key}": must be integer`);
  return value;
}

/** `view(micro).fields(external_id)`: which keys of an item a partial response keeps; undefined for all. */
function shownKeys(call: Call): { only: readonly string[] | undefined; also: readonly string[] } {
  const grammar = /items(?:\.view\((\w+)\))?(?:\.fields\(([^)]*)\))?/.exec(call.query.get('fields') ?? '');
  const [, view, fields] = grammar ?? [];
  const isSmall = view === 'micro' || view === 'mini' || view === 'reference';
  return {
    only: isSmall ? ['item_id', 'app_item_id', 'title', 'link', 'revision'] : undefined,
    also: fields?.split(',').map(field => field.trim()) ?? [],
  };
}

function runFilter(call: Call, app: App, body: JsonObject, viewFilters: JsonObject): Answer {
  const { context, world } = call.podio;
  const { maxFilterLimit, overFilterLimit } = context.switches;
  const limit = integer(body, 'limit', 30);
  const offset = integer(body, 'offset', 0);
  if (limit > maxFilterLimit && overFilterLimit === 'refuse')
    throw invalid(`Invalid value ${limit} for "limit": must be at most ${maxFilterLimit}`);
  const { total, items } = makeFilter(
    context,
    world,
    app,
    look(call),
  )({
    sortBy: String(body.sort_by ?? 'created_on'),
    sortDesc: (body.sort_desc ?? true) === true,
    filters: { ...viewFilters, ...filterBody(body) },
  });
  const { only, also } = shownKeys(call);
  const page = items.slice(offset, offset + Math.min(limit, maxFilterLimit)).map(item => {
    const shown: JsonObject = listedItemJson(world, app, item, look(call), showDeleted(call));
    const extra: JsonObject = { ...shown, files: filesJson(world, item), tags: item.tags };
    const kept: JsonObject = only ? Object.fromEntries(only.map(key => [key, shown[key]])) : shown;
    return { ...kept, ...Object.fromEntries(also.map(key => [key, extra[key]])) };
  });
  return ok({ total, filtered: items.length, items: page });
}

function requireView(app: App, viewId: number): JsonObject {
  const view = app.views.find(each => each.viewId === viewId);
  if (!view) throw notFound(`No view with id ${viewId} could be found`);
  return { ...view.filters };
}

/** The query's keys beside those that page and sort are filters: `?title=x&limit=10`. */
function queryFilters(call: Call): JsonObject {
  const reserved = ['limit', 'offset', 'sort_by', 'sort_desc', 'view_id', 'fields', 'remember', 'key'];
  return Object.fromEntries([...call.query].filter(([key]) => !reserved.includes(key)));
}

function list(call: Call): Answer {
  const number = (key: string): JsonObject =>
    call.query.has(key) ? { [key]: Number(call.query.get(key)) } : {};
  const sort = call.query.get('sort_by');
  const body: JsonObject = {
    ...number('limit'),
    ...number('offset'),
    ...(sort ? { sort_by: sort } : {}),
    sort_desc: call.query.has('sort_desc') ? ['1', 'true'].includes(call.query.get('sort_desc') ?? '') : true,
    filters: queryFilters(call),
  };
  return runFilter(call, requireApp(call, idParam(call, 'app_id')), body, {});
}

export const itemOperations: readonly Operation[] = [
  {
    name: 'items.create',
    method: 'POST',
    path: '/item/app/:app_id',
    handle(call) {
      const app = requireApp(call, idParam(call, 'app_id'));
      const body = objectBody(call);
      const files = fileIds(call, body);
      const { world } = call.podio;
      const item = world.createItem(app.appId, inputOf(body), { ...changeOptions(call), strict: true });
      world.attachFiles(item.itemId, files, changeOptions(call));
      const { item_id, title, link, revision } = basicItemJson(world, app, item, look(call), false);
      return ok(
        call.podio.context.switches.itemCreateAnswer === 'id'
          ? { item_id }
          : { item_id, title, link, revision },
      );
    },
  },
  {
    name: 'items.get',
    method: 'GET',
    path: '/item/:item_id',
    handle(call) {
      const { item, app } = requireItem(call, idParam(call, 'item_id'));
      return full(call, app, item);
    },
  },
  {
    name: 'items.get_basic',
    method: 'GET',
    path: '/item/:item_id/basic',
    handle(call) {
      const { item, app } = requireItem(call, idParam(call, 'item_id'));
      return ok(basicItemJson(call.podio.world, app, item, look(call), showDeleted(call)));
    },
  },
  {
    name: 'items.get_by_app_item_id',
    method: 'GET',
    path: '/app/:app_id/item/:app_item_id',
    handle(call) {
      const app = requireApp(call, idParam(call, 'app_id'));
      const number = idParam(call, 'app_item_id');
      const item = readable(call, app).find(each => each.appItemId === number);
      if (!item) throw notFound(`No item with app item id ${number} could be found`);
      return full(call, app, item);
    },
  },
  {
    name: 'items.get_by_external_id',
    method: 'GET',
    path: '/item/app/:app_id/external_id/:external_id',
    handle(call) {
      const app = requireApp(call, idParam(call, 'app_id'));
      const item = readable(call, app).find(each => each.externalId === call.params.external_id);
      if (!item) throw notFound(`No item with external id ${call.params.external_id} could be found`);
      return full(call, app, item);
    },
  },
  {
    name: 'items.count',
    method: 'GET',
    path: '/item/app/:app_id/count',
    handle(call) {
      const { context, world } = call.podio;
      const app = requireApp(call, idParam(call, 'app_id'));
      const viewId = call.query.get('view_id');
      const filters = { ...(viewId ? requireView(app, Number(viewId)) : {}), ...queryFilters(call) };
      const filter = makeFilter(context, world, app, look(call));
      return ok({ count: filter({ sortBy: 'item_id', sortDesc: false, filters }).items.length });
    },
  },
  { name: 'items.list', method: 'GET', path: '/item/app/:app_id', handle: list },
  { name: 'items.list', method: 'GET', path: '/item/app/:app_id/v2', handle: list },
  {
    name: 'items.filter',
    method: 'POST',
    path: '/item/app/:app_id/filter',
    handle: call => runFilter(call, requireApp(call, idParam(call, 'app_id')), objectBody(call), {}),
  },
  {
    name: 'items.filter_by_view',
    method: 'POST',
    path: '/item/app/:app_id/filter/:view_id',
    handle(call) {
      const app = requireApp(call, idParam(call, 'app_id'));
      return runFilter(call, app, objectBody(call), requireView(app, idParam(call, 'view_id')));
    },
  },
  {
    name: 'items.update',
    method: 'PUT',
    path: '/item/:item_id',
    handle(call) {
      const body = objectBody(call);
      const { item } = requireItem(call, idParam(call, 'item_id'));
      if (body.revision !== undefined && body.revision !== revisionOf(item))
        throw new ApiError(409, 'conflict', 'The item was changed since the given revision', {
          propagate: true,
        });
      const files = fileIds(call, body);
      const answer = update(call, inputOf(body));
      call.podio.world.attachFiles(item.itemId, files, changeOptions(call));
      return answer;
    },
  },
  {
    name: 'items.update_values',
    method: 'PUT',
    path: '/item/:item_id/value',
    handle: call => update(call, { fields: objectBody(call) }),
  },
  {
    name: 'items.update_field',
    method: 'PUT',
    path: '/item/:item_id/value/:field',
    handle: call => update(call, { fields: { [call.params.field ?? '']: call.body } }),
  },
  {
    name: 'items.values',
    method: 'GET',
    path: '/item/:item_id/value',
    handle(call) {
      const { item, app } = requireItem(call, idParam(call, 'item_id'));
      return ok(values(call, app, item));
    },
  },
  {
    name: 'items.values',
    method: 'GET',
    path: '/item/:item_id/value/v2',
    handle(call) {
      const { item, app } = requireItem(call, idParam(call, 'item_id'));
      return ok(Object.fromEntries(values(call, app, item).map(field => [field.external_id, field])));
    },
  },
  {
    name: 'items.field_value',
    method: 'GET',
    path: '/item/:item_id/value/:field',
    handle(call) {
      const { item, app } = requireItem(call, idParam(call, 'item_id'));
      const field = findField(app, call.params.field ?? '');
      if (!field) throw notFound(`No field ${call.params.field} could be found`);
      return ok(values(call, app, item).find(each => each.field_id === field.fieldId)?.values ?? []);
    },
  },
  {
    name: 'items.delete',
    method: 'DELETE',
    path: '/item/:item_id',
    handle(call) {
      const { item } = requireItem(call, idParam(call, 'item_id'));
      call.podio.world.deleteItem(item.itemId, changeOptions(call));
      return empty();
    },
  },
  {
    name: 'items.revisions',
    method: 'GET',
    path: '/item/:item_id/revision',
    handle(call) {
      const { item } = requireItem(call, idParam(call, 'item_id'));
      const revisions = item.revisions.map(revision => revisionJson(call.podio.world, revision));
      if (call.podio.context.switches.revisionOrder === 'newest-first') revisions.reverse();
      return ok(revisions);
    },
  },
  {
    name: 'items.revision',
    method: 'GET',
    path: '/item/:item_id/revision/:revision',
    handle(call) {
      const { item } = requireItem(call, idParam(call, 'item_id'));
      const revision = revisionAt(call.podio.context, item, idParam(call, 'revision'));
      return ok(revisionJson(call.podio.world, revision));
    },
  },
  {
    name: 'items.difference',
    method: 'GET',
    path: '/item/:item_id/revision/:from/:to',
    handle(call) {
      const { item, app } = requireItem(call, idParam(call, 'item_id'));
      const { context } = call.podio;
      const from = revisionAt(context, item, idParam(call, 'from')).values;
      const to = revisionAt(context, item, idParam(call, 'to')).values;
      return ok(differenceJson(app, from, to, look(call)));
    },
  },
];
