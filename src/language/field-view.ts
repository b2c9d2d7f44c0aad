import { partFault, type TypedField } from '../core/field-parts.ts';
import type { FieldValueJson } from '../core/podio.ts';
import { isRecord, showValues, toNumber } from '../core/values.ts';
import { equal, order, TYPED, type Typed } from './compare.ts';

type Config = Readonly<Record<string, unknown>>;

/** How a field's value stands in plain JSON: in `data`, and so on disk. */
export interface FieldJson {
  readonly podioField: string;
  readonly values: readonly FieldValueJson[];
  readonly config?: Config;
}

/** Types whose values are numbers, alone or beside a currency. */
const NUMBERS = new Set(['number', 'money', 'progress', 'duration']);
/** Keys under which a type's values have their id. */
const IDS = ['profile_id', 'item_id', 'file_id', 'embed_id', 'id', 'user_id'];

/**
 * A field's value as templates and conditions see it: text as Podio shows it, compared by its type, with parts such as
 * `mail` or `currency`. Of several values a part is the list of theirs.
 */
export class FieldView implements Typed {
  readonly [TYPED] = true;
  readonly type: string;
  readonly values: readonly FieldValueJson[];
  readonly config: Config | undefined;

  constructor(type: string, values: readonly FieldValueJson[], config?: Config) {
    this.type = type;
    this.values = values;
    this.config = config;
  }

  /** As Podio's UI would show it; '' when empty. */
  toString(): string {
    return showValues(this.type, this.values, { config: this.config });
  }

  /** For Liquid's arithmetic. */
  valueOf(): number | string {
    return this.number ?? this.toString();
  }

  get number(): number | undefined {
    return this.#isNumber ? toNumber(this.values[0]?.value) : undefined;
  }

  /** What it is in JSON: a number, `{ value, currency }`, else text; of several values a list. */
  toJSON(): unknown {
    const all = this.each().map(one => one.#natural());
    return all.length > 1 ? all : (all[0] ?? '');
  }

  /** One for each value. */
  each(): FieldView[] {
    return this.values.length === 1
      ? [this]
      : this.values.map(value => new FieldView(this.type, [value], this.config));
  }

  [Symbol.iterator](): Iterator<FieldView> {
    return this.each()[Symbol.iterator]();
  }

  get kind(): TypedField {
    const settings = this.config?.settings;
    const returnType = isRecord(settings) ? settings.return_type : undefined;
    return { type: this.type, ...(typeof returnType === 'string' && { returnType }) };
  }

  /** A part of the value by name; undefined where it has none such. */
  part(name: string): unknown {
    const parts = this.parts();
    return Object.hasOwn(parts, name) ? parts[name] : undefined;
  }

  parts(): Readonly<Record<string, unknown>> {
    const [first] = this.values;
    if (this.values.length === 1 && first) return this.#partsOf(first);
    const each = this.each();
    const all: Record<string, unknown[]> = Object.create(null);
    for (const one of each) {
      for (const [key, value] of Object.entries(one.parts())) {
        if (value === undefined || key === 'values') continue;
        all[key] ??= [];
        all[key].push(value);
      }
    }
    return { ...all, values: each, first: each[0], last: each.at(-1), size: each.length };
  }

  // What Liquid takes something by that can be compared.
  equals(other: unknown): boolean {
    return equal(this, other);
  }
  gt(other: unknown): boolean {
    return (order(this, other) ?? 0) > 0;
  }
  geq(other: unknown): boolean {
    return (order(this, other) ?? -1) >= 0;
  }
  lt(other: unknown): boolean {
    return (order(this, other) ?? 0) < 0;
  }
  leq(other: unknown): boolean {
    return (order(this, other) ?? 1) <= 0;
  }
  /** For Liquid's `contains`. */
  indexOf(text: unknown): number {
    return this.toString().indexOf(String(text));
  }
  /** What Liquid reads `fields.NAME.part` from. */
  toLiquid(): Readonly<Record<string, unknown>> {
    return { ...this.each(), ...this.parts() };
  }

  get #isNumber(): boolean {
    if (NUMBERS.has(this.type)) return true;
    if (this.type !== 'calculation' || this.values.length === 0) return false;
    const settings = this.config?.settings;
    const returns = isRecord(settings) ? settings.return_type : undefined;
    return returns === undefined ? typeof this.values[0]?.value === 'number' : returns === 'number';
  }

  /** One side of a date, a date itself: Podio's text says no zone, and what else it has tells which moment that is. */
  #sideOf(value: FieldValueJson, side: 'start' | 'end'): FieldView {
    const keys = Object.entries(value).filter(([key]) => key === side || key.startsWith(`${side}_`));
    const moved = keys.map(([key, part]) => [key.replace(side, 'start'), part]);
    return new FieldView(this.type, [Object.fromEntries(moved)], this.config);
  }

  #natural(): unknown {
    const { number } = this;
    if (number === undefined) return this.toString();
    const currency = this.values[0]?.currency;
    return this.type === 'money' && typeof currency === 'string' ? { value: number, currency } : number;
  }

  #partsOf(value: FieldValueJson): Readonly<Record<string, unknown>> {
    const held: Readonly<Record<string, unknown>> = isRecord(value.value)
      ? value.value
      : isRecord(value.embed)
        ? value.embed
        : value;
    const parts: Record<string, unknown> = Object.create(null);
    for (const [key, part] of Object.entries(held)) parts[key] = firstOf(part);
    const { number } = this;
    const shown = this.toString();
    if (number !== undefined) {
      parts.value = number;
      parts.amount ??= number;
    }
    for (const side of ['start', 'end'] as const)
      if (typeof parts[side] === 'string') parts[side] = this.#sideOf(value, side);
    parts.html = this.type === 'text' ? held.value : undefined;
    parts.url ??= parts.original_url;
    parts.id = IDS.map(key => parts[key]).find(id => id !== undefined && id !== null) ?? idOf(value.value);
    parts.text = this.type === 'category' ? (parts.text ?? shown) : shown;
    return { size: 1, ...parts, values: [this], first: this, last: this };
  }
}

/** A contact has lists of mail addresses and phone numbers: the first is the one that is meant. */
const firstOf = (part: unknown): unknown => (Array.isArray(part) && !isRecord(part[0]) ? part[0] : part);

const idOf = (value: unknown): unknown => (typeof value === 'number' ? value : undefined);

/** Undefined for a field without a value. */
export const fieldView = (
  type: string,
  values: readonly FieldValueJson[],
  config?: Config,
): FieldView | undefined => {
  const view = new FieldView(type, values, config);
  return view.toString() === '' ? undefined : view;
};

/**
 * A path that leads to a field and asks it for what values of its type do not have, up to that; undefined for every other one. On the
 * way through a list the first element stands for all.
 */
export function lackingPart(values: unknown, path: readonly unknown[]): string | undefined {
  let value = values;
  for (let at = 0; at < path.length; at++) {
    if (value instanceof FieldView) {
      const fault = partFault(value.kind, path.slice(at));
      // Podio may tell more than is known of.
      if (fault === undefined || value.part(fault.part) !== undefined) return undefined;
      return path.slice(0, at + fault.at + 1).join('.');
    }
    const step = String(path[at]);
    if (Array.isArray(value)) {
      const isIndex = /^\d+$/.test(step);
      const element: unknown = step === 'last' ? value.at(-1) : value[isIndex ? Number(step) : 0];
      value = element;
      // Looked through: the step is one of the element.
      if (!isIndex && step !== 'first' && step !== 'last') at--;
      if (Array.isArray(value)) return undefined;
    } else {
      if (!isRecord(value) || !Object.hasOwn(value, step)) return undefined;
      value = value[step];
    }
  }
  return undefined;
}

const isFieldJson = (value: object): value is FieldJson =>
  'podioField' in value &&
  typeof value.podioField === 'string' &&
  'values' in value &&
  Array.isArray(value.values);

/** Plain JSON with its fields made views again. Copies only what holds one. */
export function reviveFields(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof FieldView) return value;
  if (Array.isArray(value)) {
    let copy: unknown[] | undefined;
    for (const [index, one] of value.entries()) {
      const revived = reviveFields(one);
      if (revived !== one) copy = (copy ?? [...value]).with(index, revived);
    }
    return copy ?? value;
  }
  if (isFieldJson(value)) return new FieldView(value.podioField, value.values, value.config);
  let copy: Record<string, unknown> | undefined;
  for (const [key, one] of Object.entries(value)) {
    const revived = reviveFields(one);
    if (revived === one) continue;
    copy ??= { ...value };
    copy[key] = revived;
  }
  return copy ?? value;
}
