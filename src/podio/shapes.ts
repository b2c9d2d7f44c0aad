/**
 * Answers of Podio as podiod works with them. Much of what Podio may send is not documented, and a call that fails for one
 * odd value of one item would fail for ever: such a part counts as empty or is left out, and `odd` is told of it. What is
 * something else altogether is refused where it came, and not found by whoever trips over it later. Only what podiod
 * relies on is looked at; the rest is passed on as it came. Pure.
 */
import type {
  App,
  Comment,
  FieldDifference,
  FileInfo,
  FilterResult,
  Hook,
  Item,
  Revision,
  Task,
} from '../core/podio.ts';
import { isRecord } from './json.ts';

/** Told where in an answer something odd stood, such as `fields.values`. */
export type Odd = (where: string) => void;

/** Undefined where nothing can be made of it. */
export type Reader<T = unknown> = (value: unknown, odd: Odd) => T | undefined;

type Parts = Readonly<Record<string, Reader>>;

const count: Reader<number> = value => {
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : undefined;
};

const id: Reader<number> = (value, odd) => count(value, odd) || undefined;

const text: Reader<string> = value =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined;

const object: Reader = value => (isRecord(value) ? value : undefined);

/** The default also stands for what is left out or null, which is not odd. */
const or =
  <T>(read: Reader<T>, otherwise: T): Reader<T> =>
  (value, odd) => {
    if (value === undefined || value === null) return otherwise;
    const known = read(value, odd);
    if (known === undefined) odd('');
    return known ?? otherwise;
  };

/** Of `needed` each has to be something; what is nothing of `other` is left out. Copied only where something changes. */
const record = (needed: Parts, other: Parts = {}): Reader<Readonly<Record<string, unknown>>> => {
  const parts = [...Object.entries(needed), ...Object.entries(other)];
  return (value, odd) => {
    if (!isRecord(value)) return undefined;
    let all: Record<string, unknown> = value;
    let at = '';
    const within: Odd = where => odd(where === '' ? at : `${at}.${where}`);
    for (const [key, read] of parts) {
      at = key;
      const given = value[key];
      const isNeeded = key in needed;
      if (!isNeeded && (given === undefined || given === null)) continue;
      const known = read(given, within);
      if (known === undefined && isNeeded) return undefined;
      if (known === given) continue;
      if (all === value) all = { ...value };
      if (known === undefined) {
        odd(key);
        delete all[key];
      } else all[key] = known;
    }
    return all;
  };
};

/** What is nothing is left out. */
const some =
  (read: Reader): Reader<readonly unknown[]> =>
  (value, odd) => {
    if (!Array.isArray(value)) return undefined;
    const all: unknown[] = [];
    let isSame = true;
    for (const element of value) {
      const known = read(element, odd);
      if (known === undefined) odd('');
      else all.push(known);
      isSame &&= known === element;
    }
    return isSame ? value : all;
  };

/** Of nothing but strange things it is another list. */
const list =
  (read: Reader): Reader<readonly unknown[]> =>
  (value, odd) => {
    const known = some(read)(value, odd);
    return known?.length === 0 && (value as readonly unknown[]).length > 0 ? undefined : known;
  };

/** Where one is nothing, nothing is: a place in such a list is found by how many there are. */
const each =
  (read: Reader): Reader<readonly unknown[]> =>
  (value, odd) => {
    if (!Array.isArray(value)) return undefined;
    const known = value.map(element => read(element, odd));
    return known.includes(undefined) ? undefined : known;
  };

const values = or(some(object), []);

/** Without a name of its own a field goes by its number. */
const field = (needed: Parts, other: Parts = {}): Reader => {
  const read = record({ external_id: text, type: or(text, ''), ...needed }, { field_id: id, ...other });
  return (value, odd) => {
    const hasName = !isRecord(value) || (value.external_id ?? undefined) !== undefined;
    return read(hasName ? value : { ...value, external_id: value.field_id }, odd);
  };
};

const item = record(
  { item_id: id, fields: some(field({ values }, { config: object })) },
  {
    ...{ app_item_id: id, external_id: text, revision: count, app: record({ app_id: id }) },
    ...{ title: text, current_revision: record({}, { revision: count }) },
  },
);
export const readItem = item as Reader<Item>;

const page = record({ items: each(item) }, { filtered: count, total: count });
export const readPage = page as unknown as Reader<
  Pick<FilterResult, 'items'> & Partial<Omit<FilterResult, 'items'>>
>;

const difference = list(field({ from: values, to: values }, { config: object }));
export const readDifference = difference as Reader<FieldDifference[]>;

const revision = record({ revision: count });
export const readRevision = revision as unknown as Reader<Revision>;
export const readRevisions = list(revision) as unknown as Reader<Revision[]>;

const appField = field(
  {
    ...{ field_id: id, status: or(text, 'active') },
    config: or(record({}, { label: text, settings: object }), {}),
  },
  { label: text },
);
const app = record({
  ...{ app_id: id, fields: some(appField) },
  config: or(record({ name: or(text, '') }, { item_name: text }), { name: '' }),
});
export const readApp = app as unknown as Reader<App & { readonly token?: unknown }>;

const about = { ref: record({ id }) };
const comment = record({ comment_id: id, value: or(text, '') }, about);
export const readComment = comment as Reader<Comment>;
export const readComments = list(comment) as Reader<Comment[]>;
const task = record({ task_id: id, text: or(text, '') }, about);
export const readTask = task as Reader<Task>;
export const readTasks = list(task) as Reader<Task[]>;
export const readFile = record({ file_id: id, name: or(text, '') }) as Reader<FileInfo>;
/** Each of them: what podiod does about hooks depends on knowing all. */
export const readHooks = each(record({ hook_id: id, type: text, url: or(text, '') })) as unknown as Reader<
  Hook[]
>;
