/** From what a rule says to what Podio takes for a field, by the field's type (docs of the API, "Field values on write"). */
import { FieldView, momentOf, PermanentError, type ValueFault } from 'podiod/plugin';
import type { Field } from './fields.ts';

export interface Clock {
  readonly now: number;
  /** IANA name. */
  readonly zone: string;
}

/** A link that has to be made known to Podio before a field can hold it. */
export interface NewEmbed {
  readonly url: string;
}

export const isEmbed = (value: unknown): value is NewEmbed =>
  isRecord(value) && typeof value.url === 'string';

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof FieldView);

/** One value as Podio takes it; undefined: there is nothing of the kind in what is given, and so the value is empty. */
type Write = (given: unknown, field: Field, clock: Clock) => unknown;

const settingsOf = ({ config }: Field): Readonly<Record<string, unknown>> => config.settings ?? {};

/** Of several values each. A contact with two mail addresses is one value, and so is an object. */
const valuesIn = (given: unknown): unknown[] =>
  [given].flat().flatMap(one => (one instanceof FieldView ? one.each() : [one]));

const isEmpty = (given: unknown): boolean =>
  given === undefined ||
  given === null ||
  (typeof given === 'string' && given.trim() === '') ||
  (given instanceof FieldView && given.toString() === '') ||
  (isRecord(given) && [AMOUNT_PARTS, DATE_PARTS].some(parts => isNothing(given, parts)));

/** What a map is of, and what says of it only more. A template that comes to nothing may leave out the one, and not the other. */
interface Parts {
  readonly of: readonly string[];
  readonly besides: readonly string[];
}
const AMOUNT_PARTS: Parts = { of: ['value'], besides: ['currency', 'type'] };
const DATE_PARTS: Parts = { of: ['start', 'end'], besides: [] };

/** An amount without a number is no amount, nor is a date without either side. */
const isNothing = (given: Readonly<Record<string, unknown>>, { of, besides }: Parts): boolean =>
  Object.keys(given).every(key => of.includes(key) || besides.includes(key)) &&
  of.every(key => isEmpty(given[key]));

/** All values of a field, `[]` to empty it. Throws PermanentError for what the field can't hold. */
export function written(field: Field, given: unknown, clock: Clock): readonly unknown[] {
  const write = WRITES[field.type];
  if (field.type === 'calculation') throw wrong(field, 'is calculated by Podio, so it can’t be set');
  const values = valuesIn(given).filter(one => !isEmpty(one));
  for (const one of values) {
    const why = one instanceof FieldView ? neverFits(one.type, field.type) : undefined;
    if (why !== undefined)
      throw wrong(
        field,
        `can’t hold what stands in a field of type ${(one as FieldView).type}: ${why.replace('which ', 'it ')}`,
      );
  }
  const result = values
    .map(one => (write ? write(one, field, clock) : plainOf(one)))
    .filter(one => one !== undefined);
  if (result.length > 1 && isSingle(field))
    throw wrong(field, `holds one value, but ${result.length} are given`);
  return result;
}

const MANY = new Set([
  'app',
  'contact',
  'member',
  'image',
  'file',
  'embed',
  'location',
  'phone',
  'email',
  'tag',
  'video',
]);
const KNOWN_SINGLE = new Set(['text', 'number', 'money', 'progress', 'duration', 'state', 'date']);

function isSingle(field: Field): boolean {
  if (MANY.has(field.type)) return false;
  return KNOWN_SINGLE.has(field.type) || settingsOf(field).multiple === false;
}

const wrong = (field: Field, what: string, hint?: string): PermanentError =>
  new PermanentError(
    `the field ${field.external_id} (${field.type}) ${what}`,
    hint === undefined ? {} : { hint },
  );

const show = (given: unknown): string => {
  const text =
    given instanceof FieldView ? given.toString() : typeof given === 'string' ? given : JSON.stringify(given);
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
};

const misfit = (field: Field, given: unknown, wanted: string): PermanentError =>
  wrong(field, `takes ${wanted}, not ${show(given)}`);

const plainOf = (given: unknown): unknown => (given instanceof FieldView ? given.toString() : given);

function textOf(given: unknown, field: Field): string {
  const plain = plainOf(given);
  if (typeof plain === 'object') throw misfit(field, given, 'text');
  return String(plain);
}

function numberOf(given: unknown, field: Field, wanted = 'a number'): number {
  const plain = given instanceof FieldView ? (given.number ?? given.toString()) : given;
  const amount = isRecord(plain) ? plain.value : plain;
  const number =
    typeof amount === 'number' ? amount : typeof amount === 'string' ? Number(amount.trim()) : Number.NaN;
  if (!Number.isFinite(number)) throw misfit(field, given, wanted);
  return number;
}

function integerOf(given: unknown, field: Field, wanted: string, most: number): number {
  const number = Math.round(numberOf(given, field, wanted));
  if (number < 0 || number > most) throw misfit(field, given, wanted);
  return number;
}

/** A text as it stands in a field that holds the same kind of text; else as people read it. */
const text: Write = (given, field) => {
  const [value] = given instanceof FieldView && given.type === 'text' ? given.values : [];
  const isSame =
    given instanceof FieldView && formatOf(given.config?.settings) === formatOf(settingsOf(field));
  return isSame && typeof value?.value === 'string' ? value.value : textOf(given, field);
};

const formatOf = (settings: unknown): unknown => (isRecord(settings) ? (settings.format ?? 'html') : 'html');

const AMOUNT = /^(?:([A-Za-z]{3})\s*)?(-?\d+(?:\.\d+)?)(?:\s*([A-Za-z]{3}))?$/;

const money: Write = (given, field) => {
  const allowed = settingsOf(field).allowed_currencies;
  const usual: unknown = Array.isArray(allowed) ? allowed[0] : undefined;
  const own =
    given instanceof FieldView ? given.values[0]?.currency : isRecord(given) ? given.currency : undefined;
  const [, before, amount, after] = (typeof given === 'string' && AMOUNT.exec(given.trim())) || [];
  const currency = [own, before, after, usual].find(one => typeof one === 'string' && one !== '');
  if (typeof currency !== 'string') {
    throw wrong(field, 'needs a currency', 'Write it as { value: 100, currency: EUR } or "100 EUR".');
  }
  if (Array.isArray(allowed) && allowed.length > 0 && !allowed.includes(currency.toUpperCase()))
    throw wrong(
      field,
      `does not have the currency ${show(currency)}`,
      `Its currencies are ${allowed.join(', ')}.`,
    );
  return { value: String(numberOf(amount ?? given, field, 'an amount')), currency: currency.toUpperCase() };
};

interface Option {
  readonly id: number;
  readonly text: string;
}

function optionsOf(field: Field): readonly Option[] {
  const { options } = settingsOf(field);
  return Array.isArray(options) ? options.filter(one => isRecord(one) && one.status !== 'deleted') : [];
}

const squeezed = (given: string): string => given.replace(/\s+/g, ' ').trim().toLowerCase();

/** By text, since options of two apps have nothing else in common; a number is an id. */
const category: Write = (given, field) => {
  const options = optionsOf(field);
  const name = textOf(given, field);
  const found =
    options.find(one => one.text === name) ??
    options.find(one => squeezed(one.text) === squeezed(name)) ??
    (given instanceof FieldView ? undefined : options.find(one => String(one.id) === name.trim()));
  if (found) return found.id;
  throw wrong(
    field,
    `has no option ${show(given)}`,
    `Its options are ${options.map(one => one.text).join(', ')}.`,
  );
};

interface Point {
  readonly day: string;
  readonly time?: string;
  readonly instant?: number;
}

const stamp = ({ day, time, instant }: Point, key: string, isUtc: boolean): Record<string, string> => {
  if (time === undefined) return { [`${key}_date`]: day };
  if (!isUtc || instant === undefined) return { [`${key}_date`]: day, [`${key}_time`]: time };
  const [date = '', rest = ''] = new Date(instant).toISOString().split('T');
  return { [`${key}_date_utc`]: date, [`${key}_time_utc`]: rest.slice(0, 8) };
};

/** A time that says its zone is written in UTC: which zone Podio's local times are in is the account's affair. */
const date: Write = (given, field, clock) => {
  const point = (one: unknown, key: 'start' | 'end', required: boolean): Record<string, string> => {
    if (isEmpty(one)) {
      if (required) throw misfit(field, given, 'a date');
      return {};
    }
    // A date that has no end may be one.
    const moment = momentOf(one, clock, key) ?? momentOf(one, clock);
    if (!moment) throw misfit(field, one, 'a date such as 2026-01-31, 2026-01-31 12:00 or +1d');
    return stamp(moment, key, moment.instant !== undefined && moment.time !== undefined);
  };
  if (isRecord(given) && ('start' in given || 'end' in given)) {
    return { ...point(given.start, 'start', true), ...point(given.end, 'end', false) };
  }
  if (!(given instanceof FieldView)) return point(given, 'start', true);
  return {
    ...point(given, 'start', true),
    ...(momentOf(given, clock, 'end') ? point(given, 'end', false) : {}),
  };
};

const id =
  (names: readonly string[], what: string): Write =>
  (given, field) => {
    const plain = given instanceof FieldView ? names.map(name => given.part(name)).find(Boolean) : given;
    const value = isRecord(plain) ? names.map(name => plain[name]).find(Boolean) : plain;
    const number = typeof value === 'string' && /^\d+$/.test(value.trim()) ? Number(value) : value;
    if (typeof number === 'number' && Number.isSafeInteger(number) && number > 0) return number;
    throw misfit(field, given, what);
  };

const profile = id(['profile_id', 'id'], 'a profile id or a mail address');

const contact: Write = (given, field, clock) => {
  if (typeof given === 'string' && given.includes('@')) return { type: 'mail', id: given.trim() };
  if (isRecord(given) && typeof given.type === 'string') return given;
  // A member may be no more than the id of a user, which is no profile's.
  if (given instanceof FieldView && given.type === 'member' && given.part('profile_id') === undefined)
    return { type: 'user', id: member(given, field, clock) };
  return profile(given, field, clock);
};

/** A contact who is no user has an id as well, but of another kind. */
const member: Write = (given, field, clock) => {
  if (given instanceof FieldView && given.type === 'contact' && given.part('user_id') === undefined)
    throw misfit(field, given, 'users, which this contact is not:');
  return id(['user_id', 'id'], 'a user id')(given, field, clock);
};

const embed: Write = (given, field) => {
  const url = given instanceof FieldView ? given.part('original_url') : isRecord(given) ? given.url : given;
  if (typeof url !== 'string' || !URL.canParse(url)) throw misfit(field, given, 'a URL');
  return { url } satisfies NewEmbed;
};

/** Of a contact its first one is meant. A kind such as `mobile` stays in fields of the type that has it. */
const labelled =
  (partOfContact: 'mail' | 'phone'): Write =>
  (given, field) => {
    if (given instanceof FieldView && (given.type === 'contact' || given.type === 'member')) {
      const value = given.part(partOfContact);
      return typeof value === 'string' && value !== '' ? { value, type: 'work' } : undefined;
    }
    const [value] = given instanceof FieldView && given.type === field.type ? given.values : [];
    const kind = isRecord(given) ? given.type : value?.type;
    const held = isRecord(given) ? given.value : given;
    return { value: textOf(held, field), type: typeof kind === 'string' ? kind : 'work' };
  };

const location: Write = (given, field) => {
  if (isRecord(given)) return given;
  const [value] = given instanceof FieldView && given.type === 'location' ? given.values : [];
  return typeof value?.value === 'string' ? value.value : textOf(given, field);
};

const file: Write = (given, field, clock) => {
  if (given instanceof FieldView) throw wrong(field, 'can’t be copied: files belong to one item');
  return id(['file_id', 'id'], 'the id of a file')(given, field, clock);
};

const WRITES: Readonly<Record<string, Write>> = {
  text,
  number: (given, field) => numberOf(given, field),
  money,
  progress: (given, field) => integerOf(given, field, 'a whole number from 0 to 100', 100),
  duration: (given, field) =>
    integerOf(given, field, 'a number of seconds (2h is 7200)', Number.MAX_SAFE_INTEGER),
  category,
  question: category,
  state: (given, field) => textOf(given, field),
  date,
  app: id(['item_id', 'id'], 'the id of an item'),
  contact,
  member,
  embed,
  location,
  phone: labelled('phone'),
  email: labelled('mail'),
  tag: (given, field) => textOf(given, field),
  image: file,
  file,
  video: file,
};

const NUMERIC: ReadonlySet<string> = new Set(['number', 'progress', 'duration', 'money']);
const NEVER_NUMBERS: ReadonlySet<string> = new Set(['date', 'contact', 'member', 'embed', 'email']);
/** What holds references and links takes those of fields of its own type only. */
const OF_ITS_OWN: ReadonlyMap<string, { readonly types: readonly string[]; readonly takes: string }> =
  new Map([
    ['date', { types: ['date'], takes: 'dates' }],
    ['app', { types: ['app'], takes: 'references to items' }],
    ['contact', { types: ['contact', 'member'], takes: 'contacts' }],
    ['member', { types: ['contact', 'member'], takes: 'users' }],
    ['embed', { types: ['embed'], takes: 'links' }],
  ]);
const FILES: ReadonlySet<string> = new Set(['image', 'file', 'video']);

/** Why no value of a field of the one type can be copied to one of the other, as `written` decides; in doubt it can. */
export function neverFits(from: string, to: string): string | undefined {
  if (FILES.has(to)) return 'which takes files, and these belong to one item';
  // A calculation of which it is not known what it results in.
  if (from === 'calculation') return undefined;
  const own = OF_ITS_OWN.get(to);
  if (own !== undefined) return own.types.includes(from) ? undefined : `which takes ${own.takes} only`;
  if (NUMERIC.has(to) && NEVER_NUMBERS.has(from)) return 'which takes numbers only';
  return undefined;
}

/** What stands in the config as it is can be looked at before anything happens; a zone moves no date out of the calendar. */
const ANY_TIME: Clock = { now: 0, zone: 'UTC' };

/** Why a field can never hold what stands in the config for it; undefined where it can, or templates will say. */
export function neverWritten(field: Field, given: unknown): ValueFault | undefined {
  const known =
    isRecord(given) && 'currency' in given && hasTemplate(given.value) ? { ...given, value: 1 } : given;
  if (hasTemplate(known) || !isTold(field)) return undefined;
  try {
    written(field, known, ANY_TIME);
    return undefined;
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    return { message: error.message, hint: error.hint };
  }
}

/** A catalog may not say which options or currencies there are: then there may be any. */
function isTold(field: Field): boolean {
  const { options, allowed_currencies: currencies } = settingsOf(field);
  if (field.type === 'money') return Array.isArray(currencies) && currencies.length > 0;
  return field.type !== 'category' && field.type !== 'question' ? true : Array.isArray(options);
}

/** The same of what is looked for: nothing is no name for an item. */
export function neverMatched(field: Field, given: unknown): ValueFault | undefined {
  const isNothing = !hasTemplate(given) && valuesIn(given).every(isEmpty);
  if (!isNothing) return neverWritten(field, given);
  return { message: `\`${field.external_id}\` is looked for empty, and nothing is no name for an item` };
}

const hasTemplate = (given: unknown): boolean => /\{[{%]/.test(JSON.stringify(given) ?? '');
