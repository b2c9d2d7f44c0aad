import { expect } from 'chai';
import { elapsed, storeClock } from '../../../src/store/time.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

describe("the store's clock", () => {
  it('follows wall time forward', async () => {
    const clock = makeVirtualClock(1000);
    const now = storeClock(clock);
    expect(now()).to.equal(1000);
    await clock.advance(5);
    clock.jump(100);
    expect(now()).to.equal(1105);
  });

  it('goes on at its pace when wall time is set back', async () => {
    const clock = makeVirtualClock(1000);
    const now = storeClock(clock);
    now();
    clock.jump(-500);
    expect(now()).to.equal(1000);
    await clock.advance(20);
    expect(now()).to.equal(1020);
    clock.jump(600);
    expect(now()).to.equal(1120);
  });
});

describe('elapsed', () => {
  const tries = { sinceFirstMs: 100, waitMs: 50 };

  it('moves both times on', () => {
    expect(elapsed(tries, 1000, 1070)).to.deep.equal({ sinceFirstMs: 170, waitMs: -20 });
  });

  it('never moves them back', () => {
    expect(elapsed(tries, 1000, 900)).to.deep.equal(tries);
  });
});
