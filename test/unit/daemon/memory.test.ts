import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';
import { restWhenQuiet } from '../../../src/daemon/memory.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

const MIB = 1024 * 1024;

describe('restWhenQuiet', () => {
  const world = () => {
    const clock = makeVirtualClock();
    const state = { head: 0, done: 0, rss: 200 * MIB, rests: 0 };
    const store = {
      journal: { head: () => state.head } as never,
      rest: () => {
        state.rests += 1;
        state.rss = 100 * MIB;
      },
    };
    const stop = restWhenQuiet(store, { done: () => state.done }, clock, () => state.rss);
    return { clock, state, stop };
  };

  it('gives memory back soon after the start, and again only when it has grown', async () => {
    const { clock, state, stop } = world();
    await clock.advance(2500);
    expect(state.rests).to.equal(1);
    state.rss = 119 * MIB;
    await clock.advance(60_000);
    expect(state.rests).to.equal(1);
    state.rss = 130 * MIB;
    await clock.advance(10_000);
    expect(state.rests).to.equal(2);
    stop();
  });

  it('does not while events come', async () => {
    const { clock, state, stop } = world();
    await clock.advance(2500);
    for (let n = 0; n < 20; n++) {
      state.head += 1;
      state.rss = 300 * MIB;
      await clock.advance(1000);
    }
    expect(state.rests).to.equal(1);
    await clock.advance(10_000);
    expect(state.rests).to.equal(2);
    stop();
  });

  it('does not while a backlog is worked off', async () => {
    const { clock, state, stop } = world();
    await clock.advance(2500);
    for (let n = 0; n < 20; n++) {
      state.done += 1;
      state.rss = 300 * MIB;
      await clock.advance(1000);
    }
    expect(state.rests).to.equal(1);
    await clock.advance(10_000);
    expect(state.rests).to.equal(2);
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
      import { boundHeap } from ${memory};
      boundHeap();
      for (let turn = 0; turn < 100; turn++) {
        Array.from({ length: 10_000 }, (_, n) => ({ n }));
        await new Promise(resolve => setImmediate(resolve));
      }`);
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
  });
});
