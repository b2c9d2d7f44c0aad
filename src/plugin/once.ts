import { createHash, randomUUID } from 'node:crypto';
import { isPodiodError } from '../core/errors.ts';
import type { PluginStore } from './contract.ts';

/** Something that must not be done twice. Its result is plain JSON, a kilobyte at most. */
export interface Effect<T> {
  make(): Promise<T>;
  /**
   * Asked when a try that began at `since` (UTC ms) never told how it ended: what that try made, or undefined for nothing.
   * `isOthers`: whether what has this id was made for another key, however alike it is. Left out: it is made again.
   */
  find?(since: number, isOthers: (id: unknown) => boolean): Promise<T | undefined>;
  /** Who is at it, where several events share a key: one waits for the other. Default: the key. */
  readonly by?: string;
  /** Never forgotten. Otherwise it is after a hundred thousand later ones, when its run is long over. */
  readonly forever?: boolean;
}

interface Entry {
  /** UTC ms. */
  readonly at: number;
  readonly by: string;
  /** Which call began it. */
  readonly claim: string;
  readonly result?: { readonly value: unknown };
}

type Entries = Readonly<Record<string, Entry>>;

/** How long someone else who began and was not heard of again is taken to be at it still. */
const BUSY_MS = 15 * 60_000;
/** Entries share places in the store, so that there is an end to how many there are. */
const KEPT_DONE = 30;
const KEPT = 60;
/** Ids of what was made last, of which none was made by a try that is looked for. */
const MADE = 'once/made';
const KEPT_MADE = 200;
const MAX_ID = 100;

/**
 * Does something once for a key, over retries and crashes: what was made is written down in the step's store, and so is,
 * before, that it was begun. What a crash in between leaves open, `find` decides.
 */
export async function once<T>(store: PluginStore, key: string, effect: Effect<T>): Promise<T> {
  const { make, find, by = key, forever = false } = effect;
  const name = createHash('sha256').update(key).digest('base64url').slice(0, 22);
  const place = `once/${forever ? name : name.slice(0, 2)}`;
  const mine: Entry = { at: Date.now(), by, claim: randomUUID() };

  const entries = await store.update(place, value => claimed(entriesIn(value), name, mine));
  const entry = entriesIn(entries)[name] ?? mine;
  if (entry.result) return entry.result.value as T;

  const record = async (value: T): Promise<T> => {
    await store.update(place, now => ({ ...entriesIn(now), [name]: { ...entry, result: { value } } }));
    const id = idOf(value);
    if (find && id !== undefined) await store.update(MADE, ids => [...listIn(ids), id].slice(-KEPT_MADE));
    return value;
  };
  if (entry.claim === mine.claim) {
    try {
      return await record(await make());
    } catch (error) {
      if (isRefusal(error)) await store.update(place, now => without(entriesIn(now), name));
      throw error;
    }
  }
  if (entry.by !== by && Date.now() - entry.at < BUSY_MS)
    throw new Error('another event is at the same thing, or was cut off at it a moment ago');
  const others = find ? new Set(listIn(await store.get(MADE))) : new Set();
  const found = await find?.(entry.at, id => others.has(id));
  return record(found ?? (await make()));
}

/** What begins now, unless it stands there already; the oldest go where there are too many. */
function claimed(entries: Entries, name: string, mine: Entry): Entries {
  if (Object.hasOwn(entries, name)) return entries;
  const older = Object.entries(entries).sort(([, one], [, other]) => other.at - one.at);
  const done = older.filter(([, { result }]) => result !== undefined).slice(0, KEPT_DONE);
  const open = older.filter(([, { result }]) => result === undefined).slice(0, KEPT - KEPT_DONE);
  return Object.fromEntries([...open, ...done, [name, mine]]);
}

const entriesIn = (value: unknown): Entries =>
  typeof value === 'object' && value !== null ? (value as Entries) : {};

const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** What something was made is told by: itself, or its `id`. */
function idOf(value: unknown): string | number | undefined {
  const id = typeof value === 'object' && value !== null && 'id' in value ? value.id : value;
  return typeof id === 'number' || (typeof id === 'string' && id.length <= MAX_ID) ? id : undefined;
}

/** Undefined once it is empty: then the store forgets the place. */
function without(entries: Entries, name: string): Entries | undefined {
  const { [name]: _, ...rest } = entries;
  return Object.keys(rest).length > 0 ? rest : undefined;
}

/** Podio said no, or was not asked at all: nothing was made, so there is nothing to look for. */
const isRefusal = (error: unknown): boolean =>
  isPodiodError(error) && error.code.startsWith('PODIO_') && error.code !== 'PODIO_UNAVAILABLE';
