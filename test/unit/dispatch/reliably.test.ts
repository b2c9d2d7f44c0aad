import { expect } from 'chai';
import { StoreError } from '../../../src/core/errors.ts';
import { silentLog } from '../../../src/core/log.ts';
import { makeReliably } from '../../../src/dispatch/reliably.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';
import { listeningLog } from './support.ts';

const unavailable = () => Promise.reject(new StoreError('STORE_UNAVAILABLE', 'not now'));

describe('reliably', () => {
  it('tries until it works, with longer and longer waits, and says so once for all who wait', async () => {
    const clock = makeVirtualClock();
    const { log, lines } = listeningLog();
    const reliably = makeReliably({ clock, log });
    let broken = true;
    let tries = 0;
    const work = async () => {
      tries++;
      return broken ? unavailable() : 'done';
    };
    const { signal } = new AbortController();
    const both = Promise.all([reliably(work, signal), reliably(work, signal)]);
    await clock.advance(60_000);
    expect(tries).to.be.within(10, 30);
    broken = false;
    expect(await clock.until(both)).to.deep.equal([{ value: 'done' }, { value: 'done' }]);
    expect(lines.map(({ level, message }) => [level, message])).to.deep.equal([
      ['error', 'store fails, work in hand waits for it'],
      ['info', 'store works again'],
    ]);
  });

  it('gives up when it is told to', async () => {
    const clock = makeVirtualClock();
    const abort = new AbortController();
    const given = makeReliably({ clock, log: silentLog })(unavailable, abort.signal);
    await clock.advance(1000);
    abort.abort();
    expect(await given).to.equal(undefined);
  });

  it('does not wait for a lease that is lost', async () => {
    const stale = new StoreError('STORE_STALE_LEASE', 'lost');
    const reliably = makeReliably({ clock: makeVirtualClock(), log: silentLog });
    const given = reliably(() => Promise.reject(stale), new AbortController().signal);
    expect(await given.catch((error: Error) => error)).to.equal(stale);
  });
});
