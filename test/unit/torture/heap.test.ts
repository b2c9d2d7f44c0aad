import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { heapsOf, trendOf } from '../../soak/heap.ts';
import { temporaryFolder } from '../../support/folder.ts';

const MINUTE = 60_000;
/** Falls on both sides by turns. */
const scatter = (n: number): number => [3, -2, 1, -3, 2, -1][n % 6] ?? 0;

describe('the soak’s look at memory', () => {
  it('calls growth what goes on to the end, by more than the figures scatter', () => {
    const grown = trendOf(
      Array.from({ length: 40 }, (_, n) => 1000 + 6 * n + scatter(n)),
      MINUTE,
    );
    expect(grown.verdict).to.equal('grows');
    expect(grown.perHour).to.be.closeTo(360, 10);
    expect(grown.from).to.be.closeTo(1120, 5);
    expect(grown.to).to.be.closeTo(1234, 5);
  });

  it('calls flat what has filled in the beginning, what only scatters, and what is too little to matter', () => {
    const filled = Array.from({ length: 40 }, (_, n) => Math.min(1000, 500 + 50 * n) + scatter(n));
    expect(trendOf(filled).verdict).to.equal('flat');
    expect(trendOf(Array.from({ length: 40 }, (_, n) => 1000 + 50 * scatter(n))).verdict).to.equal('flat');
    expect(trendOf(Array.from({ length: 40 }, (_, n) => 1000 + 0.5 * n)).verdict).to.equal('flat');
  });

  it('does not tell from a few', () => {
    expect(trendOf(Array.from({ length: 14 }, (_, n) => 1000 + 50 * n)).verdict).to.equal('unknown');
    expect(trendOf([]).verdict).to.equal('unknown');
  });

  it('adds up what the threads of one process have written, where all of them have', () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'heap.log');
    expect(heapsOf(file, 1)).to.deep.equal([]);
    const line = (pid: number, thread: number, round: number, used: number) =>
      appendFileSync(file, `${JSON.stringify({ pid, thread, round, used })}\n`);
    line(1, 0, 1, 100);
    line(1, 1, 1, 10);
    line(2, 0, 1, 5000);
    line(1, 1, 2, 11);
    line(1, 0, 2, 101);
    line(1, 0, 3, 102);
    // The process was killed while it wrote.
    appendFileSync(file, '{"pid":1,"thr');
    expect(heapsOf(file, 1)).to.deep.equal([110, 112]);
  });
});
