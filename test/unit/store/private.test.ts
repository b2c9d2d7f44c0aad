// Files of dataDir: all that podiod makes are its user's alone, and one that was opened keeps it from starting.
import {
  chmodSync,
  copyFileSync,
  linkSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { writeRunFile } from '../../../src/admin/run-file.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { isPodiodError } from '../../../src/core/errors.ts';
import { type Log, silentLog } from '../../../src/core/log.ts';
import { makeCommandTokens } from '../../../src/daemon/command-tokens.ts';
import { TOKEN_PREFIX } from '../../../src/podio/token-keep.ts';
import { ensureSecretFile, exchangeSecretFile } from '../../../src/store/files.ts';
import { backUp, openStore, restore, type Store } from '../../../src/store/index.ts';
import { openFilesIn } from '../../../src/store/private.ts';
import { temporaryFolder } from '../../support/folder.ts';

const FORM_1 = readFileSync(join(import.meta.dirname, 'sqlite/form-1.sql'), 'utf8');

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

async function refusal(dataDir: string, log: Log = silentLog) {
  const opened: unknown = await openStore({ dataDir, log }).catch((thrown: unknown) => thrown);
  if (isPodiodError(opened)) return opened;
  await (opened as Store).close();
  return undefined;
}

/** Has every part of podiod that keeps something in dataDir do so. Answers the store, which is open. */
async function fillDataDir(dataDir: string): Promise<Store> {
  const path = join(dataDir, 'podiod.db');
  const old = new DatabaseSync(path);
  old.exec(FORM_1);
  old.close();
  chmodSync(path, 0o600);
  await (await openStore({ dataDir })).close();
  const backup = join(dataDir, 'monday.db');
  backUp(dataDir, backup);
  await restore(backup, dataDir, Date.UTC(2026, 0, 2, 3, 4, 5));
  await ensureSecretFile(dataDir, 'secret');
  await ensureSecretFile(dataDir, 'admin-token');
  await exchangeSecretFile(dataDir, 'another-secret-of-the-config');
  const tokens = makeCommandTokens(dataDir, silentLog, systemClock.now);
  await tokens.keep(`${TOKEN_PREFIX}leads`, { access: 'x', expiresAt: Date.now() + 60_000 });
  const address = { host: '127.0.0.1', port: 1 };
  const startedAt = new Date().toISOString();
  await writeRunFile(dataDir, { pid: 1, version: '1', startedAt, ingress: address, admin: address });
  return openStore({ dataDir });
}

describe('files that podiod makes in dataDir', () => {
  it('are for their owner only, whatever the umask', async () => {
    using folder = temporaryFolder();
    const umask = process.umask(0);
    try {
      const store = await fillDataDir(folder.path);
      const modes = readdirSync(folder.path).map(name => [name, modeOf(join(folder.path, name))]);
      await store.close();
      expect(modes).to.deep.equal(
        [
          'admin-token',
          'command-tokens.json',
          'lock.db',
          'monday.db',
          'podiod.db',
          'podiod.db-shm',
          'podiod.db-wal',
          'podiod.db.before-restore-20260102T030405',
          'podiod.db.form-1',
          'previous-secrets',
          'run.json',
          'secret',
        ].map(name => [name, '600']),
      );
    } finally {
      process.umask(umask);
    }
  });

  it('keep it from starting when one was opened, whichever: what, which mode, what to say', async () => {
    using folder = temporaryFolder();
    await (await fillDataDir(folder.path)).close();
    // A backup has the name that somebody gave it, wherever that is.
    rmSync(join(folder.path, 'monday.db'));
    const names = readdirSync(folder.path);
    expect(names).to.include.members(['lock.db', 'run.json', 'podiod.db.form-1']);
    for (const name of names) {
      const path = join(folder.path, name);
      for (const [mode, shown] of [
        [0o644, '0644'],
        [0o620, '0620'],
      ] as const) {
        chmodSync(path, mode);
        const error = await refusal(folder.path);
        expect([name, error?.code]).to.deep.equal([name, 'STORE_EXPOSED']);
        expect(error?.message).to.include(`${path} has mode ${shown}`).and.include('0600');
        expect(error?.hint).to.match(new RegExp(`: chmod 600 ${path}$`));
        expect(error?.retry).to.equal('never');
        expect(statSync(path).mode & 0o777).to.equal(mode);
      }
      chmodSync(path, 0o600);
    }
    expect(await refusal(folder.path)).to.equal(undefined);
  });

  it('are told all at once, with one thing to say', async () => {
    using folder = temporaryFolder();
    await (await openStore({ dataDir: folder.path })).close();
    await ensureSecretFile(folder.path, 'secret');
    const paths = ['lock.db', 'podiod.db', 'secret'].map(name => join(folder.path, name));
    for (const path of paths) chmodSync(path, 0o644);
    const error = await refusal(folder.path);
    for (const path of paths) expect(error?.message).to.include(`${path} has mode 0644`);
    expect(error?.hint)
      .to.include(`chmod 600 ${paths.join(' ')}`)
      .and.to.not.include('Kubernetes');
    for (const path of paths) chmodSync(path, 0o660);
    expect((await refusal(folder.path))?.hint).to.include('fsGroupChangePolicy: OnRootMismatch');
  });
});

describe('files of others in dataDir', () => {
  it('are nobody’s business, but for a copy of the data that everybody can read: that is told', async () => {
    using folder = temporaryFolder();
    await (await openStore({ dataDir: folder.path })).close();
    const at = (name: string): string => join(folder.path, name);
    writeFileSync(at('events.ndjson'), '{}\n', { mode: 0o644 });
    writeFileSync(at('secret.txt'), 'of somebody else\n', { mode: 0o644 });
    writeFileSync(at('empty'), '', { mode: 0o644 });
    const other = new DatabaseSync(at('other.db'));
    other.exec('CREATE TABLE a (b)');
    other.close();
    for (const name of ['by-hand.db', 'for-the-group.db', 'closed.db'])
      copyFileSync(at('podiod.db'), at(name));
    chmodSync(at('by-hand.db'), 0o644);
    chmodSync(at('for-the-group.db'), 0o640);
    expect(openFilesIn(folder.path)).to.deep.equal({
      ours: [],
      copies: [{ path: at('by-hand.db'), mode: '0644' }],
    });
    const warned: unknown[] = [];
    const log: Log = { ...silentLog, warn: (_, fields) => void warned.push(fields?.path), child: () => log };
    expect(await refusal(folder.path, log)).to.equal(undefined);
    expect(warned).to.deep.equal([at('by-hand.db')]);
  });

  it('are not opened where they are the database under another name: that would drop its lock', async () => {
    using folder = temporaryFolder();
    const store = await openStore({ dataDir: folder.path });
    const path = join(folder.path, 'podiod.db');
    const other = join(folder.path, 'linked.db');
    linkSync(path, other);
    chmodSync(path, 0o644);
    expect(openFilesIn(folder.path)).to.have.property('copies').that.is.deep.equal([]);
    await store.close();
    // Set aside as a restore does, it is a file like any other.
    renameSync(other, join(folder.path, 'aside.db'));
    rmSync(path);
    expect(openFilesIn(folder.path).copies.map(({ path }) => path)).to.deep.equal([
      join(folder.path, 'aside.db'),
    ]);
  });
});
