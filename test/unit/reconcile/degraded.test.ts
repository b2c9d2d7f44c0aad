import { expect } from 'chai';
import { PodioError } from '../../../src/core/errors.ts';
import { type Log, silentLog } from '../../../src/core/log.ts';
import { DegradedSet } from '../../../src/reconcile/degraded.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';
import { revoked, unavailable } from './model/podio.ts';

function setUp() {
  const clock = makeVirtualClock();
  const warnings: string[] = [];
  const log: Log = { ...silentLog, warn: message => warnings.push(message) };
  const degraded = new DegradedSet({ clock, random: () => 1, log });
  const fail = (error: Error, everyMs = 900_000) =>
    degraded.failed('app/101', { ref: 'app/101', error, rules: ['a'] }, everyMs);
  return { clock, warnings, degraded, fail };
}

describe('DegradedSet', () => {
  it('waits twice as long after each failure, up to a quarter of an hour', () => {
    const { degraded, fail } = setUp();
    const waits = Array.from({ length: 8 }, () => {
      fail(unavailable());
      return degraded.nextDueMs();
    });
    expect(waits).to.deep.equal([30, 60, 120, 240, 480, 900, 900, 900].map(seconds => seconds * 1000));
  });

  it('begins no later than the next run would come anyway', () => {
    const { degraded, fail } = setUp();
    fail(unavailable(), 1000);
    expect(degraded.nextDueMs()).to.equal(1000);
  });

  it('waits as long as Podio says', () => {
    const { degraded, fail } = setUp();
    fail(new PodioError('PODIO_RATE_LIMITED', 'wait', { retry: { afterMs: 300_000 } }));
    expect(degraded.nextDueMs()).to.equal(300_000);
  });

  it('is due when the wait is over', async () => {
    const { clock, degraded, fail } = setUp();
    expect(degraded.isDue('app/101')).to.equal(true);
    fail(unavailable());
    expect(degraded.isDue('app/101')).to.equal(false);
    await clock.advance(30_000);
    expect(degraded.isDue('app/101')).to.equal(true);
  });

  it('tells since when, over changing errors, and logs each trouble once', async () => {
    const { clock, warnings, degraded, fail } = setUp();
    fail(unavailable());
    await clock.advance(60_000);
    fail(unavailable());
    fail(revoked());
    expect(degraded.list()).to.have.lengthOf(1);
    expect(degraded.get('app/101')).to.deep.include({
      error: 'Podio refused the token',
      since: '2026-01-01T00:00:00.000Z',
    });
    expect(warnings).to.have.lengthOf(2);
  });

  it('begins anew after a recovery', async () => {
    const { clock, degraded, fail } = setUp();
    fail(unavailable());
    degraded.recovered('app/101');
    expect(degraded.nextDueMs()).to.equal(undefined);
    await clock.advance(60_000);
    fail(unavailable());
    expect(degraded.nextDueMs()).to.equal(30_000);
    expect(degraded.get('app/101')?.since).to.equal('2026-01-01T00:01:00.000Z');
  });
});
