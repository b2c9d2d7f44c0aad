import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { lockDataDir } from '../../../../src/store/index.ts';
import { temporaryFolder } from '../../../support/folder.ts';

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);
const refusal = (dataDir: string): { code?: string; message: string; hint?: string } => {
  try {
    lockDataDir(dataDir).release();
  } catch (error) {
    return error as Error;
  }
  throw new Error('the lock was given');
};

describe('the lock on dataDir', () => {
  it('makes what is missing for the owner only, whatever the umask', () => {
    using folder = temporaryFolder();
    const dataDir = join(folder.path, 'deep', 'data');
    const before = process.umask(0);
    try {
      lockDataDir(dataDir).release();
    } finally {
      process.umask(before);
    }
    expect([modeOf(dataDir), modeOf(join(dataDir, 'lock.db'))]).to.deep.equal(['700', '600']);
  });

  it('leaves the mode of a folder that is there', () => {
    using folder = temporaryFolder();
    const dataDir = join(folder.path, 'data');
    mkdirSync(dataDir, { mode: 0o750 });
    lockDataDir(dataDir).release();
    expect(modeOf(dataDir)).to.equal('750');
  });

  it('is given once, and again after its release', () => {
    using folder = temporaryFolder();
    const lock = lockDataDir(folder.path);
    expect(refusal(folder.path)).to.include({
      code: 'STORE_LOCKED',
      message: `another podiod uses ${folder.path}`,
    });
    // Looking at the lock must not break it: POSIX drops a file's locks when any of its descriptors is closed.
    expect(refusal(folder.path)).to.include({ code: 'STORE_LOCKED' });
    lock.release();
    lock.release();
    lockDataDir(folder.path).release();
  });

  it('names the process that run.json tells of', () => {
    using folder = temporaryFolder();
    const lock = lockDataDir(folder.path);
    try {
      writeFileSync(join(folder.path, 'run.json'), '{"pid":4711}');
      expect(refusal(folder.path).message).to.equal(`another podiod (process 4711) uses ${folder.path}`);
      writeFileSync(join(folder.path, 'run.json'), '{"pid":');
      expect(refusal(folder.path).message).to.equal(`another podiod uses ${folder.path}`);
    } finally {
      lock.release();
    }
  });

  it('holds against other processes, and is free at once when its owner is killed', async () => {
    using folder = temporaryFolder();
    const module = new URL('../../../../src/store/index.ts', import.meta.url).href;
    const script = `import { lockDataDir } from ${JSON.stringify(module)};
      globalThis.lock = lockDataDir(process.argv[1]); console.log('locked'); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, folder.path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    try {
      await Promise.race([
        once(child.stdout, 'data'),
        exited.then(() => Promise.reject(new Error('the child has ended'))),
      ]);
      expect(refusal(folder.path).code).to.equal('STORE_LOCKED');
    } finally {
      child.kill('SIGKILL');
      await exited;
    }
    lockDataDir(folder.path).release();
  });

  it('says which file it is that is no lock, and that it can be deleted', () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'lock.db');
    writeFileSync(path, 'garbage '.repeat(1000));
    const error = refusal(folder.path);
    expect(error.code).to.equal('STORE_CORRUPT');
    expect(error.message).to.include(path);
    expect(error.hint).to.match(/^Delete it/);
    rmSync(path);
    lockDataDir(folder.path).release();
  });

  it('says what is wrong when the folder can not be made', () => {
    using folder = temporaryFolder();
    writeFileSync(join(folder.path, 'file'), '');
    const error = refusal(join(folder.path, 'file', 'data'));
    expect(error.code).to.equal('STORE_ACCESS');
    expect(error.message).to.equal(
      `${join(folder.path, 'file', 'data')} can't be there: ${join(folder.path, 'file')} is a file`,
    );
  });
});
