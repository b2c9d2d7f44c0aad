// Appends until the disk is full, says so, waits for a line on stdin (there is room again) and appends once more.
import { once } from 'node:events';
import { openStore } from '../../../src/store/index.ts';
import { codeOf, itemEvent } from './worlds.ts';

const [dataDir = ''] = process.argv.slice(2);
const store = await openStore({ dataDir });
const large = { text: 'x'.repeat(10_000) };
let taken = 0;
let code: unknown;
while (code === undefined && taken < 10_000) {
  code = await codeOf(store.journal.append([itemEvent(taken + 1, 1, { params: large })]));
  if (code === undefined) taken++;
}
const head = store.journal.head();
console.log(
  JSON.stringify({
    taken,
    code,
    head,
    again: await codeOf(store.journal.append([itemEvent(0, 1, { params: large })])),
  }),
);
await once(process.stdin, 'data');
const [result] = await store.journal.append([itemEvent(taken + 1, 1, { params: large })]);
console.log(JSON.stringify(result));
await store.close();
process.exit(0);
