import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { checkpointPages, openForWriting, pragma } from '../../../../src/store/sqlite/schema.ts';
import { temporaryFolder } from '../../../support/folder.ts';

const MB = 1024 * 1024;

describe('the log of the database', () => {
  it('may become a part of the room that there is, and no more than 12,000 pages', () => {
    expect(checkpointPages(10_000_000 * MB)).to.equal(12_000);
    expect(checkpointPages(200 * MB)).to.equal(5120);
    expect(checkpointPages(0)).to.equal(1000);
  });

  it('is moved before it fills a small disk, however much is written', () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'podiod.db');
    const db = openForWriting(path, undefined, () => 40 * MB);
    try {
      db.exec('PRAGMA synchronous = OFF; CREATE TABLE a (n INTEGER PRIMARY KEY, text TEXT) STRICT');
      const insert = db.prepare('INSERT OR REPLACE INTO a VALUES (?, ?)');
      // Five times what it may become, of pages that change again and again.
      for (let n = 0; n < 2500; n++) insert.run(n % 10, `${n}`.repeat(500));
      expect(statSync(`${path}-wal`).size).to.be.within(2 * MB, 5 * MB);
    } finally {
      db.close();
    }
  });

  it('is as large as it may be where there is room', () => {
    using folder = temporaryFolder();
    const db = openForWriting(join(folder.path, 'podiod.db'), undefined, () => 1000 * MB);
    expect(pragma(db, 'wal_autocheckpoint')).to.equal(12_000);
    db.close();
  });
});
