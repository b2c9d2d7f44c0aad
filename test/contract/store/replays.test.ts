import { expect } from 'chai';
import {
  appended,
  codeOf,
  itemEvent,
  keyOf,
  lane,
  park,
  reopen,
  settled,
  verdict,
  WORLDS,
} from './worlds.ts';

for (const { name, make } of WORLDS) {
  describe(`replays of the ${name} store`, () => {
    it('are kept until they are through, with those asked for before', async () => {
      await using world = make();
      let store = await world.open();
      const pulses: string[] = [];
      store.changes$.subscribe(pulse => pulses.push(pulse));
      await store.lanes.acquire(lane('other'), 'earliest');
      const first = await store.replays.request('won-leads', { from: 2, to: 9 });
      await world.clock.advance(1000);
      const second = await store.replays.request('won-leads', { from: 5, to: 5 });
      expect(pulses).to.deep.equal(['requests', 'requests']);
      store = await reopen(world, store);
      const lease = await store.lanes.acquire(lane(), 'earliest');
      const one = { id: first, from: 2, to: 9 };
      const two = { id: second, from: 5, to: 5, cursor: 4 };
      const before = [{ from: 2, to: 9 }];
      expect(await store.lanes.asked(lease)).to.deep.equal({
        retries: 0,
        replays: [
          { ...one, cursor: 1, before: [] },
          { ...two, before },
        ],
      });
      await store.lanes.replayed(lease, first, 7);
      await store.lanes.replayed(lease, first, 6);
      expect((await store.lanes.asked(lease)).replays[0]?.cursor).to.equal(7);
      expect(await store.replays.list()).to.deep.equal([
        { ...one, rule: 'won-leads', cursor: 7, askedAt: Date.UTC(2026, 0, 1) },
        { ...two, rule: 'won-leads', askedAt: Date.UTC(2026, 0, 1) + 1000 },
      ]);
      await store.lanes.replayed(lease, first, 9);
      expect((await store.lanes.asked(lease)).replays).to.deep.equal([{ ...two, before }]);
      const other = await store.lanes.acquire(lane('other'), 'earliest');
      expect(await store.lanes.asked(other)).to.deep.equal({ retries: 0, replays: [] });
    });

    it('tell all runs on record of a change, under whatever ref and number', async () => {
      await using world = make();
      const store = await world.open();
      await store.journal.append([itemEvent(1, 1), itemEvent(1, 1, { ref: { type: 'app_field', id: 5 } })]);
      const { entries } = await store.journal.read({ after: 0, limit: 2 });
      const [one, two] = entries.map(({ event }) => event);
      if (!one || !two) throw new Error('two were appended');
      const lease = await store.lanes.acquire(lane(), 'earliest');
      await store.lanes.finish(lease, settled(one), 1);
      await store.lanes.finish(lease, settled(two, { replay: 2 }), 1);
      expect(await store.lanes.recorded(lease, [one.id, 'none'])).to.deep.equal([keyOf(one), keyOf(two, 2)]);
    });

    it('are told with what let nothing through, for twins', async () => {
      await using world = make();
      const store = await world.open();
      await store.journal.append([itemEvent(1, 1), itemEvent(1, 1, { ref: { type: 'app_field', id: 5 } })]);
      const { entries } = await store.journal.read({ after: 0, limit: 2 });
      const [one, two] = entries.map(({ event }) => event);
      if (!one || !two) throw new Error('two were appended');
      const lease = await store.lanes.acquire(lane(), 'earliest');
      const steps = [verdict('on.fields', { outcome: 'filtered' })];
      await store.lanes.finish(lease, settled(one, { outcome: 'filtered', steps }), 1);
      await store.lanes.finish(lease, settled(two), 2);
      await store.lanes.finish(lease, settled(one, { outcome: 'filtered', steps: [], replay: 1 }), 2);
      // Each entry has a record of its own.
      expect(await store.lanes.recorded(lease, [one.id])).to.deep.equal([
        { ...keyOf(one), filteredBy: 'on.fields' },
        keyOf(one, 1),
        keyOf(two),
      ]);
    });

    it('take a lease like every other write', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await store.lanes.acquire(lane(), 'earliest');
      await store.lanes.acquire(lane(), 'earliest');
      expect(await codeOf(store.lanes.replayed(lease, '1', 1))).to.equal('STORE_STALE_LEASE');
    });
  });

  describe(`wishes to retry in the ${name} store`, () => {
    it('are told in pages', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await store.lanes.acquire(lane(), 'earliest');
      const ids = await park(store, lease, await appended(store, 5));
      await store.parking.retry({ ids: ids.filter((_, at) => at !== 2) });
      const page = async (after?: string) =>
        (await store.lanes.requested(lease, { limit: 2, ...(after && { after }) })).map(
          ({ parkedId }) => parkedId,
        );
      expect(await page()).to.deep.equal([ids[0], ids[1]]);
      expect(await page(ids[1])).to.deep.equal([ids[3], ids[4]]);
      expect(await page(ids[4])).to.deep.equal([]);
    });

    it('are counted for a rule as a whole, also when nothing of it is parked', async () => {
      await using world = make();
      let store = await world.open();
      const lease = await store.lanes.acquire(lane(), 'earliest');
      await store.lanes.acquire(lane('other'), 'earliest');
      const pulses: string[] = [];
      store.changes$.subscribe(pulse => pulses.push(pulse));
      await store.parking.retry({ rule: 'won-leads' });
      await store.parking.retry({ all: true });
      await store.parking.retry({ ids: ['1'] });
      expect(pulses).to.deep.equal(['requests', 'requests']);
      expect((await store.lanes.asked(lease)).retries).to.equal(2);
      store = await reopen(world, store);
      const other = await store.lanes.acquire(lane('other'), 'earliest');
      expect((await store.lanes.asked(other)).retries).to.equal(1);
    });
  });
}
