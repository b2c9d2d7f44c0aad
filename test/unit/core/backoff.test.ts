import { expect } from 'chai';
import { backoffMs, isRateLimited, statedWaitMs } from '../../../src/core/backoff.ts';
import { PodioError } from '../../../src/core/errors.ts';

describe('backoff', () => {
  it('doubles with each failure in a row, up to a bound, however many there were', () => {
    const limits = { fromMs: 500, toMs: 3000 };
    expect([1, 2, 3, 4, 5, 5000].map(failures => backoffMs(failures, limits))).to.deep.equal([
      500, 1000, 2000, 3000, 3000, 3000,
    ]);
  });

  it('takes a wait from errors that state one', () => {
    const limited = new PodioError('PODIO_RATE_LIMITED', 'wait', { retry: { afterMs: 1200 } });
    const away = new PodioError('PODIO_UNAVAILABLE', 'away', { retry: 'backoff' });
    expect([limited, away, new Error('x'), undefined].map(statedWaitMs)).to.deep.equal([
      1200,
      undefined,
      undefined,
      undefined,
    ]);
    expect([limited, away, new Error('x')].map(isRateLimited)).to.deep.equal([true, false, false]);
  });
});
