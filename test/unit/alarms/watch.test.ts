import { expect } from 'chai';
import { type Alarms, makeAlarms } from '../../../src/alarms/watch.ts';
import type { Outage } from '../../../src/core/alarm.ts';
import { StoreError } from '../../../src/core/errors.ts';
import { silentLog } from '../../../src/core/log.ts';
import { makeMemoryStore } from '../../../src/store/memory.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

const MINUTE = 60_000;

const parked = (count = 1, rule = 'won'): Outage => ({
  alarm: 'parked',
  subject: rule,
  rule,
  count,
  text: `${count} parked`,
});
const plugin: Outage = { alarm: 'plugin-down', subject: 'slack', count: 1, text: 'slack keeps failing' };

/** One store, watchers on it one after another. */
function makeWorld() {
  const clock = makeVirtualClock();
  const store = makeMemoryStore({ clock });
  let running: Alarms | undefined;
  const world = {
    clock,
    store,
    outages: [] as Outage[],
    isKnown: true,
    /** What was asked about last, whether it is known. */
    asked: undefined as readonly string[] | undefined,
    isOwn: undefined as boolean | undefined,
    /** Thrown by the store's next calls of this kind. */
    failing: new Set<'append' | 'set' | 'delete'>(),
    async start() {
      const orFail =
        <A extends unknown[], R>(name: 'append' | 'set' | 'delete', call: (...given: A) => Promise<R>) =>
        async (...given: A): Promise<R> => {
          if (world.failing.has(name))
            throw new StoreError('STORE_WRITE_FAILED', 'no room', { retry: 'backoff' });
          return call(...given);
        };
      running = makeAlarms({
        look: async () => ({
          outages: world.outages,
          isKnown: ({ of, isOwn }) => {
            world.asked = of;
            world.isOwn = isOwn;
            return world.isKnown;
          },
        }),
        afterMs: () => 5 * MINUTE,
        journal: { append: orFail('append', store.journal.append) },
        settings: {
          ...store.settings,
          set: orFail('set', store.settings.set),
          delete: orFail('delete', store.settings.delete),
        },
        mask: text => text.replace('hunter2', '***'),
        clock,
        log: silentLog,
      });
      await running.start();
    },
    stop: async () => running?.stop(),
    raised: () => running?.raised().map(({ alarm, subject, count }) => `${alarm}/${subject} ${count}`),
    /** `podiod.parked raised 1`, in the order of the journal. */
    told: async () => {
      const { entries } = await store.journal.read({ after: 0, limit: 1000 });
      return entries.map(({ event: { type, params } }) => `${type} ${params.state} ${params.count}`);
    },
  };
  return world;
}

describe('alarms', () => {
  it('are one event when an outage begins and one when it is over', async () => {
    const world = makeWorld();
    await world.start();
    world.outages = [parked(1)];
    await world.clock.advance(10_000);
    world.outages = [parked(500)];
    await world.clock.advance(MINUTE);
    expect(await world.told()).to.deep.equal(['podiod.parked raised 1']);
    expect(world.raised()).to.deep.equal(['parked/won 500']);
    world.outages = [];
    await world.clock.advance(MINUTE);
    expect(await world.told()).to.deep.equal(['podiod.parked raised 1', 'podiod.parked cleared 500']);
    expect(world.raised()).to.deep.equal([]);
    // The next outage is another one.
    world.outages = [parked(2)];
    await world.clock.advance(MINUTE);
    expect(await world.told()).to.have.length(3);
    await world.stop();
  });

  it('say what a rule needs to know', async () => {
    const world = makeWorld();
    await world.start();
    const begin = new Date(world.clock.now() + 5000).toISOString();
    world.outages = [{ ...parked(3), text: '3 runs, the password is hunter2' }];
    await world.clock.advance(10_000);
    const { entries } = await world.store.journal.read({ after: 0, limit: 10 });
    expect(entries[0]?.event).to.deep.include({
      id: `podiod.parked:won:${begin}:raised`,
      type: 'podiod.parked',
      source: 'daemon',
      ref: { type: 'daemon', id: 'parked/won' },
      params: {
        alarm: 'parked',
        state: 'raised',
        subject: 'won',
        rule: 'won',
        count: '3',
        since: begin,
        text: '3 runs, the password is ***',
      },
    });
    await world.stop();
  });

  it('are of each subject by itself', async () => {
    const world = makeWorld();
    await world.start();
    world.outages = [parked(1, 'a'), parked(2, 'b')];
    await world.clock.advance(10_000);
    world.outages = [parked(2, 'b')];
    await world.clock.advance(10_000);
    expect(await world.told()).to.deep.equal([
      'podiod.parked raised 1',
      'podiod.parked raised 2',
      'podiod.parked cleared 1',
    ]);
    await world.stop();
  });

  it('wait where something may mend by itself', async () => {
    const world = makeWorld();
    await world.start();
    for (let flap = 0; flap < 5; flap++) {
      world.outages = [plugin];
      await world.clock.advance(4 * MINUTE);
      world.outages = [];
      await world.clock.advance(MINUTE);
    }
    expect(await world.told()).to.deep.equal([]);
    world.outages = [plugin];
    await world.clock.advance(6 * MINUTE);
    expect(await world.told()).to.deep.equal(['podiod.plugin-down raised 1']);
    await world.stop();
  });

  it('are neither repeated nor forgotten by a restart, and go on where it is not known', async () => {
    const world = makeWorld();
    await world.start();
    world.outages = [parked(1), plugin];
    await world.clock.advance(10 * MINUTE);
    await world.stop();
    await world.start();
    await world.clock.advance(10 * MINUTE);
    expect(await world.told()).to.have.length(2);
    await world.stop();

    // Nothing is known yet after this start.
    world.outages = [];
    world.isKnown = false;
    await world.start();
    await world.clock.advance(10 * MINUTE);
    expect(await world.told()).to.have.length(2);
    expect(world.raised()).to.have.length(2);
    world.isKnown = true;
    await world.clock.advance(MINUTE);
    expect(await world.told()).to.deep.equal([
      'podiod.parked raised 1',
      'podiod.plugin-down raised 1',
      'podiod.parked cleared 1',
      'podiod.plugin-down cleared 1',
    ]);
    await world.stop();
  });

  it('are known to be of this process or of one before it, whatever the wall clock was set to', async () => {
    const world = makeWorld();
    world.isKnown = false;
    world.outages = [parked()];
    await world.start();
    await world.clock.advance(MINUTE);
    world.clock.jump(365 * 24 * 60 * MINUTE);
    world.outages = [];
    await world.clock.advance(MINUTE);
    expect(world.isOwn).to.equal(true);
    await world.stop();
    world.clock.jump(-365 * 24 * 60 * MINUTE);
    await world.start();
    await world.clock.advance(MINUTE);
    expect(world.isOwn).to.equal(false);
    await world.stop();
  });

  it('ask after a restart for all that has come to them', async () => {
    const world = makeWorld();
    const budget = (...of: string[]): Outage => ({
      alarm: 'budget',
      subject: 'bot',
      count: 1,
      text: 'gone',
      of,
    });
    await world.start();
    for (const names of [['limited'], ['general', 'limited'], []]) {
      world.outages = [budget(...names)];
      await world.clock.advance(10 * MINUTE);
    }
    await world.stop();
    world.outages = [];
    world.isKnown = false;
    await world.start();
    await world.clock.advance(MINUTE);
    expect(world.asked).to.have.members(['general', 'limited']);
    expect(await world.told()).to.deep.equal(['podiod.budget raised 1']);
    await world.stop();
  });

  it('that ended while nothing ran are told of at the next start', async () => {
    const world = makeWorld();
    await world.start();
    world.outages = [parked(1)];
    await world.clock.advance(MINUTE);
    await world.stop();
    world.outages = [];
    await world.clock.advance(60 * MINUTE);
    await world.start();
    await world.clock.advance(MINUTE);
    expect(await world.told()).to.deep.equal(['podiod.parked raised 1', 'podiod.parked cleared 1']);
    await world.stop();
  });

  /** Every call of the store fails once where a crash could be, then a new process takes over. */
  for (const failing of ['append', 'set', 'delete'] as const) {
    for (const phase of ['raised', 'cleared'] as const) {
      it(`are told once each though ${failing} fails while one is ${phase}, with a restart or without`, async () => {
        for (const restarts of [false, true]) {
          const world = makeWorld();
          await world.start();
          if (phase === 'raised') world.failing.add(failing);
          world.outages = [parked(1)];
          await world.clock.advance(MINUTE);
          if (phase === 'cleared') world.failing.add(failing);
          else world.failing.clear();
          if (restarts && phase === 'raised') {
            await world.stop();
            await world.start();
          }
          await world.clock.advance(MINUTE);
          world.outages = [];
          await world.clock.advance(MINUTE);
          if (restarts && phase === 'cleared') {
            await world.stop();
            await world.start();
          }
          world.failing.clear();
          await world.clock.advance(MINUTE);
          expect(await world.told(), `restarts: ${restarts}`).to.deep.equal([
            'podiod.parked raised 1',
            'podiod.parked cleared 1',
          ]);
          expect(await world.store.settings.list('alarm/')).to.have.property('size', 0);
          await world.stop();
        }
      });
    }
  }

  it('that begin again before their end could be told are new ones', async () => {
    const world = makeWorld();
    await world.start();
    world.outages = [parked(1)];
    await world.clock.advance(MINUTE);
    world.failing.add('append');
    world.outages = [];
    await world.clock.advance(MINUTE);
    world.outages = [parked(7)];
    await world.clock.advance(MINUTE);
    expect(world.raised()).to.deep.equal([]);
    world.failing.clear();
    await world.clock.advance(MINUTE);
    expect(await world.told()).to.deep.equal([
      'podiod.parked raised 1',
      'podiod.parked cleared 1',
      'podiod.parked raised 7',
    ]);
    await world.stop();
  });
});
