import { expect } from 'chai';
import type { Lease, RequestedRun, Store } from '../../../src/store/contract.ts';
import { appended, checkpoint, keyOf, lane, reopen, verdict, WORLDS } from './worlds.ts';

const FAILED = { attempts: 3, error: 'no such order' };
const parkOf = (branch: string) => ({ step: 'write', branch, ...FAILED });
const failed = (branch: string) => verdict('write', { branch, outcome: 'failed', ...FAILED });
const done = (branch: string) => verdict('write', { branch });
const OUTPUT = [{ row: 'a' }, { row: 'b' }, { row: 'b1' }];
const SPLIT = checkpoint('split', { output: OUTPUT, branches: ['a', 'b', 'b1'] });
/** Of the list, what leads to one of them. */
const splitTo = (branch: string) => ({ ...SPLIT, output: [{ row: branch }], branches: [branch] });

for (const { name, make } of WORLDS) {
  describe(`branches of a run, ${name}`, () => {
    /** A run of three branches, two of which are parked by themselves. */
    async function begun(store: Store) {
      const [event] = await appended(store, 1);
      if (!event) throw new Error('one was appended');
      const lease = await store.lanes.acquire(lane(), 'earliest');
      const run = keyOf(event);
      await store.lanes.checkpoint(lease, run, 'print', SPLIT);
      await store.lanes.checkpoint(
        lease,
        run,
        'print',
        checkpoint('write', { branch: 'a', verdict: done('a') }),
      );
      await store.lanes.park(lease, run, 'print', parkOf('b'));
      await store.lanes.park(lease, run, 'print', parkOf('b1'));
      await store.lanes.park(lease, run, 'print', parkOf('b1'));
      return { lease, run };
    }

    const ended = (run: ReturnType<typeof keyOf>, rest: 'settled' | 'filtered' = 'settled') => ({
      record: {
        ...run,
        outcome: 'parked' as const,
        steps: [verdict('split'), done('a'), failed('b'), failed('b1')],
        error: '2 branches',
      },
      rest,
    });

    const told = async (store: Store) => (await store.journal.list({}))[0]?.runs[0];
    const ids = async (store: Store) => (await store.parking.list()).map(({ id, branch }) => [id, branch]);

    async function retried(store: Store, lease: Lease, branch: string): Promise<RequestedRun> {
      const row = (await store.parking.list()).find(one => one.branch === branch);
      await store.parking.retry({ ids: [row?.id ?? ''] });
      const request = (await store.lanes.requested(lease)).find(one => one.branch === branch);
      if (!request) throw new Error(`${branch} was asked for`);
      return request;
    }

    it('are parked while the run goes on, and stay so over a restart', async () => {
      await using world = make();
      const store = await world.open();
      const { run } = await begun(store);
      expect(await store.parking.list()).to.have.length(2);
      expect((await store.parking.counts()).get('won-leads')).to.equal(2);
      const again = await reopen(world, store);
      const { open } = await again.lanes.load(await again.lanes.acquire(lane(), 'head'));
      expect(open.map(({ key, parked }) => ({ key, parked }))).to.deep.equal([
        { key: run, parked: [parkOf('b'), parkOf('b1')] },
      ]);
      expect(open[0]?.checkpoints[0]).to.deep.equal(SPLIT);
    });

    it('are asked for one by one, each with what concerns it', async () => {
      await using world = make();
      const store = await world.open();
      const { lease, run } = await begun(store);
      await store.lanes.finish(lease, ended(run), 1);
      const request = await retried(store, lease, 'b');
      expect(request).to.include({ step: 'write', branch: 'b' });
      expect(request.run).to.deep.equal({
        key: run,
        fingerprint: 'print',
        checkpoints: [splitTo('b')],
        tries: [],
        parked: [],
      });
      expect((await store.lanes.load(lease)).open).to.deep.equal([]);
      const [entry] = await store.journal.trace(run.eventId);
      expect(entry?.runs[0]?.branches?.map(({ branch, requested }) => [branch, requested])).to.deep.equal([
        ['b', true],
        ['b1', false],
      ]);
    });

    it('come into the record one after the other, the last one ends the run', async () => {
      await using world = make();
      const store = await world.open();
      const { lease, run } = await begun(store);
      await store.lanes.finish(lease, ended(run), 1);
      expect(await told(store)).to.deep.include({ outcome: 'parked', error: '2 branches' });
      for (const branch of ['b', 'b1']) {
        const { parkedId } = await retried(store, lease, branch);
        const record = { ...run, outcome: 'filtered' as const, steps: [done(branch)] };
        await store.lanes.finish(lease, { record, parkedId, branch }, 1);
        expect((await told(store))?.outcome).to.equal(branch === 'b' ? 'parked' : 'settled');
      }
      expect((await told(store))?.steps).to.deep.equal([verdict('split'), done('a'), done('b'), done('b1')]);
      expect(await told(store)).not.to.have.property('error');
      expect((await store.lanes.status())[0]?.counts).to.deep.include({ settled: 1, parked: 0 });
      expect(await store.parking.list()).to.deep.equal([]);
      const [entry] = await store.journal.trace(run.eventId);
      expect(entry?.runs).to.have.length(1);
    });

    it('end as filtered where nothing has come out of any', async () => {
      await using world = make();
      const store = await world.open();
      const { lease, run } = await begun(store);
      await store.lanes.finish(lease, ended(run, 'filtered'), 1);
      for (const branch of ['b', 'b1']) {
        const { parkedId } = await retried(store, lease, branch);
        await store.lanes.finish(
          lease,
          { record: { ...run, outcome: 'filtered', steps: [] }, parkedId, branch },
          1,
        );
      }
      expect((await told(store))?.outcome).to.equal('filtered');
    });

    it('park again under the same id, and what others have left stays', async () => {
      await using world = make();
      const store = await world.open();
      const { lease, run } = await begun(store);
      await store.lanes.finish(lease, ended(run), 1);
      const before = await ids(store);
      const { parkedId } = await retried(store, lease, 'b');
      const record = { ...run, outcome: 'parked' as const, steps: [failed('b')], error: 'still no' };
      await store.lanes.finish(lease, { record, park: parkOf('b'), parkedId, branch: 'b' }, 1);
      expect(await ids(store)).to.deep.equal(before);
      expect((await told(store))?.steps).to.deep.include(failed('b1'));
      expect((await retried(store, lease, 'b1')).run.checkpoints).to.deep.equal([splitTo('b1')]);
    });

    it('are dropped one by one: the last one gives the run up', async () => {
      await using world = make();
      const store = await world.open();
      const { lease, run } = await begun(store);
      await store.lanes.finish(lease, ended(run), 1);
      const [first, second] = await ids(store);
      const one = await store.parking.drop({ ids: [String(first?.[0])] });
      expect([...one.runs]).to.deep.equal([]);
      expect((await told(store))?.outcome).to.equal('parked');
      const other = await store.parking.drop({ ids: [String(second?.[0])] });
      expect([...other.runs]).to.deep.equal([['won-leads', 1]]);
      expect((await told(store))?.outcome).to.equal('dropped');
      expect((await store.lanes.status())[0]?.counts).to.deep.include({ parked: 0, dropped: 1 });
    });

    it('that are dropped while the run goes on have ended for it, also after a restart', async () => {
      await using world = make();
      const store = await world.open();
      const { lease, run } = await begun(store);
      await store.parking.drop({ rule: 'won-leads' });
      // A late repeat of the word that it was parked.
      await store.lanes.park(lease, run, 'print', parkOf('b'));
      expect(await store.parking.list()).to.deep.equal([]);
      const again = await reopen(world, store);
      const taken = await again.lanes.acquire(lane(), 'head');
      const { open } = await again.lanes.load(taken);
      expect(open[0]?.parked).to.deep.equal([]);
      expect(open[0]?.checkpoints.slice(2).map(({ branch, output }) => [branch, output])).to.deep.equal([
        ['b', []],
        ['b1', []],
      ]);
      await again.lanes.finish(taken, ended(run), 1);
      expect((await told(again))?.outcome).to.equal('dropped');
      expect((await again.lanes.load(taken)).open).to.deep.equal([]);
    });
  });
}
