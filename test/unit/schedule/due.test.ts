import { expect } from 'chai';
import { parseDateOffset } from '../../../src/core/date-offset.ts';
import { dueOf } from '../../../src/schedule/due.ts';

const ZONE = 'Europe/Copenhagen';
const day = (date: string) => [{ start: `${date} 00:00:00`, start_date: date, start_time: null }];
/** As Podio has it: the day and time that its user sees, and the same in UTC. */
const moment = (local: string, utc: string) => {
  const [date, time] = local.split(' ');
  const [dateUtc, timeUtc] = utc.split(' ');
  return [
    {
      start: local,
      start_date: date,
      start_time: time,
      start_utc: utc,
      start_date_utc: dateUtc,
      start_time_utc: timeUtc,
    },
  ];
};
const due = (values: ReturnType<typeof day> | ReturnType<typeof moment>, at: string, zone = ZONE) => {
  const offset = parseDateOffset(at);
  if (!offset) throw new Error(at);
  const found = dueOf(values, offset, zone);
  return found && new Date(found.at).toISOString().slice(0, 16);
};

describe('when a date is due', () => {
  it('so many days or weeks before or after it, at a time of the day', () => {
    expect(due(day('2026-07-31'), '-30d 09:00')).to.equal('2026-07-01T07:00');
    expect(due(day('2026-03-31'), '-1w 09:00')).to.equal('2026-03-24T08:00');
    expect(due(day('2026-01-01'), '+1d 00:30')).to.equal('2026-01-01T23:30');
    expect(due(day('2026-01-01'), '09:00')).to.equal('2026-01-01T08:00');
  });

  it('at its own time where none is given, and for a day without a time at its start', () => {
    // 23:00 in New York is the next day in Copenhagen.
    const late = moment('2026-06-09 23:00:00', '2026-06-10 03:00:00');
    expect(due(late, '0d')).to.equal('2026-06-10T03:00');
    expect(due(late, '-1d')).to.equal('2026-06-09T03:00');
    expect(due(late, '-1d 09:00')).to.equal('2026-06-09T07:00');
    expect(due(day('2026-06-10'), '0d')).to.equal('2026-06-09T22:00');
    expect(due(day('2026-06-10'), '-1d')).to.equal('2026-06-08T22:00');
  });

  it('so many hours before or after it, by the clock', () => {
    const noon = moment('2026-03-29 12:00:00', '2026-03-29 10:00:00');
    expect(due(noon, '-12h')).to.equal('2026-03-28T22:00');
    expect(due(noon, '+2h')).to.equal('2026-03-29T12:00');
    expect(due(day('2026-03-29'), '-1h')).to.equal('2026-03-28T22:00');
  });

  it('keeps to local time over changes of the clock, and does not come where they skip it', () => {
    expect(due(day('2026-03-30'), '-1d 09:00')).to.equal('2026-03-29T07:00');
    expect(due(day('2026-03-30'), '-2d 09:00')).to.equal('2026-03-28T08:00');
    // 29 March 2026: 02:00 becomes 03:00. 25 October 2026: 03:00 becomes 02:00.
    expect(due(day('2026-03-30'), '-1d 02:30')).to.equal(undefined);
    expect(due(day('2026-10-26'), '-1d 02:30')).to.equal('2026-10-25T00:30');
    // Beirut, 29 March 2026: 00:00 becomes 01:00.
    expect(due(day('2026-03-29'), '0d', 'Asia/Beirut')).to.equal('2026-03-28T22:00');
  });

  it('never where the field is empty', () => {
    expect(dueOf([], { days: 0, ms: 0 }, ZONE)).to.equal(undefined);
    expect(dueOf([{ start: null }], { days: 0, ms: 0 }, ZONE)).to.equal(undefined);
  });
});

describe('an offset from a date', () => {
  it('is read as people write it', () => {
    expect(parseDateOffset('-30d 09:00')).to.deep.equal({ days: -30, ms: 0, minutes: 540 });
    expect(parseDateOffset(' 2w ')).to.deep.equal({ days: 14, ms: 0 });
    expect(parseDateOffset('+36h')).to.deep.equal({ days: 0, ms: 36 * 3_600_000 });
    expect(parseDateOffset('23:59')).to.deep.equal({ days: 0, ms: 0, minutes: 1439 });
    for (const text of [
      '',
      '-',
      '30',
      '-30',
      'd',
      '-2h 09:00',
      '-1d 24:00',
      '-1d 9:00',
      '1m',
      '-1d09:00x',
      '--1d',
    ])
      expect(parseDateOffset(text), text).to.equal(undefined);
  });
});
