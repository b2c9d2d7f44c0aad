// A year of an app with ten thousand items, at what is spare of Podio's limits. Podio's hours pass at the turn of a clock.
import { join } from 'node:path';
import { expect } from 'chai';
import { type BacktestDeps, planBacktest } from '../../src/cli/backtest/backtest.ts';
import { keepAnswers, patiently, type Request } from '../../src/cli/backtest/reads.ts';
import type { Clock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { configOrFail, readConfig } from '../../src/daemon/config.ts';
import { connect } from '../../src/daemon/connect.ts';
import { buildWorld, startEmulator } from '../../src/emulator/index.ts';
import { makePluginLoader } from '../../src/plugin/load.ts';
import { callsOver } from '../../src/podio/index.ts';
import { makeMemoryStore } from '../../src/store/memory.ts';
import { temporaryFolder } from '../support/folder.ts';
import { makeRandom } from '../support/random.ts';
import { makeVirtualClock } from '../support/virtual-clock.ts';

const ITEMS = 10_000;
const YEAR_MS = 365 * 86_400_000;
const HOUR_MS = 3_600_000;
const SHARE = 0.3;

const rules = {
  won: {
    on: { app: 'leads', fields: { status: { from: 'Open', to: 'Won' } } },
    where: { 'fields.value': { gte: 500 } },
    steps: [
      {
        'slack-notifier': {
          webhookUrl: 'https://hooks.slack.example/x',
          text: '{{ item.title }} of {{ fields.value }}',
        },
      },
    ],
  },
  made: {
    on: { app: 'leads', events: 'item.create' },
    steps: [
      { 'slack-notifier': { webhookUrl: 'https://hooks.slack.example/x', text: 'item {{ event.itemId }}' } },
    ],
  },
};

describe('podiod backtest over a year of 10,000 items', function () {
  this.timeout(240_000);

  it('keeps inside of what is spare, and finds every change', async () => {
    const clock = makeVirtualClock(Date.UTC(2025, 0, 1));
    const emulator = await startEmulator({ allowAnyPort: true, clock, logSize: 100_000 });
    await using ending = new AsyncDisposableStack();
    using folder = temporaryFolder();
    ending.defer(() => emulator.stop());
    const { world } = emulator;
    buildWorld(world, {
      clientId: 'podiod',
      clientSecret: 'client-secret',
      apps: [
        {
          name: 'leads',
          id: 101,
          token: 'leads-token',
          fields: { title: [], status: ['Open', 'Won', 'Lost'] },
        },
      ],
    });
    const since = clock.now();
    const expected = fill(world, clock);
    const until = clock.now();

    const text = JSON.stringify({
      server: { publicUrl: 'https://hooks.example.com/podio' },
      podio: {
        apiUrl: emulator.url,
        clientId: 'podiod',
        clientSecret: 'client-secret',
        backgroundShare: '30%',
      },
      apps: { leads: { id: 101, token: 'leads-token' } },
      rules,
    });
    const config = configOrFail(await readConfig({ cwd: import.meta.dirname, env: {}, text }), {
      cwd: '',
      color: false,
    });

    const results: Record<string, { calls: number; hours: number }> = {};
    for (const rule of config.rules) {
      world.clearLogs();
      const startedAt = clock.now();
      const { store, deps, waiting } = await ready(config, rule, clock, join(folder.path, rule.name));
      const planned = await planBacktest({ ...deps, span: { since, until } });
      const [plan] = planned.apps;
      const result = await turning(clock, waiting, planned.run());
      void store;

      const { requests } = world;
      const calls = requests.filter(({ operation }) => operation !== 'oauth.token');
      expect(calls.filter(({ status }) => status === 420)).to.have.length(0);
      for (const [isLimited, limit] of [
        [false, 1000 * SHARE],
        [true, 250 * SHARE],
      ] as const) {
        const ofClass = calls.filter(({ operation }) => (operation === 'items.filter') === isLimited);
        const hours = Map.groupBy(ofClass, ({ at }) => Math.floor((at - startedAt) / HOUR_MS));
        for (const made of hours.values()) expect(made.length).to.be.at.most(limit);
      }
      const [least, most] = plan?.cost.general ?? [0, 0];
      // Told before, beside what it took to know it: the list and the app's fields.
      const limited = calls.filter(({ operation }) => operation === 'items.filter').length;
      expect(calls.length - limited - 1).to.be.within(least, most);
      expect(plan?.cost).to.include({ limited: 0, isExact: true });
      expect(limited).to.be.within(ITEMS / 500, ITEMS / 500 + 2);
      expect(result).to.include({ fired: expected[rule.name], interrupted: false, unprovable: 0, failed: 0 });
      results[rule.name] = {
        calls: calls.length,
        hours: Math.round(((clock.now() - startedAt) / HOUR_MS) * 10) / 10,
      };
      console.log(
        `      ${rule.name}: ${result.events} events, ${result.fired} fired; ${calls.length} calls (${limited} of them rate limited; told before: ${least} to ${most}), ${results[rule.name]?.hours} h at 30 % of Podio's limits`,
      );
    }
    expect(results.made?.calls).to.be.below(30);
  });
});

/** Spread over a year. How often each rule is to fire. */
function fill(
  world: Awaited<ReturnType<typeof startEmulator>>['world'],
  clock: ReturnType<typeof makeVirtualClock>,
): Record<string, number> {
  const random = makeRandom(11);
  const step = YEAR_MS / (ITEMS * 2);
  const expected = { won: 0, made: ITEMS };
  for (let n = 0; n < ITEMS; n++) {
    clock.jump(step);
    const value = Math.floor(random() * 1000);
    const { itemId } = world.createItem(101, { fields: { title: `lead ${n}`, value, status: 'Open' } });
    clock.jump(step);
    const kind = random();
    if (kind < 0.4) continue;
    const status = random() < 0.5 ? 'Won' : 'Lost';
    world.updateItem(itemId, { fields: { status } });
    if (status === 'Won' && value >= 500) expected.won++;
    // What comes later must not hide it.
    if (kind > 0.8) world.updateItem(itemId, { fields: { status: 'Open', value: 1 } });
    if (kind > 0.9) world.updateItem(itemId, { fields: { title: `lead ${n} again` } });
  }
  return expected;
}

async function ready(
  config: BacktestDeps['config'],
  rule: BacktestDeps['rule'],
  clock: ReturnType<typeof makeVirtualClock>,
  file: string,
) {
  const store = makeMemoryStore();
  let inFlight = 0;
  let sleeping = 0;
  const { podio, identities, fields, names } = await connect(config, {
    settings: store.settings,
    log: silentLog,
    clock,
    fetch: globalThis.fetch,
    metrics: noMetrics,
  });
  /** Knows when somebody waits for it to go on. */
  const watched: Clock = {
    ...clock,
    after(ms, fn) {
      sleeping++;
      const cancel = clock.after(ms, () => {
        sleeping--;
        fn();
      });
      return () => {
        sleeping--;
        cancel();
      };
    },
  };
  const patient = patiently(podio.request, {
    clock: watched,
    signal: new AbortController().signal,
    onWait: () => {},
    onGiveUp: () => {},
  });
  const keeping = keepAnswers(file, {}).over(patient);
  const request: Request = async (as, call) => {
    inFlight++;
    try {
      return await keeping(as, call);
    } finally {
      inFlight--;
    }
  };
  const deps: Omit<BacktestDeps, 'span'> = {
    config,
    rule,
    loader: makePluginLoader(),
    podio: { ...callsOver(request), share: podio.share, budgets: () => [], outage: podio.outage },
    identities,
    names,
    fields,
    untilNow: true,
    store: undefined,
    journalOnly: false,
    inFlight: () => inFlight,
    signal: new AbortController().signal,
    limit: 5,
    onProgress: () => {},
  };
  return { store, deps, waiting: () => sleeping > 0 };
}

/** Turns the clock whenever nothing but its turning is waited for. */
async function turning<T>(
  clock: ReturnType<typeof makeVirtualClock>,
  waiting: () => boolean,
  work: Promise<T>,
): Promise<T> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  work.then(over, over);
  while (!isOver) {
    await new Promise(resolve => setImmediate(resolve));
    if (waiting()) await clock.advance(30_000);
  }
  return work;
}
