/** The part of a condition that Podio's filter can answer (reference 8.3). Every item is looked at again here. */
import type { CertainTest } from '../core/condition.ts';
import type { AppField } from '../core/podio.ts';
import { FieldView } from './field-view.ts';
import { momentOf } from './moment-of.ts';

export interface FilterClock {
  readonly now: number;
  /** IANA name. */
  readonly zone: string;
}

type Id = number | string | null;
interface Range {
  readonly from?: number | string;
  readonly to?: number | string;
}
export type Filter = Range | readonly Id[];

const BUILT_IN: Readonly<Record<string, string>> = {
  id: 'item_id',
  number: 'app_item_id',
  externalId: 'external_id',
  createdOn: 'created_on',
  editedOn: 'last_edit_on',
};
const DAY_MS = 86_400_000;

/** By Podio's name for what is filtered. What can't be asked is left out: then more items come than fit. */
export function filtersFor(
  certain: readonly CertainTest[],
  fieldNamed: (name: string) => AppField | undefined,
  clock: FilterClock,
): Record<string, Filter> {
  const filters: Record<string, Filter> = {};
  for (const { path, operator, value } of certain) {
    const [root, name = '', ...rest] = path;
    if (rest.length > 0) continue;
    const field = root === 'fields' ? fieldNamed(name) : undefined;
    const key = field ? String(field.field_id) : root === 'item' ? BUILT_IN[name] : undefined;
    const filter =
      key && (field ? forField(field, operator, value, clock) : forItem(name, operator, value, clock));
    if (!key || !filter) continue;
    const before = filters[key];
    filters[key] = before === undefined ? filter : both(before, filter);
  }
  return filters;
}

function forItem(name: string, operator: string, value: unknown, clock: FilterClock): Filter | undefined {
  if (name === 'createdOn' || name === 'editedOn') return days(operator, value, clock);
  if (operator !== 'eq' && operator !== 'in') return undefined;
  const ids = [value].flat().map(one => (name === 'externalId' ? textOf(one) : numberOf(one)));
  return ids.every(id => id !== undefined) ? ids : undefined;
}

function forField(field: AppField, operator: string, value: unknown, clock: FilterClock): Filter | undefined {
  switch (field.type) {
    case 'category':
    case 'question':
      return choices(field, operator, value);
    case 'app':
      if (operator === 'exists') return value === false ? [null] : undefined;
      return ids(operator, value);
    case 'number':
    case 'progress':
    case 'duration':
    case 'money':
      return numbers(operator, value);
    case 'date':
      return days(operator, value, clock);
    default:
      return undefined;
  }
}

const isOneOf = (operator: string): boolean => operator === 'eq' || operator === 'in';

function ids(operator: string, value: unknown): readonly number[] | undefined {
  if (!isOneOf(operator)) return undefined;
  const found = [value]
    .flat()
    .flatMap(one => (one instanceof FieldView ? one.each().map(each => each.part('id')) : [one]));
  // A text may be a title, also one of digits.
  return found.every(one => typeof one === 'number') ? found : undefined;
}

const squeezed = (text: string): string => text.replace(/\s+/g, ' ').trim().toLowerCase();

/** By text, or by an option's id where it is a number. */
function choices({ config }: AppField, operator: string, value: unknown): readonly Id[] | undefined {
  if (operator === 'exists') return value === false ? [null] : undefined;
  if (!isOneOf(operator)) return undefined;
  const options: unknown = config.settings?.options;
  const known = (Array.isArray(options) ? options : []) as readonly {
    readonly id?: unknown;
    readonly text?: unknown;
  }[];
  const wanted = [value].flat().map(one =>
    // A deleted option may have the same text, and items may still have it.
    known
      .filter(({ id, text }) =>
        typeof one === 'number' ? id === one : squeezed(String(text)) === squeezed(textOf(one) ?? ''),
      )
      .flatMap(({ id }) => (typeof id === 'number' ? [id] : [])),
  );
  // An option that is not there, or none at all: what then fits is not Podio's to say.
  return wanted.length > 0 && wanted.every(ids => ids.length > 0) ? wanted.flat() : undefined;
}

/** Whether Podio counts bounds in is not known, so one more on either side is asked for. */
function numbers(operator: string, value: unknown): Range | undefined {
  const number = numberOf(value);
  if (number === undefined) return undefined;
  const room = Math.max(1, Math.abs(number) * 1e-9);
  return range(operator, number - room, number + room);
}

/** Zones move a day by one to either side, and a bound that is a day may be its start or its end. */
function days(operator: string, value: unknown, { now, zone }: FilterClock): Range | undefined {
  const day = momentOf(value, { now, zone })?.day;
  return day === undefined ? undefined : range(operator, shifted(day, -1), shifted(day, 2));
}

const shifted = (day: string, by: number): string =>
  new Date(Date.parse(`${day}T00:00:00Z`) + by * DAY_MS).toISOString().slice(0, 10);

function range<T extends number | string>(operator: string, from: T, to: T): Range | undefined {
  switch (operator) {
    case 'eq':
      return { from, to };
    case 'gt':
    case 'gte':
      return { from };
    case 'lt':
    case 'lte':
      return { to };
    default:
      return undefined;
  }
}

const isList = (filter: Filter): filter is readonly Id[] => Array.isArray(filter);

/** Both tests hold. Where that can't be said in one filter, the first is asked and the other looked at here. */
function both(one: Filter, other: Filter): Filter {
  if (isList(one) !== isList(other)) return one;
  if (isList(one) && isList(other)) {
    const common = one.filter(id => other.includes(id));
    return common.length > 0 ? common : one;
  }
  return { ...narrower(one as Range, other as Range) };
}

function narrower(one: Range, other: Range): Range {
  const pick = (key: 'from' | 'to'): number | string | undefined => {
    const [a, b] = [one[key], other[key]];
    if (a === undefined || b === undefined) return a ?? b;
    return (key === 'from' ? a > b : a < b) ? a : b;
  };
  const [from, to] = [pick('from'), pick('to')];
  return { ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
}

function numberOf(value: unknown): number | undefined {
  if (value instanceof FieldView) return value.number;
  const held = typeof value === 'object' && value !== null && 'value' in value ? value.value : value;
  const number = typeof held === 'string' && held.trim() !== '' ? Number(held) : held;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' || typeof value === 'number'
    ? String(value)
    : value instanceof FieldView
      ? value.toString()
      : undefined;
