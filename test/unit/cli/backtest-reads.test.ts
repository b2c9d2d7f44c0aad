import { expect } from 'chai';
import { type Patience, patiently, type Request } from '../../../src/cli/backtest/reads.ts';
import { PodioError } from '../../../src/core/errors.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

const CALL = { operation: 'apps.get', method: 'GET', path: '/app/1' } as const;
const AS = { kind: 'app', app: 'leads' } as never;

function setUp(request: Request, signal = new AbortController().signal) {
  const clock = makeVirtualClock();
  const waits: [ms: number, why: string][] = [];
  const gaveUp: string[] = [];
  const patience: Patience = {
    clock,
    signal,
    onWait: (ms, error) => waits.push([ms, error.message]),
    onGiveUp: error => gaveUp.push(error.message),
  };
  return { clock, waits, gaveUp, asked: patiently(request, patience)(AS, CALL) };
}

describe('the patience of a backtest', () => {
  it('ends a minute after Podio was first found away, with the first reason', async () => {
    let calls = 0;
    const { clock, waits, gaveUp, asked } = setUp(async () => {
      calls++;
      throw calls === 1
        ? new PodioError('PODIO_UNAVAILABLE', 'ECONNREFUSED')
        : new PodioError('PODIO_UNAVAILABLE', 'not made', { retry: { afterMs: 40_000 } });
    });
    const error = await clock.until(
      asked.then(
        () => undefined,
        (thrown: Error) => thrown,
      ),
    );
    expect(error?.message).to.equal('ECONNREFUSED');
    expect(gaveUp).to.deep.equal(['ECONNREFUSED']);
    expect(clock.monotonic()).to.equal(60_000);
    expect(waits).to.deep.equal([
      [5000, 'ECONNREFUSED'],
      [40_000, 'ECONNREFUSED'],
      [15_000, 'ECONNREFUSED'],
    ]);
  });

  it('lasts over an outage that ends, and over a limit however long', async () => {
    let calls = 0;
    const { clock, gaveUp, asked } = setUp(async () => {
      calls++;
      if (calls === 1) throw new PodioError('PODIO_UNAVAILABLE', 'ECONNREFUSED');
      if (calls < 50) throw new PodioError('PODIO_RATE_LIMITED', 'limit', { retry: { afterMs: 3_600_000 } });
      if (calls < 53) throw new PodioError('PODIO_UNAVAILABLE', 'gone', { retry: { afterMs: 10_000 } });
      return 'answer';
    });
    expect(await clock.until(asked)).to.equal('answer');
    expect(gaveUp).to.deep.equal([]);
  });

  it('ends at once when it is stopped, also where what is under way hears of nothing', async () => {
    const stopping = new AbortController();
    const { asked } = setUp(() => new Promise(() => {}), stopping.signal);
    const ended = asked.then(
      () => 'answered',
      (error: Error) => error.message,
    );
    stopping.abort(new Error('it was stopped'));
    expect(await ended).to.equal('it was stopped');
  });
});
