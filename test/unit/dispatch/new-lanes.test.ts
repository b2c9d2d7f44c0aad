import { expect } from 'chai';
import { beginNewLanes } from '../../../src/dispatch/new-lanes.ts';
import { makeMemoryStore } from '../../../src/store/memory.ts';

const event = (itemId: number) => ({
  id: `item.create:${itemId}:0`,
  type: 'item.create',
  source: 'webhook' as const,
  ref: { type: 'app' as const, id: 101 },
  itemId,
  revision: 0,
  params: {},
});

describe('beginNewLanes', () => {
  it('gives a new rule what is appended from then on', async () => {
    const { journal, lanes } = makeMemoryStore();
    await journal.append([event(1)]);
    await beginNewLanes(lanes, [{ name: 'new', startAt: 'head' }]);
    await journal.append([event(2)]);
    const lease = await lanes.acquire({ rule: 'new', shard: 0, of: 1 }, 'head');
    const { cursor, unclean } = await lanes.load(lease);
    expect(cursor).to.equal(1);
    // It was let go of, so nobody suspects that it ended badly.
    expect(unclean).to.equal(undefined);
  });

  it('leaves a lane alone that there is', async () => {
    const { journal, lanes } = makeMemoryStore();
    const lease = await lanes.acquire({ rule: 'old', shard: 0, of: 1 }, 'head');
    await journal.append([event(1)]);
    await beginNewLanes(lanes, [{ name: 'old', startAt: 'head' }]);
    expect(lease.usable()).to.equal(true);
    expect((await lanes.load(lease)).cursor).to.equal(0);
  });
});
