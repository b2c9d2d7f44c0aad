import { expect } from 'chai';
import type { Pulse } from '../../../src/store/contract.ts';
import { appended, codeOf, itemEvent, lane, reopen, settled, verdict, WORLDS } from './worlds.ts';

for (const { name, make } of WORLDS) {
  describe(`journal of the ${name} store`, () => {
    it('reads the entries of one item', async () => {
      await using world = make();
      const store = await world.open();
      await store.journal.append([1, 2, 1, 1, 2, 1].map((item, n) => itemEvent(item, n + 1)));
      const seqs = async (after: number, limit: number) =>
        (await store.journal.read({ after, limit, itemId: 1 })).entries.map(({ event }) => event.seq);
      expect(await seqs(0, 9)).to.deep.equal([1, 3, 4, 6]);
      expect(await seqs(1, 2)).to.deep.equal([3, 4]);
      expect(await store.journal.read({ after: 6, limit: 2, itemId: 1 })).to.deep.equal({
        entries: [],
        upTo: 6,
      });
    });

    it('gives seqs from 1 in the order of the batch, and the events back as they were', async () => {
      await using world = make();
      const store = await world.open();
      expect(store.journal.head()).to.equal(0);
      const events = [
        itemEvent(1, 3, { externalId: 'é"\u0000x' }),
        {
          id: 'schedule.fire:morning:2026-01-01T00:00Z',
          type: 'schedule.fire',
          source: 'schedule' as const,
          ref: { type: 'schedule' as const, id: '7' },
          params: {},
        },
        {
          id: 'task.create:9007199254740991',
          type: 'task.create',
          source: 'webhook' as const,
          ref: { type: 'space' as const, id: 9007199254740991 },
          space: 'sales',
          params: { task_id: '9007199254740991', note: 'a\nb' },
        },
      ];
      expect(await store.journal.append(events)).to.deep.equal(
        events.map(({ id }, i) => ({ id, status: 'released', seq: i + 1 })),
      );
      expect(store.journal.head()).to.equal(3);
      const wanted = {
        entries: events.map((event, i) => ({
          event: { seq: i + 1, ...event, receivedAt: '2026-01-01T00:00:00.000Z' },
          twin: false,
        })),
        upTo: 3,
      };
      expect(await store.journal.read({ after: 0, limit: 10 })).to.deep.equal(wanted);
      const again = await reopen(world, store);
      expect(again.journal.head()).to.equal(3);
      expect(await again.journal.read({ after: 0, limit: 10 })).to.deep.equal(wanted);
    });

    it('takes the same ref and id once, within a batch, later and after a restart', async () => {
      await using world = make();
      const store = await world.open();
      const again = { id: 'item.update:1:1', status: 'repeat', seq: 1 };
      expect(await store.journal.append([itemEvent(1, 1), itemEvent(1, 1), itemEvent(2, 1)])).to.deep.equal([
        { id: 'item.update:1:1', status: 'released', seq: 1 },
        again,
        { id: 'item.update:2:1', status: 'released', seq: 2 },
      ]);
      expect(await store.journal.append([itemEvent(1, 1)])).to.deep.equal([again]);
      const reopened = await reopen(world, store);
      expect(await reopened.journal.append([itemEvent(1, 1)])).to.deep.equal([again]);
      expect(reopened.journal.head()).to.equal(2);
      const [first] = (await reopened.journal.read({ after: 0, limit: 1 })).entries;
      expect(first?.event.receivedAt).to.equal('2026-01-01T00:00:00.000Z');
    });

    it('knows a repeat by its id, whatever an id holds', async () => {
      await using world = make();
      const store = await world.open();
      const ids = ['é', '日本', '"', '\\', '\\"', 'a\nb', 'nul\u0000l', 'half \ud800', "'", '[1]', '1', ''];
      const events = ids.map((id, n) => ({
        id: `app.update:${id}`,
        type: 'app.update',
        source: 'webhook' as const,
        ref: { type: 'app' as const, id: n % 2 },
        params: {},
      }));
      const places = (status: 'released' | 'repeat') =>
        events.map(({ id }, n) => ({ id, status, seq: n + 1 }));
      expect(await store.journal.append(events)).to.deep.equal(places('released'));
      expect(await store.journal.append(events)).to.deep.equal(places('repeat'));
      // One by one, so that those that are plain text are not asked for beside those that are not.
      for (const [n, event] of events.entries())
        expect(await store.journal.append([event])).to.deep.equal([places('repeat')[n]]);
    });

    it('tells news, repeats and twins apart in a batch of hundreds', async () => {
      await using world = make();
      const store = await world.open();
      const field = { ref: { type: 'app_field', id: 7 } } as const;
      const before = Array.from({ length: 100 }, (_, n) => itemEvent(3 * n, 1));
      await store.journal.append(before);
      const batch = Array.from({ length: 303 }, (_, n) => itemEvent(n, 1, n % 9 === 0 ? field : {}));
      let seq = before.length;
      expect(await store.journal.append(batch)).to.deep.equal(
        batch.map(({ id }, n) =>
          n % 3 === 0 && n % 9 !== 0 && n < 300
            ? { id, status: 'repeat', seq: n / 3 + 1 }
            : { id, status: 'released', seq: ++seq },
        ),
      );
      const { entries } = await store.journal.read({ after: before.length, limit: 1000 });
      expect(entries.map(({ event: { itemId } }) => itemId)).to.deep.equal(
        batch.map(({ itemId }) => itemId).filter((_, n) => n % 3 !== 0 || n % 9 === 0 || n >= 300),
      );
      expect(entries.filter(({ twin }) => twin).map(({ event }) => event.itemId)).to.deep.equal(
        Array.from({ length: 34 }, (_, n) => 9 * n).filter(item => item < 300),
      );
    });

    it('keeps the same change from another ref, and says that it is a twin', async () => {
      await using world = make();
      const store = await world.open();
      const ofField = itemEvent(1, 1, { ref: { type: 'app_field', id: 101 } });
      await store.journal.append([itemEvent(1, 1)]);
      expect(await store.journal.append([ofField, ofField])).to.deep.equal([
        { id: ofField.id, status: 'released', seq: 2 },
        { id: ofField.id, status: 'repeat', seq: 2 },
      ]);
      const twins = async (journal: typeof store.journal) =>
        (await journal.read({ after: 0, limit: 10 })).entries.map(({ twin }) => twin);
      expect(await twins(store.journal)).to.deep.equal([false, true]);
      expect(await twins((await reopen(world, store)).journal)).to.deep.equal([false, true]);
    });

    it('tells a ref whose id is a number from one whose id is the same digits', async () => {
      await using world = make();
      const store = await world.open();
      const tick = { id: 'x', type: 'daemon.start', source: 'daemon' as const, params: {} };
      const results = await store.journal.append([
        { ...tick, ref: { type: 'daemon', id: 7 } },
        { ...tick, ref: { type: 'daemon', id: '7' } },
      ]);
      expect(results.map(({ status }) => status)).to.deep.equal(['released', 'released']);
    });

    it('answers an empty batch with nothing', async () => {
      await using world = make();
      const store = await world.open();
      expect(await store.journal.append([])).to.deep.equal([]);
    });

    it('keeps the order of calls that wait together', async () => {
      await using world = make();
      const store = await world.open();
      const results = await Promise.all(
        Array.from({ length: 200 }, (_, i) => store.journal.append([itemEvent(i + 1, 1)])),
      );
      expect(results.flat().map(({ seq }) => seq)).to.deep.equal(
        Array.from({ length: 200 }, (_, i) => i + 1),
      );
    });

    it('is read in pages, from any place', async () => {
      await using world = make();
      const store = await world.open();
      await appended(store, 5);
      const page = async (after: number, limit: number) => {
        const { entries, upTo } = await store.journal.read({ after, limit });
        return [entries.map(({ event }) => event.seq), upTo];
      };
      expect(await page(0, 2)).to.deep.equal([[1, 2], 2]);
      expect(await page(2, 2)).to.deep.equal([[3, 4], 4]);
      expect(await page(4, 2)).to.deep.equal([[5], 5]);
      expect(await page(5, 2)).to.deep.equal([[], 5]);
    });

    it('reads the same far behind the head as near to it', async () => {
      await using world = make();
      const store = await world.open();
      for (let i = 0; i < 5; i++) await appended(store, 1000);
      const seqs: number[] = [];
      for (let after = 0; ; ) {
        const { entries, upTo } = await store.journal.read({ after, limit: 700 });
        if (entries.length === 0) break;
        seqs.push(...entries.map(({ event }) => event.seq));
        after = upTo;
      }
      expect(seqs).to.deep.equal(Array.from({ length: 5000 }, (_, i) => i + 1));
    });

    it('is not changed by what callers do with their events afterwards', async () => {
      await using world = make();
      const store = await world.open();
      const params: Record<string, string> = { item_id: '1' };
      await store.journal.append([itemEvent(1, 1, { params })]);
      params.item_id = '2';
      const { entries } = await store.journal.read({ after: 0, limit: 1 });
      expect(entries[0]?.event.params).to.deep.equal({ item_id: '1' });
    });

    it('pulses when an event can be read, and not for repeats', async () => {
      await using world = make();
      const store = await world.open();
      const seen: [Pulse, number][] = [];
      const looked: Promise<unknown>[] = [];
      store.changes$.subscribe(pulse => {
        const head = store.journal.head();
        looked.push(
          store.journal.read({ after: 0, limit: 10 }).then(({ upTo }) => seen.push([pulse, head - upTo])),
        );
      });
      await store.journal.append([itemEvent(1, 1)]);
      await store.journal.append([itemEvent(1, 1)]);
      await store.journal.append([itemEvent(2, 1)]);
      await store.probe();
      await Promise.all(looked);
      expect(seen).to.deep.equal([
        ['journal', 0],
        ['journal', 0],
      ]);
    });

    it('stamps times that never go back, also when the wall clock does', async () => {
      await using world = make();
      const store = await world.open();
      await appended(store, 1);
      world.clock.jump(-3_600_000);
      await world.clock.advance(500);
      await appended(store, 1);
      world.clock.jump(7_200_000);
      await appended(store, 1);
      const { entries } = await store.journal.read({ after: 0, limit: 10 });
      expect(entries.map(({ event }) => event.receivedAt)).to.deep.equal([
        '2026-01-01T00:00:00.000Z',
        '2026-01-01T00:00:00.500Z',
        '2026-01-01T01:00:00.500Z',
      ]);
    });
  });

  describe(`listing of the ${name} store`, () => {
    const seqs = (rows: readonly { event: { seq: number } }[]) => rows.map(({ event }) => event.seq);

    it('answers pages from a place, or the last that fit, oldest first', async () => {
      await using world = make();
      const store = await world.open();
      await appended(store, 6);
      expect(seqs(await store.journal.list({}))).to.deep.equal([1, 2, 3, 4, 5, 6]);
      expect(seqs(await store.journal.list({ limit: 2 }))).to.deep.equal([1, 2]);
      expect(seqs(await store.journal.list({ after: 2, limit: 2 }))).to.deep.equal([3, 4]);
      expect(seqs(await store.journal.list({ last: 2 }))).to.deep.equal([5, 6]);
      expect(seqs(await store.journal.list({ last: 9, after: 4 }))).to.deep.equal([5, 6]);
      expect(seqs(await store.journal.list({ last: 0 }))).to.deep.equal([]);
    });

    it('looks for item, app, type and time, alone and together', async () => {
      await using world = make();
      const store = await world.open();
      await store.journal.append([itemEvent(1, 1), itemEvent(2, 1)]);
      await world.clock.advance(1000);
      const between = store.now();
      await store.journal.append([
        itemEvent(1, 2),
        itemEvent(1, 2, { id: 'comment.create:5', type: 'comment.create' }),
        itemEvent(3, 1, { app: 'deals' }),
      ]);
      expect(seqs(await store.journal.list({ itemId: 1 }))).to.deep.equal([1, 3, 4]);
      expect(seqs(await store.journal.list({ app: 'deals' }))).to.deep.equal([5]);
      expect(seqs(await store.journal.list({ type: 'comment.create' }))).to.deep.equal([4]);
      expect(seqs(await store.journal.list({ since: between }))).to.deep.equal([3, 4, 5]);
      expect(seqs(await store.journal.list({ since: between + 1 }))).to.deep.equal([]);
      expect(seqs(await store.journal.list({ since: 0 }))).to.deep.equal([1, 2, 3, 4, 5]);
      expect(seqs(await store.journal.list({ itemId: 1, type: 'item.update', last: 1 }))).to.deep.equal([3]);
      expect(seqs(await store.journal.list({ itemId: 1, app: 'leads', since: between }))).to.deep.equal([
        3, 4,
      ]);
      expect(seqs(await store.journal.list({ app: 'nobody' }))).to.deep.equal([]);
    });

    it('tells what each rule made of an event, and finds the events of a rule', async () => {
      await using world = make();
      const store = await world.open();
      const [first, second, third] = await appended(store, 3);
      if (!first || !second || !third) throw new Error('three were appended');
      const tell = await store.lanes.acquire(lane('tell'), 'earliest');
      const audit = await store.lanes.acquire(lane('audit'), 'earliest');
      const steps = [
        verdict('ask', { branch: '0.1', outcome: 'continued', attempts: 3, error: 'no' }),
        verdict('note', { branch: '2', outcome: 'filtered' }),
      ];
      await store.lanes.finish(tell, settled(first, { steps, error: 'one step went on' }), 1);
      await store.lanes.finish(audit, settled(first, { outcome: 'filtered', steps: [] }), 1);
      await store.lanes.finish(audit, settled(third), 1);
      await store.lanes.finish(audit, settled(third, { replay: 1, outcome: 'filtered' }), 1);
      const listed = await store.journal.list({});
      expect(listed.map(({ runs }) => runs)).to.deep.equal([
        [
          { rule: 'audit', outcome: 'filtered', steps: [] },
          { rule: 'tell', outcome: 'settled', steps, error: 'one step went on' },
        ],
        [],
        [
          { rule: 'audit', outcome: 'settled', steps: [verdict('tell')] },
          { rule: 'audit', replay: 1, outcome: 'filtered', steps: [verdict('tell')] },
        ],
      ]);
      expect(listed.map(({ event }) => event)).to.deep.equal([first, second, third]);
      expect(seqs(await store.journal.list({ rule: 'audit' }))).to.deep.equal([1, 3]);
      expect(seqs(await store.journal.list({ rule: 'audit', last: 1 }))).to.deep.equal([3]);
      expect(seqs(await store.journal.list({ rule: 'audit', after: 1, itemId: 3 }))).to.deep.equal([3]);
      expect(seqs(await store.journal.list({ rule: 'nobody' }))).to.deep.equal([]);
    });
  });

  describe(`life of the ${name} store`, () => {
    it('finishes what waits at close, and refuses what comes after', async () => {
      await using world = make();
      const store = await world.open();
      const lease = await store.lanes.acquire(lane(), 'head');
      const waiting = Promise.all(
        Array.from({ length: 50 }, (_, i) => store.journal.append([itemEvent(i, 1)])),
      );
      let completed = false;
      store.changes$.subscribe({
        complete: () => {
          completed = true;
        },
      });
      await store.close();
      await store.close();
      expect((await waiting).length).to.equal(50);
      expect(completed).to.equal(true);
      expect(lease.usable()).to.equal(false);
      expect(lease.signal.aborted).to.equal(true);
      expect(await codeOf(store.journal.append([itemEvent(99, 1)]))).to.equal('STORE_UNAVAILABLE');
      expect(await codeOf(store.journal.list({}))).to.equal('STORE_UNAVAILABLE');
      expect(await codeOf(store.probe())).to.equal('STORE_UNAVAILABLE');
      expect((await world.open()).journal.head()).to.equal(50);
    });

    it('lets one handle have the data: a second one is refused, or shuts the first', async () => {
      await using world = make();
      const first = await world.open();
      await first.journal.append([itemEvent(1, 1)]);
      const refused = await codeOf(world.open());
      const shut = await codeOf(first.journal.append([itemEvent(2, 1)]));
      expect([refused, shut]).to.deep.equal(
        refused ? ['STORE_LOCKED', undefined] : [undefined, 'STORE_UNAVAILABLE'],
      );
    });

    it('has a session of its own for each opening', async () => {
      await using world = make();
      const first = await world.open();
      const second = await reopen(world, first);
      expect(second.session).to.be.a('string').that.does.not.equal(first.session);
    });

    it('proves that it can write', async () => {
      await using world = make();
      await (await world.open()).probe();
    });
  });
}
