import { isPodiodError } from '../../core/errors.ts';
import type { PodioEvent } from '../../core/event.ts';
import type { FieldDifference, Item, ItemField } from '../../core/podio.ts';
import { isRecord } from '../../core/values.ts';
import type { Identities, Identity, ItemReader, PodioClient } from '../../podio/contract.ts';
import type { Past } from './history.ts';

export interface PastDeps {
  readonly past: Past;
  /** An answer that was given is given again. */
  readonly podio: Pick<PodioClient, 'items'>;
  readonly identities: Pick<Identities, 'forApp'>;
  /** What each revision has changed is read anyway: then an item is led back by those. Else by one difference to now. */
  readonly stepwise: boolean;
}

/** Reads items as they were at the time of an event, as far as Podio still tells. */
export function readerOfThePast(now: ItemReader, deps: PastDeps): ItemReader {
  const { past, podio, identities, stepwise } = deps;
  const { items, revisions } = past;
  const before = async (item: Item, as: Identity, current: number, wanted: number): Promise<Item> => {
    const step = stepwise ? 1 : current - wanted;
    let led = item;
    for (let at = current; at > wanted; at -= step)
      led = undone(led, await podio.items.difference(as, item.item_id, at - step, at), at - step);
    return led;
  };
  const itemAt = async (event: PodioEvent): Promise<Item> => {
    const { itemId, revision, app } = event;
    const item = itemId === undefined ? undefined : items.get(itemId);
    if (item?.revision === undefined || revision === undefined || revision >= item.revision)
      return item ?? now.item(event);
    const as = app === undefined ? undefined : identities.forApp(app);
    if (!as) return item;
    try {
      return await before(item, as, item.revision, revision);
    } catch (error) {
      if (
        isPodiodError(error) &&
        ['PODIO_NOT_FOUND', 'PODIO_FORBIDDEN', 'PODIO_INVALID'].includes(error.code)
      )
        return item;
      throw error;
    }
  };
  return {
    ...now,
    item: itemAt,
    async changes(event) {
      if (event.type !== 'item.create' || event.itemId === undefined || !items.has(event.itemId))
        return now.changes(event);
      const item = await itemAt(event);
      return new Map(
        item.fields.map(({ external_id, field_id: fieldId, type, label, values, config }) => [
          external_id,
          { fieldId, type, label, from: [], to: values, ...(config && { config }) },
        ]),
      );
    },
    async actor(event) {
      const { itemId, revision } = event;
      const known =
        itemId === undefined || revision === undefined ? undefined : revisions.get(itemId)?.get(revision);
      if (known?.created_by) return known.created_by;
      const item = itemId === undefined ? undefined : items.get(itemId);
      const byline = revision === 0 ? item?.created_by : madeLastBy(item, revision);
      return isRecord(byline) ? byline : now.actor(event);
    },
  };
}

/** Who made this revision, where the item was listed with it as its last one. */
export function madeLastBy(item: Item | undefined, revision: number | undefined): unknown {
  const current = item?.current_revision;
  return isRecord(current) && current.revision === revision ? current.created_by : undefined;
}

/** The item without what was changed since. */
function undone(item: Item, since: readonly FieldDifference[], revision: number): Item {
  const fields = new Map<string, ItemField>(item.fields.map(field => [field.external_id, field]));
  let title = item.title;
  for (const { from, to, ...field } of since) {
    if (from.length === 0) fields.delete(field.external_id);
    else fields.set(field.external_id, { ...field, values: from });
    // The title is a field's text.
    const before = from[0]?.value;
    if (to[0]?.value === title && typeof before === 'string') title = before;
  }
  return { ...item, title, revision, fields: [...fields.values()] };
}
