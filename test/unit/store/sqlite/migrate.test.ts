import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { openReader, openStore } from '../../../../src/store/index.ts';
import { codeOf, itemEvent, lane } from '../../../contract/store/worlds.ts';
import { temporaryFolder } from '../../../support/folder.ts';

/** A database of the first form with three events, a rule that has run for two of them, and a parked run. */
function writeForm1(dataDir: string): void {
  const db = new DatabaseSync(join(dataDir, 'podiod.db'));
  db.exec(readFileSync(join(import.meta.dirname, 'form-1.sql'), 'utf8'));
  db.close();
  chmodSync(join(dataDir, 'podiod.db'), 0o600);
}

describe('a database of the first form', () => {
  it('is brought up to date with all that is in it', async () => {
    using folder = temporaryFolder();
    writeForm1(folder.path);
    expect(await codeOf((async () => openReader(folder.path))())).to.equal('STORE_UNAVAILABLE');
    const store = await openStore({ dataDir: folder.path });
    try {
      const { entries } = await store.journal.read({ after: 0, limit: 10 });
      expect(entries.map(({ event }) => event.id)).to.deep.equal([
        'item.update:1:4',
        'item.update:2:1',
        'item.update:1:5',
      ]);
      const lease = await store.lanes.acquire(lane(), 'head');
      const { cursor, loadedAt, done } = await store.lanes.load(lease);
      // When the rule was first loaded was not kept: nothing is withheld from it.
      expect({ cursor, loadedAt, done }).to.deep.equal({ cursor: 2, loadedAt: 0, done: [] });
      expect((await store.parking.list()).map(({ step }) => step)).to.deep.equal(['tell']);
      expect(await store.settings.get('token/app/101')).to.deep.equal({ kept: true });
    } finally {
      await store.close();
    }
  });

  it('knows no revisions yet: the next one of each item is its baseline', async () => {
    using folder = temporaryFolder();
    writeForm1(folder.path);
    const store = await openStore({ dataDir: folder.path });
    try {
      const jumps = (revision: number) => itemEvent(1, revision, { following: 'jumps' });
      expect((await store.journal.append([itemEvent(1, 5)]))[0]?.status).to.equal('repeat');
      const results = await store.journal.append([jumps(8), jumps(10), jumps(9)]);
      expect(results.map(({ status, seq }) => [status, seq])).to.deep.equal([
        ['released', 4],
        ['released', 6],
        ['released', 5],
      ]);
    } finally {
      await store.close();
    }
  });
});
