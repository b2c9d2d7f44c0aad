/** What has changed between two readings of the same apps. */
import { type Catalog, type CatalogApp, type CatalogField, isThere } from './catalog.ts';

export type CatalogFieldChange =
  | { readonly kind: 'field-added' | 'field-deleted'; readonly field: CatalogField }
  | {
      /** Label, external id or type: `was` is what it was. */
      readonly kind: 'field-renamed' | 'field-reidentified' | 'field-retyped';
      readonly field: CatalogField;
      readonly was: string;
    }
  | {
      readonly kind: 'option-added' | 'option-deleted';
      readonly field: CatalogField;
      readonly option: { readonly id: number; readonly text: string };
    }
  | {
      readonly kind: 'option-renamed';
      readonly field: CatalogField;
      readonly option: { readonly id: number; readonly text: string };
      readonly was: string;
    }
  | { readonly kind: 'field-settings'; readonly field: CatalogField; readonly settings: readonly string[] };

export type AppChange =
  | { readonly kind: 'app-added' | 'app-removed' }
  /** The name as people see it, or what one item is called. */
  | { readonly kind: 'app-renamed'; readonly was: string }
  | CatalogFieldChange;

export interface CatalogChange {
  /** The app's name in the config. */
  readonly app: string;
  readonly appId: number;
  readonly change: AppChange;
}

/** By app in the order of `after`, those that left last. The same app under another name is the same app. */
export function diffCatalogs(before: Catalog, after: Catalog): readonly CatalogChange[] {
  const changes: CatalogChange[] = [];
  const beforeById = new Map(Array.from(before.apps.values(), app => [app.id, app]));
  for (const [name, app] of after.apps) {
    const old = beforeById.get(app.id);
    const found: readonly AppChange[] = old ? diffApps(old, app) : [{ kind: 'app-added' }];
    changes.push(...found.map(change => ({ app: name, appId: app.id, change })));
  }
  const left = new Set(Array.from(after.apps.values(), ({ id }) => id));
  for (const [name, { id }] of before.apps) {
    if (!left.has(id)) changes.push({ app: name, appId: id, change: { kind: 'app-removed' } });
  }
  return changes;
}

/** Fields are the same by their id: names are for people to change. */
export function diffApps(before: CatalogApp, after: CatalogApp): readonly AppChange[] {
  const changes: AppChange[] = [];
  if (before.name !== after.name) changes.push({ kind: 'app-renamed', was: before.name });
  else if (before.itemName !== after.itemName) changes.push({ kind: 'app-renamed', was: before.itemName });
  const old = new Map(before.fields.filter(isThere).map(field => [field.id, field]));
  for (const field of after.fields.filter(isThere)) {
    const was = old.get(field.id);
    old.delete(field.id);
    if (was) changes.push(...diffFields(was, field));
    else changes.push({ kind: 'field-added', field });
  }
  for (const field of old.values()) changes.push({ kind: 'field-deleted', field });
  return changes;
}

function* diffFields(before: CatalogField, after: CatalogField): Iterable<CatalogFieldChange> {
  const field = after;
  if (before.externalId !== after.externalId)
    yield { kind: 'field-reidentified', field, was: before.externalId };
  if (before.label !== after.label) yield { kind: 'field-renamed', field, was: before.label };
  if (before.type !== after.type) {
    // Its settings are others by nature.
    yield { kind: 'field-retyped', field, was: before.type };
    return;
  }
  yield* diffOptions(before, after);
  const compared = ['id', 'externalId', 'label', 'type', 'options'];
  const keys = new Set(
    [...Object.keys(before), ...Object.keys(after)].filter(key => !compared.includes(key)),
  );
  const valueIn = (one: CatalogField, key: string) => JSON.stringify(one[key as keyof CatalogField]);
  const settings = [...keys].filter(key => valueIn(before, key) !== valueIn(after, key)).sort();
  if (settings.length > 0) yield { kind: 'field-settings', field, settings };
}

function* diffOptions(before: CatalogField, after: CatalogField): Iterable<CatalogFieldChange> {
  const field = after;
  const old = new Map(before.options?.map(option => [option.id, option]));
  for (const { id, text, deleted = false } of after.options ?? []) {
    const was = old.get(id);
    old.delete(id);
    const option = { id, text };
    const wasThere = was !== undefined && !was.deleted;
    if (!deleted && !wasThere) yield { kind: 'option-added', field, option };
    else if (deleted && wasThere) yield { kind: 'option-deleted', field, option };
    else if (was && was.text !== text) yield { kind: 'option-renamed', field, option, was: was.text };
  }
  for (const { id, text, deleted } of old.values()) {
    if (!deleted) yield { kind: 'option-deleted', field, option: { id, text } };
  }
}

/** One line for people: what happened to what. */
export function describeChange(change: AppChange): string {
  switch (change.kind) {
    case 'app-added':
      return 'new here';
    case 'app-removed':
      return 'no longer in the config';
    case 'app-renamed':
      return `was called ${change.was}`;
    case 'field-added':
      return `field ${nameOf(change.field)} is new (${change.field.type})`;
    case 'field-deleted':
      return `field ${nameOf(change.field)} was deleted`;
    case 'field-renamed':
      return `field ${nameOf(change.field)} was called ${JSON.stringify(change.was)}`;
    case 'field-reidentified':
      return `field ${nameOf(change.field)} had the external id ${change.was}`;
    case 'field-retyped':
      return `field ${nameOf(change.field)} is now of type ${change.field.type}, it was ${change.was}`;
    case 'option-added':
      return `field ${change.field.externalId}: option ${optionName(change.option)} is new`;
    case 'option-deleted':
      return `field ${change.field.externalId}: option ${optionName(change.option)} was deleted`;
    case 'option-renamed':
      return `field ${change.field.externalId}: option ${optionName(change.option)} was called ${JSON.stringify(change.was)}`;
    case 'field-settings':
      return `field ${change.field.externalId}: ${change.settings.join(', ')} changed`;
  }
}

const nameOf = ({ externalId, label }: CatalogField): string => `${externalId} (${label})`;
const optionName = ({ id, text }: { readonly id: number; readonly text: string }): string =>
  `${JSON.stringify(text)} (${id})`;
