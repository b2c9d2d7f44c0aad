import { expect } from 'chai';
import { makeWaits, withWaiting } from '../../../src/cli/waits.ts';
import { makeMemoryStore } from '../../../src/store/memory.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';
import { itemUpdate } from '../dispatch/support.ts';

const COUNT = 300;

/** A journal of so many events, of which the rule `r` has dealt with the first ten; it waits for the even ones. */
async function scene({ isRunning = true } = {}) {
  const store = makeMemoryStore({ clock: makeVirtualClock() });
  const lease = await store.lanes.acquire({ rule: 'r', shard: 0, of: 1 }, 'earliest');
  for (let n = 1; n <= COUNT; n++) await store.journal.append([itemUpdate(n, 1)]);
  await store.lanes.advance(lease, 10);
  const asked: number[] = [];
  const waits = makeWaits(store, {
    why: async ({ event }) => {
      if (!isRunning) throw new Error('nobody listens');
      const seq = Number(event);
      asked.push(seq);
      const rules = seq % 2 === 0 ? [{ rule: 'r', verdict: 'waiting', why: 'its turn has not come' }] : [];
      return { changes: [{ seqs: [seq], rules }] } as never;
    },
  });
  return {
    waits,
    asked,
    async told(last?: number): Promise<readonly number[]> {
      const seqs: number[] = [];
      const query = { rule: 'r', ...(last !== undefined && { last }) };
      for await (const { event } of withWaiting(store, query, waits)) seqs.push(event.seq);
      return seqs;
    },
  };
}

const evenFrom = (first: number, count: number) => Array.from({ length: count }, (_, n) => first + 2 * n);

describe('what waits for a rule, in `podiod events`', () => {
  it('the last so many are the newest, and no more is asked than it takes to find them', async () => {
    const { told, asked, waits } = await scene();
    expect(await told(5)).to.deep.equal(evenFrom(292, 5));
    expect(asked).to.have.length(9);
    expect(waits.isPartial).to.equal(false);
  });

  it('where too many are to be asked about, those that are left out are told of', async () => {
    const newest = await scene();
    expect(await newest.told(80)).to.deep.equal(evenFrom(202, 50));
    expect([newest.asked.length, newest.waits.isPartial]).to.deep.equal([100, true]);
    const all = await scene();
    expect(await all.told()).to.deep.equal(evenFrom(12, 50));
    expect([all.asked.length, all.waits.isPartial]).to.deep.equal([100, true]);
  });

  it('where no daemon runs there is nobody to ask, and nothing is said to be left out', async () => {
    const { told, waits } = await scene({ isRunning: false });
    expect(await told()).to.deep.equal([]);
    expect(waits.isPartial).to.equal(false);
  });
});
