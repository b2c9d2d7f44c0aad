import { expect } from 'chai';
import type { Mode } from '../../../src/core/rule.ts';
import type { StepTask } from '../../../src/plugin/host.ts';
import { APP, itemUpdate, makeRule, makeStep, POLICY, type Work, World } from './support.ts';

/** Keeps what the step was given. */
function witness(work: Work = () => undefined) {
  const seen: StepTask[] = [];
  const step: Work = (task, rule) => {
    seen.push(task);
    return work(task, rule);
  };
  return { step, seen, keys: () => seen.map(({ deliveryKey }) => deliveryKey) };
}

const ask = (world: World, from: number, to?: number, dryRun = false) =>
  world.dispatcher.replay({ rule: 'r', from: { seq: from }, ...(to && { to: { seq: to } }), dryRun });

const replaysOf = async (world: World) =>
  (await world.store.journal.list({ limit: 10_000 })).map(({ runs }) => runs.length - 1);

describe('Replay', () => {
  it('runs a rule again over the old events that fit it, with a key and a source that say so', async () => {
    const { step, seen, keys } = witness();
    const world = await new World({
      rules: [makeRule('r', { triggers: [{ ...APP, events: ['item.update'] }] })],
      work: { work: step },
    }).start();
    await world.append(itemUpdate(1, 1), { ...itemUpdate(2, 1), type: 'item.create' }, itemUpdate(3, 1));
    seen.length = 0;
    expect(await ask(world, 1)).to.deep.equal({ rule: 'r', from: 1, to: 3, events: 2, id: '1' });
    await world.clock.advance(0);
    expect(keys()).to.deep.equal(['r/item.update:1:1/work/1', 'r/item.update:3:1/work/1']);
    expect(seen.map(({ event }) => event.source)).to.deep.equal(['replay', 'replay']);
    expect(await world.store.replays.list()).to.deep.equal([]);
    seen.length = 0;
    await ask(world, 3, 3);
    await ask(world, 1, 9);
    await world.clock.advance(0);
    expect(keys().sort()).to.deep.equal([
      'r/item.update:1:1/work/2',
      'r/item.update:3:1/work/2',
      'r/item.update:3:1/work/3',
    ]);
  });

  it('tells what the mode of the rule means for it', async () => {
    const told = async (mode: Mode) => {
      const world = await new World({ rules: [makeRule('r', { mode })] }).start();
      for (let item = 1; item <= 5; item++) await world.append(itemUpdate(item));
      return (await ask(world, 1, 5, true))?.mode;
    };
    expect(await told({ kind: 'settle', quietMs: 1000, atMostMs: 9000 })).to.equal(
      'each by itself: `mode: settle` is for events as they come, not for a replay',
    );
    expect(await told({ kind: 'throttle', max: 2, perMs: 60_000 })).to.equal(
      'no more than 2 begin in 1m (mode throttle): the last one in 2m at the earliest',
    );
    expect(await told({ kind: 'throttle', max: 1, perMs: 60_000 })).to.equal(
      'no more than 1 begins in 1m (mode throttle): the last one in 4m at the earliest',
    );
    expect(await told({ kind: 'throttle', max: 5, perMs: 60_000 })).to.equal(
      'no more than 5 begin in 1m (mode throttle)',
    );
  });

  it('tells how many it would be, and does nothing more when only asked that', async () => {
    const { step, seen } = witness();
    const world = await new World({ rules: [makeRule('r')], work: { work: step } }).start();
    await world.append(itemUpdate(1), itemUpdate(2));
    await world.clock.advance(60_000);
    await world.append(itemUpdate(3));
    seen.length = 0;
    expect(await ask(world, 2, 9, true)).to.deep.equal({ rule: 'r', from: 2, to: 3, events: 2 });
    const time = { time: world.store.now() - 1000 };
    expect(await world.dispatcher.replay({ rule: 'r', from: time, dryRun: true })).to.include({
      from: 3,
      to: 3,
    });
    expect(
      await world.dispatcher.replay({ rule: 'r', from: { seq: 0 }, to: time, dryRun: true }),
    ).to.deep.equal({ rule: 'r', from: 1, to: 2, events: 2 });
    expect(await ask(world, 4)).to.deep.equal({ rule: 'r', from: 4, to: 3, events: 0 });
    expect(await world.dispatcher.replay({ rule: 'x', from: { seq: 1 }, dryRun: false })).to.equal(undefined);
    await world.clock.advance(1000);
    expect(seen).to.deep.equal([]);
    expect(await world.store.replays.list()).to.deep.equal([]);
  });

  it('comes behind live work, one per item at a time', async () => {
    const order: string[] = [];
    const work: Work = async ({ event, deliveryKey }) => {
      order.push(deliveryKey.replace('r/item.update:', '').replace('/work', ''));
      await new Promise<void>(resolve => world.clock.after(event.seq > 2 ? 10 : 1000, resolve));
      return undefined;
    };
    const world = await new World({ rules: [makeRule('r', { concurrency: 2 })], work: { work } }).start();
    await world.append(itemUpdate(1, 1), itemUpdate(1, 2));
    await world.clock.advance(2000);
    order.length = 0;
    await ask(world, 1);
    await world.clock.advance(0);
    await world.append(itemUpdate(1, 3), itemUpdate(2, 1));
    await world.clock.advance(5000);
    expect(order).to.deep.equal(['1:1/1', '2:1', '1:3', '1:2/1']);
  });

  it('works through a long range in pages, and goes on after a restart with what is left', async () => {
    const { step, keys } = witness(async () => {
      await new Promise<void>(resolve => world.clock.after(100, resolve));
      return undefined;
    });
    const world = await new World({
      rules: [makeRule('r', { concurrency: 10 })],
      work: { work: step },
    }).start();
    await world.append(...Array.from({ length: 1000 }, (_, n) => itemUpdate(n)));
    await world.clock.advance(20_000);
    await ask(world, 1);
    await world.clock.advance(4000);
    const [before] = await world.store.replays.list();
    expect(before?.cursor).to.be.within(100, 500);
    const inHand = 10;
    await world.crash();
    await world.clock.advance(1000);
    const stopped = world.dispatcher.stop(1000);
    await world.clock.advance(2000);
    await stopped;
    await world.crash();
    await world.clock.advance(30_000);
    expect(await replaysOf(world)).to.deep.equal(Array(1000).fill(1));
    expect(await world.store.replays.list()).to.deep.equal([]);
    expect(keys().filter(key => key.endsWith('/1')).length).to.be.within(1000, 1000 + inHand);
  });

  it('runs one change once, also where two hooks told of it', async () => {
    const { step, keys } = witness();
    const world = await new World({
      rules: [makeRule('r', { triggers: [APP, { ...APP, fields: [{ field: 'status' }] }] })],
      work: { work: step },
    }).start();
    await world.append(itemUpdate(1, 1), itemUpdate(1, 1, { type: 'app_field', id: 11 }));
    expect(keys()).to.have.length(1);
    await ask(world, 1);
    await ask(world, 2);
    await world.clock.advance(0);
    expect(keys()).to.have.length(3);
    await world.crash();
    await world.clock.advance(0);
    expect(keys()).to.have.length(3);
  });

  it('parks and retries like any other run, under its own key', async () => {
    let broken = true;
    const { step, seen, keys } = witness(() => {
      if (broken) throw new Error('no');
      return undefined;
    });
    const steps = [makeStep('work', { delivery: { ...POLICY, attempts: 2 } })];
    broken = false;
    const world = await new World({ rules: [makeRule('r', { steps })], work: { work: step } }).start();
    await world.append(itemUpdate(1, 1));
    broken = true;
    await ask(world, 1);
    await world.clock.advance(500);
    await world.crash();
    await world.clock.advance(10_000);
    expect(await world.store.parking.list()).to.have.length(1);
    broken = false;
    seen.length = 0;
    await world.store.parking.retry({ all: true });
    await world.clock.advance(0);
    expect(keys()).to.deep.equal(['r/item.update:1:1/work/1']);
    expect(seen[0]?.event.source).to.equal('replay');
    expect(await world.store.parking.list()).to.deep.equal([]);
  });
});

describe('A halted rule', () => {
  const halting = [makeStep('work', { delivery: { ...POLICY, attempts: 1, whenExhausted: 'halt' } })];

  it('goes on when its parked runs are asked for, also when there are none', async () => {
    let broken = true;
    const { step, seen } = witness(() => {
      if (broken) throw new Error('no');
      return undefined;
    });
    const world = await new World({
      rules: [makeRule('r', { steps: halting, concurrency: 2 })],
      work: { work: step },
    }).start();
    await world.append(itemUpdate(1), itemUpdate(2), itemUpdate(3));
    expect(world.dispatcher.status()[0]).to.include({ state: 'halted' });
    const tries = seen.length;
    await world.store.parking.retry({ rule: 'other' });
    await world.clock.advance(60_000);
    expect(seen).to.have.length(tries);
    await world.store.parking.retry({ rule: 'r' });
    await world.clock.advance(0);
    expect(world.dispatcher.status()[0]).to.include({ state: 'halted' });
    expect(seen.length).to.be.above(tries);
    broken = false;
    await world.store.parking.retry({ all: true });
    await world.clock.advance(0);
    expect(world.dispatcher.status()[0]).to.include({ state: 'running' });
    expect((await world.runs()).map(([, , outcome]) => outcome)).to.deep.equal(Array(3).fill('settled'));
  });
});
