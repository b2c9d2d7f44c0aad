import { expect } from 'chai';
import { StoreError } from '../../../src/core/errors.ts';
import { silentLog } from '../../../src/core/log.ts';
import type { Rule, ScheduleTrigger } from '../../../src/core/rule.ts';
import { type HandedOver, makeScheduler, type Scheduler } from '../../../src/schedule/scheduler.ts';
import { makeMemoryStore } from '../../../src/store/memory.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const schedule = (
  cron: string,
  missed: ScheduleTrigger['missed'] = 'skip',
  timezone = 'UTC',
): ScheduleTrigger => ({
  kind: 'schedule',
  cron,
  timezone,
  missed,
});
const makeRule = (name: string, ...triggers: ScheduleTrigger[]): Rule => ({
  name,
  triggers,
  steps: [],
  concurrency: 1,
  startAt: 'head',
  timezone: 'UTC',
  fingerprint: '',
});

/** A daemon with schedules only, over one store. */
function makeWorld(...rules: Rule[]) {
  const clock = makeVirtualClock(Date.parse('2026-06-01T08:30:00Z'));
  const store = makeMemoryStore({ clock });
  let running: Scheduler | undefined;
  const world = {
    clock,
    store,
    rules,
    /** In place of the journal's own. */
    append: store.journal.append,
    get: store.settings.get,
    set: store.settings.set,
    handedOver: new Map() as HandedOver,
    async start(goesOn?: boolean) {
      running = makeScheduler({
        rules: world.rules,
        journal: { append: batch => world.append(batch) },
        settings: { get: key => world.get(key), set: (key, value) => world.set(key, value) },
        itemRuns: { wish: async () => {}, go: () => {} },
        handedOver: world.handedOver,
        clock,
        log: silentLog,
      });
      await running.start(goesOn);
    },
    stop: async () => running?.stop(),
    /** Forgets the scheduler without a stop. */
    async down(ms: number) {
      await running?.stop();
      await clock.advance(ms);
    },
    ticks: async () => {
      const listed = await store.journal.list({ limit: 10_000 });
      return listed.map(({ event }) => event.id.replace(/^schedule\.fire:/, '').replace(':2026-', ' '));
    },
  };
  return world;
}

describe('scheduler', () => {
  it('appends an event at each tick', async () => {
    const world = makeWorld(
      makeRule('morning', schedule('0 9 * * *')),
      makeRule('half', schedule('*/30 * * * *')),
    );
    await world.start();
    await world.clock.advance(HOUR - 1);
    expect(await world.ticks()).to.deep.equal(['morning 06-01T09:00Z', 'half 06-01T09:00Z']);
    const [listed] = await world.store.journal.list({});
    expect(listed?.event).to.deep.include({
      id: 'schedule.fire:morning:2026-06-01T09:00Z',
      type: 'schedule.fire',
      source: 'schedule',
      ref: { type: 'schedule', id: 'morning' },
      params: { scheduled_for: '2026-06-01T09:00:00.000Z' },
      receivedAt: '2026-06-01T09:00:00.000Z',
    });
    await world.clock.advance(24 * HOUR);
    expect((await world.ticks()).filter(tick => tick.startsWith('morning'))).to.have.length(2);
    expect((await world.ticks()).filter(tick => tick.startsWith('half'))).to.have.length(49);
    await world.stop();
    await world.clock.advance(24 * HOUR);
    expect(await world.ticks()).to.have.length(51);
  });

  it('fires once where two schedules of a rule meet', async () => {
    const world = makeWorld(makeRule('r', schedule('0 9 * * *'), schedule('0 9,10 * * *')));
    await world.start();
    await world.clock.advance(2 * HOUR);
    expect(await world.ticks()).to.deep.equal(['r 06-01T09:00Z', 'r 06-01T10:00Z']);
  });

  it('fires the latest missed tick once at start, where the rule says so', async () => {
    const world = makeWorld(
      makeRule('run', schedule('0 * * * *', 'run')),
      makeRule('skip', schedule('0 * * * *')),
    );
    await world.start();
    await world.down(5 * HOUR);
    await world.start();
    expect(await world.ticks()).to.deep.equal(['run 06-01T13:00Z']);
    await world.down(10 * MINUTE);
    await world.start();
    expect(await world.ticks()).to.have.length(1);
  });

  it('fires what came due while one took over from another, also where the rule skips what it missed', async () => {
    const world = makeWorld(makeRule('skip', schedule('0 * * * *')));
    await world.start();
    await world.clock.advance(HOUR / 2 - 1);
    await world.down(2);
    await world.start(true);
    await world.down(10);
    await world.start(true);
    expect(await world.ticks()).to.deep.equal(['skip 06-01T09:00Z']);
  });

  it('has missed nothing the first time, nor after the schedule was changed', async () => {
    const world = makeWorld(makeRule('r', schedule('0 * * * *', 'run')));
    await world.start();
    expect(await world.ticks()).to.deep.equal([]);
    await world.down(2 * HOUR);
    world.rules = [makeRule('r', schedule('15 * * * *', 'run'))];
    await world.start();
    expect(await world.ticks()).to.deep.equal([]);
    await world.clock.advance(HOUR);
    expect(await world.ticks()).to.deep.equal(['r 06-01T11:15Z']);
  });

  it('fires no tick twice, whatever was stored of it before a crash', async () => {
    const world = makeWorld(makeRule('r', schedule('0 9 * * *', 'run')));
    await world.start();
    const before = await world.store.settings.list('');
    await world.clock.advance(HOUR);
    for (const [key, value] of before) await world.store.settings.set(key, value);
    await world.start();
    expect(await world.ticks()).to.deep.equal(['r 06-01T09:00Z']);
  });

  it('finds the tick that a long sleep of the machine or a jump of the clock passed over', async () => {
    const world = makeWorld(
      makeRule('run', schedule('0 * * * *', 'run')),
      makeRule('skip', schedule('0 * * * *')),
    );
    await world.start();
    world.clock.jump(5 * HOUR + 10 * MINUTE);
    await world.clock.advance(MINUTE);
    expect(await world.ticks()).to.deep.equal(['run 06-01T13:00Z']);
    await world.clock.advance(20 * MINUTE);
    expect((await world.ticks()).slice(1)).to.deep.equal(['run 06-01T14:00Z', 'skip 06-01T14:00Z']);
  });

  it('goes by a clock that is set back, without firing again what has fired', async () => {
    const world = makeWorld(makeRule('r', schedule('*/10 * * * *')));
    await world.start();
    await world.clock.advance(35 * MINUTE);
    const fired = await world.ticks();
    expect(fired).to.have.length(3);
    world.clock.jump(-30 * MINUTE);
    await world.clock.advance(30 * MINUTE);
    expect(await world.ticks()).to.deep.equal(fired);
    await world.clock.advance(10 * MINUTE);
    expect(await world.ticks()).to.have.length(4);
  });

  it('does not wait for a year when the clock was a year ahead at the last stop', async () => {
    const world = makeWorld(makeRule('r', schedule('0 * * * *', 'run')));
    world.clock.jump(365 * 24 * HOUR);
    await world.start();
    await world.stop();
    world.clock.jump(-365 * 24 * HOUR);
    await world.start();
    await world.clock.advance(HOUR);
    expect(await world.ticks()).to.deep.equal(['r 06-01T09:00Z']);
  });

  it('stores a tick as soon as the store can, under its own time', async () => {
    const world = makeWorld(makeRule('r', schedule('0 9 * * *')));
    const { append } = world;
    world.append = async () => {
      throw new StoreError('STORE_UNAVAILABLE', 'not now');
    };
    await world.start();
    await world.clock.advance(HOUR);
    world.append = append;
    await world.clock.advance(MINUTE);
    expect(await world.ticks()).to.deep.equal(['r 06-01T09:00Z']);
  });

  /** From now on the store takes nothing. Answers how it takes things again. */
  const fill = (world: ReturnType<typeof makeWorld>): (() => void) => {
    const { append, set } = world;
    world.append = async () => {
      throw new StoreError('STORE_WRITE_FAILED', 'the disk is full');
    };
    world.set = async () => {
      throw new StoreError('STORE_WRITE_FAILED', 'the disk is full');
    };
    return () => Object.assign(world, { append, set });
  };

  for (const when of ['before it stops', 'after another one has begun'])
    it(`hands over the tick that the disk had no room for, however late it is; there is room ${when}`, async () => {
      const world = makeWorld(makeRule('r', schedule('0 9 * * *')));
      await world.start();
      const free = fill(world);
      await world.clock.advance(HOUR);
      if (when === 'before it stops') Object.assign(world, { set: world.store.settings.set });
      await world.stop();
      if (when === 'before it stops') free();
      await world.start(true);
      free();
      await world.clock.advance(MINUTE);
      expect(await world.ticks()).to.deep.equal(['r 06-01T09:00Z']);
    });

  it('leaves the tick that the disk had no room for to the next start', async () => {
    const world = makeWorld(makeRule('r', schedule('0 9 * * *'), schedule('30 9 * * *')));
    await world.start();
    const free = fill(world);
    await world.clock.advance(2 * HOUR);
    free();
    await world.stop();
    world.handedOver.clear();
    await world.clock.advance(HOUR);
    await world.start();
    expect(await world.ticks()).to.deep.equal(['r 06-01T09:00Z', 'r 06-01T09:30Z']);
    await world.down(HOUR);
    await world.start();
    expect(await world.ticks()).to.have.length(2);
  });

  it('has missed what it missed also where a start before could not read since when', async () => {
    const world = makeWorld(makeRule('r', schedule('0 9 * * *', 'run')));
    await world.start();
    await world.down(HOUR);
    world.handedOver.clear();
    const { get } = world;
    world.get = async () => {
      throw new StoreError('STORE_UNAVAILABLE', 'the disk does not answer');
    };
    await world.start().catch(() => {});
    await world.stop();
    world.handedOver.clear();
    world.get = get;
    await world.start();
    expect(await world.ticks()).to.deep.equal(['r 06-01T09:00Z']);
    await world.stop();
  });

  it('gives up a tick that is owed where the rule has no schedule for it any more', async () => {
    const world = makeWorld(makeRule('r', schedule('0 9 * * *')));
    await world.start();
    const free = fill(world);
    await world.clock.advance(HOUR);
    await world.stop();
    free();
    world.rules = [makeRule('r', schedule('15 9 * * *'))];
    await world.start(true);
    expect(await world.ticks()).to.deep.equal([]);
  });

  it('looks at the clock also while a tick waits for the disk: what comes due meanwhile is not missed', async () => {
    const world = makeWorld(
      makeRule('one', schedule('0 9 * * *')),
      makeRule('two', schedule('15 9 * * *')),
      makeRule('often', schedule('*/10 * * * *')),
    );
    await world.start();
    const free = fill(world);
    await world.clock.advance(HOUR + 5 * MINUTE);
    free();
    await world.clock.advance(MINUTE);
    // Of many ticks of a schedule the one that was tried, and the latest.
    const late = ['one 06-01T09:00Z', 'often 06-01T08:40Z', 'two 06-01T09:15Z', 'often 06-01T09:30Z'];
    expect(await world.ticks()).to.have.members(late);
  });

  it('starts while the disk is full, also with a tick that is due, and stops', async () => {
    const world = makeWorld(makeRule('r', schedule('0 * * * *', 'run')));
    await world.start();
    await world.down(HOUR);
    const free = fill(world);
    await world.start();
    await world.stop();
    await world.start();
    free();
    await world.clock.advance(MINUTE);
    expect(await world.ticks()).to.deep.equal(['r 06-01T09:00Z']);
  });

  it('stops while it waits for the store', async () => {
    const world = makeWorld(makeRule('r', schedule('0 9 * * *')));
    world.append = async () => {
      throw new StoreError('STORE_UNAVAILABLE', 'not now');
    };
    await world.start();
    await world.clock.advance(HOUR);
    await world.stop();
    expect(await world.ticks()).to.deep.equal([]);
  });

  it('keeps to local time over changes of the clock', async () => {
    const world = makeWorld(makeRule('r', schedule('30 2 * * *', 'skip', 'Europe/Copenhagen')));
    world.clock.jump(Date.parse('2026-03-27T12:00:00Z') - world.clock.now());
    await world.start();
    await world.clock.advance(4 * 24 * HOUR);
    expect(await world.ticks()).to.deep.equal(['r 03-28T01:30Z', 'r 03-30T00:30Z', 'r 03-31T00:30Z']);
  });
});
