// A store in a process of its own, whose flushes can be held. Each line of its input is something to do at once, whatever is
// under way; when it is done, the line is said again.
import { createInterface } from 'node:readline';
import { setImmediate as turn } from 'node:timers/promises';
import { openStore } from '../../../../src/store/index.ts';
import { itemEvent, lane } from '../../../contract/store/worlds.ts';

const [dataDir = ''] = process.argv.slice(2);
const store = await openStore({ dataDir });
const lease = await store.lanes.acquire(lane(), 'head');

const works: Readonly<Record<string, (n: number) => Promise<unknown>>> = {
  append: n => store.journal.append([itemEvent(n, 1)]),
  advance: n => store.lanes.advance(lease, n),
  keep: n => store.settings.set(`kept/${n}`, n),
  list: n => store.journal.list({ itemId: n }),
  look: n => store.settings.get(`kept/${n}`),
  status: () => store.lanes.status(),
  turn: () => turn(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const [what = '', n] = line.split(' ');
  void works[what]?.(Number(n)).then(() => console.log(line));
}
await store.close();
