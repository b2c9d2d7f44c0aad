import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Code } from '../../../src/core/garbage.ts';
import { restWhenQuiet } from '../../../src/daemon/memory.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

const MIB = 1024 * 1024;

describe('restWhenQuiet', () => {
  const world = () => {
    const clock = makeVirtualClock();
    const state = { head: 0, done: 0, rss: 200 * MIB, rests: [] as Code[] };
    const store = {
      journal: { head: () => state.head } as never,
      rest: (code: Code) => {
        state.rests.push(code);
        state.rss = 100 * MIB;
      },
    };
    const stop = restWhenQuiet(store, { done: () => state.done }, clock, () => state.rss);
    return { clock, state, stop };
  };

  /** After the start, and when it was quiet for the first time. */
  const BEGUN: readonly Code[] = ['kept', 'dropped'];

  it('gives memory back after the start and when it is quiet, and again only when it has grown', async () => {
    const { clock, state, stop } = world();
    await clock.advance(500);
    expect(state.rests).to.deep.equal(['kept']);
    await clock.advance(2500);
    expect(state.rests).to.deep.equal(BEGUN);
    state.rss = 119 * MIB;
    await clock.advance(60_000);
    expect(state.rests).to.deep.equal(BEGUN);
    state.rss = 130 * MIB;
    await clock.advance(10_000);
    expect(state.rests).to.deep.equal([...BEGUN, 'dropped']);
    stop();
  });

  it('drops no code while a backlog is worked off from the start on', async () => {
    const { clock, state, stop } = world();
    for (let n = 0; n < 20; n++) {
      state.done += 1;
      await clock.advance(1000);
    }
    expect(state.rests).to.deep.equal(['kept']);
    await clock.advance(10_000);
    expect(state.rests).to.deep.equal(BEGUN);
    stop();
  });

  it('does not while events come', async () => {
    const { clock, state, stop } = world();
    await clock.advance(3000);
    for (let n = 0; n < 20; n++) {
      state.head += 1;
      state.rss = 300 * MIB;
      await clock.advance(1000);
    }
    expect(state.rests).to.deep.equal(BEGUN);
    await clock.advance(10_000);
    expect(state.rests).to.deep.equal([...BEGUN, 'dropped']);
    stop();
  });

  it('does not while a backlog is worked off', async () => {
    const { clock, state, stop } = world();
    await clock.advance(3000);
    for (let n = 0; n < 20; n++) {
      state.done += 1;
      state.rss = 300 * MIB;
      await clock.advance(1000);
    }
    expect(state.rests).to.deep.equal(BEGUN);
    await clock.advance(10_000);
    expect(state.rests).to.deep.equal([...BEGUN, 'dropped']);
    stop();
  });
});

describe('boundHeap', () => {
  const run = (script: string) =>
    spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
  const memory = JSON.stringify(join(import.meta.dirname, '../../../src/daemon/memory.ts'));

  /** What V8 keeps for new objects when much of what is made lives on for a while, MiB. */
  const youngMib = (bound: boolean): number => {
    const script = `
      import { getHeapSpaceStatistics } from 'node:v8';
      import { boundHeap } from ${memory};
      if (${bound}) boundHeap();
      const kept = [];
      for (let turn = 0; turn < 200; turn++) {
        for (let n = 0; n < 20_000; n++) kept.push({ turn, n, text: 'x' + n });
        if (kept.length > 400_000) kept.splice(0, 200_000);
        await new Promise(resolve => setImmediate(resolve));
      }
      console.log(getHeapSpaceStatistics().find(space => space.space_name === 'new_space').space_size);
    `;
    const { stdout, stderr } = run(script);
    const size = Number(stdout) / MIB;
    if (!(size > 0)) throw new Error(stderr);
    return size;
  };

  it('keeps it small, whatever V8 would take by itself', () => {
    expect(youngMib(true)).to.be.within(8, 48);
    expect(youngMib(false)).to.be.at.least(32);
  }).timeout(30_000);

  it('sets no flag that this V8 does not know', () => {
    // V8 says so on stderr, and goes on.
    const { status, stderr } = run(`
      import { boundHeap, optimiseWasmLate } from ${memory};
      optimiseWasmLate();
      boundHeap();
      for (let turn = 0; turn < 100; turn++) {
        Array.from({ length: 10_000 }, (_, n) => ({ n }));
        await new Promise(resolve => setImmediate(resolve));
      }`);
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
  });
});
