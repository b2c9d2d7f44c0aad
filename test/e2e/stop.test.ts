// SIGTERM: what is in hand is finished, within the deadline, and nothing is lost whatever happens.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { readRunFile } from '../../src/admin/run-file.ts';
import { temporaryFolder } from '../support/folder.ts';
import { until } from '../support/wait.ts';
import { compileFaults, makeFaults } from '../torture/faults.ts';
import { type ConfigChanges, LEADS, makeSite, type Site } from './site.ts';

interface Note {
  readonly key: string;
  readonly what: 'begun' | 'ended';
}

/** A rule whose step is held until the file `gate` is there. */
async function gatedSite(options: object = {}, config: ConfigChanges = {}): Promise<Site> {
  const site = await makeSite({
    plugins: { gated: { use: './gated.ts', notes: './notes.ndjson', gate: './gate' } },
    rules: { held: { on: { app: 'leads', events: 'item.create' }, steps: [{ gated: options }] } },
    ...config,
  });
  site.copyPlugin('gated.ts');
  return site;
}

const bin = join(import.meta.dirname, '../../bin/podiod.js');

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const notes = (site: Site) => site.lines<Note>('notes.ndjson').map(({ what }) => what);

const createItem = (site: Site, itemId: number) =>
  site.deliver(LEADS, 'item.create', { item_id: itemId, item_revision_id: 0 });

describe('stopping podiod', function () {
  this.timeout(30_000);

  it('finishes what is in hand and exits 0', async () => {
    const site = await gatedSite();
    const daemon = await site.boot();
    expect(await createItem(site, 1)).to.equal(200);
    await until(() => notes(site).length === 1, 'the step to begin');

    daemon.signal('SIGTERM');
    await until(() => daemon.log().includes('"stopping"'), 'the stop');
    const isClosed = () =>
      fetch(site.publicUrl).then(
        () => false,
        () => true,
      );
    await until(isClosed, 'the ingress to close');
    site.write('gate', '');
    expect(await daemon.ended).to.equal(0);

    expect(notes(site)).to.deep.equal(['begun', 'ended']);
    const [entry] = await site.journal();
    expect(entry?.runs.map(({ outcome }) => outcome)).to.deep.equal(['settled']);
    // Nothing of it runs again.
    await site.boot();
    await createItem(site, 2);
    await site.untilRun(2, 'held');
    expect(notes(site)).to.deep.equal(['begun', 'ended', 'begun', 'ended']);
  });

  it('takes SIGINT for the same', async () => {
    const site = await gatedSite();
    const daemon = await site.boot();
    expect(await daemon.end('SIGINT')).to.equal(0);
  });

  it('is what happens when the terminal is closed that it runs in; SIGHUP before that is not', async () => {
    const site = await gatedSite();
    const command = [process.execPath, bin, 'run', '--config', site.configFile].join(' ');
    const terminal = spawn('script', ['-qefc', command, join(site.folder, 'typescript')], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    try {
      const run = await until(() => readRunFile(site.dataDir), 'podiod to run', 20_000);
      await until(() => site.read('typescript').includes('podiod is up'), 'the start');
      process.kill(run.pid, 'SIGHUP');
      await until(() => site.read('typescript').includes('config reloaded'), 'the reload');
      terminal.kill('SIGKILL');
      // Removed by a stop that came to its end.
      await until(async () => (await readRunFile(site.dataDir)) === undefined, 'the stop', 20_000);
      await until(() => !isAlive(run.pid), 'the end');
    } finally {
      terminal.kill('SIGKILL');
    }
  });

  it('ends at once on a second signal, with 128 and its number', async () => {
    const site = await gatedSite();
    const daemon = await site.boot();
    await createItem(site, 1);
    await until(() => notes(site).length === 1, 'the step to begin');
    daemon.signal('SIGTERM');
    await until(() => daemon.log().includes('"stopping"'), 'the stop');
    expect(await daemon.end('SIGTERM')).to.equal(143);

    site.write('gate', '');
    await site.boot();
    const [entry] = await site.untilRun(1, 'held');
    expect(entry?.runs[0]?.outcome).to.equal('settled');
    expect(notes(site)).to.deep.equal(['begun', 'begun', 'ended']);
  });

  it('waits for a step that hangs no longer than stopTimeout, and goes on with it at the next start', async () => {
    const site = await gatedSite({ deaf: true }, { stopTimeout: '6s' });
    const daemon = await site.boot();
    await createItem(site, 1);
    await until(() => notes(site).length === 1, 'the step to begin');
    const from = performance.now();
    expect(await daemon.end('SIGTERM')).to.equal(0);
    // The lanes have their share of it; the rest is for what comes after them.
    expect(performance.now() - from).to.be.within(3000, 6500);
    expect((await site.journal())[0]?.runs).to.deep.equal([]);

    site.write('gate', '');
    await site.boot();
    await site.untilRun(1, 'held');
    expect(notes(site)).to.deep.equal(['begun', 'begun', 'ended']);
  });

  it('in the middle of a reload ends that too: what is in hand is finished, and the next start has the new file', async () => {
    const site = await gatedSite();
    const daemon = await site.boot();
    await createItem(site, 1);
    await until(() => notes(site).length === 1, 'the step to begin');
    site.configure({
      rules: {
        held: { on: { app: 'leads', events: 'item.create' }, steps: ['gated', 'audit'] },
      },
      plugins: {
        audit: { use: 'file-logger', path: './events.ndjson' },
        gated: { use: './gated.ts', notes: './notes.ndjson', gate: './gate' },
      },
    });
    daemon.signal('SIGHUP');
    const drains = async () => (await (await daemon.admin('/api/rules')).text()).includes('"stopped"');
    await until(drains, 'the rule to begin nothing more');
    // Nobody runs it: its rule waits for what is in hand.
    expect(await createItem(site, 2)).to.equal(200);

    daemon.signal('SIGTERM');
    await until(() => daemon.log().includes('"stopping"'), 'the stop');
    site.write('gate', '');
    expect(await daemon.ended).to.equal(0);
    expect(daemon.log()).to.not.include('config reloaded');
    expect(notes(site)).to.deep.equal(['begun', 'ended']);

    await site.boot();
    const entries = await site.untilRun(2, 'held');
    expect(notes(site)).to.deep.equal(['begun', 'ended', 'begun', 'ended']);
    expect(entries.map(({ runs }) => runs.map(({ outcome }) => outcome))).to.deep.equal([
      ['settled'],
      ['settled'],
    ]);
    expect(site.lines('events.ndjson').map(({ itemId }) => itemId)).to.deep.equal([2]);
  });

  it('is possible at any moment of the start', async () => {
    const site = await gatedSite();
    for (const afterMs of [0, 100, 200, 250, 300, 350, 400, 500, 700]) {
      const daemon = site.run();
      await pause(afterMs);
      // Before podiod listens to signals there is nothing to end but the process.
      expect(await daemon.end('SIGTERM'), `after ${afterMs} ms:\n${daemon.log()}`).to.be.oneOf([
        0,
        'SIGTERM',
      ]);
    }
    await site.boot();
    expect(await site.hooks()).to.deep.equal(['app/101 item.create active']);
  });

  // The faults come by LD_PRELOAD.
  if (process.platform === 'linux')
    it('waits for a start that a disk holds up no longer than stopTimeout', async () => {
      using folder = temporaryFolder();
      const site = await gatedSite({}, { stopTimeout: '2s' });
      const faults = makeFaults(compileFaults(folder.path), folder.path, site.dataDir);
      faults.flush(1000);
      // Of one before, which was killed, and nobody has looked yet at what that had in hand.
      mkdirSync(site.dataDir, { recursive: true, mode: 0o700 });
      writeFileSync(join(site.dataDir, 'run.json'), '{"pid":4711}', { mode: 0o600 });
      const daemon = site.run({ env: faults.env });
      await until(() => daemon.log() !== '', 'a first word');
      // Not 0, with which it would end once it has started.
      expect(await daemon.end('SIGTERM')).to.equal(1);
      expect(daemon.log()).to.include('podiod has not started, and so not stopped, in time, ending');
      expect(existsSync(join(site.dataDir, 'run.json'))).to.equal(true);
      await (await site.boot()).end('SIGTERM');
    });
});
