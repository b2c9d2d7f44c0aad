import { expect } from 'chai';
import type { Pausable } from '../../../src/store/contract.ts';
import { itemUpdate, listeningLog, makeRule, makeStep, POLICY, World } from './support.ts';

const DAY = 86_400_000;
const RULE: Pausable = { kind: 'rule', name: 'r' };
const PLUGIN: Pausable = { kind: 'plugin', name: 'slack' };

/** A rule with one step by the plugin, which notes the seq of each try and may fail. */
function makeWorld(
  but: {
    attempts?: number;
    retryForMs?: number;
    entries?: number;
    log?: ReturnType<typeof listeningLog>;
  } = {},
) {
  const tried: number[] = [];
  const state = { fails: false, gate: undefined as Promise<void> | undefined };
  const delivery = {
    ...POLICY,
    ...(but.attempts !== undefined && { attempts: but.attempts }),
    ...(but.retryForMs !== undefined && { retryForMs: but.retryForMs }),
  };
  const world = new World({
    rules: [makeRule('r', { steps: [makeStep('tell', { plugin: 'slack', delivery })], concurrency: 1 })],
    work: {
      tell: async ({ event }) => {
        tried.push(event.seq);
        await state.gate;
        if (state.fails) throw new Error('no');
        return undefined;
      },
    },
    ...(but.entries !== undefined && { limits: { entries: but.entries, bytes: 1e9, chain: 64 } }),
    ...(but.log && { log: but.log.log }),
  });
  const change = async (what: Pausable, to: 'pause' | 'resume') => {
    await world.store.pauses[to](what);
    await world.dispatcher.pausesSeen();
    await world.clock.advance(0);
  };
  return {
    world,
    tried,
    state,
    pause: (what: Pausable) => change(what, 'pause'),
    resume: (what: Pausable) => change(what, 'resume'),
  };
}

const rule = (world: World) => world.dispatcher.status()[0];

describe('A pause', () => {
  it('of a rule lets what is in hand finish, starts nothing more, and ends in the order of the events', async () => {
    const { world, tried, state, pause, resume } = makeWorld();
    await world.start();
    let open = () => {};
    state.gate = new Promise(resolve => {
      open = resolve;
    });
    await world.append(itemUpdate(1, 1), itemUpdate(2, 1));
    expect(tried).to.deep.equal([1]);
    await pause(RULE);
    open();
    await world.clock.advance(0);
    await world.append(itemUpdate(1, 2), itemUpdate(3, 1));
    expect(await world.runs()).to.deep.equal([['r', 1, 'settled']]);
    expect(rule(world)).to.include({ state: 'paused', pausedSince: '2026-01-01T00:00:00.000Z', inHand: 0 });
    expect(await world.dispatcher.probe()).to.equal(undefined);
    await resume(RULE);
    expect(tried).to.deep.equal([1, 2, 3, 4]);
    expect(rule(world)).to.include({ state: 'running' }).and.not.have.property('pausedSince');
    await world.clock.advance(2000);
    expect(await world.cursor('r')).to.equal(4);
  });

  for (const what of [RULE, PLUGIN]) {
    it(`of a ${what.kind} outlives the process, and loses and repeats nothing`, async () => {
      const { world, tried, pause, resume } = makeWorld();
      await world.start();
      await pause(what);
      await world.append(itemUpdate(1, 1), itemUpdate(1, 2), itemUpdate(2, 1));
      await world.clock.advance(2 * DAY);
      await world.crash();
      await world.append(itemUpdate(3, 1));
      await world.clock.advance(2 * DAY);
      await world.crash();
      expect(tried).to.deep.equal([]);
      await resume(what);
      expect([...tried].sort()).to.deep.equal([1, 2, 3, 4]);
      expect(tried.indexOf(1)).to.be.below(tried.indexOf(2));
      expect((await world.runs()).map(([, , outcome]) => outcome)).to.deep.equal(Array(4).fill('settled'));
    });

    it(`of a ${what.kind} is no time of its retries and none of their attempts`, async () => {
      const { world, tried, state, pause, resume } = makeWorld({ attempts: 3, retryForMs: 10_000 });
      await world.start();
      state.fails = true;
      await world.append(itemUpdate(1, 1));
      await world.clock.advance(500);
      await pause(what);
      await world.clock.advance(DAY);
      expect(tried).to.deep.equal([1]);
      await world.crash();
      await world.clock.advance(DAY);
      expect(tried).to.deep.equal([1]);
      await resume(what);
      await world.clock.advance(1000);
      // Had the days counted, this failure would have been the last.
      expect(tried).to.deep.equal([1, 1]);
      expect(await world.runs()).to.deep.equal([]);
      await pause(what);
      await world.clock.advance(DAY);
      state.fails = false;
      await resume(what);
      await world.clock.advance(2000);
      expect(tried).to.deep.equal([1, 1, 1]);
      expect(await world.runs()).to.deep.equal([['r', 1, 'settled']]);
    });

    it(`of a ${what.kind} makes retries of parked runs and replays wait`, async () => {
      const { world, tried, state, pause, resume } = makeWorld({ attempts: 1 });
      await world.start();
      state.fails = true;
      await world.append(itemUpdate(1, 1));
      state.fails = false;
      await world.append(itemUpdate(2, 1));
      await pause(what);
      await world.store.parking.retry({ rule: 'r' });
      await world.dispatcher.replay({ rule: 'r', from: { seq: 2 }, dryRun: false });
      await world.clock.advance(2 * DAY);
      expect(tried).to.deep.equal([1, 2]);
      await world.crash();
      await world.clock.advance(1000);
      expect(tried).to.deep.equal([1, 2]);
      await resume(what);
      await world.clock.advance(1000);
      expect([...tried].sort()).to.deep.equal([1, 1, 2, 2]);
      expect(await world.store.parking.list()).to.deep.equal([]);
      expect(await world.store.replays.list()).to.deep.equal([]);
    });

    it(`of a ${what.kind} leaves in the journal what it has no room for`, async () => {
      const { world, tried, pause, resume } = makeWorld({ entries: 50 });
      await world.start();
      await pause(what);
      await world.append(...Array.from({ length: 500 }, (_, n) => itemUpdate(n + 1, 1)));
      await world.clock.advance(DAY);
      expect(rule(world)?.position).to.be.at.most(60);
      await resume(what);
      await world.clock.advance(2000);
      expect([...tried].sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 500 }, (_, n) => n + 1));
      expect(await world.cursor('r')).to.equal(500);
    });

    it(`of a ${what.kind} and its end have a line each in the log, after a restart too`, async () => {
      const log = listeningLog();
      const { world, pause, resume } = makeWorld({ log });
      await world.start();
      await pause(what);
      await pause(what);
      await world.crash();
      await resume(what);
      const { kind } = what;
      expect(
        log.lines.map(({ message }) => message).filter(text => /paused|resumed/.test(text)),
      ).to.deep.equal([`${kind} paused`, `${kind} paused`, `${kind} resumed`]);
    });
  }

  it('of a plugin that keeps failing tries nothing, and does not use up the time that an outage may take', async () => {
    const { world, tried, state, pause, resume } = makeWorld();
    await world.start();
    state.fails = true;
    await world.append(...[1, 2, 3, 4, 5, 6].map(item => itemUpdate(item, 1)));
    await world.clock.advance(5000);
    expect(world.dispatcher.breakers()[0]).to.include({ plugin: 'slack', state: 'open' });
    await pause(PLUGIN);
    const before = tried.length;
    await world.clock.advance(5 * DAY);
    expect(tried).to.have.length(before);
    expect(world.dispatcher.breakers()[0]).to.include({
      state: 'open',
      pausedSince: '2026-01-01T00:00:05.000Z',
    });
    await resume(PLUGIN);
    await world.clock.advance(1000);
    // Each of them had its day before: one that was over would be tried by itself, and park.
    expect(tried).to.have.length(before + 1);
    state.fails = false;
    await world.clock.advance(120_000);
    expect((await world.runs()).map(([, , outcome]) => outcome)).to.deep.equal(Array(6).fill('settled'));
    expect(world.dispatcher.breakers()).to.deep.equal([
      { plugin: 'slack', state: 'closed', hasWorked: true },
    ]);
  });

  it('of a plugin holds the step that uses it and no other rule', async () => {
    const done: string[] = [];
    const note = (name: string) => () => {
      done.push(name);
      return undefined;
    };
    const world = new World({
      rules: [
        makeRule('both', { steps: [makeStep('log'), makeStep('tell', { plugin: 'slack' })] }),
        makeRule('log-only', { steps: [makeStep('log-too', { plugin: 'log' })] }),
      ],
      work: { log: note('log'), tell: note('tell'), 'log-too': note('log-too') },
    });
    await world.start();
    await world.store.pauses.pause(PLUGIN);
    await world.dispatcher.pausesSeen();
    await world.append(itemUpdate(1, 1));
    expect([...done].sort()).to.deep.equal(['log', 'log-too']);
    await world.store.pauses.resume(PLUGIN);
    await world.dispatcher.pausesSeen();
    await world.clock.advance(0);
    expect(done).to.have.length(3).and.include('tell');
  });

  it('of a rule holds it too when it is asked for while the rule is halted', async () => {
    const { world, tried, state, pause, resume } = makeWorld();
    const [halting] = world.options.rules;
    if (!halting) throw new Error('there is a rule');
    const step = makeStep('tell', {
      plugin: 'slack',
      delivery: { ...POLICY, attempts: 1, whenExhausted: 'halt' },
    });
    await world.crash({ rules: [{ ...halting, steps: [step] }] });
    state.fails = true;
    await world.append(itemUpdate(1, 1));
    expect(rule(world)).to.include({ state: 'halted' });
    await pause(RULE);
    state.fails = false;
    await world.store.parking.retry({ rule: 'r' });
    await world.clock.advance(1000);
    expect(rule(world)).to.include({ state: 'paused' });
    expect(tried).to.deep.equal([1]);
    await resume(RULE);
    expect(await world.runs()).to.deep.equal([['r', 1, 'settled']]);
  });
});
