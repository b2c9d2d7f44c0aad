/** Finding the item that a rule means, by what its fields hold. */
import { type Item, type Log, PermanentError, type PluginPodio } from 'podiod/plugin';
import type { Definition, Field } from './fields.ts';
import { isSame, valuesOf } from './same.ts';
import { type Clock, isRecord, written } from './written.ts';

/** What to look for, ready to be asked: by external id, or by what fields hold. */
export type Match =
  | { readonly kind: 'externalId'; readonly externalId: string }
  | {
      readonly kind: 'fields';
      readonly wanted: readonly { readonly field: Field; readonly values: readonly unknown[] }[];
    };

/** Throws PermanentError where a value is empty: that would match what was never meant. */
export function matchOf(
  given: Readonly<Record<string, unknown>>,
  definition: Definition,
  clock: Clock,
): Match {
  const { externalId, ...fields } = given;
  if (Object.hasOwn(given, 'externalId')) {
    const text = String(externalId ?? '').trim();
    if (text === '') throw empty('externalId');
    // A part of a path that none can be called by: it would be taken out of it.
    if (text === '.' || text === '..')
      throw new PermanentError(`Podio can’t be asked for the external id ${text}`);
    return { kind: 'externalId', externalId: text };
  }
  if (Object.keys(fields).length === 0) throw new PermanentError('`match` names nothing to look for');
  const wanted = Object.entries(fields).map(([name, value]) => {
    const field = definition.field(name);
    const values = written(field, value, clock);
    if (values.length === 0) throw empty(name);
    return { field, values };
  });
  return { kind: 'fields', wanted };
}

const empty = (name: string): PermanentError =>
  new PermanentError(`\`match.${name}\` came to nothing, and nothing is no name for an item`);

/** Names what is looked for, so that two events that look for the same take turns. */
export const keyOf = (appId: number, match: Match): string =>
  `${appId} ${match.kind === 'externalId' ? JSON.stringify(match.externalId) : JSON.stringify(match.wanted.map(({ field, values }) => [field.field_id, values]))}`;

const PAGE = 500;
/** Texts can't be asked for, so items are looked through; here it ends. */
const MAX_PAGES = 4;

/** The item, or undefined. Of several the one that was made first, always the same one. */
export async function findItem(
  podio: PluginPodio,
  definition: Definition,
  match: Match,
  log: Log,
): Promise<Item | undefined> {
  return match.kind === 'externalId'
    ? byExternalId(podio, definition.appId, match.externalId)
    : byFields(podio, definition, match.wanted, log);
}

export async function byExternalId(
  podio: PluginPodio,
  appId: number,
  externalId: string,
): Promise<Item | undefined> {
  try {
    return (await podio.request('GET', `/item/app/${appId}/external_id/${encodeURIComponent(externalId)}`, {
      query: { mark_as_viewed: false },
    })) as Item;
  } catch (error) {
    if (codeOf(error) === 'PODIO_NOT_FOUND') return undefined;
    throw error;
  }
}

export const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;

async function byFields(
  podio: PluginPodio,
  { appId }: Definition,
  wanted: Extract<Match, { kind: 'fields' }>['wanted'],
  log: Log,
): Promise<Item | undefined> {
  const filters = Object.fromEntries(
    wanted.flatMap(({ field, values }) => {
      const filter = filterOf(field, values);
      return filter === undefined ? [] : [[field.field_id, filter]];
    }),
  );
  const isExact = Object.keys(filters).length === wanted.length;
  for (let page = 0; page < MAX_PAGES; page++) {
    const limit = isExact ? 30 : PAGE;
    const body = {
      filters,
      sort_by: 'created_on',
      sort_desc: false,
      limit,
      offset: page * limit,
      remember: false,
    };
    const { items, filtered } = await podio.items.filter(appId, body);
    // Podio passes over what it can't filter by, so every item is looked at.
    const fitting = items.filter(item =>
      wanted.every(({ field, values }) => isSame(field, values, valuesOf(item, field))),
    );
    if (fitting.length > 1)
      log.warn('several items match, the one made first is taken', { appId, items: fitting.length });
    if (fitting[0]) return fitting[0];
    if (items.length === 0 || (page + 1) * limit >= filtered) return undefined;
  }
  throw new PermanentError(
    `there are too many items to look through for \`match\`: more than ${MAX_PAGES * PAGE}`,
    {
      hint: 'Podio can’t filter by text: match by externalId, or by a category, a number, a date or a reference.',
    },
  );
}

/** What Podio's filter can be asked (reference 8.3): ids and ranges. Undefined for texts. */
function filterOf({ type }: Field, [value, ...more]: readonly unknown[]): unknown {
  switch (type) {
    case 'category':
    case 'question':
    case 'app':
    case 'member':
      return [value, ...more];
    case 'contact':
      return typeof value === 'number' ? [value, ...more] : undefined;
    case 'number':
    case 'progress':
    case 'duration':
      return { from: value, to: value };
    case 'money':
      return isRecord(value) ? { from: Number(value.value), to: Number(value.value) } : undefined;
    case 'date': {
      const day = isRecord(value) ? value.start_date : undefined;
      return day === undefined ? undefined : { from: day, to: day };
    }
    default:
      return undefined;
  }
}
