import { expect } from 'chai';
import sinon from 'sinon';
import { sleep, systemClock } from '../../../src/core/clock.ts';

describe('systemClock', () => {
  it('waits longer than a timer of the platform can', () => {
    const timers = sinon.useFakeTimers();
    const fired = sinon.spy();
    systemClock.after(40 * 86_400_000, fired);
    timers.tick(40 * 86_400_000 - 1);
    expect(fired.called).to.equal(false);
    timers.tick(1);
    expect(fired.callCount).to.equal(1);
  });

  it('fires nothing that was cancelled, also in a later leg of a long wait', () => {
    const timers = sinon.useFakeTimers();
    const fired = sinon.spy();
    const cancel = systemClock.after(40 * 86_400_000, fired);
    timers.tick(30 * 86_400_000);
    cancel();
    timers.tick(30 * 86_400_000);
    expect(fired.called).to.equal(false);
  });
});

describe('sleep', () => {
  it('rejects with the reason of the signal and leaves no timer', async () => {
    const timers = sinon.useFakeTimers();
    const stop = new AbortController();
    const slept = sleep(systemClock, 1000, stop.signal).catch(error => error);
    stop.abort(new Error('stopping'));
    expect((await slept).message).to.equal('stopping');
    expect(timers.countTimers()).to.equal(0);
  });
});
