// What a busy day at Podio is to a daemon: people edit items, and deliveries come again until they are answered.
import { setTimeout as pause } from 'node:timers/promises';
import { DEALS, LEADS, type Site } from './site.ts';

/** Items that people edit at once, and those that are told of by hand. */
const ITEMS = 6;
const POSTERS = 4;

export interface Load {
  /** Ids of events that were answered with 200. */
  acknowledged(): Promise<ReadonlySet<string>>;
  /** How many of them came by hand so far. */
  posted(): number;
  /** No more edits; resolves when all that is on its way has been answered. */
  stop(): Promise<void>;
}

/** Goes on until it is stopped, daemon or not. */
export async function startLoad(site: Site, random: () => number): Promise<Load> {
  const items: number[] = [];
  for (let n = 0; n < ITEMS; n++) {
    items.push((await site.podio.createItem(LEADS.id, { fields: { title: `item ${n}` } })).itemId);
  }
  const posted = new Set<string>();
  let stopping = false;

  const edit = async () => {
    for (let n = 0; !stopping; n++) {
      const itemId = items[Math.floor(random() * items.length)] ?? 0;
      await site.podio.updateItem(itemId, { fields: { title: `edit ${n}` } });
      await pause(random() * 30);
    }
  };

  /** Of one item, one after the other: in the order in which they happened. */
  const post = async (itemId: number) => {
    for (let revision = 0; !stopping; revision++) {
      const type = revision === 0 ? 'item.create' : 'item.update';
      const params = { item_id: itemId, item_revision_id: revision };
      while ((await site.deliver(DEALS, type, params).catch(() => 0)) !== 200) await pause(10);
      posted.add(`${type}:${itemId}:${revision}`);
      await pause(random() * 30);
    }
  };

  const working = [edit(), ...Array.from({ length: POSTERS }, (_, n) => post(n + 1))];
  return {
    posted: () => posted.size,
    async acknowledged() {
      const deliveries = await site.podio.deliveries();
      const answered = deliveries.filter(({ type, status }) => type.startsWith('item.') && status === 200);
      const ids = answered.map(({ type, params }) => `${type}:${params.item_id}:${params.item_revision_id}`);
      return new Set([...posted, ...ids]);
    },
    async stop() {
      stopping = true;
      await Promise.all(working);
      while ((await site.podio.pendingDeliveries()) > 0) await pause(20);
    },
  };
}
