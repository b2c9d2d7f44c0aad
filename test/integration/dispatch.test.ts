// Lanes over the embedded store, with the real plugin host: what the unit tests show on stand-ins holds on a disk.
import { expect } from 'chai';
import { concatMap, filter, mergeMap, type OperatorFunction, of } from 'rxjs';
import { systemClock } from '../../src/core/clock.ts';
import type { NewEvent } from '../../src/core/event.ts';
import { silentLog } from '../../src/core/log.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import type { Mode, Rule, Step } from '../../src/core/rule.ts';
import { type Dispatcher, makeDispatcher } from '../../src/dispatch/dispatcher.ts';
import { makeAttribution } from '../../src/plugin/attribution.ts';
import type { Message, PluginDefinition, PluginPodio } from '../../src/plugin/contract.ts';
import { makePluginHost, type PluginHost } from '../../src/plugin/host.ts';
import { definePlugin, PermanentError, z } from '../../src/plugin/index.ts';
import { makeScheduler } from '../../src/schedule/scheduler.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { temporaryFolder } from '../support/folder.ts';
import { readerOf } from '../support/plugin-world.ts';
import { until } from '../support/wait.ts';

const makeStep = (name: string): Step => ({
  name,
  plugin: name,
  use: name,
  options: {},
  onError: 'park',
  delivery: {
    retryForMs: 60_000,
    backoff: { fromMs: 20, toMs: 100 },
    deadlineMs: 5000,
    whenExhausted: 'park',
  },
});

const makeRule = (name: string, steps: readonly string[], more: Partial<Rule> = {}): Rule => ({
  name,
  triggers: [{ kind: 'app', apps: ['leads'], events: ['item.update'] }],
  steps: steps.map(makeStep),
  concurrency: 16,
  startAt: 'earliest',
  timezone: 'UTC',
  fingerprint: steps.join(),
  ...more,
});

const update = (itemId: number, revision: number): NewEvent => ({
  id: `item.update:${itemId}:${revision}`,
  type: 'item.update',
  source: 'webhook',
  ref: { type: 'app', id: 101 },
  app: 'leads',
  itemId,
  revision,
  params: { type: 'item.update', item_id: String(itemId), item_revision_id: String(revision) },
});

const plugin = (name: string, operator: OperatorFunction<Message, Message>): PluginDefinition =>
  definePlugin({ name, options: z.object({}), setup: () => ({ operator }) }) as PluginDefinition;

const reader = readerOf(async () => ({ item_id: 1, title: '', fields: [] }));

/** A daemon's middle: store, plugin host and lanes. */
class Daemon {
  readonly store: Store;
  readonly dispatcher: Dispatcher;
  readonly #host: PluginHost;

  constructor(store: Store, rules: readonly Rule[], plugins: Record<string, PluginDefinition>) {
    this.store = store;
    this.#host = makePluginHost({
      loader: {
        load: async use => {
          const found = plugins[use];
          if (!found) throw new Error(`no plugin ${use}`);
          return found;
        },
      },
      reader,
      podioFor: () => ({}) as PluginPodio,
      values: store.values,
      log: silentLog,
      clock: systemClock,
      fetch,
      attribution: makeAttribution(silentLog),
      apps: () => undefined,
    });
    this.dispatcher = makeDispatcher({
      rules,
      store,
      plugins: this.#host,
      reader,
      known: {
        apps: new Map([['leads', { name: 'leads', id: 101, token: 't', login: undefined, fields: {} }]]),
        spaces: new Map(),
        fields: { byId: () => undefined, known: () => undefined, hasRead: () => false },
      },
      clock: systemClock,
      log: silentLog,
      metrics: noMetrics,
    });
  }

  /** Resolves when no rule has anything left to do. */
  async idle(): Promise<void> {
    await until(async () => {
      const lanes = await this.store.lanes.status();
      return lanes.every(lane => lane.lag === 0) && this.dispatcher.status().every(rule => rule.inHand === 0);
    }, 'the lanes to come to rest');
  }

  async stop(): Promise<number> {
    const left = await this.dispatcher.stop(5000);
    await this.#host.dispose();
    await this.store.close();
    return left;
  }

  /** As near to a crash as one process comes: the store is shut under the lanes. */
  async crash(): Promise<void> {
    await this.store.close();
    await this.#host.dispose();
    await this.dispatcher.stop(0);
  }
}

describe('dispatch on the embedded store', () => {
  it('runs each event once per rule, in order per item, and none again after a restart', async () => {
    using folder = temporaryFolder();
    const seen: Record<string, string[]> = {};
    const note = (message: Message): void => {
      const rule = message.deliveryKey.split('/')[0] ?? '';
      seen[rule] ??= [];
      seen[rule].push(message.event.id);
    };
    const plugins = {
      even: plugin('even', messages$ =>
        messages$.pipe(filter(message => (message.event.revision ?? 0) % 2 === 0)),
      ),
      sink: plugin('sink', messages$ =>
        messages$.pipe(
          concatMap(async message => {
            note(message);
            await new Promise(resolve => setImmediate(resolve));
            return message;
          }),
        ),
      ),
    };
    const rules = [makeRule('all', ['sink']), makeRule('half', ['even', 'sink'])];
    const first = new Daemon(await openStore({ dataDir: folder.path }), rules, plugins);
    await first.dispatcher.open();
    first.dispatcher.start();
    for (let revision = 1; revision <= 10; revision++) {
      const batch = Array.from({ length: 30 }, (_, item) => update(item, revision));
      await first.store.journal.append(batch);
    }
    await first.idle();
    expect(await first.stop()).to.equal(0);

    const again = new Daemon(await openStore({ dataDir: folder.path }), rules, plugins);
    await again.dispatcher.open();
    again.dispatcher.start();
    await again.store.journal.append([update(0, 12)]);
    await again.idle();
    const lanes = await again.store.lanes.status();
    await again.stop();

    expect(seen.all).to.have.length(301);
    expect(seen.half).to.have.length(151);
    for (const ids of Object.values(seen)) {
      expect(new Set(ids).size).to.equal(ids.length);
      for (let item = 0; item < 30; item++) {
        const revisions = ids
          .filter(id => id.startsWith(`item.update:${item}:`))
          .map(id => Number(id.split(':')[2]));
        expect(revisions).to.deep.equal([...revisions].sort((a, b) => a - b));
      }
    }
    expect(lanes.map(({ rule, counts }) => [rule, counts.settled, counts.filtered])).to.deep.equal([
      ['all', 301, 0],
      ['half', 151, 150],
    ]);
  });

  it('goes on where it was when the store is gone under it, and repeats no finished step', async () => {
    using folder = temporaryFolder();
    const ran: string[] = [];
    const hangs = Promise.withResolvers<void>();
    let isFirstLife = true;
    const plugins = {
      split: plugin('split', messages$ =>
        messages$.pipe(
          mergeMap(message => {
            ran.push(message.deliveryKey);
            return of(message.with({ n: 0 }), message.with({ n: 1 }));
          }),
        ),
      ),
      sink: plugin('sink', messages$ =>
        messages$.pipe(
          concatMap(async message => {
            ran.push(`${message.deliveryKey} ${JSON.stringify(message.data)}`);
            if (isFirstLife && message.deliveryKey.endsWith('/1')) {
              hangs.resolve();
              await new Promise(() => {});
            }
            return message;
          }),
        ),
      ),
    };
    const rules = [makeRule('r', ['split', 'sink'])];
    const first = new Daemon(await openStore({ dataDir: folder.path }), rules, plugins);
    await first.dispatcher.open();
    first.dispatcher.start();
    await first.store.journal.append([update(1, 1)]);
    await hangs.promise;
    await first.crash();
    isFirstLife = false;

    const again = new Daemon(await openStore({ dataDir: folder.path }), rules, plugins);
    await again.dispatcher.open();
    again.dispatcher.start();
    await again.idle();
    await again.stop();
    const key = 'r/item.update:1:1';
    expect(ran).to.deep.equal([
      `${key}/split`,
      `${key}/sink/0 {"split":{"n":0}}`,
      `${key}/sink/1 {"split":{"n":1}}`,
      `${key}/sink/1 {"split":{"n":1}}`,
    ]);
  });

  it('goes on in order, item by item, when the rule is given another run mode at each start', async () => {
    using folder = temporaryFolder();
    const ran: number[] = [];
    let tries = 0;
    const plugins = {
      shaky: plugin('shaky', messages$ =>
        messages$.pipe(
          concatMap(async message => {
            await new Promise(resolve => setTimeout(resolve, 2));
            if (++tries % 3 === 0) throw new Error('not now');
            if (!message.signal.aborted) ran.push(...message.events.map(({ seq }) => seq));
            return message;
          }),
        ),
      ),
    };
    const modes: (Mode | undefined)[] = [
      undefined,
      { kind: 'settle', quietMs: 50, atMostMs: 200 },
      { kind: 'batch', max: 7, closes: { kind: 'within', ms: 100 } },
      undefined,
      { kind: 'latest' },
      { kind: 'batch', max: 5, closes: { kind: 'within', ms: 50 } },
      { kind: 'settle', quietMs: 50, atMostMs: 200 },
      undefined,
    ];
    const items = [1, 2, 3, 4, 5, 6, 7, 8];
    for (const [round, mode] of modes.entries()) {
      const rule = makeRule('r', ['shaky'], { concurrency: 4, ...(mode && { mode }) });
      const daemon = new Daemon(await openStore({ dataDir: folder.path }), [rule], plugins);
      await daemon.dispatcher.open();
      daemon.dispatcher.start();
      for (const half of [1, 2])
        await daemon.store.journal.append(items.map(item => update(item, 2 * round + half)));
      if (round < modes.length - 1) {
        await until(() => daemon.dispatcher.status()[0]?.waiting !== 0, 'a run to wait for its retry');
        await daemon.stop();
        continue;
      }
      await until(async () => {
        const [lane] = await daemon.store.lanes.status();
        return lane?.lag === 0 && lane.gathered === undefined && lane.cursor === daemon.store.journal.head();
      }, 'all to be done');
      const listed = await daemon.store.journal.list({ limit: 1000 });
      expect(listed.every(({ runs }) => runs.length === 1)).to.equal(true);
      expect(new Set(ran).size).to.equal(ran.length);
      for (const { event, runs } of listed)
        expect(runs[0]?.outcome, event.id).to.equal(ran.includes(event.seq) ? 'settled' : 'filtered');
      for (const item of items) {
        const own = ran.filter(seq => listed[seq - 1]?.event.itemId === item);
        expect(own, `item ${item}`).to.deep.equal(own.toSorted((a, b) => a - b));
      }
      await daemon.stop();
    }
  });

  it('parks, and runs again when a person asks for it', async () => {
    using folder = temporaryFolder();
    let works = false;
    const plugins = {
      sink: plugin('sink', messages$ =>
        messages$.pipe(
          concatMap(async message => {
            if (!works) throw new PermanentError('no such invoice');
            return message;
          }),
        ),
      ),
    };
    const daemon = new Daemon(await openStore({ dataDir: folder.path }), [makeRule('r', ['sink'])], plugins);
    await daemon.dispatcher.open();
    daemon.dispatcher.start();
    await daemon.store.journal.append([update(1, 1)]);
    const parked = await until(async () => (await daemon.store.parking.list())[0], 'a parked run');
    expect(parked).to.deep.include({ rule: 'r', step: 'sink', attempts: 1 });
    expect(parked.error).to.contain('no such invoice');
    works = true;
    await daemon.store.parking.retry({ ids: [parked.id] });
    await until(async () => (await daemon.store.parking.list()).length === 0, 'the retry');
    const [listed] = await daemon.store.journal.list({});
    await daemon.stop();
    expect(listed?.runs.map(({ outcome }) => outcome)).to.deep.equal(['settled']);
  });

  it('hands a tick to the rule whose schedule it is', async () => {
    using folder = temporaryFolder();
    const ticks: string[] = [];
    const sink = plugin('sink', messages$ =>
      messages$.pipe(
        concatMap(async message => {
          ticks.push(message.event.id);
          return message;
        }),
      ),
    );
    const rules = ['r', 'other'].map(name =>
      makeRule(name, ['sink'], {
        triggers: [
          {
            kind: 'schedule',
            cron: name === 'r' ? '* * * * *' : '0 0 1 1 *',
            timezone: 'UTC',
            missed: 'run',
          },
        ],
      }),
    );
    const store = await openStore({ dataDir: folder.path });
    // Half a minute on in no time: the tick is found the moment the scheduler looks.
    const base = Math.ceil(Date.now() / 60_000) * 60_000 - 50;
    const startedAt = performance.now();
    const clock = { ...systemClock, now: () => base + performance.now() - startedAt };
    const daemon = new Daemon(store, rules, { sink });
    const scheduler = makeScheduler({
      rules,
      journal: store.journal,
      settings: store.settings,
      itemRuns: { wish: async () => {}, go: () => {} },
      clock,
      log: silentLog,
    });
    await daemon.dispatcher.open();
    daemon.dispatcher.start();
    await scheduler.start();
    await until(() => ticks.length > 0, 'the tick');
    await scheduler.stop();
    await daemon.idle();
    await daemon.stop();
    const minute = new Date(base + 50).toISOString().slice(0, 16);
    expect(ticks).to.deep.equal([`schedule.fire:r:${minute}Z`]);
  });
});
