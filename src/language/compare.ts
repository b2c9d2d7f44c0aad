/** How conditions and templates compare: by field type. docs/conditions.md has the table, and a test ties the two. */
import { isDeepStrictEqual } from 'node:util';
import type { FieldValueJson } from '../core/podio.ts';
import type { FieldValue } from '../core/rule.ts';
import { DURATION, parseDuration } from '../core/units.ts';
import { isRecord, showValues, testValues, toNumber } from '../core/values.ts';
import {
  compareMoments,
  fieldMoment,
  isRelative,
  looksLikeDate,
  type Moment,
  type Now,
  plainMoment,
  writtenMoment,
} from './moment.ts';

/** Marks a value that carries its field's type. */
export const TYPED: unique symbol = Symbol('typed');

export interface Typed {
  readonly [TYPED]: true;
  readonly type: string;
  readonly values: readonly FieldValueJson[];
  readonly config: Readonly<Record<string, unknown>> | undefined;
}

export const isTyped = (value: unknown): value is Typed =>
  typeof value === 'object' && value !== null && TYPED in value;

/** How values of a field type are told apart. */
export type Family = 'number' | 'money' | 'date' | 'choice' | 'text';

export const FAMILIES: Readonly<Record<string, Family>> = {
  number: 'number',
  progress: 'number',
  duration: 'number',
  money: 'money',
  date: 'date',
  category: 'choice',
  question: 'choice',
  state: 'choice',
};

const NO_ZONE: Now = { ms: Number.NaN, zone: 'UTC' };

function familyOf({ type, config, values }: Typed): Family {
  if (type !== 'calculation') return FAMILIES[type] ?? 'text';
  const settings = config?.settings;
  const returns = isRecord(settings) ? settings.return_type : undefined;
  if (returns === 'number' || returns === 'date' || returns === 'text') return returns;
  const [value] = values;
  if (typeof value?.start === 'string' || typeof value?.start_date === 'string') return 'date';
  // Podio writes calculated numbers with four decimals; `007` and `2024` are texts.
  return typeof value?.value === 'number' || /^-?\d+\.\d{4}$/.test(String(value?.value)) ? 'number' : 'text';
}

// ------------------------------------------------------------------------------------------------ empty, equal

export function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  if (isTyped(value)) return showValues(value.type, value.values, { config: value.config }) === '';
  if (Array.isArray(value)) return value.every(isEmpty);
  return typeof value === 'object' && !(value instanceof Date) && Object.keys(value).length === 0;
}

/** Whether `left` is `right`; of several values on either side any one will do. */
export function equal(left: unknown, right: unknown, now: Now = NO_ZONE): boolean {
  if (isEmpty(right)) return isEmpty(left);
  // Empty may be one of several that are wanted.
  if (Array.isArray(right)) return right.some(one => equal(left, one, now));
  if (isEmpty(left)) return false;
  if (isTyped(right)) return eachOf(right).some(one => equalToOne(left, one, now));
  return equalToOne(left, right, now);
}

function equalToOne(left: unknown, right: unknown, now: Now): boolean {
  if (Array.isArray(left)) return left.some(one => equal(one, right, now));
  if (isTyped(left)) return eachOf(left).some(one => equalTyped(one, right, now));
  if (isTyped(right)) return equalTyped(right, left, now);
  return equalPlain(left, right, now);
}

function equalTyped(left: Typed, right: unknown, now: Now): boolean {
  const family = familyOf(left);
  if (family === 'date') {
    const moments = bothMoments(left, right, now);
    return moments !== undefined && compareMoments(...moments) === 0;
  }
  const text = showValues(left.type, left.values, { config: left.config });
  if (family === 'number' || family === 'money') {
    const [a, b] = [amountOf(left), amountOf(right, left.type)];
    if (a !== undefined && b !== undefined) return near(a.amount, b.amount) && sameCurrency(a, b);
    return typeof right === 'string' && sameText(text, right);
  }
  // Ids of options differ from app to app, so two fields of options meet by their texts.
  return wantedOf(right).some(one => testValues(left.type, left.values, [one], { config: left.config }));
}

function equalPlain(left: unknown, right: unknown, now: Now): boolean {
  if (typeof left === 'number' && typeof right === 'number') return near(left, right);
  if (isScalar(left) && isScalar(right) && sameText(String(left), String(right))) return true;
  const moments = bothMoments(left, right, now);
  if (moments !== undefined) return compareMoments(...moments) === 0;
  return isDeepStrictEqual(left, right);
}

/** What {@link testValues} takes, made of any operand. */
function wantedOf(right: unknown): readonly FieldValue[] {
  if (!isTyped(right)) {
    if (right instanceof Date) return [right.toISOString()];
    if (isScalar(right)) return [right];
    return isRecord(right) && isScalar(right.value) && typeof right.value !== 'boolean'
      ? [right as { value: string | number; currency?: string }]
      : [];
  }
  const text = showValues(right.type, right.values, { config: right.config });
  const held = right.values[0]?.value;
  const id =
    right.type === 'app' && isRecord(held)
      ? held.item_id
      : (right.type === 'contact' || right.type === 'member') && isRecord(held)
        ? (held.profile_id ?? held.user_id)
        : undefined;
  return typeof id === 'number' ? [id] : [text];
}

// ------------------------------------------------------------------------------------------------ order

/** Negative, 0 or positive for each value of `left` that has an order with `right`. */
function orders(left: unknown, right: unknown, now: Now = NO_ZONE): readonly number[] {
  if (Array.isArray(left)) return left.flatMap(one => orders(one, right, now));
  if (isTyped(left) && left.values.length > 1) return eachOf(left).flatMap(one => orders(one, right, now));
  const one = orderOfOne(left, right, now);
  return one === undefined ? [] : [one];
}

/** Of the first value. Undefined: the two have no order. */
export const order = (left: unknown, right: unknown, now: Now = NO_ZONE): number | undefined =>
  orders(left, right, now)[0];

function orderOfOne(left: unknown, right: unknown, now: Now): number | undefined {
  if (isEmpty(left) || isEmpty(right)) return undefined;
  if (isTyped(left)) {
    const family = familyOf(left);
    if (family === 'text' || family === 'choice') return undefined;
  }
  const [a, b] = [amountOf(left), amountOf(right, isTyped(left) ? left.type : undefined)];
  if (a !== undefined && b !== undefined) {
    if (!sameCurrency(a, b)) return undefined;
    return near(a.amount, b.amount) ? 0 : Math.sign(a.amount - b.amount);
  }
  const moments = bothMoments(left, right, now);
  return moments && compareMoments(...moments);
}

// ------------------------------------------------------------------------------------------------ texts

/** Whether a list has `right`, or a text has it in it, in capitals or not. */
export function contains(left: unknown, right: unknown, now: Now = NO_ZONE): boolean {
  if (isEmpty(left) || isEmpty(right)) return false;
  if (Array.isArray(left)) return left.some(one => equal(one, right, now));
  if (isTyped(left) && familyOf(left) === 'choice') return equal(left, right, now);
  const wanted = lower(textOf(right));
  return textsOf(left).some(text => lower(text).includes(wanted));
}

/** Every text that a value is known by. */
export function textsOf(value: unknown): readonly string[] {
  if (isEmpty(value)) return [];
  if (Array.isArray(value)) return value.flatMap(textsOf);
  if (!isTyped(value)) return [textOf(value)];
  return eachOf(value).flatMap(one => {
    const shown = showValues(one.type, one.values, { config: one.config });
    const held = one.values[0]?.value;
    const mails = (one.type === 'contact' || one.type === 'member') && isRecord(held) ? held.mail : undefined;
    return [shown, ...[mails ?? []].flat().map(String)];
  });
}

/** A value in words, for people. */
export function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (isTyped(value)) return showValues(value.type, value.values, { config: value.config });
  if (value instanceof Date) return Number.isFinite(value.getTime()) ? value.toISOString() : '';
  if (Array.isArray(value)) return value.map(textOf).join(', ');
  if (typeof value !== 'object') return String(value);
  // Liquid's `nil`, `empty` and `blank` are objects that stand for something.
  const meant: unknown = typeof value.valueOf === 'function' ? value.valueOf() : value;
  return meant === value ? JSON.stringify(value) : textOf(meant);
}

const lower = (text: string): string => squeeze(text).toLowerCase();
const squeeze = (text: string): string => text.replace(/\s+/g, ' ').trim();
const sameText = (a: string, b: string): boolean => squeeze(a) === squeeze(b);

// ------------------------------------------------------------------------------------------------ numbers, dates

interface Amount {
  readonly amount: number;
  readonly currency: string | undefined;
}

/** Of a number, a numeric text, `{ value, currency }` or a field of numbers. */
function amountOf(value: unknown, besides?: string): Amount | undefined {
  if (isTyped(value)) {
    const family = familyOf(value);
    const [first] = value.values;
    const amount = family === 'number' || family === 'money' ? toNumber(first?.value) : undefined;
    if (amount === undefined) return undefined;
    return { amount, currency: family === 'money' ? currencyOf(first?.currency) : undefined };
  }
  if (isRecord(value)) {
    const amount = toNumber(value.value);
    return amount === undefined ? undefined : { amount, currency: currencyOf(value.currency) };
  }
  if (besides === 'duration' && typeof value === 'string' && DURATION.test(value)) {
    return { amount: parseDuration(value) / 1000, currency: undefined };
  }
  const amount = toNumber(value);
  return amount === undefined ? undefined : { amount, currency: undefined };
}

const currencyOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value.toUpperCase() : undefined;

/** Only two that both say theirs can differ. */
const sameCurrency = (a: Amount, b: Amount): boolean =>
  a.currency === undefined || b.currency === undefined || a.currency === b.currency;

/** Podio keeps four decimals; what a template works out may be off by the rounding of binary fractions. */
const near = (a: number, b: number): boolean =>
  a === b || Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));

/** Both sides as moments, where one is a date and the other can be one. */
function bothMoments(left: unknown, right: unknown, now: Now): readonly [Moment, Moment] | undefined {
  const a = momentOf(left, now, false);
  const b = a && momentOf(right, now, true);
  return a && b && [a, b];
}

function momentOf(value: unknown, now: Now, isWritten: boolean): Moment | undefined {
  if (isTyped(value)) {
    const [first] = value.values;
    return familyOf(value) === 'date' && first ? fieldMoment(first, 'start') : undefined;
  }
  if (isWritten && typeof value === 'string') {
    const text = value.trim();
    if (isRelative(text) && Number.isNaN(now.ms)) return undefined;
    return isRelative(text) || looksLikeDate(text) ? writtenMoment(text, now) : undefined;
  }
  return plainMoment(value, now.zone);
}

type Scalar = string | number | boolean;
const isScalar = (value: unknown): value is Scalar =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

function eachOf(value: Typed): readonly Typed[] {
  if (value.values.length <= 1) return [value];
  const { type, config } = value;
  return value.values.map(one => ({ [TYPED]: true, type, values: [one], config }));
}
