/** Items, their revisions, and what hooks hear of them. */
import { refusal } from '../api-error.ts';
import type { Context } from '../context.ts';
import type { App, Authorship, HookRef, Item, Revision, Values } from '../model.ts';
import type { Lookup } from '../values/kind.ts';
import { changedFields, parseFields, plainValue } from '../values/values.ts';
import type { Accounts, ChangeOptions } from './accounts.ts';
import type { Apps } from './apps.ts';

/** What is left out stays as it is. */
export interface ItemInput {
  /** By external id or field id, in Podio's written forms. From the world, categories, people and links may be given by text. */
  readonly fields?: unknown;
  readonly externalId?: string | null;
  readonly tags?: readonly string[];
}

/** An item as a person would read it. */
export interface ItemView {
  readonly itemId: number;
  readonly appId: number;
  readonly appItemId: number;
  readonly externalId: string | null;
  readonly title: string;
  readonly revision: number;
  readonly tags: readonly string[];
  readonly deleted: boolean;
  /** The first value of each field that has one, by external id. */
  readonly values: Readonly<Record<string, string | number>>;
}

export interface Items {
  createItem(appId: number, input: ItemInput, options?: ItemOptions): Item;
  /** An update that changes nothing is told or not as the switch `noopUpdate` says. */
  updateItem(itemId: number, input: ItemInput, options?: ItemOptions): Item;
  deleteItem(itemId: number, options?: ChangeOptions): void;
  /** Deleted ones too. */
  item(itemId: number): Item | undefined;
  /** Those of an app that are not deleted, oldest first. */
  items(appId: number): readonly Item[];
  show(itemId: number): ItemView;
  title(item: Item): string;
  /** Something that is no revision happened to the item, such as a comment; it becomes one if `bumps` says so. */
  touchItem(item: Item, what: 'files' | 'comments', options: ChangeOptions): void;
}

export interface ItemOptions extends ChangeOptions {
  /** Values are written as the API wants them: ids, no texts. Default: false. */
  readonly strict?: boolean;
}

export const revisionOf = (item: Item): number => item.revisions.at(-1)?.revision ?? 0;

export function makeItems(
  context: Context,
  accounts: Accounts,
  apps: Apps,
  lookup: (lenient: boolean) => Lookup,
): Items {
  const byId = new Map<number, Item>();
  const byApp = new Map<number, Set<Item>>();

  const need = (itemId: number): Item => {
    const item = byId.get(itemId);
    if (!item || item.deleted) throw new Error(`no item ${itemId} in the emulated world`);
    return item;
  };
  const appOf = (item: Item): App => {
    const app = apps.app(item.appId);
    if (!app) throw new Error(`no app ${item.appId} in the emulated world`);
    return app;
  };

  function revise(item: Item, type: Revision['type'], authorship: Authorship): void {
    const last = item.revisions.at(-1);
    item.revisions.push({
      ...authorship,
      revision: last ? last.revision + 1 : 0,
      itemRevisionId: context.nextId('revision'),
      type,
      appRevision: appOf(item).revision,
      values: item.values,
    });
    const { keptRevisions } = context.switches;
    if (keptRevisions > 0) item.revisions.splice(0, item.revisions.length - keptRevisions);
    item.lastEdit = authorship;
  }

  function tell(type: string, item: Item, fieldIds: readonly number[], options: ChangeOptions): void {
    const { createRevision, deleteRevision, externalIdWhenNone, hookFalse } = context.switches;
    if (!(options.silent ?? false)) item.lastEventOn = context.clock.now();
    if ((options.hook ?? true) || hookFalse === 'ignored') {
      const refs: HookRef[] = [
        { type: 'app', id: item.appId },
        ...fieldIds.map(id => ({ type: 'app_field' as const, id })),
      ];
      const revision =
        type === 'item.delete' && deleteRevision === 'last' ? revisionOf(item) - 1 : revisionOf(item);
      const hasRevision =
        !(type === 'item.create' && createRevision === 'absent') &&
        !(type === 'item.delete' && deleteRevision === 'absent');
      const hasExternalId = item.externalId !== null || externalIdWhenNone === 'empty';
      context.emit({
        type,
        refs,
        params: [
          ['item_id', String(item.itemId)],
          ...(hasRevision ? ([['item_revision_id', String(revision)]] as const) : []),
          ...(hasExternalId ? ([['external_id', item.externalId ?? '']] as const) : []),
        ],
      });
    }
    context.changed();
  }

  function merge(app: App, values: Values, input: ItemInput, strict: boolean): Values {
    const merged = new Map(values);
    for (const [fieldId, stored] of parseFields(app, input.fields, lookup(!strict))) {
      if (stored) merged.set(fieldId, stored);
      else merged.delete(fieldId);
    }
    return merged;
  }

  const items: Items = {
    createItem(appId, input, { strict = false, ...options } = {}) {
      const app = apps.app(appId);
      if (!app) throw new Error(`no app ${appId} in the emulated world`);
      const values = merge(app, new Map(), input, strict);
      const authorship = accounts.authorship(options);
      app.lastItemNumber += 1;
      const item: Item = {
        itemId: context.nextId('item'),
        appId,
        appItemId: app.lastItemNumber,
        externalId: input.externalId ?? null,
        tags: input.tags ?? [],
        fileIds: [],
        values,
        revisions: [],
        created: authorship,
        lastEdit: authorship,
        lastEventOn: authorship.on,
        deleted: false,
      };
      byId.set(item.itemId, item);
      const siblings = byApp.get(appId) ?? new Set();
      byApp.set(appId, siblings.add(item));
      revise(item, 'creation', authorship);
      tell('item.create', item, [...values.keys()], options);
      return item;
    },
    updateItem(itemId, input, { strict = false, ...options } = {}) {
      const item = need(itemId);
      const { bumps, noopUpdate } = context.switches;
      const values = merge(appOf(item), item.values, input, strict);
      const changed = changedFields(item.values, values);
      const tagged = input.tags !== undefined && JSON.stringify(input.tags) !== JSON.stringify(item.tags);
      const renamed = input.externalId !== undefined && input.externalId !== item.externalId;
      item.values = values;
      if (input.tags) item.tags = input.tags;
      if (input.externalId !== undefined) item.externalId = input.externalId;
      const isRevision =
        changed.length > 0 ||
        (tagged && bumps.includes('tags')) ||
        (renamed && bumps.includes('external_id')) ||
        (!tagged && !renamed && noopUpdate === 'revision');
      if (isRevision) {
        revise(item, 'update', accounts.authorship(options));
        tell('item.update', item, changed, options);
      }
      return item;
    },
    deleteItem(itemId, options = {}) {
      const item = need(itemId);
      item.deleted = true;
      byApp.get(item.appId)?.delete(item);
      revise(item, 'delete', accounts.authorship(options));
      tell('item.delete', item, [...item.values.keys()], options);
    },
    item: itemId => byId.get(itemId),
    items: appId => [...(byApp.get(appId) ?? [])],
    show(itemId) {
      const item = byId.get(itemId);
      if (!item) throw new Error(`no item ${itemId} in the emulated world`);
      const look = lookup(true);
      const values = appOf(item).fields.flatMap(field => {
        const value = plainValue(field, item.values.get(field.fieldId), look);
        return value === null ? [] : [[field.externalId, value] as const];
      });
      const { appId, appItemId, externalId, tags, deleted } = item;
      return {
        itemId,
        appId,
        appItemId,
        externalId,
        title: items.title(item),
        revision: revisionOf(item),
        tags,
        deleted,
        values: Object.fromEntries(values),
      };
    },
    title(item) {
      const app = appOf(item);
      const named =
        app.fields.find(field => field.type === 'text' && item.values.has(field.fieldId)) ??
        app.fields.find(field => item.values.has(field.fieldId));
      // No way round in a circle: two items that refer to each other and have no text would ask each other for ever.
      const look = { ...lookup(true), item: () => undefined };
      const value = named ? plainValue(named, item.values.get(named.fieldId), look) : null;
      return value === null ? `${app.itemName} ${item.appItemId}` : String(value);
    },
    touchItem(item, what, options) {
      if (!(options.silent ?? false)) item.lastEventOn = context.clock.now();
      if (!context.switches.bumps.includes(what)) return;
      revise(item, 'update', accounts.authorship(options));
      tell('item.update', item, [], options);
    },
  };
  return items;
}

/** Throws when it is not kept (any more). */
export function revisionAt(context: Context, item: Item, revision: number): Revision {
  const found = item.revisions.find(each => each.revision === revision);
  if (found) return found;
  throw refusal(
    context.switches.prunedRevision,
    `No revision ${revision} of item ${item.itemId} could be found`,
  );
}
