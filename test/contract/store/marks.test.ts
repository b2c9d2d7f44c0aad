import { expect } from 'chai';
import type { Store } from '../../../src/store/contract.ts';
import { appended, codeOf, keyOf, lane, park, reopen, settled, tries, WORLDS } from './worlds.ts';

/** What a new owner of the lane is told of the one before. */
const takeOver = async (store: Store) => {
  const lease = await store.lanes.acquire(lane(), 'earliest');
  return { lease, unclean: (await store.lanes.load(lease)).unclean };
};

for (const { name, make } of WORLDS) {
  describe(`start marks of the ${name} store`, () => {
    it('tell after an unclean end how far runs may have been started, and nothing after a clean one', async () => {
      await using world = make();
      let store = await world.open();
      await appended(store, 3);
      const { lease, unclean } = await takeOver(store);
      expect(unclean).to.equal(undefined);
      await store.lanes.reach(lease, 2);
      await store.lanes.reach(lease, 1);
      store = await reopen(world, store);
      const second = await takeOver(store);
      expect(second.unclean).to.deep.equal({ reach: 2, suspects: [] });
      await store.lanes.release(second.lease, 1);
      store = await reopen(world, store);
      const third = await takeOver(store);
      expect(third.unclean).to.equal(undefined);
      expect((await store.lanes.load(third.lease)).cursor).to.equal(1);
    });

    it('count the unclean ends at which a run was alone in hand', async () => {
      await using world = make();
      let store = await world.open();
      const [one, two] = await appended(store, 2);
      if (!one || !two) throw new Error('two were appended');
      for (const ends of [0, 1, 2]) {
        const { lease, unclean } = await takeOver(store);
        const suspects = ends === 0 ? undefined : [{ key: keyOf(one), ends }];
        expect(unclean?.suspects).to.deep.equal(suspects);
        await store.lanes.mark(lease, keyOf(two), true);
        await store.lanes.tried(lease, keyOf(two), 'print', tries('tell'));
        await store.lanes.mark(lease, keyOf(one), true);
        store = await reopen(world, store);
      }
      const { lease, unclean } = await takeOver(store);
      expect(unclean).to.deep.equal({ reach: 0, suspects: [{ key: keyOf(one), ends: 3 }] });
      await store.lanes.finish(lease, settled(one), 1);
      store = await reopen(world, store);
      expect((await takeOver(store)).unclean).to.equal(undefined);
    });

    it('suspect runs that were in hand beside others, without counting', async () => {
      await using world = make();
      let store = await world.open();
      const [one] = await appended(store, 1);
      if (!one) throw new Error('one was appended');
      const { lease } = await takeOver(store);
      await store.lanes.mark(lease, keyOf(one, 2), false);
      store = await reopen(world, store);
      expect((await takeOver(store)).unclean).to.deep.equal({
        reach: 0,
        suspects: [{ key: keyOf(one, 2), ends: 0 }],
      });
    });

    it('keep a suspicion over a clean end, and forget a mark without one', async () => {
      await using world = make();
      let store = await world.open();
      const [one, two] = await appended(store, 2);
      if (!one || !two) throw new Error('two were appended');
      const first = await takeOver(store);
      await store.lanes.mark(first.lease, keyOf(one), true);
      store = await reopen(world, store);
      const second = await takeOver(store);
      await store.lanes.mark(second.lease, keyOf(one), true);
      await store.lanes.mark(second.lease, keyOf(two), true);
      await store.lanes.release(second.lease, 0);
      store = await reopen(world, store);
      expect((await takeOver(store)).unclean?.suspects).to.deep.equal([{ key: keyOf(one), ends: 1 }]);
    });

    it('count no end that is known to have been clean though nobody was told, and keep a suspicion over it', async () => {
      await using world = make();
      let store = await world.open();
      const [one, two] = await appended(store, 2);
      if (!one || !two) throw new Error('two were appended');
      const first = await takeOver(store);
      await store.lanes.mark(first.lease, keyOf(one), true);
      store = await reopen(world, store);
      const second = await takeOver(store);
      await store.lanes.reach(second.lease, 2);
      await store.lanes.mark(second.lease, keyOf(one), true);
      await store.lanes.mark(second.lease, keyOf(two), true);
      store = await reopen(world, store);
      await store.lanes.endedCleanly();
      const third = await takeOver(store);
      expect(third.unclean).to.deep.equal({ reach: 0, suspects: [{ key: keyOf(one), ends: 1 }] });
      await store.lanes.finish(third.lease, settled(one), 1);
      await store.lanes.mark(third.lease, keyOf(two), true);
      store = await reopen(world, store);
      await store.lanes.endedCleanly();
      expect((await takeOver(store)).unclean).to.equal(undefined);
    });

    it('go with a run that is dropped, also when it was marked after that', async () => {
      await using world = make();
      let store = await world.open();
      const [one, two] = await appended(store, 2);
      if (!one || !two) throw new Error('two were appended');
      const first = await takeOver(store);
      const ids = await park(store, first.lease, [one, two]);
      await store.parking.retry({ all: true });
      await store.lanes.mark(first.lease, keyOf(one), true);
      await store.parking.drop({ ids });
      await store.lanes.mark(first.lease, keyOf(two), true);
      store = await reopen(world, store);
      expect((await takeOver(store)).unclean).to.equal(undefined);
    });

    it('stay with a run that is parked and asked for again', async () => {
      await using world = make();
      let store = await world.open();
      const [one] = await appended(store, 1);
      if (!one) throw new Error('one was appended');
      const { lease } = await takeOver(store);
      await park(store, lease, [one]);
      await store.parking.retry({ all: true });
      await store.lanes.mark(lease, keyOf(one), true);
      store = await reopen(world, store);
      expect((await takeOver(store)).unclean?.suspects).to.deep.equal([{ key: keyOf(one), ends: 1 }]);
    });

    it('take a lease like every other write', async () => {
      await using world = make();
      const store = await world.open();
      const [one] = await appended(store, 1);
      if (!one) throw new Error('one was appended');
      const first = await store.lanes.acquire(lane(), 'earliest');
      await store.lanes.acquire(lane(), 'earliest');
      const codes = await Promise.all(
        [
          store.lanes.reach(first, 1),
          store.lanes.mark(first, keyOf(one), true),
          store.lanes.release(first, 1),
        ].map(codeOf),
      );
      expect(codes).to.deep.equal(Array(3).fill('STORE_STALE_LEASE'));
    });
  });
}
