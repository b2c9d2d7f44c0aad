// What a whole daemon asks of Podio, and what it makes of being refused. In one process with the emulated Podio.
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { hookUrl } from '../../src/core/hook.ts';
import { silentLog } from '../../src/core/log.ts';
import type { RunRecord } from '../../src/core/run.ts';
import { configOrFail, readConfig } from '../../src/daemon/config.ts';
import { type Daemon, startDaemon } from '../../src/daemon/index.ts';
import { buildWorld, type Emulator, type PlannedApp, startEmulator } from '../../src/emulator/index.ts';
import { temporaryFolder } from '../support/folder.ts';
import { makeVirtualClock } from '../support/virtual-clock.ts';
import { until } from '../support/wait.ts';

const SECRET = 'a-secret-for-the-tests';

/** Reads all that there is of an item, and writes down for which rule. */
const READING = `
import { appendFileSync } from 'node:fs';
import { definePlugin, pathOption, z } from 'podiod/plugin';
import { concatMap } from 'rxjs';
export default definePlugin({
  name: 'reading',
  options: z.strictObject({ path: pathOption() }),
  setup: ({ path }, { rule }) => ({
    operator: messages$ => messages$.pipe(concatMap(async message => {
      const [item, changes] = await Promise.all([message.item(), message.changes()]);
      appendFileSync(path, [rule, message.event.id, item.title, [...changes.keys()]].join(' ') + '\\n');
      return message;
    })),
  }),
});
`;

const freePort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise(closed => server.close(closed));
  return port;
};

const EVENTS = ['item.create', 'item.update', 'item.delete'] as const;

/** A rule on all items of these apps that reads them, and must do so at the first try that counts. */
const reading = (app: string | readonly string[], more: object = {}) => ({
  on: { app, events: 'item.*', ...more },
  steps: ['reading'],
  delivery: { attempts: 1, backoff: '100ms..1s' },
});

class Scene implements AsyncDisposable {
  readonly #ending = new AsyncDisposableStack();
  readonly folder = this.#ending.use(temporaryFolder()).path;
  readonly apps: readonly PlannedApp[];
  podio!: Emulator;
  publicUrl = '';
  #port = 0;
  /** Podio's clock, and a daemon's; its timers are this machine's. */
  readonly clock = { ...systemClock, now: () => Date.now() + this.aheadMs };
  aheadMs = 0;

  private constructor(apps: number) {
    this.apps = Array.from({ length: apps }, (_, n) => ({
      name: `app-${n}`,
      id: 1_000 + n,
      token: `token-${n}`,
      fields: { title: ['Alder'], status: ['Open', 'Won'] },
    }));
  }

  static async make(apps: number): Promise<Scene> {
    const scene = new Scene(apps);
    writeFileSync(join(scene.folder, 'reading.ts'), READING);
    scene.podio = await startEmulator({ allowAnyPort: true, clock: scene.clock });
    scene.#ending.defer(() => scene.podio.stop());
    const client = { clientId: 'podiod', clientSecret: 'client-secret' };
    buildWorld(scene.podio.world, { ...client, apps: scene.apps });
    scene.#port = await freePort();
    scene.publicUrl = `http://127.0.0.1:${scene.#port}/podio`;
    return scene;
  }

  get world() {
    return this.podio.world;
  }

  async start(
    rules: object,
    options: { readonly clock?: Clock; readonly fetch?: typeof fetch } = {},
    config: object = {},
  ): Promise<Daemon & { readonly runs: readonly RunRecord[] }> {
    const text = JSON.stringify({
      server: { publicUrl: this.publicUrl, port: this.#port, secret: SECRET, allowNonPublicUrl: true },
      admin: { port: 0 },
      podio: { apiUrl: this.podio.url, clientId: 'podiod', clientSecret: 'client-secret' },
      dataDir: join(this.folder, 'data'),
      apps: Object.fromEntries(this.apps.map(({ name, id, token }) => [name, { id, token }])),
      plugins: { reading: { use: './reading.ts', path: './read.txt' } },
      rules,
      ...config,
    });
    const cwd = this.folder;
    const checked = configOrFail(await readConfig({ text, cwd, env: {} }), { cwd });
    const daemon = await startDaemon(checked, { log: silentLog, version: 'test', ...options });
    this.#ending.defer(async () => void (await daemon.stop()));
    const runs: RunRecord[] = [];
    daemon.runs$.subscribe(run => runs.push(run));
    return { ...daemon, runs };
  }

  /** One a rule and event: rule, event, title, fields that changed. */
  read(): readonly string[] {
    return readFileSync(join(this.folder, 'read.txt'), 'utf8').trim().split('\n').toSorted();
  }

  /** How often each of these was called: `items.get /item/1?mark_as_viewed=false`. */
  calls(...operations: readonly string[]): ReadonlyMap<string, number> {
    const asked = this.world.requests.filter(({ operation = '' }) => operations.includes(operation));
    const groups = Map.groupBy(asked, ({ operation, path, query }) => `${operation} ${path} ${query}`);
    return new Map(Array.from(groups, ([call, { length }]) => [call, length]));
  }

  activeHooks(): number {
    return this.world.hooks().filter(({ status }) => status === 'active').length;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#ending.disposeAsync();
  }
}

describe('the daemon and the budget of Podio', function () {
  this.timeout(30_000);

  it('reads an item and a difference once per revision, however many rules want them', async () => {
    await using scene = await Scene.make(1);
    const rules = Object.fromEntries(
      Array.from({ length: 10 }, (_, n) => [
        `rule-${n}`,
        reading('app-0', n % 2 ? { fields: { status: { to: 'Won' } }, events: 'item.update' } : {}),
      ]),
    );
    const daemon = await scene.start(rules);
    await daemon.ready;
    const { itemId } = scene.world.createItem(1_000, { fields: { title: 'Alder', status: 'Open' } });
    await until(() => daemon.runs.length === 5, 'the creation to be read by all that want it');
    scene.world.updateItem(itemId, { fields: { status: 'Won' } });
    await until(() => daemon.runs.length === 15, 'the update to be read by all');

    expect(scene.read()).to.have.length(15);
    const calls = scene.calls('items.get', 'items.difference');
    expect([...calls.keys()].filter(call => call.startsWith('items.difference'))).to.have.length(1);
    // Once at each of the two revisions.
    expect(
      [...calls.entries()].filter(([call]) => call.startsWith('items.get')).map(([, n]) => n),
    ).to.deep.equal([2]);
    expect(
      Math.max(...[...calls].filter(([call]) => !call.startsWith('items.get')).map(([, n]) => n)),
    ).to.equal(1);
  });

  it('waits out a 420 in the middle of reconcile, catching up and reads: all is done after it, and nothing was lost', async () => {
    await using scene = await Scene.make(6);
    const names = scene.apps.map(({ name }) => name);
    const rules = { all: reading(names) };
    const first = await scene.start(rules);
    await first.ready;
    const items = scene.apps.map(({ id }) =>
      scene.world.createItem(id, { fields: { title: 'Alder', status: 'Open' } }),
    );
    await until(() => first.runs.length === 6, 'the creations');
    await until(() => scene.calls('items.filter').size === 6, 'every app to be looked at');
    await first.stop();

    // Missed for good by the hooks: the first change of each item, and a hook of each app is gone.
    for (const { itemId } of items)
      scene.world.updateItem(itemId, { fields: { status: 'Won' } }, { hook: false });
    for (const { hookId, type } of scene.world.hooks())
      if (type === 'item.delete') scene.world.deleteHook(hookId);
    // What was changed a moment ago would be taken for on its way.
    scene.aheadMs = 10_000;
    scene.world.clearLogs();
    scene.world.setFaults({ latencyMs: 5 });

    const second = await scene.start(rules, { clock: scene.clock });
    await until(() => scene.world.requests.length >= 3, 'the first looks');
    scene.world.setFaults({ rateLimitSeconds: 1 });
    for (const { id } of scene.apps)
      scene.world.createItem(id, { fields: { title: 'Birch', status: 'Open' } });
    await until(() => second.runs.length >= 12, 'every event to be handled');
    await until(() => scene.activeHooks() === 18, 'every hook');

    expect(scene.world.requests.some(({ status }) => status === 420)).to.equal(true);
    expect(second.runs.map(({ outcome }) => outcome)).to.deep.equal(Array(12).fill('settled'));
    const lines = scene.read().filter(line => line.startsWith('all item.update:'));
    expect(lines).to.deep.equal(items.map(({ itemId }) => `all item.update:${itemId}:1 Alder status`));
    // Each identity has been told to wait by the calls that were on their way (6 at most, of all together), and asked no
    // more until the wait was over.
    const refused = scene.world.requests.filter(({ status }) => status === 420);
    for (const [identity, asked] of Map.groupBy(refused, ({ identity }) => identity)) {
      expect(identity).to.match(/^app\/100\d$/);
      expect(asked.length, `${identity}: ${asked.map(({ operation }) => operation)}`).to.be.at.most(6);
    }
  });

  it('lets a burst wait for its turn outside of the deadline, so that nobody’s try ends for standing in line', async () => {
    await using scene = await Scene.make(1);
    const rule = reading('app-0', { events: 'item.create' });
    const delivery = { ...rule.delivery, deadline: '3s', concurrency: 250 };
    const daemon = await scene.start({ all: { ...rule, delivery } });
    await daemon.ready;
    // Six at a time: 300 readings take 7.5 s.
    scene.world.setFaults({ latencyMs: 150, operations: ['items.get'] });
    for (let n = 0; n < 300; n++)
      scene.world.createItem(1_000, { fields: { title: 'Alder', status: 'Open' } });
    await until(() => daemon.runs.length === 300, 'every event to be handled', 25_000);
    const tries = daemon.runs.flatMap(({ steps }) =>
      steps.map(({ outcome, attempts }) => `${outcome} ${attempts}`),
    );
    expect(tries).to.deep.equal(Array(300).fill('done 1'));
    expect(Math.max(...daemon.runs.flatMap(({ steps }) => steps.map(({ ms }) => ms)))).to.be.below(3000);
    expect(scene.calls('items.get').size).to.equal(300);
  });

  it('takes events in while Podio is down for an hour; what needs it waits, burns no attempt, and is done after', async () => {
    await using scene = await Scene.make(1);
    const clock = makeVirtualClock(Date.now());
    const daemon = await scene.start({ all: reading('app-0') }, { clock });
    const pass = async (minutes: number) => {
      for (let minute = 0; minute < minutes; minute++) {
        await clock.advance(60_000);
        await new Promise(resolve => setTimeout(resolve, 2));
      }
    };
    await until(() => clock.advance(500).then(() => scene.activeHooks() === 3), 'the hooks');
    scene.world.createItem(1_000, { fields: { title: 'Alder', status: 'Open' } });
    await until(() => daemon.runs.length === 1, 'the first event');

    const taken: string[] = [];
    // What podiod tells of itself, that Podio is away, is left aside.
    daemon.events$.subscribe(({ id, source }) => source === 'webhook' && taken.push(id));
    scene.world.setFaults({ down: true });
    for (let quarter = 1; quarter <= 4; quarter++) {
      for (let n = 0; n < 5; n++)
        scene.world.createItem(1_000, { fields: { title: 'Birch', status: 'Open' } });
      await until(() => taken.length === quarter * 5, 'events to be taken in');
      await pass(15);
    }
    expect(daemon.runs).to.have.length(1);

    scene.world.clearFaults();
    await until(() => clock.advance(1_000).then(() => daemon.runs.length === 21), 'all to be handled');
    expect(daemon.runs.map(({ outcome }) => outcome)).to.deep.equal(Array(21).fill('settled'));
    expect(new Set(scene.read()).size).to.equal(21);
  });

  it('makes one call a ref and one an app when it starts where all is well: 200 apps, 600 hooks, no login', async () => {
    await using scene = await Scene.make(200);
    for (const { id } of scene.apps) {
      for (const type of EVENTS) {
        const ref = { type: 'app', id } as const;
        scene.world.addHook({ ref, type, url: hookUrl(scene.publicUrl, SECRET, ref, type) });
      }
    }
    const rules = { all: reading('app-*') };
    // Two hundred logins are paced, which would take two minutes.
    const clock = makeVirtualClock(Date.now());
    const first = await scene.start(rules, { clock });
    await until(
      () => clock.advance(1_000).then(() => scene.calls('items.filter').size === 200),
      'every app to be looked at',
    );
    await first.stop();
    scene.world.clearLogs();

    let inFlight = 0;
    let most = 0;
    const counting: typeof fetch = async (...request) => {
      inFlight += 1;
      most = Math.max(most, inFlight);
      try {
        return await fetch(...request);
      } finally {
        inFlight -= 1;
      }
    };
    const second = await scene.start(rules, { fetch: counting });
    await second.ready;
    await until(() => scene.world.requests.length >= 400, 'every app to be looked at again');
    const byOperation = Map.groupBy(scene.world.requests, ({ operation }) => operation);
    expect(Array.from(byOperation, ([operation, { length }]) => [operation, length])).to.deep.equal([
      ['hooks.list', 200],
      ['items.filter', 200],
    ]);
    expect(new Set(scene.world.requests.map(({ status }) => status))).to.deep.equal(new Set([200]));
    expect(most).to.be.within(2, 8);
    expect(scene.world.hooks()).to.have.length(600);
  });
});
