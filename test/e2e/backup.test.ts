import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { restore } from '../../src/store/index.ts';
import { temporaryFolder } from '../support/folder.ts';
import { spawnPodiod } from '../support/processes.ts';
import { until } from '../support/wait.ts';
import { compileFaults, makeFaults } from '../torture/faults.ts';
import { LEADS, makeSite, type Site } from './site.ts';

describe('backup and restore', () => {
  it('bring a daemon back to where it was, and what Podio has since is found', async () => {
    const site = await makeSite({
      rules: { everything: { on: { app: 'leads', events: ['item.*', 'comment.create'] }, steps: ['audit'] } },
    });
    const daemon = await site.boot();
    const item = await site.podio.createItem(LEADS.id, { fields: { title: 'One' } });
    await site.untilRun(1, 'everything');
    const file = join(site.folder, 'copy.db');
    const made = await site.podiod(['backup', 'copy.db']);
    expect(made.stderr).to.equal('');
    expect(made.stdout).to.match(/copy\.db: .*, 1 events up to 1\. Checked and on disk\.\n$/);

    // After the backup: one more change, and a comment that nobody can tell of again.
    await site.podio.updateItem(item.itemId, { fields: { title: 'Two' } });
    await site.untilRun(2, 'everything');
    const refused = await site.podiod(['restore', '--yes', file]);
    expect([refused.code, refused.stderr]).to.deep.equal([
      1,
      `podiod: another podiod (process ${daemon.pid}) uses ${site.dataDir}\nStop it, or give this one a dataDir of its own.\n`,
    ]);
    await daemon.end('SIGTERM');
    expect((await site.podiod(['restore', file])).code).to.equal(2);
    const back = await site.podiod(['restore', '--yes', '--json', file]);
    expect(JSON.parse(back.stdout)).to.deep.include({ events: 1, head: 1, files: [] });

    await site.boot();
    const events = await site.untilRun(2, 'everything');
    expect(events.map(({ id, source }) => [id, source])).to.deep.equal([
      [`item.create:${item.itemId}:0`, 'webhook'],
      [`item.update:${item.itemId}:1`, 'recovered'],
    ]);
  }).timeout(60_000);
});

// The shim that makes flushes slow comes by LD_PRELOAD.
if (process.platform === 'linux') {
  describe('a backup that takes its time', function () {
    this.timeout(120_000);
    const RULES = { everything: { on: { app: 'leads', events: 'comment.create' }, steps: ['audit'] } };
    const EVENTS = 50;
    const comment = (site: Site, id: number) =>
      site.deliver(LEADS, 'comment.create', { comment_id: id, item_id: 1 });

    /** A site with events, and a folder for backups where each flush takes so long. */
    async function slowSite(folder: string, flushMs: number) {
      const site = await makeSite({ rules: RULES });
      const daemon = await site.boot();
      for (let id = 1; id <= EVENTS; id++) expect(await comment(site, id)).to.equal(200);
      await site.untilRun(EVENTS, 'everything');
      const backups = join(folder, 'backups');
      mkdirSync(backups);
      const faults = makeFaults(compileFaults(folder), folder, backups);
      faults.flush(flushMs);
      const start = (name: string) => {
        const args = ['backup', '--config', site.configFile, join(backups, name)];
        const child = spawnPodiod(args, 'ignore', { env: faults.env });
        return { child, exited: once(child, 'exit') };
      };
      return { site, daemon, backups, start };
    }

    it('is whole or not there, whenever it is ended', async () => {
      using folder = temporaryFolder();
      const { site, daemon, backups, start } = await slowSite(folder.path, 50);
      const begin = performance.now();
      expect(await start('first.db').exited).to.deep.equal([0, null]);
      const ms = performance.now() - begin;
      const STOPS = 16;
      const whole: string[] = [];
      for (let n = 0; n < STOPS; n++) {
        const name = `${n}.db`;
        const { child, exited } = start(name);
        await Promise.race([exited, pause((ms * (n + 1)) / STOPS)]);
        child.kill('SIGTERM');
        const ended = await exited;
        if (readdirSync(backups).includes(name)) whole.push(name);
        else expect(ended, 'what has said that it is done').to.deep.equal([null, 'SIGTERM']);
      }
      expect(whole.length).to.be.lessThan(STOPS);
      for (const name of ['first.db', ...whole]) {
        const facts = await restore(join(backups, name), join(folder.path, `of-${name}`), Date.now());
        expect(facts, name).to.include({ events: EVENTS, head: EVENTS });
      }
      // A name that it was ended under is free.
      expect(await start('0.db').exited).to.deep.equal([0, null]);
      expect(await comment(site, EVENTS + 1)).to.equal(200);
      expect(await daemon.end('SIGTERM')).to.equal(0);
    });

    it('goes on while the daemon beside it is stopped, and neither minds the other', async () => {
      using folder = temporaryFolder();
      const { site, daemon, backups, start } = await slowSite(folder.path, 400);
      const { child, exited } = start('copy.db');
      await until(() => readdirSync(backups).length > 0, 'the backup to begin');
      expect(await daemon.end('SIGTERM')).to.equal(0);
      expect(child.exitCode, 'the backup still goes on').to.equal(null);
      expect(readdirSync(backups)).to.not.include('copy.db');
      await site.boot();
      expect(await comment(site, EVENTS + 1)).to.equal(200);
      expect(await exited).to.deep.equal([0, null]);
      expect(readdirSync(backups)).to.deep.equal(['copy.db']);

      const facts = await restore(join(backups, 'copy.db'), join(folder.path, 'other'), Date.now());
      expect(facts).to.include({ events: EVENTS, head: EVENTS });
      await site.untilRun(EVENTS + 1, 'everything');
      expect(site.lines('events.ndjson').map(({ id }) => id)).to.deep.equal(
        Array.from({ length: EVENTS + 1 }, (_, n) => `comment.create:${n + 1}`),
      );
    });
  });
}
