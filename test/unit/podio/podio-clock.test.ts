import { expect } from 'chai';
import fc from 'fast-check';
import { makePodioClock } from '../../../src/podio/podio-clock.ts';

const NOW = Date.UTC(2026, 0, 1);

describe('podio clock', () => {
  it('agrees with this one until told otherwise, and where nothing says that it does not', () => {
    fc.assert(
      fc.property(fc.nat(5000), fc.nat(500), fc.nat(500), (begin, there, back) => {
        const clock = makePodioClock();
        expect(clock.aheadMs()).to.equal(0);
        const sentAt = NOW + begin;
        const date = Math.floor((sentAt + there) / 1000) * 1000;
        clock.heard(date, sentAt, sentAt + there + back);
        expect(clock.aheadMs()).to.equal(0);
      }),
    );
  });

  it('is known to a second and the time a call takes, ahead or behind', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -1e9, max: 1e9 }),
        fc.nat(5000),
        fc.nat(500),
        fc.nat(500),
        (off, begin, there, back) => {
          const clock = makePodioClock();
          const sentAt = NOW + begin;
          const date = Math.floor((sentAt + there + off) / 1000) * 1000;
          clock.heard(date, sentAt, sentAt + there + back);
          expect(clock.aheadMs() - off).to.be.within(-1000 - back, 1000 + there);
        },
      ),
    );
  });
});
