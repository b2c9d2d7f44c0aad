// Puts events into a journal: checkout, dataDir, how many, from which item on.
import { join } from 'node:path';
import type * as StoreModule from '../../src/store/index.ts';

const [, , checkout = '', dataDir = '', count = '0', first = '0'] = process.argv;
const { openStore } = (await import(join(checkout, 'dist/src/store/index.js'))) as typeof StoreModule;
const store = await openStore({ dataDir, maxWaiting: 100_000 });
const BATCH = 1000;
for (let n = 0; n < Number(count); n += BATCH) {
  await store.journal.append(
    Array.from({ length: BATCH }, (_, i) => {
      const itemId = 3_000_000_000 + Number(first) + n + i;
      return {
        id: `item.update:${itemId}:1`,
        type: 'item.update',
        source: 'webhook' as const,
        ref: { type: 'app' as const, id: 101 },
        app: 'app-0',
        itemId,
        revision: 1,
        params: { item_id: String(itemId), item_revision_id: '1', type: 'item.update', hook_id: '4711' },
      };
    }),
  );
}
await store.close();
