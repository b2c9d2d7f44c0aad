import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { isPodiodError, type PodiodError } from '../../../src/core/errors.ts';
import {
  ensureSecretFile,
  exchangeSecretFile,
  isDataDirOurs,
  keepSecretFile,
  makeDataDir,
  readSecretFile,
  replaceDataFile,
  replaceFile,
} from '../../../src/store/files.ts';
import { openStore } from '../../../src/store/index.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { itAsRoot } from '../../support/root.ts';

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

async function refused(promise: Promise<unknown>): Promise<PodiodError> {
  const error: unknown = await promise.then(
    value => new Error(`not refused: ${String(value)}`),
    (thrown: unknown) => thrown,
  );
  if (isPodiodError(error)) return error;
  throw error;
}

describe('a secret kept in dataDir', () => {
  it('is what stands in the file', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'secret');
    writeFileSync(path, '0123456789-by-hand\r\n', { mode: 0o600 });
    expect(await ensureSecretFile(folder.path, 'secret')).to.equal('0123456789-by-hand');
  });

  for (const mode of [0o604, 0o640, 0o620, 0o666]) {
    it(`is refused when its mode is ${mode.toString(8)}, and stays as it is`, async () => {
      using folder = temporaryFolder();
      for (const name of ['secret', 'admin-token'] as const) {
        const path = join(folder.path, name);
        writeFileSync(path, '0123456789-by-hand\n');
        chmodSync(path, mode);
        for (const ask of [
          () => ensureSecretFile(folder.path, name),
          () => keepSecretFile(folder.path, name, 'the-token-of-the-config'),
        ]) {
          const error = await refused(ask());
          expect(error.code).to.equal('STORE_EXPOSED');
          expect(error.message)
            .to.include(path)
            .and.include(`0${mode.toString(8)}`);
          expect(error.hint).to.include(`chmod 600 ${path}`);
        }
        expect(modeOf(path)).to.equal(mode.toString(8));
      }
    });
  }

  for (const [what, text, message] of [
    ['nothing', '', /is empty/],
    ['a line end', '\n', /is empty/],
    ['15 characters', '0123456789abcde\n', /16 characters or more, it has 15$/],
    ['a space', '0123456789 abcdef', /one line of printable/],
    ['a space at the end', '0123456789abcdef ', /one line of printable/],
    ['two lines', '0123456789abcdef\n0123456789abcdef\n', /one line of printable/],
    ['zeros of a lost block', '\0'.repeat(43), /one line of printable/],
    ['another alphabet', 'ключ-ключ-ключ-ключ', /one line of printable/],
  ] as const) {
    for (const name of ['secret', 'admin-token'] as const) {
      it(`is refused with ${what} in ${name}, which stays as it is`, async () => {
        using folder = temporaryFolder();
        const path = join(folder.path, name);
        writeFileSync(path, text);
        for (const ask of [ensureSecretFile, readSecretFile]) {
          const error = await refused(ask(folder.path, name));
          expect(error.code).to.equal('STORE_SECRET');
          expect(error.message).to.include(path).and.match(message);
          expect(error.hint).to.match(name === 'secret' ? /backup.*apply --prune/ : /Delete the file/);
          if (text.length > 1) expect(error.message).to.not.include(text.trim());
        }
        expect(readFileSync(path, 'utf8')).to.equal(text);
      });
    }
  }

  it('is not made by looking for it', async () => {
    using folder = temporaryFolder();
    expect(await readSecretFile(folder.path, 'secret')).to.equal(undefined);
  });
});

describe('a secret of the config, kept in dataDir too', () => {
  it('takes the place of whatever stood in the file, readable by its owner only', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'admin-token');
    await ensureSecretFile(folder.path, 'admin-token');
    await keepSecretFile(folder.path, 'admin-token', 'the-token-of-the-config');
    expect(readFileSync(path, 'utf8')).to.equal('the-token-of-the-config\n');
    expect(modeOf(path)).to.equal('600');
    expect(await readSecretFile(folder.path, 'admin-token')).to.equal('the-token-of-the-config');
  });
});

describe('makeDataDir', () => {
  it('makes what is missing, for the owner only, and leaves what is there', () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'a', 'b', 'c');
    makeDataDir(path);
    expect([modeOf(path), modeOf(join(folder.path, 'a'))]).to.deep.equal(['700', '700']);
    chmodSync(path, 0o755);
    makeDataDir(path);
    expect(modeOf(path)).to.equal('755');
  });

  it('says so where nothing can be made, and where a file is in the way', () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'file');
    writeFileSync(file, '');
    expect(() => makeDataDir(join(file, 'data'))).to.throw(/ENOTDIR|EEXIST/);
    expect(() => makeDataDir(file)).to.throw(/EEXIST/);
    if (process.platform === 'linux') expect(() => makeDataDir('/proc/nope/data')).to.throw(/ENOENT/);
  });
});

describe('what root makes in the folder of somebody else', () => {
  const ownerOf = (path: string): readonly number[] => {
    const { uid, gid } = statSync(path);
    return [uid, gid];
  };

  itAsRoot('is theirs: a command of root takes nothing from the daemon', async () => {
    using folder = temporaryFolder();
    const dataDir = join(folder.path, 'data');
    mkdirSync(dataDir, 0o700);
    chownSync(dataDir, 4711, 4712);
    const store = await openStore({ dataDir });
    await store.settings.set('a', 1);
    const before = readdirSync(dataDir);
    await store.close();
    await ensureSecretFile(dataDir, 'secret');
    // As podiod secret rotate and podiod apply do.
    await exchangeSecretFile(dataDir, 'another-secret-of-the-config');
    await replaceDataFile(dataDir, 'command-tokens.json', '{}');
    makeDataDir(join(dataDir, 'new', 'data'));
    const made = new Set([...before, ...readdirSync(dataDir), 'new/data']);
    expect([...made]).to.include.members(['podiod.db', 'lock.db', 'secret', 'previous-secrets']);
    for (const name of readdirSync(dataDir)) {
      expect([name, ...ownerOf(join(dataDir, name))]).to.deep.equal([name, 4711, 4712]);
    }
    expect(ownerOf(join(dataDir, 'new', 'data'))).to.deep.equal([4711, 4712]);
  });

  itAsRoot('stays theirs where root had made it before, and root keeps what it puts elsewhere', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'secret');
    await ensureSecretFile(folder.path, 'secret');
    expect(ownerOf(path)).to.deep.equal([0, 0]);
    chownSync(folder.path, 4711, 4712);
    await exchangeSecretFile(folder.path, 'another-secret-of-the-config');
    expect(ownerOf(path)).to.deep.equal([4711, 4712]);
    await replaceFile(join(folder.path, '.env'), 'TOKEN=1\n', 0o600);
    expect(ownerOf(join(folder.path, '.env'))).to.deep.equal([0, 0]);
  });

  itAsRoot('is no dataDir made by the way', () => {
    using folder = temporaryFolder();
    expect(isDataDirOurs(folder.path)).to.equal(true);
    expect(isDataDirOurs(join(folder.path, 'data'))).to.equal(false);
  });
});
