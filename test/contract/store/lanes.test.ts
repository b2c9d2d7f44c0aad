import { expect } from 'chai';
import type { PodioEvent } from '../../../src/core/event.ts';
import { CONDITIONS_HELD } from '../../../src/core/fingerprint.ts';
import type { StepVerdict } from '../../../src/core/run.ts';
import type { Entry } from '../../../src/store/contract.ts';
import {
  appended,
  checkpoint,
  codeOf,
  itemEvent,
  keyOf,
  lane,
  park,
  parked,
  reopen,
  settled,
  tries,
  verdict,
  WORLDS,
} from './worlds.ts';

/** When the virtual clock starts. */
const LOADED_AT = Date.UTC(2026, 0, 1);

for (const { name, make } of WORLDS) {
  describe(`lanes of the ${name} store`, () => {
    it('start at the head or at the earliest, and later where they were', async () => {
      await using world = make();
      const store = await world.open();
      await appended(store, 3);
      const cursors = async (of: typeof store) =>
        Promise.all(
          [lane('new'), lane('old')].map(
            async id => (await of.lanes.load(await of.lanes.acquire(id, 'head'))).cursor,
          ),
        );
      await store.lanes.acquire(lane('new'), 'head');
      const old = await store.lanes.acquire(lane('old'), 'earliest');
      expect(await cursors(store)).to.deep.equal([3, 0]);
      expect(old.usable()).to.equal(false);
      const again = await reopen(world, store);
      expect(await cursors(again)).to.deep.equal([3, 0]);
    });

    it('that are divided anew start at the lowest cursor there was', async () => {
      await using world = make();
      const store = await world.open();
      await appended(store, 3);
      const whole = await store.lanes.acquire(lane(), 'earliest');
      await store.lanes.advance(whole, 2);
      const half = await store.lanes.acquire({ rule: 'won-leads', shard: 1, of: 2 }, 'head');
      expect((await store.lanes.load(half)).cursor).to.equal(2);
    });

    it('move the cursor forward only', async () => {
      await using world = make();
      const store = await world.open();
      const [first] = await appended(store, 5);
      if (!first) throw new Error('five were appended');
      const lease = await store.lanes.acquire(lane(), 'earliest');
      await store.lanes.advance(lease, 3);
      await store.lanes.advance(lease, 2);
      await store.lanes.finish(lease, settled(first), 1);
      expect((await store.lanes.load(lease)).cursor).to.equal(3);
    });

    it('know when the event came that was settled last, before another one', async () => {
      await using world = make();
      const store = await world.open();
      const events = await appended(store, 5);
      const lease = await store.lanes.acquire(lane(), 'earliest');
      const { rule } = lease.lane;
      const [first, second, third, fourth] = events as [PodioEvent, PodioEvent, PodioEvent, PodioEvent];
      expect(await store.lanes.previous(rule, 5)).to.equal(undefined);
      await store.lanes.finish(lease, settled(first), 1);
      await store.lanes.finish(lease, settled(second), 2);
      await store.lanes.finish(lease, settled(third, { outcome: 'filtered' }), 3);
      await store.lanes.finish(lease, settled(fourth, { replay: 1 }), 3);
      expect(await store.lanes.previous(rule, 5)).to.equal(Date.parse(second.receivedAt));
      expect(await store.lanes.previous(rule, 2)).to.equal(Date.parse(first.receivedAt));
      expect(await store.lanes.previous(rule, 1)).to.equal(undefined);
      expect(await store.lanes.previous('other', 5)).to.equal(undefined);
    });

    it('know of runs in shadow, which have done nothing, for a rule in shadow alone', async () => {
      await using world = make();
      const store = await world.open();
      const [first, second] = (await appended(store, 2)) as [PodioEvent, PodioEvent];
      const lease = await store.lanes.acquire(lane(), 'earliest');
      const { rule } = lease.lane;
      await store.lanes.finish(lease, settled(first), 1);
      await store.lanes.finish(lease, settled(second, { shadow: true }), 2);
      expect(await store.lanes.previous(rule, 3)).to.equal(Date.parse(first.receivedAt));
      expect(await store.lanes.previous(rule, 3, true)).to.equal(Date.parse(second.receivedAt));
    });

    it('keep what conditions have seen', async () => {
      await using world = make();
      const store = await world.open();
      const [event] = (await appended(store, 1)) as [PodioEvent];
      const lease = await store.lanes.acquire(lane(), 'earliest');
      const check = { path: 'fields.value', test: 'gte 10', seen: '€5.00', holds: false };
      const steps: StepVerdict[] = [
        { step: 'a', outcome: 'done', attempts: 1, ms: 2, startedAt: 1_767_225_600_000 },
        { step: 'b', outcome: 'skipped', attempts: 1, ms: 0, checks: [check, { ...check, holds: true }] },
        {
          step: 'c',
          branch: '1',
          outcome: 'continued',
          attempts: 2,
          ms: 3,
          startedAt: 1_767_225_599_000,
          error: 'no',
        },
        {
          step: 'd',
          outcome: 'done',
          attempts: 1,
          ms: 2,
          startedAt: 1_767_225_600_003,
          unknownFields: ['stauts'],
        },
      ];
      await store.lanes.finish(lease, settled(event, { steps }), 1);
      const [listed] = await store.journal.list({});
      expect(listed?.runs[0]?.steps).to.deep.equal(steps);
    });

    it('keep what a rule in shadow would have done, and that it was one', async () => {
      await using world = make();
      const store = await world.open();
      const [first, second, third] = (await appended(store, 3)) as [PodioEvent, PodioEvent, PodioEvent];
      const lease = await store.lanes.acquire(lane(), 'earliest');
      const would = { text: 'posts', sends: [{ http: 'POST', url: 'https://a.example/', body: { n: 1 } }] };
      const steps: StepVerdict[] = [
        { step: 'a', outcome: 'done', attempts: 1, ms: 2, would },
        { step: 'b', branch: '0', outcome: 'done', attempts: 1, ms: 2, would: { notRun: true } },
      ];
      await store.lanes.finish(lease, settled(first, { steps, shadow: true }), 1);
      await store.lanes.finish(lease, settled(second, { steps: [], outcome: 'filtered', shadow: true }), 2);
      await store.lanes.finish(lease, settled(third, { steps: [] }), 3);
      const listed = await store.journal.list({});
      expect(listed.map(({ runs }) => runs[0]?.shadow)).to.deep.equal([true, true, undefined]);
      expect(listed[0]?.runs[0]?.steps).to.deep.equal(steps);
      expect(listed[1]?.runs[0]?.steps).to.deep.equal([]);
      const [traced] = await store.journal.trace(first.id);
      expect(traced?.runs[0]).to.deep.include({ shadow: true, steps });
    });

    it('know after a restart what is done above the cursor', async () => {
      await using world = make();
      const store = await world.open();
      const events = await appended(store, 6);
      const lease = await store.lanes.acquire(lane(), 'earliest');
      await Promise.all(
        events.filter(({ seq }) => seq !== 2).map(event => store.lanes.finish(lease, settled(event), 1)),
      );
      const other = await store.lanes.acquire(lane('other'), 'earliest');
      expect((await store.lanes.load(other)).done).to.deep.equal([]);
      const again = await reopen(world, store);
      const state = await again.lanes.load(await again.lanes.acquire(lane(), 'head'));
      expect(state).to.deep.equal({
        cursor: 1,
        loadedAt: LOADED_AT,
        done: [3, 4, 5, 6],
        open: [],
        requested: [],
      });
    });

    it('count replays apart: they do not make their event done', async () => {
      await using world = make();
      const store = await world.open();
      const [event] = await appended(store, 1);
      if (!event) throw new Error('one was appended');
      const lease = await store.lanes.acquire(lane(), 'earliest');
      await store.lanes.finish(lease, settled(event, { replay: 1 }), 0);
      expect((await store.lanes.load(lease)).done).to.deep.equal([]);
      expect([...(await store.lanes.settled(lease, [event.id]))]).to.deep.equal([]);
    });

    it('say which changes the rule has run for, under whatever ref', async () => {
      await using world = make();
      const store = await world.open();
      await store.journal.append([
        itemEvent(1, 1),
        itemEvent(1, 1, { ref: { type: 'app_field', id: 5 } }),
        itemEvent(2, 1),
      ]);
      const { entries } = await store.journal.read({ after: 0, limit: 3 });
      const [, ofField] = entries as [Entry, Entry, Entry];
      const lease = await store.lanes.acquire(lane(), 'earliest');
      const other = await store.lanes.acquire(lane('other'), 'earliest');
      const ids = entries.map(({ event }) => event.id);
      expect([...(await store.lanes.settled(lease, ids))]).to.deep.equal([]);
      await store.lanes.finish(lease, parked(ofField.event), 0);
      expect([...(await store.lanes.settled(lease, ids))]).to.deep.equal(['item.update:1:1']);
      expect([...(await store.lanes.settled(other, ids))]).to.deep.equal([]);
    });

    it('keep tries with their times over a restart', async () => {
      await using world = make();
      const store = await world.open();
      const [event] = await appended(store, 1);
      if (!event) throw new Error('one was appended');
      const lease = await store.lanes.acquire(lane(), 'earliest');
      await store.lanes.tried(lease, keyOf(event), 'print', tries('tell'));
      await store.lanes.tried(
        lease,
        keyOf(event),
        'print',
        tries('tell', { attempts: 2, sinceFirstMs: 1000, waitMs: 5000, error: 'again' }),
      );
      await world.clock.advance(2000);
      const again = await reopen(world, store);
      const load = async () => (await again.lanes.load(await again.lanes.acquire(lane(), 'head'))).open;
      const wanted = tries('tell', { attempts: 2, sinceFirstMs: 3000, waitMs: 3000, error: 'again' });
      expect(await load()).to.deep.equal([
        { key: keyOf(event), fingerprint: 'print', checkpoints: [], tries: [wanted], parked: [] },
      ]);
      await world.clock.advance(4000);
      expect((await load())[0]?.tries).to.deep.equal([{ ...wanted, sinceFirstMs: 7000, waitMs: -1000 }]);
    });

    it('never make a wait longer, also when the wall clock was set back between two starts', async () => {
      await using world = make();
      const store = await world.open();
      const [event] = await appended(store, 1);
      if (!event) throw new Error('one was appended');
      const lease = await store.lanes.acquire(lane(), 'earliest');
      await store.lanes.tried(
        lease,
        keyOf(event),
        'print',
        tries('tell', { sinceFirstMs: 10, waitMs: 5000 }),
      );
      await store.close();
      world.clock.jump(-3_600_000);
      const again = await world.open();
      const { open } = await again.lanes.load(await again.lanes.acquire(lane(), 'head'));
      expect(open[0]?.tries).to.deep.equal([tries('tell', { sinceFirstMs: 10, waitMs: 5000 })]);
    });

    it('keep finished steps with what they passed on, and forget the tries of those', async () => {
      await using world = make();
      const store = await world.open();
      const [event] = await appended(store, 1);
      if (!event) throw new Error('one was appended');
      const lease = await store.lanes.acquire(lane(), 'earliest');
      const run = keyOf(event);
      const checks = [{ path: 'item.title', test: 'exists', seen: 'Fjord', holds: true }];
      const before = [verdict('rule.where', { checks })];
      const asked = checkpoint('ask', { output: [{ ask: { a: [1, 'é', null] } }, {}], before });
      const told = checkpoint('tell', { branch: '1', output: [], verdict: verdict('tell', { branch: '1' }) });
      await store.lanes.tried(lease, run, 'print', tries('tell', { branch: '1' }));
      await store.lanes.tried(lease, run, 'print', tries('tell', { branch: '0' }));
      await store.lanes.checkpoint(lease, run, 'print', asked);
      await store.lanes.checkpoint(lease, run, 'print', told);
      await store.lanes.checkpoint(lease, run, 'print', told);
      const again = await reopen(world, store);
      const { open } = await again.lanes.load(await again.lanes.acquire(lane(), 'head'));
      expect(open).to.deep.equal([
        {
          key: run,
          fingerprint: 'print',
          checkpoints: [asked, told],
          tries: [tries('tell', { branch: '0' })],
          parked: [],
        },
      ]);
      const [entry] = await again.journal.trace(event.id);
      expect(entry?.runs[0]?.steps).to.deep.equal([...before, asked.verdict, told.verdict]);
    });

    it('tell of what was decided before the first step, also where none has finished', async () => {
      await using world = make();
      const store = await world.open();
      const [event] = await appended(store, 1);
      if (!event) throw new Error('one was appended');
      const lease = await store.lanes.acquire(lane(), 'earliest');
      const before = [verdict('on.fields', { ms: 7 }), verdict('rule.where', { outcome: 'done' })];
      await store.lanes.checkpoint(lease, keyOf(event), 'ask=1', checkpoint(CONDITIONS_HELD, { before }));
      // A step behind the first was changed.
      await store.lanes.tried(lease, keyOf(event), 'ask=1 tell=1', tries('ask'));
      const [entry] = await store.journal.trace(event.id);
      expect(entry?.runs[0]?.steps).to.deep.equal(before);
    });

    it('begin a run again under another fingerprint', async () => {
      await using world = make();
      const store = await world.open();
      const [event] = await appended(store, 1);
      if (!event) throw new Error('one was appended');
      const lease = await store.lanes.acquire(lane(), 'earliest');
      const run = keyOf(event);
      await store.lanes.checkpoint(lease, run, 'old', checkpoint('ask'));
      await store.lanes.tried(lease, run, 'old', tries('tell'));
      await store.lanes.checkpoint(lease, run, 'new', checkpoint('note'));
      expect((await store.lanes.load(lease)).open).to.deep.equal([
        { key: run, fingerprint: 'new', checkpoints: [checkpoint('note')], tries: [], parked: [] },
      ]);
    });

    it('keep runs of one event apart by rule and replay', async () => {
      await using world = make();
      const store = await world.open();
      const [event] = await appended(store, 1);
      if (!event) throw new Error('one was appended');
      const lease = await store.lanes.acquire(lane(), 'earliest');
      const other = await store.lanes.acquire(lane('other'), 'earliest');
      await store.lanes.checkpoint(lease, keyOf(event), 'print', checkpoint('ask'));
      await store.lanes.checkpoint(lease, keyOf(event, 1), 'print', checkpoint('note'));
      await store.lanes.finish(lease, settled(event), 1);
      const steps = async (of: typeof lease) =>
        (await store.lanes.load(of)).open.map(run => [
          run.key.replay,
          run.checkpoints.map(made => made.step),
        ]);
      expect(await steps(lease)).to.deep.equal([[1, ['note']]]);
      expect(await steps(other)).to.deep.equal([]);
    });

    it('leave nothing of a run that is finished', async () => {
      await using world = make();
      const store = await world.open();
      const events = await appended(store, 2);
      const lease = await store.lanes.acquire(lane(), 'earliest');
      for (const event of events) {
        await store.lanes.checkpoint(lease, keyOf(event), 'print', checkpoint('ask'));
        await store.lanes.tried(lease, keyOf(event), 'print', tries('tell'));
        await store.lanes.finish(lease, settled(event), event.seq);
      }
      expect(await store.lanes.load(lease)).to.deep.equal({
        cursor: 2,
        loadedAt: LOADED_AT,
        done: [],
        open: [],
        requested: [],
      });
    });

    it('do not take up again a finished run of which a late word came', async () => {
      await using world = make();
      const store = await world.open();
      const [event] = await appended(store, 1);
      if (!event) throw new Error('one was appended');
      const lease = await store.lanes.acquire(lane(), 'earliest');
      await store.lanes.finish(lease, settled(event), 0);
      await store.lanes.tried(lease, keyOf(event), 'print', tries('tell'));
      expect(await store.lanes.load(lease)).to.deep.equal({
        cursor: 0,
        loadedAt: LOADED_AT,
        done: [1],
        open: [],
        requested: [],
      });
    });

    it('take the same end of a run twice without counting it twice', async () => {
      await using world = make();
      const store = await world.open();
      const [event] = await appended(store, 1);
      if (!event) throw new Error('one was appended');
      const lease = await store.lanes.acquire(lane(), 'earliest');
      await store.lanes.finish(lease, settled(event), 1);
      await store.lanes.finish(lease, settled(event), 1);
      const [status] = await store.lanes.status();
      expect(status?.counts.settled).to.equal(1);
      expect((await store.journal.list({}))[0]?.runs.length).to.equal(1);
    });

    it('tell where each rule stands', async () => {
      await using world = make();
      const store = await world.open();
      expect(await store.lanes.status()).to.deep.equal([]);
      const [one, two, three] = await appended(store, 4);
      if (!one || !two || !three) throw new Error('four were appended');
      const lease = await store.lanes.acquire(lane('b'), 'earliest');
      await store.lanes.acquire(lane('a'), 'head');
      await store.lanes.finish(lease, settled(one), 1);
      await store.lanes.finish(lease, parked(three), 1);
      await world.clock.advance(1000);
      await store.lanes.finish(lease, settled(two, { outcome: 'filtered', steps: [] }), 3);
      const nothing = { settled: 0, filtered: 0, parked: 0, dropped: 0 };
      const wanted = [
        {
          rule: 'a',
          loadedAt: LOADED_AT,
          cursor: 4,
          lag: 0,
          lastRunAt: undefined,
          lastOutcome: undefined,
          counts: nothing,
        },
        {
          rule: 'b',
          loadedAt: LOADED_AT,
          cursor: 3,
          lag: 1,
          lastRunAt: Date.UTC(2026, 0, 1) + 1000,
          lastOutcome: 'filtered',
          counts: { settled: 1, filtered: 1, parked: 1, dropped: 0 },
        },
      ];
      expect(await store.lanes.status()).to.deep.equal(wanted);
      expect(await (await reopen(world, store)).lanes.status()).to.deep.equal(wanted);
    });

    it('leave a trace of a change under every ref that told of it', async () => {
      await using world = make();
      const store = await world.open();
      const change = itemEvent(1, 1);
      await store.journal.append([
        change,
        { ...change, ref: { type: 'app_field', id: 11 } },
        itemEvent(2, 1),
      ]);
      const { entries } = await store.journal.read({ after: 0, limit: 3 });
      const [one, two, three] = entries.map(({ event }) => event);
      if (!one || !two || !three) throw new Error('three were appended');
      const b = await store.lanes.acquire(lane('b'), 'earliest');
      const a = await store.lanes.acquire(lane('a'), 'earliest');
      await store.lanes.finish(b, settled(one), 1);
      await store.lanes.finish(b, settled(one, { replay: 1, outcome: 'filtered' }), 1);
      await store.lanes.checkpoint(a, keyOf(one), 'f', checkpoint('first'));
      await store.lanes.tried(a, keyOf(one), 'f', tries('second', { attempts: 3, waitMs: 9000 }));
      const c = await store.lanes.acquire(lane('c'), 'earliest');
      const [parkedId] = await park(store, c, [two]);
      await store.lanes.finish(b, settled(three), 3);
      const trace = await store.journal.trace(one.id);
      expect(trace.map(({ event }) => event)).to.deep.equal([one, two]);
      const endedAt = LOADED_AT;
      expect(trace[0]?.runs).to.deep.equal([
        {
          rule: 'a',
          replay: 0,
          outcome: 'open',
          steps: [verdict('first')],
          tries: [tries('second', { attempts: 3, waitMs: 9000 })],
        },
        { rule: 'b', replay: 0, outcome: 'settled', steps: [verdict('tell')], endedAt },
        { rule: 'b', replay: 1, outcome: 'filtered', steps: [verdict('tell')], endedAt },
      ]);
      expect(trace[1]?.runs).to.deep.equal([
        {
          rule: 'c',
          replay: 0,
          outcome: 'parked',
          steps: [verdict('tell', { outcome: 'failed', attempts: 5, error: 'Slack said no' })],
          error: 'Slack said no',
          endedAt,
          parked: {
            id: parkedId,
            step: 'tell',
            attempts: 5,
            error: 'Slack said no',
            requested: false,
          },
        },
      ]);
      await store.parking.retry({ rule: 'c' });
      expect((await store.journal.trace(one.id))[1]?.runs[0]?.parked?.requested).to.equal(true);
      expect(await store.journal.trace('item.update:9:9')).to.deep.equal([]);
    });

    it('do not count as lag what is done above the cursor', async () => {
      await using world = make();
      const store = await world.open();
      const events = await appended(store, 5);
      const lease = await store.lanes.acquire(lane(), 'earliest');
      for (const event of events.slice(1, 4)) await store.lanes.finish(lease, settled(event), 0);
      expect((await store.lanes.status())[0]).to.include({ cursor: 0, lag: 2 });
    });
  });

  describe(`leases of the ${name} store`, () => {
    it('are lost when the lane is taken over', async () => {
      await using world = make();
      const store = await world.open();
      const [event] = await appended(store, 1);
      if (!event) throw new Error('one was appended');
      const first = await store.lanes.acquire(lane(), 'earliest');
      const other = await store.lanes.acquire(lane('other'), 'earliest');
      expect([first.usable(), first.signal.aborted]).to.deep.equal([true, false]);
      const second = await store.lanes.acquire(lane(), 'earliest');
      expect([first.usable(), first.signal.aborted]).to.deep.equal([false, true]);
      expect([second.usable(), other.usable()]).to.deep.equal([true, true]);
      expect(second.epoch).to.be.greaterThan(first.epoch);
      const writes = [
        store.lanes.finish(first, settled(event), 1),
        store.lanes.advance(first, 1),
        store.lanes.tried(first, keyOf(event), 'print', tries('tell')),
        store.lanes.checkpoint(first, keyOf(event), 'print', checkpoint('ask')),
        store.lanes.load(first),
        store.lanes.requested(first),
        store.lanes.settled(first, []),
      ];
      for (const write of writes) expect(await codeOf(write)).to.equal('STORE_STALE_LEASE');
      expect(await store.lanes.load(second)).to.deep.equal({
        cursor: 0,
        loadedAt: LOADED_AT,
        done: [],
        open: [],
        requested: [],
      });
      await store.lanes.finish(second, settled(event), 1);
    });

    it('are refused in the order of the calls, neighbours unharmed', async () => {
      await using world = make();
      const store = await world.open();
      const [one, two] = await appended(store, 2);
      if (!one || !two) throw new Error('two were appended');
      const first = await store.lanes.acquire(lane(), 'earliest');
      const other = await store.lanes.acquire(lane('other'), 'earliest');
      const [before, , after, neighbour] = await Promise.all([
        codeOf(store.lanes.finish(first, settled(one), 1)),
        store.lanes.acquire(lane(), 'earliest'),
        codeOf(store.lanes.finish(first, settled(two), 2)),
        codeOf(store.lanes.finish(other, settled(two), 0)),
      ]);
      expect([before, after, neighbour]).to.deep.equal([undefined, 'STORE_STALE_LEASE', undefined]);
      expect((await store.lanes.status()).map(({ rule, cursor }) => [rule, cursor])).to.deep.equal([
        ['other', 0],
        ['won-leads', 1],
      ]);
    });

    it('of an earlier opening are stale', async () => {
      await using world = make();
      const store = await world.open();
      const old = await store.lanes.acquire(lane(), 'earliest');
      const again = await reopen(world, store);
      expect(await codeOf(again.lanes.advance(old, 1))).to.equal('STORE_STALE_LEASE');
      const fresh = await again.lanes.acquire(lane(), 'earliest');
      expect(fresh.epoch).to.be.greaterThan(old.epoch);
      expect(await codeOf(again.lanes.advance(old, 1))).to.equal('STORE_STALE_LEASE');
      await again.lanes.advance(fresh, 1);
    });
  });

  describe(`parking of the ${name} store`, () => {
    it('lists what is parked, oldest first, by rule and in pages', async () => {
      await using world = make();
      const store = await world.open();
      const events = await appended(store, 4);
      const a = await store.lanes.acquire(lane('a'), 'earliest');
      const b = await store.lanes.acquire(lane('b'), 'earliest');
      await world.clock.advance(1500);
      const [first, second, third] = await park(store, a, events.slice(0, 3));
      await park(store, b, events.slice(3));
      const list = await store.parking.list();
      expect(list.map(({ rule, seq }) => [rule, seq])).to.deep.equal([
        ['a', 1],
        ['a', 2],
        ['a', 3],
        ['b', 4],
      ]);
      expect(list[0]).to.deep.equal({
        id: first,
        rule: 'a',
        seq: 1,
        event: events[0],
        step: 'tell',
        attempts: 5,
        error: 'Slack said no',
        parkedAt: '2026-01-01T00:00:01.500Z',
      });
      const ids = async (query: Parameters<typeof store.parking.list>[0]) =>
        (await store.parking.list(query)).map(({ id }) => id);
      expect(await ids({ rule: 'a', limit: 2 })).to.deep.equal([first, second]);
      expect(await ids({ rule: 'a', limit: 2, after: second ?? '' })).to.deep.equal([third]);
      expect(await ids({ rule: 'nobody' })).to.deep.equal([]);
      expect(await store.parking.counts()).to.deep.equal(
        new Map([
          ['a', 3],
          ['b', 1],
        ]),
      );
    });

    it('keeps the checkpoints of a parked run and forgets its tries', async () => {
      await using world = make();
      const store = await world.open();
      const [event] = await appended(store, 1);
      if (!event) throw new Error('one was appended');
      const lease = await store.lanes.acquire(lane(), 'earliest');
      await store.lanes.checkpoint(lease, keyOf(event), 'print', checkpoint('ask'));
      await store.lanes.tried(lease, keyOf(event), 'print', tries('tell'));
      const [id] = await park(store, lease, [event]);
      expect(await store.lanes.load(lease)).to.deep.equal({
        cursor: 1,
        loadedAt: LOADED_AT,
        done: [],
        open: [],
        requested: [],
      });
      expect(await store.parking.retry({ all: true })).to.deep.equal([id]);
      const wanted = [
        {
          parkedId: id,
          entry: { event, twin: false },
          step: 'tell',
          branch: '',
          run: {
            key: keyOf(event),
            fingerprint: 'print',
            checkpoints: [checkpoint('ask')],
            tries: [],
            parked: [],
          },
        },
      ];
      expect(await store.lanes.requested(lease)).to.deep.equal(wanted);
      expect((await store.lanes.load(lease)).requested).to.deep.equal(wanted);
    });

    it('remembers the wish to retry over a restart, with what the retry reached', async () => {
      await using world = make();
      const store = await world.open();
      const [event] = await appended(store, 1);
      if (!event) throw new Error('one was appended');
      const lease = await store.lanes.acquire(lane(), 'earliest');
      const [id] = await park(store, lease, [event]);
      await store.parking.retry({ ids: [id ?? ''] });
      const [wish] = await store.lanes.requested(lease);
      expect(wish?.run).to.deep.equal({
        key: keyOf(event),
        fingerprint: '',
        checkpoints: [],
        tries: [],
        parked: [],
      });
      await store.lanes.checkpoint(lease, keyOf(event), 'print', checkpoint('tell'));
      await store.lanes.tried(lease, keyOf(event), 'print', tries('note'));
      const again = await reopen(world, store);
      const state = await again.lanes.load(await again.lanes.acquire(lane(), 'head'));
      expect(state.open).to.deep.equal([]);
      expect(state.requested.map(({ run }) => run)).to.deep.equal([
        {
          key: keyOf(event),
          fingerprint: 'print',
          checkpoints: [checkpoint('tell')],
          tries: [tries('note')],
          parked: [],
        },
      ]);
    });

    it('lets go of a retried run that settles', async () => {
      await using world = make();
      const store = await world.open();
      const [event] = await appended(store, 1);
      if (!event) throw new Error('one was appended');
      const lease = await store.lanes.acquire(lane(), 'earliest');
      const [id = ''] = await park(store, lease, [event]);
      await store.parking.retry({ ids: [id] });
      await store.lanes.finish(lease, { ...settled(event), parkedId: id }, 1);
      expect(await store.parking.list()).to.deep.equal([]);
      expect(await store.lanes.requested(lease)).to.deep.equal([]);
      expect((await store.journal.list({}))[0]?.runs.map(({ outcome }) => outcome)).to.deep.equal([
        'settled',
      ]);
      expect((await store.lanes.status())[0]?.counts).to.include({ settled: 1, parked: 0 });
    });

    it('renews the row of a retried run that parks again', async () => {
      await using world = make();
      const store = await world.open();
      const [event] = await appended(store, 1);
      if (!event) throw new Error('one was appended');
      const lease = await store.lanes.acquire(lane(), 'earliest');
      await store.lanes.checkpoint(lease, keyOf(event), 'print', checkpoint('ask'));
      const [id = ''] = await park(store, lease, [event]);
      await store.parking.retry({ ids: [id] });
      await world.clock.advance(1000);
      await store.lanes.finish(lease, parked(event, id, 'still no'), 1);
      const list = await store.parking.list();
      expect(list.map(row => [row.id, row.error, row.parkedAt])).to.deep.equal([
        [id, 'still no', '2026-01-01T00:00:01.000Z'],
      ]);
      expect(await store.lanes.requested(lease)).to.deep.equal([]);
      expect((await store.lanes.status())[0]?.counts).to.include({ parked: 1 });
      await store.parking.retry({ ids: [id] });
      expect((await store.lanes.requested(lease))[0]?.run.checkpoints).to.deep.equal([checkpoint('ask')]);
    });

    it('does not lose a wish to a repeat of the first parking', async () => {
      await using world = make();
      const store = await world.open();
      const [event] = await appended(store, 1);
      if (!event) throw new Error('one was appended');
      const lease = await store.lanes.acquire(lane(), 'earliest');
      const [id] = await park(store, lease, [event]);
      await store.parking.retry({ all: true });
      await store.lanes.finish(lease, parked(event), 1);
      expect((await store.lanes.requested(lease)).map(({ parkedId }) => parkedId)).to.deep.equal([id]);
    });

    it('drops for good: the record says so, and nothing is left to retry', async () => {
      await using world = make();
      const store = await world.open();
      const events = await appended(store, 2);
      const lease = await store.lanes.acquire(lane(), 'earliest');
      await store.lanes.checkpoint(lease, keyOf(events[0] as never), 'print', checkpoint('ask'));
      const ids = await park(store, lease, events);
      await store.parking.retry({ all: true });
      expect(await store.parking.drop({ rule: 'won-leads' })).to.deep.equal({
        ids,
        runs: new Map([['won-leads', 2]]),
      });
      expect(await store.parking.drop({ ids })).to.deep.equal({ ids: [], runs: new Map() });
      expect(await store.parking.retry({ ids })).to.deep.equal([]);
      const again = await reopen(world, store);
      expect(await again.parking.list()).to.deep.equal([]);
      expect((await again.journal.list({})).map(({ runs }) => runs[0]?.outcome)).to.deep.equal([
        'dropped',
        'dropped',
      ]);
      expect((await again.lanes.status())[0]).to.deep.include({
        lastOutcome: 'parked',
        counts: { settled: 0, filtered: 0, parked: 0, dropped: 2 },
      });
      const state = await again.lanes.load(await again.lanes.acquire(lane(), 'head'));
      expect(state).to.deep.equal({ cursor: 2, loadedAt: LOADED_AT, done: [], open: [], requested: [] });
    });

    it('takes what became of a retry that was dropped while in hand: settled counts, parking again does not', async () => {
      await using world = make();
      const store = await world.open();
      const [one, two] = await appended(store, 2);
      if (!one || !two) throw new Error('two were appended');
      const lease = await store.lanes.acquire(lane(), 'earliest');
      const [first = '', second = ''] = await park(store, lease, [one, two]);
      await store.parking.retry({ all: true });
      await store.parking.drop({ all: true });
      await store.lanes.finish(lease, { ...settled(one), parkedId: first }, 2);
      await store.lanes.finish(lease, parked(two, second), 2);
      expect(await store.parking.list()).to.deep.equal([]);
      expect((await store.journal.list({})).map(({ runs }) => runs[0]?.outcome)).to.deep.equal([
        'settled',
        'dropped',
      ]);
      expect((await store.lanes.status())[0]?.counts).to.deep.equal({
        settled: 1,
        filtered: 0,
        parked: 0,
        dropped: 1,
      });
    });

    it('takes selections by id, by rule and of all, and passes over what is not there', async () => {
      await using world = make();
      const store = await world.open();
      const events = await appended(store, 3);
      const a = await store.lanes.acquire(lane('a'), 'earliest');
      const b = await store.lanes.acquire(lane('b'), 'earliest');
      const [one = '', two = ''] = await park(store, a, events.slice(0, 2));
      const [three = ''] = await park(store, b, events.slice(2));
      expect(await store.parking.retry({ ids: [two, 'nonsense', '999', '', one, one] })).to.deep.equal([
        one,
        two,
      ]);
      expect(await store.parking.retry({ rule: 'b' })).to.deep.equal([three]);
      expect(await store.parking.retry({ rule: 'nobody' })).to.deep.equal([]);
      expect(await store.parking.drop({ all: true })).to.deep.equal({
        ids: [one, two, three],
        runs: new Map([
          ['a', 2],
          ['b', 1],
        ]),
      });
    });

    it('pulses when a retry is asked for', async () => {
      await using world = make();
      const store = await world.open();
      const events = await appended(store, 1);
      const lease = await store.lanes.acquire(lane(), 'earliest');
      await park(store, lease, events);
      const found: number[] = [];
      const looked: Promise<unknown>[] = [];
      store.changes$.subscribe(pulse => {
        if (pulse === 'requests')
          looked.push(store.lanes.requested(lease).then(all => found.push(all.length)));
      });
      await store.parking.retry({ rule: 'nobody' });
      // A pulse only says that there may be something: who looks late sees what came later as well.
      await Promise.all(looked);
      expect(found).to.deep.equal([0]);
      await store.parking.retry({ all: true });
      await Promise.all(looked);
      expect(found).to.deep.equal([0, 1]);
    });
  });
}
