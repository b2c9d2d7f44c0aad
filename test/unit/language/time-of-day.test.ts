import { expect } from 'chai';
import { nextTimeOfDay, parseTimeOfDay } from '../../../src/language/time-of-day.ts';

const ZONE = 'Europe/Copenhagen';
const next = (time: string, after: string, zone = ZONE): string =>
  new Date(nextTimeOfDay([parseTimeOfDay(time) ?? Number.NaN], zone, Date.parse(after))).toISOString();

describe('times of the day', () => {
  it('are hours and minutes', () => {
    expect(['00:00', '09:30', '23:59'].map(parseTimeOfDay)).to.deep.equal([0, 570, 1439]);
    for (const text of ['24:00', '9:30', '09:60', '0930', '', '09:30:00']) {
      expect(parseTimeOfDay(text), text).to.equal(undefined);
    }
  });

  it('come next today or tomorrow, in their zone, and never at the moment itself', () => {
    expect(next('09:00', '2026-01-10T07:59:59Z')).to.equal('2026-01-10T08:00:00.000Z');
    expect(next('09:00', '2026-01-10T08:00:00Z')).to.equal('2026-01-11T08:00:00.000Z');
    expect(next('09:00', '2026-07-10T23:30:00Z')).to.equal('2026-07-11T07:00:00.000Z');
    expect(next('09:00', '2026-01-10T12:00:00Z', 'Pacific/Auckland')).to.equal('2026-01-10T20:00:00.000Z');
    expect(next('00:00', '2026-01-10T22:59:59.999Z')).to.equal('2026-01-10T23:00:00.000Z');
  });

  it('of several the nearest', () => {
    const at = nextTimeOfDay([540, 960], 'UTC', Date.parse('2026-01-10T10:00:00Z'));
    expect(new Date(at).toISOString()).to.equal('2026-01-10T16:00:00.000Z');
  });

  it('that the clock skips come as much later, and those that it shows twice come once', () => {
    // 02:00 becomes 03:00 on 29 March, and 03:00 becomes 02:00 on 25 October.
    expect(next('02:30', '2026-03-28T12:00:00Z')).to.equal('2026-03-29T01:30:00.000Z');
    expect(next('02:30', '2026-10-24T12:00:00Z')).to.equal('2026-10-25T00:30:00.000Z');
    expect(next('02:30', '2026-10-25T00:30:00Z')).to.equal('2026-10-26T01:30:00.000Z');
  });
});
