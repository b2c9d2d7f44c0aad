// What every command says where dataDir, a file in it or the config is of the wrong kind, or another user's.
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { openStore } from '../../src/store/index.ts';
import { podiod } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';
import { itAsRoot } from '../support/root.ts';
import {
  itAsOrdinary,
  itWithMounts,
  ordinary,
  ordinaryIds,
  ordinaryName,
  whereReadOnly,
} from '../support/users.ts';

const CONFIG = {
  server: { publicUrl: 'https://hooks.example.com/podio', port: 0 },
  admin: { port: 0 },
  podio: { apiUrl: 'http://127.0.0.1:1', clientId: 'podiod', clientSecret: 'client-secret' },
  apps: { leads: { id: 101, token: 'leads-token' } },
  plugins: { audit: { use: 'file-logger', path: './events.ndjson' } },
  rules: { all: { on: { app: 'leads', events: 'item.create' }, steps: ['audit'] } },
};

/** A folder of the user that the commands run as, with a config in it, and podiod as that user. */
function makePlace() {
  const folder = temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  const give = (path: string): void => chownSync(path, ordinaryIds.uid, ordinaryIds.gid);
  const write = (name: string, text: string): string => {
    writeFileSync(at(name), text, { mode: 0o600 });
    give(at(name));
    return at(name);
  };
  give(folder.path);
  write('.podiorc.yml', JSON.stringify({ ...CONFIG, dataDir: './data' }));
  return {
    path: folder.path,
    dataDir: at('data'),
    at,
    give,
    write,
    makeFolder(name: string, mode = 0o700): string {
      mkdirSync(at(name));
      give(at(name));
      chmodSync(at(name), mode);
      return at(name);
    },
    /** As a podiod that has run has left it. */
    async makeData(): Promise<void> {
      this.makeFolder('data');
      await (await openStore({ dataDir: at('data') })).close();
    },
    say: (command: string) => podiod(command.split(' '), { cwd: folder.path, ...ordinary }),
    [Symbol.dispose]() {
      // Removing wants to look into it.
      for (const name of readdirSync(folder.path)) {
        if (existsSync(at(name)) && statSync(at(name)).isDirectory()) chmodSync(at(name), 0o700);
      }
      folder[Symbol.dispose]();
    },
  };
}
type Place = ReturnType<typeof makePlace>;

const PODIOD = join(import.meta.dirname, '../../bin/podiod.js');

const READ = ['doctor --no-handshake', 'events', 'why --item 5', 'backup out.db'];
const WRITE = ['run', 'apply --yes', 'restore --yes backup.db', 'secret rotate'];
const ASK = ['status', 'parked', 'reload'];
const ALL = [...READ, ...WRITE, ...ASK];
/** One of each kind, where they differ in nothing else. */
const SOME = ['doctor --no-handshake', 'events', 'run', 'status'];

/** Each command fails, says this, and nothing that only a programmer understands. */
async function allSay(place: Place, commands: readonly string[], ...parts: readonly string[]): Promise<void> {
  for (const command of commands) {
    const { code, stdout, stderr } = await place.say(command);
    const said = stdout + stderr;
    expect([command, code]).to.deep.equal([command, 1]);
    for (const part of parts) expect(said, `podiod ${command}`).to.include(part);
    expect(said, `podiod ${command}`).to.not.match(
      /E(?:ACCES|PERM|EXIST|NOTDIR|ISDIR|NOENT)\b|fault in podiod|\n\s+at /,
    );
  }
}

describe('dataDir that root has, and a group may write to', () => {
  // As an empty volume in Kubernetes is after fsGroup; with OnRootMismatch it is never touched again.
  itAsRoot('is one that podiod keeps its files in, start after start, for itself only', async () => {
    using place = makePlace();
    mkdirSync(place.dataDir);
    chownSync(place.dataDir, 0, ordinaryIds.gid);
    chmodSync(place.dataDir, 0o2770);
    for (let start = 0; start < 2; start++) {
      const { code, stderr } = await place.say('secret rotate');
      expect([code, stderr]).to.deep.equal([0, '']);
      expect(readdirSync(place.dataDir)).to.include('secret');
      for (const name of readdirSync(place.dataDir)) {
        const { mode, uid } = statSync(join(place.dataDir, name));
        expect([name, mode & 0o777, uid]).to.deep.equal([name, 0o600, ordinaryIds.uid]);
      }
    }
  }).timeout(60_000);
});

describe('dataDir that podiod can’t work with', function () {
  this.timeout(60_000);

  itAsOrdinary('is said to be a file, by check and the start with its place in the config', async () => {
    using place = makePlace();
    const path = place.write('data', 'a file');
    place.write('backup.db', '');
    const wanted = `dataDir is to be the folder ${path}, which is not a folder`;
    for (const command of ['check', 'run', 'apply --yes']) {
      const { code, stdout, stderr } = await place.say(command);
      expect([command, code]).to.deep.equal([command, 78]);
      expect(stdout + stderr)
        .to.include(wanted)
        .and.match(/\.podiorc\.yml:1:\d+/);
    }
    const others = ALL.filter(command => !['run', 'apply --yes'].includes(command));
    await allSay(place, others, `${path} is a file, and a folder is needed there`, 'Move it away');
  });

  itAsOrdinary('is said to be closed to this user, whose it is, and what to do', async () => {
    using place = makePlace();
    await place.makeData();
    place.write('backup.db', '');
    chmodSync(place.dataDir, 0o000);
    const { dataDir } = place;
    await allSay(
      place,
      ALL,
      `this user (${ordinaryName}) may not read ${dataDir}, which belongs to ${ordinaryName} (mode 0000)`,
      `chmod u+rwx ${dataDir}`,
    );
    chmodSync(dataDir, 0o500);
    await allSay(
      place,
      SOME,
      `this user (${ordinaryName}) may not write to ${dataDir}, which belongs to ${ordinaryName} (mode 0500)`,
      `chmod u+rwx ${dataDir}`,
    );
  });

  itAsRoot('is said to be another user’s, and how to say it as that one', async () => {
    using place = makePlace();
    await place.makeData();
    place.write('backup.db', '');
    chownSync(place.dataDir, 0, 0);
    await allSay(
      place,
      SOME,
      `this user (${ordinaryName}) may not read ${place.dataDir}, which belongs to root (mode 0700)`,
      'Say this as the user that podiod runs as: sudo podiod ...',
      `If that is ${ordinaryName}: sudo chown -R ${ordinaryName} ${place.dataDir}`,
    );
    place.give(place.dataDir);
    chownSync(join(place.dataDir, 'podiod.db'), 4711, 4711);
    await allSay(
      place,
      ['doctor --no-handshake', 'events', 'run', 'restore --yes backup.db'],
      `this user (${ordinaryName}) may not read ${join(place.dataDir, 'podiod.db')}, which belongs to 4711 (mode 0600)`,
      "sudo -u '#4711' podiod ...",
    );
  });

  itAsOrdinary('is said to be behind a folder that this user may not enter', async () => {
    using place = makePlace();
    const closed = place.makeFolder('private');
    mkdirSync(join(closed, 'podiod'));
    symlinkSync('private/podiod', place.dataDir);
    chmodSync(closed, 0o000);
    place.write('backup.db', '');
    await allSay(
      place,
      SOME,
      `this user (${ordinaryName}) may not enter ${closed}, which belongs to ${ordinaryName} (mode 0000)`,
    );
  });

  itAsOrdinary('is said to be a link to nothing', async () => {
    using place = makePlace();
    symlinkSync('gone/data', place.dataDir);
    place.write('backup.db', '');
    const wanted = `${place.dataDir} is a link to ${place.at('gone/data')}, which is not there`;
    await allSay(place, SOME, wanted, 'mend the link');
  });

  itAsOrdinary('is said to be one that this user can’t make', async () => {
    using place = makePlace();
    const above = place.makeFolder('above', 0o500);
    const dataDir = join(above, 'more', 'data');
    place.write('.podiorc.yml', JSON.stringify({ ...CONFIG, dataDir }));
    place.write('backup.db', '');
    await allSay(
      place,
      ['doctor --no-handshake', 'run', 'restore --yes backup.db'],
      `the folder ${dataDir} can't be made: this user (${ordinaryName}) may not write to ${above}, which belongs to ${ordinaryName} (mode 0500)`,
      `sudo install -d -m 700 -o ${ordinaryName} ${dataDir}`,
    );
  });

  itAsOrdinary('is said to have a folder where a file should be', async () => {
    for (const [name, commands] of [
      ['podiod.db', [...READ, 'run', 'restore --yes backup.db']],
      ['lock.db', ['run', 'secret rotate']],
      ['secret', ['doctor --no-handshake', 'run', 'secret rotate']],
      ['run.json', ['status']],
    ] as const) {
      using place = makePlace();
      place.makeFolder('data');
      place.makeFolder(`data/${name}`);
      place.write('backup.db', '');
      await allSay(place, commands, `${join(place.dataDir, name)} is a folder, and a file is needed there`);
    }
  });

  itWithMounts('is read beside a daemon also where it can only be read', async () => {
    using place = makePlace();
    place.makeFolder('data');
    const store = await openStore({ dataDir: place.dataDir });
    const seenAt = place.makeFolder('seen');
    const config = place.write('seen.yml', JSON.stringify({ ...CONFIG, dataDir: './seen' }));
    const say = (command: string) => {
      const argv = [process.execPath, PODIOD, ...command.split(' '), '--config', config];
      return whereReadOnly(place.dataDir, seenAt, argv, place.path);
    };
    for (const command of ['events', 'backup out.db']) {
      const { status, stderr } = say(command);
      expect(status, stderr).to.equal(0);
    }
    expect(existsSync(place.at('out.db'))).to.equal(true);
    await store.close();
    // SQLite would have to make what the daemon had made.
    const { status, stderr } = say('events');
    expect(status).to.equal(1);
    expect(stderr)
      .to.include(`${seenAt} is on a file system that can only be read`)
      .and.include('Start podiod');
  });
});

describe('a file that a command is to write or read', function () {
  this.timeout(60_000);

  itAsOrdinary('is said to be where this user may not write, or one that it may not read', async () => {
    using place = makePlace();
    await place.makeData();
    const closed = place.makeFolder('backups', 0o500);
    await allSay(
      place,
      ['backup backups/out.db'],
      `this user (${ordinaryName}) may not write to ${closed}, which belongs to ${ordinaryName} (mode 0500)`,
    );
    const file = place.write('closed.db', 'x');
    chmodSync(file, 0o000);
    await allSay(
      place,
      ['restore --yes closed.db'],
      `this user (${ordinaryName}) may not read ${file}, which belongs to ${ordinaryName} (mode 0000)`,
    );
    await allSay(
      place,
      ['restore --yes backups'],
      `${closed} is a folder, and a file is needed there`,
      'Name a file.',
    );
    await allSay(place, ['backup backups'], `${closed} is there already`);
  });
});

describe('a config that can’t be read', function () {
  this.timeout(60_000);

  itAsOrdinary('is not said to be missing, nor another taken in its place', async () => {
    using place = makePlace();
    const file = place.at('.podiorc.yml');
    place.write('.podiorc.json', '{}');
    place.makeFolder('.config');
    chmodSync(file, 0o000);
    for (const command of ['check', 'run', 'events', 'check --config .podiorc.yml']) {
      const { code, stdout, stderr } = await place.say(command);
      expect([command, code]).to.deep.equal([command, 78]);
      expect(stdout + stderr)
        .to.include(`${file} may not be read by this user (EACCES)`)
        .and.include('say this as the user that runs podiod');
    }
    const closed = place.makeFolder('closed', 0o000);
    const { stdout } = await place.say('check --config closed/podiorc.yml');
    expect(stdout).to.include(`${join(closed, 'podiorc.yml')} may not be read by this user`);
  });

  itAsOrdinary('is said to be a folder', async () => {
    using place = makePlace();
    const folder = place.makeFolder('config');
    const { code, stdout } = await place.say('check --config config');
    expect(code).to.equal(78);
    expect(stdout).to.include(`${folder} is a folder, and the config is to be a file`);
  });
});
