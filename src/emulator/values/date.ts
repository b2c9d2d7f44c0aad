import type { Field } from '../model.ts';
import { parseStamp, stamp, toLocal, toUtc } from '../time.ts';
import { badValue, isObject, type JsonObject, type Kind, type Lookup } from './kind.ts';

/** Local times of the field's zone, kept as if they were UTC. */
interface Point {
  readonly ms: number;
  readonly hasTime: boolean;
}

interface Span {
  readonly start: Point;
  readonly end: Point | undefined;
}

/** One end in any of the written forms: `start`, `start_date` + `start_time`, and both again with `_utc`. */
function parsePoint(parts: JsonObject, end: 'start' | 'end', field: Field, look: Lookup): Point | undefined {
  for (const suffix of ['', '_utc']) {
    const date = parts[`${end}${suffix}`] ?? parts[`${end}_date${suffix}`];
    if (date === undefined || date === null || date === '') continue;
    const time = parts[`${end}_time${suffix}`];
    const text = typeof time === 'string' && !String(date).includes(' ') ? `${date} ${time}` : String(date);
    const point = parseStamp(text);
    if (!point) throw badValue(field, date, 'YYYY-MM-DD or YYYY-MM-DD HH:MM:SS');
    return suffix && point.hasTime ? { ms: toLocal(point.ms, look.zone), hasTime: true } : point;
  }
  return undefined;
}

function renderPoint(point: Point | undefined, end: 'start' | 'end', zone: string): JsonObject {
  const [date = null, time = null] = point ? stamp(point.ms).split(' ') : [];
  // A date without a time is the same day in every zone.
  const utc = point?.hasTime ? stamp(toUtc(point.ms, zone)) : date;
  const [utcDate = null, utcTime = null] = utc ? utc.split(' ') : [];
  return {
    [end]: point ? stamp(point.ms) : null,
    [`${end}_date`]: date,
    [`${end}_time`]: point?.hasTime ? time : null,
    [`${end}_utc`]: utc,
    [`${end}_date_utc`]: utcDate,
    [`${end}_time_utc`]: point?.hasTime ? utcTime : null,
  };
}

export const date: Kind<Span> = {
  single: true,
  compares: 'time',
  parse(input, field, look) {
    const parts = isObject(input) ? (isObject(input.value) ? input.value : input) : { start: input };
    const start = parsePoint(parts, 'start', field, look);
    if (!start) throw badValue(field, input, 'a date');
    const end = parsePoint(parts, 'end', field, look);
    if (end && end.ms < start.ms) throw badValue(field, input, 'a span that ends after its start');
    return { start, end };
  },
  render: (stored, _field, look) => ({
    ...renderPoint(stored.start, 'start', look.zone),
    ...renderPoint(stored.end, 'end', look.zone),
  }),
  key: (stored, _field, look) => (stored.start.hasTime ? toUtc(stored.start.ms, look.zone) : stored.start.ms),
  plain: stored =>
    stored.start.hasTime ? stamp(stored.start.ms) : stamp(stored.start.ms).slice(0, 'YYYY-MM-DD'.length),
};
