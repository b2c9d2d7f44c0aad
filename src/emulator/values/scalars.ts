/** Types whose one value stands for itself: text, numbers, money, phones. */
import type { Field } from '../model.ts';
import { badValue, isObject, type Kind, parseText, unwrap } from './kind.ts';

const withoutTags = (html: string): string => html.replace(/<[^>]*>/g, '');

export const text: Kind<string> = {
  single: true,
  compares: 'text',
  parse: parseText,
  render: stored => ({ value: stored }),
  key: withoutTags,
  plain: withoutTags,
};

/** Podio keeps four decimals and answers them as a string. */
function parseDecimal(input: unknown, field: Field): string {
  const given = unwrap(input);
  const isNumeric = typeof given === 'string' && /^-?\d+(\.\d+)?$/.test(given);
  if ((typeof given !== 'number' && !isNumeric) || !Number.isFinite(Number(given)))
    throw badValue(field, input, 'a number');
  return Number(given).toFixed(4);
}

export const number: Kind<string> = {
  single: true,
  compares: 'number',
  parse: parseDecimal,
  render: stored => ({ value: stored }),
  key: Number,
  plain: Number,
};

interface Amount {
  readonly value: string;
  readonly currency: string;
}

export const money: Kind<Amount> = {
  single: true,
  compares: 'number',
  parse(input, field) {
    const allowed = field.settings.allowed_currencies;
    const usual = Array.isArray(allowed) && typeof allowed[0] === 'string' ? allowed[0] : 'EUR';
    const given = isObject(input) ? input.currency : undefined;
    if (given !== undefined && typeof given !== 'string') throw badValue(field, input, 'value and currency');
    const currency = given ?? usual;
    if (Array.isArray(allowed) && !allowed.includes(currency))
      throw badValue(field, input, `in one of ${allowed.join(', ')}`);
    return { value: parseDecimal(input, field), currency };
  },
  render: stored => ({ value: stored.value, currency: stored.currency }),
  key: stored => Number(stored.value),
  plain: stored => Number(stored.value),
};

const integer = (from: number, to: number): Kind<number> => ({
  single: true,
  compares: 'number',
  parse(input, field) {
    const given = unwrap(input);
    if (typeof given !== 'number' || !Number.isInteger(given) || given < from || given > to)
      throw badValue(field, input, `an integer of ${from} to ${to}`);
    return given;
  },
  render: stored => ({ value: stored }),
  key: stored => stored,
  plain: stored => stored,
});

export const progress = integer(0, 100);
/** Seconds. */
export const duration = integer(0, Number.MAX_SAFE_INTEGER);
export const tel: Kind<number> = {
  ...integer(0, Number.MAX_SAFE_INTEGER),
  render: stored => ({ value: stored, uri: `tel:${stored}` }),
};

export const tag: Kind<string> = { ...text, single: false };

interface Labelled {
  readonly value: string;
  readonly type: string;
}

const labelled = (types: readonly string[]): Kind<Labelled> => ({
  single: false,
  compares: 'text',
  parse(input, field) {
    const type = isObject(input) ? (input.type ?? 'other') : 'other';
    if (typeof type !== 'string' || !types.includes(type))
      throw badValue(field, input, `of type ${types.join(', ')}`);
    return { value: parseText(input, field), type };
  },
  render: stored => ({ value: stored.value, type: stored.type }),
  key: stored => stored.value,
  plain: stored => stored.value,
});

export const phone = labelled(['mobile', 'work', 'home', 'main', 'work_fax', 'private_fax', 'other']);
export const email = labelled(['work', 'home', 'other']);

const PARTS = [
  'formatted',
  'street_address',
  'street_number',
  'street_name',
  'postal_code',
  'city',
  'state',
  'country',
  'lat',
  'lng',
] as const;

export const location: Kind<Readonly<Record<string, unknown>> & { readonly value: string }> = {
  single: false,
  compares: 'text',
  parse(input, field) {
    if (typeof input === 'string') return { value: input, formatted: input };
    if (!isObject(input)) throw badValue(field, input, 'text or an object');
    const parts = Object.fromEntries(
      PARTS.filter(part => input[part] !== undefined).map(part => [part, input[part]]),
    );
    const typed =
      input.value ??
      parts.formatted ??
      Object.values(parts)
        .filter(part => typeof part === 'string')
        .join(', ');
    if (typeof typed !== 'string') throw badValue(field, input, 'text or an object');
    return { formatted: typed, ...parts, value: typed };
  },
  render: stored => ({ ...stored }),
  key: stored => stored.value,
  plain: stored => stored.value,
};
