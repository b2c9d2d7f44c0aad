// Under systemd: what it is told, and that a restart keeps the socket that it holds. systemd itself is played by socat and
// a small parent process.
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { readRunFile } from '../../src/admin/run-file.ts';
import { startNotifySocket, startSocketParent } from '../support/systemd.ts';
import { until } from '../support/wait.ts';
import { compileFaults, makeFaults } from '../torture/faults.ts';
import { LEADS, makeSite, type Site } from './site.ts';

const AUDITED = { all: { on: { app: 'leads', events: 'item.create' }, steps: ['audit'] } };
const bin = join(import.meta.dirname, '../../bin/podiod.js');

const isReady = async (site: Site): Promise<boolean> => {
  const run = await readRunFile(site.dataDir);
  return run !== undefined && (await fetch(`http://127.0.0.1:${run.admin.port}/readyz`)).ok;
};

describe('podiod under systemd', function () {
  this.timeout(60_000);

  it('tells when it is ready, how it is, that it is alive and that it ends', async () => {
    const site = await makeSite({
      plugins: { gated: { use: './gated.ts', notes: './notes.ndjson', gate: './gate' } },
      rules: { held: { on: { app: 'leads', events: 'item.create' }, steps: ['gated'] } },
    });
    site.copyPlugin('gated.ts');
    const systemd = await startNotifySocket(site.folder);
    const said = (key: string) => systemd.messages().flatMap(message => message[key] ?? []);

    const daemon = site.run({ env: { NOTIFY_SOCKET: systemd.path, WATCHDOG_USEC: '400000' } });
    await until(() => said('READY').length > 0, 'READY', 20_000);
    expect((await daemon.readiness()).ready).to.equal(true);
    const ready = systemd.messages().find(({ READY }) => READY === '1');
    expect(ready?.STATUS).to.equal('1 rule, 1 hook active, lag 0');
    const pings = said('WATCHDOG').length;
    await until(() => said('WATCHDOG').length >= pings + 3, 'signs of life');

    expect(await site.deliver(LEADS, 'item.create', { item_id: 1, item_revision_id: 0 })).to.equal(200);
    await until(() => said('STATUS').at(-1) === '1 rule, 1 hook active, lag 1', 'the lag', 15_000);
    // A plugin that takes its time is no reason to be killed.
    const later = said('WATCHDOG').length;
    await until(() => said('WATCHDOG').length >= later + 3, 'signs of life while a plugin works');

    daemon.signal('SIGTERM');
    await until(() => said('STOPPING').length === 1 && said('EXTEND_TIMEOUT_USEC').length > 0, 'STOPPING');
    site.write('gate', '');
    expect(await daemon.ended).to.equal(0);
    expect(said('READY')).to.deep.equal(['1']);
  });

  describe('that waits for a sign of life', () => {
    /** So long without one, and systemd would have killed it. */
    const WATCHDOG_MS = 1000;

    async function watched(site: Site, env: Readonly<Record<string, string>> = {}) {
      const systemd = await startNotifySocket(site.folder);
      const alive = () => systemd.messages().filter(({ WATCHDOG }) => WATCHDOG === '1').length;
      const daemon = site.run({
        env: { ...env, NOTIFY_SOCKET: systemd.path, WATCHDOG_USEC: String(WATCHDOG_MS * 1000) },
      });
      await until(() => alive() >= 2, 'signs of life', 20_000);
      return {
        daemon,
        async goesOn(when: string) {
          const before = alive();
          await until(() => alive() >= before + 2, `signs of life ${when}`, 20_000);
        },
        /** One that was on its way when it began is none of them. */
        async hasEnded(when: string) {
          await sleep(WATCHDOG_MS / 2);
          const before = alive();
          await sleep(3 * WATCHDOG_MS);
          expect(alive(), `signs of life ${when}`).to.equal(before);
        },
      };
    }

    it('gets none while the store hangs, though the process is well, and one again when it goes on', async function () {
      if (process.platform !== 'linux') this.skip();
      const site = await makeSite({ rules: AUDITED });
      const faults = makeFaults(compileFaults(site.folder), site.folder, site.dataDir);
      const { daemon, goesOn, hasEnded } = await watched(site, faults.env);
      faults.hold(true);
      await hasEnded('while no flush of the database ends');
      // Nothing else hangs: its HTTP servers answer.
      const run = await daemon.runFile();
      expect((await fetch(`http://127.0.0.1:${run.admin.port}/healthz`)).status).to.equal(200);
      expect(daemon.log()).to.include('podiod does not answer itself');
      faults.hold(false);
      await goesOn('once the disk answers');
      faults.close();
      expect(await daemon.end('SIGTERM')).to.equal(0);
    });

    it('gets none while a plugin blocks the thread', async () => {
      const site = await makeSite({
        plugins: { blocks: { use: './blocks.ts' } },
        rules: { stuck: { on: { app: 'leads', events: 'item.create' }, steps: ['blocks'] } },
      });
      site.write(
        'blocks.ts',
        `import { existsSync } from 'node:fs';
        import { definePlugin, z } from 'podiod/plugin';
        import { tap } from 'rxjs';
        export default definePlugin({
          name: 'blocks',
          options: z.strictObject({}),
          setup: () => ({
            operator: messages$ => messages$.pipe(tap(() => {
              while (!existsSync(new URL('gate', import.meta.url))) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
            })),
          }),
        });`,
      );
      const { daemon, goesOn, hasEnded } = await watched(site);
      expect(await site.deliver(LEADS, 'item.create', { item_id: 1, item_revision_id: 0 })).to.equal(200);
      await hasEnded('while the thread is blocked');
      site.write('gate', '');
      await goesOn('once it is not');
      expect(await daemon.end('SIGTERM')).to.equal(0);
    });
  });

  it('tells that its config is exchanged, and when that is over, also where nothing came of it', async () => {
    const site = await makeSite({ rules: AUDITED });
    const systemd = await startNotifySocket(site.folder);
    const told = () =>
      systemd.messages().flatMap(({ READY, RELOADING }) => (RELOADING ? 'reloading' : READY ? 'ready' : []));
    const now = (): number => Number(process.hrtime.bigint() / 1000n);

    const daemon = site.run({ env: { NOTIFY_SOCKET: systemd.path } });
    await until(() => told().join() === 'ready', 'READY', 20_000);
    site.configure({ rules: { ...AUDITED, more: AUDITED.all } });
    const before = now();
    daemon.signal('SIGHUP');
    await until(() => told().join() === 'ready,reloading,ready', 'READY again', 20_000);
    const { MONOTONIC_USEC } = systemd.messages().find(({ RELOADING }) => RELOADING === '1') ?? {};
    expect(Number(MONOTONIC_USEC)).to.be.within(before, now());
    expect(systemd.messages().findLast(({ READY }) => READY === '1')?.STATUS).to.match(/^2 rules, /);

    site.configure({ rules: { ...AUDITED, more: { steps: ['audit'] } } });
    expect((await site.podiod(['reload'])).code).to.equal(78);
    await until(() => told().join() === 'ready,reloading,ready,reloading,ready', 'READY once more', 20_000);
    const last = systemd.messages().findLast(({ READY }) => READY === '1')?.STATUS;
    expect(last).to.match(/^2 rules, .*the config file was not taken$/);
    expect(await daemon.end('SIGTERM')).to.equal(0);
  });

  it('says nothing of being ready when it is stopped before', async () => {
    const site = await makeSite({ rules: AUDITED });
    const systemd = await startNotifySocket(site.folder);
    // Podio takes the call and never answers: the first look at the hooks does not end.
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    site.configure({
      podio: { apiUrl: `http://127.0.0.1:${port}`, clientId: 'podiod', clientSecret: 'client-secret' },
    });
    const daemon = site.run({ env: { NOTIFY_SOCKET: systemd.path } });
    await daemon.runFile();
    await until(
      () => systemd.messages().some(({ STATUS }) => STATUS?.startsWith('not ready (the first look')),
      'the status',
    );
    expect(await daemon.end('SIGTERM')).to.equal(0);
    silent.close();
    expect(systemd.messages().some(({ READY }) => READY !== undefined)).to.equal(false);
  });

  it('goes on where systemd-notify is missing, and says so once', async () => {
    const site = await makeSite({ rules: AUDITED });
    const daemon = site.run({
      env: { NOTIFY_SOCKET: join(site.folder, 'nobody'), WATCHDOG_USEC: '100000', PATH: site.folder },
    });
    await daemon.ready();
    await until(() => daemon.log().includes('systemd could not be told'), 'the warning');
    expect(await daemon.end('SIGTERM')).to.equal(0);
    expect(daemon.log().split('systemd could not be told')).to.have.length(2);
  });

  it('keeps the port through restarts under load: no connection is refused and no event lost', async () => {
    const site = await makeSite({ rules: AUDITED });
    const parent = await startSocketParent([
      process.execPath,
      bin,
      'run',
      '--config',
      site.configFile,
      '--log-level',
      'warn',
    ]);
    // Podio calls the held port; the config's own stays free, which shows that it isn't used.
    const publicUrl = `http://127.0.0.1:${parent.port}/podio`;
    site.configure({
      server: { publicUrl, port: 1, secret: 'a-secret-for-the-tests', allowNonPublicUrl: true },
    });
    parent.start();
    await until(() => isReady(site), 'the first daemon', 20_000);
    expect((await readRunFile(site.dataDir))?.ingress).to.deep.equal({
      host: '127.0.0.1',
      port: parent.port,
    });

    const path = new URL(site.hookUrl(LEADS, 'item.create')).pathname;
    const troubles: string[] = [];
    let sent = 0;
    let isOver = false;
    /** Connections of its own, or one that is kept. */
    const client = async (keepAlive: boolean): Promise<void> => {
      const agent = new Agent({ keepAlive, maxSockets: 1 });
      while (!isOver) {
        sent += 1;
        const outcome = await post(agent, parent.port, path, sent);
        if (outcome !== 200) troubles.push(`${keepAlive ? 'kept' : 'new'}: ${outcome}`);
      }
      agent.destroy();
    };
    const load = Promise.all(Array.from({ length: 8 }, (_, n) => client(n % 2 === 0)));
    let restarts = 0;
    for (; restarts < 4; restarts++) {
      const before = await readRunFile(site.dataDir);
      const reached = sent;
      await until(() => sent >= reached + 100, 'load');
      process.kill(before?.pid ?? 0, 'SIGTERM');
      await until(() => hasEnded(before?.pid ?? 0), 'the end of the daemon', 20_000);
      parent.start();
      await until(async () => (await isReady(site)) || undefined, 'the next daemon', 20_000);
    }
    isOver = true;
    await load;

    expect(troubles, parent.log()).to.deep.equal([]);
    const events = await site.untilRun(sent, 'all');
    expect(new Set(events.map(({ itemId }) => itemId)).size).to.equal(sent);
    expect(restarts).to.equal(4);
    process.kill((await readRunFile(site.dataDir))?.pid ?? 0, 'SIGTERM');
  });
});

function hasEnded(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

/** Answers the status, or what became of the connection. */
function post(agent: Agent, port: number, path: string, itemId: number): Promise<number | string> {
  const body = `type=item.create&item_id=${itemId}&item_revision_id=0`;
  const headers = {
    'Content-Type': 'application/x-www-form-urlencoded',
    'Content-Length': Buffer.byteLength(body),
  };
  return new Promise(resolve => {
    request({ agent, port, host: '127.0.0.1', path, method: 'POST', headers }, response => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0));
    })
      .once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      .end(body);
  });
}
