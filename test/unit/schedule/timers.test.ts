import { expect } from 'chai';
import fc from 'fast-check';
import { PodioError } from '../../../src/core/errors.ts';
import type { DateTrigger, LastedTrigger } from '../../../src/core/rule.ts';
import type { TimerSetting } from '../../../src/store/contract.ts';
import { DAY, HOUR, MINUTE, makeTimedWorld, ruleOf, START } from './timed-world.ts';

const LASTED: LastedTrigger = {
  kind: 'lasted',
  apps: ['tickets'],
  field: 'phase',
  to: ['Waiting'],
  forMs: 3 * DAY,
};
const DATED: DateTrigger = {
  kind: 'date',
  apps: ['tickets'],
  field: 'due',
  at: { days: -2, ms: 0, minutes: 9 * 60 },
  timezone: 'UTC',
  missed: 'run',
};

/** It is killed in the middle of what it does, wherever that is after so many calls. */
const killed = fc.record({ kind: fc.constant('kill' as const), calls: fc.integer({ min: 1, max: 25 }) });

describe('a state that lasts', () => {
  it('is told when its time is over, once, with where it began', async () => {
    const world = makeTimedWorld(ruleOf(LASTED));
    await world.up();
    await world.clock.advance(HOUR);
    await world.edit(1, { status: 'Open', title: 'a' });
    await world.clock.advance(HOUR);
    await world.edit(1, { status: 'Waiting' });
    await world.clock.advance(DAY);
    await world.edit(1, { title: 'b' });
    await world.clock.advance(2 * DAY - 1000);
    expect(await world.told()).to.deep.equal([]);
    await world.clock.advance(1000);
    const [event, ...more] = await world.told();
    expect(more).to.deep.equal([]);
    expect(event).to.deep.include({
      id: 'item.lasted:sla:1:1',
      type: 'item.lasted',
      source: 'daemon',
      ref: { type: 'app', id: 101 },
      app: 'tickets',
      itemId: 1,
      params: {
        rule: 'sla',
        item_id: '1',
        field: 'status',
        revision: '1',
        since: new Date(START + 2 * HOUR).toISOString(),
      },
      receivedAt: new Date(START + 2 * HOUR + 3 * DAY).toISOString(),
    });
    expect(world.learned.has('item.lasted:sla:1:1')).to.equal(true);
    await world.clock.advance(30 * DAY);
    expect(await world.told()).to.have.length(1);
    await world.down();
  });

  it('tells what lasts also where the clock was far ahead when the rule was first loaded', async () => {
    const world = makeTimedWorld(ruleOf(LASTED));
    await world.up();
    await world.down();
    world.clock.jump(-30 * DAY);
    world.reopen();
    await world.up();
    await world.edit(1, { status: 'Waiting' });
    await world.clock.advance(4 * DAY);
    expect((await world.told()).map(({ id }) => id)).to.deep.equal(['item.lasted:sla:1:0']);
    await world.down();
  });

  for (const ahead of [365 * DAY, -365 * DAY]) {
    it(`tells in time what began while the clock was off by ${ahead / DAY} days, also after a restart`, async () => {
      const world = makeTimedWorld(ruleOf(LASTED));
      await world.up();
      await world.clock.advance(HOUR);
      world.setClock(ahead);
      await world.edit(1, { status: 'Waiting' });
      await world.clock.advance(HOUR);
      await world.down();
      world.setClock(0);
      world.reopen();
      await world.up();
      await world.clock.advance(3 * DAY - 2 * HOUR);
      expect(await world.told()).to.deep.equal([]);
      await world.clock.advance(2 * HOUR);
      expect((await world.told()).map(({ id }) => id)).to.deep.equal(['item.lasted:sla:1:0']);
      await world.clock.advance(10 * DAY);
      expect(await world.told()).to.have.length(1);
      await world.down();
    });
  }

  it('is looked at once after a start where the clock was set back by a moment before', async () => {
    const world = makeTimedWorld(ruleOf(LASTED));
    await world.up();
    await world.clock.advance(HOUR);
    world.setClock(-30_000);
    await world.edit(1, { status: 'Waiting' });
    await world.clock.advance(10_000);
    await world.down();
    world.reopen();
    world.calls.length = 0;
    // Else it would be read without end.
    world.before = async () => {
      if (world.calls.length > 10) await world.down();
    };
    await world.up();
    await world.clock.advance(MINUTE);
    expect(world.calls.filter(call => call === 'items.get')).to.have.length(1);
    world.before = async () => {};
    await world.clock.advance(3 * DAY);
    expect((await world.told()).map(({ id }) => id)).to.deep.equal(['item.lasted:sla:1:0']);
    await world.down();
  });

  it('looks in time at what could not be read while the clock was a year ahead', async () => {
    const world = makeTimedWorld(ruleOf(LASTED));
    await world.up();
    world.setClock(365 * DAY);
    world.before = async () => {
      throw new PodioError('PODIO_UNAVAILABLE', 'the certificate has expired');
    };
    await world.edit(1, { status: 'Waiting' });
    await world.clock.advance(HOUR);
    await world.down();
    world.setClock(0);
    world.before = async () => {};
    world.reopen();
    await world.up();
    await world.clock.advance(3 * DAY);
    expect((await world.told()).map(({ id }) => id)).to.deep.equal(['item.lasted:sla:1:0']);
    await world.down();
  });

  it('begins anew with every change away and back', async () => {
    const world = makeTimedWorld(ruleOf(LASTED));
    await world.up();
    await world.edit(1, { status: 'Waiting' });
    await world.clock.advance(2 * DAY);
    await world.edit(1, { status: 'Open' });
    await world.edit(1, { status: 'Waiting' });
    await world.clock.advance(2 * DAY);
    expect(await world.told()).to.deep.equal([]);
    await world.clock.advance(DAY);
    expect((await world.told()).map(({ id }) => id)).to.deep.equal(['item.lasted:sla:1:2']);
    await world.down();
  });

  it('takes several values for one state, and asks what was before', async () => {
    const trigger: LastedTrigger = { ...LASTED, from: ['Open'], to: ['Waiting', 'Stuck'] };
    const world = makeTimedWorld(ruleOf(trigger));
    await world.up();
    await world.edit(1, { status: 'Open' });
    await world.edit(2, { status: 'Done' });
    await world.clock.advance(HOUR);
    await world.edit(1, { status: 'Waiting' });
    await world.edit(2, { status: 'Waiting' });
    await world.clock.advance(DAY);
    await world.edit(1, { status: 'Stuck' });
    await world.clock.advance(2 * DAY);
    expect((await world.told()).map(({ id }) => id)).to.deep.equal(['item.lasted:sla:1:1']);
    await world.clock.advance(30 * DAY);
    expect(await world.told()).to.have.length(1);
    await world.down();
  });

  it('that began before the rule was first loaded is told in its time, but not if it had lasted by then', async () => {
    const world = makeTimedWorld(ruleOf(LASTED));
    await world.edit(1, { status: 'Waiting' });
    await world.clock.advance(2 * DAY);
    await world.edit(2, { status: 'Waiting' });
    await world.clock.advance(DAY);
    await world.edit(2, { title: 'edited since' });
    await world.clock.advance(HOUR);
    await world.up();
    await world.clock.advance(2 * DAY - HOUR - 1000);
    expect(await world.told()).to.deep.equal([]);
    await world.clock.advance(1000);
    expect((await world.told()).map(({ id }) => id)).to.deep.equal(['item.lasted:sla:2:0']);
    await world.clock.advance(10 * DAY);
    expect(await world.told()).to.have.length(1);
    await world.down();
  });

  it('is not told of an item that is gone, and waits for a Podio that does not answer', async () => {
    const world = makeTimedWorld(ruleOf(LASTED));
    await world.up();
    await world.edit(1, { status: 'Waiting' });
    await world.edit(2, { status: 'Waiting' });
    await world.clock.advance(3 * DAY - 1000);
    world.remove(1);
    let isAway = true;
    world.before = async () => {
      if (isAway) throw new PodioError('PODIO_UNAVAILABLE', 'away');
    };
    await world.clock.advance(HOUR);
    expect(await world.told()).to.deep.equal([]);
    const isLate = () => {
      const [status] = world.timers()?.status() ?? [];
      expect(world.clock.now() - Date.parse(status?.lateSince ?? '')).to.be.within(HOUR - 2 * MINUTE, HOUR);
    };
    isLate();
    // A reload does not forget since when, long before anything is tried again.
    await world.down();
    await world.up();
    isLate();
    isAway = false;
    await world.clock.advance(HOUR);
    expect((await world.told()).map(({ itemId }) => itemId)).to.deep.equal([2]);
    await world.clock.advance(HOUR);
    expect(new Map(await world.store.timers.counts())).to.deep.equal(new Map());
    expect(world.timers()?.status()[0]).not.to.have.property('lateSince');
    await world.down();
  });

  it('is as long as Podio remembers where it has forgotten the beginning', async () => {
    const world = makeTimedWorld(ruleOf(LASTED));
    world.kept = 3;
    await world.up();
    await world.edit(1, { status: 'Waiting' }, false);
    for (let n = 0; n < 5; n++) {
      await world.clock.advance(5 * MINUTE);
      await world.edit(1, { title: String(n) }, false);
    }
    await world.clock.advance(3 * DAY + HOUR);
    expect((await world.told()).map(({ id }) => id)).to.deep.equal(['item.lasted:sla:1:3']);
    await world.down();
  });

  it('is told with few calls: histories are read only where the item itself does not tell', async () => {
    for (const tellsRevision of [true, false]) {
      const world = makeTimedWorld(ruleOf(LASTED));
      world.tellsRevision = tellsRevision;
      await world.up();
      const count = (name: string) => world.calls.filter(call => call === name).length;
      const histories = () => count('items.revisions') + count('items.difference');
      for (let id = 1; id <= 50; id++) await world.edit(id, { status: 'Open' });
      await world.clock.advance(DAY);
      // Nothing that is not so now can have lasted.
      for (let id = 1; id <= 50; id++) await world.edit(id, { status: 'Done' });
      await world.clock.advance(DAY);
      expect(histories()).to.equal(0);
      for (let id = 1; id <= 50; id++) await world.edit(id, { status: 'Waiting' });
      await world.clock.advance(2 * DAY);
      expect(histories()).to.equal(tellsRevision ? 0 : 100);
      // The first of them may be read by themselves, the others come in lists.
      expect(count('items.get')).to.be.below(16);
      world.calls.length = 0;
      await world.clock.advance(DAY);
      expect(await world.told()).to.have.length(50);
      expect([histories(), count('items.get')]).to.deep.equal([0, 0]);
      await world.down();
    }
  });

  it('whatever is edited, told or not, and whenever podiod is down: each that lasted is told once, when it had', async () => {
    // Half a minute more: no edit comes at the very moment.
    const forMs = 6 * HOUR + 30_000;
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant('wait' as const),
          minutes: fc.integer({ min: 1, max: 500 }),
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant('edit' as const),
          item: fc.integer({ min: 1, max: 2 }),
          status: fc.constantFrom('Open', 'Waiting', 'Waiting', 'Stuck', ''),
          // `late`: after the next edit. `own`: podiod has written it, without hooks.
          told: fc.constantFrom('once', 'twice', 'late', 'own', 'never'),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('title' as const), item: fc.integer({ min: 1, max: 2 }) }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('down' as const) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('up' as const) }) },
      { weight: 2, arbitrary: killed },
    );
    const seen = { states: 0, withFrom: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 30, size: 'max' }),
        fc.integer({ min: 0, max: 5 }),
        fc.constantFrom<(readonly (string | null)[] | undefined)[]>(
          undefined,
          ['Open'],
          [null],
          [null, 'Open'],
        ),
        async (steps, late, from) => {
          const trigger: LastedTrigger = {
            ...LASTED,
            to: ['Waiting', 'Stuck'],
            forMs,
            ...(from && { from }),
          };
          const world = makeTimedWorld(ruleOf(trigger));
          world.tellsRevision = late % 2 === 0;
          let isUp = false;
          let since: number | undefined;
          let wasDown = false;
          const up = async () => {
            if (isUp) return;
            await world.up();
            since ??= world.clock.now();
            isUp = true;
          };
          let tellLate = async () => {};
          for (const [index, one] of steps.entries()) {
            if (index === late) await up();
            switch (one.kind) {
              case 'wait':
                await world.clock.advance(one.minutes * MINUTE);
                break;
              case 'edit': {
                // Two edits in one second can't be told apart in time.
                await world.clock.advance(MINUTE);
                const isTold = one.told === 'once' || one.told === 'twice';
                const tell = await world.edit(one.item, { status: one.status }, isTold);
                await tellLate();
                tellLate = one.told === 'late' ? tell : async () => {};
                if (one.told === 'twice') await tell();
                if (one.told === 'own') world.timers()?.wrote(one.item, 101);
                break;
              }
              case 'title':
                await world.clock.advance(MINUTE);
                await world.edit(one.item, { title: String(index) }, false);
                break;
              case 'down':
                if (isUp) wasDown = true;
                if (isUp) await world.down();
                isUp = false;
                break;
              case 'up':
                await up();
                break;
              case 'kill':
                if (isUp) world.killAfter(one.calls);
                break;
            }
            if (world.killedAt !== undefined) {
              wasDown = true;
              await world.down();
              await world.up();
            }
          }
          world.killAfter(Number.POSITIVE_INFINITY);
          await up();
          await world.clock.advance(forMs + 2 * HOUR);
          await world.down();
          const end = world.clock.now();

          const isIn = (status: string | undefined) => status === 'Waiting' || status === 'Stuck';
          const expected = new Map<string, number>();
          for (const [item, past] of world.pasts) {
            let began: { revision: number; at: number; fits: boolean } | undefined;
            const close = (at: number) => {
              if (began?.fits && at - began.at >= forMs && began.at + forMs > (since ?? 0))
                expected.set(`item.lasted:sla:${item}:${began.revision}`, began.at + forMs);
              began = undefined;
            };
            for (const [revision, { at, values }] of past.entries()) {
              const before = past[revision - 1]?.values.status || null;
              if (!isIn(values.status)) close(at);
              else began ??= { revision, at, fits: from === undefined || from.includes(before) };
            }
            close(end);
          }
          seen.states += expected.size;
          if (from) seen.withFrom += expected.size;
          const told = await world.told();
          expect(told.map(({ id }) => id)).to.have.members([...expected.keys()]);
          for (const { id, receivedAt } of told) {
            const lateMs = Date.parse(receivedAt) - (expected.get(id) ?? 0);
            expect(lateMs, id).to.be.at.least(0);
            // While it runs, a missed delivery is found by the next look at the app.
            if (!wasDown) expect(lateMs, id).to.be.at.most(HOUR + MINUTE);
          }
        },
      ),
      { numRuns: 250 },
    );
    expect(Math.min(seen.states, seen.withFrom)).to.be.above(50);
  }).timeout(120_000);
});

describe('a date that comes', () => {
  const at = (iso: string) => Date.parse(iso) - START;

  it('is told so long before, at the time of the day, once for each value', async () => {
    const world = makeTimedWorld(ruleOf(DATED));
    await world.up();
    await world.edit(1, { due: '2026-06-10' });
    await world.clock.advance(at('2026-06-08T08:59:59Z'));
    expect(await world.told()).to.deep.equal([]);
    await world.clock.advance(1000);
    const [event, ...more] = await world.told();
    expect(more).to.deep.equal([]);
    expect(event).to.deep.include({
      id: 'item.date:sla:1:2026-06-08T09:00:00Z',
      type: 'item.date',
      source: 'daemon',
      ref: { type: 'app', id: 101 },
      app: 'tickets',
      itemId: 1,
      params: {
        rule: 'sla',
        item_id: '1',
        field: 'due',
        date: '2026-06-10',
        due: '2026-06-08T09:00:00.000Z',
        revision: '0',
      },
    });
    await world.edit(1, { due: '2026-06-20' });
    await world.clock.advance(20 * DAY);
    expect((await world.told()).map(({ id }) => id)).to.deep.equal([
      'item.date:sla:1:2026-06-08T09:00:00Z',
      'item.date:sla:1:2026-06-18T09:00:00Z',
    ]);
    await world.down();
  });

  it('is not looked at anew at each start where a millisecond had passed while it was set', async () => {
    const world = makeTimedWorld(ruleOf(DATED));
    const { timers } = world.store;
    const { set } = timers;
    Object.assign(timers, {
      set: (rows: readonly TimerSetting[]) =>
        set(rows.map(row => ({ ...row, ...(row.inMs !== undefined && { inMs: row.inMs + 1 }) }))),
    });
    await world.up();
    await world.edit(1, { due: '2026-06-10' });
    await world.clock.advance(3 * HOUR);
    await world.down();
    world.reopen();
    world.calls.length = 0;
    world.before = async () => {
      if (world.calls.length > 10) await world.down();
    };
    await world.up();
    await world.clock.advance(MINUTE);
    expect(world.calls.filter(call => call === 'items.get')).to.deep.equal([]);
    await world.down();
  });

  it('is told in its time also where a clock that was a year ahead had it put off', async () => {
    const world = makeTimedWorld(ruleOf(DATED));
    await world.up();
    await world.edit(1, { due: '2026-06-10' });
    await world.clock.advance(HOUR);
    world.setClock(365 * DAY);
    world.before = async () => {
      throw new PodioError('PODIO_UNAVAILABLE', 'the certificate has expired');
    };
    await world.clock.advance(HOUR);
    await world.down();
    world.setClock(0);
    world.before = async () => {};
    world.reopen();
    await world.up();
    await world.clock.advance(at('2026-06-08T08:59:59Z') - 2 * HOUR);
    expect(await world.told()).to.deep.equal([]);
    await world.clock.advance(1000);
    expect((await world.told()).map(({ id }) => id)).to.deep.equal(['item.date:sla:1:2026-06-08T09:00:00Z']);
    await world.down();
  });

  it('is told in its time also while another app’s identity has to wait', async () => {
    const world = makeTimedWorld(ruleOf(DATED, { ...DATED, apps: ['orders'] }));
    await world.up();
    await world.edit(1, { due: '2026-06-05' });
    await world.edit(2, { due: '2026-06-05' }, false);
    world.orders.add(2);
    world.timers()?.wrote(2, 202);
    await world.clock.advance(DAY);
    let isLimited = true;
    world.before = async id => {
      if (id === 1 && isLimited)
        throw new PodioError('PODIO_RATE_LIMITED', 'not now', { retry: { afterMs: HOUR } });
    };
    await world.clock.advance(DAY + 9 * HOUR + MINUTE);
    expect((await world.told()).map(({ itemId }) => itemId)).to.deep.equal([2]);
    isLimited = false;
    await world.clock.advance(HOUR);
    expect((await world.told()).map(({ itemId }) => itemId)).to.deep.equal([2, 1]);
    await world.down();
  });

  it('that could not be looked at is late no more once it has been moved or taken back, which a look at the app finds', async () => {
    const world = makeTimedWorld(ruleOf(DATED));
    await world.up();
    for (const id of [1, 2]) await world.edit(id, { due: '2026-06-05' });
    await world.clock.advance(DAY);
    world.before = async () => {
      throw new PodioError('PODIO_UNAVAILABLE', 'away');
    };
    await world.clock.advance(DAY + 9 * HOUR + MINUTE);
    expect(world.timers()?.status()[0]).to.have.property('lateSince');
    await world.edit(1, { due: '2027-06-05' }, false);
    await world.edit(2, { due: '' }, false);
    await world.clock.advance(2 * HOUR);
    expect(world.timers()?.status()[0]).not.to.have.property('lateSince');
    await world.down();
  });

  it('is moved by an edit, told or not, and taken back with the field or the item', async () => {
    const world = makeTimedWorld(ruleOf(DATED));
    await world.up();
    for (const id of [1, 2, 3, 4]) await world.edit(id, { due: '2026-06-10' });
    await world.clock.advance(DAY);
    await world.edit(1, { due: '2026-06-12' }, false);
    await world.edit(2, { due: '' });
    world.remove(3);
    await world.clock.advance(30 * DAY);
    expect((await world.told()).map(({ id }) => id)).to.deep.equal([
      'item.date:sla:4:2026-06-08T09:00:00Z',
      'item.date:sla:1:2026-06-10T09:00:00Z',
    ]);
    await world.down();
  });

  it('that came while nothing ran is told at the start, or not, as the rule says', async () => {
    for (const missed of ['run', 'skip'] as const) {
      const world = makeTimedWorld(ruleOf({ ...DATED, missed }));
      await world.up();
      await world.edit(1, { due: '2026-06-10' });
      await world.edit(2, { due: '2026-06-20' });
      await world.clock.advance(HOUR);
      await world.down();
      await world.edit(3, { due: '2026-06-09' });
      await world.clock.advance(at('2026-06-12T00:00:00Z') - HOUR);
      await world.up();
      await world.clock.advance(HOUR);
      const early =
        missed === 'run'
          ? ['item.date:sla:1:2026-06-08T09:00:00Z', 'item.date:sla:3:2026-06-07T09:00:00Z']
          : [];
      expect(
        (await world.told()).map(({ id }) => id),
        missed,
      ).to.have.members(early);
      await world.clock.advance(30 * DAY);
      expect(
        (await world.told()).map(({ id }) => id),
        missed,
      ).to.have.members([...early, 'item.date:sla:2:2026-06-18T09:00:00Z']);
      await world.down();
    }
  });

  it('is not told where it was past when the rule was first loaded, or when it was written', async () => {
    const world = makeTimedWorld(ruleOf(DATED));
    await world.edit(1, { due: '2026-06-05' });
    await world.edit(2, { due: '2026-06-08' });
    await world.clock.advance(4 * DAY);
    await world.up();
    await world.clock.advance(HOUR);
    // Its reminder would have been this morning or earlier.
    await world.edit(3, { due: '2026-06-06' });
    await world.clock.advance(30 * DAY);
    expect((await world.told()).map(({ itemId }) => itemId)).to.deep.equal([2]);
    await world.down();
  });

  it('tells nothing again of what it has told, however much is edited later', async () => {
    const world = makeTimedWorld(ruleOf(DATED));
    await world.up();
    await world.edit(1, { due: '2026-06-10' });
    await world.clock.advance(20 * DAY);
    for (let n = 0; n < 5; n++) {
      await world.edit(1, { title: String(n) }, n % 2 === 0);
      await world.down();
      await world.clock.advance(DAY);
      await world.up();
      await world.clock.advance(2 * HOUR);
    }
    expect(await world.told()).to.have.length(1);
    await world.down();
  });

  it('waits anew where it is to come at another time, for what comes from then on', async () => {
    const world = makeTimedWorld(ruleOf(DATED));
    await world.up();
    await world.edit(1, { due: '2026-06-10' });
    await world.edit(2, { due: '2026-06-30' });
    await world.clock.advance(12 * DAY);
    await world.down();
    world.become(ruleOf({ ...DATED, at: { days: -4, ms: 0, minutes: 0 } }));
    await world.up();
    await world.clock.advance(30 * DAY);
    expect((await world.told()).map(({ id }) => id)).to.deep.equal([
      'item.date:sla:1:2026-06-08T09:00:00Z',
      'item.date:sla:2:2026-06-26T00:00:00Z',
    ]);
    await world.down();
  });

  it('whatever is edited, told or not, and whenever podiod is down: what was so when its moment came is told once', async () => {
    const day = fc.integer({ min: 1, max: 9 }).map(n => `2026-06-0${n}`);
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant('wait' as const),
          minutes: fc.integer({ min: 1, max: 900 }),
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('edit' as const),
          item: fc.integer({ min: 1, max: 2 }),
          due: fc.oneof({ weight: 5, arbitrary: day }, { weight: 1, arbitrary: fc.constant('') }),
          told: fc.boolean(),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('title' as const), item: fc.integer({ min: 1, max: 2 }) }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('down' as const, 'up' as const) }) },
      { weight: 2, arbitrary: killed },
    );
    const trigger: DateTrigger = { ...DATED, at: { days: -1, ms: 0, minutes: 12 * 60 + 1 } };
    const dueAt = (date: string) => Date.parse(`${date}T12:01:30Z`) - 30_000 - DAY;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30, size: 'max' }), async steps => {
        const world = makeTimedWorld(ruleOf(trigger));
        await world.clock.advance(30_000);
        await world.up();
        const since = world.clock.now();
        /** From when to when nothing ran. */
        const downs: [number, number][] = [];
        let downAt: number | undefined;
        const up = async () => {
          if (downAt === undefined) return;
          downs.push([downAt, world.clock.now()]);
          downAt = undefined;
          await world.up();
        };
        for (const [index, one] of steps.entries()) {
          if (one.kind === 'wait') await world.clock.advance(one.minutes * MINUTE);
          if (one.kind === 'edit' || one.kind === 'title') {
            await world.clock.advance(MINUTE);
            const values = one.kind === 'edit' ? { due: one.due } : { title: String(index) };
            await world.edit(one.item, values, one.kind === 'edit' && one.told);
          }
          if (one.kind === 'down' && downAt === undefined) {
            await world.down();
            downAt = world.clock.now();
          }
          if (one.kind === 'up') await up();
          if (one.kind === 'kill' && downAt === undefined) world.killAfter(one.calls);
          if (world.killedAt !== undefined) {
            downAt = world.killedAt;
            await world.down();
            await up();
          }
        }
        world.killAfter(Number.POSITIVE_INFINITY);
        await up();
        await world.clock.advance(10 * DAY);
        await world.down();

        const told = await world.told();
        expect(new Set(told.map(({ id }) => id)).size).to.equal(told.length);
        const stretches = [...world.pasts].flatMap(([item, past]) =>
          past.map(({ at, values }, index) => {
            // A value that is written again is the same one.
            let from = index;
            while (from > 0 && past[from - 1]?.values.due === values.due) from -= 1;
            const end = past.findIndex((later, n) => n > index && later.values.due !== values.due);
            return {
              item,
              due: values.due ?? '',
              from: past[from]?.at ?? at,
              to: end < 0 ? Number.POSITIVE_INFINITY : (past[end]?.at ?? 0),
            };
          }),
        );
        for (const { itemId, params, receivedAt } of told) {
          const at = Date.parse(receivedAt);
          const moment = dueAt(params.date ?? '');
          expect(params.due).to.equal(new Date(moment).toISOString());
          const fits = stretches.some(
            ({ item, due, from, to }) =>
              item === itemId && due === params.date && from <= moment && from <= at && at <= to,
          );
          expect(fits, `${itemId} ${params.date} at ${receivedAt}`).to.equal(true);
          expect(at >= moment && moment > since, `${params.date} at ${receivedAt}`).to.equal(true);
        }
        for (const { item, due, from, to } of stretches) {
          if (due === '' || from > dueAt(due) || dueAt(due) <= since) continue;
          const [, upAgain] = downs.find(([start, end]) => start <= dueAt(due) && dueAt(due) <= end) ?? [];
          // By the next look at the app at the latest, if it is still so then.
          const seen = (upAgain ?? dueAt(due)) + HOUR + MINUTE;
          if (to <= seen || downs.some(([start, end]) => start <= seen && end > (upAgain ?? dueAt(due))))
            continue;
          const found = told.filter(({ itemId, params }) => itemId === item && params.date === due);
          expect(found.length, `${item} ${due}`).to.equal(1);
        }
      }),
      { numRuns: 20 },
    );
  }).timeout(120_000);
});
