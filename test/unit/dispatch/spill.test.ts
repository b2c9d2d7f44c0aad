import { expect } from 'chai';
import { itemUpdate, makeRule, makeStep, POLICY, type Work, World } from './support.ts';

const many = (item: number, count: number, from = 1) =>
  Array.from({ length: count }, (_, n) => itemUpdate(item, from + n));

/** Item 1 fails until it is mended; all that completes is kept in order. */
function trouble() {
  const completed: string[] = [];
  const state = { broken: true };
  const work: Work = ({ event }) => {
    if (event.itemId === 1 && state.broken) throw new Error('no');
    completed.push(event.id);
    return undefined;
  };
  const of = (item: number) => completed.filter(id => id.startsWith(`item.update:${item}:`));
  return { completed, state, work, of };
}

const ids = (item: number, count: number, from = 1) => many(item, count, from).map(({ id }) => id);
const LIMITS = { entries: 100, bytes: 1_000_000, chain: 8 };

describe('An item that gets nowhere', () => {
  it('leaves the others of its rule their room, and comes after in its own order', async () => {
    const { state, work, of } = trouble();
    const world = await new World({ rules: [makeRule('r')], work: { work } }).start();
    await world.append(...many(1, 3000));
    await world.append(...many(2, 500));
    await world.append(...many(1, 500, 3001));
    await world.append(...many(3, 500));
    await world.clock.advance(10);
    expect([of(2), of(3)]).to.deep.equal([ids(2, 500), ids(3, 500)]);
    expect(await world.cursor('r')).to.equal(0);
    expect(world.dispatcher.status()[0]).to.include({ position: 4500 });
    state.broken = false;
    await world.clock.advance(60_000);
    expect(of(1)).to.deep.equal(ids(1, 3500));
    await world.clock.advance(2000);
    expect(await world.cursor('r')).to.equal(4500);
  });

  it('is not forgotten over restarts, nor is anything of it run twice', async () => {
    const { state, work, of } = trouble();
    const world = await new World({ rules: [makeRule('r')], work: { work }, limits: LIMITS }).start();
    await world.append(...many(1, 100));
    await world.append(...many(2, 100));
    await world.crash();
    await world.append(...many(1, 100, 101), ...many(2, 100, 101));
    await world.clock.advance(10);
    expect(of(2)).to.deep.equal(ids(2, 200));
    state.broken = false;
    await world.clock.advance(1500);
    await world.crash();
    await world.clock.advance(120_000);
    expect([of(1), of(2)]).to.deep.equal([ids(1, 200), ids(2, 200)]);
    expect(await world.runs()).to.have.length(400);
    await world.clock.advance(2000);
    expect(await world.cursor('r')).to.equal(400);
  });

  it('may get stuck again and again, in step with what comes', async () => {
    const { state, work, of } = trouble();
    const delivery = { ...POLICY, backoff: { fromMs: 100, toMs: 100 } };
    const world = await new World({
      rules: [makeRule('r', { steps: [makeStep('work', { delivery })] })],
      work: { work },
      limits: LIMITS,
    }).start();
    for (let round = 0; round < 40; round++) {
      state.broken = round % 3 !== 2;
      await world.append(...many(1, round % 7, 1000 * round), itemUpdate(2, round + 1));
      await world.clock.advance(round % 2 ? 30 : 120);
    }
    state.broken = false;
    await world.clock.advance(10_000);
    const wanted = Array.from({ length: 40 }, (_, round) => ids(1, round % 7, 1000 * round)).flat();
    expect(of(1)).to.deep.equal(wanted);
    expect(of(2)).to.deep.equal(ids(2, 40));
    expect(await world.cursor('r')).to.equal(world.store.journal.head());
  });

  it('loses nothing to a stop while it is read again', async () => {
    const { state, work: done, of } = trouble();
    state.broken = false;
    const work: Work = async (task, rule) => {
      // The stop waits for this one.
      if (task.event.itemId === 2) await new Promise<void>(resolve => world.clock.after(500, resolve));
      return done(task, rule);
    };
    const answer = Promise.withResolvers<void>();
    const world = await new World({
      rules: [makeRule('r')],
      work: { work },
      limits: { ...LIMITS, chain: 2 },
      wrap: store => ({
        ...store,
        journal: {
          ...store.journal,
          async read(query) {
            const page = await store.journal.read(query);
            if (query.itemId !== undefined) await answer.promise;
            return page;
          },
        },
      }),
    }).start();
    await world.append(itemUpdate(2, 1), ...many(1, 6));
    expect(of(1)).to.deep.equal(ids(1, 2));
    const stopped = world.dispatcher.stop(1000);
    answer.resolve();
    await world.clock.advance(2000);
    await stopped;
    expect(await world.cursor('r')).to.equal(3);
    await world.crash({ wrap: store => store });
    expect(of(1)).to.deep.equal(ids(1, 6));
  });
});
