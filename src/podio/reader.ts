import { PodioError } from '../core/errors.ts';
import { isHookRefType, type PodioEvent, refKey } from '../core/event.ts';
import type { Log } from '../core/log.ts';
import type { FieldDifference, Item, ItemField } from '../core/podio.ts';
import type { Changes, FieldChanged } from '../plugin/contract.ts';
import type { CallOptions, Identities, Identity, ItemReader, PodioClient } from './contract.ts';
import { isGone } from './errors.ts';
import { makeRecent, type Recent } from './recent.ts';

/** Items and differences kept; with app references embedded an item can be some 50 kB. */
const KEPT = 500;

/** An {@link ItemReader} that also tells what it has learned on the way. */
export interface LearningItemReader extends ItemReader {
  /** The app that an item was last seen in. */
  appOfItem(itemId: number): number | undefined;
}

/**
 * Reads what events are about, once per item and revision: rules that ask at the same time share one call, later ones
 * what is kept. An item that is gone is no error; anything else rejects, is not kept, and so is tried again by the step.
 */
export function makeItemReader(options: {
  readonly items: Pick<PodioClient['items'], 'get' | 'difference'>;
  readonly identities: Identities;
  readonly log: Log;
}): LearningItemReader {
  const { items, identities } = options;
  const log = options.log.child({ module: 'podio' });
  const read = makeRecent<string, Promise<Item>>(KEPT);
  const changed = makeRecent<string, Promise<Changes>>(KEPT);
  const newest = makeRecent<number, Item>(KEPT);

  const callerFor = (event: PodioEvent): Identity => {
    const { ref } = event;
    const identity =
      (event.app !== undefined && identities.forApp(event.app)) ||
      (isHookRefType(ref.type) && identities.forRef({ type: ref.type, id: Number(ref.id) }));
    if (identity) return identity;
    throw new PodioError(
      'PODIO_NO_IDENTITY',
      `no token or login reaches ${refKey(ref)}, whose event this is`,
      {
        retry: 'never',
        hint: 'Put its app or space back into the config.',
      },
    );
  };

  const fetchItem = async (event: PodioEvent, itemId: number): Promise<Item> => {
    try {
      const item = await items.get(callerFor(event), itemId, urgency(event));
      if ((newest.get(itemId)?.revision ?? -1) <= (item.revision ?? 0)) newest.set(itemId, item);
      return item;
    } catch (error) {
      if (!isGone(error)) throw error;
      log.debug('item is gone', { itemId, error });
      return newest.get(itemId) ?? emptyItem(itemId);
    }
  };

  const item = async (event: PodioEvent): Promise<Item> => {
    const { itemId, revision } = event;
    if (itemId === undefined) return emptyItem(0);
    // Comments and files leave the revision as it is, so for them each event has a reading of its own.
    const known = revision === undefined ? undefined : newest.get(itemId);
    if (known?.revision !== undefined && revision !== undefined && known.revision >= revision) return known;
    return once(read, `${itemId}/${revision ?? event.id}`, () => fetchItem(event, itemId));
  };

  const difference = async (event: PodioEvent, itemId: number, from: number, to: number) => {
    try {
      return await items.difference(callerFor(event), itemId, from, to, urgency(event));
    } catch (error) {
      // Podio forgets old revisions, and what it answers then is not documented.
      if (!isGone(error) && !isRefused(error)) throw error;
      log.info('revision difference is gone', { itemId, from, to, error });
      return undefined;
    }
  };

  const updated = async (event: PodioEvent, itemId: number, revision: number): Promise<Changes> => {
    const differences = (await difference(event, itemId, revision - 1, revision)) ?? [];
    return new Map(differences.map(each => [each.external_id, toChanged(each, each.from, each.to)]));
  };

  /** The item may have gone on since: the difference from its creation to now leads back to what it was created with. */
  const created = async (event: PodioEvent, itemId: number): Promise<Changes> => {
    const now = await item(event);
    const initial = new Map<string, ItemField>(now.fields.map(field => [field.external_id, field]));
    if (now.revision !== undefined && now.revision > 0) {
      for (const each of (await difference(event, itemId, 0, now.revision)) ?? []) {
        initial.set(each.external_id, { ...each, values: each.from });
      }
    }
    const filled = Array.from(initial.values()).filter(({ values }) => values.length > 0);
    return new Map(filled.map(field => [field.external_id, toChanged(field, [], field.values)]));
  };

  return {
    item,
    async changes(event) {
      const { itemId, revision } = event;
      if (itemId === undefined) return new Map();
      if (event.type === 'item.create') return once(changed, `${itemId}/0`, () => created(event, itemId));
      if (event.type !== 'item.update' || revision === undefined || revision < 1) return new Map();
      return once(changed, `${itemId}/${revision}`, () => updated(event, itemId, revision));
    },
    appOfItem: itemId => newest.get(itemId)?.app?.app_id,
  };
}

/** The work in hand or its kept result. A failure is not kept. */
function once<T>(kept: Recent<string, Promise<T>>, key: string, work: () => Promise<T>): Promise<T> {
  const known = kept.get(key);
  if (known) return known;
  const result = work();
  kept.set(key, result);
  result.catch(() => kept.delete(key));
  return result;
}

/** What was missed gives way to what happens now. */
const urgency = (event: PodioEvent): CallOptions => ({
  priority: event.source === 'recovered' ? 'recovery' : 'live',
});

const isRefused = (error: unknown): boolean => error instanceof PodioError && error.code === 'PODIO_INVALID';

const emptyItem = (itemId: number): Item => ({ item_id: itemId, title: '', fields: [] });

function toChanged(
  field: ItemField | FieldDifference,
  from: FieldChanged['from'],
  to: FieldChanged['to'],
): FieldChanged {
  const { field_id: fieldId, type, label, config } = field;
  return { fieldId, type, label, from, to, ...(config && { config }) };
}
