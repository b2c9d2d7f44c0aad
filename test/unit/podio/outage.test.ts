import { expect } from 'chai';
import { PodioError } from '../../../src/core/errors.ts';
import { makeOutageGuard } from '../../../src/podio/outage.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';
import { makeLines } from './support.ts';

const down = new PodioError('PODIO_UNAVAILABLE', 'GET /x answered 503', { status: 503, retry: 'backoff' });
const failing = new PodioError('PODIO_UNAVAILABLE', 'GET /x answered 500', { status: 500, retry: 'backoff' });

const setUp = () => {
  const clock = makeVirtualClock();
  const { log, lines } = makeLines();
  let backs = 0;
  const guard = makeOutageGuard(clock, log, () => {
    backs += 1;
  });
  const refusal = () => {
    try {
      guard.admit();
      return undefined;
    } catch (error) {
      return (error as PodioError).retry;
    }
  };
  return { clock, guard, lines, refusal, backs: () => backs };
};

describe('podio outage', () => {
  it('takes two failures in a row for bad luck and the third for an outage', () => {
    const { guard, lines, refusal } = setUp();
    expect(guard.admit().failed(down).retry).to.equal('backoff');
    expect(guard.admit().failed(down).retry).to.equal('backoff');
    expect(guard.admit().failed(down).retry).to.deep.equal({ afterMs: 1_000 });
    expect(refusal()).to.deep.equal({ afterMs: 1_000 });
    expect(lines.map(({ message }) => message)).to.deep.equal(['Podio is down']);
  });

  it('says of a call that was refused for it that it was not made, and of one that was made what is known of that', () => {
    const { guard } = setUp();
    const refused = new PodioError('PODIO_UNAVAILABLE', 'no connection', { unsent: true });
    for (const error of [down, refused, down]) guard.admit().failed(error);
    expect(() => guard.admit())
      .to.throw(PodioError, 'the call was not made')
      .with.property('unsent', true);
    const again = setUp().guard;
    const failed = [refused, down, refused].map(error => again.admit().failed(error));
    expect(failed.map(({ unsent }) => unsent)).to.deep.equal([true, false, true]);
  });

  it('tells once that it is over, by the first call that is answered', async () => {
    const { clock, guard, backs } = setUp();
    guard.admit().failed(down);
    guard.admit().succeeded();
    for (let n = 0; n < 3; n++) guard.admit().failed(down);
    expect(backs()).to.equal(0);
    await clock.advance(1_000);
    guard.admit().succeeded();
    guard.admit().succeeded();
    expect(backs()).to.equal(1);
  });

  it('says whether it is one, since when and why', async () => {
    const { clock, guard } = setUp();
    expect(guard.status()).to.deep.equal({ hasAnswered: false });
    for (let n = 0; n < 3; n++) guard.admit().failed(down);
    await clock.advance(5_000);
    const error = 'GET /x answered 503';
    expect(guard.status()).to.deep.equal({ hasAnswered: false, down: { ms: 5_000, error } });
    guard.admit().failed(down);
    await clock.advance(5_000);
    expect(guard.status().down?.ms).to.equal(10_000);
    guard.admit().succeeded();
    expect(guard.status()).to.deep.equal({ hasAnswered: true });
  });

  it('lets one call at a time try, less and less often, and says so once', async () => {
    const { clock, guard, lines, refusal } = setUp();
    for (let n = 0; n < 3; n++) guard.admit().failed(down);
    const waits: number[] = [];
    for (let n = 0; n < 8; n++) {
      await clock.advance((refusal() as { afterMs: number }).afterMs);
      const probe = guard.admit();
      expect(refusal(), 'beside the probe').to.be.an('object');
      waits.push((probe.failed(down).retry as { afterMs: number }).afterMs / 1_000);
    }
    expect(waits).to.deep.equal([2, 4, 8, 16, 32, 60, 60, 60]);
    await clock.advance(60_000);
    guard.admit().succeeded();
    expect(refusal()).to.equal(undefined);
    expect(lines.map(({ message }) => message)).to.deep.equal(['Podio is down', 'Podio answers again']);
  });

  it('counts calls that failed together once', () => {
    const { guard, refusal } = setUp();
    const together = Array.from({ length: 6 }, () => guard.admit());
    for (const admission of together) admission.failed(down);
    expect(refusal()).to.deep.equal({ afterMs: 1_000 });
  });

  it('does not take a 500 for an outage: Podio has answered', () => {
    const { guard, refusal } = setUp();
    guard.admit().failed(down);
    guard.admit().failed(down);
    expect(guard.admit().failed(failing)).to.equal(failing);
    guard.admit().failed(down);
    expect(refusal()).to.equal(undefined);
  });
});
