/** Podio's field values as people write and read them: comparing for rules and filters, showing for templates and logs. */
import type { FieldValueJson } from './podio.ts';
import type { FieldValue } from './rule.ts';
import { parseDuration } from './units.ts';

export interface ValueOptions {
  /** The field's `config` from Podio, where it is known: number of decimals, format of texts, type of a calculation. */
  readonly config?: Readonly<Record<string, unknown>> | undefined;
}

/** A field type: how one of its values reads, and whether one is what a rule names. */
interface Kind {
  /** As Podio's UI would show it, near enough for people; '' is empty. */
  show(value: FieldValueJson, settings: Settings): string;
  /** Beside text that equals what `show` says, which always fits; so numbers are decided here. `wanted` is never null. */
  is?(value: FieldValueJson, wanted: Wanted, settings: Settings): boolean;
}

type Wanted = Exclude<FieldValue, null>;
type Settings = Readonly<Record<string, unknown>>;

/**
 * Whether a field's values are one of `wanted`; of several values any one will do, and null means empty. What
 * {@link showValues} says of a single value always equals that value.
 */
export function testValues(
  type: string,
  values: readonly FieldValueJson[],
  wanted: readonly FieldValue[],
  options: ValueOptions = {},
): boolean {
  const settings = settingsOf(options);
  const kind = kindOf(type);
  const there = values.filter(value => kind.show(value, settings) !== '');
  return wanted.some(one =>
    one === null || one === ''
      ? there.length === 0
      : there.some(
          value =>
            kind.is?.(value, one, settings) ||
            (typeof one !== 'object' && typeof one !== 'number' && sameText(kind.show(value, settings), one)),
        ),
  );
}

/** A field's values for people, several with a comma between; '' when empty. */
export function showValues(
  type: string,
  values: readonly FieldValueJson[],
  options: ValueOptions = {},
): string {
  const settings = settingsOf(options);
  const kind = kindOf(type);
  return values
    .map(value => kind.show(value, settings))
    .filter(text => text !== '')
    .join(', ');
}

// ---------------------------------------------------------------------------------------------- reading

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const settingsOf = ({ config }: ValueOptions): Settings =>
  isRecord(config?.settings) ? config.settings : {};

/** What a value holds: under `value` for most types, itself for those without (dates, embeds). */
const inner = (value: FieldValueJson): unknown => ('value' in value ? value.value : value);

const scalar = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';

const part = (value: unknown, key: string): string => (isRecord(value) ? scalar(value[key]) : '');

/** The first of an object's parts that holds text, itself or as the first of a list. */
const firstPart = (value: unknown, keys: readonly string[]): string => {
  for (const key of keys) {
    const text = isRecord(value) ? scalar(list(value[key])[0]) : '';
    if (text !== '') return text;
  }
  return '';
};

const list = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : value === undefined ? [] : [value];

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
};

/** Podio's JSON may hold names escaped for HTML (`Leads &amp; Clients`). */
export const unescapeHtml = (text: string): string =>
  text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]+));/gi, (whole, decimal, hex, name) => {
    if (name) return ENTITIES[name.toLowerCase()] ?? whole;
    const code = decimal ? Number(decimal) : Number.parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });

const BLOCK_END = /<(?:\/(?:p|div|li|ul|ol|h[1-6]|tr|table|blockquote|pre)|br\s*\/?)>/gi;
const TAG = /<\/?[a-z][a-z0-9]*(?:\s[^<>]*)?\/?>/gi;

/** Plain text from HTML, with a line for each block. */
export const stripHtml = (html: string): string =>
  unescapeHtml(html.replace(BLOCK_END, '\n').replace(TAG, ''))
    .replace(/[^\S\n]+/g, ' ')
    .replace(/ ?\n\s*/g, '\n')
    .trim();

const squeeze = (text: string): string => text.replace(/\s+/g, ' ').trim();

const sameText = (given: string, wanted: string | number | boolean): boolean =>
  squeeze(given) === squeeze(String(wanted));

const sameTextAnyCase = (given: string, wanted: string): boolean =>
  squeeze(given).toLowerCase() === squeeze(wanted).toLowerCase();

/** Undefined for what is no number; '' and blanks are none. */
export const toNumber = (value: unknown): number | undefined => {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
};

const sameNumber = (given: unknown, wanted: unknown): boolean => {
  const number = toNumber(given);
  return number !== undefined && number === toNumber(wanted);
};

/** The amount of `{ value }`, or the scalar itself. */
const amountOf = (wanted: Wanted): unknown => (typeof wanted === 'object' ? wanted.value : wanted);

/** Whether `wanted`, a number, is one of the ids under these keys. */
const hasId = (value: unknown, wanted: Wanted, keys: readonly string[]): boolean =>
  typeof wanted === 'number' &&
  (value === wanted || (isRecord(value) && keys.some(key => sameNumber(value[key], wanted))));

// ---------------------------------------------------------------------------------------------- showing

/** Numbers come as text with four decimals: `282.0000` is shown as 282, or with the decimals the field is set to. */
const showNumber = (value: unknown, settings: Settings = {}): string => {
  const number = toNumber(value);
  if (number === undefined) return scalar(value);
  const { decimals } = settings;
  if (typeof decimals === 'number' && Number.isInteger(decimals) && decimals >= 0 && decimals <= 20) {
    return number.toFixed(decimals);
  }
  // Text is cut, not converted: more digits than a double holds stay as they are.
  const text = typeof value === 'string' ? value.trim() : String(number);
  return /^-?\d+\.\d+$/.test(text) ? text.replace(/\.?0+$/, '') : text;
};

export const showMoney = (value: FieldValueJson): string => {
  const amount = toNumber(value.value);
  const currency = scalar(value.currency);
  if (amount === undefined) return scalar(value.value);
  if (!/^[A-Z]{3}$/.test(currency)) return [showNumber(value.value), currency].filter(Boolean).join(' ');
  return amount.toLocaleString('en-US', { style: 'currency', currency }).replaceAll('\u00a0', ' ');
};

const showDuration = (value: unknown): string => {
  const seconds = toNumber(value);
  if (seconds === undefined) return scalar(value);
  const parts: [number, string][] = [
    [Math.floor(seconds / 3600), 'h'],
    [Math.floor((seconds % 3600) / 60), 'm'],
    [seconds % 60, 's'],
  ];
  return (
    parts
      .filter(([count]) => count !== 0)
      .map(([count, unit]) => `${count}${unit}`)
      .join(' ') || '0s'
  );
};

interface Moment {
  readonly date: string;
  /** Undefined for a date without a time of day. */
  readonly time: string | undefined;
}

/** Reads the start or the end of a date value, local or UTC; all keys but one may be missing. */
const momentOf = (
  value: FieldValueJson,
  key: 'start' | 'end',
  zone: '' | '_utc' = '',
): Moment | undefined => {
  const whole = scalar(value[`${key}${zone}`]);
  const date = scalar(value[`${key}_date${zone}`]) || whole.slice(0, 10);
  if (date === '') return undefined;
  const timeKey = `${key}_time${zone}`;
  // Without the key, midnight is how Podio writes a date without a time.
  const time = timeKey in value ? scalar(value[timeKey]) : whole.slice(11).replace(/^00:00:00$/, '');
  return { date, time: time === '' ? undefined : time };
};

const showMoment = ({ date, time }: Moment): string =>
  time === undefined ? date : `${date} ${time.replace(/^(\d\d:\d\d):00$/, '$1')}`;

const showDate = (value: FieldValueJson): string => {
  const start = momentOf(value, 'start');
  if (!start) return scalar(value.value);
  const from = showMoment(start);
  const end = momentOf(value, 'end');
  const to = end && showMoment(end);
  if (!end || !to || to === from) return from;
  return `${from} - ${end.date === start.date && end.time ? to.slice(11) : to}`;
};

const WANTED_DATE = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:\.\d+)?)?\s*(Z|[+-]\d\d:?\d\d)?)?$/i;

/** A date alone fits any time of that day; with a time it must be that time; with a zone it is compared in UTC. */
const isDate = (value: FieldValueJson, wanted: Wanted): boolean => {
  const match = typeof wanted === 'string' ? WANTED_DATE.exec(wanted.trim()) : null;
  if (!match) return false;
  const [, date = '', minutes, seconds = '00', zone] = match;
  if (minutes === undefined) return momentOf(value, 'start')?.date === date;
  const start = momentOf(value, 'start', zone ? '_utc' : '');
  if (!start?.time) return false;
  if (!zone) return start.date === date && start.time === `${minutes}:${seconds}`;
  const offset = /^z$/i.test(zone) ? 'Z' : zone.replace(/^([+-]\d\d):?(\d\d)$/, '$1:$2');
  return Date.parse(`${start.date}T${start.time}Z`) === Date.parse(`${date}T${minutes}:${seconds}${offset}`);
};

// ---------------------------------------------------------------------------------------------- the types

/** Something with an id and one or several names; a number is the id, a text one of the names. */
const named = (names: readonly string[], ids: readonly string[], shown: readonly string[] = names): Kind => ({
  show(value) {
    const held = inner(value);
    return unescapeHtml(firstPart(held, shown) || firstPart(held, ids) || scalar(held));
  },
  is(value, wanted) {
    const held = inner(value);
    if (hasId(held, wanted, ids)) return true;
    if (typeof wanted !== 'string') return false;
    return names.some(name => {
      const text = part(held, name);
      return text !== '' && (sameText(text, wanted) || sameText(unescapeHtml(text), wanted));
    });
  },
});

/** YAML reads `to: 2024` as a number: where there are no ids it is text. */
const isText = (wanted: Wanted): wanted is string | number =>
  typeof wanted === 'string' || typeof wanted === 'number';

const asText = (show: Kind['show']): Kind => ({
  show,
  is: (value, wanted, settings) => typeof wanted === 'number' && sameText(show(value, settings), wanted),
});

const text = asText((value, settings) => {
  const held = scalar(value.value);
  const format = scalar(value.format) || scalar(settings.format);
  return format === 'plain' || format === 'markdown' ? held.trim() : stripHtml(held);
});

const tag = asText(value => unescapeHtml(scalar(value.value)));

const number: Kind = {
  show: (value, settings) => showNumber(value.value, settings),
  is: (value, wanted) => sameNumber(value.value, amountOf(wanted)),
};

/** `category`, `question` and `state`: an option's text, or (a number) its id. An option named "3" is text. */
const category = named(['text'], ['id']);

const person = named(['name'], ['profile_id', 'user_id'], ['name', 'mail']);
const contact: Kind = {
  show: person.show,
  is(value, wanted, settings) {
    if (person.is?.(value, wanted, settings)) return true;
    const held = inner(value);
    return (
      typeof wanted === 'string' &&
      isRecord(held) &&
      list(held.mail).some(mail => sameTextAnyCase(scalar(mail), wanted))
    );
  },
};

const email: Kind = {
  show: value => scalar(value.value),
  is: (value, wanted) => typeof wanted === 'string' && sameTextAnyCase(scalar(value.value), wanted),
};

/** Spaces, dashes, dots and brackets in a phone number mean nothing. */
const digits = (phone: string): string => phone.replace(/[\s().\-/]/g, '');
const phone: Kind = {
  show: value => scalar(value.value) || scalar(value.uri).replace(/^tel:/, ''),
  is(value, wanted) {
    if (typeof wanted === 'object' || typeof wanted === 'boolean') return false;
    const given = digits(phone.show(value, {}));
    // YAML reads +4512345678 and 0612345678 as numbers, which have neither plus nor zero in front.
    return given !== '' && (typeof wanted === 'number' ? Number(given) === wanted : given === digits(wanted));
  },
};

const file = named(['name'], ['file_id']);

const KINDS: Readonly<Record<string, Kind>> = {
  text,
  number,
  money: {
    show: showMoney,
    is: (value, wanted) =>
      sameNumber(value.value, amountOf(wanted)) &&
      (typeof wanted !== 'object' ||
        wanted.currency === undefined ||
        sameTextAnyCase(scalar(value.currency), wanted.currency)),
  },
  progress: {
    show: value => (toNumber(value.value) === undefined ? '' : `${showNumber(value.value)}%`),
    is: (value, wanted) => sameNumber(value.value, amountOf(wanted)),
  },
  duration: {
    show: value => showDuration(value.value),
    is: (value, wanted) =>
      sameNumber(value.value, amountOf(wanted)) ||
      (typeof wanted === 'string' && toNumber(value.value) === parseDuration(wanted.trim()) / 1000),
  },
  category,
  question: category,
  state: category,
  date: { show: showDate, is: isDate },
  app: named(['title'], ['item_id']),
  contact,
  member: contact,
  image: file,
  file,
  video: file,
  embed: {
    show: value => firstPart(value.embed, ['original_url', 'resolved_url', 'title']),
    is: (value, wanted) =>
      isText(wanted) &&
      ['original_url', 'resolved_url', 'title'].some(key => sameText(part(value.embed, key), wanted)),
  },
  location: {
    show: value => scalar(value.formatted) || scalar(value.value),
    is: (value, wanted) =>
      isText(wanted) && [value.formatted, value.value].some(text => sameText(scalar(text), wanted)),
  },
  calculation: {
    show: (value, settings) => calculated(value, settings).show(value, settings),
    is: (value, wanted, settings) => calculated(value, settings).is?.(value, wanted, settings) ?? false,
  },
  phone,
  tel: phone,
  email,
  tag,
};

/** A calculation is of the type its setting names; where that is not known its value tells. */
function calculated(value: FieldValueJson, settings: Settings): Kind {
  switch (settings.return_type) {
    case 'number':
      return number;
    case 'date':
      return KINDS.date ?? text;
    case 'text':
      return text;
    default:
      if (typeof value.start === 'string' || typeof value.start_date === 'string') return KINDS.date ?? text;
      // Podio writes calculated numbers with four decimals; `007` and `2024` are texts.
      return typeof value.value === 'number' || /^-?\d+\.\d{4}$/.test(scalar(value.value)) ? number : text;
  }
}

/** Podio adds types without asking: a new one goes by what usually names a thing, and is never taken for empty. */
const usual = named(['text', 'title', 'name'], ['id']);
const unknownKind: Kind = {
  ...usual,
  show(value, settings) {
    const held = inner(value);
    return usual.show(value, settings) || (isRecord(held) ? JSON.stringify(held) : '');
  },
};

const kindOf = (type: string): Kind => (Object.hasOwn(KINDS, type) ? KINDS[type] : undefined) ?? unknownKind;
