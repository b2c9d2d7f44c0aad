import { expect } from 'chai';
import fc from 'fast-check';
import { makeSieve } from '../../../src/core/sieve.ts';

/** As Podio's are: they run on, and are larger than 32 bits. */
const FIRST = 5_300_000_000;

describe('a sieve', () => {
  it('has all that was added', () => {
    fc.assert(
      fc.property(fc.array(fc.maxSafeNat()), numbers => {
        const sieve = makeSieve();
        for (const number of numbers) sieve.add(number);
        expect(numbers.every(sieve.mayHave)).to.equal(true);
      }),
      { numRuns: 50 },
    );
  });

  it('has hardly anything else, while it is not full', () => {
    const sieve = makeSieve();
    expect(sieve.mayHave(FIRST)).to.equal(false);
    for (let n = 0; n < 100_000; n++) sieve.add(FIRST + 2 * n);
    let wrong = 0;
    for (let n = 0; n < 100_000; n++) if (sieve.mayHave(FIRST + 2 * n + 1)) wrong += 1;
    expect(wrong).to.be.below(500);
  });
});
