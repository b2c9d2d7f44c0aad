import { expect } from 'chai';
import { duration, parseTime, wholeNumber } from '../../../src/cli/values.ts';
import { UsageError } from '../../../src/core/errors.ts';

const NOW = Date.UTC(2026, 5, 15, 12);

describe('values of options', () => {
  it('reads whole numbers within bounds', () => {
    expect(wholeNumber('--limit', '20', 1)).to.equal(20);
    expect(wholeNumber('--port', '0', 0, 65_535)).to.equal(0);
    for (const text of ['0', '-1', '1.5', '1e3', '', 'ten', '65536', '99999999999'])
      expect(() => wholeNumber('--port', text, 1, 65_535), text).to.throw(UsageError, `got ${text}`);
  });

  it('reads durations', () => {
    expect(duration('--every', '500ms')).to.equal(500);
    for (const text of ['0ms', '500', 'soon', ''])
      expect(() => duration('--every', text), text).to.throw(UsageError, '--every');
  });

  it('reads times: so long ago, or ISO 8601', () => {
    expect(parseTime('--since', '2h', NOW)).to.equal(NOW - 7_200_000);
    expect(parseTime('--since', '7d', NOW)).to.equal(NOW - 7 * 86_400_000);
    expect(parseTime('--since', '2026-06-15T10:00:00Z', NOW)).to.equal(Date.UTC(2026, 5, 15, 10));
    expect(parseTime('--since', '2026-06-15T10:00:00.250+02:00', NOW)).to.equal(
      Date.UTC(2026, 5, 15, 8, 0, 0, 250),
    );
  });

  it('takes a time without a zone, and a day, for one of this machine', () => {
    expect(parseTime('--since', '2026-06-15T10:30', NOW)).to.equal(new Date(2026, 5, 15, 10, 30).getTime());
    expect(parseTime('--since', '2026-06-15', NOW)).to.equal(new Date(2026, 5, 15).getTime());
  });

  it('refuses what is no time, with the text', () => {
    for (const text of ['yesterday', '2026-02-30', '2026-13-01', '2026-06-15T25:00', '2', '', '15.6.2026'])
      expect(() => parseTime('--since', text, NOW), text).to.throw(UsageError, `got ${text}`);
  });
});
