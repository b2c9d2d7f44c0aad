import { expect } from 'chai';
import fc from 'fast-check';
import { parseWeekdays, showWeekdays, timeOn, WEEKDAYS } from '../../../src/core/weekdays.ts';

const HOUR = 3_600_000;
const at = (text: string): number => Date.parse(text);

describe('days of the week', () => {
  it('are read as people name them, and shown so', () => {
    const cases: readonly [text: string, days: readonly number[], shown: string][] = [
      ['mon', [1], 'mon'],
      ['mon-fri', [1, 2, 3, 4, 5], 'mon-fri'],
      ['fri-mon', [5, 6, 0, 1], 'sun, mon, fri, sat'],
      ['sun-sat', [0, 1, 2, 3, 4, 5, 6], 'sun-sat'],
      ['sat-sun', [6, 0], 'sun, sat'],
    ];
    for (const [text, days, shown] of cases) {
      expect(parseWeekdays(text), text).to.deep.equal(days);
      expect(showWeekdays([...days].sort()), text).to.equal(shown);
      expect(text).to.match(WEEKDAYS);
    }
    for (const text of ['', 'monday', 'mo', 'mon-', 'mon,tue', 'mon-fri-sun'])
      expect(text).to.not.match(WEEKDAYS);
  });

  it('have their time counted by the clocks of the zone, also where these are changed', () => {
    const weekdays = parseWeekdays('mon-fri');
    // From Friday noon to Monday noon.
    expect(timeOn(weekdays, 'UTC', at('2026-06-05T12:00Z'), at('2026-06-08T12:00Z'))).to.equal(24 * HOUR);
    expect(timeOn(weekdays, 'Asia/Tokyo', at('2026-06-05T12:00Z'), at('2026-06-08T12:00Z'))).to.equal(
      24 * HOUR,
    );
    expect(timeOn(weekdays, 'UTC', at('2026-06-06T00:00Z'), at('2026-06-08T00:00Z'))).to.equal(0);
    expect(timeOn(weekdays, 'UTC', at('2026-06-03T01:00Z'), at('2026-06-03T02:30Z'))).to.equal(1.5 * HOUR);
    // Sunday has 23 hours in March, 25 in October.
    const sunday = [0];
    const zone = 'Europe/Copenhagen';
    expect(timeOn(sunday, zone, at('2026-03-27T00:00Z'), at('2026-03-31T00:00Z'))).to.equal(23 * HOUR);
    expect(timeOn(sunday, zone, at('2026-10-23T00:00Z'), at('2026-10-27T00:00Z'))).to.equal(25 * HOUR);
  });

  it('are counted no further than was asked, or those of years would stop everything for half a second', () => {
    const found = timeOn([1, 2, 3, 4, 5], 'Europe/Copenhagen', 0, at('2026-06-08T12:00Z'), 36 * HOUR);
    expect(found).to.be.within(36 * HOUR, 60 * HOUR);
  });

  it('of all of a week are all of the time, and never more', () => {
    const zones = fc.constantFrom('UTC', 'America/Santiago', 'Pacific/Apia', 'Asia/Kathmandu');
    const instant = fc.integer({ min: at('2010-01-01T00:00Z'), max: at('2030-01-01T00:00Z') });
    const span = fc.integer({ min: 0, max: 40 * 24 * HOUR });
    const some = fc.uniqueArray(fc.integer({ min: 0, max: 6 }));
    fc.assert(
      fc.property(zones, instant, span, some, (zone, from, ms, days) => {
        expect(timeOn([0, 1, 2, 3, 4, 5, 6], zone, from, from + ms)).to.equal(ms);
        const others = [0, 1, 2, 3, 4, 5, 6].filter(day => !days.includes(day));
        expect(timeOn(days, zone, from, from + ms) + timeOn(others, zone, from, from + ms)).to.equal(ms);
      }),
      { numRuns: 200 },
    );
  });
});
