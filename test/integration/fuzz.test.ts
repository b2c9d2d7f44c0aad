import { expect } from 'chai';
import { fuzz } from '../fuzz/fuzz.ts';

describe('what nobody expects', () => {
  for (const seed of [1, 2]) {
    it(`ends in an answer or in an error of podiod's own (seed ${seed})`, async () => {
      const { inputs, slowest } = await fuzz(4000, seed);
      expect(inputs.size).to.equal(10);
      expect(slowest.ms).to.be.lessThan(5000);
    }).timeout(60_000);
  }
});
