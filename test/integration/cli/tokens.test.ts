// What commands keep of their logins for those that follow, before any daemon has run and beside one.
import { chmodSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { noteLogins } from '../../../src/cli/setup.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLog } from '../../../src/core/log.ts';
import { loginsAheadMs } from '../../../src/daemon/connect.ts';
import { openHooks } from '../../../src/daemon/index.ts';
import { makePluginLoader } from '../../../src/plugin/load.ts';
import { makeIdentities } from '../../../src/podio/index.ts';
import { openStore } from '../../../src/store/index.ts';
import { until } from '../../support/wait.ts';
import { makeSettings } from '../../unit/podio/support.ts';
import { makeSite, type Site } from './site.ts';

const fileOf = (site: Site): string => join(site.dataDir, 'command-tokens.json');
const grants = (site: Site): number =>
  site.podio.requests.filter(({ operation }) => operation === 'oauth.token').length;
const readTokens = (site: Site): Record<string, Record<string, unknown>> =>
  JSON.parse(readFileSync(fileOf(site), 'utf8'));

/** With a dataDir: root makes none. */
async function siteWithData(changes: object = {}): Promise<Site> {
  const site = await makeSite(changes);
  mkdirSync(site.dataDir, { mode: 0o700 });
  return site;
}

describe('tokens of commands', function () {
  this.timeout(60_000);

  it('are used by the next command, of another kind too, and by the first daemon', async () => {
    await using site = await siteWithData();
    expect((await site.podiod(['pull'])).code).to.equal(0);
    expect(grants(site)).to.equal(2);
    expect((await site.podiod(['plan'])).code).to.equal(0);
    expect((await site.podiod(['doctor', '--no-handshake'])).stdout).to.include('hooks');
    expect(grants(site)).to.equal(2);

    await using daemon = site.start(['run']);
    await until(async () => (await site.podiod(['status', '--ready'])).code === 0, 'a daemon that is ready');
    expect(grants(site)).to.equal(2);
    daemon.stop();
    expect(await daemon.ended).to.equal(0);
  });

  it('are readable by their owner alone, and have nothing in them that renews', async () => {
    await using site = await siteWithData();
    await site.podiod(['plan']);
    expect(statSync(fileOf(site)).mode & 0o777).to.equal(0o600);
    const kept = readTokens(site);
    expect(Object.keys(kept).sort()).to.deep.equal(['token/app/101', 'token/app/102']);
    for (const token of Object.values(kept)) {
      expect(token)
        .to.include.keys('access', 'expiresAt', 'apiUrl', 'clientId')
        .and.not.have.property('refresh');
    }
    chmodSync(fileOf(site), 0o644);
    // Whoever opened it may have written to it too: it is not believed, not written, and told.
    expect((await site.podiod(['plan'])).code).to.equal(0);
    expect(grants(site)).to.equal(4);
    expect(readTokens(site)).to.deep.equal(kept);
    const { stdout } = await site.podiod(['doctor', '--no-handshake']);
    expect(stdout).to.include(`others on this machine can get at ${fileOf(site)} (0644)`);
  });

  it('are asked for anew once they have ended, never renewed with what a daemon has kept', async () => {
    await using site = await siteWithData();
    await site.podiod(['apply', '--yes']);
    const before = grants(site);
    const store = await openStore({ dataDir: site.dataDir });
    const kept = new Map<string, Record<string, unknown>>();
    for (const [key, token] of await store.settings.list('token/')) {
      kept.set(key, token as Record<string, unknown>);
      await store.settings.set(key, { ...(token as object), expiresAt: 1 });
    }
    await store.close();
    expect((await site.podiod(['plan'])).code).to.equal(0);
    expect((await site.podiod(['plan'])).code).to.equal(0);
    expect(grants(site)).to.equal(before + 2);
    // The daemon's are as good as before.
    for (const { refresh } of kept.values()) {
      const { status } = await fetch(`${site.podioUrl}/oauth/token/v2`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          grant_type: 'refresh_token',
          refresh_token: refresh,
          client_id: 'podiod',
          client_secret: 'client-secret',
        }),
      });
      expect(status).to.equal(200);
    }
    expect(kept.size).to.equal(2);
  });

  it('are no loss: a damaged file is as none, one of another client is not shown to this one', async () => {
    await using site = await siteWithData();
    site.write('data/command-tokens.json', '{"token/app/101": ');
    chmodSync(fileOf(site), 0o600);
    expect((await site.podiod(['plan'])).code).to.equal(0);
    expect(Object.keys(readTokens(site))).to.have.length(2);
    site.podio.addClient({ clientId: 'other', clientSecret: 'client-secret' });
    site.configure({ podio: { apiUrl: site.podioUrl, clientId: 'other', clientSecret: 'client-secret' } });
    expect((await site.podiod(['plan'])).code).to.equal(0);
    expect(grants(site)).to.equal(4);
  });

  it('count where a command listens itself: it tells of no wait that there is not', async () => {
    const ids = Array.from({ length: 25 }, (_, n) => 200 + n);
    const apps = Object.fromEntries(ids.map(id => [`app-${id}`, { id, token: 'no-such-token' }]));
    await using site = await siteWithData({
      apps,
      rules: { all: { on: { app: 'app-200', events: 'item.*' }, steps: ['audit'] } },
    });
    const { builtIns, inspect } = makePluginLoader({ configDir: site.folder });
    const file = join(site.folder, '.podiorc.yml');
    const { config } = await loadConfig({ cwd: site.folder, file, env: {}, loadPlugin: inspect, builtIns });
    const takesMs = async (): Promise<number | undefined> => {
      await using hooks = config && (await openHooks(config, { log: silentLog }));
      return hooks?.loginsTakeMs;
    };
    expect(await takesMs()).to.equal(10_000);
    const good = { apiUrl: site.podioUrl, clientId: 'podiod', renewAt: 8.64e15, expiresAt: 8.64e15 };
    const tokens = ids.map(id => [`token/app/${id}`, { ...good, access: 'x' }]);
    site.write('data/command-tokens.json', Object.fromEntries(tokens));
    chmodSync(fileOf(site), 0o600);
    expect(await takesMs()).to.equal(0);
  });

  it('say before a long wait how long it takes, and nothing once they are kept', async () => {
    const apps = Array.from({ length: 200 }, (_, n) => ({
      name: `app-${n}`,
      id: 200 + n,
      token: `token-${n}`,
    }));
    const config = {
      apps: new Map(apps.map(app => [app.name, { ...app, login: undefined, fields: {} }])),
      logins: new Map(),
      spaces: new Map(),
      podio: { apiUrl: 'http://127.0.0.1:9', clientId: 'a' },
      dataDir: '/nowhere/data',
    };
    const settings = makeSettings();
    const identities = await makeIdentities(config, { settings, fields: { byId: () => undefined } });
    const world = { identities, settings, clock: systemClock, log: silentLog };
    const notes: string[] = [];
    const note = async () =>
      noteLogins({ note: line => void notes.push(line) }, config, await loginsAheadMs(config, world));
    await note();
    expect(notes[0]).to.match(/^Logging in: Podio limits logins, so they are spread; about 1m 37s\. /);
    for (const { id } of apps)
      await settings.set(`token/app/${id}`, { ...config.podio, access: 'x', renewAt: 0, expiresAt: 8.64e15 });
    await note();
    expect(notes).to.have.length(1);
  });
});
