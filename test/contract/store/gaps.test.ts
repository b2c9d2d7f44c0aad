import { expect } from 'chai';
import fc from 'fast-check';
import type { NewEvent } from '../../../src/core/event.ts';
import { type Pulse, type Recovery, type Store, UNTOLD_DELETION } from '../../../src/store/contract.ts';
import { codeOf, itemEvent, lane, reopen, WORLDS } from './worlds.ts';

/** An update of item 1 as it is delivered where a number left out is a missed change. */
const update = (revision: number, more: Partial<NewEvent> = {}): NewEvent =>
  itemEvent(1, revision, { following: 'jumps', ...more });

const comment = (id: number): NewEvent => ({
  ...itemEvent(1, 0),
  id: `comment.create:${id}`,
  type: 'comment.create',
});

const found = (revisions: readonly number[], upTo: number, more: Partial<Recovery> = {}): Recovery => ({
  itemId: 1,
  app: 'leads',
  events: revisions.map(revision => ({ ...itemEvent(1, revision), source: 'recovered' })),
  upTo,
  missing: [[0, upTo]],
  ...more,
});

async function told(store: Store): Promise<readonly string[]> {
  const { entries } = await store.journal.read({ after: 0, limit: 1000 });
  return entries.map(({ event: { id, source }, twin }) => {
    const short = id.replace('item.update:1:', '');
    return `${short}${source === 'recovered' ? '*' : ''}${twin ? ' twin' : ''}`;
  });
}

for (const { name, make } of WORLDS) {
  describe(`gaps of the ${name} store`, () => {
    it('are read in the order of release where a later one of the batch is what earlier ones wait for', async () => {
      await using world = make();
      const store = await world.open();
      await store.journal.append([update(1)]);
      const results = await store.journal.append([update(3), update(4), update(2)]);
      expect(results.map(({ seq }) => seq)).to.deep.equal([3, 4, 2]);
      const { entries, upTo } = await store.journal.read({ after: 0, limit: 1000 });
      expect(entries.map(({ event }) => [event.seq, event.revision])).to.deep.equal([
        [1, 1],
        [2, 2],
        [3, 3],
        [4, 4],
      ]);
      expect(upTo).to.equal(4);
      expect(store.journal.head()).to.equal(4);
    });

    it('count a deletion as lost that a read has proved and no delivery tells of', async () => {
      await using world = make();
      const first = await world.open();
      const deletion = (item: number): NewEvent => ({
        ...itemEvent(item, 4),
        id: `item.delete:${item}:4`,
        type: 'item.delete',
      });
      await first.journal.append([update(1), deletion(2)]);
      for (const item of [1, 1, 2, 3]) await first.gaps.deleted(item, 'leads');
      await first.gaps.deleted(9, 'deals');
      const store = await reopen(world, first);
      const lost = async (of: Store) =>
        (await of.gaps.completeness()).map(({ app, unprovable }) => [
          app,
          ...unprovable.map(({ why, count }) => `${count} ${why}`),
        ]);
      expect(await lost(store)).to.deep.equal([
        ['deals', `1 ${UNTOLD_DELETION}`],
        ['leads', `2 ${UNTOLD_DELETION}`],
      ]);
      // It was only late.
      await store.journal.append([deletion(1)]);
      await store.gaps.deleted(1, 'leads');
      expect(await lost(store)).to.deep.equal([
        ['deals', `1 ${UNTOLD_DELETION}`],
        ['leads', `1 ${UNTOLD_DELETION}`],
      ]);
      await world.clock.advance(1000);
      const removal = { olderThanMs: 500, rules: [], after: 0 };
      await store.retention.removeEvents(await store.singleton('retention'), removal);
      expect(await lost(store)).to.deep.equal([['leads']]);
    });

    it('hold what jumps, over a restart, and nothing of it can be read until it is released', async () => {
      await using world = make();
      const first = await world.open();
      const results = await first.journal.append([update(1), update(4), comment(7), update(2)]);
      expect(results.map(({ status, seq }) => [status, seq])).to.deep.equal([
        ['released', 1],
        ['held', undefined],
        ['held', undefined],
        ['released', 2],
      ]);
      expect(first.journal.head()).to.equal(2);
      await world.clock.advance(400);
      const store = await reopen(world, first);
      await world.clock.advance(200);
      expect(await store.gaps.held()).to.deep.equal([
        { itemId: 1, app: 'leads', heldMs: 600, events: 2, missing: [[3, 3]] },
      ]);
      expect((await store.journal.append([update(4), comment(7)])).map(({ status }) => status)).to.deep.equal(
        ['repeat', 'repeat'],
      );
      expect((await store.journal.append([update(3)])).map(({ seq }) => seq)).to.deep.equal([3]);
      expect(await told(store)).to.deep.equal(['1', '2', '3', '4', 'comment.create:7']);
      expect(await store.gaps.held()).to.deep.equal([]);
      const { entries } = await store.journal.read({ after: 0, limit: 10 });
      const { seq, receivedAt, ...event } = entries[3]?.event ?? { seq: 0, receivedAt: '' };
      const { following, ...wanted } = update(4);
      expect(event).to.deep.equal(wanted);
      expect([seq, receivedAt]).to.deep.equal([4, '2026-01-01T00:00:00.600Z']);
      expect(await told(await reopen(world, store))).to.deep.equal(['1', '2', '3', '4', 'comment.create:7']);
    });

    it('pulse when there is something to look at', async () => {
      await using world = make();
      const store = await world.open();
      const pulses: Pulse[] = [];
      store.changes$.subscribe(pulse => pulses.push(pulse));
      await store.journal.append([update(1)]);
      await store.journal.append([update(3)]);
      await store.journal.append([update(2)]);
      expect(pulses).to.deep.equal(['journal', 'gaps', 'journal']);
    });

    it('are filled in order, with what has come meanwhile left out', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await store.singleton('gap-release');
      await store.journal.append([update(1), update(6)]);
      await store.gaps.own(1, 3, 'leads');
      await store.journal.append([update(2)]);
      expect(await store.gaps.recover(lease, [found([2, 3, 4, 5], 5)])).to.equal(2);
      expect(await told(store)).to.deep.equal(['1', '2', '4*', '5*', '6']);
      expect((await store.journal.append([update(4)]))[0]).to.include({ status: 'repeat', seq: 3 });
      expect(await store.gaps.completeness()).to.deep.equal([
        { app: 'leads', delivered: 3, recovered: 2, own: 1, unprovable: [], open: 0 },
      ]);
    });

    it('say what is lost for good, and hold nothing up for it', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await store.singleton('gap-release');
      await store.journal.append([update(1), update(6)]);
      await store.gaps.recover(lease, [found([5], 5, { unprovable: { revisions: [[2, 4]], why: 'gone' } })]);
      expect(await told(store)).to.deep.equal(['1', '5*', '6']);
      // What another one has given up meanwhile is not lost twice.
      await store.gaps.recover(lease, [found([], 7, { unprovable: { revisions: [[2, 7]], why: 'gone' } })]);
      expect((await store.gaps.completeness())[0]?.unprovable).to.deep.equal([
        { why: 'gone', count: 4, lastAt: store.now() },
      ]);
    });

    it('are left open when they can not be filled in time, and filled when they can', async () => {
      await using world = make();
      const first = await world.open();
      const lease = await first.singleton('gap-release');
      await first.journal.append([update(1), update(4), update(6)]);
      await first.gaps.release(lease, { itemId: 1, app: 'leads', why: 'Podio is down', retryMs: 5000 });
      expect(await told(first)).to.deep.equal(['1', '4', '6']);
      const store = await reopen(world, first);
      await world.clock.advance(1000);
      const gap = {
        itemId: 1,
        app: 'leads',
        missing: [
          [2, 3],
          [5, 5],
        ],
        why: 'Podio is down',
        since: Date.UTC(2026, 0, 1),
      };
      expect(await store.gaps.open()).to.deep.equal([{ ...gap, waitMs: 4000 }]);
      expect((await store.gaps.completeness())[0]).to.include({ delivered: 3, open: 3 });
      const again = await store.singleton('gap-release');
      await store.gaps.postpone(again, { itemId: 1, app: 'leads', why: 'still down', retryMs: 9000 });
      expect(await store.gaps.open()).to.deep.equal([{ ...gap, why: 'still down', waitMs: 9000 }]);
      expect((await store.journal.append([update(7), update(3)])).map(({ seq }) => seq)).to.deep.equal([
        4, 5,
      ]);
      expect(await store.gaps.recover(again, [found([2, 3, 5], 5)])).to.equal(2);
      expect(await told(store)).to.deep.equal(['1', '4', '6', '7', '3', '2*', '5*']);
      expect(await store.gaps.open()).to.deep.equal([]);
      expect((await store.gaps.completeness())[0]).to.include({ delivered: 5, recovered: 2, open: 0 });
    });

    it('stay open until somebody has looked for them, whatever is found above', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await store.singleton('catch-up');
      await store.journal.append([update(1), update(4)]);
      await store.gaps.release(lease, { itemId: 1, app: 'leads', why: 'Podio is down', retryMs: 5000 });
      const open = async () => (await store.gaps.open()).map(({ missing }) => missing);
      await store.gaps.recover(lease, [found([6], 7, { missing: [[5, 7]] })]);
      expect([await told(store), await open()]).to.deep.equal([['1', '4', '6*'], [[[2, 3]]]]);
      const lost = { revisions: [[2, 2]], why: 'gone' } as const;
      await store.gaps.recover(lease, [found([], 2, { missing: [[2, 2]], unprovable: lost })]);
      expect(await open()).to.deep.equal([[[3, 3]]]);
      await store.gaps.recover(lease, [found([3], 3, { missing: [[3, 3]] })]);
      expect([await told(store), await open()]).to.deep.equal([['1', '4', '6*', '3*'], []]);
      expect((await store.gaps.completeness())[0]).to.deep.include({
        unprovable: [{ why: 'gone', count: 1, lastAt: store.now() }],
        open: 0,
      });
    });

    it('count as lost only what nobody tells of: what is held is told all the same', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await store.singleton('catch-up');
      const field = { ...update(5), ref: { type: 'app_field', id: 9 }, following: 'beside' } as const;
      await store.journal.append([update(1), update(4), field]);
      // A look at the app takes what is held for missing, too.
      const lost = { revisions: [[2, 5]], why: 'gone' } as const;
      await store.gaps.recover(lease, [found([], 5, { unprovable: lost })]);
      expect(await told(store)).to.deep.equal(['1', '4', '5']);
      expect((await store.gaps.completeness())[0]?.unprovable).to.deep.equal([
        { why: 'gone', count: 3, lastAt: store.now() },
      ]);
    });

    it('let go what waits for a revision that podiod made itself', async () => {
      await using world = make();
      const store = await world.open();
      await store.journal.append([update(1), update(3)]);
      await store.gaps.own(1, 2, 'leads');
      expect(await told(store)).to.deep.equal(['1', '3']);
      expect(await store.gaps.ledger([1, 2])).to.deep.equal(
        new Map([[1, { upTo: 3, above: [], missing: [] }]]),
      );
    });

    it('are written by the latest owner only', async () => {
      await using world = make();
      const store = await world.open();
      const first = await store.singleton('catch-up');
      const other = await store.singleton('gap-release');
      const second = await store.singleton('catch-up');
      expect([first.usable(), other.usable(), second.usable()]).to.deep.equal([false, true, true]);
      expect(await codeOf(store.gaps.recover(first, [found([1], 1)]))).to.equal('STORE_STALE_LEASE');
      expect(await store.gaps.recover(second, [found([1], 1)])).to.equal(1);
      await store.close();
      expect(second.signal.aborted).to.equal(true);
    });

    it('remember when each rule was first loaded', async () => {
      await using world = make();
      const first = await world.open();
      const load = async (store: Store, rule: string) =>
        (await store.lanes.load(await store.lanes.acquire(lane(rule), 'head'))).loadedAt;
      const begin = Date.UTC(2026, 0, 1);
      expect(await load(first, 'old')).to.equal(begin);
      await world.clock.advance(5000);
      const store = await reopen(world, first);
      expect([await load(store, 'old'), await load(store, 'new')]).to.deep.equal([begin, begin + 5000]);
    });

    it('no longer hold for known when a rule was loaded, once the clock was set back behind it', async () => {
      await using world = make();
      const first = await world.open();
      const load = async (store: Store) =>
        (await store.lanes.load(await store.lanes.acquire(lane('old'), 'head'))).loadedAt;
      await load(first);
      await first.close();
      world.clock.jump(-3_600_000);
      const second = await world.open();
      expect(await load(second)).to.equal(0);
      await second.close();
      world.clock.jump(7_200_000);
      expect(await load(await world.open())).to.equal(0);
    });

    it('lose nothing and tell nothing twice, however deliveries come and whatever is found', async () => {
      const LAST = 6;
      const deed = fc.oneof(
        { weight: 6, arbitrary: fc.nat(LAST).map(revision => ({ deliver: revision })) },
        { weight: 1, arbitrary: fc.integer({ min: 1, max: LAST }).map(revision => ({ own: revision })) },
        { weight: 1, arbitrary: fc.constant({ release: true }) },
        { weight: 1, arbitrary: fc.constant({ restart: true }) },
      );
      await fc.assert(
        fc.asyncProperty(fc.array(deed, { maxLength: 14, size: 'max' }), async deeds => {
          await using world = make();
          let store = await world.open();
          const delivered = new Set([0]);
          await store.journal.append([update(0)]);
          for (const each of deeds) {
            if ('deliver' in each) {
              delivered.add(each.deliver);
              await store.journal.append([update(each.deliver)]);
            } else if ('own' in each) await store.gaps.own(1, each.own);
            else if ('restart' in each) store = await reopen(world, store);
            else {
              const lease = await store.singleton('gap-release');
              await store.gaps.release(lease, { itemId: 1, app: 'leads', why: 'late', retryMs: 1000 });
            }
          }
          const lease = await store.singleton('catch-up');
          const all = Array.from({ length: LAST + 1 }, (_, revision) => revision);
          await store.gaps.recover(lease, [found(all, LAST)]);
          const lines = await told(store);
          const revisions = lines.map(line => Number.parseInt(line, 10));
          expect(new Set(revisions).size).to.equal(revisions.length);
          for (const revision of delivered) expect(lines).to.include(String(revision));
          expect(await store.gaps.held()).to.deep.equal([]);
          expect(await store.gaps.open()).to.deep.equal([]);
          expect((await store.gaps.ledger([1])).get(1)).to.deep.equal({ upTo: LAST, above: [], missing: [] });
          const { entries } = await (await reopen(world, store)).journal.read({ after: 0, limit: 100 });
          expect(entries.map(({ event }) => event.revision)).to.deep.equal(revisions);
        }),
        { numRuns: name === 'memory' ? 200 : 10 },
      );
    }).timeout(60_000);
  });
}
