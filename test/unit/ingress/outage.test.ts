import { expect } from 'chai';
import { silentLog } from '../../../src/core/log.ts';
import { makeOutage } from '../../../src/ingress/outage.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

const setUp = () => {
  const clock = makeVirtualClock();
  const store = { works: false, asked: 0 };
  const outage = makeOutage({
    log: silentLog,
    clock,
    async probe() {
      store.asked += 1;
      if (!store.works) throw new Error('disk full');
    },
  });
  return { clock, store, outage };
};

describe('an outage of the ingress', () => {
  it('ends by itself when the store can write again, though no event comes', async () => {
    const { clock, store, outage } = setUp();
    outage.failed('the store can not write', new Error('disk full'));
    expect(outage.reason()).to.equal('disk full');
    await clock.advance(60_000);
    expect(outage.reason()).to.equal('disk full');
    store.works = true;
    await clock.advance(5000);
    expect(outage.reason()).to.equal(undefined);
    const { asked } = store;
    await clock.advance(60_000);
    expect(store.asked).to.equal(asked);
  });

  it('goes on while events fail, whatever the store says of itself', async () => {
    const { clock, store, outage } = setUp();
    store.works = true;
    const fail = () => outage.failed('too much is waiting to be written');
    fail();
    for (let second = 0; second < 20; second++) {
      await clock.advance(1000);
      expect(outage.reason()).to.equal('too much is waiting to be written');
      fail();
    }
    await clock.advance(10_000);
    expect(outage.reason()).to.equal(undefined);
  });

  it('asks no more after a stop', async () => {
    const { clock, store, outage } = setUp();
    outage.failed('the store can not write');
    outage.stop();
    outage.failed('the store can not write');
    await clock.advance(60_000);
    expect(store.asked).to.equal(0);
  });
});
