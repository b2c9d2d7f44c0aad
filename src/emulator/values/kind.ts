import { invalid } from '../api-error.ts';
import type { Field, FieldType } from '../model.ts';

/** A field's values as the world keeps them. The type stays with them: a field may get another one later. */
export interface StoredField {
  readonly type: FieldType;
  readonly values: readonly unknown[];
}

export type JsonObject = Record<string, unknown>;

/** What values need of the world around them. */
export interface Lookup {
  /** Of local times in date fields. */
  readonly zone: string;
  /** People in the world may name things by their text; the API wants ids. */
  readonly lenient: boolean;
  /** The item as it is embedded in app reference fields; undefined when there is none. */
  item(itemId: number): JsonObject | undefined;
  contact(profileId: number): JsonObject | undefined;
  /** The profile of this mail address or name, made when there is none. */
  contactNamed(text: string): number;
  profileOfUser(userId: number): number | undefined;
  user(userId: number): JsonObject | undefined;
  file(fileId: number): JsonObject | undefined;
  embed(embedId: number): JsonObject | undefined;
  embedOf(url: string): number;
}

/** One type of field. `S` is one value as stored. */
export interface Kind<S> {
  /** Takes one value at most. */
  readonly single: boolean;
  /** How filters compare: a range of numbers or of times (UTC ms), a list of ids, or text. */
  readonly compares: 'number' | 'time' | 'id' | 'text';
  /** One written value. Throws an ApiError when it is none. */
  parse(input: unknown, field: Field, look: Lookup): S;
  /** One element of `values` as read. */
  render(stored: S, field: Field, look: Lookup): JsonObject;
  /** What filters and sorting compare by. */
  key(stored: S, field: Field, look: Lookup): number | string;
  /** What a person would read. */
  plain(stored: S, field: Field, look: Lookup): string | number;
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `{"value": x}` and x mean the same on write. */
export const unwrap = (input: unknown): unknown =>
  isObject(input) && Object.hasOwn(input, 'value') ? input.value : input;

const show = (input: unknown): string => JSON.stringify(input) ?? String(input);

export const badValue = (field: Field, input: unknown, wanted: string): Error =>
  invalid(`Invalid value ${show(input)} for field "${field.externalId}" (${field.type}): must be ${wanted}`);

/** An id: a JSON integer, bare or under one of these names. */
export function parseId(input: unknown, names: readonly string[], field: Field): number {
  let id = unwrap(input);
  if (isObject(id)) {
    const parts = id;
    id = names.map(name => parts[name]).find(part => part !== undefined);
  }
  if (typeof id !== 'number' || !Number.isSafeInteger(id))
    throw badValue(field, input, `an integer or an object with ${names.join(' or ')}`);
  return id;
}

export function parseText(input: unknown, field: Field): string {
  const text = unwrap(input);
  if (typeof text !== 'string') throw badValue(field, input, 'string');
  return text;
}
