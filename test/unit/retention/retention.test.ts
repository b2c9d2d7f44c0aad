import { expect } from 'chai';
import { type Log, silentLog } from '../../../src/core/log.ts';
import { makeRetention, type RetentionLimits } from '../../../src/retention/retention.ts';
import type { Store } from '../../../src/store/contract.ts';
import { makeMemoryStore } from '../../../src/store/memory.ts';
import { appended, itemEvent, lane } from '../../contract/store/worlds.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

const DAY = 86_400_000;
const MINUTE = 60_000;
const LIMITS: RetentionLimits = { eventsMs: 90 * DAY, runsMs: 30 * DAY, size: 1024 ** 3 };

function setUp(limits: Partial<RetentionLimits> = {}, change: (store: Store) => Partial<Store> = () => ({})) {
  const podio = { aheadMs: 0 as number | undefined };
  const clock = makeVirtualClock();
  const store = makeMemoryStore({ clock });
  const lines: string[] = [];
  const line =
    (level: string) =>
    (message: string): void =>
      void lines.push(`${level}: ${message}`);
  const log: Log = { ...silentLog, warn: line('warn'), info: line('info'), child: () => log };
  const retention = makeRetention({
    store: { ...store, ...change(store) },
    limits: () => ({ ...LIMITS, ...limits }),
    rules: () => ['won-leads'],
    clock,
    podioAheadMs: () => podio.aheadMs,
    log,
  });
  const kept = async () =>
    (await store.journal.read({ after: 0, limit: 1000 })).entries.map(({ event }) => event.seq);
  return { clock, store, retention, lines, kept, podio };
}

describe('retention', () => {
  it('removes what is too old, again and again, and tells what it did', async () => {
    const { clock, store, retention, lines, kept } = setUp();
    await appended(store, 3);
    await clock.advance(50 * DAY);
    await appended(store, 2);
    retention.start();
    await clock.advance(DAY);
    expect(await kept()).to.have.length(5);
    await clock.advance(40 * DAY);
    expect(await kept()).to.deep.equal([4, 5]);
    expect(lines).to.deep.equal(['info: old events removed']);
    const { usage, lastRoundAt, over, heldBy } = await retention.status();
    expect(usage.removed.events).to.equal(3);
    expect(clock.now() - (lastRoundAt ?? 0)).to.be.at.most(11 * MINUTE);
    expect([over, heldBy]).to.deep.equal([undefined, undefined]);
    await retention.stop();
  });

  it('removes nothing by a clock that is ahead, or that nobody has compared with Podio’s, and says so once', async () => {
    const { clock, store, retention, lines, kept, podio } = setUp();
    await appended(store, 3);
    await clock.advance(DAY);
    await appended(store, 1);
    podio.aheadMs = undefined;
    retention.start();
    clock.jump(365 * DAY);
    await clock.advance(10 * 60 * MINUTE);
    expect([await kept(), lines]).to.deep.equal([[1, 2, 3, 4], []]);
    expect((await retention.status()).waitsFor).to.equal('Podio to tell the time');
    podio.aheadMs = -365 * DAY;
    await clock.advance(30 * MINUTE);
    expect([await kept(), lines]).to.deep.equal([[1, 2, 3, 4], ['warn: old things can not be removed now']]);
    expect((await retention.status()).lastError).to.match(/^the clock is 365d ahead of Podio's/);
    // Set back: the store's clock, by which events are dated and removed, goes on from where it was.
    clock.jump(-365 * DAY);
    podio.aheadMs = 0;
    await clock.advance(30 * MINUTE);
    expect([await kept(), lines.length]).to.deep.equal([[1, 2, 3, 4], 1]);
    expect((await retention.status()).waitsFor).to.equal(undefined);
    await retention.stop();
  });

  it('waits after a jump of the clock until Podio has told the time again', async () => {
    const { clock, store, retention, kept, podio } = setUp();
    await appended(store, 3);
    retention.start();
    await clock.advance(DAY);
    await appended(store, 1);
    clock.jump(365 * DAY);
    // Podio is asked within the hour.
    await clock.advance(59 * MINUTE);
    expect(await kept()).to.have.length(4);
    expect((await retention.status()).waitsFor).to.match(/^Podio to tell the time again: the clock was set/);
    podio.aheadMs = -365 * DAY;
    await clock.advance(10 * DAY);
    expect(await kept()).to.have.length(4);
    await retention.stop();
  });

  it('removes the oldest earlier where the size asks for it, but nothing younger than 30 days', async () => {
    const { clock, store, retention, lines, kept } = setUp({ size: 600 });
    await appended(store, 1);
    await clock.advance(31 * DAY);
    await appended(store, 20);
    retention.start();
    await clock.advance(MINUTE);
    expect(await kept()).to.have.length(20);
    const { over, usage } = await retention.status();
    expect(usage.used).to.be.greaterThan(600);
    expect(over).to.match(/younger than 30 days/);
    const warning = 'warn: the database is larger than retention.size allows';
    expect(lines).to.deep.equal(['info: old events removed', warning]);

    // Told once, and again only when it is over.
    await clock.advance(29 * DAY);
    expect(lines).to.have.length(2);
    await clock.advance(2 * DAY);
    expect(await kept()).to.deep.equal([21]);
    expect((await retention.status()).over).to.equal(undefined);
    expect(lines.at(-1)).to.equal('info: the database fits into retention.size again');
    await retention.stop();
  });

  it('says which rule keeps old events from going', async () => {
    const { clock, store, retention, kept } = setUp({ size: 600 });
    const lease = await store.lanes.acquire(lane(), 'earliest');
    await store.journal.append(Array.from({ length: 20 }, (_, i) => itemEvent(i + 1, 1)));
    await store.lanes.advance(lease, 7);
    await clock.advance(100 * DAY);
    retention.start();
    await clock.advance(MINUTE);
    expect(await kept()).to.deep.equal([8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
    const { heldBy, over } = await retention.status();
    expect(heldBy).to.deep.equal({ rule: 'won-leads', cursor: 7 });
    expect(over).to.equal('rule won-leads has not settled the events after 7');
    await retention.stop();
  });

  it('goes on when the store fails for a while, and makes one line of it', async () => {
    let fails = true;
    const { clock, store, retention, lines, kept } = setUp({}, ({ retention: real }) => ({
      retention: {
        ...real,
        removeEvents: async (...args) => {
          if (fails) throw new Error('the disk is full');
          return real.removeEvents(...args);
        },
      },
    }));
    await appended(store, 3);
    await clock.advance(100 * DAY);
    retention.start();
    await clock.advance(60 * MINUTE);
    expect((await retention.status()).lastError).to.equal('the disk is full');
    fails = false;
    await clock.advance(11 * MINUTE);
    expect(await kept()).to.deep.equal([3]);
    expect(lines).to.deep.equal([
      'warn: old things can not be removed now',
      'info: old events removed',
      'info: old things are removed again',
    ]);
    await retention.stop();
  });

  it('stops in the middle of a round', async () => {
    const { clock, store, retention, kept } = setUp({}, ({ retention: real }) => ({
      retention: {
        ...real,
        removeEvents: async (lease, removal) => ({
          ...(await real.removeEvents(lease, removal)),
          more: true,
        }),
      },
    }));
    await appended(store, 3);
    await clock.advance(100 * DAY);
    retention.start();
    await clock.advance(MINUTE);
    await clock.until(retention.stop());
    expect(await kept()).to.deep.equal([3]);
  });
});
