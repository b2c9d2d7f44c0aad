import { expect } from 'chai';
import { Subject } from 'rxjs';
import type { AppConfig } from '../../../src/config/model.ts';
import { PodioError } from '../../../src/core/errors.ts';
import type { NewEvent } from '../../../src/core/event.ts';
import { silentLog } from '../../../src/core/log.ts';
import type { Item, Revision } from '../../../src/core/podio.ts';
import { stampOf } from '../../../src/core/podio-time.ts';
import type { Rule } from '../../../src/core/rule.ts';
import type { Identity } from '../../../src/podio/contract.ts';
import { makeRecovery } from '../../../src/recover/index.ts';
import { makeMemoryStore } from '../../../src/store/memory.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const BOT: Identity = { kind: 'login', name: 'bot', username: 'bot', password: 'p' };

/** Apps without items, looked at by one login. `looks`: which app was looked at when, in minutes. */
async function setUp(apps: number, calls: number) {
  const clock = makeVirtualClock();
  const looks: string[] = [];
  const podio = {
    refuse: undefined as PodioError | undefined,
    items: [] as Item[],
    revisions: undefined as readonly Revision[] | undefined,
    back$: new Subject<void>(),
  };
  const begin = clock.now();
  const store = makeMemoryStore({ clock });
  const names = Array.from({ length: apps }, (_, n) => `app-${n}`);
  const all: Rule = {
    name: 'all',
    triggers: [{ kind: 'app', apps: names, events: ['item.update'] }],
    steps: [],
    concurrency: 1,
    startAt: 'head',
    timezone: 'UTC',
    fingerprint: 'all',
  };
  const appOf = (name: string, n: number): [string, AppConfig] => [
    name,
    { name, id: n + 1, token: undefined, login: 'bot', fields: {} },
  ];
  const config = {
    rules: [all] as readonly Rule[],
    apps: new Map(names.map(appOf)),
    catchUp: { everyMs: HOUR, overlapMs: 5 * MINUTE, onStart: true, unhooked: 'run' as const },
  };
  /** Its rules want changes of these apps now. */
  const follow = (...wanted: readonly number[]) => {
    const apps = wanted.map(n => `app-${n}`);
    config.rules = [{ ...all, triggers: [{ kind: 'app', apps, events: ['item.update'] }] }];
    config.apps = new Map(apps.map((name, at) => appOf(name, wanted[at] ?? 0)));
    return recovery.follow();
  };
  const recovery = await makeRecovery({
    config: () => config,
    store,
    items: {
      filter: async (_as, appId) => {
        looks.push(`app-${appId - 1} at ${Math.round(clock.monotonic() / MINUTE)}`);
        if (podio.refuse) throw podio.refuse;
        const { items } = podio;
        return { total: items.length, filtered: items.length, items };
      },
      revisions: async () => {
        if (podio.revisions) return podio.revisions;
        throw new PodioError('PODIO_UNAVAILABLE', 'Podio is down', { status: 503 });
      },
    },
    share: () => ({ general: 300, limited: calls }),
    identities: { forApp: () => BOT, forRef: () => BOT },
    clock,
    log: silentLog,
    random: () => 0.5,
    // Nobody sets Podio's clock.
    podioBack$: podio.back$,
    podioAheadMs: () => begin + clock.monotonic() - clock.now(),
  });
  await recovery.start();
  await clock.advance(0);
  return { clock, looks, podio, recovery, store, config, follow };
}

describe('looking for missed changes in time', () => {
  it('looks at every app at the start and again as configured, where the background share suffices', async () => {
    const { clock, looks, recovery } = await setUp(2, 75);
    expect(looks).to.deep.equal(['app-0 at 0', 'app-1 at 0']);
    await clock.advance(HOUR);
    expect(looks.slice(2)).to.deep.equal(['app-0 at 60', 'app-1 at 60']);
    expect(recovery.status().map(({ everyMs }) => everyMs)).to.deep.equal([HOUR, HOUR]);
    await recovery.stop();
  });

  it('spreads the apps over a longer interval where it does not', async () => {
    const { clock, looks, recovery } = await setUp(3, 2);
    expect(recovery.status()[0]?.everyMs).to.equal(1.5 * HOUR);
    await clock.advance(2.6 * HOUR);
    expect(looks).to.deep.equal([
      'app-0 at 0',
      'app-1 at 30',
      'app-2 at 60',
      'app-0 at 90',
      'app-1 at 120',
      'app-2 at 150',
    ]);
    await recovery.stop();
  });

  it('dates what it finds by the store’s clock, as rules are, also when the wall clock is set back', async () => {
    const { clock, podio, recovery, store } = await setUp(1, 75);
    await clock.advance(30 * MINUTE);
    const now = stampOf(clock.now());
    podio.items = [{ item_id: 1, title: '', fields: [], revision: 1, created_on: now, last_edit_on: now }];
    clock.jump(-6 * HOUR);
    await clock.advance(31 * MINUTE);
    const { entries } = await store.journal.read({ after: 0, limit: 10 });
    expect(entries.map(({ event }) => event.params.changed_at)).to.deep.equal(['2026-01-01T00:30:00.000Z']);
    await recovery.stop();
  });

  for (const [why, mend] of [
    ['Podio answers again', ({ podio }) => podio.back$.next()],
    ['hooks of the app could be mended', ({ recovery }) => recovery.doubt('app-0')],
    ['the config is another one', ({ recovery }) => recovery.follow()],
  ] as const satisfies readonly (readonly [
    string,
    (scene: Awaited<ReturnType<typeof setUp>>) => unknown,
  ])[]) {
    it(`reads soon what was left open when ${why}`, async () => {
      const scene = await setUp(1, 75);
      const { clock, podio, recovery, store } = scene;
      const event = (revision: number): NewEvent => ({
        id: `item.update:1:${revision}`,
        type: 'item.update',
        source: 'webhook',
        following: 'jumps',
        ref: { type: 'app', id: 1 },
        app: 'app-0',
        itemId: 1,
        revision,
        params: {},
      });
      await store.journal.append([event(1), event(3)]);
      await clock.advance(6 * HOUR);
      const listed: Revision = { revision: 2, type: 'update', created_on: stampOf(clock.now()) };
      podio.revisions = [listed];
      await clock.advance(MINUTE);
      expect(await store.gaps.open()).to.have.length(1);
      await mend(scene);
      await clock.advance(1000);
      expect(await store.gaps.open()).to.have.length(0);
      const { entries } = await store.journal.read({ after: 0, limit: 10 });
      expect(entries.map(({ event: { revision, source } }) => [revision, source])).to.deep.equal([
        [1, 'webhook'],
        [3, 'webhook'],
        [2, 'recovered'],
      ]);
      await recovery.stop();
    });
  }

  it('tells nothing from before the first start, also of an item that comes into an app without any', async () => {
    const { clock, podio, recovery, store } = await setUp(1, 75);
    await clock.advance(30 * MINUTE);
    const item = { item_id: 1, title: '', fields: [], revision: 1, created_on: '2020-01-01 00:00:00' };
    podio.items = [{ ...item, last_edit_on: stampOf(clock.now()) }];
    await clock.advance(31 * MINUTE);
    const { entries } = await store.journal.read({ after: 0, limit: 10 });
    expect(entries.map(({ event }) => event.id)).to.deep.equal(['item.update:1:1']);
    const [status] = recovery.status();
    expect(status?.watermark).to.equal('2026-01-01T00:30:00.000Z');
    await recovery.stop();
  });

  it('follows the apps of another config: what is followed still keeps its time', async () => {
    const { clock, looks, recovery, follow, config } = await setUp(2, 75);
    await clock.advance(20 * MINUTE);
    await follow(1, 2);
    await clock.advance(0);
    expect(looks).to.deep.equal(['app-0 at 0', 'app-1 at 0', 'app-2 at 20']);
    expect(recovery.following({ type: 'app', id: 1 }, 'item.update', 'app-0')).to.deep.equal({});
    expect(recovery.following({ type: 'app', id: 3 }, 'item.update', 'app-2')).to.deep.equal({
      following: 'jumps',
    });
    await clock.advance(HOUR);
    expect(looks.slice(3)).to.deep.equal(['app-1 at 60', 'app-2 at 80']);
    // How often is asked for each time.
    config.catchUp = { ...config.catchUp, everyMs: 10 * MINUTE };
    await clock.advance(HOUR);
    expect(looks.filter(look => look.startsWith('app-1')).length).to.be.above(3);
    // One that comes back is looked at from where it was left, as at a start.
    await follow(0);
    await clock.advance(0);
    expect(looks.at(-1)).to.equal('app-0 at 140');
    expect(recovery.status().map(({ app }) => app)).to.deep.equal(['app-0']);
    await recovery.stop();
    await clock.advance(HOUR);
    expect(looks.at(-1)).to.equal('app-0 at 140');
  });

  it('takes a field’s deliveries for those of the app where the app has no hook of its own for them', async () => {
    const { recovery, config } = await setUp(1, 75);
    const app = { kind: 'app', apps: ['app-0'] } as const;
    const ofField = {
      ...app,
      events: ['item.create', 'item.update'],
      fields: [{ field: 'status' }],
    } as const;
    const meaning = async (...own: readonly string[]) => {
      const triggers = own.length > 0 ? [ofField, { ...app, events: own }] : [ofField];
      config.rules = config.rules.map(rule => ({ ...rule, triggers }));
      await recovery.follow();
      return (['app', 'app_field'] as const).map(type =>
        (['item.create', 'item.update'] as const).map(
          event => recovery.following({ type, id: 1 }, event, 'app-0').following,
        ),
      );
    };
    expect(await meaning('item.create', 'item.update')).to.deep.equal([
      ['jumps', 'jumps'],
      ['beside', 'beside'],
    ]);
    expect(await meaning('item.update')).to.deep.equal([
      ['jumps', 'jumps'],
      ['jumps', 'beside'],
    ]);
    const loose = ['loose', 'loose'];
    expect([await meaning('item.create'), await meaning()]).to.deep.equal([
      [loose, loose],
      [loose, loose],
    ]);
    await recovery.stop();
  });

  it('waits for its budget without calling that a failure', async () => {
    const { clock, looks, podio, recovery } = await setUp(1, 75);
    podio.refuse = new PodioError('PODIO_RATE_LIMITED', 'not now', { retry: { afterMs: 7 * MINUTE } });
    await clock.advance(HOUR);
    expect(recovery.status()[0]).to.not.have.property('lastError');
    podio.refuse = undefined;
    await clock.advance(7 * MINUTE);
    expect(looks).to.deep.equal(['app-0 at 0', 'app-0 at 60', 'app-0 at 67']);
    await recovery.stop();
  });
});
