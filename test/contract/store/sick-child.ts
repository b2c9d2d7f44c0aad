// For each line of its input appends an event and lists the journal, and says what came of it.
import { createInterface } from 'node:readline';
import { openStore } from '../../../src/store/index.ts';
import { codeOf, itemEvent } from './worlds.ts';

const [dataDir = ''] = process.argv.slice(2);
const store = await openStore({ dataDir });
let item = 0;
for await (const _ of createInterface({ input: process.stdin })) {
  item += 1;
  // Known to the database alone: what was just appended is in memory as well.
  const [appended, listed] = await Promise.all([
    codeOf(store.journal.append([itemEvent(item, 1)])),
    codeOf(store.journal.list({ itemId: item - 1 })),
  ]);
  console.log(JSON.stringify({ item, appended, listed }));
}
await store.close();
process.exit(0);
