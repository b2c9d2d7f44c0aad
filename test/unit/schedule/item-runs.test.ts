import { expect } from 'chai';
import fc from 'fast-check';
import type { AppConfig } from '../../../src/config/model.ts';
import type { ItemWhere } from '../../../src/core/condition.ts';
import { PodioError, StoreError } from '../../../src/core/errors.ts';
import { silentLog } from '../../../src/core/log.ts';
import type { App, Item } from '../../../src/core/podio.ts';
import type { ItemSelection, Rule } from '../../../src/core/rule.ts';
import { certainTests } from '../../../src/language/condition/certain.ts';
import { judge } from '../../../src/language/condition/judge.ts';
import { parseCondition, testsIn } from '../../../src/language/condition/parse.ts';
import { type ItemRuns, type ItemRunsDeps, makeItemRuns } from '../../../src/schedule/item-runs.ts';
import { makeScheduler } from '../../../src/schedule/scheduler.ts';
import { makeMemoryStore } from '../../../src/store/memory.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

const MINUTE = 60_000;
const DEALS: AppConfig = {
  name: 'deals',
  id: 102,
  token: 't',
  login: undefined,
  fields: { stage: 'status' },
};
const OPTIONS = [
  { id: 1, text: 'Open' },
  { id: 2, text: 'Won' },
];
const APP: App = {
  app_id: 102,
  status: 'active',
  config: { name: 'Deals' },
  fields: [
    {
      field_id: 11,
      external_id: 'status',
      type: 'category',
      label: 'Status',
      status: 'active',
      config: { settings: { options: OPTIONS } },
    },
  ],
};

const itemOf = (id: number, option = 1): Item => ({
  item_id: id,
  title: `Deal ${id}`,
  revision: 0,
  tags: [],
  files: [],
  fields: [
    {
      field_id: 11,
      external_id: 'status',
      type: 'category',
      label: 'Status',
      values: [{ value: OPTIONS[option - 1] }],
    },
  ],
});

const conditionOf = (written: unknown): ItemWhere => {
  const condition = parseCondition(written, problem => {
    throw new Error(problem.message);
  });
  if (!condition) throw new Error('no condition');
  return {
    judge: view => judge(condition, view as never),
    certain: certainTests(condition),
    paths: [...testsIn(condition)].map(({ path }) => path),
  };
};

const ruleOf = (items: Partial<ItemSelection> = {}, cron = '0 3 * * *'): Rule => ({
  name: 'nightly',
  triggers: [{ kind: 'schedule', cron, timezone: 'UTC', missed: 'run', items: { app: 'deals', ...items } }],
  steps: [],
  concurrency: 1,
  startAt: 'head',
  timezone: 'UTC',
  fingerprint: '',
});

/** A Podio with one app, a store that outlives daemons, and daemons that read schedules only. */
function makeWorld(rule: Rule, pageLimit = 10) {
  const clock = makeVirtualClock(Date.parse('2026-06-01T02:30:00Z'));
  const store = makeMemoryStore({ clock });
  const world = {
    clock,
    store,
    items: new Map<number, Item>(),
    asked: [] as { filters: unknown; view: number | undefined; limit: unknown }[],
    gets: 0,
    learned: new Set<string>(),
    /** Called before each page. */
    before: async (_call: number): Promise<void> => {},
    append: store.journal.append,
    running: undefined as ItemRuns | undefined,
    stop: async () => {},
    async start() {
      const deps: ItemRunsDeps = {
        rules: [rule],
        apps: () => new Map([['deals', DEALS]]),
        journal: { append: batch => world.append(batch) },
        settings: store.settings,
        singleton: store.singleton,
        podio: {
          items: {
            async filter(_as, _app, body, options = {}) {
              const { filters, limit, offset } = body as {
                filters: Record<string, unknown>;
                limit: number;
                offset: number;
              };
              world.asked.push({ filters, view: options.view, limit });
              await world.before(world.asked.length);
              const wanted = filters['11'] as number[] | undefined;
              const all = [...world.items.values()]
                .filter(({ fields }) => {
                  const [option] = fields.flatMap(({ values }) => values as { value: { id: number } }[]);
                  return wanted?.includes(option?.value.id ?? 0) ?? true;
                })
                .sort((a, b) => a.item_id - b.item_id);
              return {
                total: world.items.size,
                filtered: all.length,
                items: all.slice(offset, offset + limit),
              };
            },
            get: async (_as, id) => {
              world.gets += 1;
              return world.items.get(id) as Item;
            },
          },
          apps: { get: async () => APP },
        },
        identities: {
          forApp: () => ({ kind: 'app', appId: 102, token: 't' }),
          forRef: () => undefined,
        },
        learn: ({ id }) => void world.learned.add(id),
        lag: async () => 0,
        // The number of an item is a secret.
        mask: text => text.replace(/\b2\b/g, '***'),
        clock,
        log: silentLog,
        pageLimit,
      };
      const itemRuns = makeItemRuns(deps);
      const scheduler = makeScheduler({ ...deps, itemRuns });
      world.running = itemRuns;
      world.stop = async () => {
        await scheduler.stop();
        await itemRuns.stop();
      };
      await itemRuns.start();
      await scheduler.start();
    },
    events: async () => (await store.journal.list({ limit: 10_000 })).map(({ event }) => event),
    ids: async () => (await world.events()).map(({ id }) => id),
  };
  return world;
}

const fill = (world: ReturnType<typeof makeWorld>, count: number, option?: number) => {
  for (let id = 1; id <= count; id++) world.items.set(id, itemOf(id, option));
};

describe('items of a schedule', () => {
  it('are journaled one by one between the tick and its end', async () => {
    const world = makeWorld(ruleOf());
    fill(world, 25);
    await world.start();
    await world.clock.advance(31 * MINUTE);
    const [tick, ...rest] = await world.events();
    expect(tick).to.deep.include({
      id: 'schedule.fire:nightly:2026-06-01T03:00Z',
      params: { scheduled_for: '2026-06-01T03:00:00.000Z', items: 'deals' },
    });
    expect(rest.slice(0, -1).map(({ id }) => id)).to.deep.equal(
      Array.from({ length: 25 }, (_, n) => `schedule.item:nightly:2026-06-01T03:00Z:${n + 1}`),
    );
    expect(rest[0]).to.deep.include({
      type: 'schedule.item',
      source: 'schedule',
      ref: { type: 'app', id: 102 },
      app: 'deals',
      itemId: 1,
      params: { rule: 'nightly', scheduled_for: '2026-06-01T03:00:00.000Z', item_id: '1' },
    });
    expect(rest.at(-1)).to.deep.include({
      id: 'schedule.end:nightly:2026-06-01T03:00Z',
      ref: { type: 'schedule', id: 'nightly' },
      params: {
        rule: 'nightly',
        scheduled_for: '2026-06-01T03:00:00.000Z',
        items: '25',
        looked: '25',
        complete: 'true',
      },
    });
    expect(world.learned.size).to.equal(25);
    expect(world.running?.status()).to.deep.equal([]);
    // The next night is another run of each.
    await world.clock.advance(24 * 60 * MINUTE);
    expect((await world.ids()).length).to.equal(2 * 27);
    await world.stop();
  });

  it('ask Podio for what it can answer of the condition, and judge all of it', async () => {
    const where = conditionOf({ 'fields.stage': 'Won', 'item.title': { matches: '[02468]$' } });
    const world = makeWorld(ruleOf({ where }));
    fill(world, 30);
    for (let id = 1; id <= 20; id++) world.items.set(id, itemOf(id, 2));
    await world.start();
    await world.clock.advance(31 * MINUTE);
    const found = (await world.events()).flatMap(({ type, itemId }) =>
      type === 'schedule.item' ? [itemId] : [],
    );
    expect(found).to.deep.equal([2, 4, 6, 8, 10, 12, 14, 16, 18, 20]);
    const picked = (await world.events()).find(({ type }) => type === 'schedule.item');
    expect(JSON.parse(picked?.params.where ?? '')).to.deep.equal([
      ['fields.stage', 'eq Won', 'Won', 1],
      ['item.title', 'matches [02468]$', 'Deal ***', 1],
    ]);
    expect(world.asked[0]?.filters).to.deep.equal({ 11: [2] });
    expect((await world.events()).at(-1)?.params).to.deep.include({ items: '10', looked: '20' });
    await world.stop();
  });

  it('ask a view without filters beside its own, and read by itself what a list leaves out', async () => {
    const where = conditionOf({ 'fields.stage': 'Open', 'item.tags': { contains: 'vip' } });
    const world = makeWorld(ruleOf({ where, view: 77 }));
    for (let id = 1; id <= 3; id++) {
      const { tags: _, files: __, ...listed } = itemOf(id);
      world.items.set(id, listed as Item);
    }
    await world.start();
    await world.clock.advance(31 * MINUTE);
    expect(world.asked[0]).to.deep.include({ filters: {}, view: 77 });
    expect([world.gets, world.learned.size]).to.deep.equal([3, 0]);
    await world.stop();
  });

  it('wait for Podio, in smaller pages where it does not manage, and say so', async () => {
    const world = makeWorld(ruleOf(), 200);
    fill(world, 150);
    world.before = async call => {
      if (call <= 2) throw new PodioError('PODIO_UNAVAILABLE', 'no answer in time');
    };
    await world.start();
    await world.clock.advance(30 * MINUTE + 1000);
    expect(world.running?.status()).to.deep.equal([
      {
        rule: 'nightly',
        app: 'deals',
        scheduledFor: '2026-06-01T03:00:00.000Z',
        items: 0,
        looked: 0,
        error: 'no answer in time',
        nextTryAt: '2026-06-01T03:00:15.000Z',
      },
    ]);
    await world.clock.advance(5 * MINUTE);
    expect((await world.ids()).length).to.equal(152);
    expect(world.asked.map(({ limit }) => limit)).to.deep.equal([200, 100, 50, 50, 50, 50]);
    await world.stop();
  });

  it('are not lost where the tick comes while those of the one before are read, but a tick between is', async () => {
    const world = makeWorld(ruleOf({}, '* * * * *'));
    fill(world, 3);
    let isAway = true;
    world.before = async () => {
      if (isAway) throw new PodioError('PODIO_RATE_LIMITED', 'later', { retry: { afterMs: 20_000 } });
    };
    await world.start();
    await world.clock.advance(4 * MINUTE + 1);
    isAway = false;
    await world.clock.advance(50_000);
    const ends = (await world.ids()).filter(id => id.startsWith('schedule.end'));
    expect(ends).to.deep.equal(['02:31', '02:34'].map(at => `schedule.end:nightly:2026-06-01T${at}Z`));
    await world.stop();
  });

  it('come once each, and end once, wherever a daemon ends and whatever the disk does', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        async (stops, isSick) => {
          const world = makeWorld(ruleOf());
          fill(world, 45);
          let appends = 0;
          let die = stops[0] ?? 0;
          world.append = async batch => {
            appends += 1;
            // As at a kill: what was asked for is on disk or not, and nobody is told.
            if (appends > die) {
              if (isSick) await world.store.journal.append(batch);
              throw new StoreError('STORE_WRITE_FAILED', 'gone');
            }
            return world.store.journal.append(batch);
          };
          await world.start();
          await world.clock.advance(31 * MINUTE);
          for (const stop of stops.slice(1)) {
            await world.stop();
            appends = 0;
            die = stop;
            // A scheduler that can't store a missed tick has not started when it is stopped.
            const started = world.start().catch(() => {});
            await world.clock.advance(MINUTE);
            await world.stop();
            await started;
          }
          await world.stop();
          world.append = world.store.journal.append;
          await world.start();
          await world.clock.advance(MINUTE);
          await world.stop();
          const events = await world.events();
          const items = events.flatMap(({ type, itemId }) => (type === 'schedule.item' ? [itemId] : []));
          expect(items).to.deep.equal(Array.from({ length: 45 }, (_, n) => n + 1));
          expect(events[0]?.type).to.equal('schedule.fire');
          expect(
            events.filter(({ type }) => type === 'schedule.end').map(({ params }) => params.items),
          ).to.deep.equal(['45']);
          expect(events.at(-1)?.type).to.equal('schedule.end');
        },
      ),
      { numRuns: 40 },
    );
  });
});
