import { expect } from 'chai';
import { StoreError } from '../../../src/core/errors.ts';
import { silentLog } from '../../../src/core/log.ts';
import { makeOwnWrites } from '../../../src/daemon/own-writes.ts';
import { makeReliably } from '../../../src/dispatch/reliably.ts';
import type { Gaps } from '../../../src/store/contract.ts';
import { makeMemoryStore } from '../../../src/store/memory.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';
import { itemUpdate, listeningLog } from '../dispatch/support.ts';

function scene(log = silentLog) {
  const clock = makeVirtualClock();
  const store = makeMemoryStore({ clock });
  const disk = { works: false };
  const gaps: Pick<Gaps, 'own'> = {
    own: async (...args) => {
      if (!disk.works) throw new StoreError('STORE_WRITE_FAILED', 'disk full');
      await store.gaps.own(...args);
    },
  };
  const stopping = new AbortController();
  const onWrite = makeOwnWrites({
    gaps,
    names: { app: () => 'leads' },
    reliably: makeReliably({ clock, log: silentLog }),
    signal: stopping.signal,
    log,
  });
  return { clock, store, disk, onWrite, stopping };
}

describe('own writes', () => {
  it('are in the ledger also when the store failed meanwhile, so that they make no gap', async () => {
    const { clock, store, disk, onWrite } = scene();
    const jumps = (revision: number) => ({ ...itemUpdate(1, revision), following: 'jumps' as const });
    await store.journal.append([jumps(3)]);
    onWrite(1, 4, 101);
    await clock.advance(30_000);
    disk.works = true;
    await clock.advance(30_000);
    const [next] = await store.journal.append([jumps(5)]);
    expect(next?.status).to.equal('released');
  });

  it('are told of where podiod stops before the store works again', async () => {
    const { log, lines } = listeningLog();
    const { clock, onWrite, stopping } = scene(log);
    onWrite(1, 4, 101);
    await clock.advance(1000);
    stopping.abort();
    await clock.advance(0);
    expect(lines.map(({ message }) => message)).to.deep.equal(['own write not recorded']);
  });
});
