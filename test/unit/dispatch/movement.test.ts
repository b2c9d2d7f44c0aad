// What the watchdog asks the lanes: podiod's own work must get on, whatever plugins do.
import { expect } from 'chai';
import { NEVER } from 'rxjs';
import { APP, itemUpdate, makeRule, World, type WorldOptions } from './support.ts';

/** Whether the lanes answer within a minute. */
async function answers(world: World): Promise<boolean> {
  let hasAnswered = false;
  void world.dispatcher.probe().then(() => {
    hasAnswered = true;
  });
  await world.clock.advance(60_000);
  return hasAnswered;
}

const start = (options: Partial<WorldOptions>) => new World({ rules: [makeRule('r')], ...options }).start();

const hang = () => new Promise<never>(() => {});

describe('the probe of the lanes', () => {
  it('answers where there is nothing to do, and where everything is done', async () => {
    const world = await start({});
    expect(await answers(world)).to.equal(true);
    await world.append(itemUpdate(1), itemUpdate(2));
    expect(await answers(world)).to.equal(true);
  });

  it('answers while a plugin takes its time, fails or is not set up', async () => {
    const busy = await start({ work: { work: hang } });
    await busy.append(...Array.from({ length: 200 }, (_, item) => itemUpdate(item + 1)));
    expect(await answers(busy)).to.equal(true);

    const failing = await start({ work: { work: () => Promise.reject(new Error('no')) } });
    await failing.append(itemUpdate(1));
    expect(await answers(failing)).to.equal(true);

    const unready = await start({ ready: hang() });
    await unready.append(itemUpdate(1));
    expect(await answers(unready)).to.equal(true);
  });

  it('does not come back where the end of a run is never written', async () => {
    const world = await start({
      wrap: store => ({ ...store, lanes: { ...store.lanes, finish: hang } }),
    });
    expect(await answers(world)).to.equal(true);
    await world.append(itemUpdate(1));
    expect(await answers(world)).to.equal(false);
  });

  it('does not come back where a lane has not noticed what was appended', async () => {
    const world = await start({ wrap: store => ({ ...store, changes$: NEVER }) });
    expect(await answers(world)).to.equal(true);
    await world.append(itemUpdate(1));
    expect(await answers(world)).to.equal(false);
  });

  it('does not come back where a lane was lost, in work or at rest: only a new process has it again', async () => {
    const world = await start({ rules: [makeRule('r'), makeRule('q')], work: { work: hang } });
    await world.append(itemUpdate(1));
    expect(await answers(world)).to.equal(true);
    await world.store.lanes.acquire({ rule: 'r', shard: 0, of: 1 }, 'head');
    await world.clock.advance(0);
    expect(await answers(world)).to.equal(false);
    // Nothing else is wrong, and there is nothing to do.
    const idle = await start({});
    await idle.store.lanes.acquire({ rule: 'r', shard: 0, of: 1 }, 'head');
    await idle.append(itemUpdate(1));
    expect(await answers(idle)).to.equal(false);
  });

  it('answers while all rules wait for one that may be what ended the process', async () => {
    const rules = [makeRule('r'), makeRule('q', { triggers: [{ ...APP, apps: ['deals'] }] })];
    const world = await start({ rules, work: { work: hang } });
    await world.append(itemUpdate(1));
    for (let life = 0; life < 3; life++) {
      await world.crash();
      await world.clock.advance(10_000);
    }
    await world.append(itemUpdate(2), { ...itemUpdate(3), app: 'deals', ref: { type: 'app', id: 102 } });
    expect(world.dispatcher.status().map(({ inHand }) => inHand)).to.deep.equal([1, 0]);
    expect(await answers(world)).to.equal(true);
  });

  it('answers for lanes that have stopped', async () => {
    const world = await start({ wrap: store => ({ ...store, changes$: NEVER }) });
    await world.append(itemUpdate(1));
    await world.dispatcher.stop(0);
    expect(await answers(world)).to.equal(true);
  });
});
