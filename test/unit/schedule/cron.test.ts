import { expect } from 'chai';
import fc from 'fast-check';
import { makeCron } from '../../../src/schedule/cron.ts';

const timezone = 'Europe/Copenhagen';
const MINUTE = 60_000;
const at = (iso: string) => Date.parse(iso);
/** The first `count` ticks, fewer where the pattern runs out. */
function ticks(pattern: string, from: string, count: number, zone = timezone): readonly string[] {
  const cron = makeCron({ cron: pattern, timezone: zone });
  const found: string[] = [];
  for (let tick = cron.next(at(from)); tick !== undefined && found.length < count; tick = cron.next(tick))
    found.push(new Date(tick).toISOString().slice(0, 16));
  return found;
}

describe('cron', () => {
  it('ticks by the local time of its zone', () => {
    expect(ticks('0 9 * * 1-5', '2026-01-02T12:00Z', 2)).to.deep.equal([
      '2026-01-05T08:00',
      '2026-01-06T08:00',
    ]);
    expect(ticks('0 9 * * *', '2026-07-01T12:00Z', 1)).to.deep.equal(['2026-07-02T07:00']);
    expect(ticks('0 9 * * *', '2026-07-01T12:00Z', 1, 'Asia/Kolkata')).to.deep.equal(['2026-07-02T03:30']);
    expect(ticks('0 9 * * *', '2026-07-01T12:00Z', 1, 'Pacific/Auckland')).to.deep.equal([
      '2026-07-01T21:00',
    ]);
  });

  it('is after the given instant, not at it; the latest may be at it', () => {
    const cron = makeCron({ cron: '0 9 * * *', timezone: 'UTC' });
    const nine = at('2026-01-02T09:00Z');
    expect(cron.next(nine)).to.equal(at('2026-01-03T09:00Z'));
    expect(cron.next(nine - 1)).to.equal(nine);
    expect(cron.latest(nine)).to.equal(nine);
    expect(cron.latest(nine - 1)).to.equal(at('2026-01-01T09:00Z'));
  });

  it('does not tick on a day whose clocks skip the time', () => {
    // 29 March 2026: 02:00 becomes 03:00.
    expect(ticks('30 2 * * *', '2026-03-27T12:00Z', 3)).to.deep.equal([
      '2026-03-28T01:30',
      '2026-03-30T00:30',
      '2026-03-31T00:30',
    ]);
    expect(ticks('0,30 1-3 29 3 *', '2026-03-27T12:00Z', 4)).to.deep.equal([
      '2026-03-29T00:00',
      '2026-03-29T00:30',
      '2026-03-29T01:00',
      '2026-03-29T01:30',
    ]);
  });

  it('ticks once, at the first, where clocks show the time twice', () => {
    // 25 October 2026: 03:00 becomes 02:00.
    expect(ticks('30 2 * * *', '2026-10-24T12:00Z', 2)).to.deep.equal([
      '2026-10-25T00:30',
      '2026-10-26T01:30',
    ]);
    expect(ticks('*/30 * * * *', '2026-10-24T23:50Z', 4)).to.deep.equal([
      '2026-10-25T00:00',
      '2026-10-25T00:30',
      '2026-10-25T02:00',
      '2026-10-25T02:30',
    ]);
  });

  it('knows zones that change at midnight, by half an hour, or skip a whole day', () => {
    // Beirut, 29 March 2026: 00:00 becomes 01:00.
    expect(ticks('0 0 * * *', '2026-03-28T12:00Z', 1, 'Asia/Beirut')).to.deep.equal(['2026-03-29T21:00']);
    // Lord Howe, 5 April 2026: 02:00 becomes 01:30.
    expect(ticks('45 1 * * *', '2026-04-04T12:00Z', 2, 'Australia/Lord_Howe')).to.deep.equal([
      '2026-04-04T14:45',
      '2026-04-05T15:15',
    ]);
    // Apia had no 30 December 2011.
    expect(ticks('0 12 30,31 12 *', '2011-12-20T00:00Z', 1, 'Pacific/Apia')).to.deep.equal([
      '2011-12-30T22:00',
    ]);
  });

  it('finds rare days', () => {
    expect(ticks('0 0 29 2 *', '2026-03-01T00:00Z', 2, 'UTC')).to.deep.equal([
      '2028-02-29T00:00',
      '2032-02-29T00:00',
    ]);
    const cron = makeCron({ cron: '0 0 29 2 *', timezone: 'UTC' });
    expect(cron.next(at('2096-03-01T00:00Z'))).to.equal(at('2104-02-29T00:00Z'));
    expect(cron.latest(at('2026-03-01T00:00Z'))).to.equal(at('2024-02-29T00:00Z'));
    expect(ticks('0 9 LW * *', '2026-01-01T00:00Z', 2, 'UTC')).to.deep.equal([
      '2026-01-30T09:00',
      '2026-02-27T09:00',
    ]);
  });

  it('shows the same ticks from both sides, each at a local time of the pattern, and each local time once', () => {
    const format = new Intl.DateTimeFormat('en-GB', {
      timeZone: timezone,
      dateStyle: 'short',
      timeStyle: 'short',
    });
    // Around both changes of the clock of a year, and anywhere else.
    const instant = fc.oneof(
      fc.integer({ min: at('2026-03-28T00:00Z'), max: at('2026-03-30T12:00Z') }),
      fc.integer({ min: at('2026-10-24T00:00Z'), max: at('2026-10-26T12:00Z') }),
      fc.integer({ min: at('2020-01-01T00:00Z'), max: at('2030-01-01T00:00Z') }),
    );
    const pattern = fc.record({
      minutes: fc.uniqueArray(fc.nat(59), { minLength: 1, maxLength: 3 }),
      hours: fc.uniqueArray(fc.nat(23), { minLength: 1, maxLength: 6 }),
    });
    fc.assert(
      fc.property(instant, pattern, (from, { minutes, hours }) => {
        const cron = makeCron({ cron: `${minutes.join()} ${hours.join()} * * *`, timezone });
        const shown = new Set<string>();
        let before = from;
        for (let n = 0; n < 12; n++) {
          const tick = cron.next(before);
          if (tick === undefined) throw new Error('no tick');
          expect(tick).to.be.above(before);
          expect(tick % MINUTE).to.equal(0);
          expect(cron.latest(tick)).to.equal(tick);
          expect(cron.latest(tick - 1) ?? 0).to.be.at.most(before);
          const [date = '', time = ''] = format.format(tick).split(', ');
          const [hour, minute] = time.split(':').map(Number);
          expect(hours).to.include(hour);
          expect(minutes).to.include(minute);
          expect(shown.has(`${date} ${time}`), `${date} ${time} twice`).to.equal(false);
          shown.add(`${date} ${time}`);
          before = tick;
        }
      }),
      { numRuns: 200 },
    );
  });
});
