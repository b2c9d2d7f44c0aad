// What waits of a rule that has left the config: kept, counted, gone on with when it is back, and given up when asked for.
import { expect } from 'chai';
import type { Gathered, Lease, Store } from '../../../src/store/contract.ts';
import {
  appended,
  checkpoint,
  itemEvent,
  keyOf,
  lane,
  park,
  reopen,
  settled,
  tries,
  verdict,
  WORLDS,
} from './worlds.ts';

const joins = (events: Awaited<ReturnType<typeof appended>>): Gathered[] =>
  events.map(event => ({
    key: keyOf(event),
    mode: 'batch',
    group: '',
    from: 'first',
    waitMs: 60_000,
    judged: [verdict('rule.where')],
  }));

const leftOf = async (store: Store, rule = 'old') =>
  (await store.lanes.status()).find(one => one.rule === rule)?.left;

/** One is parked, one has begun, two are gathered, one has ended, and two have not been come to; then the rule leaves. */
async function leftBehind(store: Store): Promise<Lease> {
  const lease = await store.lanes.acquire(lane('old'), 'earliest');
  const [one, two, three, four, five] = await appended(store, 7);
  if (!one || !two || !three || !four || !five) throw new Error('seven were appended');
  await park(store, lease, [one]);
  await store.lanes.checkpoint(lease, keyOf(two), 'print', checkpoint('ask'));
  await store.lanes.tried(lease, keyOf(two), 'print', tries('tell'));
  await store.lanes.gather(lease, joins([three, four]), 1);
  await store.lanes.finish(lease, settled(five), 1);
  await store.lanes.release(lease, 1);
  await store.lanes.leave(['another']);
  // Of no concern to it.
  await store.journal.append([11, 12].map(item => itemEvent(item, 1)));
  return lease;
}

for (const { name, make } of WORLDS) {
  describe(`what waits of a rule that left the config (${name})`, () => {
    it('is counted over a restart, and it left once', async () => {
      await using world = make();
      const store = await world.open();
      await leftBehind(store);
      const again = await reopen(world, store);
      await again.lanes.leave(['another']);
      expect(await leftOf(again)).to.deep.equal({ begun: 1, behind: 2, at: 7 });
      expect((await again.lanes.status())[0]).to.include({ gathered: 2 });
      expect(await again.parking.counts()).to.deep.equal(new Map([['old', 1]]));
    });

    it('is gone on with when the rule is back, under whatever name', async () => {
      await using world = make();
      const store = await world.open();
      await leftBehind(store);
      expect(await store.rules.rename('old', 'fresh')).to.equal('renamed');
      expect(await leftOf(store, 'fresh')).to.deep.equal({ begun: 1, behind: 2, at: 7 });
      const lease = await store.lanes.acquire(lane('fresh'), 'head');
      const { cursor, open, done, gathered } = await store.lanes.load(lease);
      expect([cursor, open.map(({ key }) => key.seq), done, gathered]).to.deep.equal([
        1,
        [2],
        [3, 4, 5],
        true,
      ]);
      await store.lanes.leave(['fresh']);
      expect(await leftOf(store, 'fresh')).to.equal(undefined);
    });

    it('is given up by name: each of it is on record as dropped, and nothing is left', async () => {
      await using world = make();
      const store = await world.open();
      await leftBehind(store);
      await store.replays.request('old', { from: 1, to: 5 });
      expect((await store.parking.drop({ all: true })).ids).to.have.length(1);
      expect(await leftOf(store), 'of no concern to who asks for what is parked').to.include({ begun: 1 });
      const { ids, runs, left } = await store.parking.drop({ rule: 'old' });
      expect([ids, [...runs], left]).to.deep.equal([[], [['old', 3]], { ended: 3, passed: 2 }]);
      const again = await reopen(world, store);
      expect(await leftOf(again)).to.deep.equal({ begun: 0, behind: 0, at: 7 });
      expect(await again.replays.list()).to.deep.equal([]);
      const journal = await again.journal.list({ rule: 'old' });
      expect(
        journal.map(({ event, runs: [run] }) => [
          event.seq,
          run?.outcome,
          run?.steps.map(({ step }) => step),
        ]),
      ).to.deep.equal([
        [1, 'dropped', ['tell']],
        [2, 'dropped', ['ask']],
        [3, 'dropped', ['rule.where']],
        [4, 'dropped', ['rule.where']],
        [5, 'settled', ['tell']],
      ]);
      expect(journal[1]?.runs[0]?.error).to.equal(tries('tell').error);
      expect((await again.lanes.status())[0]?.counts).to.deep.equal({
        settled: 1,
        filtered: 0,
        parked: 0,
        dropped: 4,
      });
      // It goes on with what came since.
      const state = await again.lanes.load(await again.lanes.acquire(lane('old'), 'head'));
      expect([state.cursor, state.open, state.gathered]).to.deep.equal([7, [], undefined]);
    });

    it('is told exactly of a lane that has ended cleanly: not what it had passed over', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await store.lanes.acquire(lane('old'), 'earliest');
      const [, second] = await appended(store, 6);
      if (!second) throw new Error('six were appended');
      await store.lanes.tried(lease, keyOf(second), 'print', tries('tell'));
      // The third waits for its turn, the fourth and fifth are none of its, the sixth came too late.
      await store.lanes.release(lease, 1, { lookedTo: 5, openTo: 3 });
      await store.lanes.leave([]);
      expect(await leftOf(store)).to.deep.equal({ begun: 1, behind: 2, at: 6 });
      await store.journal.append([itemEvent(11, 1)]);
      await world.clock.advance(100 * 86_400_000);
      const removal = { olderThanMs: 90 * 86_400_000, rules: [], after: 0 };
      await store.retention.removeEvents(await store.singleton('retention'), removal);
      const { entries } = await store.journal.read({ after: 0, limit: 10 });
      expect(entries.map(({ event }) => event.seq)).to.deep.equal([2, 3, 6, 7]);
      expect((await store.parking.drop({ rule: 'old' })).left).to.deep.equal({ ended: 1, passed: 2 });
      expect(await leftOf(store)).to.deep.equal({ begun: 0, behind: 0, at: 6 });
      // Back, and killed: then nobody knows how far it had looked.
      await store.lanes.acquire(lane('old'), 'earliest');
      await store.lanes.leave([]);
      expect(await leftOf(store)).to.deep.equal({ begun: 0, behind: 1, at: 7 });
    });

    it('ends where another one begins, which may be before the newest event', async () => {
      await using world = make();
      const store = await world.open();
      await store.lanes.acquire(lane('old'), 'earliest');
      await appended(store, 5);
      const lease = await store.lanes.acquire(lane('fresh'), 3);
      await store.lanes.leave(['fresh'], 3);
      expect((await store.lanes.load(lease)).cursor).to.equal(3);
      expect(await leftOf(store)).to.deep.equal({ begun: 0, behind: 3, at: 3 });
      // It is known, and goes on where it is.
      expect((await store.lanes.load(await store.lanes.acquire(lane('fresh'), 5))).cursor).to.equal(3);
    });

    it('is left alone where the rule is there', async () => {
      await using world = make();
      const store = await world.open();
      await leftBehind(store);
      await store.lanes.acquire(lane('old'), 'head');
      const dropped = await store.parking.drop({ rule: 'old' });
      expect([dropped.ids.length, dropped.left]).to.deep.equal([1, undefined]);
      expect((await store.lanes.status())[0]).to.include({ gathered: 2, cursor: 1 });
    });
  });
}
