import { expect } from 'chai';
import { StoreError } from '../../../src/core/errors.ts';
import type { PodioEvent } from '../../../src/core/event.ts';
import { type Log, silentLog } from '../../../src/core/log.ts';
import { OwnWrites } from '../../../src/daemon/own-writes.ts';
import { makeReliably } from '../../../src/dispatch/reliably.ts';
import type { Gaps } from '../../../src/store/contract.ts';
import { type MemoryStore, makeMemoryStore } from '../../../src/store/memory.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';
import { itemUpdate, listeningLog } from '../dispatch/support.ts';

function scene({ log = silentLog, works = true, of }: { log?: Log; works?: boolean; of?: MemoryStore } = {}) {
  const clock = makeVirtualClock();
  const store = of ?? makeMemoryStore({ clock });
  const disk = { works };
  const gaps: Pick<Gaps, 'own' | 'newest'> = {
    newest: async itemId => {
      if (!disk.works) throw new StoreError('STORE_UNAVAILABLE', 'disk gone');
      return store.gaps.newest(itemId);
    },
    own: async (...args) => {
      if (!disk.works) throw new StoreError('STORE_WRITE_FAILED', 'disk full');
      await store.gaps.own(...args);
    },
  };
  const stopping = new AbortController();
  const own = new OwnWrites({
    gaps,
    own: store.own,
    head: store.journal.head(),
    names: { app: id => (id === 101 ? 'leads' : id === 102 ? 'deals' : undefined) },
    isFollowed: app => app === 'leads',
    reliably: makeReliably({ clock, log: silentLog }),
    signal: stopping.signal,
    log,
  });
  return { clock, store, disk, own, stopping };
}

const event = (itemId: number, revision: number): PodioEvent => ({
  ...itemUpdate(itemId, revision),
  seq: 1,
  receivedAt: '2026-01-01T00:00:00.000Z',
});
const by = (of: PodioEvent, rule = 'r') => ({ event: of, rule });

describe('own writes', () => {
  it('may be repeats where nobody answered them, and where their event is from before the start', async () => {
    const { store, own } = scene();
    await store.journal.append([itemUpdate(1, 1)]);
    const before = scene({ of: store }).own;
    const made = by({ ...event(1, 2), seq: 2 });
    expect([before.mayRepeat(1, by(event(1, 1))), before.mayRepeat(1, made)]).to.deep.equal([true, false]);
    expect(own.mayRepeat(1, made)).to.equal(false);
    own.unanswered(1, made);
    expect([own.mayRepeat(1, made), own.mayRepeat(2, made)]).to.deep.equal([true, false]);
    expect(own.mayRepeat(1, by({ ...event(1, 2), seq: 2 }, 'other'))).to.equal(false);
    expect(own.mayRepeat(1, by({ ...event(1, 3), seq: 3 }))).to.equal(false);
  });

  it('are in the ledger also when the store failed meanwhile, so that they make no gap', async () => {
    const { clock, store, disk, own } = scene({ works: false });
    const jumps = (revision: number) => ({ ...itemUpdate(1, revision), following: 'jumps' as const });
    await store.journal.append([jumps(3)]);
    own.revised(1, 4, 101, undefined);
    await clock.advance(30_000);
    disk.works = true;
    await clock.advance(30_000);
    const [next] = await store.journal.append([jumps(5)]);
    expect(next?.status).to.equal('released');
  });

  it('are told of where podiod stops before the store works again', async () => {
    const { log, lines } = listeningLog();
    const { clock, own, stopping } = scene({ log, works: false });
    own.revised(1, 4, 101, undefined);
    await clock.advance(1000);
    stopping.abort();
    await clock.advance(0);
    expect(lines.map(({ message }) => message)).to.deep.equal(['own write not recorded']);
  });

  it('leave nothing behind where no rule hears of the app', async () => {
    const { clock, store, own } = scene();
    for (const app of [102, 103]) own.revised(7, 1, app, undefined);
    await clock.advance(0);
    expect(await store.own.items()).to.deep.equal({ items: [], others: false });
    expect((await store.gaps.ledger([7])).size).to.equal(0);
  });

  it('are known by the change, and nothing else of the item is', async () => {
    const { clock, own } = scene();
    await clock.advance(0);
    expect(own.maybe(event(1, 4))).to.equal(false);
    own.revised(1, 4, 101, by(event(9, 1)));
    expect(own.maybe(event(1, 4))).to.equal(true);
    expect(own.maybe(event(2, 4))).to.equal(false);
    expect(await own.find(event(1, 4))).to.include({ depth: 1, rule: 'r' });
    expect(await own.find(event(1, 5))).to.equal(undefined);
  });

  it('are on disk before who has written goes on: at a kill the end of the run is not there without them', async () => {
    const { clock, store, own } = scene();
    await clock.advance(0);
    const first = own.revised(1, 4, 101, by(event(9, 1))).then(() => store.own.find('item.update:1:4'));
    const other = own
      .made('comment.create:77', 1, by(event(9, 1)))
      .then(() => store.own.find('comment.create:77'));
    await clock.advance(0);
    expect([(await first)?.depth, (await other)?.depth]).to.deep.equal([1, 1]);
  });

  it('are known where their event comes before the answer to the write', async () => {
    const { clock, own } = scene();
    await clock.advance(0);
    const over = own.begun(1);
    expect(own.maybe(event(1, 4))).to.equal(true);
    const found = own.find(event(1, 4));
    const other = await own.find(event(2, 4));
    expect(other).to.equal(undefined);
    own.revised(1, 4, 101, by(event(9, 1)));
    over();
    expect(await found).to.include({ depth: 1 });
    expect(own.maybe(event(3, 1))).to.equal(false);
  });

  it('of something new are waited for, whatever it will be called', async () => {
    const { clock, own } = scene();
    await clock.advance(0);
    const over = own.begun(undefined);
    const made = { ...event(5, 0), type: 'item.create', id: 'item.create:5:0' };
    const found = own.find(made);
    own.revised(5, 0, 101, undefined);
    over();
    expect(await found).to.include({ id: 'item.create:5:0', depth: 1 });
    own.made('comment.create:77', 5, undefined);
    const comment = { ...event(5, 0), type: 'comment.create', id: 'comment.create:77' };
    expect(await own.find(comment)).to.include({ depth: 1 });
    own.made('item.delete:5', 5, undefined);
    expect(await own.find({ ...event(5, 9), type: 'item.delete', id: 'item.delete:5:9' })).to.include({
      depth: 1,
    });
  });

  it('of tasks, and of comments that are deleted, are known whatever item they are about, over a restart', async () => {
    const first = scene();
    await first.clock.advance(0);
    const { itemId: _, ...noItem } = event(0, 0);
    const task: PodioEvent = { ...noItem, type: 'task.create', id: 'task.create:7' };
    const gone: PodioEvent = { ...event(5, 0), type: 'comment.delete', id: 'comment.delete:77' };
    expect([task, gone].map(one => first.own.maybe(one))).to.deep.equal([false, false]);
    first.own.made('task.create:7', 5, by(event(9, 1)));
    first.own.made('comment.delete:77', undefined, by(event(9, 1)));
    await first.clock.advance(0);
    const again = scene({ of: first.store.reopen() });
    await again.clock.advance(0);
    for (const { own } of [first, again])
      for (const one of [task, gone]) {
        expect(own.maybe(one), one.id).to.equal(true);
        expect(await own.find(one), one.id).to.include({ depth: 1 });
      }
    expect(again.own.maybe(event(5, 1))).to.equal(false);
  });

  it('are told from what was there before, as far as deliveries have told', async () => {
    const { store, disk, own } = scene();
    const jumps = (revision: number) => ({ ...itemUpdate(1, revision), following: 'jumps' as const });
    expect(await own.newest(1)).to.equal(undefined);
    await store.journal.append([jumps(3)]);
    expect(await own.newest(1)).to.equal(3);
    disk.works = false;
    expect(await own.newest(1)).to.equal(undefined);
  });

  it('are waited for no longer when the write failed', async () => {
    const { clock, own } = scene();
    await clock.advance(0);
    const over = own.begun(1);
    const found = own.find(event(1, 4));
    over();
    expect(await found).to.equal(undefined);
  });

  it('count how many runs led to them, over a restart', async () => {
    const first = scene();
    await first.clock.advance(0);
    first.own.revised(1, 1, 101, by(event(9, 1), 'a'));
    first.own.revised(2, 1, 101, by(event(1, 1), 'b'));
    await first.clock.advance(0);
    const { clock, own } = scene({ of: first.store.reopen() });
    // Before it is known which items there are, it may be any.
    expect(own.maybe(event(8, 1))).to.equal(true);
    expect(await own.find(event(8, 1))).to.equal(undefined);
    await clock.advance(0);
    expect(own.maybe(event(8, 1))).to.equal(false);
    expect(await own.find(event(2, 1))).to.deep.equal({
      id: 'item.update:2:1',
      itemId: 2,
      depth: 2,
      rule: 'b',
    });
    own.revised(3, 1, 101, by(event(2, 1), 'a'));
    expect(await own.find(event(3, 1))).to.include({ depth: 3 });
  });

  it('count on from the write that began what time has brought, over a restart', async () => {
    const first = scene();
    await first.clock.advance(0);
    first.own.revised(1, 4, 101, by(event(9, 1), 'a'));
    first.own.revised(5, 0, 101, by(event(1, 4), 'b'));
    await first.clock.advance(0);
    const { clock, own } = scene({ of: first.store.reopen() });
    await clock.advance(0);
    const timed = (type: string, itemId: number, revision?: string): PodioEvent => ({
      ...event(itemId, 0),
      type,
      id: `${type}:c:${itemId}:${revision}`,
      params: revision === undefined ? {} : { revision },
    });
    for (const type of ['item.lasted', 'item.date']) {
      expect(await own.find(timed(type, 1, '4')), type).to.include({ depth: 1, rule: 'a' });
      expect(await own.find(timed(type, 5, '0')), type).to.include({ depth: 2, rule: 'b' });
      expect(await own.find(timed(type, 1, '3')), type).to.equal(undefined);
      expect([
        own.maybe(timed(type, 1, '9')),
        own.maybe(timed(type, 1)),
        own.maybe(timed(type, 2, '4')),
      ]).to.deep.equal([true, false, false]);
    }
    own.revised(2, 7, 101, by(timed('item.lasted', 5, '0'), 'c'));
    expect(await own.find(event(2, 7))).to.include({ depth: 3 });
    expect(own.maybe({ ...timed('item.fire', 1, '4') })).to.equal(false);
  });

  it('that a run of several events makes are one deeper than the deepest of these', async () => {
    const { clock, own } = scene();
    await clock.advance(0);
    own.revised(1, 1, 101, by(event(9, 1), 'a'));
    own.revised(2, 1, 101, by(event(1, 1), 'b'));
    const events = [event(2, 1), event(1, 1), event(9, 1)];
    own.revised(3, 1, 101, { event: event(9, 1), events, rule: 'digest' });
    expect(await own.find(event(3, 1))).to.include({ depth: 3, rule: 'digest' });
  });
});
