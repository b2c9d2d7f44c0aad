import { expect } from 'chai';
import { makeLimit } from '../../../src/reconcile/limit.ts';

describe('makeLimit', () => {
  it('runs as many as allowed, in order, and goes on after a failure', async () => {
    const limit = makeLimit(2);
    const started: number[] = [];
    let running = 0;
    let most = 0;
    const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
    const work = gates.map(({ promise }, i) =>
      limit(async () => {
        started.push(i);
        running += 1;
        most = Math.max(most, running);
        try {
          await promise;
        } finally {
          running -= 1;
        }
      }),
    );
    const failed = work[0]?.then(
      () => undefined,
      (error: Error) => error.message,
    );
    gates[0]?.reject(new Error('no'));
    for (const { resolve } of gates.slice(1)) resolve();
    await Promise.all(work.slice(1));
    expect(await failed).to.equal('no');
    expect(started).to.deep.equal([0, 1, 2, 3, 4]);
    expect(most).to.equal(2);
  });
});
