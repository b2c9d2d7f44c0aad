/** Filters for Podio's values, beside Liquid's own. */
import type * as liquidjs from 'liquidjs';
import { isRecord, showMoney, stripHtml, toNumber } from '../core/values.ts';
import { textOf } from './compare.ts';
import { FieldView } from './field-view.ts';
import { fieldMoment, type Moment, plainMoment } from './moment.ts';

/** Where a render keeps the rule's time zone. No template can name this. */
export const ZONE = '$zone';
/** Where it keeps the time, UTC ms. */
export const NOW = '$now';

const DATE_FORMAT = '%Y-%m-%d';
const TIME_FORMAT = '%Y-%m-%d %H:%M';

/** Short forms that strftime has and liquidjs lacks. */
const SHORT: Readonly<Record<string, string>> = { F: '%Y-%m-%d', T: '%H:%M:%S', R: '%H:%M', D: '%m/%d/%y' };
const expand = (format: string): string =>
  format.replace(/%([%FTRD])/g, (whole, code: string) => SHORT[code] ?? whole);

/** A `Z` that is written out is ISO 8601's mark of UTC. */
const isUtc = (format: string): boolean => /(?:[^%]|%%)Z$/.test(format);

export function addFilters(engine: liquidjs.Liquid): void {
  const strftime = engine.filters.date as (this: unknown, value: unknown, ...rest: unknown[]) => unknown;

  engine.registerFilter('date', function (value: unknown, format?: unknown, zone?: unknown) {
    const globals = this.context.globals as Readonly<Record<string, unknown>>;
    const ruleZone = typeof globals[ZONE] === 'string' ? globals[ZONE] : 'UTC';
    const now = typeof globals[NOW] === 'number' ? globals[NOW] : Date.now();
    const moment = momentOf(value, ruleZone, now);
    if (moment === undefined)
      return typeof value === 'number' ? strftime.call(this, value, format, zone ?? ruleZone) : textOf(value);
    const given = expand(
      format === undefined ? (moment.time === undefined ? DATE_FORMAT : TIME_FORMAT) : textOf(format),
    );
    if (moment.instant !== undefined) {
      const at = new Date(moment.instant);
      return strftime.call(this, at, given, zone ?? (isUtc(given) ? 'UTC' : ruleZone));
    }
    // A day, or a time nobody knows the zone of: it is shown as it stands, wherever that is.
    return strftime.call(this, new Date(`${moment.day}T${moment.time ?? '00:00:00'}Z`), given, 'UTC');
  });

  engine.registerFilter('money', (value: unknown, currency?: unknown) => {
    const amount = amountOf(value);
    if (amount === undefined) return textOf(value);
    const own =
      value instanceof FieldView ? value.values[0]?.currency : isRecord(value) ? value.currency : '';
    const code = textOf(currency) || textOf(own);
    return code === ''
      ? amount.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })
      : showMoney({ value: amount, currency: code.toUpperCase() });
  });

  engine.registerFilter('plain', (value: unknown) =>
    value instanceof FieldView ? value.toString() : stripHtml(textOf(value)),
  );

  engine.registerFilter('link', (value: unknown) => {
    const link =
      value instanceof FieldView
        ? (value.part('link') ?? value.part('url'))
        : isRecord(value)
          ? value.link
          : '';
    return textOf(link);
  });

  for (const name of OF_LISTS) {
    const own = engine.filters[name] as typeof strftime;
    engine.registerFilter(name, function (value: unknown, ...rest: unknown[]) {
      return own.call(this, eachOf(value), ...rest);
    });
  }
  // What is the same at Podio is, though each mention of a field makes values of its own.
  engine.registerFilter('uniq', (value: unknown) => {
    const list = eachOf(value ?? []);
    const all: readonly unknown[] = Array.isArray(list) ? list : [list];
    const keyOf = (one: unknown) => (one instanceof FieldView ? JSON.stringify(one.values) : one);
    return [...new Map(all.toReversed().map(one => [keyOf(one), one])).values()].reverse();
  });
  const concat = engine.filters.concat as typeof strftime;
  engine.registerFilter('concat', function (value: unknown, other: unknown) {
    return concat.call(this, value, eachOf(other));
  });
  for (const name of BY_PARTS) {
    const own = engine.filters[name] as typeof strftime;
    engine.registerFilter(name, function* (value: unknown, ...rest: unknown[]): Generator<unknown> {
      if (!(value instanceof FieldView)) return yield own.call(this, value, ...rest);
      const views = new Map<unknown, FieldView>(value.each().map(one => [one.parts(), one]));
      return viewsIn(yield own.call(this, [...views.keys()], ...rest), views);
    });
  }
  const size = engine.filters.size as typeof strftime;
  engine.registerFilter('size', function (value: unknown) {
    if (!(value instanceof FieldView)) return size.call(this, value);
    return value.type === 'text' ? value.toString().length : value.values.length;
  });
}

/** A field is the list of its values to them. */
const OF_LISTS = [
  ...['join', 'map', 'first', 'last', 'reverse', 'sort', 'sort_natural', 'compact', 'concat'],
  ...['sum', 'array_to_sentence_string', 'push', 'pop', 'unshift', 'shift'],
] as const;
const eachOf = (value: unknown): unknown => (value instanceof FieldView ? value.each() : value);
/** These look at parts of each: they find them in plain maps only. */
const BY_PARTS = ['where', 'reject', 'find', 'group_by'] as const;

/** What was found of parts, as the values that they are of. */
function viewsIn(found: unknown, views: ReadonlyMap<unknown, FieldView>): unknown {
  const view = views.get(found);
  if (view !== undefined) return view;
  if (Array.isArray(found)) return found.map(one => viewsIn(one, views));
  // `group_by` makes `{ name, items }`.
  if (typeof found !== 'object' || found === null || !('items' in found)) return found;
  return { ...found, items: viewsIn(found.items, views) };
}

function momentOf(value: unknown, zone: string, now: number): Moment | undefined {
  if (value instanceof FieldView) {
    const [first] = value.values;
    return first && fieldMoment(first, 'start');
  }
  if (value === 'now' || value === 'today') return plainMoment(new Date(now), zone);
  return plainMoment(value, zone);
}

const amountOf = (value: unknown): number | undefined =>
  value instanceof FieldView ? value.number : toNumber(isRecord(value) ? value.value : value);
