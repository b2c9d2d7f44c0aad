import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Store } from '../../../../src/store/contract.ts';
import { openStore } from '../../../../src/store/index.ts';
import { itemEvent, lane, settled } from '../../../contract/store/worlds.ts';
import { temporaryFolder } from '../../../support/folder.ts';
import { makeVirtualClock } from '../../../support/virtual-clock.ts';

const DAY = 86_400_000;
const BATCH = 500;

describe('the database file under retention', () => {
  const fill = async (store: Store, from: number, count: number) => {
    const lease = await store.lanes.acquire(lane(), 'earliest');
    const after = store.journal.head();
    for (let n = 0; n < count; n += BATCH) {
      const items = Array.from({ length: BATCH }, (_, i) => from + n + i);
      await store.journal.append(items.map(item => itemEvent(1 + ((item * 7919) % 1000), item)));
    }
    for (let at = after; at < store.journal.head(); at += BATCH) {
      const { entries } = await store.journal.read({ after: at, limit: BATCH });
      await Promise.all(entries.map(({ event }) => store.lanes.finish(lease, settled(event), event.seq)));
    }
  };

  const removeOld = async (store: Store): Promise<void> => {
    const lease = await store.singleton('retention');
    for (let after = 0; ; ) {
      const { upTo, more } = await store.retention.removeEvents(lease, {
        olderThanMs: 30 * DAY,
        rules: ['won-leads'],
        after,
      });
      if (!more) return;
      after = upTo;
    }
  };

  it('grows no further when as much goes as comes, and shrinks when less comes', async () => {
    using folder = temporaryFolder();
    const clock = makeVirtualClock();
    await using store = Object.assign(await openStore({ dataDir: folder.path, clock }), {
      [Symbol.asyncDispose]: () => store.close(),
    });
    const file = join(folder.path, 'podiod.db');
    const held = async () => {
      const { used, free } = await store.retention.usage();
      return used + free;
    };
    await fill(store, 0, 10_000);
    const full = await held();
    for (let month = 1; month <= 3; month++) {
      await clock.advance(31 * DAY);
      await removeOld(store);
      await fill(store, month * 10_000, 10_000);
      expect(await held(), `after ${month} months`).to.be.lessThan(full * 1.25);
    }
    await clock.advance(31 * DAY);
    await removeOld(store);
    const lease = await store.singleton('retention');
    while (await store.retention.giveBack(lease));
    const { used, free } = await store.retention.usage();
    expect(used).to.be.lessThan(full / 3);
    expect(free).to.be.at.most(256 * 4096);
    await store.close();
    expect(statSync(file).size).to.equal(used + free);
  }).timeout(60_000);
});
