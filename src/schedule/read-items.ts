/** Items that are due, as Podio has them. */
import { coerceError } from '../core/errors.ts';
import type { Item } from '../core/podio.ts';
import type { CallOptions, Identity, PodioClient } from '../podio/contract.ts';
import { isGone } from '../podio/errors.ts';

/** Fewer than these are read one by one: such calls are four times as many in an hour. */
const WORTH_A_LIST = 4;

/** One call for many, one for each of a few. What a list leaves out is asked for by itself. */
export async function readItems(
  podio: Pick<PodioClient['items'], 'filter' | 'get'>,
  as: Identity,
  appId: number,
  ids: readonly number[],
  call: CallOptions,
): Promise<ReadonlyMap<number, Item | 'gone' | Error>> {
  const found = new Map<number, Item | 'gone' | Error>();
  if (ids.length >= WORTH_A_LIST) {
    const filters = { item_id: ids };
    const list = { limit: ids.length, offset: 0, remember: false, sort_by: 'item_id', sort_desc: false };
    const { items } = await podio.filter(as, appId, { filters, ...list }, { ...call, whole: true });
    for (const item of items)
      if (ids.includes(item.item_id))
        found.set(item.item_id, { ...item, app: item.app ?? { app_id: appId } });
  }
  for (const id of ids.filter(one => !found.has(one))) {
    try {
      found.set(id, await podio.get(as, id, call));
    } catch (thrown) {
      found.set(id, isGone(thrown) ? 'gone' : coerceError(thrown));
    }
  }
  return found;
}
