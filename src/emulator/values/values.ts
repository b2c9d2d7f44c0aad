/** All field types in one table, and what the rest of the emulator does with values without knowing their type. */
import { invalid } from '../api-error.ts';
import type { App, Field, FieldType, Values } from '../model.ts';
import { date } from './date.ts';
import { isObject, type JsonObject, type Kind, type Lookup, type StoredField } from './kind.ts';
import { app, category, contact, embed, file, member, video } from './references.ts';
import { duration, email, location, money, number, phone, progress, tag, tel, text } from './scalars.ts';

const CALCULATED: Readonly<Record<string, Kind<unknown>>> = { text, number, date };

/** Shaped like the type that its script returns. */
const calculated = (field: Field): Kind<unknown> =>
  CALCULATED[String(field.settings.return_type ?? 'number')] ?? text;

const calculation: Kind<unknown> = {
  single: true,
  compares: 'number',
  parse: (input, field, look) => calculated(field).parse(input, field, look),
  render: (stored, field, look) => calculated(field).render(stored, field, look),
  key: (stored, field, look) => calculated(field).key(stored, field, look),
  plain: (stored, field, look) => calculated(field).plain(stored, field, look),
};

const KINDS: Readonly<Record<FieldType, Kind<unknown>>> = {
  text,
  number,
  money,
  progress,
  duration,
  category,
  question: category,
  state: text,
  date,
  app,
  contact,
  member,
  image: file,
  file,
  embed,
  location,
  calculation,
  phone,
  email,
  tel,
  tag,
  video,
};

export const compares = (field: Field): Kind<unknown>['compares'] =>
  (field.type === 'calculation' ? calculated(field) : KINDS[field.type]).compares;

export const findField = (of: App, key: string | number): Field | undefined =>
  of.fields.find(
    field =>
      field.status === 'active' &&
      (field.externalId === String(key) || String(field.fieldId) === String(key)),
  );

const mayHaveMany = (field: Field): boolean =>
  field.type === 'category' ? field.settings.multiple === true : !KINDS[field.type].single;

/** What was written for one field; undefined clears it. */
function parseField(field: Field, written: unknown, look: Lookup): StoredField | undefined {
  if (field.type === 'calculation' && !look.lenient)
    throw invalid(`The field "${field.externalId}" is a calculation and can't be written`);
  const inputs = (Array.isArray(written) ? written : [written]).filter(
    input => input !== null && input !== undefined && input !== '',
  );
  if (inputs.length === 0) return undefined;
  if (inputs.length > 1 && !mayHaveMany(field))
    throw invalid(`The field "${field.externalId}" takes one value, got ${inputs.length}`);
  const kind = KINDS[field.type];
  return { type: field.type, values: inputs.map(input => kind.parse(input, field, look)) };
}

/** `fields` of a write: a map by external id or field id, or a list of `{external_id or field_id, values}`. */
export function parseFields(of: App, fields: unknown, look: Lookup): Map<number, StoredField | undefined> {
  const entries: (readonly [key: string, written: unknown])[] = [];
  if (Array.isArray(fields)) {
    for (const entry of fields) {
      if (!isObject(entry)) throw invalid('Invalid value in "fields": must be object');
      entries.push([String(entry.external_id ?? entry.field_id), entry.values ?? entry.value]);
    }
  } else if (isObject(fields)) {
    entries.push(...Object.entries(fields));
  } else if (fields !== undefined) {
    throw invalid('Invalid value for "fields": must be object');
  }
  const parsed = new Map<number, StoredField | undefined>();
  for (const [key, written] of entries) {
    const field = findField(of, key);
    if (!field) throw invalid(`The app has no field "${key}"`);
    parsed.set(field.fieldId, parseField(field, written, look));
  }
  return parsed;
}

/** Values of a type that the field no longer has are hidden; the field as it was can't be told any more. */
const isReadable = (field: Field, stored: StoredField | undefined): stored is StoredField =>
  stored !== undefined && stored.type === field.type;

export const renderValues = (field: Field, stored: StoredField | undefined, look: Lookup): JsonObject[] =>
  isReadable(field, stored) ? stored.values.map(value => KINDS[field.type].render(value, field, look)) : [];

export const keysOf = (field: Field, stored: StoredField | undefined, look: Lookup): (number | string)[] =>
  isReadable(field, stored) ? stored.values.map(value => KINDS[field.type].key(value, field, look)) : [];

/** The first value as a person would read it, null for none. */
export function plainValue(
  field: Field,
  stored: StoredField | undefined,
  look: Lookup,
): string | number | null {
  const [value] = isReadable(field, stored) ? stored.values : [];
  return value === undefined ? null : KINDS[field.type].plain(value, field, look);
}

const isSame = (one: StoredField | undefined, other: StoredField | undefined): boolean =>
  one === other || JSON.stringify(one?.values ?? []) === JSON.stringify(other?.values ?? []);

export const changedFields = (from: Values, to: Values): number[] =>
  [...new Set([...from.keys(), ...to.keys()])].filter(id => !isSame(from.get(id), to.get(id)));
