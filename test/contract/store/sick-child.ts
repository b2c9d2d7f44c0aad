// For each line of its input appends an event, moves a lane and lists the journal, and says what came of it.
import { createInterface } from 'node:readline';
import { openStore } from '../../../src/store/index.ts';
import { codeOf, itemEvent } from './worlds.ts';

const [dataDir = ''] = process.argv.slice(2);
const store = await openStore({ dataDir });
const lease = await store.lanes.acquire({ rule: 'all', shard: 0, of: 1 }, 'head');
let item = 0;
for await (const _ of createInterface({ input: process.stdin })) {
  item += 1;
  // Known to the database alone: what was just appended is in memory as well.
  const [appended, moved, listed] = await Promise.all([
    codeOf(store.journal.append([itemEvent(item, 1)])),
    codeOf(store.lanes.advance(lease, item)),
    codeOf(store.journal.list({ itemId: item - 1 })),
  ]);
  console.log(JSON.stringify({ item, appended, moved, listed }));
}
await store.close();
process.exit(0);
