import { expect } from 'chai';
import { makeSilence } from '../../../src/alarms/silence.ts';
import type { Rule } from '../../../src/core/rule.ts';
import { makeMemoryStore } from '../../../src/store/memory.ts';
import { itemEvent, lane, settled } from '../../contract/store/worlds.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

const HOUR = 3_600_000;

const rule = (name: string, everyMs?: number): Rule => ({
  name,
  triggers: [],
  steps: [],
  concurrency: 1,
  startAt: 'head',
  timezone: 'UTC',
  fingerprint: '',
  ...(everyMs !== undefined && { expect: { everyMs } }),
});

let item = 0;

function makeWorld(rules: Rule[], clock = makeVirtualClock(), store = makeMemoryStore({ clock })) {
  let asked = 0;
  const world = {
    clock,
    rules,
    asked: () => asked,
    podioAheadMs: 0,
    /** As a restart would. */
    again: () =>
      makeSilence({
        rules: () => world.rules,
        store: {
          ...store,
          lanes: {
            status: () => {
              asked += 1;
              return store.lanes.status();
            },
          },
        },
        wants: ({ name }, { app }) => app === name,
        clock,
        podioAheadMs: () => world.podioAheadMs,
      }),
    load: async (name: string) => store.lanes.acquire(lane(name), 'head'),
    /** An event for the rule of that name. */
    async come(name: string) {
      item += 1;
      await store.journal.append([itemEvent(item, 0, { app: name })]);
      const { entries } = await store.journal.read({ after: store.journal.head() - 1, limit: 1 });
      const event = entries[0]?.event;
      if (event === undefined) throw new Error('it is not there');
      return event;
    },
    store,
  };
  return world;
}

describe('silence', () => {
  it('counts from the first load, not from the beginning of time', async () => {
    const world = makeWorld([rule('orders', 24 * HOUR), rule('free')]);
    await world.load('orders');
    const loadedAt = world.clock.now();
    const silences = world.again();
    expect(await silences()).to.deep.equal([]);
    await world.clock.advance(24 * HOUR - 1);
    expect(await silences()).to.deep.equal([]);
    await world.clock.advance(1);
    expect(await silences()).to.deep.equal([{ rule: 'orders', since: loadedAt, everyMs: 24 * HOUR }]);
  });

  it('counts the time of some days alone, where the rule says so', async () => {
    const weekdays = { ...rule('orders'), expect: { everyMs: 24 * HOUR, days: [1, 2, 3, 4, 5] } };
    const world = makeWorld([weekdays]);
    // A Friday, noon.
    world.clock.jump(Date.parse('2026-06-05T12:00:00Z') - world.clock.now());
    await world.load('orders');
    const silences = world.again();
    const since = world.clock.now();
    await world.clock.advance(72 * HOUR - 1);
    expect(await silences()).to.deep.equal([]);
    await world.clock.advance(1);
    expect(await silences()).to.deep.equal([{ rule: 'orders', since, ...weekdays.expect }]);
  });

  it('is over when something comes, that the rule has not got to yet or has', async () => {
    const world = makeWorld([rule('orders', HOUR)]);
    const lease = await world.load('orders');
    const silences = world.again();
    await world.clock.advance(2 * HOUR);
    expect(await silences()).to.have.length(1);
    await world.come('others');
    expect(await silences()).to.have.length(1);
    const event = await world.come('orders');
    const cameAt = world.clock.now();
    expect(await silences()).to.deep.equal([]);
    await world.clock.advance(30 * 60_000);
    await world.store.lanes.finish(lease, settled(event, { outcome: 'filtered' }), event.seq);
    await world.clock.advance(45 * 60_000);
    // By when it came, not by when the rule was done with it; and the same after a restart.
    for (const look of [silences, world.again()]) {
      expect(await look()).to.deep.equal([{ rule: 'orders', since: cameAt, everyMs: HOUR }]);
    }
  });

  it('is over also when what came waits to be run with others', async () => {
    const world = makeWorld([rule('orders', HOUR)]);
    const lease = await world.load('orders');
    const silences = world.again();
    await world.clock.advance(2 * HOUR);
    const { seq, id } = await world.come('orders');
    const cameAt = world.clock.now();
    const key = { seq, eventId: id, replay: 0 };
    await world.store.lanes.gather(
      lease,
      [{ key, mode: 'batch', group: 'batch', waitMs: 24 * HOUR, from: 'first' }],
      seq,
    );
    await world.clock.advance(HOUR - 1);
    expect(await silences()).to.deep.equal([]);
    await world.clock.advance(1);
    expect(await silences()).to.deep.equal([{ rule: 'orders', since: cameAt, everyMs: HOUR }]);
  });

  it('asks the store only when it may be', async () => {
    const world = makeWorld([rule('orders', 10 * HOUR)]);
    await world.load('orders');
    const silences = world.again();
    for (let look = 0; look < 100; look++) {
      await world.clock.advance(60_000);
      await silences();
    }
    expect(world.asked()).to.equal(1);
  });

  it('is none of a rule that was never started, or expects nothing any more', async () => {
    const world = makeWorld([rule('orders', HOUR)]);
    const silences = world.again();
    await world.clock.advance(5 * HOUR);
    expect(await silences()).to.deep.equal([]);
    await world.load('orders');
    await world.clock.advance(5 * HOUR);
    expect(await silences()).to.have.length(1);
    world.rules = [rule('orders')];
    expect(await silences()).to.deep.equal([]);
  });

  describe('while the wall clock is set', () => {
    const DAY = 24 * HOUR;
    const YEAR = 365 * DAY;

    /** Another start: the store's clock begins anew with the wall clock. */
    async function restarted(before: ReturnType<typeof makeWorld>): Promise<ReturnType<typeof makeWorld>> {
      const world = makeWorld(before.rules, before.clock, before.store.reopen());
      await world.load('orders');
      return world;
    }

    it('counts on by its own clock: neither a clock that goes ahead nor one that comes back makes or hides it', async () => {
      const world = makeWorld([rule('orders', DAY)]);
      await world.load('orders');
      await world.come('orders');
      const silences = world.again();
      expect(await silences()).to.deep.equal([]);
      await world.clock.advance(HOUR);
      world.clock.jump(YEAR);
      expect(await silences()).to.deep.equal([]);
      await world.clock.advance(HOUR);
      await world.come('orders');
      world.clock.jump(-YEAR);
      await world.clock.advance(DAY - 1);
      expect(await silences()).to.deep.equal([]);
      await world.clock.advance(1);
      const [silent] = await silences();
      expect(silent && world.clock.now() - silent.since).to.equal(DAY);
      await world.come('orders');
      expect(await silences()).to.deep.equal([]);
    });

    it('counts from what came last also where the clock is set ahead, or a machine has slept, before the time is over', async () => {
      const world = makeWorld([rule('orders', DAY)]);
      await world.load('orders');
      const silences = world.again();
      const lookFor = async (ms: number) => {
        for (let passed = 0; passed < ms; passed += 60_000) {
          await world.clock.advance(60_000);
          if ((await silences()).length > 0) return passed + 60_000;
        }
        return undefined;
      };
      expect(await lookFor(22 * HOUR)).to.equal(undefined);
      await world.come('orders');
      expect(await lookFor(HOUR)).to.equal(undefined);
      world.clock.jump(30 * DAY);
      expect(await lookFor(2 * DAY)).to.equal(DAY - HOUR);
    });

    it('is told of what came while the clock was ahead before a start, counted from when that was noticed, over further starts too', async () => {
      const first = makeWorld([rule('orders', DAY)]);
      first.clock.jump(YEAR);
      await first.load('orders');
      await first.come('orders');
      first.clock.jump(-YEAR);
      const second = await restarted(first);
      const noticedAt = second.clock.now();
      expect(await second.again()()).to.deep.equal([]);
      await second.clock.advance(12 * HOUR);
      const third = await restarted(second);
      const silences = third.again();
      expect(await silences()).to.deep.equal([]);
      await third.clock.advance(12 * HOUR - 1);
      expect(await silences()).to.deep.equal([]);
      await third.clock.advance(1);
      expect(await silences()).to.deep.equal([{ rule: 'orders', since: noticedAt, everyMs: DAY }]);
      const fourth = await restarted(third);
      expect(await fourth.again()()).to.have.length(1);
      // What comes now bears a time of which there is no doubt.
      await fourth.come('orders');
      const again = fourth.again();
      expect(await again()).to.deep.equal([]);
      await fourth.clock.advance(DAY);
      expect(await again()).to.have.length(1);
    });

    it('is not told of a rule that was first loaded while the clock was ahead', async () => {
      const first = makeWorld([rule('orders', DAY)]);
      first.clock.jump(YEAR);
      await first.load('orders');
      first.clock.jump(-YEAR);
      const silences = (await restarted(first)).again();
      expect(await silences()).to.deep.equal([]);
      await first.clock.advance(DAY);
      expect(await silences()).to.have.length(1);
    });

    it('goes by the clock of Podio at a start where this one is ahead', async () => {
      const first = makeWorld([rule('orders', DAY)]);
      await first.load('orders');
      await first.come('orders');
      await first.clock.advance(HOUR);
      first.clock.jump(YEAR);
      const second = await restarted(first);
      second.podioAheadMs = -YEAR;
      const silences = second.again();
      expect(await silences()).to.deep.equal([]);
      await second.clock.advance(23 * HOUR);
      expect(await silences()).to.have.length(1);
    });
  });
});
