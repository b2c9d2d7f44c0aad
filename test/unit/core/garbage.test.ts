import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';

describe('giveBackMemory', () => {
  it('gives back the heap that garbage took, and where it may the code of what is not in use, which still runs', () => {
    const garbage = JSON.stringify(join(import.meta.dirname, '../../../src/core/garbage.ts'));
    const script = `
      import { getHeapCodeStatistics } from 'node:v8';
      import { giveBackMemory } from ${garbage};
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
      giveBackMemory('kept');
      const rested = measure();
      giveBackMemory('dropped');
      const dropped = measure();
      console.log(JSON.stringify({ full, rested, dropped, same: before === results() }));
    `;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    expect(stderr).to.equal('');
    const { full, rested, dropped, same } = JSON.parse(stdout) as Record<
      'full' | 'rested' | 'dropped',
      Record<string, number>
    > & { same: boolean };
    expect(same).to.equal(true);
    expect(rested.heap).to.be.below((full.heap ?? 0) / 2);
    expect(rested.code).to.be.above((full.code ?? 0) / 2);
    expect(dropped.code).to.be.below((full.code ?? 0) / 2);
  }).timeout(30_000);
});
