import { expect } from 'chai';
import type { PodioEvent } from '../../../src/core/event.ts';
import type { Gathering } from '../../../src/core/gather.ts';
import type { Finished, Lease, Store } from '../../../src/store/contract.ts';
import {
  appended,
  checkpoint,
  codeOf,
  itemEvent,
  keyOf,
  lane,
  parked,
  reopen,
  settled,
  tries,
  verdict,
  WORLDS,
} from './worlds.ts';

const BATCH: Gathering = { mode: 'batch', group: '', waitMs: 60_000, from: 'first', max: 3 };
const settle = (item: number): Gathering => ({
  mode: 'settle',
  group: `item:${item}`,
  waitMs: 1000,
  from: 'last',
  atMostMs: 3000,
});
const latest = (item: number): Gathering => ({
  mode: 'latest',
  group: `item:${item}`,
  waitMs: 0,
  from: 'last',
});

const take = (store: Store) => store.lanes.acquire(lane(), 'earliest');
const gather = async (store: Store, lease: Lease, event: PodioEvent, gathering: Gathering) =>
  (await store.lanes.gather(lease, [{ key: keyOf(event), ...gathering }], event.seq))[0];
const seqsOf = (members: readonly { readonly event: PodioEvent }[]) => members.map(({ event }) => event.seq);
/** Of every complete group. */
const complete = async (store: Store, lease: Lease) => {
  const groups = await store.lanes.closed(lease, { after: 0, limit: 10 });
  return Promise.all(groups.map(async ({ lead }) => seqsOf(await store.lanes.members(lease, keyOf(lead)))));
};
const together = (event: PodioEvent): Finished => ({
  ...settled(event),
  others: { outcome: 'settled', steps: [] },
});

for (const { name, make } of WORLDS) {
  describe(`events that wait together in the ${name} store`, () => {
    it('settle: each event of an item puts the end off, up to a bound', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await take(store);
      const waits: (number | undefined)[] = [];
      for (let edit = 1; edit <= 5; edit++) {
        await store.journal.append([itemEvent(7, edit)]);
        const [event] = (await store.journal.read({ after: edit - 1, limit: 1 })).entries;
        if (event) waits.push(await gather(store, lease, event.event, settle(7)));
        await world.clock.advance(700);
      }
      // The last one came 2.8 s after the first, of which the group waits for no more than three.
      expect(waits).to.deep.equal([1000, 1000, 1000, 900, 200]);
      expect(await store.lanes.close(lease, { limit: 10 })).to.deep.equal({ closed: 1, nextMs: undefined });
      expect(await complete(store, lease)).to.deep.equal([[1, 2, 3, 4, 5]]);
    });

    it('goes by when events came, not by when they are gathered', async () => {
      await using world = make();
      const store = await world.open();
      await store.journal.append([itemEvent(7, 1)]);
      await world.clock.advance(5000);
      await store.journal.append([itemEvent(7, 2)]);
      await world.clock.advance(600);
      await store.journal.append([itemEvent(7, 3)]);
      const lease = await take(store);
      const { entries } = await store.journal.read({ after: 0, limit: 3 });
      const waits: (number | undefined)[] = [];
      for (const { event } of entries) waits.push(await gather(store, lease, event, settle(7)));
      expect(waits).to.deep.equal([-4600, 400, 1000]);
      expect(await complete(store, lease)).to.deep.equal([[1]]);
      await world.clock.advance(1000);
      await store.lanes.close(lease, { limit: 10 });
      expect(await complete(store, lease)).to.deep.equal([[1], [2, 3]]);
    });

    it('a batch is complete when it is full, or after its time since the first', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await take(store);
      const events = await appended(store, 5);
      const waits: (number | undefined)[] = [];
      for (const event of events) waits.push(await gather(store, lease, event, BATCH));
      expect(waits).to.deep.equal([60_000, 60_000, 0, 60_000, 60_000]);
      expect(await complete(store, lease)).to.deep.equal([[1, 2, 3]]);
      expect(await store.lanes.close(lease, { limit: 10 })).to.deep.equal({ closed: 0, nextMs: 60_000 });
      await world.clock.advance(60_000);
      expect(await store.lanes.close(lease, { limit: 10, agoMs: 1 })).to.deep.equal({ closed: 0, nextMs: 0 });
      await world.clock.advance(1);
      expect(await store.lanes.close(lease, { limit: 10, agoMs: 1 })).to.deep.equal({
        closed: 1,
        nextMs: undefined,
      });
      expect(await complete(store, lease)).to.deep.equal([
        [1, 2, 3],
        [4, 5],
      ]);
    });

    it('one without a time waits until it is told', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await take(store);
      const [first, second] = (await appended(store, 2)) as [PodioEvent, PodioEvent];
      const endless: Gathering = { mode: 'batch', group: '', from: 'first', max: 100 };
      expect(await gather(store, lease, first, endless)).to.equal(undefined);
      await world.clock.advance(1e9);
      expect(await store.lanes.close(lease, { limit: 10 })).to.deep.equal({ closed: 0, nextMs: undefined });
      expect((await store.lanes.close(lease, { limit: 10, before: 1 })).closed).to.equal(0);
      expect((await store.lanes.close(lease, { limit: 10, before: 2 })).closed).to.equal(1);
      await gather(store, lease, second, endless);
      // The rule gathers otherwise by now.
      const unlike = (mode: 'batch' | 'settle' | undefined, timed: boolean) =>
        store.lanes.close(lease, { limit: 10, unlike: { mode, timed } });
      expect((await unlike('batch', false)).closed).to.equal(0);
      expect((await unlike('batch', true)).closed).to.equal(1);
      expect(await complete(store, lease)).to.deep.equal([[1], [2]]);
    });

    it('of the latest only, what comes while a run is in hand waits for its end', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await take(store);
      await store.journal.append([1, 2, 3].map(revision => itemEvent(7, revision)));
      const { entries } = await store.journal.read({ after: 0, limit: 3 });
      const [first, second, third] = entries.map(({ event }) => event) as [
        PodioEvent,
        PodioEvent,
        PodioEvent,
      ];
      expect(await gather(store, lease, first, latest(7))).to.equal(0);
      expect((await store.lanes.close(lease, { limit: 10 })).closed).to.equal(1);
      await gather(store, lease, second, latest(7));
      await world.clock.advance(10_000);
      await gather(store, lease, third, latest(7));
      expect((await store.lanes.close(lease, { limit: 10 })).closed).to.equal(0);
      await store.lanes.finish(lease, together(first), 3);
      expect((await store.lanes.close(lease, { limit: 10 })).closed).to.equal(1);
      expect(await complete(store, lease)).to.deep.equal([[2, 3]]);
      // What is parked is not in hand.
      await store.lanes.finish(lease, { ...parked(third), others: { outcome: 'filtered', steps: [] } }, 3);
      await store.journal.append([itemEvent(7, 4)]);
      const [fourth] = (await store.journal.read({ after: 3, limit: 1 })).entries;
      if (fourth) await gather(store, lease, fourth.event, latest(7));
      expect((await store.lanes.close(lease, { limit: 10 })).closed).to.equal(1);
      expect(await complete(store, lease)).to.deep.equal([[4]]);
    });

    it('wait no longer than they were meant to when the clock was ahead before a restart', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await take(store);
      const [first, second, third, fourth] = (await appended(store, 4)) as [
        PodioEvent,
        PodioEvent,
        PodioEvent,
        PodioEvent,
      ];
      await gather(store, lease, first, settle(7));
      await gather(store, lease, second, BATCH);
      world.clock.jump(-86_400_000);
      const again = await reopen(world, store);
      const taken = await take(again);
      expect((await again.lanes.close(taken, { limit: 10 })).nextMs).to.equal(1000);
      // Gathered by nobody before.
      expect(await gather(again, taken, third, settle(8))).to.equal(1000);
      expect(await gather(again, taken, fourth, BATCH)).to.equal(60_000);
      await world.clock.advance(60_000);
      await again.lanes.close(taken, { limit: 10 });
      expect(await complete(again, taken)).to.deep.equal([[1], [3], [2, 4]]);
    });

    it('outlive a restart: nothing is lost, and nothing is taken in again', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await take(store);
      const events = await appended(store, 5);
      const four = events.slice(0, 4).map(event => ({ key: keyOf(event), ...BATCH }));
      expect(await store.lanes.gather(lease, four, 1)).to.deep.equal([60_000, 60_000, 0, 60_000]);
      const [first] = events as [PodioEvent];
      // An answer that was lost: the same write again changes nothing.
      expect(await gather(store, lease, first, BATCH)).to.equal(0);
      const again = await reopen(world, store);
      const taken = await take(again);
      const state = await again.lanes.load(taken);
      expect(state.cursor).to.equal(1);
      expect(state.done).to.deep.equal([2, 3, 4]);
      expect(await complete(again, taken)).to.deep.equal([[1, 2, 3]]);
      expect(await gather(again, taken, events[4] as PodioEvent, BATCH)).to.equal(60_000);
      await world.clock.advance(60_000);
      await again.lanes.close(taken, { limit: 1 });
      expect(await complete(again, taken)).to.deep.equal([
        [1, 2, 3],
        [4, 5],
      ]);
      expect(await codeOf(gather(store, lease, first, BATCH))).to.be.oneOf([
        'STORE_STALE_LEASE',
        'STORE_UNAVAILABLE',
      ]);
    });

    it('are handed out page by page, in the order in which they became complete', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await take(store);
      const events = await appended(store, 4);
      for (const event of [...events].reverse()) {
        await gather(store, lease, event, { ...settle(event.itemId ?? 0), max: 1 });
      }
      const page = await store.lanes.closed(lease, { after: 0, limit: 3 });
      expect(page.map(({ lead }) => lead.seq)).to.deep.equal([4, 3, 2]);
      const last = await store.lanes.closed(lease, { after: page.at(-1)?.place ?? 0, limit: 3 });
      expect(last.map(({ lead, mode, count }) => ({ lead, mode, count }))).to.deep.equal([
        { lead: events[0], mode: 'settle', count: 1 },
      ]);
    });

    it('end with one write: a record for each, and none waits', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await take(store);
      const events = await appended(store, 3);
      for (const event of events) await gather(store, lease, event, BATCH);
      const [, , last] = events as [PodioEvent, PodioEvent, PodioEvent];
      await store.lanes.tried(lease, keyOf(last), 'f1', tries('tell'));
      expect((await store.lanes.status())[0]).to.include({
        lag: 0,
        gathered: 3,
        gatheredSince: Date.parse(events[0]?.receivedAt ?? ''),
        gatheredAt: world.clock.now(),
      });
      await store.lanes.finish(lease, together(last), 3);
      const listed = await store.journal.list({});
      expect(listed.map(({ runs }) => runs.map(({ outcome }) => outcome))).to.deep.equal([
        ['settled'],
        ['settled'],
        ['settled'],
      ]);
      expect(await complete(store, lease)).to.deep.equal([]);
      const [status] = await store.lanes.status();
      expect(status?.counts).to.deep.equal({ settled: 3, filtered: 0, parked: 0, dropped: 0 });
      expect(status).not.to.have.property('gathered');
      expect((await store.lanes.load(lease)).open).to.deep.equal([]);
    });

    it('are parked together, and retried or given up so', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await take(store);
      const events = await appended(store, 6);
      for (const event of events) await gather(store, lease, event, BATCH);
      const [, , third, , , sixth] = events as PodioEvent[];
      if (!third || !sixth) throw new Error('six were appended');
      const others = { outcome: 'parked', steps: [] } as const;
      await store.lanes.finish(lease, { ...parked(third), others }, 6);
      await store.lanes.finish(lease, { ...parked(sixth), others }, 6);
      expect(await complete(store, lease)).to.deep.equal([]);
      const rows = await store.parking.list();
      expect(rows.map(({ seq, events }) => [seq, events])).to.deep.equal([
        [3, 3],
        [6, 3],
      ]);
      const [one, two] = rows.map(({ id }) => id) as [string, string];
      await store.parking.retry({ ids: [one] });
      const [requested] = await store.lanes.requested(lease);
      expect(requested?.together).to.deep.equal({ mode: 'batch', group: '', count: 3 });
      expect(seqsOf(await store.lanes.members(lease, keyOf(third)))).to.deep.equal([1, 2, 3]);
      await store.lanes.finish(lease, { ...together(third), parkedId: one }, 6);
      expect([...(await store.parking.drop({ ids: [two] })).runs]).to.deep.equal([['won-leads', 3]]);
      const [status] = await store.lanes.status();
      expect(status?.counts).to.deep.equal({ settled: 3, filtered: 0, parked: 0, dropped: 3 });
      expect(await store.lanes.members(lease, keyOf(sixth))).to.deep.equal([]);
      expect(await store.parking.list()).to.deep.equal([]);
    });

    it('have one verdict where they are dropped while the retry of them is in hand', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await take(store);
      const events = await appended(store, 6);
      for (const event of events) await gather(store, lease, event, BATCH);
      const [, , third, , , sixth] = events as PodioEvent[];
      if (!third || !sixth) throw new Error('six were appended');
      const others = { outcome: 'parked', steps: [] } as const;
      await store.lanes.finish(lease, { ...parked(third), others }, 6);
      await store.lanes.finish(lease, { ...parked(sixth), others }, 6);
      const [one, two] = (await store.parking.list()).map(({ id }) => id) as [string, string];
      await store.parking.retry({ all: true });
      await store.parking.drop({ all: true });
      const all = { seqs: [1, 2] };
      const settledAll: Finished = { ...settled(third), others: { outcome: 'settled', steps: [], ...all } };
      await store.lanes.finish(lease, { ...settledAll, parkedId: one }, 6);
      const again: Finished = { ...parked(sixth), others: { ...others, seqs: [4, 5] } };
      await store.lanes.finish(lease, { ...again, parkedId: two }, 6);
      const listed = await store.journal.list({});
      expect(listed.map(({ runs }) => runs[0]?.outcome)).to.deep.equal([
        'settled',
        'settled',
        'settled',
        'dropped',
        'dropped',
        'dropped',
      ]);
      const [status] = await store.lanes.status();
      expect(status?.counts).to.deep.equal({ settled: 3, filtered: 0, parked: 0, dropped: 3 });
    });

    it('take in one whose own run was parked, unless it was dropped meanwhile', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await take(store);
      const [first, second] = (await appended(store, 2)) as [PodioEvent, PodioEvent];
      for (const event of [first, second]) await store.lanes.finish(lease, parked(event), event.seq);
      const [one, two] = (await store.parking.list()).map(({ id }) => id) as [string, string];
      await store.parking.retry({ all: true });
      await store.parking.drop({ ids: [two] });
      const again = async (event: PodioEvent, parkedId: string) =>
        (await store.lanes.gather(lease, [{ key: keyOf(event), parkedId, ...BATCH }], 2))[0];
      expect(await again(first, one)).to.equal(60_000);
      // An answer that was lost: the same write again changes nothing, and tells the same.
      expect(await again(first, one)).to.equal(60_000);
      expect(await again(second, two)).to.equal(undefined);
      expect(await store.parking.list()).to.deep.equal([]);
      const [status] = await store.lanes.status();
      expect(status?.counts).to.include({ parked: 0, dropped: 1 });
      expect(status?.gathered).to.equal(1);
    });

    it('count as run for the change: its twin is not run too', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await take(store);
      const event = itemEvent(7, 1);
      await store.journal.append([event, { ...event, ref: { type: 'app_field', id: 11 } }]);
      const [first] = (await store.journal.read({ after: 0, limit: 1 })).entries;
      if (first) await gather(store, lease, first.event, settle(7));
      expect([...(await store.lanes.settled(lease, [event.id, 'other']))]).to.deep.equal([event.id]);
      expect(await store.lanes.recorded(lease, [event.id])).to.deep.equal([
        { seq: 1, eventId: event.id, replay: 0 },
      ]);
    });

    it('are told of, for people', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await take(store);
      const events = await appended(store, 4);
      for (const event of events) await gather(store, lease, event, BATCH);
      await world.clock.advance(1000);
      const tell = async ({ id }: PodioEvent) => (await store.journal.trace(id))[0]?.runs[0];
      const since = Date.parse(events[0]?.receivedAt ?? '');
      expect(await tell(events[0] as PodioEvent)).to.deep.equal({
        rule: 'won-leads',
        replay: 0,
        outcome: 'open',
        steps: [],
        gathered: { mode: 'batch', count: 3, since, waitMs: 0, lead: events[2]?.id },
      });
      expect((await tell(events[3] as PodioEvent))?.gathered).to.deep.equal({
        mode: 'batch',
        count: 1,
        since,
        waitMs: 59_000,
      });
    });

    it('keep what has decided that they wait, for people and for the records of all', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await take(store);
      const events = await appended(store, 3);
      const [first, second, third] = events as [PodioEvent, PodioEvent, PodioEvent];
      const judgedAs = (seen: string) => [
        verdict('rule.where', { checks: [{ path: 'item.title', test: 'exists', seen, holds: true }] }),
      ];
      const judged = [judgedAs('Alder'), [], judgedAs('Birch')];
      const all = events.map((event, n) => ({ key: keyOf(event), judged: judged[n] ?? [], ...BATCH }));
      await store.lanes.gather(lease, all, 3);
      const again = await reopen(world, store);
      const taken = await take(again);
      const stepsOf = async ({ id }: PodioEvent) => (await again.journal.trace(id))[0]?.runs[0]?.steps;
      expect(await stepsOf(first)).to.deep.equal(judgedAs('Alder'));
      expect(await stepsOf(second)).to.deep.equal([]);
      const members = await again.lanes.members(taken, keyOf(third));
      expect(members.map(({ event, judged: kept }) => [event.seq, kept])).to.deep.equal([
        [1, judgedAs('Alder')],
        [2, []],
        [3, judgedAs('Birch')],
      ]);
      // Begun: what its steps have done comes after.
      await again.lanes.checkpoint(taken, keyOf(third), 'print', checkpoint('ask'));
      expect(await stepsOf(third)).to.deep.equal([...judgedAs('Birch'), verdict('ask')]);
      const mode = verdict('rule.mode');
      const others = {
        outcome: 'settled' as const,
        steps: [mode],
        judged: new Map([[1, judgedAs('Alder')]]),
      };
      await again.lanes.finish(taken, { ...settled(third), others }, 3);
      expect(await stepsOf(first)).to.deep.equal([...judgedAs('Alder'), mode]);
      expect(await stepsOf(second)).to.deep.equal([mode]);
    });

    it('are not removed while they wait, also of a rule that is gone', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await take(store);
      const events = await appended(store, 8);
      for (const event of events.slice(0, 7)) await gather(store, lease, event, BATCH);
      const others = { outcome: 'parked', steps: [] } as const;
      await store.lanes.finish(lease, { ...parked(events[2] as PodioEvent), others }, 7);
      await store.lanes.finish(lease, together(events[5] as PodioEvent), 7);
      await world.clock.advance(1000);
      const singleton = await store.singleton('retention');
      const left = async (rules: string[]) => {
        await store.retention.removeEvents(singleton, { olderThanMs: 500, rules, after: 0 });
        return seqsOf((await store.journal.read({ after: 0, limit: 10 })).entries);
      };
      for (const rules of [['won-leads'], []]) expect(await left(rules)).to.deep.equal([1, 2, 3, 7, 8]);
      expect(seqsOf(await store.lanes.members(lease, keyOf(events[2] as PodioEvent)))).to.deep.equal([
        1, 2, 3,
      ]);
    });

    it('runs begin so many within a time, over restarts too', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await take(store);
      const throttle = { max: 2, perMs: 1000 };
      const ask = (of = store, by = lease) => of.lanes.admit(by, throttle);
      expect([await ask(), await ask()]).to.deep.equal([0, 0]);
      await world.clock.advance(400);
      expect(await ask()).to.equal(600);
      const again = await reopen(world, store);
      const taken = await take(again);
      expect(await ask(again, taken)).to.equal(600);
      expect(await again.lanes.admit(await again.lanes.acquire(lane('other'), 'head'), throttle)).to.equal(0);
      await world.clock.advance(600);
      expect([await ask(again, taken), await ask(again, taken)]).to.deep.equal([0, 0]);
      expect(await ask(again, taken)).to.equal(1000);
    });

    it('runs that began while the clock was a year ahead hold others back no longer than any', async () => {
      const YEAR = 365 * 86_400_000;
      await using world = make();
      const store = await world.open();
      const throttle = { max: 2, perMs: 1000 };
      world.clock.jump(YEAR);
      const lease = await take(store);
      await store.lanes.admit(lease, throttle);
      await store.lanes.admit(lease, throttle);
      world.clock.jump(-YEAR);
      const again = await reopen(world, store);
      const taken = await take(again);
      expect(await again.lanes.admit(taken, throttle)).to.equal(1000);
      await world.clock.advance(1000);
      expect(await again.lanes.admit(taken, throttle)).to.equal(0);
    });
  });
}
