/** Whether a field holds already what would be written: then nothing is, and no revision is made. */
import { type FieldValueJson, FieldView, type Item, showValues } from 'podiod/plugin';
import type { Field } from './fields.ts';
import { isEmbed, isRecord } from './written.ts';

type Values = readonly FieldValueJson[];

export const valuesOf = (item: Item, field: Field): Values =>
  item.fields.find(one => one.field_id === field.field_id || one.external_id === field.external_id)?.values ??
  [];

/** What would be written, with what stands there. In doubt it is not the same: a write too many does no harm. */
export function isSame(field: Field, wanted: readonly unknown[], held: Values): boolean {
  if (wanted.length !== held.length) return false;
  return wanted.every((one, index) => {
    const value = held[index];
    return value !== undefined && (COMPARES[field.type] ?? usually)(one, value, field);
  });
}

type Compare = (wanted: unknown, held: FieldValueJson, field: Field) => boolean;

const usually: Compare = (wanted, held) => JSON.stringify(wanted) === JSON.stringify(held.value);

const sameNumber: Compare = (wanted, held) => Number(wanted) === Number(held.value);

const partOf = (held: FieldValueJson, key: string): unknown =>
  isRecord(held.value) ? held.value[key] : held.value;

const sameId =
  (key: string): Compare =>
  (wanted, held) =>
    wanted === partOf(held, key);

/** Podio puts a plain text into a paragraph where the field holds HTML. */
const text: Compare = (wanted, held, field) => {
  if (wanted === held.value) return true;
  const given = String(wanted);
  return !given.includes('<') && given.trim() === showValues('text', [held], { config: field.config }).trim();
};

const money: Compare = (wanted, held) =>
  isRecord(wanted) && Number(wanted.value) === Number(held.value) && wanted.currency === held.currency;

const date: Compare = (wanted, held) => {
  if (!isRecord(wanted)) return false;
  return ['start', 'end'].every(key => {
    const isUtc = `${key}_date_utc` in wanted;
    const suffix = isUtc ? '_utc' : '';
    const there = pointOf(held, key, suffix);
    const given = pointOf(wanted, key, suffix);
    return there === given;
  });
};

/** `2026-01-31 12:00:00`, or without the time; '' for none. */
function pointOf(value: Readonly<Record<string, unknown>>, key: string, suffix: string): string {
  const day = value[`${key}_date${suffix}`] ?? String(value[`${key}${suffix}`] ?? '').slice(0, 10);
  const time = value[`${key}_time${suffix}`];
  return [day, time].filter(one => typeof one === 'string' && one !== '').join(' ');
}

const contact: Compare = (wanted, held) => {
  if (!isRecord(wanted)) return wanted === partOf(held, 'profile_id');
  if (wanted.type === 'user') return wanted.id === partOf(held, 'user_id');
  return [partOf(held, 'mail')].flat().includes(wanted.id);
};

const labelled: Compare = (wanted, held) =>
  isRecord(wanted) && wanted.value === held.value && wanted.type === held.type;

const location: Compare = (wanted, held) =>
  isRecord(wanted)
    ? Object.entries(wanted).every(([key, part]) => held[key] === part)
    : wanted === held.value;

const COMPARES: Readonly<Record<string, Compare>> = {
  text,
  number: sameNumber,
  progress: sameNumber,
  duration: sameNumber,
  money,
  category: sameId('id'),
  question: sameId('id'),
  date,
  app: sameId('item_id'),
  contact,
  member: (wanted, held) => wanted === held.value || wanted === partOf(held, 'user_id'),
  embed: (wanted, held) => isEmbed(wanted) && isRecord(held.embed) && wanted.url === held.embed.original_url,
  location,
  phone: labelled,
  email: labelled,
  image: sameId('file_id'),
  file: sameId('file_id'),
  video: sameId('file_id'),
};

/** A view of a field of an item, for what is shown. */
export const viewOf = (item: Item, field: Field): FieldView =>
  new FieldView(field.type, valuesOf(item, field), field.config);
