import { expect } from 'chai';
import fc from 'fast-check';
import { makeRandom } from '../../../src/emulator/random.ts';
import { parseBound, parseStamp, stamp, toLocal, toUtc } from '../../../src/emulator/time.ts';

describe('emulator: time and chance', () => {
  it('reads back every stamp', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000_000_000 }), seconds => {
        expect(parseStamp(stamp(seconds * 1000))).to.deep.equal({ ms: seconds * 1000, hasTime: true });
      }),
    );
  });

  it('knows no days that are not there', () => {
    expect(parseStamp('2026-02-29')).to.equal(undefined);
    expect(parseStamp('2028-02-29')).to.include({ hasTime: false });
    expect(parseStamp('2026-01-01 24:00:00')).to.equal(undefined);
    expect(parseStamp('today')).to.equal(undefined);
  });

  it('goes to local time and back, but for the hour that a change of the clocks repeats', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2_000_000_000 }),
        fc.constantFrom('Europe/Copenhagen', 'America/New_York', 'Asia/Kolkata', 'UTC'),
        (seconds, zone) => {
          const utc = seconds * 1000;
          const back = toUtc(toLocal(utc, zone), zone);
          expect([0, 3_600_000]).to.include(Math.abs(back - utc));
        },
      ),
    );
    expect(stamp(toUtc(Date.UTC(2026, 2, 29, 1, 30), 'Europe/Copenhagen'))).to.equal('2026-03-29 00:30:00');
    expect(stamp(toUtc(Date.UTC(2026, 2, 29, 3, 30), 'Europe/Copenhagen'))).to.equal('2026-03-29 01:30:00');
  });

  it('reads bounds relative to now', () => {
    const now = Date.UTC(2026, 4, 15, 12);
    const bound = (text: string) => {
      const ms = parseBound(text, 'from', now);
      return ms === undefined ? undefined : stamp(ms);
    };
    expect(bound('-2h')).to.equal('2026-05-15 10:00:00');
    expect(bound('-7d')).to.equal('2026-05-08 12:00:00');
    expect(bound('+1w')).to.equal('2026-05-22 12:00:00');
    expect(bound('-1mr')).to.equal('2026-04-15 12:00:00');
    expect(bound('-1y')).to.equal('2025-05-15 12:00:00');
    expect(bound('soon')).to.equal(undefined);
  });

  it('draws within its bounds, and the same for the same seed', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 0, max: 50 }),
        fc.integer({ min: 0, max: 50 }),
        (seed, from, more) => {
          const random = makeRandom(seed);
          const twin = makeRandom(seed);
          for (let draw = 0; draw < 20; draw += 1) {
            const drawn = random.integer(from, from + more);
            expect(drawn).to.be.within(from, from + more);
            expect(twin.integer(from, from + more)).to.equal(drawn);
          }
        },
      ),
    );
    expect(makeRandom(1).pick([])).to.equal(undefined);
    expect(makeRandom(1).hex(8)).to.match(/^[0-9a-f]{8}$/);
  });
});
