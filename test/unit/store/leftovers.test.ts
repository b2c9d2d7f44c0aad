// What a write leaves that was cut off, and what a start does about it.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Log, silentLog } from '../../../src/core/log.ts';
import { openStore } from '../../../src/store/index.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { itAsRoot } from '../../support/root.ts';
import { until } from '../../support/wait.ts';

/** Writes a small file again and again, until it is killed. */
const WRITER = `
import { replaceDataFile } from ${JSON.stringify(join(import.meta.dirname, '../../../src/store/files.ts'))};
for (;;) await replaceDataFile(process.argv[1], 'run.json', 'x'.repeat(100_000));
`;

/** Of a process that has ended. */
const deadPid = (): number => spawnSync(process.execPath, ['--version']).pid;

const AN_HOUR_AGO = Date.now() / 1000 - 3600;

function dataDirWith(files: Readonly<Record<string, { young?: boolean; mode?: number }>>) {
  const folder = temporaryFolder();
  for (const [name, { young = false, mode = 0o600 }] of Object.entries(files)) {
    const path = join(folder.path, name);
    writeFileSync(path, 'x');
    chmodSync(path, mode);
    if (!young) utimesSync(path, AN_HOUR_AGO, AN_HOUR_AGO);
  }
  return folder;
}

/** Starts on it. Answers what is there then, beside the store's own. */
async function startOn(dataDir: string): Promise<{ there: readonly string[]; told: unknown }> {
  const told: unknown[] = [];
  const log: Log = { ...silentLog, info: (_, fields) => void told.push(fields?.files), child: () => log };
  await (await openStore({ dataDir, log })).close();
  return {
    there: readdirSync(dataDir).filter(name => !['lock.db', 'podiod.db'].includes(name)),
    told: told[0],
  };
}

describe('what cut off writes have left in dataDir', function () {
  this.timeout(30_000);

  it('is removed at the start, also when kill -9 has left it, and told', async () => {
    using folder = temporaryFolder();
    const left = (): readonly string[] =>
      readdirSync(folder.path).filter(name => /\.[0-9a-f]{8}$/.test(name));
    for (let kills = 0; left().length === 0; kills += 1) {
      expect(kills, 'kills that left nothing').to.be.lessThan(50);
      const child = spawn(process.execPath, ['--input-type=module', '-e', WRITER, folder.path], {
        stdio: 'inherit',
      });
      const ended = once(child, 'exit');
      await until(() => left().length > 0 || child.exitCode !== null, 'a write under way');
      child.kill('SIGKILL');
      await ended;
    }
    const names = left();
    // It may have come this minute from another container, whose processes have other numbers.
    expect((await startOn(folder.path)).there).to.include.members(names);
    for (const name of names) utimesSync(join(folder.path, name), AN_HOUR_AGO, AN_HOUR_AGO);
    const { there, told } = await startOn(folder.path);
    expect(there.filter(name => name !== 'run.json')).to.deep.equal([]);
    expect(told).to.deep.equal(names);
  });

  it('stays while its process runs, or may run; what is not podiod’s stays for ever', async () => {
    const dead = deadPid();
    using folder = dataDirWith({
      [`secret.${dead}.0123abcd`]: {},
      [`previous-secrets.${dead}.0123abcd`]: {},
      [`command-tokens.json.${dead}.0123abcd`]: {},
      // Of a process before this one with the same number, as in a container.
      [`run.json.${process.pid}.0123abcd`]: {},
      'podiod.db.restoring': { young: true },
      'podiod.db.restoring-journal': { young: true },
      'podiod.db.form-12.part': { young: true },
      'podiod.db.before-restore-20260102T030405.part': { young: true },
      [`secret.${process.ppid}.0123abcd`]: {},
      [`run.json.${dead}.0123abcd`]: { young: true },
      [`notes.txt.${dead}.0123abcd`]: {},
      [`secret.${dead}.0123abc`]: {},
      [`secret.${dead}.0123abcd.txt`]: {},
      [`backup.db.${dead}.0123abcd`]: {},
      'podiod.db.form-12': {},
      'podiod.db.before-restore-20260102T030405': {},
    });
    mkdirSync(join(folder.path, `admin-token.${dead}.0123abcd`));
    const precious = join(folder.path, 'precious');
    writeFileSync(precious, 'as it was', { mode: 0o600 });
    symlinkSync(precious, join(folder.path, `admin-token.${dead}.89abcdef`));
    const { there } = await startOn(folder.path);
    expect(there).to.have.members([
      `secret.${process.ppid}.0123abcd`,
      `run.json.${dead}.0123abcd`,
      `notes.txt.${dead}.0123abcd`,
      `secret.${dead}.0123abc`,
      `secret.${dead}.0123abcd.txt`,
      `backup.db.${dead}.0123abcd`,
      'podiod.db.form-12',
      'podiod.db.before-restore-20260102T030405',
      `admin-token.${dead}.0123abcd`,
      `admin-token.${dead}.89abcdef`,
      'precious',
    ]);
    expect(readFileSync(precious, 'utf8')).to.equal('as it was');
  });

  itAsRoot('stays where another user has made it', async () => {
    const name = `secret.${deadPid()}.0123abcd`;
    using folder = dataDirWith({ [name]: {} });
    chownSync(join(folder.path, name), 4711, 4711);
    expect((await startOn(folder.path)).there).to.deep.equal([name]);
    // Whose the folder is may have made it as the daemon's user.
    chownSync(folder.path, 4711, 4711);
    expect((await startOn(folder.path)).there).to.deep.equal([]);
  });
});
