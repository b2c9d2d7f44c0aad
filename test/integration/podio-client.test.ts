// The Podio client against the emulated Podio, over real sockets: neither knows the other's code, both know the reference.
import { expect } from 'chai';
import type { PodioError } from '../../src/core/errors.ts';
import { silentLog } from '../../src/core/log.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { type Emulator, type EmulatorOptions, startEmulator } from '../../src/emulator/index.ts';
import {
  type Identity,
  makeFieldDirectory,
  makeIdentities,
  makeItemReader,
  makePluginPodio,
  makePodioClient,
  type PodioClient,
} from '../../src/podio/index.ts';
import { makeVirtualClock, type VirtualClock } from '../support/virtual-clock.ts';
import { makeSettings } from '../unit/podio/support.ts';

const LEADS: Identity = { kind: 'app', appId: 101, token: 'leads-token' };
const BOT: Identity = { kind: 'login', name: 'bot', username: 'bot@example.com', password: 'bot-password' };
const REF = { type: 'app', id: 101 } as const;
const HOUR = 3_600_000;

interface Scene extends AsyncDisposable {
  readonly podio: Emulator;
  readonly clock: VirtualClock;
  readonly settings: ReturnType<typeof makeSettings>;
  readonly client: PodioClient;
  readonly tokenEndpoint: 'v1' | 'v2';
  /** Another client on the same settings, as after a restart. */
  restart(): PodioClient;
  /** The grants asked for, in order, with their statuses. */
  logins(): readonly string[];
}

async function setUp(
  options: EmulatorOptions = {},
  { tokenEndpoint = 'v2' as 'v1' | 'v2', timeoutMs = 30_000 } = {},
): Promise<Scene> {
  const clock = makeVirtualClock();
  const podio = await startEmulator({ allowAnyPort: true, clock, ...options });
  const { world } = podio;
  world.addClient({ clientId: 'podiod', clientSecret: 'client-secret' });
  world.addSpace({ spaceId: 7, name: 'Sales' });
  world.addUser({ name: 'Bot', username: 'bot@example.com', password: 'bot-password' });
  const fields = [
    { externalId: 'title', type: 'text' },
    { externalId: 'status', type: 'category', settings: { options: ['Open', 'Won'] } },
    { externalId: 'value', type: 'number' },
  ] as const;
  world.addApp({ appId: 101, spaceId: 7, name: 'Leads', token: 'leads-token', fields });
  world.addApp({ appId: 102, spaceId: 7, name: 'Deals', token: 'deals-token', fields });
  const settings = makeSettings();
  const restart = () =>
    makePodioClient({
      apiUrl: podio.url,
      clientId: 'podiod',
      clientSecret: 'client-secret',
      tokenEndpoint,
      backgroundShare: 0.3,
      settings,
      fetch: globalThis.fetch,
      clock,
      log: silentLog,
      metrics: noMetrics,
      timeoutMs,
    });
  return {
    podio,
    clock,
    settings,
    tokenEndpoint,
    client: restart(),
    restart,
    logins: () =>
      world.requests
        .filter(({ path }) => path.startsWith('/oauth/token'))
        .map(({ path, status }) => `${path} ${status}`),
    [Symbol.asyncDispose]: () => podio.stop(),
  };
}

const failure = async (promise: Promise<unknown>): Promise<PodioError> => {
  const outcome = await promise.then(
    () => undefined,
    error => error,
  );
  if (!outcome) throw new Error('it did not fail');
  return outcome;
};

/** What the two share of a change of an app's item. */
const event = (type: string, itemId: number, revision: number) => ({
  seq: 1,
  id: `${type}:${itemId}:${revision}`,
  type,
  source: 'webhook' as const,
  ref: REF,
  app: 'leads',
  itemId,
  revision,
  params: {},
  receivedAt: '2026-01-01T00:00:00.000Z',
});

describe('podio client with the emulator', () => {
  for (const tokenEndpoint of ['v1', 'v2'] as const) {
    it(`logs apps and users in, refreshes and logs in again at the ${tokenEndpoint} endpoint`, async () => {
      await using scene = await setUp({}, { tokenEndpoint });
      const { client, clock, podio } = scene;
      const path = tokenEndpoint === 'v2' ? '/oauth/token/v2' : '/oauth/token';
      expect((await client.apps.get(LEADS, 101)).config.name).to.equal('Leads');
      expect((await client.apps.get(BOT, 102)).config.name).to.equal('Deals');
      await clock.advance(8 * HOUR);
      expect((await client.apps.get(LEADS, 101)).app_id).to.equal(101);
      expect(scene.logins()).to.deep.equal([`${path} 200`, `${path} 200`, `${path} 200`]);
      podio.world.revokeTokens();
      expect((await client.apps.get(LEADS, 101)).app_id).to.equal(101);
      expect(scene.logins().slice(3)).to.deep.equal([`${path} 400`, `${path} 200`]);
    });
  }

  it('needs no login after a restart, and the other endpoint says so when it is the wrong one', async () => {
    await using scene = await setUp();
    await scene.client.apps.get(LEADS, 101);
    await scene.restart().apps.get({ ...LEADS, token: undefined }, 101);
    expect(scene.logins()).to.deep.equal(['/oauth/token/v2 200']);
    await using old = await setUp({ formTokenEndpoint: 'retired' }, { tokenEndpoint: 'v1' });
    const error = await failure(old.client.apps.get(LEADS, 101));
    expect(error).to.include({ code: 'PODIO_UNAUTHORIZED' });
    expect(error.hint).to.contain('tokenEndpoint: v2');
  });

  it('refreshes once for fifty calls at once when the token has ended', async () => {
    await using scene = await setUp();
    const { client, clock } = scene;
    await client.apps.get(LEADS, 101);
    await clock.advance(8 * HOUR);
    const apps = await Promise.all(Array.from({ length: 50 }, () => client.apps.get(LEADS, 101)));
    expect(new Set(apps.map(app => app.app_id))).to.deep.equal(new Set([101]));
    expect(scene.logins()).to.have.length(2);
  });

  it('logs in once more for fifty calls at once when the token was revoked', async () => {
    await using scene = await setUp();
    const { client, podio } = scene;
    await client.apps.get(LEADS, 101);
    podio.world.revokeTokens({ type: 'app', id: 101 });
    await Promise.all(Array.from({ length: 50 }, () => client.apps.get(LEADS, 101)));
    expect(scene.logins()).to.deep.equal([
      '/oauth/token/v2 200',
      '/oauth/token/v2 400',
      '/oauth/token/v2 200',
    ]);
    expect(podio.world.activeTokens()).to.equal(1);
  });

  it('never loops when every token is refused', async () => {
    await using scene = await setUp();
    const { client, podio } = scene;
    await client.apps.get(LEADS, 101);
    podio.world.setFaults({ refuseTokens: true });
    for (let n = 0; n < 5; n++) {
      expect(await failure(client.apps.get(LEADS, 101))).to.include({ code: 'PODIO_UNAUTHORIZED' });
    }
    expect(scene.logins()).to.have.length(3);
    podio.world.clearFaults();
    await client.apps.get(LEADS, 101);
  });

  it('logs 200 apps in without a burst', async () => {
    await using scene = await setUp({ limits: { logins: 20, loginWindowMs: 5_000, loginScope: 'client' } });
    const { client, clock, podio } = scene;
    const identities = Array.from({ length: 200 }, (_, n): Identity => {
      podio.world.addApp({ appId: 1_001 + n, spaceId: 7, name: `App ${n}`, token: `token-${n}`, fields: [] });
      return { kind: 'app', appId: 1_001 + n, token: `token-${n}` };
    });
    const all = Promise.all(
      identities.map((as, n) =>
        client.hooks.list(as, { type: 'app', id: 1_001 + n }, { priority: 'background' }),
      ),
    );
    expect(await clock.until(all)).to.have.length(200);
    expect(new Set(scene.logins())).to.deep.equal(new Set(['/oauth/token/v2 200']));
  });

  it('honours a 420 until it is over, for that identity alone', async () => {
    await using scene = await setUp({ limits: { general: 5 } });
    const { client, clock, podio } = scene;
    await client.apps.get(LEADS, 101);
    podio.world.setFaults({ rateLimitSeconds: 60 });
    expect((await failure(client.apps.get(LEADS, 101))).retry).to.deep.equal({ afterMs: 60_000 });
    podio.world.setFaults({ rateLimitSeconds: 0 });
    const asked = podio.world.requests.length;
    await clock.advance(59_000);
    expect((await failure(client.apps.get(LEADS, 101))).retry).to.deep.equal({ afterMs: 1_000 });
    expect(podio.world.requests).to.have.length(asked);
    await client.apps.get(BOT, 101);
    await clock.advance(1_000);
    await client.apps.get(LEADS, 101);
  });

  for (const window of ['fixed', 'sliding'] as const) {
    it(`meets no 420 in ${window} windows, however much it is asked for`, async () => {
      const limits = { general: 60, limited: 20, limitedOperations: ['items.filter', 'hooks.list'], window };
      await using scene = await setUp({ limits });
      const { client, clock, podio } = scene;
      let done = 0;
      for (let round = 0; round < 24; round++) {
        const answers = await Promise.allSettled([
          ...Array.from({ length: 12 }, () => client.apps.get(LEADS, 101)),
          ...Array.from({ length: 4 }, () => client.items.filter(LEADS, 101, {}, { priority: 'background' })),
          ...Array.from({ length: 4 }, () => client.hooks.list(LEADS, REF, { priority: 'recovery' })),
        ]);
        done += answers.filter(({ status }) => status === 'fulfilled').length;
        await clock.advance(600_000);
      }
      expect(podio.world.requests.filter(({ status }) => status === 420)).to.deep.equal([]);
      // Four hours of 60 and 20 calls: what may be used is used.
      expect(done).to.be.above(240);
    });
  }

  it('tells Podio being down from a failing call, and recovers', async () => {
    await using scene = await setUp();
    const { client, clock, podio } = scene;
    await client.apps.get(LEADS, 101);
    podio.world.setFaults({ errorRate: 1, errorStatus: 500, errorBody: 'html' });
    for (let n = 0; n < 4; n++) {
      expect(await failure(client.apps.get(LEADS, 101))).to.include({ status: 500, retry: 'backoff' });
    }
    podio.world.setFaults({ errorRate: 0, down: true });
    for (let n = 0; n < 3; n++) await failure(client.apps.get(LEADS, 101));
    const refused = await failure(client.apps.get(LEADS, 101));
    expect(refused).to.include({ code: 'PODIO_UNAVAILABLE' });
    expect((refused as Error).message).to.match(
      /^Podio is down; the call was not made \(GET \/app\/101 could not be sent to [\w.:]+: .+\)$/,
    );
    podio.world.clearFaults();
    await clock.advance(1_000);
    await client.apps.get(LEADS, 101);
  });

  it('gives up on an answer that does not come', async () => {
    await using scene = await setUp({}, { timeoutMs: 5_000 });
    const { client, clock, podio } = scene;
    await client.apps.get(LEADS, 101);
    podio.world.setFaults({ latencyMs: 60_000 });
    const error = await clock.until(failure(client.apps.get(LEADS, 101)));
    expect(error).to.include({ code: 'PODIO_UNAVAILABLE', retry: 'backoff' });
    expect(error.message).to.equal('GET /app/101 got no answer within 5000 ms');
  });

  it('makes, lists, verifies and deletes hooks', async () => {
    await using scene = await setUp({ hookCreateStatus: 201, hookWriteStatus: 200 });
    const { client, podio } = scene;
    const url = 'http://127.0.0.1:9/key/app/101/item.create';
    const hookId = await client.hooks.create(LEADS, REF, { type: 'item.create', url });
    expect(await client.hooks.list(LEADS, REF)).to.deep.equal([
      { ref: REF, hookId, type: 'item.create', url, status: 'inactive' },
    ]);
    await client.hooks.requestVerify(LEADS, hookId);
    expect(await failure(client.hooks.validate(LEADS, hookId, 'abc'))).to.include({ code: 'PODIO_INVALID' });
    await client.hooks.delete(LEADS, hookId);
    await client.hooks.delete(LEADS, hookId);
    expect(podio.world.hooks(REF)).to.deep.equal([]);
  });

  it('reads items, revisions, differences and pages of a filter', async () => {
    await using scene = await setUp();
    const { client, podio } = scene;
    const { world } = podio;
    const { itemId } = world.createItem(101, { fields: { title: 'Alder', status: 'Open' } });
    world.updateItem(itemId, { fields: { status: 'Won', value: 7 } });
    const item = await client.items.get(LEADS, itemId);
    expect(item).to.include({ item_id: itemId, title: 'Alder', revision: 1 });
    expect(world.requests.at(-1)?.query).to.contain('mark_as_viewed=false');
    const revisions = await client.items.revisions(LEADS, itemId);
    expect(revisions.map(({ revision }) => revision)).to.deep.equal([0, 1]);
    const difference = await client.items.difference(LEADS, itemId, 0, 1);
    expect(difference.map(({ external_id }) => external_id).sort()).to.deep.equal(['status', 'value']);
    const page = await client.items.filter(LEADS, 101, { sort_by: 'last_edit_on', limit: 500 });
    expect(page).to.include({ total: 1, filtered: 1 });
    expect(page.items.map(({ item_id }) => item_id)).to.deep.equal([itemId]);
    const { budgets } = client;
    expect(budgets()[0]?.general?.limit).to.equal(1_000);
    expect(budgets()[0]?.limited).to.deep.equal({ limit: 250, remaining: 249 });
  });

  for (const deletedItem of [403, 404, 410] as const) {
    it(`an item deleted at Podio is no error for a rule (${deletedItem})`, async () => {
      await using scene = await setUp({ deletedItem });
      const { client, podio, settings } = scene;
      const config = {
        apps: new Map([
          ['leads', { name: 'leads', id: 101, token: 'leads-token', login: undefined, fields: {} }],
        ]),
        logins: new Map(),
        spaces: new Map(),
      };
      const fields = await makeFieldDirectory({ settings, apps: client.apps });
      const identities = await makeIdentities(config, { settings, fields });
      const reader = makeItemReader({ client, identities, log: silentLog });
      const { world } = podio;
      const { itemId } = world.createItem(101, { fields: { title: 'Alder', status: 'Open' } });
      world.updateItem(itemId, { fields: { status: 'Won' } });
      const created = await reader.changes(event('item.create', itemId, 0));
      expect(Array.from(created, ([name, { from, to }]) => [name, from.length, to.length])).to.deep.equal([
        ['title', 0, 1],
        ['status', 0, 1],
      ]);
      expect(created.get('status')?.to[0]).to.have.nested.property('value.text', 'Open');
      world.deleteItem(itemId);
      expect((await reader.item(event('item.delete', itemId, 2))).title).to.equal('Alder');
      expect(await reader.changes(event('item.update', itemId, 1))).to.deep.equal(new Map());
      expect(await reader.item(event('item.delete', 4_711, 2))).to.deep.equal({
        item_id: 4_711,
        title: '',
        fields: [],
      });
    });
  }

  it('reads comments, tasks and files by id, and the bytes of a file wherever they are kept', async () => {
    await using scene = await setUp();
    const { client, podio } = scene;
    const { world } = podio;
    const { itemId } = world.createItem(101, { fields: { title: 'Alder' } });
    const { commentId } = world.addComment(itemId, 'Hello');
    const { taskId } = world.addTask({ text: 'Call', ref: { type: 'item', id: itemId } });
    const content = new Uint8Array([0, 1, 255, 13, 10]);
    const { fileId } = world.addFile({ name: 'a.bin', content });
    world.attachFiles(itemId, [fileId]);
    expect(await client.comments.get(LEADS, commentId)).to.include({ value: 'Hello' });
    expect(await client.comments.list(LEADS, 'item', itemId)).to.have.lengthOf(1);
    expect(await client.tasks.get(LEADS, taskId)).to.include({ text: 'Call' });
    expect(await client.tasks.list(LEADS, 'item', itemId)).to.have.lengthOf(1);
    expect(await client.files.get(LEADS, fileId)).to.include({ name: 'a.bin', size: 5 });
    for (const fileBytes of ['direct', 'redirect'] as const) {
      world.setSwitches({ fileBytes });
      expect([...(await client.files.download(LEADS, fileId, 5))]).to.deep.equal([...content]);
      expect(await failure(client.files.download(LEADS, fileId, 4))).to.include({
        code: 'PODIO_INVALID',
        retry: 'never',
      });
    }
    for (const gone of [
      client.comments.get(LEADS, 1),
      client.tasks.get(LEADS, 1),
      client.files.get(LEADS, 1),
    ])
      expect(await failure(gone)).to.include({ code: 'PODIO_NOT_FOUND', retry: 'never' });
    expect(await failure(client.files.download(LEADS, 1, 9))).to.include({ code: 'PODIO_NOT_FOUND' });
  });

  it('lets plugins write without setting hooks off, unless they ask for it', async () => {
    await using scene = await setUp();
    const { client, podio, settings } = scene;
    const { world } = podio;
    const leads = { name: 'leads', id: 101, token: 'leads-token', login: undefined, fields: {} };
    const fields = await makeFieldDirectory({ settings, apps: client.apps });
    const config = { apps: new Map([['leads', leads]]), logins: new Map(), spaces: new Map() };
    const plugin = makePluginPodio({
      client,
      identities: await makeIdentities(config, { settings, fields }),
      names: { appId: name => config.apps.get(name)?.id },
      logins: [],
      appOfItem: () => undefined,
      current: () => undefined,
    });
    for (const type of ['item.create', 'item.update', 'item.delete', 'comment.create']) {
      world.addHook({ ref: REF, type, url: 'http://127.0.0.1:9/' });
    }
    const { item_id: itemId } = await plugin.items.create('leads', { fields: { title: 'Birch' } });
    await plugin.items.update(itemId, { fields: { title: 'Beech' } }, { silent: true });
    await plugin.comments.create('item', itemId, { value: 'Hello' });
    await plugin.items.update(itemId, { fields: { title: 'Aspen' } }, { hook: true });
    await world.until(() => world.deliveries.length > 0, 'the delivery');
    await plugin.items.delete(itemId);
    expect(world.deliveries.map(({ type }) => type)).to.deep.equal(['item.update']);
    expect(world.show(itemId)).to.include({ title: 'Aspen', revision: 3, deleted: true });
  });
});
