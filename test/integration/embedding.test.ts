import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { firstValueFrom, lastValueFrom, toArray } from 'rxjs';
import { silentLog } from '../../src/core/log.ts';
import { ConfigError, startDaemon } from '../../src/index.ts';
import { openReader, openStore } from '../../src/store/index.ts';
import { startEmulator } from '../../src/testing.ts';
import { appended } from '../contract/store/worlds.ts';
import { temporaryFolder } from '../support/folder.ts';
import { until } from '../support/wait.ts';
import { listeningLog } from '../unit/dispatch/support.ts';

/** An emulated Podio with one app, and a config for it, as a program would write it. */
async function world(dataDir: string) {
  const emulator = await startEmulator({ allowAnyPort: true });
  emulator.world.addClient({ clientId: 'client', clientSecret: 'client-secret' });
  const { spaceId } = emulator.world.addSpace({ name: 'Sales' });
  const app = emulator.world.addApp({
    spaceId,
    name: 'Leads',
    fields: [{ externalId: 'title', type: 'text' }],
  });
  // Podio must know the URL before the ingress has a port, so a free one is looked for first.
  const { createServer } = await import('node:net');
  const port = await new Promise<number>(resolve => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
  const config = {
    server: { publicUrl: `http://127.0.0.1:${port}/podio`, port, allowNonPublicUrl: true },
    admin: { port: 0 },
    podio: { apiUrl: emulator.url, clientId: 'client', clientSecret: 'client-secret' },
    dataDir,
    apps: { leads: { id: app.appId, token: app.token } },
    rules: {
      all: { on: { app: 'leads', events: 'item.*' }, steps: [{ 'file-logger': { path: './out.ndjson' } }] },
    },
  };
  return { emulator, app, config };
}

describe('podiod in another program', () => {
  it('streams events, runs rules, and completes when it is stopped', async () => {
    using folder = temporaryFolder();
    const { emulator, app, config } = await world(join(folder.path, 'data'));
    const daemon = await startDaemon(config, { cwd: folder.path, log: silentLog });
    const all = lastValueFrom(daemon.events$.pipe(toArray()));
    await daemon.ready;
    const first = firstValueFrom(daemon.events$);
    const item = emulator.world.createItem(app.appId, { fields: { title: 'Alpha' } });
    expect(await first).to.include({ type: 'item.create', app: 'leads', itemId: item.itemId, revision: 0 });
    expect(await daemon.stop()).to.equal(0);
    expect((await all).map(({ type }) => type)).to.deep.equal(['item.create']);
    const [line = ''] = readFileSync(join(folder.path, 'out.ndjson'), 'utf8').split('\n');
    expect(JSON.parse(line)).to.include({ type: 'item.create', rule: 'all' });
    await emulator.stop();
  });

  it('removes what is old also where its config has nothing of Podio, which then never tells the time', async () => {
    using folder = temporaryFolder();
    const dataDir = join(folder.path, 'data');
    const store = await openStore({ dataDir });
    await appended(store, 2);
    await store.close();
    const db = new DatabaseSync(join(dataDir, 'podiod.db'));
    db.prepare('UPDATE event SET received_at = received_at - ? WHERE seq = 1').run(91 * 86_400_000);
    db.close();
    const daemon = await startDaemon(
      {
        server: { publicUrl: 'https://podiod.example.com', port: 0 },
        admin: { port: 0 },
        podio: { clientId: 'client', clientSecret: 'client-secret' },
        dataDir,
        rules: {
          yearly: { on: { schedule: '0 0 1 1 *' }, steps: [{ 'file-logger': { path: './out.ndjson' } }] },
        },
      },
      { cwd: folder.path, log: silentLog },
    );
    try {
      await daemon.ready;
      const reader = openReader(dataDir);
      const first = async () => (await reader.journal.list({ limit: 1 })).at(0)?.event.seq;
      await until(async () => (await first()) === 2, 'the old event to go');
      await reader.close();
    } finally {
      expect(await daemon.stop()).to.equal(0);
    }
  });

  it('goes on with another config, and with the one it has where that is wrong', async () => {
    using folder = temporaryFolder();
    const { emulator, app, config } = await world(join(folder.path, 'data'));
    await using daemon = await startDaemon(config, { cwd: folder.path, log: silentLog });
    const seen: string[] = [];
    daemon.events$.subscribe(({ type, itemId }) => seen.push(`${type} ${itemId}`));
    await daemon.ready;
    const error = await daemon.reload({ ...config, rules: { all: {} } }).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(ConfigError);
    const more = {
      on: { app: 'leads', events: 'item.create' },
      steps: [{ 'file-logger': { path: './more' } }],
    };
    const { rules } = await daemon.reload({ ...config, rules: { ...config.rules, more } });
    expect(rules).to.deep.include({ added: ['more'], unchanged: ['all'] });
    // Nothing is left out: what it was started with is an object, which says what it said.
    const item = emulator.world.createItem(app.appId, { fields: { title: 'Alpha' } });
    const event = await firstValueFrom(daemon.events$);
    expect(event.itemId).to.equal(item.itemId);
    expect((await daemon.reload()).rules.removed).to.deep.equal(['more']);
    expect(seen).to.deep.equal([`item.create ${item.itemId}`]);
    await daemon.stop();
    expect(readFileSync(join(folder.path, 'more'), 'utf8')).to.include(`"rule":"more"`);
    await emulator.stop();
  });

  it('refuses a config with every problem in the message', async () => {
    using folder = temporaryFolder();
    const error = await startDaemon(
      { server: { publicUrl: 'https://example.com', prot: 1 }, apps: { leads: {} } },
      {
        cwd: folder.path,
        log: silentLog,
      },
    ).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(ConfigError);
    const { diagnostics, message } = error as ConfigError;
    expect(diagnostics.length).to.be.greaterThan(1);
    expect(message).to.include('did you mean `port`');
  });

  it('takes no end for a kill that was in good order, though a full disk took no word of it', async () => {
    using folder = temporaryFolder();
    const dataDir = join(folder.path, 'data');
    const { emulator, config } = await world(dataDir);
    const { log, lines } = listeningLog();
    for (const wasKilled of [false, true]) {
      const store = await openStore({ dataDir });
      const lease = await store.lanes.acquire({ rule: 'all', shard: 0, of: 1 }, 'head');
      await store.lanes.reach(lease, 64);
      await store.close();
      if (wasKilled) writeFileSync(join(dataDir, 'run.json'), '{}', { mode: 0o600 });
      const daemon = await startDaemon(config, { cwd: folder.path, log });
      await daemon.stop();
      const told = lines.filter(({ message }) => message.startsWith('podiod did not end cleanly'));
      expect(told.length).to.equal(wasKilled ? 1 : 0);
      expect(existsSync(join(dataDir, 'run.json'))).to.equal(false);
    }
    await emulator.stop();
  });
});
