import { expect } from 'chai';
import { StoreError } from '../../../src/core/errors.ts';
import type { Rule } from '../../../src/core/rule.ts';
import {
  exchange,
  itemUpdate,
  makeRule,
  makeStep,
  POLICY,
  rest,
  succeed,
  type Work,
  World,
} from './support.ts';

describe('rules in place of others', () => {
  it('leave a kept rule alone: what it has in hand goes on', async () => {
    const gate = Promise.withResolvers<void>();
    const begun: string[] = [];
    const work: Work = async (task, rule) => {
      begun.push(`${rule} ${task.event.seq}`);
      await gate.promise;
      return undefined;
    };
    const kept = makeRule('kept');
    const world = await new World({ rules: [kept, makeRule('edited')], work: { work } }).start();
    await world.append(itemUpdate(1));
    expect(begun).to.deep.equal(['kept 1', 'edited 1']);
    // What the edited one has in hand is cut off, and begun again.
    expect(await exchange(world, [kept, makeRule('edited', { fingerprint: 'f2' })], 'kept')).to.equal(1);
    expect(begun).to.deep.equal(['kept 1', 'edited 1', 'edited 1']);
    gate.resolve();
    await world.clock.advance(0);
    expect(await world.runs()).to.deep.equal([
      ['edited', 1, 'settled'],
      ['kept', 1, 'settled'],
    ]);
  });

  it('go on with runs that wait: by the tries that were made, or from the beginning with other steps', async () => {
    for (const [fingerprint, attempts] of [
      ['f1', 2],
      ['f2', 1],
    ] as const) {
      let fails = true;
      const tried: number[] = [];
      const work: Work = async () => {
        tried.push(1);
        if (fails) throw new Error('not now');
        return undefined;
      };
      const world = await new World({ rules: [makeRule('r')], work: { work } }).start();
      await world.append(itemUpdate(1));
      fails = false;
      await exchange(world, [makeRule('r', { fingerprint, concurrency: 2 })]);
      await world.clock.advance(60_000);
      const [listed] = await world.store.journal.list({});
      expect(listed?.runs.map(({ outcome, steps }) => [outcome, steps[0]?.attempts])).to.deep.equal([
        ['settled', attempts],
      ]);
      expect(tried).to.have.length(2);
    }
  });

  it('begin at the same place where they are new, and run nothing any more where they are gone', async () => {
    const world = await new World({ rules: [makeRule('gone')] }).start();
    await world.append(itemUpdate(1), itemUpdate(2));
    await exchange(world, [makeRule('a', { startAt: 'head' }), makeRule('b', { startAt: 'head' })]);
    await world.append(itemUpdate(3));
    expect(await world.runs()).to.deep.equal([
      ['gone', 1, 'settled'],
      ['gone', 2, 'settled'],
      ['a', 3, 'settled'],
      ['b', 3, 'settled'],
    ]);
    expect(world.dispatcher.status().map(({ rule }) => rule)).to.deep.equal(['a', 'b']);
    expect(await world.dispatcher.replay({ rule: 'gone', from: { seq: 1 }, dryRun: true })).to.equal(
      undefined,
    );
    expect((await world.dispatcher.replay({ rule: 'a', from: { seq: 1 }, dryRun: true }))?.events).to.equal(
      3,
    );
  });

  it('get what comes while what is in hand ends, and those that leave do not: all is by one position', async () => {
    const gate = Promise.withResolvers<void>();
    const work: Work = async (_task, rule) => {
      if (rule !== 'kept') await gate.promise;
      return undefined;
    };
    const one = makeRule('one', { concurrency: 1 });
    const world = await new World({
      rules: [makeRule('kept'), one, makeRule('edited')],
      work: { work },
    }).start();
    await world.append(itemUpdate(1), itemUpdate(2));
    const other = makeRule('other', { startAt: 'head' });
    const succession = succeed(
      world,
      [makeRule('kept'), makeRule('edited', { fingerprint: 'f2' }), other],
      ['kept'],
    );
    const drained = succession.drain(1000, new AbortController().signal);
    await world.append(itemUpdate(3));
    gate.resolve();
    expect(await world.clock.until(drained)).to.deep.equal({ cutOff: 0, position: 2 });
    await world.append(itemUpdate(4));
    await world.clock.until(succession.takeOver(new AbortController().signal));
    await world.clock.advance(0);
    const runs = (await world.runs()).map(([rule, seq]) => `${rule} ${seq}`).sort();
    expect(runs).to.deep.equal([
      ...[1, 2, 3, 4].map(seq => `edited ${seq}`),
      ...[1, 2, 3, 4].map(seq => `kept ${seq}`),
      'one 1',
      'other 3',
      'other 4',
    ]);
    // The second was its own, and it had not come to it.
    const left = (await world.store.lanes.status()).find(({ rule }) => rule === 'one')?.left;
    expect(left).to.deep.equal({ begun: 0, behind: 1, at: 2 });
  });

  it('halt no more for what was mended', async () => {
    let fails = true;
    const work: Work = async () => {
      if (fails) throw new Error('broken');
      return undefined;
    };
    const halting = (attempts: number) =>
      makeStep('work', {
        delivery: {
          attempts,
          retryForMs: 1000,
          backoff: { fromMs: 1, toMs: 1 },
          deadlineMs: 1000,
          whenExhausted: 'halt',
        },
      });
    const world = await new World({
      rules: [makeRule('r', { steps: [halting(1)] })],
      work: { work },
    }).start();
    await world.append(itemUpdate(1));
    expect(world.dispatcher.status()[0]?.state).to.equal('halted');
    fails = false;
    await exchange(world, [makeRule('r', { steps: [halting(1)], fingerprint: 'f2' })]);
    expect(await world.runs()).to.deep.equal([['r', 1, 'settled']]);
  });

  it('try a plugin anew that no kept rule uses, and wait for one that others know to fail', async () => {
    let fails = true;
    const tried: string[] = [];
    const work: Work = async (_task, rule) => {
      tried.push(rule);
      if (fails) throw new Error('away');
      return undefined;
    };
    const rules = [makeRule('a'), makeRule('b')];
    const world = await new World({ rules, work: { work } }).start();
    for (let item = 1; item <= 6; item++) await world.append(itemUpdate(item));
    const state = () => world.dispatcher.breakers().map(one => `${one.plugin} ${one.state}`);
    expect(state()).to.deep.equal(['work open']);
    await exchange(world, [makeRule('a'), makeRule('b', { fingerprint: 'f2' })], 'a');
    expect(state()).to.deep.equal(['work open']);
    fails = false;
    tried.length = 0;
    await exchange(world, [makeRule('a', { fingerprint: 'f3' })]);
    expect(state()).to.deep.equal(['work closed']);
    expect(tried).to.deep.equal(Array(6).fill('a'));
    await exchange(world, [makeRule('c', { steps: [makeStep('other')] })]);
    expect(state()).to.deep.equal(['other closed']);
  });

  it('say of a plugin that it works only once it has worked for them', async () => {
    let fails = false;
    const work: Work = async () => {
      if (fails) throw new Error('away');
      return undefined;
    };
    const world = await new World({ rules: [makeRule('a')], work: { work } }).start();
    await world.append(itemUpdate(1));
    expect(world.dispatcher.breakers()[0]?.hasWorked).to.equal(true);
    fails = true;
    for (let item = 2; item <= 7; item++) await world.append(itemUpdate(item));
    expect(world.dispatcher.breakers()[0]?.state).to.equal('open');
    // With nothing to try it on: what has failed goes with its rule.
    await exchange(world, [makeRule('b', { startAt: 'head' })]);
    // Closed, since it is to be tried; that is no reason to call an alarm off.
    expect(world.dispatcher.breakers()).to.deep.equal([{ plugin: 'work', state: 'closed' }]);
    fails = false;
    await world.append(itemUpdate(8));
    expect(world.dispatcher.breakers()[0]?.hasWorked).to.equal(true);
  });

  it('stay paused, and those that are new too', async () => {
    const world = await new World({ rules: [makeRule('r')] }).start();
    await world.store.pauses.pause({ kind: 'rule', name: 'r' });
    await world.store.pauses.pause({ kind: 'rule', name: 'new' });
    await world.clock.advance(0);
    const rules = [makeRule('r', { fingerprint: 'f2' }), makeRule('new')];
    await exchange(world, rules);
    await world.append(itemUpdate(1));
    expect(await world.runs()).to.deep.equal([]);
    expect(world.dispatcher.status().map(({ state }) => state)).to.deep.equal(['paused', 'paused']);
    await world.store.pauses.resume({ kind: 'rule', name: 'new' });
    await world.clock.advance(0);
    expect(await world.runs()).to.deep.equal([['new', 1, 'settled']]);
  });

  it('do not come where their plugins can not be set up, or somebody stops waiting for that', async () => {
    const world = await new World({ rules: [makeRule('r')] }).start();
    const failing = Promise.reject(new Error('no'));
    failing.catch(() => {});
    const refused = succeed(world, [makeRule('r', { fingerprint: 'f2' })], [], failing);
    expect(await refused.ready(new AbortController().signal).catch(error => error.message)).to.equal('no');
    await world.clock.until(refused.abandon());
    await world.append(itemUpdate(1));
    expect(await world.runs()).to.deep.equal([['r', 1, 'settled']]);
  });

  it('leave nothing behind where they are given up', async () => {
    const world = await new World({ rules: [makeRule('r')] }).start();
    const before = world.dispatcher.breakers();
    const other = makeRule('new', { steps: [makeStep('other')] });
    await world.clock.until(succeed(world, [makeRule('r', { fingerprint: 'f2' }), other], []).abandon());
    expect(world.dispatcher.breakers()).to.deep.equal(before);
    await world.append(itemUpdate(1));
    expect(await world.runs()).to.deep.equal([['r', 1, 'settled']]);
  });

  it('wait for a store that can not write, but no longer than they are wanted', async () => {
    let asked = 0;
    const world = await new World({
      rules: [makeRule('r')],
      wrap: store => ({
        ...store,
        lanes: {
          ...store.lanes,
          acquire(part, startAt) {
            if (asked++ === 0) return store.lanes.acquire(part, startAt);
            return Promise.reject(new StoreError('STORE_WRITE_FAILED', 'full'));
          },
        },
      }),
    }).start();
    const succession = succeed(world, [makeRule('r', { fingerprint: 'f2' })], []);
    await world.clock.until(succession.drain(1000, new AbortController().signal));
    const wanted = new AbortController();
    const taken = succession.takeOver(wanted.signal);
    await world.clock.advance(60_000);
    expect(asked).to.be.greaterThan(3);
    wanted.abort();
    expect(await world.clock.until(taken)).to.equal(false);
  });

  it('find no run guilty for lanes whose end a full disk did not take, however often', async () => {
    let isFull = false;
    const step = makeStep('work', { delivery: { ...POLICY, deadlineMs: 3_600_000 } });
    const slow = (fingerprint: string): Rule => makeRule('r', { steps: [step], fingerprint });
    const world = await new World({
      rules: [slow('f0')],
      work: { work: () => new Promise(() => {}) },
      wrap: store => ({
        ...store,
        lanes: {
          ...store.lanes,
          release: (lease, cursor) =>
            isFull
              ? Promise.reject(new StoreError('STORE_WRITE_FAILED', 'full'))
              : store.lanes.release(lease, cursor),
        },
      }),
    }).start();
    await world.append(itemUpdate(1));
    await world.crash();
    for (let n = 0; n < 5; n++) {
      // By then it is alone in hand, with a mark.
      await world.clock.advance(10_000);
      isFull = true;
      world.clock.after(5000, () => {
        isFull = false;
      });
      expect(await exchange(world, [slow(`f${n + 1}`)])).to.equal(1);
    }
    expect(await world.store.parking.list({})).to.deep.equal([]);
    const [lane] = await world.store.lanes.status();
    expect(lane).to.deep.include({ rule: 'r', lag: 1 });
  });

  it('do not begin where the dispatcher is stopped in between, and the next start goes on', async () => {
    const world = await new World({ rules: [makeRule('r')] }).start();
    const succession = succeed(world, [makeRule('r', { fingerprint: 'f2' })], []);
    await world.clock.until(succession.drain(1000, new AbortController().signal));
    await world.store.journal.append([itemUpdate(1)]);
    await world.clock.until(world.dispatcher.stop(1000));
    expect(await world.clock.until(succession.takeOver(new AbortController().signal))).to.equal(false);
    await rest();
    expect(await world.runs()).to.deep.equal([]);
    await world.crash();
    expect(await world.runs()).to.deep.equal([['r', 1, 'settled']]);
  });
});
