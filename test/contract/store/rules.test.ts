import { expect } from 'chai';
import type { Store } from '../../../src/store/contract.ts';
import { appended, checkpoint, keyOf, lane, parked, reopen, settled, tries, WORLDS } from './worlds.ts';

const OLD = 'won-leads';
const NEW = 'leads-that-are-won';

/** A rule with something of everything: one run settled, one parked, one begun, a replay asked for, paused. */
async function used(store: Store, rule = OLD) {
  const [first, second, third] = await appended(store, 3);
  if (!first || !second || !third) throw new Error('three were appended');
  const lease = await store.lanes.acquire(lane(rule), 'earliest');
  await store.lanes.finish(lease, settled(first), first.seq);
  await store.lanes.finish(lease, parked(second), second.seq);
  await store.lanes.checkpoint(lease, keyOf(third), 'f1', checkpoint('first'));
  await store.lanes.tried(lease, keyOf(third), 'f1', tries('tell'));
  await store.lanes.release(lease, second.seq);
  await store.replays.request(rule, { from: 1, to: 1 });
  await store.pauses.pause({ kind: 'rule', name: rule });
  return { first, second, third };
}

for (const { name, make } of WORLDS) {
  describe(`rules in the ${name} store`, () => {
    it('go on under another name with all that is kept of them, over a restart too', async () => {
      await using world = make();
      let store = await world.open();
      const { first, second, third } = await used(store);
      const before = await store.lanes.status();
      expect(await store.rules.rename(OLD, NEW)).to.equal('renamed');

      for (const again of [false, true]) {
        if (again) store = await reopen(world, store);
        expect(await store.lanes.status()).to.deep.equal(before.map(one => ({ ...one, rule: NEW })));
        expect((await store.parking.list({ rule: NEW })).map(({ rule, seq }) => [rule, seq])).to.deep.equal([
          [NEW, second.seq],
        ]);
        expect(await store.parking.counts()).to.deep.equal(new Map([[NEW, 1]]));
        expect((await store.replays.list()).map(({ rule }) => rule)).to.deep.equal([NEW]);
        expect((await store.pauses.list()).map(one => one.name)).to.deep.equal([NEW]);
        expect((await store.journal.list({ rule: NEW })).map(({ event }) => event.id)).to.deep.equal([
          first.id,
          second.id,
        ]);
        expect((await store.journal.trace(third.id))[0]?.runs.map(({ rule }) => rule)).to.deep.equal([NEW]);
        const lease = await store.lanes.acquire(lane(NEW), 'head');
        const { cursor, open } = await store.lanes.load(lease);
        expect(cursor).to.equal(second.seq);
        expect(open.map(({ key, checkpoints }) => [key.seq, checkpoints.length])).to.deep.equal([
          [third.seq, 1],
        ]);
        expect(await store.lanes.settled(lease, [first.id, third.id])).to.deep.equal(new Set([first.id]));
        await store.lanes.release(lease, cursor);
      }
    });

    it('keep what stands for them, which no other rule gets', async () => {
      await using world = make();
      const store = await world.open();
      await used(store);
      await store.rules.rename(OLD, NEW);
      await store.lanes.acquire(lane(OLD), 'head');
      expect(Object.fromEntries(await store.rules.keys())).to.deep.equal({ [NEW]: OLD, [OLD]: `${OLD}~2` });
      await store.rules.rename(NEW, 'third');
      expect((await store.rules.keys()).get('third')).to.equal(OLD);
    });

    it('start with nothing under a name that another one had', async () => {
      await using world = make();
      const store = await world.open();
      await used(store);
      await store.rules.rename(OLD, NEW);
      const lease = await store.lanes.acquire(lane(OLD), 'head');
      const { cursor, open, done } = await store.lanes.load(lease);
      expect({ cursor, open, done }).to.deep.equal({ cursor: store.journal.head(), open: [], done: [] });
      expect(await store.parking.list({ rule: OLD })).to.deep.equal([]);
    });

    it('are renamed once, and not over one that has runs of its own', async () => {
      await using world = make();
      let store = await world.open();
      expect(await store.rules.rename(OLD, NEW)).to.equal('unknown');
      await used(store);
      await store.lanes.acquire(lane('other'), 'head');
      expect(await store.rules.rename(OLD, 'other')).to.equal('taken');
      expect((await store.lanes.status()).map(({ rule }) => rule)).to.deep.equal(['other', OLD]);
      expect(await store.rules.rename(OLD, OLD)).to.equal('unknown');
      expect(await store.rules.rename(OLD, NEW)).to.equal('renamed');
      store = await reopen(world, store);
      expect(await store.rules.rename(OLD, NEW)).to.equal('unknown');
    });
  });
}
