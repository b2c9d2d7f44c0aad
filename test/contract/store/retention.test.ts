import { expect } from 'chai';
import * as fc from 'fast-check';
import type { Lease, Removal, Store } from '../../../src/store/contract.ts';
import {
  appended,
  checkpoint,
  codeOf,
  itemEvent,
  keyOf,
  lane,
  park,
  settled,
  tries,
  WORLDS,
  type World,
} from './worlds.ts';

const DAY = 86_400_000;

/** Removes part after part until nothing is left that may go. */
async function removeAll(store: Store, days: number, rules: readonly string[] = []): Promise<number> {
  const lease = await store.singleton('retention');
  let total = 0;
  for (let after = 0; ; ) {
    const removal: Removal = { olderThanMs: days * DAY, rules, after };
    const { events, upTo, more } = await store.retention.removeEvents(lease, removal);
    total += events;
    if (!more) return total;
    after = upTo;
  }
}

async function kept(store: Store): Promise<readonly number[]> {
  const { entries } = await store.journal.read({ after: 0, limit: 10_000 });
  return entries.map(({ event }) => event.seq);
}

async function settleAll(store: Store, lease: Lease, upTo: number): Promise<void> {
  const { entries } = await store.journal.read({ after: 0, limit: 10_000 });
  for (const { event } of entries)
    if (event.seq <= upTo) await store.lanes.finish(lease, settled(event), event.seq);
}

for (const { name, make } of WORLDS) {
  describe(`old events (${name})`, () => {
    let world: World;
    let store: Store;
    beforeEach(async () => {
      world = make();
      store = await world.open();
    });
    afterEach(() => world[Symbol.asyncDispose]());

    it('go with what their runs have left, and the newest stays however old it is', async () => {
      const lease = await store.lanes.acquire(lane(), 'earliest');
      await appended(store, 5);
      await settleAll(store, lease, 5);
      await world.clock.advance(31 * DAY);
      expect(await removeAll(store, 30, ['won-leads'])).to.equal(4);
      expect(await kept(store)).to.deep.equal([5]);
      expect((await store.journal.list({ rule: 'won-leads' })).map(({ event }) => event.seq)).to.deep.equal([
        5,
      ]);
      expect((await store.journal.append([itemEvent(50, 1)]))[0]?.seq).to.equal(6);
      const { oldest, removed } = await store.retention.usage();
      expect(oldest?.seq).to.equal(5);
      expect(removed).to.deep.equal({ events: 4, lastAt: world.clock.now() });
    });

    it('stay while they are younger than asked for, and are known as repeats until they go', async () => {
      await appended(store, 3);
      await world.clock.advance(29 * DAY);
      await store.journal.append([itemEvent(50, 1)]);
      expect(await removeAll(store, 30)).to.equal(0);
      const again = async () => (await store.journal.append([itemEvent(1, 1)]))[0];
      expect(await again()).to.include({ status: 'repeat', seq: 1 });
      await world.clock.advance(2 * DAY);
      expect(await removeAll(store, 30)).to.equal(3);
      expect(await again()).to.include({ status: 'released', seq: 5 });
    });

    it('stay while a running rule has not settled them, and it is named', async () => {
      const lease = await store.lanes.acquire(lane(), 'earliest');
      const quick = await store.lanes.acquire(lane('quick'), 'earliest');
      await appended(store, 9);
      await settleAll(store, quick, 9);
      await settleAll(store, lease, 4);
      await world.clock.advance(100 * DAY);
      const singleton = await store.singleton('retention');
      const removal = { olderThanMs: 90 * DAY, rules: ['won-leads', 'quick'], after: 0 };
      expect(await store.retention.removeEvents(singleton, removal)).to.deep.include({
        events: 4,
        heldBy: { rule: 'won-leads', cursor: 4 },
      });
      expect(await kept(store)).to.deep.equal([5, 6, 7, 8, 9]);
      expect((await store.lanes.status()).map(({ rule, lag }) => [rule, lag])).to.deep.equal([
        ['quick', 0],
        ['won-leads', 5],
      ]);
    });

    it('go past a rule that left the config, but for what had begun of it or is parked', async () => {
      const lease = await store.lanes.acquire(lane('gone'), 'earliest');
      const events = await appended(store, 6);
      const [, , third, fourth] = events;
      if (!third || !fourth) throw new Error('six were appended');
      await store.lanes.checkpoint(lease, keyOf(third), 'print', checkpoint('tell'));
      await park(store, lease, [third]);
      await store.lanes.tried(lease, keyOf(fourth), 'print', tries('tell'));
      await world.clock.advance(100 * DAY);
      expect(await removeAll(store, 90, ['another'])).to.equal(3);
      expect(await kept(store)).to.deep.equal([3, 4, 6]);
      expect((await store.parking.list()).map(({ seq, event }) => [seq, event.itemId])).to.deep.equal([
        [3, 3],
      ]);
      // It is back: what is left is what it goes on with, at the step that failed.
      const back = await store.lanes.acquire(lane('gone'), 'earliest');
      await store.parking.retry({ all: true });
      const { open, requested } = await store.lanes.load(back);
      expect(open.map(({ key }) => key.seq)).to.deep.equal([4]);
      expect(requested.map(({ run }) => run.checkpoints.map(({ step }) => step))).to.deep.equal([['tell']]);
      expect((await store.lanes.status())[0]?.lag).to.equal(2);
    });

    it('stay for a rule that left the config before it had come to them, until it has or they are dropped', async () => {
      const lease = await store.lanes.acquire(lane('gone'), 'earliest');
      await appended(store, 3);
      await settleAll(store, lease, 1);
      await store.lanes.leave(['another']);
      await store.journal.append([11, 12, 13].map(item => itemEvent(item, 1)));
      await world.clock.advance(100 * DAY);
      expect(await removeAll(store, 90, ['another'])).to.equal(3);
      expect(await kept(store)).to.deep.equal([2, 3, 6]);
      expect((await store.lanes.status())[0]?.left).to.deep.equal({ begun: 0, behind: 2, at: 3 });
      expect((await store.parking.drop({ rule: 'gone' })).left).to.deep.equal({ ended: 0, passed: 2 });
      expect(await removeAll(store, 90, ['another'])).to.equal(2);
      expect((await store.lanes.status())[0]?.left).to.deep.equal({ begun: 0, behind: 0, at: 3 });
    });

    it('stay for a replay that is not through, and go after it', async () => {
      const lease = await store.lanes.acquire(lane(), 'earliest');
      await appended(store, 9);
      await settleAll(store, lease, 9);
      await world.clock.advance(100 * DAY);
      const id = await store.replays.request('won-leads', { from: 3, to: 6 });
      await store.lanes.replayed(lease, id, 4);
      expect(await removeAll(store, 90, ['won-leads'])).to.equal(6);
      expect(await kept(store)).to.deep.equal([5, 6, 9]);
      await store.lanes.replayed(lease, id, 6);
      expect(await removeAll(store, 90, ['won-leads'])).to.equal(2);
      expect((await store.lanes.asked(lease)).replays).to.deep.equal([]);
    });

    it('stay while their change is kept under another ref', async () => {
      await store.journal.append([itemEvent(1, 1), itemEvent(2, 1)]);
      await world.clock.advance(60 * DAY);
      await store.journal.append([itemEvent(1, 1, { ref: { type: 'app_field', id: 7 } }), itemEvent(3, 1)]);
      await world.clock.advance(40 * DAY);
      expect(await removeAll(store, 90)).to.equal(1);
      expect(await kept(store)).to.deep.equal([1, 3, 4]);
      await world.clock.advance(60 * DAY);
      expect(await removeAll(store, 90)).to.equal(2);
      expect(await kept(store)).to.deep.equal([4]);
    });

    it('are told apart by when they came, also where the wall clock was set back', async () => {
      world.clock.jump(365 * DAY);
      await appended(store, 2);
      await store.close();
      world.clock.jump(-365 * DAY);
      store = await world.open();
      await appended(store, 5);
      await world.clock.advance(100 * DAY);
      await appended(store, 1);
      await removeAll(store, 90);
      expect((await kept(store)).filter(seq => seq > 2)).to.deep.equal([8]);
    });

    it('are not removed by who has lost the right to', async () => {
      const lost = await store.singleton('retention');
      await store.singleton('retention');
      const removal = { olderThanMs: 0, rules: [], after: 0 };
      expect(await codeOf(store.retention.removeEvents(lost, removal))).to.equal('STORE_STALE_LEASE');
      expect(await codeOf(store.retention.forgetSteps(lost, 0, true))).to.equal('STORE_STALE_LEASE');
      expect(await codeOf(store.retention.giveBack(lost))).to.equal('STORE_STALE_LEASE');
    });
  });

  describe(`old runs (${name})`, () => {
    it('lose their steps and errors, and are still known as runs', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await store.lanes.acquire(lane(), 'earliest');
      const [first, second, third] = await appended(store, 3);
      if (!first || !second || !third) throw new Error('three were appended');
      await store.lanes.finish(lease, settled(first, { error: 'continued', shadow: true }), 1);
      await park(store, lease, [second]);
      await world.clock.advance(31 * DAY);
      await store.lanes.finish(lease, settled(third), 3);
      const singleton = await store.singleton('retention');
      while (await store.retention.forgetSteps(singleton, 30 * DAY, false));
      const runs = (await store.journal.list({})).map(row => row.runs[0]);
      expect(runs.map(run => [run?.outcome, run?.steps.length, run?.error])).to.deep.equal([
        ['settled', 0, undefined],
        ['parked', 1, 'Slack said no'],
        ['settled', 1, undefined],
      ]);
      expect(runs.map(run => run?.shadow)).to.deep.equal([true, undefined, undefined]);
      expect([...(await store.lanes.settled(lease, [first.id]))]).to.deep.equal([first.id]);
      expect((await store.lanes.status())[0]?.counts).to.include({ settled: 2, parked: 1 });

      // Its turn comes when it is no longer parked.
      await store.parking.drop({ all: true });
      while (await store.retention.forgetSteps(singleton, 30 * DAY, true));
      expect((await store.journal.list({ last: 2 }))[0]?.runs[0]).to.deep.include({
        outcome: 'dropped',
        steps: [],
      });
    });
  });
}

describe('what retention removes', () => {
  it('is the same in every store, and nothing that is needed, whatever happened before', async () => {
    const action = fc.oneof(
      fc.record({ kind: fc.constant('append' as const), item: fc.nat(5), twin: fc.boolean() }),
      fc.record({ kind: fc.constant('wait' as const), days: fc.integer({ min: 1, max: 50 }) }),
      fc.record({ kind: fc.constant('settle' as const), rule: fc.nat(2), upTo: fc.nat(30) }),
      fc.record({ kind: fc.constant('park' as const), rule: fc.nat(2), seq: fc.nat(30) }),
      fc.record({ kind: fc.constant('try' as const), rule: fc.nat(2), seq: fc.nat(30) }),
      fc.record({ kind: fc.constant('replay' as const), rule: fc.nat(2), from: fc.nat(30), to: fc.nat(30) }),
      fc.record({ kind: fc.constant('remove' as const), days: fc.integer({ min: 30, max: 90 }) }),
    );
    type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;
    const rules = ['a', 'b', 'gone'];

    const play = async (make: () => World, actions: readonly Action[]) => {
      await using world = make();
      const store = await world.open();
      const leases = await Promise.all(rules.map(rule => store.lanes.acquire(lane(rule), 'earliest')));
      const seen: unknown[] = [];
      let revision = 0;
      const at = async (seq: number) => {
        const { entries } = await store.journal.read({ after: seq - 1, limit: 1 });
        return entries[0]?.event.seq === seq ? entries[0].event : undefined;
      };
      for (const act of actions) {
        const lease = 'rule' in act ? leases[act.rule] : undefined;
        if (act.kind === 'append') {
          const ref = { type: act.twin ? ('app_field' as const) : ('app' as const), id: 101 };
          if (!act.twin) revision += 1;
          await store.journal.append([itemEvent(act.item, revision, { ref })]);
        } else if (act.kind === 'wait') {
          await world.clock.advance(act.days * DAY);
        } else if (act.kind === 'settle' && lease) {
          await store.lanes.advance(lease, Math.min(act.upTo, store.journal.head()));
        } else if (act.kind === 'park' && lease) {
          const event = await at(act.seq);
          const rows = await store.parking.list();
          if (event && !rows.some(row => row.seq === act.seq && row.rule === lease.lane.rule))
            await park(store, lease, [event]);
        } else if (act.kind === 'try' && lease) {
          const event = await at(act.seq);
          if (event) await store.lanes.tried(lease, keyOf(event, 1), 'print', tries('tell'));
        } else if (act.kind === 'replay' && lease && act.from <= act.to) {
          await store.replays.request(lease.lane.rule, { from: act.from, to: act.to });
        } else if (act.kind === 'remove') {
          const before = await store.journal.read({ after: 0, limit: 1000 });
          const parkedBefore = await store.parking.list();
          await removeAll(store, act.days, ['a', 'b']);
          const left = new Set(await kept(store));
          const status = await store.lanes.status();
          const lowest = Math.min(
            ...status.filter(({ rule }) => rule !== 'gone').map(({ cursor }) => cursor),
          );
          const asked = (await store.replays.list()).filter(({ rule }) => rule !== 'gone');
          for (const { event } of before.entries) {
            const young = Date.parse(event.receivedAt) > world.clock.now() - act.days * DAY;
            const wanted =
              young ||
              event.seq > lowest ||
              event.seq === store.journal.head() ||
              asked.some(({ cursor, to }) => cursor < event.seq && event.seq <= to);
            if (wanted) expect(left.has(event.seq), `${event.seq} is needed`).to.equal(true);
          }
          expect(await store.parking.list()).to.deep.equal(parkedBefore);
          seen.push([
            [...left],
            status.map(({ lag }) => lag),
            (await store.retention.usage()).removed.events,
          ]);
        }
      }
      return seen;
    };
    const [first, ...others] = WORLDS;
    if (!first) throw new Error('there is a store');
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 10, maxLength: 60, size: 'max' }), async actions => {
        const wanted = await play(first.make, actions);
        for (const other of others) expect(await play(other.make, actions)).to.deep.equal(wanted);
      }),
      { numRuns: 60 },
    );
  }).timeout(120_000);
});
