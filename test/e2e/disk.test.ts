import { spawnSync } from 'node:child_process';
import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { temporaryFolder } from '../support/folder.ts';
import type { DaemonProcess } from '../support/processes.ts';
import { until } from '../support/wait.ts';
import { compileFaults, makeFaults } from '../torture/faults.ts';
import { LEADS, makeSite, type Site } from './site.ts';

const RULES = { everything: { on: { app: 'leads', events: 'comment.create' }, steps: ['audit'] } };
const comment = (site: Site, id: number, text = '') =>
  site.deliver(LEADS, 'comment.create', { comment_id: id, item_id: 1, text });

const MINUTE = 60_000;
/** Minutes since 1970. */
const ticksOf = (site: Site): readonly number[] =>
  site
    .lines('events.ndjson')
    .filter(({ type }) => type === 'schedule.fire')
    .map(({ id }) => Date.parse(id.slice('schedule.fire:ticks:'.length)) / MINUTE);

/** A way to take the space from a daemon's data and to give it back. */
interface Disk {
  readonly dataDir: string;
  fill(daemon: DaemonProcess): void;
  free(daemon: DaemonProcess): void;
  [Symbol.dispose](): void;
}

/** A small file system, where this user may mount one. */
function mountedDisk(): Disk | undefined {
  const folder = temporaryFolder();
  const size = ['-t', 'tmpfs', '-o', 'size=12m,mode=0700', 'podiod-test', folder.path];
  if (process.platform !== 'linux' || spawnSync('mount', size).status !== 0) {
    folder[Symbol.dispose]();
    return undefined;
  }
  const ballast = join(folder.path, 'ballast');
  return {
    dataDir: join(folder.path, 'data'),
    fill() {
      const fd = openSync(ballast, 'w');
      try {
        for (let bytes = 1 << 16; bytes >= 512; ) {
          try {
            if (writeSync(fd, Buffer.alloc(bytes)) < bytes) bytes /= 2;
          } catch {
            bytes /= 2;
          }
        }
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
    },
    free: () => rmSync(ballast),
    [Symbol.dispose]() {
      spawnSync('umount', ['-l', folder.path]);
      folder[Symbol.dispose]();
    },
  };
}

/** The largest size that a file of the daemon's may have, elsewhere on Linux. */
function limitedDisk(): Disk {
  const folder = temporaryFolder();
  const limit = (daemon: DaemonProcess, bytes: string) =>
    expect(spawnSync('prlimit', ['--pid', String(daemon.pid), `--fsize=${bytes}:`]).status).to.equal(0);
  return {
    dataDir: join(folder.path, 'data'),
    fill: daemon => limit(daemon, '4096'),
    free: daemon => limit(daemon, 'unlimited'),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

if (process.platform === 'linux') {
  describe('a daemon whose disk is full', () => {
    it('raises an alarm before that, and ends it when there is room again', async function () {
      using disk = mountedDisk();
      // Without a file system of its own there is no telling what else fills the disk.
      if (!disk) return this.skip();
      const site = await makeSite({
        dataDir: disk.dataDir,
        alarms: { after: '1s', disk: '6mb' },
        rules: {
          ...RULES,
          tell: { on: { podiod: '*' }, steps: [{ audit: { path: './alarms.ndjson' } }] },
        },
      });
      site.run();
      await until(async () => (await comment(site, 1)) === 200, 'the first to be taken in');
      const room = () => {
        const { bavail, bsize } = statfsSync(disk.dataDir);
        return bavail * bsize;
      };
      expect(room()).to.be.above(7e6);
      const ballast = join(disk.dataDir, '..', 'ballast');
      writeFileSync(ballast, Buffer.alloc(room() - 5e6));
      const [raised] = await site.untilLines('alarms.ndjson', 1);
      expect(raised?.params).to.include({ alarm: 'disk', state: 'raised', subject: '' });
      expect(raised?.params.text).to.match(
        /^4(\.\d)? mb are left where podiod keeps its data: events are refused when it is full$/,
      );
      // Nothing is refused yet.
      expect(await comment(site, 2)).to.equal(200);
      rmSync(ballast);
      const [, cleared] = await site.untilLines('alarms.ndjson', 2);
      expect(cleared?.params).to.include({ alarm: 'disk', state: 'cleared' });
    }).timeout(60_000);

    it('answers 503, goes on running, and takes all of it in when there is room again', async () => {
      using disk = mountedDisk() ?? limitedDisk();
      const ticks = { on: { schedule: '* * * * *' }, timezone: 'UTC', steps: ['audit'] };
      const site = await makeSite({ dataDir: disk.dataDir, rules: { ...RULES, ticks } });
      using folder = temporaryFolder();
      const faults = makeFaults(compileFaults(folder.path), folder.path, folder.path);
      // The minute is over when the disk is full, and not long after.
      const aheadMs = MINUTE - (Date.now() % MINUTE) - 15_000;
      faults.clock(aheadMs);
      const minute = () => Math.floor((Date.now() + aheadMs) / MINUTE);
      const daemon = site.run({ env: faults.env });
      await until(async () => (await comment(site, 1)) === 200, 'the first to be taken in');
      disk.fill(daemon);
      const taken = new Set([1]);
      const refused: number[] = [];
      // What is free inside of the files is used up first.
      for (let id = 2; refused.length < 20 && id < 20_000; id++) {
        const status = await comment(site, id, 'x'.repeat(10_000));
        if (status === 200) taken.add(id);
        else {
          expect(status).to.equal(503);
          refused.push(id);
        }
      }
      expect(refused).to.have.length(20);
      const run = JSON.parse(readFileSync(join(disk.dataDir, 'run.json'), 'utf8'));
      const ready = await fetch(`http://127.0.0.1:${run.admin.port}/readyz`);
      expect(ready.status).to.equal(503);
      expect(await ready.text()).to.match(/events can not be written/);

      await until(() => daemon.log().includes('tick not stored'), 'a tick that there is no room for', 70_000);
      const owed = minute();
      disk.free(daemon);
      // As Podio does.
      for (const id of refused) {
        await until(async () => (await comment(site, id)) === 200, `${id} to be taken in`);
        taken.add(id);
      }
      await until(
        async () => (await fetch(`http://127.0.0.1:${run.admin.port}/readyz`)).status === 200,
        'readiness',
        20_000,
      );
      const wanted = Array.from(taken, id => `comment.create:${id}`).sort();
      const settled = () =>
        site
          .lines('events.ndjson')
          .map(({ id }) => id)
          .filter(id => !id.startsWith('schedule.'));
      // A lane that waits for the store looks again after ten seconds at the latest.
      await until(() => settled().length >= wanted.length, 'all to be run', 30_000);
      expect(settled().sort()).to.deep.equal(wanted);
      await until(async () => ticksOf(site).includes(owed), 'the tick that there was no room for', 40_000);
      const fired = ticksOf(site);
      expect(new Set(fired).size).to.equal(fired.length);
      faults.close();
      expect(await daemon.end('SIGTERM')).to.equal(0);
      const told = daemon
        .log()
        .split('\n')
        .filter(line => /can not be taken in|taken in again/.test(line));
      expect(told.length, told.join('\n')).to.be.within(2, 4);
    }).timeout(120_000);

    it('that gets full while the config is exchanged is no reason not to end', async () => {
      using disk = mountedDisk() ?? limitedDisk();
      const gated = { on: { app: 'leads', events: 'comment.create' }, steps: ['gated'] };
      const shared = {
        dataDir: disk.dataDir,
        stopTimeout: '6s',
        plugins: { gated: { use: './gated.ts', notes: './notes.ndjson', gate: './gate' } },
      };
      const site = await makeSite({ ...shared, rules: { gated } });
      site.copyPlugin('gated.ts');
      const daemon = site.run();
      await until(async () => (await comment(site, 1)) === 200, 'the first to be taken in');
      await site.untilLines('notes.ndjson', 1);
      site.configure({
        ...shared,
        rules: { gated: { ...gated, where: { 'event.type': 'comment.create' } } },
      });
      const answer = site.podiod(['reload', '--json']);
      const status = async () => (await site.podiod(['status', '--json'])).stdout;
      await until(async () => /"state": ?"stopped"/.test(await status()), 'the rule to begin nothing more');
      disk.fill(daemon);
      let id = 2;
      await until(async () => (await comment(site, id++, 'x'.repeat(10_000))) === 503, 'the disk to be full');
      await until(() => daemon.log().includes('store fails, work in hand waits for it'), 'lanes to wait');
      expect(await daemon.end('SIGTERM')).to.equal(0);
      expect((await answer).code).to.equal(1);
    }).timeout(120_000);

    it('takes no other config, says why, and ends in good order; with room again it takes it', async () => {
      using disk = mountedDisk() ?? limitedDisk();
      const site = await makeSite({ dataDir: disk.dataDir, rules: RULES });
      const daemon = site.run();
      await until(async () => (await comment(site, 1)) === 200, 'the first to be taken in');
      await site.untilLines('events.ndjson', 1);
      disk.fill(daemon);
      let id = 2;
      await until(async () => (await comment(site, id++, 'x'.repeat(10_000))) === 503, 'the disk to be full');
      const everything = { ...RULES.everything, where: { 'event.type': 'comment.create' } };
      site.configure({ dataDir: disk.dataDir, rules: { everything, fresh: RULES.everything } });
      const { code, stdout } = await site.podiod(['reload', '--json']);
      expect(code, stdout).to.equal(1);
      expect(stdout).to.match(/STORE_WRITE_FAILED/);
      disk.free(daemon);
      await until(async () => (await comment(site, id)) === 200, 'room again');
      const again = await site.podiod(['reload', '--json']);
      expect(again.code, again.stdout).to.equal(0);
      expect(await daemon.end('SIGTERM')).to.equal(0);
    }).timeout(120_000);
  });
}

// The shim comes by LD_PRELOAD.
if (process.platform === 'linux') {
  describe('a daemon whose disk hangs', () => {
    it('answers no delivery before it is on disk, everything else at once, and what has waited together', async () => {
      using folder = temporaryFolder();
      const site = await makeSite({ rules: RULES });
      const faults = makeFaults(compileFaults(folder.path), folder.path, site.dataDir);
      const daemon = site.run({ env: faults.env });
      await daemon.ready();
      expect(await comment(site, 1)).to.equal(200);
      await site.untilRun(1, 'everything');

      const before = faults.flushes();
      faults.hold(true);
      const answers: number[] = [];
      const sent = Array.from({ length: 40 }, async (_, n) => answers.push(await comment(site, n + 2)));
      await until(() => faults.flushes() > before, 'a flush to begin');
      const { admin } = await daemon.runFile();
      expect((await fetch(`http://${admin.host}:${admin.port}/healthz`)).status).to.equal(200);
      for (const path of ['/api/status', '/api/rules', '/api/hooks', '/metrics']) {
        expect((await daemon.admin(path)).status, path).to.equal(200);
      }
      expect((await site.journal()).map(({ id }) => id)).to.deep.equal(['comment.create:1']);
      expect(answers).to.deep.equal([]);

      const held = faults.flushes();
      faults.hold(false);
      await Promise.all(sent);
      const flushed = faults.flushes() - held;
      expect(answers).to.deep.equal(Array<number>(40).fill(200));
      expect(flushed).to.be.lessThan(20);
      await site.untilRun(41, 'everything');
      expect(await daemon.end('SIGTERM')).to.equal(0);
      faults.close();
    }).timeout(60_000);
  });
}

describe('a damaged database', () => {
  /** Overwrites everything but the header. */
  const damage = (path: string): Buffer => {
    const whole = readFileSync(path);
    const damaged = Buffer.concat([whole.subarray(0, 4096), Buffer.alloc(whole.length - 4096, 0x5a)]);
    writeFileSync(path, damaged);
    return damaged;
  };

  it('is told at the start, with what to do, and left as it is', async () => {
    const site = await makeSite({ rules: RULES });
    const first = await site.boot();
    await comment(site, 1);
    expect(await first.end('SIGTERM')).to.equal(0);
    const path = join(site.dataDir, 'podiod.db');
    const damaged = damage(path);
    const again = site.run();
    expect(await again.ended).to.equal(1);
    expect(again.log()).to.include('the database is damaged');
    expect(again.log()).to.include('Restore podiod.db from a backup');
    expect(readFileSync(path).equals(damaged)).to.equal(true);
    expect(readdirSync(site.dataDir)).to.include('podiod.db');
  }).timeout(60_000);

  it('that is found while running makes 503 of what comes, and the reason is told', async () => {
    const site = await makeSite({ rules: RULES });
    const first = await site.boot();
    for (let id = 1; id <= 200; id++) await comment(site, id, 'y'.repeat(1000));
    expect(await first.end('SIGTERM')).to.equal(0);
    const path = join(site.dataDir, 'podiod.db');
    const db = new DatabaseSync(path);
    const index = Number(
      db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'event_identity'").get()?.rootpage,
    );
    db.close();
    const whole = readFileSync(path);
    whole.fill(0x5a, (index - 1) * 4096, index * 4096);
    writeFileSync(path, whole);

    const daemon = site.run();
    await daemon.runFile();
    await until(async () => (await comment(site, 500)) === 503, 'a refusal');
    const readiness = await daemon.readiness();
    expect(readiness.ready).to.equal(false);
    expect(readiness.reasons.join()).to.match(/the database is damaged/);
    await until(() => /Restore podiod\.db from a backup/.test(daemon.log()), 'what to do');
    expect(await comment(site, 501)).to.equal(503);
    await daemon.end('SIGTERM');
  }).timeout(60_000);
});
