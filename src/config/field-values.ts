/** Whether a field can ever have a value that a rule compares it with; by the same meaning as `testValues` at run time. */
import { type CatalogField, openOptions } from '../core/catalog.ts';
import type { FieldValue } from '../core/rule.ts';
import { didYouMean, nearest } from '../core/suggest.ts';
import { DURATION } from '../core/units.ts';
import { isRecord, toNumber } from '../core/values.ts';
import { isNoDate, isRelative, looksLikeDate } from '../language/moment.ts';

/** The catalog may be older than what the rule is about. */
const ANEW = '; `podiod pull` brings newer ones';

export interface ValueProblem {
  /** Follows what was given: `"Wno"` **is no option of `status`**. */
  readonly words: string;
  readonly hint: string;
  readonly code: 'CONFIG_UNKNOWN_OPTION' | 'CONFIG_FIELD_VALUE';
}

/** @param use `to`: what a field becomes. `from`: what it was or is, which may be an option that is deleted by now. */
export function valueProblem(
  field: CatalogField,
  value: FieldValue,
  use: 'from' | 'to',
): ValueProblem | undefined {
  // Empty is a value of every field.
  if (value === null || value === '') return undefined;
  switch (typeOf(field)) {
    case 'category':
    case 'question':
      return optionProblem(field, value, use);
    case 'number':
      return isNumeric(value) ? undefined : wrong(field, 'write a number');
    case 'duration':
      return isNumeric(value) ? undefined : wrong(field, 'write seconds, or 2h');
    case 'progress':
      return isNumeric(value) && !isOutside(value) ? undefined : wrong(field, 'write a number from 0 to 100');
    case 'money':
      return moneyProblem(field, value);
    case 'date':
      return typeof value === 'string' && /^\s*\d{4}-\d\d-\d\d/.test(value) && !isNoDate(value)
        ? undefined
        : wrong(field, 'write a date like 2026-03-31, or with a time like 2026-03-31 14:00');
    case undefined:
      return undefined;
    default:
      return typeof value === 'object' ? wrong(field, 'an amount with a currency is for money') : undefined;
  }
}

/** Likewise for `gt` ... `lte`, of a field whose type has an order. What it is above may be out of its own reach. */
export function orderProblem(
  field: CatalogField,
  value: FieldValue,
  operator: 'gt' | 'gte' | 'lt' | 'lte',
): ValueProblem | undefined {
  const amount = toNumber(isRecord(value) ? value.value : value);
  const isDuration = typeof value === 'string' && DURATION.test(value.trim());
  switch (typeOf(field)) {
    case 'number':
      return amount === undefined ? wrong(field, 'write a number') : undefined;
    case 'duration':
      return amount === undefined && !isDuration ? wrong(field, 'write seconds, or 2h') : undefined;
    case 'money':
      return amount === undefined ? wrong(field, 'write an amount') : moneyProblem(field, value ?? '');
    case 'progress': {
      const [above, below] = [
        { gt: 100, gte: 101 },
        { lt: 0, lte: -1 },
      ] as const;
      const isBeyond =
        amount === undefined ||
        (operator in above ? amount >= above[operator as 'gt'] : amount <= below[operator as 'lt']);
      return isBeyond ? wrong(field, 'write a number from 0 to 100') : undefined;
    }
    case 'date':
      return typeof value === 'string' && (isRelative(value.trim()) || looksLikeDate(value))
        ? undefined
        : wrong(field, 'write a date like 2026-03-31 or -7d');
    default:
      return undefined;
  }
}

/** Undefined where it can't be known. */
export const typeOf = ({ type, returnType }: CatalogField): string | undefined =>
  type === 'calculation' ? returnType : type;

function optionProblem(
  field: CatalogField,
  value: Exclude<FieldValue, null>,
  use: 'from' | 'to',
): ValueProblem | undefined {
  if (field.options === undefined) return undefined;
  const fits = ({ id, text }: { id: number; text: string }) =>
    typeof value === 'number' ? id === value : squeeze(text) === squeeze(textOf(value));
  const found = field.options.filter(fits);
  if (found.some(({ deleted }) => !deleted) || (found.length > 0 && use === 'from')) return undefined;
  const code = 'CONFIG_UNKNOWN_OPTION';
  const texts = openOptions(field)?.map(({ text }) => text) ?? [];
  const known =
    texts.length > 0 ? `its options are ${texts.slice(0, 15).join(', ')}${ANEW}` : 'it has no options';
  if (found.length > 0)
    return { code, words: `was deleted from the options of ${nameOf(field)}`, hint: known };
  // An option called "3" is text, and 3 is an id.
  const asText = typeof value === 'number' && texts.includes(String(value));
  // Numbers are near each other without being meant for one another.
  const near = typeof value === 'string' && !/^\d+$/.test(value) ? didYouMean(value, texts) : undefined;
  const hint = asText
    ? `a number is an option's id: quote it, "${value}", to mean its text`
    : (near ?? known);
  return { code, words: `is no option of ${nameOf(field)}`, hint };
}

function moneyProblem(field: CatalogField, value: Exclude<FieldValue, null>): ValueProblem | undefined {
  if (!isNumeric(value)) return wrong(field, 'write an amount, or { value: 100, currency: EUR }');
  const currency = typeof value === 'object' ? value.currency : undefined;
  const { currencies } = field;
  if (currency === undefined || currencies === undefined || currencies.length === 0) return undefined;
  if (currencies.some(one => one.toLowerCase() === currency.toLowerCase())) return undefined;
  return {
    code: 'CONFIG_FIELD_VALUE',
    words: `is in a currency that ${nameOf(field)} does not have`,
    hint: `its currencies are ${currencies.join(', ')}`,
  };
}

const wrong = (field: CatalogField, hint: string): ValueProblem => ({
  code: 'CONFIG_FIELD_VALUE',
  words: `can never be in ${nameOf(field)}, which is of type ${field.type}`,
  hint,
});

/** Text may be what people are shown (`75%`, `1h 30m`), which always has a digit, and is no date. */
function isNumeric(value: Exclude<FieldValue, null>): boolean {
  const amount = typeof value === 'object' ? value.value : value;
  if (typeof amount !== 'string') return typeof amount === 'number';
  return (
    /\d/.test(amount) && (toNumber(amount) !== undefined || !(isRelative(amount.trim()) || DATE.test(amount)))
  );
}

const DATE = /^\s*\d{4}-\d\d-\d\d/;

function isOutside(value: Exclude<FieldValue, null>): boolean {
  const amount = Number(typeof value === 'object' ? value.value : value);
  return amount < 0 || amount > 100;
}

const squeeze = (text: string): string => text.replace(/\s+/g, ' ').trim();
const textOf = (value: Exclude<FieldValue, null>): string =>
  typeof value === 'object' ? String(value.value) : String(value);

export const nameOf = ({ externalId, label }: CatalogField): string => `\`${externalId}\` (${label})`;

/** Which field was meant, by external id, label or alias. */
export function meantField(
  written: string,
  fields: readonly CatalogField[],
  aliases: readonly string[],
): string | undefined {
  const byName = new Map<string, string>();
  for (const alias of aliases) byName.set(alias, `\`${alias}\``);
  for (const field of fields) byName.set(field.externalId, nameOf(field));
  // Two fields may bear the same label: by its external id the nearer one was found before.
  for (const field of fields) if (!byName.has(field.label)) byName.set(field.label, nameOf(field));
  const near = byName.has(written) ? written : nearest(written, byName.keys());
  if (near !== undefined) return `did you mean ${byName.get(near)}?`;
  const ids = fields.map(({ externalId }) => externalId);
  return ids.length > 0 && ids.length <= 15 ? `its fields are ${ids.join(', ')}${ANEW}` : undefined;
}
