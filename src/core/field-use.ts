/** Where rules name fields, and what of it is no longer so once an app's definition has changed. */
import { type CatalogApp, type CatalogField, catalogField, isThere } from './catalog.ts';

/** One place in the config where a rule names a field. */
export interface FieldUse {
  readonly rule: string;
  /** The app's name in the config. */
  readonly app: string;
  /** External id, or field id in digits: an alias is resolved. */
  readonly field: string;
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** What it is compared with there: texts, or (numbers) ids of options. */
  readonly values: readonly (string | number)[];
}

/** The apps whose definition matters to rules, by name, in the order in which the rules name them. */
export const appsInUse = (uses: readonly FieldUse[]): readonly string[] => [
  ...new Set(uses.map(({ app }) => app)),
];

/** What a rule has to be told of a field that it names. */
export interface FieldNews {
  readonly rule: string;
  readonly app: string;
  readonly field: string;
  readonly file: string;
  readonly line: number;
  /** Follows the field's name: `status` **was deleted**. */
  readonly change: string;
}

/** What is told of apps' definitions in `status`. */
export interface DefinitionStatus {
  /** What rules name and is no longer as it was when the catalog was pulled, or when the daemon started. */
  readonly news: readonly (FieldNews & { readonly since: string })[];
  /** Apps that have changed and could not be read again yet. */
  readonly unread: readonly { readonly app: string; readonly error: string }[];
}

/**
 * What has happened to the fields that rules name in this app. Without `before` only what is not there can be told.
 */
export function newsOf(
  uses: readonly FieldUse[],
  before: CatalogApp | undefined,
  now: CatalogApp,
): readonly FieldNews[] {
  return uses.flatMap(use => {
    const was = before && catalogField(before, use.field);
    const is = catalogField(now, use.field);
    const { rule, app, field, file, line } = use;
    return changesOf(was, is, now, use.values).map(change => ({ rule, app, field, file, line, change }));
  });
}

function changesOf(
  was: CatalogField | undefined,
  is: CatalogField | undefined,
  now: CatalogApp,
  values: FieldUse['values'],
): readonly string[] {
  if (!is) {
    const moved = was && now.fields.find(field => isThere(field) && field.id === was.id);
    if (moved) return [`has the external id ${moved.externalId} now`];
    return [was ? 'was deleted' : 'is no field of the app'];
  }
  if (!was) return [];
  const changes: string[] = [];
  if (was.id !== is.id) changes.push('is another field by now, of the same external id');
  if (was.label !== is.label) changes.push(`is called ${quote(is.label)} now, it was ${quote(was.label)}`);
  if (was.type !== is.type) return [...changes, `is of type ${is.type} now, it was ${was.type}`];
  return [...changes, ...optionsLost(was, is, values)];
}

/** Options that are waited for and that nobody can choose any more, under this name. */
function optionsLost(was: CatalogField, is: CatalogField, values: FieldUse['values']): readonly string[] {
  return values.flatMap(value => {
    const fits = ({ id, text }: { id: number; text: string }) =>
      typeof value === 'number' ? id === value : text === value;
    const old = was.options?.find(option => !option.deleted && fits(option));
    if (!old || !is.options || is.options.some(option => !option.deleted && fits(option))) return [];
    const renamed = is.options.find(option => !option.deleted && option.id === old.id);
    return [
      renamed
        ? `calls its option ${quote(old.text)} ${quote(renamed.text)} now`
        : `has no option ${quote(old.text)} any more`,
    ];
  });
}

const quote = (text: string): string => JSON.stringify(text);
