import { expect } from 'chai';
import { inTurn } from '../../../src/core/in-turn.ts';

describe('inTurn', () => {
  it('answers in the order of the list, with no more in hand than it may have', async () => {
    let inHand = 0;
    let most = 0;
    const answers = await inTurn([5, 1, 4, 2, 3, 0], 3, async n => {
      most = Math.max(most, ++inHand);
      for (let i = 0; i < n; i++) await null;
      inHand--;
      return n * 10;
    });
    expect(answers).to.deep.equal([50, 10, 40, 20, 30, 0]);
    expect(most).to.equal(3);
    expect(await inTurn([], 3, async () => 1)).to.deep.equal([]);
  });

  it('rejects with the first failure', async () => {
    const failing = inTurn([1, 2, 3], 2, async n => {
      if (n === 2) throw new Error('two');
      return n;
    });
    expect(await failing.catch((error: Error) => error.message)).to.equal('two');
  });
});
