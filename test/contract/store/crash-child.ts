// Appends events and finishes runs as fast as it can, and says in a file what was acknowledged. Never ends by itself.
import { openSync, writeSync } from 'node:fs';
import { openStore } from '../../../src/store/index.ts';
import { itemEvent, keyOf, lane, settled } from './worlds.ts';

const [dataDir = '', round = '', file = ''] = process.argv.slice(2);
const store = await openStore({ dataDir });
const lease = await store.lanes.acquire(lane(), 'earliest');

const said = openSync(file, 'a');
/** At once: what a killed process had buffered would be lost. */
const say = (line: string) => writeSync(said, `${line}\n`);

let revision = 0;
const work = async (worker: number): Promise<never> => {
  for (;;) {
    const event = itemEvent(Number(round) * 100 + worker, ++revision);
    const [result] = await store.journal.append([event]);
    say(`event ${event.id}`);
    const seq = result?.seq ?? 0;
    await store.lanes.finish(
      lease,
      settled({ ...event, seq, receivedAt: '' }, keyOf({ ...event, seq, receivedAt: '' })),
      0,
    );
    say(`run ${seq}`);
  }
};
await Promise.all(Array.from({ length: 8 }, (_, i) => work(i)));
