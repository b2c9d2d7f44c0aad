import { expect } from 'chai';
import fc from 'fast-check';
import { itemUpdate, listeningLog, makeRule, makeStep, POLICY, type Work, World } from './support.ts';

const hang = () => new Promise<never>(() => {});

/** What happened in each life: the items started, in order, and how many at the same time at most. */
function witness(steps: { poison?: ReadonlySet<number>; ms?: (item: number) => number }) {
  const lives: { started: number[]; together: number }[] = [];
  let inHand = 0;
  let dying = false;
  let world: World;
  const work: Work = async ({ event }) => {
    const life = lives.at(-1);
    const item = event.itemId ?? 0;
    if (life === undefined || dying) return hang();
    life.started.push(item);
    life.together = Math.max(life.together, ++inHand);
    if (steps.poison?.has(item)) {
      dying = true;
      return hang();
    }
    const ms = steps.ms?.(item) ?? 0;
    if (ms > 0) await new Promise<void>(resolve => world.clock.after(ms, resolve));
    if (life !== lives.at(-1)) return hang();
    inHand--;
    return undefined;
  };
  return {
    work,
    lives,
    begin(of: World) {
      world = of;
      inHand = 0;
      dying = false;
      lives.push({ started: [], together: 0 });
    },
    isDying: () => dying,
  };
}

const outcomes = async (world: World) =>
  new Map((await world.runs()).map(([, seq, outcome]) => [seq, outcome]));

describe('Caution', () => {
  it('finds the event that ends the process, and parks that one alone', async () => {
    const seen = witness({ poison: new Set([7]), ms: () => 10 });
    const { log, lines } = listeningLog();
    const world = new World({ rules: [makeRule('r', { concurrency: 4 })], work: { work: seen.work }, log });
    await world.store.journal.append(Array.from({ length: 12 }, (_, n) => itemUpdate(n + 1)));
    seen.begin(world);
    await world.start();
    for (let life = 1; life < 8 && (await world.runs()).length < 12; life++) {
      await world.clock.advance(30_000);
      if (!seen.isDying()) continue;
      seen.begin(world);
      await world.crash();
    }
    const found = await outcomes(world);
    expect(found.get(7)).to.equal('parked');
    expect([...found.values()].filter(outcome => outcome === 'settled')).to.have.length(11);
    const [parked] = await world.store.parking.list();
    expect(parked).to.include({
      step: 'work',
      attempts: 3,
      error: 'podiod ended 3 times while this event alone was in hand',
    });
    // Once among others, and then three times alone.
    expect(seen.lives.filter(({ started }) => started.includes(7))).to.have.length(4);
    expect(lines.filter(({ level }) => level === 'error')).to.have.length(1);
  });

  it('runs all else first, so that one poisonous event holds nobody back', async () => {
    const seen = witness({ poison: new Set([1]) });
    const world = new World({ rules: [makeRule('r', { concurrency: 4 })], work: { work: seen.work } });
    await world.store.journal.append(Array.from({ length: 9 }, (_, n) => itemUpdate(n + 1)));
    seen.begin(world);
    await world.start();
    seen.begin(world);
    await world.crash();
    expect(seen.isDying()).to.equal(true);
    seen.begin(world);
    await world.crash();
    expect((await outcomes(world)).size).to.equal(8);
    expect(seen.isDying()).to.equal(false);
    await world.append(itemUpdate(20));
    expect((await outcomes(world)).get(10)).to.equal('settled');
    await world.clock.advance(2000);
    expect(seen.isDying()).to.equal(true);
  });

  it('goes on at full concurrency once all that may have been in hand has had its try', async () => {
    const seen = witness({ ms: () => 1000 });
    const world = new World({ rules: [makeRule('r', { concurrency: 4 })], work: { work: seen.work } });
    seen.begin(world);
    await world.start();
    await world.append(itemUpdate(1), itemUpdate(2));
    seen.begin(world);
    await world.crash();
    await world.append(...[3, 4, 5, 6, 7].map(item => itemUpdate(item)));
    await world.clock.advance(500);
    expect(seen.lives.at(-1)).to.deep.equal({ started: [1], together: 1 });
    await world.clock.advance(10_000);
    expect(seen.lives.at(-1)?.together).to.equal(4);
    expect((await outcomes(world)).size).to.equal(7);
  });

  it('does not slow down a start after a clean stop', async () => {
    const seen = witness({ ms: () => 1000 });
    const world = new World({ rules: [makeRule('r', { concurrency: 4 })], work: { work: seen.work } });
    seen.begin(world);
    await world.start();
    await world.append(...[1, 2, 3, 4, 5, 6].map(item => itemUpdate(item)));
    const stopped = world.dispatcher.stop(100);
    await world.clock.advance(5000);
    await stopped;
    seen.begin(world);
    await world.crash();
    expect(seen.lives.at(-1)?.together).to.equal(4);
  });

  it('does not suspect what waits for its next try', async () => {
    const failing: Work = () => {
      throw new Error('no');
    };
    const steps = [makeStep('work', { delivery: { ...POLICY, backoff: { fromMs: 60_000, toMs: 60_000 } } })];
    const world = new World({ rules: [makeRule('r', { steps })], work: { work: failing } });
    await world.start();
    await world.append(itemUpdate(1));
    for (let life = 0; life < 6; life++) {
      await world.crash();
      await world.clock.advance(100);
    }
    expect(world.dispatcher.status()[0]).to.include({ waiting: 1 });
    expect(await world.store.parking.list()).to.deep.equal([]);
    await world.append(itemUpdate(2), itemUpdate(3), itemUpdate(4));
    expect(world.dispatcher.status()[0]).to.include({ waiting: 4, inHand: 0 });
  });

  it('parks a retried run again that ends the process', async () => {
    const seen = witness({ poison: new Set([1]) });
    const world = new World({ rules: [makeRule('r')], work: { work: seen.work } });
    await world.store.journal.append([itemUpdate(1)]);
    const live = async () => {
      seen.begin(world);
      await world.crash();
      await world.clock.advance(10_000);
    };
    for (let life = 0; life < 5; life++) await live();
    expect(await world.store.parking.list()).to.have.length(1);
    await world.store.parking.retry({ all: true });
    await world.clock.advance(0);
    expect(seen.isDying()).to.equal(true);
    for (let life = 0; life < 4; life++) await live();
    expect(seen.isDying()).to.equal(false);
    expect((await world.store.parking.list()).map(({ attempts }) => attempts)).to.deep.equal([3]);
  });

  it('parks no innocent of another rule, which is in hand whenever the guilty one is tried', async () => {
    const seen = witness({ poison: new Set([1]), ms: () => 500 });
    const guilty: Work = async (task, rule) => {
      await new Promise<void>(resolve => world.clock.after(50, resolve));
      return seen.work(task, rule);
    };
    const innocent: Work = ({ event, ...task }, rule) =>
      seen.work({ ...task, event: { ...event, itemId: 1000 + event.seq } }, rule);
    const world = new World({
      rules: ['a', 'b', 'c'].map(name =>
        makeRule(name, { steps: [makeStep(name === 'b' ? 'guilty' : 'innocent')] }),
      ),
      work: { guilty, innocent },
    });
    await world.store.journal.append([itemUpdate(1), itemUpdate(2)]);
    seen.begin(world);
    await world.start();
    for (let life = 0; life < 8 && (await world.runs()).length < 6; life++) {
      await world.clock.advance(30_000);
      if (!seen.isDying()) continue;
      seen.begin(world);
      await world.crash();
    }
    const runs = await world.runs();
    expect(runs).to.have.length(6);
    expect(runs.filter(([, , outcome]) => outcome !== 'settled')).to.deep.equal([['b', 1, 'parked']]);
  });

  it('parks no innocent under quick kills, and the guilty one only, whatever the schedule', async function () {
    this.timeout(60_000);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(1900), { minLength: 20, maxLength: 20 }),
        fc.array(fc.nat(1500), { minLength: 4, maxLength: 30 }),
        fc.option(fc.nat(3), { nil: undefined }),
        async (kills, ms, guilty) => {
          const poison = new Set(guilty === undefined ? [] : [guilty + 1]);
          const seen = witness({ poison, ms: item => ms[(item - 1) % ms.length] ?? 0 });
          const world = new World({ rules: [makeRule('r', { concurrency: 3 })], work: { work: seen.work } });
          await world.store.journal.append(ms.map((_, n) => itemUpdate(n + 1)));
          seen.begin(world);
          await world.start();
          for (const at of kills) {
            await world.clock.advance(at);
            seen.begin(world);
            await world.crash();
          }
          expect(await world.store.parking.list()).to.deep.equal([]);
          for (let life = 0; life < 8 && (await world.runs()).length < ms.length; life++) {
            await world.clock.advance(100_000);
            if (!seen.isDying()) continue;
            seen.begin(world);
            await world.crash();
          }
          const found = await outcomes(world);
          expect([...found].filter(([, outcome]) => outcome === 'parked').map(([seq]) => seq)).to.deep.equal([
            ...poison,
          ]);
          expect(found.size).to.equal(ms.length);
        },
      ),
      { numRuns: 40 },
    );
  });
});
