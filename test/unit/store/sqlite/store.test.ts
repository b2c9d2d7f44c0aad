import { chmodSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { type Log, silentLog } from '../../../../src/core/log.ts';
import { ensureSecretFile } from '../../../../src/store/files.ts';
import {
  backUp,
  faultsOf,
  lockDataDir,
  openReader,
  openStore,
  restore,
} from '../../../../src/store/index.ts';
import { requireWhole } from '../../../../src/store/sqlite/lost.ts';
import { MIGRATIONS } from '../../../../src/store/sqlite/schema.ts';
import {
  appended,
  checkpoint,
  codeOf,
  itemEvent,
  keyOf,
  lane,
  park,
  parked,
  settled,
  tries,
} from '../../../contract/store/worlds.ts';
import { temporaryFolder } from '../../../support/folder.ts';

const pragma = (path: string, name: string): unknown => {
  const db = new DatabaseSync(path);
  const row = db.prepare(`PRAGMA ${name}`).get();
  db.close();
  return row?.[name];
};

const framesOf = (log: Buffer): number => (log.length - 32) / (24 + 4096);

/** As a log has it, but for its checksums. */
function frameOf(log: Buffer, page: number, content: Buffer): Buffer {
  const head = Buffer.from(log.subarray(32, 32 + 24));
  head.writeUInt32BE(page, 0);
  return Buffer.concat([head, content]);
}

describe('the database file', () => {
  it('and its companions are made for the owner only, whatever the umask', async () => {
    using folder = temporaryFolder();
    const dataDir = join(folder.path, 'data');
    const before = process.umask(0);
    const store = await openStore({ dataDir }).finally(() => process.umask(before));
    await store.journal.append([itemEvent(1, 1)]);
    const modes = Object.fromEntries(
      readdirSync(dataDir).map(file => [file, (statSync(join(dataDir, file)).mode & 0o777).toString(8)]),
    );
    await store.close();
    expect(modes).to.deep.equal({
      'lock.db': '600',
      'podiod.db': '600',
      'podiod.db-shm': '600',
      'podiod.db-wal': '600',
    });
    expect((statSync(dataDir).mode & 0o777).toString(8)).to.equal('700');
  });

  it('that was opened to others is refused until its mode is set back', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'podiod.db');
    await (await openStore({ dataDir: folder.path })).close();
    chmodSync(path, 0o640);
    expect(await codeOf(openStore({ dataDir: folder.path }))).to.equal('STORE_EXPOSED');
    expect((statSync(path).mode & 0o777).toString(8)).to.equal('640');
    chmodSync(path, 0o600);
    await (await openStore({ dataDir: folder.path })).close();
  });

  it('says whose it is and which form it has, and nothing is left beside it after a close', async () => {
    using folder = temporaryFolder();
    const store = await openStore({ dataDir: folder.path });
    await store.close();
    const path = join(folder.path, 'podiod.db');
    expect(pragma(path, 'application_id')).to.equal(Buffer.from('Podi').readUInt32BE());
    expect(pragma(path, 'user_version')).to.equal(MIGRATIONS.length);
    expect(readdirSync(folder.path).sort()).to.deep.equal(['lock.db', 'podiod.db']);
  });

  const foreign: Record<string, (path: string) => void> = {
    'is no database': path => writeFileSync(path, 'Dear diary, '.repeat(1000)),
    'is the database of another program': path => {
      const db = new DatabaseSync(path);
      db.exec('CREATE TABLE bookmarks (url TEXT)');
      db.close();
    },
    'is cut off': path => {
      const db = new DatabaseSync(path);
      db.exec('CREATE TABLE a (b TEXT); PRAGMA application_id = 1349477481');
      db.close();
      writeFileSync(path, readFileSync(path).subarray(0, 1000));
    },
  };
  for (const [what, make] of Object.entries(foreign)) {
    it(`is refused and left as it is when it ${what}`, async () => {
      using folder = temporaryFolder();
      const path = join(folder.path, 'podiod.db');
      make(path);
      chmodSync(path, 0o600);
      const before = readFileSync(path);
      expect(await codeOf(openStore({ dataDir: folder.path }))).to.equal('STORE_CORRUPT');
      expect(await codeOf((async () => openReader(folder.path))())).to.equal('STORE_CORRUPT');
      expect(readFileSync(path).equals(before)).to.equal(true);
      lockDataDir(folder.path).release();
    });
  }

  // To SQLite it is a new one then, and it would throw the log away.
  for (const what of ['empty', 'gone']) {
    it(`that is ${what} is told where its log is still there, and neither is touched`, async () => {
      using folder = temporaryFolder();
      const at = (name: string): string => join(folder.path, name);
      const store = await openStore({ dataDir: folder.path });
      await store.journal.append([itemEvent(1, 1)]);
      const log = readFileSync(at('podiod.db-wal'));
      await store.close();
      backUp(folder.path, at('copy.db'));
      if (what === 'empty') writeFileSync(at('podiod.db'), '');
      else rmSync(at('podiod.db'));
      writeFileSync(at('podiod.db-wal'), log, { mode: 0o600 });
      const refusal = await openStore({ dataDir: folder.path }).catch(error => error);
      expect(refusal).to.include({ code: 'STORE_CORRUPT' });
      expect(refusal.message).to.include('is gone or empty').and.include('podiod.db-wal');
      expect(faultsOf(folder.path)).to.deep.equal([refusal.message]);
      expect(await codeOf((async () => openReader(folder.path))())).to.equal('STORE_CORRUPT');
      expect(await codeOf((async () => backUp(folder.path, at('other.db')))())).to.match(
        /STORE_(CORRUPT|UNAVAILABLE)/,
      );
      expect(readFileSync(at('podiod.db-wal')).equals(log)).to.equal(true);
      // A restore keeps it too, and what is restored has nothing of it.
      const { keptAs = '' } = await restore(at('copy.db'), folder.path, Date.now());
      expect(readFileSync(`${keptAs}-wal`).equals(log)).to.equal(true);
      const back = await openStore({ dataDir: folder.path });
      expect(back.journal.head()).to.equal(1);
      await back.close();
    });
  }

  it('that is cut off is told where its log hides it, and not while the log is moved into it', async () => {
    using folder = temporaryFolder();
    const at = (name: string): string => join(folder.path, name);
    const store = await openStore({ dataDir: folder.path });
    for (let item = 1; item <= 300; item++) await store.journal.append([itemEvent(item, 1)]);
    await store.close();
    const whole = readFileSync(at('podiod.db'));
    const again = await openStore({ dataDir: folder.path });
    await again.journal.append([itemEvent(301, 1)]);
    const [moved, log] = [readFileSync(at('podiod.db')), readFileSync(at('podiod.db-wal'))];
    await again.close();
    expect(moved.equals(whole)).to.equal(true);
    const put = (name: string, content: Buffer): void => writeFileSync(at(name), content, { mode: 0o600 });

    put('podiod.db', whole.subarray(0, whole.length / 2));
    put('podiod.db-wal', log);
    const refusal = await openStore({ dataDir: folder.path }).catch(error => error);
    expect(refusal).to.include({ code: 'STORE_CORRUPT' });
    expect(refusal.message).to.include('is cut off');
    expect(readFileSync(at('podiod.db')).length).to.equal(whole.length / 2);
    expect(readFileSync(at('podiod.db-wal')).equals(log)).to.equal(true);

    // Its first page is moved first: it counts pages then that only the log has.
    const pages = whole.readUInt32BE(28);
    const frames = framesOf(log);
    const last = whole.subarray((pages - 1) * 4096);
    const grown = Buffer.concat([whole, last]);
    grown.writeUInt32BE(pages + 1, 28);
    put('podiod.db', grown.subarray(0, whole.length));
    put('podiod.db-wal', Buffer.concat([log, frameOf(log, pages + 1, last)]));
    expect(frames).to.be.greaterThan(0);
    requireWhole(at('podiod.db'));

    // The page at 1 GiB, where SQLite locks, is neither in a log nor ever written.
    const locked = 2 ** 30 / 4096 + 1;
    grown.writeUInt32BE(locked + 1, 28);
    put('podiod.db', grown.subarray(0, whole.length));
    truncateSync(at('podiod.db'), (locked - 1) * 4096);
    put('podiod.db-wal', Buffer.concat([log, frameOf(log, locked + 1, last)]));
    requireWhole(at('podiod.db'));
    put('podiod.db-wal', log);
    expect(() => requireWhole(at('podiod.db'))).to.throw('is cut off');
  });

  it('that is empty is told where a daemon has run with it, and is a new one where none has', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'podiod.db');
    writeFileSync(path, '', { mode: 0o600 });
    await (await openStore({ dataDir: folder.path })).close();
    writeFileSync(path, '');
    await ensureSecretFile(folder.path, 'admin-token');
    expect(await codeOf(openStore({ dataDir: folder.path }))).to.equal('STORE_CORRUPT');
    expect(readFileSync(path)).to.have.length(0);
    rmSync(path);
    await (await openStore({ dataDir: folder.path })).close();
  });

  it('of a newer podiod is refused and left as it is', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'podiod.db');
    await (await openStore({ dataDir: folder.path })).close();
    const db = new DatabaseSync(path);
    db.exec('PRAGMA user_version = 99');
    db.close();
    const before = readFileSync(path);
    const error = await openStore({ dataDir: folder.path }).then(
      () => undefined,
      (thrown: { code: string; message: string; hint: string }) => thrown,
    );
    expect(error?.code).to.equal('STORE_VERSION');
    expect(error?.message).to.contain('form 99');
    expect(error?.hint).to.contain('newer podiod');
    expect(await codeOf((async () => openReader(folder.path))())).to.equal('STORE_VERSION');
    expect(readFileSync(path).equals(before)).to.equal(true);
  });

  it('of before branches keeps what is parked under its ids, none of which is given again', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'podiod.db');
    await (await openStore({ dataDir: folder.path })).close();
    const db = new DatabaseSync(path);
    const at = MIGRATIONS.findIndex(sql => sql.includes('parked_branches'));
    const made = db.prepare(
      "SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'",
    );
    for (const { type, name } of made.all()) db.exec(`DROP ${String(type)} ${String(name)}`);
    db.exec(MIGRATIONS.slice(0, at).join(''));
    db.exec(`
      INSERT INTO name VALUES (2, '["app",101]'), (3, 'item.update');
      INSERT INTO rule VALUES (1, 'r', 'r');
      INSERT INTO event VALUES (1, 'e', 2, 3, 0, NULL, NULL, 1, 1, NULL, '{}', 1, 1, 0);
      INSERT INTO parked VALUES (7, 1, 1, 0, 'tell', '0.1', 2, 'no', 5, 0), (9, 1, 1, 1, 'tell', '', 2, 'no', 5, 0);
      DELETE FROM parked WHERE id = 9;
      PRAGMA user_version = ${at};
    `);
    db.close();
    const store = await openStore({ dataDir: folder.path });
    await using _ = { [Symbol.asyncDispose]: () => store.close() };
    const [row] = await store.parking.list();
    expect(row).to.include({ id: '7', step: 'tell', attempts: 2 });
    expect(row).not.to.have.property('branch');
    const lease = await store.lanes.acquire({ rule: 'r', shard: 0, of: 1 }, 'earliest');
    const park = { step: 'tell', branch: 'x', attempts: 1, error: 'no' };
    await store.lanes.park(lease, { seq: 1, eventId: 'e', replay: 0 }, 'print', park);
    expect((await store.parking.list()).map(({ id, branch }) => [id, branch])).to.deep.equal([
      ['7', undefined],
      ['10', 'x'],
    ]);
  });

  it('holds an event with its indexes in at most 400 bytes, and a run record in 100', async () => {
    using folder = temporaryFolder();
    const store = await openStore({ dataDir: folder.path });
    const path = join(folder.path, 'podiod.db');
    const count = 5000;
    const size = async () => {
      await store.probe();
      return Number(pragma(path, 'page_count')) * 4096;
    };
    const empty = await size();
    const item = (i: number) => 3_000_000_000 + ((i * 7919) % count);
    await store.journal.append(
      Array.from({ length: count }, (_, i) =>
        itemEvent(item(i), 12, {
          params: {
            hook_id: '21004711',
            type: 'item.update',
            item_id: String(item(i)),
            item_revision_id: '12',
            external_id: `customer-${i}`,
          },
          externalId: `customer-${i}`,
        }),
      ),
    );
    const withEvents = await size();
    const rules = await Promise.all(
      ['a', 'b', 'c', 'd'].map(rule => store.lanes.acquire(lane(rule), 'earliest')),
    );
    const events = (await store.journal.read({ after: 0, limit: count })).entries;
    for (const lease of rules)
      await Promise.all(events.map(({ event }) => store.lanes.finish(lease, settled(event), event.seq)));
    const withRuns = await size();
    await store.close();
    expect((withEvents - empty) / count).to.be.lessThan(400);
    expect((withRuns - withEvents) / count / rules.length).to.be.lessThan(100);
  }).timeout(30_000);
});

describe('the writer', () => {
  it('refuses events beyond what may wait, and takes more when they are on disk', async () => {
    using folder = temporaryFolder();
    const store = await openStore({ dataDir: folder.path, maxWaiting: 10 });
    const codes = await Promise.all(
      Array.from({ length: 12 }, (_, i) => codeOf(store.journal.append([itemEvent(i, 1)]))),
    );
    expect(codes).to.deep.equal([...Array(10).fill(undefined), 'STORE_UNAVAILABLE', 'STORE_UNAVAILABLE']);
    await store.journal.append(Array.from({ length: 25 }, (_, i) => itemEvent(i, 2)));
    expect(store.journal.head()).to.equal(35);
    await store.close();
  });

  it('fails the one command that is at fault, and not those that share its flush', async () => {
    using folder = temporaryFolder();
    const store = await openStore({ dataDir: folder.path });
    const [event] = await appended(store, 1);
    if (!event) throw new Error('one was appended');
    const lease = await store.lanes.acquire(lane(), 'earliest');
    const codes = await Promise.all([
      codeOf(store.journal.append([itemEvent(8, 1, { app: 'new' })])),
      codeOf(store.lanes.tried(lease, keyOf(event), 'print', tries('tell', { attempts: 1.5 }))),
      codeOf(store.journal.append([itemEvent(9, 1, { app: 'new' })])),
      codeOf(store.lanes.finish(lease, settled(event), 1)),
    ]);
    expect(codes).to.deep.equal([undefined, 'INTERNAL', undefined, undefined]);
    expect((await store.journal.list({ app: 'new' })).map(row => row.event.seq)).to.deep.equal([2, 3]);
    expect((await store.lanes.status())[0]?.counts.settled).to.equal(1);
    await store.close();
  });

  it('survives what can not be sent to it', async () => {
    using folder = temporaryFolder();
    const store = await openStore({ dataDir: folder.path });
    const unsendable = itemEvent(1, 1, { app: (() => {}) as never });
    expect(await codeOf(store.journal.append([unsendable]))).to.equal('INTERNAL');
    expect((await store.journal.append([itemEvent(1, 1)]))[0]?.seq).to.equal(1);
    await store.close();
  });

  it('keeps nothing of a retry that was dropped while it was in hand and is parked again', async () => {
    using folder = temporaryFolder();
    const store = await openStore({ dataDir: folder.path });
    const [event] = await appended(store, 1);
    if (!event) throw new Error('one was appended');
    const lease = await store.lanes.acquire(lane(), 'earliest');
    const [id = ''] = await park(store, lease, [event]);
    await store.parking.retry({ ids: [id] });
    await store.lanes.mark(lease, keyOf(event), true);
    await store.parking.drop({ ids: [id] });
    // The step that was in hand goes on until it is through.
    await store.lanes.mark(lease, keyOf(event), true);
    await store.lanes.checkpoint(lease, keyOf(event), 'print', checkpoint('ask'));
    await store.lanes.tried(lease, keyOf(event), 'print', tries('tell'));
    await store.lanes.finish(lease, parked(event, id), 1);
    await store.close();
    const db = new DatabaseSync(join(folder.path, 'podiod.db'), { readOnly: true });
    const rows = ['open_run', 'checkpoint', 'tries', 'start_mark', 'parked'].map(
      table => db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n,
    );
    db.close();
    expect(rows).to.deep.equal([0, 0, 0, 0, 0]);
  });
});

describe('a thread of the store that ends', () => {
  it('fails what was asked of it, is told in the log, and still lets the store close', async () => {
    using folder = temporaryFolder();
    const workers: Worker[] = [];
    const collect = (worker: Worker) => workers.push(worker);
    process.on('worker', collect);
    const lines: unknown[] = [];
    const log: Log = { ...silentLog, error: (message, fields) => lines.push([message, fields?.thread]) };
    const lost: string[] = [];
    const onLost = ({ message }: Error) => lost.push(message);
    const store = await openStore({ dataDir: folder.path, log, onLost }).finally(() =>
      process.off('worker', collect),
    );
    await store.journal.append([itemEvent(1, 1)]);
    const asked = Promise.all([
      codeOf(store.journal.append([itemEvent(2, 1)])),
      codeOf(store.parking.list()),
    ]);
    await Promise.all(workers.map(worker => worker.terminate()));
    expect(await asked).to.deep.equal(['STORE_UNAVAILABLE', 'STORE_UNAVAILABLE']);
    expect(await codeOf(store.journal.append([itemEvent(3, 1)]))).to.equal('STORE_UNAVAILABLE');
    expect(lines).to.have.deep.members([
      ['a thread of the store has ended', 'writer'],
      ['a thread of the store has ended', 'reader'],
    ]);
    expect(lost).to.have.members([
      "the store's writer thread has ended",
      "the store's reader thread has ended",
    ]);
    await store.close();
    lockDataDir(folder.path).release();
  });
});

describe('a lock that the caller holds', () => {
  it("is used and stays the caller's", async () => {
    using folder = temporaryFolder();
    const lock = lockDataDir(folder.path);
    const store = await openStore({ dataDir: folder.path, lock });
    await store.close();
    expect(() => lockDataDir(folder.path)).to.throw('uses');
    lock.release();
  });
});

describe('reading from outside', () => {
  it('works beside the daemon and without it', async () => {
    using folder = temporaryFolder();
    const store = await openStore({ dataDir: folder.path });
    const events = await appended(store, 3);
    const lease = await store.lanes.acquire(lane(), 'earliest');
    if (!events[0]) throw new Error('three were appended');
    await store.lanes.finish(lease, settled(events[0]), 1);
    const look = async () => {
      const reader = openReader(folder.path);
      const seen = [
        (await reader.journal.list({ last: 2 })).map(({ event }) => event.seq),
        (await reader.journal.read({ after: 2, limit: 5 })).upTo,
        (await reader.lanes.status()).map(({ rule, lag }) => [rule, lag]),
        await reader.parking.list(),
        (await reader.parking.counts()).size,
      ];
      await reader.close();
      expect(await codeOf(reader.journal.list({}))).to.equal('STORE_UNAVAILABLE');
      return seen;
    };
    const wanted = [[2, 3], 3, [['won-leads', 2]], [], 0];
    expect(await look()).to.deep.equal(wanted);
    await store.journal.append([itemEvent(3, 1)]);
    await store.close();
    expect(await look()).to.deep.equal(wanted);
    expect(readdirSync(folder.path).sort()).to.deep.equal(['lock.db', 'podiod.db']);
  });

  it('follows what the daemon appends', async () => {
    using folder = temporaryFolder();
    const store = await openStore({ dataDir: folder.path });
    const reader = openReader(folder.path);
    for (let i = 1; i <= 3; i++) {
      await store.journal.append([itemEvent(i, 1)]);
      expect((await reader.journal.list({ after: i - 1 })).length).to.equal(1);
    }
    await reader.close();
    await store.close();
  });

  it('refuses a database that no daemon has brought to its form', () => {
    using folder = temporaryFolder();
    writeFileSync(join(folder.path, 'podiod.db'), '');
    expect(() => openReader(folder.path))
      .to.throw('podiod.db is empty: no podiod has started with it yet')
      .with.property('code', 'STORE_UNAVAILABLE');
  });

  it('says so when no daemon has run yet', () => {
    using folder = temporaryFolder();
    expect(() => openReader(folder.path))
      .to.throw('there is no journal')
      .with.property('code', 'STORE_UNAVAILABLE');
  });
});
