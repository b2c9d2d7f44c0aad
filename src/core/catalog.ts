/**
 * What is known of apps without asking Podio: their fields, with types, options and labels. `podiod pull` reads it into a
 * file beside the config; a running daemon keeps its own up to date.
 */
import type { App, AppField } from './podio.ts';
import { unescapeHtml } from './values.ts';

export interface CatalogOption {
  readonly id: number;
  readonly text: string;
  /** Items may still have it, but nobody can choose it any more. */
  readonly deleted?: true;
}

/** What a field's settings are, as far as they say which values it can have. Left out where Podio did not tell. */
export interface CatalogSettings {
  /** Of category and question. */
  readonly options?: readonly CatalogOption[];
  /** More than one value at a time: of category, app and contact. */
  readonly multiple?: boolean;
  /** Of money. */
  readonly currencies?: readonly string[];
  /** Ids of the apps that an app field refers to. */
  readonly apps?: readonly number[];
  /** Of number and calculation. */
  readonly decimals?: number;
  /** What a calculation results in: text, number or date. */
  readonly returnType?: string;
  /** Of text: plain, html or markdown. */
  readonly format?: string;
  /** Of date: whether there is a time of day, and an end. */
  readonly time?: string;
  readonly end?: string;
}

export interface CatalogField extends CatalogSettings {
  readonly id: number;
  readonly externalId: string;
  /** As people see it. */
  readonly label: string;
  readonly type: string;
  /** `active`, `deleted`, or whatever else Podio says. */
  readonly status: string;
  readonly required?: true;
}

export interface CatalogApp {
  readonly id: number;
  /** As people see it. */
  readonly name: string;
  /** What one item is called. */
  readonly itemName: string;
  /** By external id. */
  readonly fields: readonly CatalogField[];
}

export interface Catalog {
  /** By the name that the config gives them. */
  readonly apps: ReadonlyMap<string, CatalogApp>;
}

/** By id: a name may have been given to another app since. */
export function catalogApp({ apps }: Catalog, appId: number): CatalogApp | undefined {
  for (const app of apps.values()) if (app.id === appId) return app;
  return undefined;
}

/** `written` is an external id or a field id; aliases are resolved before. Deleted fields are not found. */
export function catalogField({ fields }: CatalogApp, written: string): CatalogField | undefined {
  const there = fields.filter(isThere);
  return (
    there.find(({ externalId }) => externalId === written) ?? there.find(({ id }) => String(id) === written)
  );
}

/** Whether an app of the config has a field of that name, or alias. Undefined: nothing is known of the app. */
export function hasField(
  catalog: Catalog | undefined,
  app: { readonly id: number; readonly fields: Readonly<Record<string, string>> },
  written: string,
): boolean | undefined {
  const known = catalog && catalogApp(catalog, app.id);
  return known && catalogField(known, app.fields[written] ?? written) !== undefined;
}

export const isThere = ({ status }: Pick<CatalogField, 'status'>): boolean => status !== 'deleted';

/** Those that can be chosen; undefined where the field has no options, or they are not known. */
export const openOptions = ({ options }: CatalogSettings): readonly CatalogOption[] | undefined =>
  options?.filter(({ deleted }) => !deleted);

/** Of Podio's answer only what stands here is taken: never the app's token. */
export function toCatalogApp(app: App): CatalogApp {
  const name = unescapeHtml(app.config.name);
  const itemName = app.config.item_name;
  return {
    id: app.app_id,
    name,
    itemName: itemName ? unescapeHtml(itemName) : name,
    fields: app.fields.map(toField).sort((a, b) => byText(a.externalId, b.externalId) || a.id - b.id),
  };
}

function toField(field: AppField): CatalogField {
  const { field_id: id, external_id: externalId, type } = field;
  const config = field.config ?? {};
  return {
    id,
    externalId,
    label: unescapeHtml(field.label ?? config.label ?? externalId),
    type,
    status: field.status ?? 'active',
    ...(config.required === true && { required: true }),
    ...settingsOf(type, config.settings ?? {}),
  };
}

function settingsOf(type: string, settings: Readonly<Record<string, unknown>>): CatalogSettings {
  const multiple = typeof settings.multiple === 'boolean' ? { multiple: settings.multiple } : {};
  const text = <K extends string>(from: string, to: K) =>
    typeof settings[from] === 'string' ? ({ [to]: settings[from] } as Record<K, string>) : {};
  const decimals = Number.isSafeInteger(settings.decimals) ? { decimals: settings.decimals as number } : {};
  switch (type) {
    case 'category':
    case 'question':
      return {
        ...multiple,
        ...(Array.isArray(settings.options) && { options: optionsOf(settings.options) }),
      };
    case 'money':
      return Array.isArray(settings.allowed_currencies)
        ? { currencies: settings.allowed_currencies.filter(isText).sort(byText) }
        : {};
    case 'app':
      return {
        ...multiple,
        ...(Array.isArray(settings.referenced_apps) && { apps: referencedApps(settings.referenced_apps) }),
      };
    case 'contact':
      return multiple;
    case 'number':
      return decimals;
    case 'calculation':
      return { ...decimals, ...text('return_type', 'returnType') };
    case 'text':
      return text('format', 'format');
    case 'date':
      return { ...text('time', 'time'), ...text('end', 'end') };
    default:
      return {};
  }
}

/** As Podio tells it, as far as the catalog does: for whoever reads fields as Podio's. */
export function toAppField(field: CatalogField): AppField {
  const { id, externalId, label, type, status, required } = field;
  const settings = {
    ...(field.options && {
      options: field.options.map(({ id, text, deleted }) => ({
        ...{ id, text },
        status: deleted ? 'deleted' : 'active',
      })),
    }),
    ...(field.multiple !== undefined && { multiple: field.multiple }),
    ...(field.currencies && { allowed_currencies: field.currencies }),
    ...(field.apps && { referenced_apps: field.apps.map(app => ({ app_id: app })) }),
    ...(field.decimals !== undefined && { decimals: field.decimals }),
    ...(field.returnType !== undefined && { return_type: field.returnType }),
    ...(field.format !== undefined && { format: field.format }),
    ...(field.time !== undefined && { time: field.time }),
    ...(field.end !== undefined && { end: field.end }),
  };
  return {
    ...{ field_id: id, external_id: externalId, type, label, status },
    config: { label, settings, ...(required && { required }) },
  };
}

const optionsOf = (options: readonly unknown[]): readonly CatalogOption[] =>
  options
    .filter(isRecord)
    .flatMap(({ id, text, status }): CatalogOption[] =>
      isInteger(id) && isText(text)
        ? [{ id, text: unescapeHtml(text), ...(status === 'deleted' && { deleted: true }) }]
        : [],
    )
    .sort((a, b) => a.id - b.id);

/** Seen as a list of objects; an older form of plain ids is taken as well. */
const referencedApps = (apps: readonly unknown[]): readonly number[] =>
  apps
    .map(app => (isRecord(app) ? app.app_id : app))
    .filter(isInteger)
    .sort((a, b) => a - b);

const isInteger = (value: unknown): value is number => Number.isSafeInteger(value);
const isText = (value: unknown): value is string => typeof value === 'string';
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** By code unit: the same on every machine. */
const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
