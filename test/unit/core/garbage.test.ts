import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';
import { keepSmall } from '../../../src/core/garbage.ts';

/** What a program in a process of its own prints, as JSON. */
function run(script: string): unknown {
  const garbage = JSON.stringify(join(import.meta.dirname, '../../../src/core/garbage.ts'));
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', `import { giveBackMemory, keepSmall } from ${garbage};${script}`],
    { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } },
  );
  expect(stderr).to.equal('');
  return JSON.parse(stdout);
}

describe('giveBackMemory', () => {
  it('gives back the heap that garbage took, and the code of what is not in use, which still runs', () => {
    const script = `
      import { getHeapCodeStatistics } from 'node:v8';
      const functions = Array.from({ length: 3000 }, (_, n) =>
        new Function('a', 'let sum = ' + n + '; for (let i = 0; i < a; i++) sum += i * ' + n + '; return { sum, a };'));
      const results = () => functions.reduce((sum, one) => sum + one(2).sum, 0);
      const before = results();
      let kept = Array.from({ length: 500_000 }, (_, n) => ({ n }));
      const measure = () => ({
        heap: process.memoryUsage().heapTotal,
        code: getHeapCodeStatistics().bytecode_and_metadata_size,
      });
      const full = measure();
      kept = undefined;
      await new Promise(resolve => setImmediate(resolve));
      giveBackMemory();
      const rested = measure();
      console.log(JSON.stringify({ full, rested, same: before === results() }));
    `;
    const { full, rested, same } = run(script) as Record<'full' | 'rested', Record<string, number>> & {
      same: boolean;
    };
    expect(same).to.equal(true);
    expect(rested.heap).to.be.below((full.heap ?? 0) / 2);
    expect(rested.code).to.be.below((full.code ?? 0) / 2);
  }).timeout(30_000);
});

describe('keepSmall', () => {
  it('bounds the garbage of a thread in which little lives, however long it works', () => {
    const script = `
      const MiB = 1024 * 1024;
      // What outlives two collections of new objects is old, and garbage there when it is let go.
      const ring = new Array(4000);
      const most = tidy => {
        let most = 0;
        for (let n = 0; n < 2_000_000; n++) {
          ring[n % ring.length] = { n, text: [n, n, n, n] };
          if (n % 500 !== 0) continue;
          tidy();
          most = Math.max(most, process.memoryUsage().heapUsed);
        }
        return most / MiB;
      };
      giveBackMemory();
      const small = most(keepSmall());
      console.log(JSON.stringify({ small, large: most(() => {}) }));
    `;
    const { small, large } = run(script) as Record<'small' | 'large', number>;
    expect(small).to.be.below(large - 3);
  }).timeout(30_000);

  it('collects nothing where nothing gathers', () => {
    let asked = 0;
    const tidy = keepSmall(() => {
      asked += 1;
      return 5_000_000 + (asked % 2) * 1_000_000;
    });
    for (let n = 0; n < 1000; n++) tidy();
    // It looks once in a hundred calls; after a collection it would look once more.
    expect(asked).to.equal(10);
  });
});
