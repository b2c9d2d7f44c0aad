import { expect } from 'chai';
import fc from 'fast-check';
import { makeHourCount } from '../../../src/podio/hour-count.ts';

const HOUR = 3_600_000;

describe('podio hour count', () => {
  it('never lets more than the cap into any hour, and asks for no more than a minute too much', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.array(fc.integer({ min: 0, max: 900_000 }), { minLength: 40, maxLength: 80 }),
        (cap, gaps) => {
          let now = 0;
          const count = makeHourCount({ monotonic: () => now });
          const calls: number[] = [];
          for (const gap of gaps) {
            now += gap;
            const wait = count.waitBelow(cap);
            const inHour = calls.filter(at => at > now - HOUR);
            if (wait === 0) {
              expect(inHour.length).to.be.below(cap);
              count.add();
              calls.push(now);
            } else {
              // The call that has to leave the hour first leaves it at most a minute before it is said to.
              const leaves = (calls.at(-cap) ?? Number.NaN) + HOUR;
              expect(now + wait).to.be.within(leaves, leaves + 60_000);
            }
          }
        },
      ),
    );
  });
});
