import { expect } from 'chai';
import fc from 'fast-check';
import { PermanentError, PluginError, PodioError, RetryAfter } from '../../../src/core/errors.ts';
import { afterFailure } from '../../../src/dispatch/failure.ts';
import { errorOf } from '../../../src/store/sqlite/failure.ts';
import { POLICY } from './support.ts';

const HOUR = 60 * 60 * 1000;
const step = (
  delivery: Partial<typeof POLICY & { attempts: number }> = {},
  onError: 'park' | 'continue' = 'park',
) => ({
  delivery: { ...POLICY, ...delivery },
  onError,
});
const fresh = { attempts: 0, sinceFirstMs: 0 };
const rateLimited = new PodioError('PODIO_RATE_LIMITED', 'wait', { retry: { afterMs: 5000 } });

describe('afterFailure', () => {
  it('doubles the wait from the first to the longest, whole at the end of chance and half at its start', () => {
    const waits = [0, 1, 2, 5, 6, 20, 2000].map(attempts => {
      const decision = afterFailure(step(), { attempts, sinceFirstMs: 0 }, new Error('no'), 0.5);
      return decision.kind === 'retry' && decision.afterMs;
    });
    expect(waits).to.deep.equal([750, 1500, 3000, 24_000, 45_000, 45_000, 45_000]);
    expect(afterFailure(step(), fresh, new Error('no'), 0)).to.include({ afterMs: 500 });
  });

  it('counts the first try as an attempt', () => {
    const policy = step({ attempts: 2 });
    expect(afterFailure(policy, fresh, new Error('no'), 0)).to.include({ kind: 'retry', attempts: 1 });
    expect(afterFailure(policy, { attempts: 1, sinceFirstMs: 1 }, new Error('no'), 0)).to.deep.equal({
      kind: 'park',
      attempts: 2,
    });
    expect(afterFailure(step({ attempts: 1 }), fresh, new Error('no'), 0).kind).to.equal('park');
  });

  it('tries for the last time when retryFor ends, and parks then', () => {
    const policy = step({ retryForMs: HOUR });
    const late = { attempts: 20, sinceFirstMs: HOUR - 100 };
    expect(afterFailure(policy, late, new Error('no'), 0.9)).to.include({ kind: 'retry', afterMs: 100 });
    expect(afterFailure(policy, { attempts: 21, sinceFirstMs: HOUR }, new Error('no'), 0.9).kind).to.equal(
      'park',
    );
    expect(afterFailure(step({ retryForMs: 0 }), fresh, new Error('no'), 0.9).kind).to.equal('park');
  });

  it('parks at once when the error says that trying again is of no use', () => {
    expect(afterFailure(step(), fresh, new PermanentError('gone'), 0)).to.deep.equal({
      kind: 'park',
      attempts: 1,
    });
  });

  it('knows errors of another copy of podiod by their brand', () => {
    const foreign = Object.assign(new Error('gone'), {
      [Symbol.for('podiod.error')]: true,
      retry: 'never',
      code: 'X',
    });
    expect(afterFailure(step(), fresh, foreign, 0).kind).to.equal('park');
    expect(afterFailure(step(), fresh, { retry: 'never' }, 0).kind).to.equal('retry');
    const broken = Object.assign(new Error('soon'), {
      [Symbol.for('podiod.error')]: true,
      retry: { afterMs: Number.NaN },
    });
    expect(afterFailure(step(), fresh, broken, 0)).to.include({ kind: 'retry', afterMs: 500, attempts: 1 });
  });

  it('waits as long as an error asks, without an attempt, for 24 hours at most', () => {
    const policy = step({ attempts: 1, retryForMs: 10 });
    expect(afterFailure(policy, fresh, new RetryAfter(7000), 0)).to.deep.equal({
      kind: 'retry',
      afterMs: 7000,
      attempts: 0,
    });
    expect(
      afterFailure(policy, { attempts: 0, sinceFirstMs: 23 * HOUR }, new RetryAfter(HOUR), 0).kind,
    ).to.equal('retry');
    expect(
      afterFailure(policy, { attempts: 0, sinceFirstMs: 23 * HOUR + 1 }, new RetryAfter(HOUR), 0).kind,
    ).to.equal('park');
    expect(afterFailure(policy, fresh, new RetryAfter(25 * HOUR), 0).kind).to.equal('park');
  });

  it('is never a busy loop', () => {
    expect(afterFailure(step(), fresh, new RetryAfter(0), 0)).to.include({ kind: 'retry', afterMs: 50 });
    expect(afterFailure(step(), fresh, new RetryAfter(-5), 0)).to.include({ kind: 'retry', afterMs: 50 });
  });

  it('uses up no attempt while Podio can not be called, also when the plugin wraps the error', () => {
    const wrapped = new PluginError(
      'PLUGIN_DELIVER',
      'no',
      { plugin: 'p', phase: 'deliver' },
      { cause: rateLimited },
    );
    expect(afterFailure(step({ attempts: 1 }), fresh, rateLimited, 0)).to.include({
      afterMs: 5000,
      attempts: 0,
    });
    expect(afterFailure(step({ attempts: 1 }), fresh, wrapped, 0)).to.include({ kind: 'retry', attempts: 0 });
  });

  it('uses up no attempt and gives nothing up while the disk fails, also when it shows as a damaged file', () => {
    for (const code of ['STORE_WRITE_FAILED', 'STORE_UNAVAILABLE', 'STORE_CORRUPT'] as const) {
      const failed = errorOf({ code, message: 'disk I/O error' });
      const { retry } = failed;
      const at = { plugin: 'p', phase: 'deliver' } as const;
      const wrapped = new PluginError('PLUGIN_DELIVER', 'no', at, { cause: failed, retry });
      for (const error of [failed, wrapped])
        expect(afterFailure(step({ attempts: 1 }), fresh, error, 0)).to.include({
          kind: 'retry',
          attempts: 0,
        });
      const meant = new PermanentError('no use', { cause: failed });
      expect(afterFailure(step(), fresh, meant, 0)).to.include({ kind: 'park', attempts: 1 });
    }
  });

  it('waits longer and longer for Podio to come back', () => {
    const down = new PodioError('PODIO_UNAVAILABLE', 'down');
    const wait = (sinceFirstMs: number) => {
      const decision = afterFailure(step({ attempts: 1 }), { attempts: 0, sinceFirstMs }, down, 0);
      return decision.kind === 'retry' && decision.afterMs;
    };
    expect([0, 1000, 10_000, HOUR].map(wait)).to.deep.equal([500, 500, 5000, 30_000]);
  });

  it('goes on or halts where the rule says so', () => {
    const gone = new PermanentError('gone');
    expect(afterFailure(step({}, 'continue'), fresh, gone, 0).kind).to.equal('continue');
    expect(afterFailure(step({ whenExhausted: 'halt' }), fresh, gone, 0).kind).to.equal('halt');
    expect(afterFailure(step({ whenExhausted: 'halt' }, 'continue'), fresh, gone, 0).kind).to.equal(
      'continue',
    );
  });

  it('always comes to an end, never waits past it, and never tries sooner than half the backoff', () => {
    const failure = fc.constantFrom(new Error('no'), new RetryAfter(90_000), rateLimited);
    const policy = fc.record({
      attempts: fc.integer({ min: 1, max: 50 }),
      retryForMs: fc.integer({ min: 0, max: 48 * HOUR }),
    });
    fc.assert(
      fc.property(
        policy,
        fc.infiniteStream(failure),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (given, errors, random) => {
          let tried = fresh;
          for (const error of errors) {
            const decision = afterFailure(step(given), tried, error, random);
            if (decision.kind !== 'retry') {
              expect(decision.kind).to.equal('park');
              expect(decision.attempts).to.be.at.most(given.attempts);
              return;
            }
            expect(decision.afterMs).to.be.at.least(0);
            tried = { attempts: decision.attempts, sinceFirstMs: tried.sinceFirstMs + decision.afterMs };
            expect(tried.sinceFirstMs).to.be.at.most(Math.max(24 * HOUR, given.retryForMs));
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
