import {
  chownSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { ensureSecretFile } from '../../../../src/store/files.ts';
import { backUp, lockDataDir, openStore, restore, type Store } from '../../../../src/store/index.ts';
import { appended, codeOf, itemEvent, lane, park, settled } from '../../../contract/store/worlds.ts';
import { temporaryFolder } from '../../../support/folder.ts';
import { itAsRoot } from '../../../support/root.ts';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);

/** A folder with a dataDir in it, and the stores that a test opens there. */
function makeSite() {
  const folder = temporaryFolder();
  const open: Store[] = [];
  const dataDir = join(folder.path, 'data');
  return {
    dataDir,
    file: join(folder.path, 'copy.db'),
    async open(at = dataDir) {
      const store = await openStore({ dataDir: at });
      open.push(store);
      return store;
    },
    async [Symbol.asyncDispose]() {
      for (const store of open) await store.close();
      folder[Symbol.dispose]();
    },
  };
}

const thrown = (work: () => unknown): Promise<unknown> => codeOf((async () => work())());

describe('a backup', () => {
  it('is made beside a store in use, of all that was written by then, for the owner only', async () => {
    await using site = makeSite();
    const store = await site.open();
    const lease = await store.lanes.acquire(lane(), 'earliest');
    const [first, second] = await appended(store, 2);
    if (!first || !second) throw new Error('two were appended');
    await store.lanes.finish(lease, settled(first), 1);
    await park(store, lease, [second]);
    await store.settings.set('token/app/101', { kept: true });
    const before = process.umask(0);
    const facts = backUp(site.dataDir, site.file);
    process.umask(before);
    expect(facts).to.deep.include({ file: site.file, events: 2, head: 2 });
    expect(facts.bytes).to.equal(statSync(site.file).size);
    expect((statSync(site.file).mode & 0o777).toString(8)).to.equal('600');
    expect(readdirSync(join(site.dataDir, '..')).sort()).to.deep.equal(['copy.db', 'data']);

    // What comes later is not in it; it is in the store.
    await appended(store, 3);
    const other = join(site.dataDir, '..', 'other');
    await restore(site.file, other, NOW);
    const back = await site.open(other);
    expect(back.journal.head()).to.equal(2);
    expect((await back.parking.list()).map(({ seq }) => seq)).to.deep.equal([2]);
    expect(await back.settings.get('token/app/101')).to.deep.equal({ kept: true });
    expect((await back.lanes.status())[0]?.counts).to.include({ settled: 1, parked: 1 });
    expect(store.journal.head()).to.equal(5);
  });

  it('is whole while events come in', async () => {
    await using site = makeSite();
    const store = await site.open();
    let going = true;
    let item = 0;
    const writing = (async () => {
      while (going) await store.journal.append(Array.from({ length: 50 }, () => itemEvent(++item, 1)));
    })();
    const heads: number[] = [];
    for (let n = 0; n < 5; n++) {
      await new Promise(resolve => setTimeout(resolve, 20));
      const { head, events } = backUp(site.dataDir, `${site.file}.${n}`);
      expect(events).to.equal(head);
      heads.push(head);
    }
    going = false;
    await writing;
    expect(heads).to.deep.equal(heads.toSorted((a, b) => a - b));
    expect(heads.at(-1)).to.be.at.most(store.journal.head());
  });

  it('never replaces a file, and leaves nothing behind when it fails', async () => {
    await using site = makeSite();
    expect(await thrown(() => backUp(site.dataDir, site.file))).to.equal('STORE_UNAVAILABLE');
    await (await site.open()).close();
    writeFileSync(site.file, 'mine');
    expect(await thrown(() => backUp(site.dataDir, site.file))).to.equal('STORE_WRITE_FAILED');
    expect(readFileSync(site.file, 'utf8')).to.equal('mine');
    const database = join(site.dataDir, 'podiod.db');
    writeFileSync(database, Buffer.concat([readFileSync(database).subarray(0, 8192), Buffer.alloc(8192, 7)]));
    expect(await thrown(() => backUp(site.dataDir, `${site.file}.2`))).to.equal('STORE_CORRUPT');
    expect(readdirSync(join(site.dataDir, '..')).sort()).to.deep.equal(['copy.db', 'data']);
  });

  it('brings the secret back where there is none, and leaves one that is there', async () => {
    await using site = makeSite();
    await (await site.open()).close();
    const secret = await ensureSecretFile(site.dataDir, 'secret');
    backUp(site.dataDir, site.file);
    const other = join(site.dataDir, '..', 'other');
    expect((await restore(site.file, other, NOW)).files).to.deep.equal(['secret']);
    expect(readFileSync(join(other, 'secret'), 'utf8')).to.equal(`${secret}\n`);
    expect((statSync(join(other, 'secret')).mode & 0o777).toString(8)).to.equal('600');
    writeFileSync(join(other, 'secret'), 'a-younger-secret-of-this-machine\n');
    expect((await restore(site.file, other, NOW)).files).to.deep.equal([]);
    expect(readFileSync(join(other, 'secret'), 'utf8')).to.equal('a-younger-secret-of-this-machine\n');
    const db = new DatabaseSync(join(other, 'podiod.db'));
    expect(db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'backup_file'").get()).to.equal(undefined);
    db.close();
  });
});

describe('a restore', () => {
  itAsRoot('by root gives what it makes to whoever has the folder', async () => {
    await using site = makeSite();
    await (await site.open()).close();
    await ensureSecretFile(site.dataDir, 'secret');
    backUp(site.dataDir, site.file);
    rmSync(join(site.dataDir, 'secret'));
    chownSync(site.dataDir, 4711, 4712);
    await restore(site.file, site.dataDir, NOW);
    for (const name of ['podiod.db', 'secret']) {
      const { uid, gid } = statSync(join(site.dataDir, name));
      expect([name, uid, gid]).to.deep.equal([name, 4711, 4712]);
    }
  });

  it('keeps what was there, all of it, under another name', async () => {
    await using site = makeSite();
    const store = await site.open();
    await appended(store, 1);
    backUp(site.dataDir, site.file);
    await appended(store, 4);
    await store.close();
    const { keptAs, head } = await restore(site.file, site.dataDir, NOW);
    expect(head).to.equal(1);
    expect(keptAs).to.equal(join(site.dataDir, 'podiod.db.before-restore-20260102T030405'));
    expect(readdirSync(site.dataDir).sort()).to.deep.equal([
      'lock.db',
      'podiod.db',
      'podiod.db.before-restore-20260102T030405',
    ]);
    const back = await site.open();
    expect((await back.journal.append([itemEvent(2, 1)]))[0]).to.include({ status: 'released', seq: 2 });
    const db = new DatabaseSync(keptAs ?? '');
    expect(db.prepare('SELECT max(seq) AS head FROM event').get()).to.deep.include({ head: 5 });
    db.close();
  });

  it('is refused while a daemon has the data, and changes nothing then', async () => {
    await using site = makeSite();
    await (await site.open()).close();
    backUp(site.dataDir, site.file);
    const lock = lockDataDir(site.dataDir);
    expect(await codeOf(restore(site.file, site.dataDir, NOW))).to.equal('STORE_LOCKED');
    lock.release();
    expect(readdirSync(site.dataDir).sort()).to.deep.equal(['lock.db', 'podiod.db']);
  });

  const bad: Record<string, readonly [code: string, make: (file: string) => void]> = {
    'is not there': ['STORE_UNAVAILABLE', () => {}],
    'is no database': ['STORE_CORRUPT', file => writeFileSync(file, 'Dear diary, '.repeat(1000))],
    'is of a newer podiod': [
      'STORE_VERSION',
      file => {
        const db = new DatabaseSync(file);
        db.exec('CREATE TABLE a (b); PRAGMA application_id = 1349477481; PRAGMA user_version = 99');
        db.close();
      },
    ],
    'is damaged': [
      'STORE_CORRUPT',
      file => {
        const whole = readFileSync(join(file, '..', 'data', 'podiod.db'));
        writeFileSync(file, Buffer.concat([whole.subarray(0, whole.length - 4096), Buffer.alloc(4096, 1)]));
      },
    ],
    'has a log of its own': [
      'STORE_CORRUPT',
      file => {
        copyFileSync(join(file, '..', 'data', 'podiod.db'), file);
        writeFileSync(`${file}-wal`, 'frames');
      },
    ],
  };
  for (const [what, [code, make]] of Object.entries(bad)) {
    it(`is refused when the file ${what}, and changes nothing then`, async () => {
      await using site = makeSite();
      const store = await site.open();
      await appended(store, 100);
      await store.close();
      make(site.file);
      const before = readFileSync(join(site.dataDir, 'podiod.db'));
      const refusal = await restore(site.file, site.dataDir, NOW).catch(error => error);
      expect(refusal).to.include({ code });
      expect(refusal.message).to.include(site.file).and.to.not.include('restoring');
      expect(`${refusal.message} ${refusal.hint}`).to.not.include('Restore podiod.db');
      expect(readFileSync(join(site.dataDir, 'podiod.db')).equals(before)).to.equal(true);
      expect(readdirSync(site.dataDir).sort()).to.deep.equal(['lock.db', 'podiod.db']);
    });
  }

  it('says of a file that is no backup that it is none, and that nothing was changed', async () => {
    await using site = makeSite();
    for (const text of ['rules: {}\n', '']) {
      writeFileSync(site.file, text);
      const refusal = await restore(site.file, site.dataDir, NOW).catch(error => error);
      expect(refusal.message).to.match(new RegExp(`^${site.file} is no backup of podiod`));
      expect(refusal.message).to.not.include('the database');
      expect(refusal.hint).to.equal('Nothing was changed. Give a file that podiod backup has made.');
      expect(existsSync(join(site.dataDir, 'podiod.db'))).to.equal(false);
    }
  });

  it('puts a good one in the place of a damaged one', async () => {
    await using site = makeSite();
    const store = await site.open();
    await appended(store, 3);
    await store.close();
    backUp(site.dataDir, site.file);
    writeFileSync(join(site.dataDir, 'podiod.db'), 'not a database, by some accident');
    const { keptAs } = await restore(site.file, site.dataDir, NOW);
    expect(readFileSync(keptAs ?? '', 'utf8')).to.equal('not a database, by some accident');
    expect(existsSync(join(site.dataDir, 'podiod.db-wal'))).to.equal(false);
    expect((await site.open()).journal.head()).to.equal(3);
  });

  it('takes one of an older podiod, brought to the form of this one', async () => {
    await using site = makeSite();
    const db = new DatabaseSync(site.file);
    db.exec(readFileSync(join(import.meta.dirname, 'form-1.sql'), 'utf8'));
    db.close();
    expect(await restore(site.file, site.dataDir, NOW)).to.include({ events: 3, head: 3, keptAs: undefined });
    expect((await site.open()).journal.head()).to.equal(3);
  });
});

describe('where the file system has no hard links', () => {
  /** As exFAT and many a network's say it. Calls `meanwhile` first. */
  const without =
    (meanwhile: (from: string, to: string) => void = () => {}) =>
    (from: string, to: string): void => {
      meanwhile(from, to);
      throw Object.assign(new Error('EPERM: operation not permitted, link'), { code: 'EPERM' });
    };

  it('a backup is under its name the file that was checked, and never a part of it', async () => {
    await using site = makeSite();
    await appended(await site.open(), 3);
    let checked = 0;
    backUp(
      site.dataDir,
      site.file,
      without(part => {
        checked = statSync(part).ino;
      }),
    );
    expect(statSync(site.file).ino).to.equal(checked);
    expect((statSync(site.file).mode & 0o777).toString(8)).to.equal('600');
    expect(readdirSync(join(site.dataDir, '..')).sort()).to.deep.equal(['copy.db', 'data']);
    expect(await restore(site.file, join(site.dataDir, '..', 'other'), NOW)).to.include({ events: 3 });
  });

  it('one that has appeared meanwhile is not replaced', async () => {
    await using site = makeSite();
    await appended(await site.open(), 3);
    const appear = without((_, to) => writeFileSync(to, 'mine'));
    const refusal = await (async () => backUp(site.dataDir, site.file, appear))().catch(error => error);
    expect(refusal.message).to.equal(`${site.file} is there already`);
    expect(readFileSync(site.file, 'utf8')).to.equal('mine');
    expect(readdirSync(join(site.dataDir, '..')).sort()).to.deep.equal(['copy.db', 'data']);
  });

  it('a restore keeps what was there, whole before it has its name, with the database still in its place', async () => {
    await using site = makeSite();
    const store = await site.open();
    await appended(store, 1);
    backUp(site.dataDir, site.file);
    await appended(store, 4);
    await store.close();
    const database = join(site.dataDir, 'podiod.db');
    const before = readFileSync(database);
    const steps: string[] = [];
    const link = without((from, to) => {
      steps.push(basename(from));
      expect(readFileSync(from).equals(before)).to.equal(true);
      expect(readFileSync(database).equals(before)).to.equal(true);
      expect(existsSync(to)).to.equal(false);
    });
    const { keptAs, head } = await restore(site.file, site.dataDir, NOW, link);
    expect(steps).to.deep.equal(['podiod.db', 'podiod.db.before-restore-20260102T030405.part']);
    expect(head).to.equal(1);
    expect(readFileSync(keptAs ?? '').equals(before)).to.equal(true);
    expect((statSync(keptAs ?? '').mode & 0o777).toString(8)).to.equal('600');
    expect(readdirSync(site.dataDir).sort()).to.deep.equal([
      'lock.db',
      'podiod.db',
      'podiod.db.before-restore-20260102T030405',
    ]);
    expect((await site.open()).journal.head()).to.equal(1);
  });
});
