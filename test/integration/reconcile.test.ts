// The reconciler with the real client against the emulated Podio, over real sockets; a receiver stands for the ingress.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { AppConfig } from '../../src/config/model.ts';
import { systemClock } from '../../src/core/clock.ts';
import { type HookRef, hookUrl, isValidKey, parseHookPath, type Secrets } from '../../src/core/hook.ts';
import { silentLog } from '../../src/core/log.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import type { Rule, Trigger } from '../../src/core/rule.ts';
import { type Emulator, startEmulator } from '../../src/emulator/index.ts';
import { makePodioClient } from '../../src/podio/client.ts';
import { makeFieldDirectory } from '../../src/podio/fields.ts';
import { makeIdentities } from '../../src/podio/identities.ts';
import {
  makeReconciler,
  makeVerifier,
  type ReconcileConfig,
  type Reconciler,
  type Verifier,
} from '../../src/reconcile/index.ts';
import { makeMemoryStore } from '../../src/store/memory.ts';

const leads: HookRef = { type: 'app', id: 101 };
const deals: HookRef = { type: 'app', id: 102 };
const sales: HookRef = { type: 'space', id: 7 };
const statusField: HookRef = { type: 'app_field', id: 201 };

const app = (name: string, id: number, token = `${name}-token`): [string, AppConfig] => [
  name,
  { name, id, token, login: undefined, fields: {} },
];

const rule = (name: string, ...triggers: readonly Trigger[]): Rule => ({
  name,
  triggers,
  steps: [],
  concurrency: 1,
  startAt: 'head',
  timezone: 'UTC',
  fingerprint: name,
});

const onApp = (name: string, ...events: readonly string[]): Trigger => ({
  kind: 'app',
  apps: [name],
  events,
});

const rules = [
  rule('won', { ...onApp('leads', 'item.update'), fields: [{ field: 'status' }] } as Trigger),
  rule('all', onApp('leads', 'item.create', 'item.update'), onApp('deals', 'item.create')),
  rule('tasks', { kind: 'space', spaces: ['sales'], events: ['task.create'] }),
];

/** What {@link rules} need. */
const needed = [
  'app/101 item.create active',
  'app/101 item.update active',
  'app/102 item.create active',
  'app_field/201 item.update active',
  'space/7 task.create active',
];

describe('reconciling with Podio', () => {
  let emulator: Emulator;
  let receiver: Server;
  let config: ReconcileConfig;
  let settings: ReturnType<typeof makeMemoryStore>['settings'];
  let verifier: Verifier | undefined;
  const open: Reconciler[] = [];

  beforeEach(async () => {
    emulator = await startEmulator({ allowAnyPort: true });
    const { world } = emulator;
    world.addClient({ clientId: 'client', clientSecret: 'secret' });
    world.addUser({ name: 'Bot', username: 'bot@example.com', password: 'password' });
    world.addSpace({ spaceId: 7, name: 'Sales' });
    const status = {
      externalId: 'status',
      type: 'category',
      settings: { options: ['Open', 'Won'] },
    } as const;
    world.addApp({
      appId: 101,
      spaceId: 7,
      name: 'Leads',
      token: 'leads-token',
      fields: [
        { ...status, fieldId: 201 },
        { externalId: 'title', type: 'text', fieldId: 202 },
      ],
    });
    world.addApp({ appId: 102, spaceId: 7, name: 'Deals', token: 'deals-token', fields: [status] });

    receiver = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const path = parseHookPath('/podio', request.url ?? '');
      const params = new URLSearchParams(body);
      if (!path || !isValidKey(config.secrets, path)) response.statusCode = 404;
      else if (params.get('type') === 'hook.verify') {
        verifier?.verified(path.ref, path.type, Number(params.get('hook_id')), params.get('code') ?? '');
      }
      response.end();
    });
    await new Promise<void>(resolve => receiver.listen(0, '127.0.0.1', resolve));
    settings = makeMemoryStore().settings;
    config = {
      rules,
      apps: new Map([app('leads', 101), app('deals', 102)]),
      spaces: new Map([['sales', { name: 'sales', id: 7, login: 'bot' }]]),
      reconcile: { everyMs: 900_000, mode: 'apply', delete: 'owned', maxDelete: 0.2 },
      publicUrl: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/podio`,
      secrets: ['a secret of sixteen or more'],
    };
  });

  afterEach(async () => {
    for (const reconciler of open.splice(0)) await reconciler.stop();
    verifier?.stop();
    await emulator.stop();
    await new Promise(resolve => {
      receiver.close(resolve);
      receiver.closeAllConnections();
    });
  });

  /** A daemon's start on what the store has, as far as it concerns hooks. */
  const start = async (change: Partial<ReconcileConfig> = {}, pingWithinMs = 5000): Promise<Reconciler> => {
    config = { ...config, ...change };
    const podio = makePodioClient({
      apiUrl: emulator.url,
      clientId: 'client',
      clientSecret: 'secret',
      tokenEndpoint: 'v2',
      backgroundShare: 0.9,
      settings,
      fetch: globalThis.fetch,
      clock: systemClock,
      log: silentLog,
      metrics: noMetrics,
    });
    const fields = await makeFieldDirectory({ settings, apps: podio.apps });
    const logins = new Map([['bot', { name: 'bot', username: 'bot@example.com', password: 'password' }]]);
    const identities = await makeIdentities({ ...config, logins }, { settings, fields });
    verifier?.stop();
    verifier = makeVerifier({ podio, identities, clock: systemClock, log: silentLog });
    const reconciler = makeReconciler({
      config: () => config,
      podio,
      identities,
      fields,
      settings,
      verifier,
      clock: systemClock,
      log: silentLog,
      random: Math.random,
      pingWithinMs,
    });
    open.push(reconciler);
    emulator.world.clearLogs();
    return reconciler;
  };

  const shown = (...refs: readonly HookRef[]): string[] =>
    (refs.length > 0 ? refs : [undefined])
      .flatMap(ref => emulator.world.hooks(ref))
      .map(({ ref, type, status }) => `${ref.type}/${ref.id} ${type} ${status}`)
      .sort();

  /** `hooks.list`, ... of what was asked since the start. */
  const operations = () => emulator.world.requests.map(({ operation }) => operation ?? 'unknown').sort();

  it('makes and verifies every hook from a cold start', async () => {
    const { results } = await (await start()).now();
    expect(shown()).to.deep.equal(needed);
    expect(results.map(({ outcome }) => outcome)).to.deep.equal(Array(5).fill('done'));
    for (const { ref, type, url } of emulator.world.hooks()) {
      expect(url).to.equal(hookUrl(config.publicUrl, config.secrets[0], ref as HookRef, type));
    }
  });

  it('costs a converged restart one list call a ref: no login, no write', async () => {
    await (await start()).now();
    const { plan } = await (await start()).now();
    expect(operations()).to.deep.equal(Array(4).fill('hooks.list'));
    expect(new Set(emulator.world.requests.map(({ path }) => path)).size).to.equal(4);
    expect(plan.actions.map(({ action }) => action)).to.deep.equal(Array(5).fill('keep'));
  });

  it('revives inactive hooks, makes missing ones again, removes duplicates and leftovers', async () => {
    await (await start()).now();
    const { world } = emulator;
    const [create, update] = world.hooks(leads);
    world.suspendHook(create?.hookId ?? 0);
    world.deleteHook(update?.hookId ?? 0);
    const [kept] = world.hooks(deals);
    world.addHook({ ref: deals, type: 'item.create', url: kept?.url ?? '' });
    const leftover = hookUrl(config.publicUrl, config.secrets[0], deals, 'comment.create');
    world.addHook({ ref: deals, type: 'comment.create', url: leftover });

    const { results } = await (await start()).now();
    expect(results.map(({ action }) => action.action)).to.deep.equal([
      'create',
      'verify',
      'delete',
      'delete',
    ]);
    expect(shown()).to.deep.equal(needed);
    expect(world.hook(create?.hookId ?? 0)?.status).to.equal('active');
    expect(world.hook(kept?.hookId ?? 0)?.status).to.equal('active');
  });

  it('puts new hooks in the place of suspended ones where verification does not revive them', async () => {
    await (await start()).now();
    const { world } = emulator;
    world.setSwitches({ reverifyRevives: false });
    const suspended = world.hooks().map(({ hookId }) => hookId);
    for (const hookId of suspended) world.suspendHook(hookId);
    await (await start()).now();
    expect(shown()).to.deep.equal(needed);
    expect(world.hooks().map(({ hookId }) => hookId)).to.not.include.members(suspended);
  });

  it('takes a ping that comes before the create call has answered', async () => {
    emulator.world.setFaults({ answerCreateAfterVerify: true });
    await (await start()).now();
    expect(shown()).to.deep.equal(needed);
  });

  it('takes pings that come twice, late and in any order', async () => {
    emulator.world.setFaults({ duplicateRate: 1, deliveryDelayMs: [0, 100] });
    await (await start()).now();
    expect(shown()).to.deep.equal(needed);
  });

  it('asks again for pings that got lost', async () => {
    emulator.world.setFaults({ dropRate: 1 });
    const running = await start({}, 300);
    const done = running.now();
    await emulator.world.until(() => emulator.world.hooks().length === 5);
    emulator.world.clearFaults();
    await done;
    expect(shown()).to.deep.equal(needed);
  });

  it('touches nothing foreign', async () => {
    const { world } = emulator;
    const urls = [
      'https://zapier.example.com/hooks/1?token=t',
      `${config.publicUrl}2/${'A'.repeat(22)}/app/101/item.update`,
      hookUrl(config.publicUrl, config.secrets[0], deals, 'item.update'),
    ];
    const foreign = urls.map(url => world.addHook({ ref: leads, type: 'item.update', url }).hookId);
    await (await start({ rules: [] })).now({ prune: true, move: true, allowDeletes: true });
    expect(world.hooks().map(({ hookId }) => hookId)).to.deep.equal(foreign);
  });

  it('moves to another public URL: new hooks at once, the old ones when told', async () => {
    const before = config.publicUrl;
    await (await start()).now();
    const moved = before.replace('127.0.0.1', 'localhost');
    const reconciler = await start({ publicUrl: moved });
    const { plan } = await reconciler.now();
    expect(plan.actions.filter(({ action }) => action === 'elsewhere')).to.have.lengthOf(5);
    expect(emulator.world.hooks()).to.have.lengthOf(10);
    await reconciler.now({ move: true });
    expect(shown()).to.deep.equal(needed);
    expect(emulator.world.hooks().every(({ url }) => url.startsWith(moved))).to.equal(true);
  });

  it('replaces the secret without losing a hook, and leaves orphans of a lost one until told', async () => {
    const [first] = config.secrets;
    await (await start()).now();
    const rotated: Secrets = ['the second secret', first];
    const { results } = await (await start({ secrets: rotated })).now();
    expect(results.map(({ action }) => action.action)).to.deep.equal(Array(5).fill('replace'));
    expect(shown()).to.deep.equal(needed);

    const reconciler = await start({ secrets: ['the third secret'] });
    const { plan } = await reconciler.now();
    expect(plan.actions.filter(({ action }) => action === 'orphan')).to.have.lengthOf(5);
    expect(emulator.world.hooks()).to.have.lengthOf(10);
    await reconciler.now({ prune: true });
    expect(shown()).to.deep.equal(needed);
  });

  it('lets a refused token harm its own app only', async () => {
    const apps = new Map([app('leads', 101), app('deals', 102, 'revoked-token')]);
    const reconciler = await start({ apps });
    await reconciler.now();
    expect(shown()).to.deep.equal(needed.filter(line => !line.startsWith('app/102')));
    expect(reconciler.status().degraded.map(({ ref, rules: of }) => [ref, of])).to.deep.equal([
      ['app/102', ['all']],
    ]);

    await (await start({ apps: new Map([app('leads', 101), app('deals', 102)]) })).now();
    expect(shown()).to.deep.equal(needed);
  });

  it('cleans up after an app and a space that left the config', async () => {
    await (await start()).now();
    await (
      await start({
        apps: new Map([app('leads', 101)]),
        spaces: new Map(),
        rules: [rule('all', onApp('leads', 'item.create', 'item.update'))],
      })
    ).now();
    expect(shown()).to.deep.equal(['app/101 item.create active', 'app/101 item.update active']);
    expect(operations()).to.not.include('oauth.token');
  });

  it('names what it can’t clean up after an app that left the config', async () => {
    await (await start()).now();
    emulator.world.revokeTokens({ type: 'app', id: 102 });
    const reconciler = await start({ apps: new Map([app('leads', 101)]), rules: rules.slice(0, 1) });
    await reconciler.now();
    const [hook] = emulator.world.hooks(deals);
    expect(reconciler.status().leftovers.map(({ ref, hooks }) => ({ ref, hooks }))).to.deep.equal([
      { ref: 'app/102', hooks: [{ hookId: hook?.hookId, type: 'item.create' }] },
    ]);
    expect(shown(statusField, sales)).to.deep.equal(['app_field/201 item.update active']);
  });

  it('says what to do where Podio can’t reach it, and piles nothing up', async () => {
    const closed = createServer();
    await new Promise<void>(resolve => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise(resolve => closed.close(resolve));
    const publicUrl = `http://127.0.0.1:${port}/podio`;
    const reconciler = await start({ publicUrl, rules: [rule('all', onApp('deals', 'item.create'))] }, 200);
    await reconciler.now();
    const { results } = await reconciler.now();
    expect(results.map(({ outcome }) => outcome)).to.deep.equal(['failed']);
    expect(shown()).to.deep.equal(['app/102 item.create inactive']);
    expect(reconciler.status().degraded[0]?.hint).to.contain('publicUrl');
  });
});
