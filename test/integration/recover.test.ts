// Missed changes, with the real store, ingress and Podio client against the emulated Podio over real sockets.
import { expect } from 'chai';
import type { AppConfig } from '../../src/config/model.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { PodioEvent } from '../../src/core/event.ts';
import { type HookRef, hookUrl } from '../../src/core/hook.ts';
import { silentLog } from '../../src/core/log.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import type { AppTrigger, Rule } from '../../src/core/rule.ts';
import { type Emulator, type EmulatorOptions, startEmulator } from '../../src/emulator/index.ts';
import type { HttpServer } from '../../src/http/server.ts';
import { makeIngress } from '../../src/ingress/ingress.ts';
import {
  makeFieldDirectory,
  makeIdentities,
  makePluginPodio,
  makePodioClient,
  type PodioClient,
} from '../../src/podio/index.ts';
import { makeRecovery, type Recovery, type RecoveryDeps } from '../../src/recover/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { temporaryFolder } from '../support/folder.ts';
import { until } from '../support/wait.ts';

const SECRET = 'a secret of sixteen or more';
const APP: HookRef = { type: 'app', id: 101 };
const STATUS: HookRef = { type: 'app_field', id: 201 };
const LEADS: AppConfig = { name: 'leads', id: 101, token: 'leads-token', login: undefined, fields: {} };

const ruleOn = (trigger: Partial<AppTrigger>): Rule => ({
  name: 'all',
  triggers: [
    { kind: 'app', apps: ['leads'], events: ['item.create', 'item.update', 'item.delete'], ...trigger },
  ],
  steps: [],
  concurrency: 1,
  startAt: 'head',
  timezone: 'UTC',
  fingerprint: 'all',
});

interface Options {
  readonly rule?: Rule;
  readonly catchUp?: Partial<ReturnType<RecoveryDeps['config']>['catchUp']>;
  readonly pageLimit?: number;
  readonly emulator?: EmulatorOptions;
  readonly hooks?: readonly (readonly [HookRef, string])[];
  /** Stands between the recovery and the client. */
  readonly wrap?: (items: PodioClient['items'], emulator: Emulator) => RecoveryDeps['items'];
}

const APP_HOOKS = ['item.create', 'item.update', 'item.delete', 'comment.create'].map(
  type => [APP, type] as const,
);

/** A Podio whose clock is somewhere else, and what of a daemon takes deliveries and finds what they left out. */
class Scene implements AsyncDisposable {
  /** Podio's clock: another time than here, and it goes on only when told. */
  podioNow = Date.UTC(2024, 5, 1, 12, 0, 0);
  readonly #folder = temporaryFolder();
  readonly #options: Options;
  readonly podio: Emulator;
  store!: Store;
  client!: ReturnType<typeof makePodioClient>;
  recovery: Recovery | undefined;
  #ingress: HttpServer | undefined;
  #seen = 0;

  private constructor(options: Options, podio: Emulator) {
    this.#options = options;
    this.podio = podio;
  }

  static async make(options: Options = {}): Promise<Scene> {
    const clock = { now: () => scene?.podioNow ?? Date.UTC(2024, 5, 1), after: systemClock.after };
    let scene: Scene | undefined;
    const podio = await startEmulator({
      allowAnyPort: true,
      clock,
      retryDelaysMs: [],
      ...options.emulator,
    });
    const { world } = podio;
    world.addClient({ clientId: 'podiod', clientSecret: 'client-secret' });
    world.addSpace({ spaceId: 7, name: 'Sales' });
    world.addApp({
      appId: 101,
      spaceId: 7,
      name: 'Leads',
      token: 'leads-token',
      fields: [
        { externalId: 'status', fieldId: 201, type: 'category', settings: { options: ['Open', 'Won'] } },
        { externalId: 'title', fieldId: 202, type: 'text' },
        { externalId: 'value', fieldId: 203, type: 'number' },
      ],
    });
    scene = new Scene(options, podio);
    return scene;
  }

  get world() {
    return this.podio.world;
  }

  /** Time passes at Podio. */
  tick(seconds = 1): void {
    this.podioNow += seconds * 1000;
  }

  /** Starts: deliveries are taken, and what was missed is looked for unless told otherwise. */
  async up({ recover = true } = {}): Promise<void> {
    const { rule = ruleOn({}), catchUp, pageLimit, wrap, hooks = APP_HOOKS } = this.#options;
    // What was changed a moment ago would be taken for on its way.
    this.tick(10);
    this.store = await openStore({ dataDir: this.#folder.path });
    const { settings, journal } = this.store;
    const effects = { settings, log: silentLog, clock: systemClock, fetch, metrics: noMetrics };
    this.client = makePodioClient({
      apiUrl: this.podio.url,
      clientId: 'podiod',
      clientSecret: 'client-secret',
      tokenEndpoint: 'v2',
      backgroundShare: 1,
      ...effects,
    });
    const apps = new Map([['leads', LEADS]]);
    const fields = await makeFieldDirectory({ settings, apps: this.client.apps });
    const identities = await makeIdentities(
      { apps, logins: new Map(), spaces: new Map() },
      { settings, fields },
    );
    const recovery = await makeRecovery({
      config: () => ({
        rules: [rule],
        apps,
        catchUp: { everyMs: 3_600_000, overlapMs: 300_000, onStart: true, unhooked: 'run', ...catchUp },
      }),
      store: this.store,
      items: wrap?.(this.client.items, this.podio) ?? this.client.items,
      // Podio's clock stands here: an hour's budget would last for ever.
      share: () => ({ general: 1_000_000, limited: 1_000_000 }),
      identities,
      clock: systemClock,
      log: silentLog,
      random: () => 0.5,
      podioAheadMs: this.client.clock.aheadMs,
      ...(pageLimit !== undefined && { pageLimit }),
    });
    this.recovery = recovery;
    this.#ingress = await makeIngress({
      path: '/podio',
      secrets: () => [SECRET],
      journal,
      verify: () => {},
      resolve: (ref, { type = '' }) => ({ app: 'leads', ...recovery.following(ref, type, 'leads') }),
      maxBody: 65_536,
      maxWaiting: 1000,
      log: silentLog,
      metrics: noMetrics,
      clock: systemClock,
    }).listen({ host: '127.0.0.1', port: 0 });
    const base = `http://127.0.0.1:${this.#ingress.address.port}/podio`;
    for (const [ref, type] of hooks) {
      this.world.addHook({ ref, type, url: hookUrl(base, SECRET, ref, type) });
    }
    if (recover) await recovery.start();
    this.#seen = this.world.requests.length;
  }

  /** Stops cleanly; what happens meanwhile is delivered to nobody. */
  async down(): Promise<void> {
    for (const { hookId } of this.world.hooks()) this.world.deleteHook(hookId);
    await this.#ingress?.close(1000);
    await this.recovery?.stop();
    await this.store.close();
    this.#ingress = undefined;
    this.recovery = undefined;
  }

  /** Resolves when the look at the app that is due has ended. */
  async swept(): Promise<void> {
    await until(() => this.recovery?.status()[0]?.lastSweepAt, 'the look at the app to end');
  }

  async boot(): Promise<void> {
    await this.up();
    await this.swept();
  }

  /** Calls since the last start, or since the last time asked. */
  calls(): readonly string[] {
    const all = this.world.requests.slice(this.#seen);
    this.#seen = this.world.requests.length;
    return all.flatMap(({ operation }) =>
      operation === undefined || operation.startsWith('oauth') ? [] : [operation],
    );
  }

  async events(): Promise<readonly PodioEvent[]> {
    return (await this.store.journal.list({ limit: 100_000 })).map(({ event }) => event);
  }

  /** `update 2`, `create 0*`: the item's revisions in the journal; with * what was recovered. */
  async told(itemId: number): Promise<readonly string[]> {
    return (await this.events())
      .filter(event => event.itemId === itemId)
      .map(({ type, revision, source, ref }) => {
        const of = ref.type === 'app' ? '' : ' (field)';
        if (revision === undefined) return type.split('.')[0] ?? '';
        return `${type.slice('item.'.length)} ${revision}${source === 'recovered' ? '*' : ''}${of}`;
      });
  }

  async untilTold(itemId: number, count: number): Promise<readonly string[]> {
    return until(async () => {
      const told = await this.told(itemId);
      return told.length >= count && told;
    }, `${count} events of the item`);
  }

  create(title = 'Alder'): number {
    this.tick();
    return this.world.createItem(101, { fields: { title, status: 'Open' } }).itemId;
  }

  /** Each edit gives the item another title. */
  edit(itemId: number, options: Parameters<Emulator['world']['updateItem']>[2] = {}): void {
    this.tick();
    this.world.updateItem(
      itemId,
      { fields: { title: `title ${this.world.show(itemId).revision + 1}` } },
      options,
    );
  }

  /** Edits whose deliveries are lost. */
  async lose(itemId: number, times = 1): Promise<void> {
    this.world.setFaults({ dropRate: 1 });
    for (let i = 0; i < times; i++) this.edit(itemId);
    await this.delivered();
    this.world.setFaults({ dropRate: 0 });
  }

  async delivered(): Promise<void> {
    await this.world.until(() => this.world.pendingDeliveries() === 0, 'all deliveries');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.recovery) await this.down();
    await this.podio.stop();
    this.#folder[Symbol.dispose]();
  }
}

describe('missed changes', () => {
  describe('at a number left out', () => {
    it('are read with one call and told in order, before what came after them', async () => {
      await using scene = await Scene.make();
      await scene.boot();
      const item = scene.create();
      await scene.untilTold(item, 1);
      scene.calls();
      await scene.lose(item, 2);
      scene.edit(item);
      await until(async () => (await scene.store.gaps.held()).length > 0, 'the edit to be held');
      scene.world.addComment(item, 'Well done');
      expect(await scene.untilTold(item, 5)).to.deep.equal([
        'create 0',
        'update 1*',
        'update 2*',
        'update 3',
        'comment',
      ]);
      expect(scene.calls()).to.deep.equal(['items.revisions']);
      const [status] = await scene.store.gaps.completeness();
      expect(status).to.include({ app: 'leads', delivered: 2, recovered: 2, own: 0, open: 0 });
    });

    it('are not read when a delivery was only late: it lets go what waits for it, and no call is made', async () => {
      await using scene = await Scene.make({ emulator: { reorderMs: 300 } as EmulatorOptions });
      await scene.boot();
      const item = scene.create();
      await scene.untilTold(item, 1);
      scene.calls();
      scene.world.setFaults({ reorderRate: 1, reorderMs: 300, deliveryDelayMs: 0 });
      scene.edit(item);
      scene.world.setFaults({ reorderRate: 0 });
      scene.edit(item);
      expect(await scene.untilTold(item, 3)).to.deep.equal(['create 0', 'update 1', 'update 2']);
      expect(scene.calls()).to.deep.equal([]);
    });

    it('are taken in as repeats when they are delivered after all', async () => {
      await using scene = await Scene.make();
      await scene.boot();
      const item = scene.create();
      await scene.untilTold(item, 1);
      scene.world.setFaults({ deliveryDelayMs: 2500 });
      scene.edit(item);
      scene.world.setFaults({ deliveryDelayMs: 0 });
      scene.edit(item);
      const told = await scene.untilTold(item, 3);
      await scene.delivered();
      expect(await scene.told(item)).to.deep.equal(told);
      expect(told).to.deep.equal(['create 0', 'update 1*', 'update 2']);
    });

    it('are released after a restart in the middle of the wait', async () => {
      await using scene = await Scene.make();
      await scene.boot();
      const item = scene.create();
      await scene.untilTold(item, 1);
      await scene.recovery?.stop();
      await scene.lose(item);
      scene.edit(item);
      await until(async () => (await scene.store.gaps.held()).length > 0, 'the event to be held');
      await scene.down();
      await scene.up();
      expect(await scene.untilTold(item, 3)).to.deep.equal(['create 0', 'update 1*', 'update 2']);
    });

    it('are found from the creation on, though only a field’s hook has told of that', async () => {
      const hooks = [...APP_HOOKS, [STATUS, 'item.create']] as const;
      await using scene = await Scene.make({ hooks });
      await scene.boot();
      const lost = scene.world.hooks().find(({ ref, type }) => ref.type === 'app' && type === 'item.create');
      scene.world.suspendHook(lost?.hookId ?? 0);
      const item = scene.create();
      expect(await scene.untilTold(item, 1)).to.deep.equal(['create 0 (field)']);
      await scene.lose(item);
      scene.edit(item);
      expect(await scene.untilTold(item, 4)).to.deep.equal([
        'create 0 (field)',
        'create 0*',
        'update 1*',
        'update 2',
      ]);
      // Nothing tells of what was lost before a deletion, but it is counted.
      const other = scene.create();
      await scene.untilTold(other, 1);
      await scene.lose(other);
      scene.tick();
      scene.world.deleteItem(other);
      expect(await scene.untilTold(other, 2)).to.deep.equal(['create 0 (field)', 'delete 2']);
      const [status] = await scene.store.gaps.completeness();
      expect(status?.unprovable[0]).to.include({ count: 2 });
    });

    it('cost no call for a creation that no rule wants under the app', async () => {
      const { triggers } = ruleOn({ events: ['item.create'], fields: [{ field: 'status' }] });
      const rule = ruleOn({ events: ['item.update'] });
      await using scene = await Scene.make({
        rule: { ...rule, triggers: [...rule.triggers, ...triggers] },
        hooks: [
          [APP, 'item.update'],
          [STATUS, 'item.create'],
        ],
      });
      await scene.boot();
      scene.calls();
      const item = scene.create();
      await scene.untilTold(item, 1);
      scene.edit(item);
      expect(await scene.untilTold(item, 2)).to.deep.equal(['create 0 (field)', 'update 1']);
      expect(scene.calls()).to.deep.equal([]);
      await scene.lose(item);
      scene.edit(item);
      expect((await scene.untilTold(item, 4)).slice(2)).to.deep.equal(['update 2*', 'update 3']);
    });

    it('say what can no longer be told: Podio lists the newest thirty revisions', async () => {
      await using scene = await Scene.make();
      await scene.boot();
      const item = scene.create();
      await scene.untilTold(item, 1);
      await scene.lose(item, 40);
      scene.edit(item);
      const told = await scene.untilTold(item, 31);
      expect(told.slice(0, 3)).to.deep.equal(['create 0', 'update 12*', 'update 13*']);
      expect(told.at(-1)).to.equal('update 41');
      const [status] = await scene.store.gaps.completeness();
      expect(status?.unprovable.map(({ count }) => count)).to.deep.equal([11]);
      expect(status).to.include({ delivered: 2, recovered: 29, open: 0 });
    });

    it('of an item that is gone by then are known to be lost, and hold nothing up', async () => {
      await using scene = await Scene.make();
      await scene.boot();
      const item = scene.create();
      await scene.untilTold(item, 1);
      await scene.lose(item, 2);
      scene.tick();
      scene.world.deleteItem(item);
      expect(await scene.untilTold(item, 2)).to.deep.equal(['create 0', 'delete 3']);
      const [status] = await scene.store.gaps.completeness();
      expect(status?.unprovable[0]).to.include({ count: 2 });
      expect(status?.unprovable[0]?.why).to.contain('deleted');
    });

    it('are none where podiod has made the changes itself', async () => {
      await using scene = await Scene.make();
      await scene.boot();
      const own: number[] = [];
      const podio = makePluginPodio({
        client: scene.client,
        identities: {
          forApp: () => ({ kind: 'app', appId: 101, token: 'leads-token' }),
          forRef: () => undefined,
        },
        names: { appId: () => 101 },
        logins: [],
        appOfItem: () => 101,
        current: () => undefined,
        watch: {
          begun: () => () => {},
          newest: async () => undefined,
          unanswered: () => {},
          mayRepeat: () => false,
          revised: async (itemId, revision) => {
            own.push(revision);
            void scene.store.gaps.own(itemId, revision, 'leads');
          },
          made: async () => {},
        },
      });
      const { item_id: item } = (await podio.items.create('leads', { fields: { title: 'Ours' } })) as {
        item_id: number;
      };
      await podio.items.update(item, { fields: { title: 'Ours, too' } });
      await podio.request('PUT', `/item/${item}/value/title`, { body: [{ value: 'And this' }] });
      expect(own).to.deep.equal([0, 1, 2]);
      scene.calls();
      scene.edit(item);
      expect(await scene.untilTold(item, 1)).to.deep.equal(['update 3']);
      expect(scene.calls()).to.deep.equal([]);
      expect((await scene.store.gaps.completeness())[0]).to.include({ own: 3, delivered: 1, recovered: 0 });
    });
  });

  it('have their time by this machine’s clock, however far Podio’s is off', async () => {
    await using scene = await Scene.make();
    await scene.boot();
    const item = scene.create();
    await scene.untilTold(item, 1);
    await scene.lose(item);
    scene.tick(3600);
    scene.edit(item);
    await scene.untilTold(item, 3);
    const [found] = (await scene.events()).filter(({ source }) => source === 'recovered');
    expect(Date.parse(found?.params.changed_at ?? '') - Date.now()).to.be.within(-3_615_000, -3_598_000);
  });

  describe('while nobody was there', () => {
    it('are not looked for at the first start, which makes one call', async () => {
      await using scene = await Scene.make();
      for (let i = 0; i < 3; i++) scene.edit(scene.create());
      await scene.up();
      await scene.swept();
      expect(await scene.events()).to.deep.equal([]);
      expect(scene.world.requests.filter(({ operation }) => operation === 'items.filter').length).to.equal(1);
      await scene.down();
      await scene.boot();
      expect(await scene.events()).to.deep.equal([]);
    });

    it('are found in order at the next start: creations, one edit without a further call, several with one', async () => {
      await using scene = await Scene.make();
      const old = scene.create();
      const older = scene.create();
      await scene.boot();
      const known = scene.create();
      await scene.untilTold(known, 1);
      await scene.down();
      scene.tick(3600);
      scene.edit(known);
      scene.edit(old);
      const born = scene.create();
      scene.edit(born);
      scene.edit(born);
      scene.edit(older);
      scene.edit(older);
      await scene.up();
      await scene.swept();
      expect(await scene.told(known)).to.deep.equal(['create 0', 'update 1*']);
      expect(await scene.told(old)).to.deep.equal(['update 1*']);
      expect(await scene.told(born)).to.deep.equal(['create 0*', 'update 1*', 'update 2*']);
      expect(await scene.told(older)).to.deep.equal(['update 1*', 'update 2*']);
      const calls = scene.world.requests.slice(-4).map(({ operation }) => operation);
      expect(calls.filter(operation => operation === 'items.revisions').length).to.equal(2);
      const [event] = (await scene.events()).filter(({ itemId }) => itemId === born);
      expect(event).to.deep.include({
        id: `item.create:${born}:0`,
        source: 'recovered',
        ref: APP,
        app: 'leads',
      });
      // What was found is not found again, and what comes live afterwards follows on it.
      await scene.down();
      await scene.boot();
      scene.edit(born);
      expect(await scene.untilTold(born, 4)).to.deep.equal([
        'create 0*',
        'update 1*',
        'update 2*',
        'update 3',
      ]);
    });

    it('are found before an item’s next delivery is taken for the first that there ever was', async () => {
      await using scene = await Scene.make();
      const item = scene.create();
      await scene.boot();
      await scene.down();
      scene.tick(3600);
      scene.edit(item);
      scene.edit(item);
      await scene.up({ recover: false });
      scene.edit(item);
      await scene.untilTold(item, 1);
      await scene.recovery?.start();
      await scene.swept();
      // What is delivered meanwhile is let through: only the look tells that it jumps.
      expect(await scene.told(item)).to.deep.equal(['update 3', 'update 1*', 'update 2*']);
    });

    it('cost one call for each page, whatever their times, and however they change meanwhile', async () => {
      let edits = 0;
      let onPage: (() => void) | undefined;
      await using scene = await Scene.make({
        pageLimit: 20,
        wrap: items => ({
          revisions: items.revisions,
          async filter(...args) {
            const answer = await items.filter(...args);
            onPage?.();
            return answer;
          },
        }),
      });
      await scene.boot();
      await scene.down();
      scene.tick(3600);
      const items: number[] = [];
      // One second for fifty of them, then some a second, then fifty in one again.
      for (let i = 0; i < 50; i++)
        items.push(scene.world.createItem(101, { fields: { title: `a${i}` } }).itemId);
      for (let i = 0; i < 50; i++) {
        if (i % 5 === 0) scene.tick();
        items.push(scene.world.createItem(101, { fields: { title: `b${i}` } }).itemId);
      }
      scene.tick();
      for (let i = 0; i < 50; i++)
        items.push(scene.world.createItem(101, { fields: { title: `c${i}` } }).itemId);
      onPage = () => {
        edits += 1;
        if (edits < 6) scene.edit(items[edits * 3] ?? 0);
      };
      await scene.up();
      await scene.swept();
      const filters = scene.world.requests.filter(({ operation }) => operation === 'items.filter').length;
      // Fifteen would hold everything, had it held still and had each second ended with a page.
      expect(filters).to.be.lessThan(15 * 2);
      for (const item of items) {
        const told = await scene.told(item);
        const wanted = Array.from({ length: scene.world.show(item).revision + 1 }, (_, n) => n);
        // What is edited while it is looked for may be delivered first.
        const found = told.map(line => Number.parseInt(line.split(' ')[1] ?? '', 10));
        expect(found.toSorted((a, b) => a - b)).to.deep.equal(wanted);
      }
    });

    it('cost one call for five hundred', async () => {
      await using scene = await Scene.make();
      await scene.boot();
      await scene.down();
      scene.tick(3600);
      for (let i = 0; i < 1400; i++) {
        if (i % 10 === 0) scene.tick();
        scene.world.createItem(101, { fields: { title: `t${i}` } });
      }
      const before = scene.world.requests.length;
      await scene.boot();
      expect((await scene.events()).length).to.equal(1400);
      const calls = scene.world.requests.slice(before).map(({ operation }) => operation);
      expect(calls.filter(operation => operation === 'items.filter').length).to.equal(3);
      expect(calls.filter(operation => operation === 'items.revisions').length).to.equal(0);
    });

    it('by a hook that Podio has switched off are found by the next look', async () => {
      await using scene = await Scene.make({ catchUp: { everyMs: 1500 } });
      await scene.boot();
      const item = scene.create();
      await scene.untilTold(item, 1);
      for (const { hookId } of scene.world.hooks()) scene.world.suspendHook(hookId);
      scene.edit(item);
      const other = scene.create('Birch');
      scene.tick(10);
      expect(await scene.untilTold(other, 1)).to.deep.equal(['create 0*']);
      expect(await scene.untilTold(item, 2)).to.deep.equal(['create 0', 'update 1*']);
    });

    it('by a hook that was dead are found also of an item that delivers again before the next look', async () => {
      await using scene = await Scene.make({ catchUp: { everyMs: 1500 } });
      const item = scene.create();
      await scene.boot();
      scene.tick(10);
      await scene.lose(item);
      scene.recovery?.doubt('leads');
      scene.edit(item);
      await scene.untilTold(item, 1);
      scene.tick(10);
      expect(await scene.untilTold(item, 2)).to.deep.equal(['update 2', 'update 1*']);
    });

    it('are looked for again after a look that failed', async () => {
      await using scene = await Scene.make({ catchUp: { everyMs: 300 } });
      await scene.boot();
      await scene.down();
      const item = scene.create();
      scene.tick(10);
      scene.world.setFaults({ errorRate: 1, errorStatus: 503, operations: ['items.filter'] });
      await scene.up();
      await until(() => scene.recovery?.status()[0]?.lastError, 'the look to fail');
      expect(await scene.events()).to.deep.equal([]);
      scene.world.setFaults({ errorRate: 0 });
      expect(await scene.untilTold(item, 1)).to.deep.equal(['create 0*']);
      await until(() => scene.recovery?.status()[0]?.lastError === undefined, 'the failure to be over');
    });

    it('leave out what API clients made, where the config says so', async () => {
      await using scene = await Scene.make({ catchUp: { unhooked: 'skip' } });
      await scene.boot();
      const item = scene.create();
      const other = scene.create();
      await scene.untilTold(other, 1);
      await scene.down();
      scene.tick(3600);
      const via = { id: 4711, name: 'Importer' };
      scene.edit(item, { via });
      scene.edit(item);
      scene.edit(item, { via, hook: false });
      scene.edit(other, { via });
      await scene.boot();
      expect(await scene.told(item)).to.deep.equal(['create 0', 'update 2*']);
      expect(await scene.told(other)).to.deep.equal(['create 0']);
    });

    it('are told of the app where only fields have hooks, and a late delivery of theirs is a twin', async () => {
      await using scene = await Scene.make({
        rule: ruleOn({ events: ['item.create', 'item.update'], fields: [{ field: 'status' }] }),
        hooks: [
          [STATUS, 'item.create'],
          [STATUS, 'item.update'],
        ],
      });
      await scene.boot();
      const item = scene.create();
      await scene.untilTold(item, 1);
      // Another field: no delivery, and nothing is held for it.
      scene.edit(item);
      scene.tick();
      scene.world.updateItem(item, { fields: { status: 'Won' } });
      expect(await scene.untilTold(item, 2)).to.deep.equal(['create 0 (field)', 'update 2 (field)']);
      await scene.down();
      scene.tick(3600);
      scene.world.updateItem(item, { fields: { status: 'Open' } });
      await scene.boot();
      expect(await scene.told(item)).to.deep.equal([
        'create 0 (field)',
        'update 2 (field)',
        'update 1*',
        'update 3*',
      ]);
    });
  });

  it('are told once and in order, whatever becomes of deliveries', async () => {
    await using scene = await Scene.make({ emulator: { seed: 7 } as EmulatorOptions });
    await scene.boot();
    // The first delivery of an item is its baseline: what was lost before it is nobody's to find.
    const items = Array.from({ length: 8 }, () => scene.create());
    for (const item of items) await scene.untilTold(item, 1);
    scene.world.setFaults({ dropRate: 0.2, duplicateRate: 0.3, reorderRate: 0.3, reorderMs: 150 });
    for (let round = 0; round < 12; round++) {
      for (const item of items) if ((round + item) % 3 > 0) scene.edit(item);
      await new Promise(resolve => setImmediate(resolve));
    }
    await scene.delivered();
    await until(async () => (await scene.store.gaps.held()).length === 0, 'nothing to be held');
    scene.world.setFaults({ dropRate: 0, duplicateRate: 0, reorderRate: 0 });
    await scene.down();
    await scene.boot();
    for (const item of items) {
      const told = (await scene.told(item)).map(line => Number.parseInt(line.split(' ')[1] ?? '', 10));
      const all = Array.from({ length: scene.world.show(item).revision + 1 }, (_, n) => n);
      expect(told).to.deep.equal(all);
    }
    const [status] = await scene.store.gaps.completeness();
    expect(status?.open).to.equal(0);
  }).timeout(30_000);
});
