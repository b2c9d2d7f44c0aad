/** Filtering and sorting of an app's items. */
import { invalid } from './api-error.ts';
import type { Context } from './context.ts';
import type { Actor, App, Field, Item } from './model.ts';
import { parseBound } from './time.ts';
import { isObject, type Lookup } from './values/kind.ts';
import { compares, findField, keysOf } from './values/values.ts';
import type { World } from './world/world.ts';

export interface FilterRequest {
  readonly sortBy: string;
  readonly sortDesc: boolean;
  readonly filters: Readonly<Record<string, unknown>>;
}

type Test = (item: Item) => boolean;
type Key = string | number | undefined;

/** Responses show whole seconds, so filters compare them. */
const seconds = (ms: number): number => Math.floor(ms / 1000) * 1000;

const actorText = ({ type, id }: Actor): string => `${type}:${id}`;

const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);

/** Ratings are part of the list but have no values here: items keep their order. */
const UNRATED = ['priority', 'like', 'approved', 'rsvp', 'fivestar', 'yesno', 'thumbs'];

export function makeFilter(context: Context, world: World, app: App, look: Lookup) {
  const BUILT_IN: Readonly<Record<string, (item: Item) => Key>> = {
    created_on: item => seconds(item.created.on),
    last_edit_on: item => seconds(item.lastEdit.on),
    activity: item => seconds(item.lastEventOn),
    created_by: item => actorText(item.created.by),
    last_edit_by: item => actorText(item.lastEdit.by),
    item_id: item => item.itemId,
    app_item_id: item => item.appItemId,
    external_id: item => item.externalId ?? undefined,
    title: item => world.title(item),
    ...Object.fromEntries(UNRATED.map(name => [name, () => undefined])),
  };

  /** `{from, to}`, either side may be missing. */
  function range(name: string, wanted: unknown, isTime: boolean): (key: Key) => boolean {
    if (!isObject(wanted))
      throw invalid(`Invalid value for filter "${name}": must be object with from and to`);
    const bound = (end: 'from' | 'to'): number | undefined => {
      const given = wanted[end];
      if (given === undefined || given === null) return undefined;
      const value =
        isTime && typeof given === 'string' ? parseBound(given, end, context.clock.now()) : Number(given);
      if (value === undefined || Number.isNaN(value))
        throw invalid(`Invalid value ${JSON.stringify(given)} for "${end}" of filter "${name}"`);
      return value;
    };
    const from = bound('from');
    const to = bound('to');
    const isIn = context.switches.filterBounds === 'inclusive';
    return key =>
      typeof key === 'number' &&
      (from === undefined || (isIn ? key >= from : key > from)) &&
      (to === undefined || (isIn ? key <= to : key < to));
  }

  const authorOf = (value: unknown): string =>
    isObject(value) ? `${String(value.type)}:${String(value.id)}` : String(value);

  function builtInTest(name: string, key: (item: Item) => Key, wanted: unknown): Test {
    if (name.endsWith('_on')) {
      const fits = range(name, wanted, true);
      return item => fits(key(item));
    }
    if (isObject(wanted) && ('from' in wanted || 'to' in wanted)) {
      const fits = range(name, wanted, false);
      return item => fits(key(item));
    }
    const allowed = asList(wanted).map(name.endsWith('_by') ? authorOf : String);
    return item => allowed.includes(String(key(item) ?? null));
  }

  function fieldTest(field: Field, wanted: unknown): Test | undefined {
    const keys = (item: Item): readonly Key[] => keysOf(field, item.values.get(field.fieldId), look);
    const kind = compares(field);
    if (kind === 'text') {
      if (context.switches.textFilters === 'refused')
        throw invalid(`The field "${field.externalId}" can't be filtered on`);
      return undefined;
    }
    if (kind !== 'id' || (isObject(wanted) && !('id' in wanted))) {
      const fits = range(field.externalId, wanted, kind === 'time');
      return item => keys(item).some(fits);
    }
    const allowed = asList(wanted);
    // null in the list means "not set".
    return item =>
      keys(item).some(key => allowed.includes(key)) || (allowed.includes(null) && keys(item).length === 0);
  }

  function testFor(name: string, wanted: unknown): Test | undefined {
    if (name === 'tags') return item => asList(wanted).some(tag => item.tags.includes(String(tag)));
    const key = BUILT_IN[name];
    if (key) return builtInTest(name, key, wanted);
    const field = findField(app, name);
    if (!field) throw invalid(`Invalid filter key "${name}"`);
    return fieldTest(field, wanted);
  }

  function sortKey(name: string): (item: Item) => Key {
    const builtIn = BUILT_IN[name];
    if (builtIn) return builtIn;
    const field = findField(app, name);
    if (!field) throw invalid(`Invalid value "${name}" for "sort_by"`);
    return item => keysOf(field, item.values.get(field.fieldId), look)[0];
  }

  const isVisible = (item: Item): boolean =>
    context.clock.now() - item.created.on >= context.switches.readDelayMs;

  return ({ sortBy, sortDesc, filters }: FilterRequest): { total: number; items: Item[] } => {
    const tests = Object.entries(filters).flatMap(([name, wanted]) => testFor(name, wanted) ?? []);
    const key = sortKey(sortBy);
    const all = world.items(app.appId).filter(isVisible);
    const found = all.filter(item => tests.every(test => test(item)));
    const keyed = found.map(item => ({ item, key: key(item) }));
    keyed.sort((one, other) => order(one.key, other.key));
    if (sortDesc) keyed.reverse();
    return { total: all.length, items: keyed.map(({ item }) => item) };
  };
}

/** What has no key comes first. */
function order(one: Key, other: Key): number {
  if (one === other) return 0;
  if (one === undefined) return -1;
  if (other === undefined) return 1;
  return one < other ? -1 : 1;
}
