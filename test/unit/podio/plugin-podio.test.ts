import { expect } from 'chai';
import { PodioError } from '../../../src/core/errors.ts';
import type { PodioEvent } from '../../../src/core/event.ts';
import { type Call, type Identity, identityKey, type PodioClient } from '../../../src/podio/contract.ts';
import { makePluginPodio, type PluginCallScope } from '../../../src/podio/plugin-podio.ts';
import { until } from '../../support/wait.ts';
import { makeClient, startStub } from './support.ts';

const identity = (name: string): Identity => ({ kind: 'login', name, username: name, password: 'hush' });

const event = (more: Partial<PodioEvent>): PodioEvent => ({
  seq: 1,
  id: 'x',
  type: 'item.update',
  source: 'webhook',
  ref: { type: 'app', id: 101 },
  params: {},
  receivedAt: '2026-01-01T00:00:00.000Z',
  ...more,
});

interface SetUp {
  readonly scope?: PluginCallScope;
  readonly logins?: readonly Identity[];
  /** What deliveries have told of every item. */
  readonly newest?: number;
  /** What Podio tells of each revision. */
  readonly made?: object;
  /** In place of one that notes what is sent. */
  readonly client?: PodioClient;
  /** Who reaches the app `deals`. */
  readonly caller?: Identity;
}

const GRANT = { access_token: 'a', refresh_token: 'r', expires_in: 28_800, token_type: 'bearer' };
const APP = { app_id: 102, fields: [], config: { name: 'Deals' }, status: 'active' };
const MADE = {
  revision: 4,
  type: 'update',
  created_on: '2026-01-01 00:00:00',
  created_via: { id: 77, name: 'podiod' },
};

function setUp(options: SetUp = {}) {
  const own: string[] = [];
  const apps: { readonly known: number | undefined; findApp?(): Promise<number | undefined> }[] = [];
  const unanswered = new Set<number>();
  const sent: string[] = [];
  const signals: (AbortSignal | undefined)[] = [];
  /** Writes that have begun and are not over, by item, as of each request and now. */
  const underWay: (number | undefined)[] = [];
  const underWayThen: (number | undefined)[][] = [];
  const answers = new Map<string, unknown>();
  let answer: unknown = { item_id: 55, revision: 2, comment_id: 3, task_id: 4, app_id: 101, items: [] };
  const request = async (as: Identity, call: Call): Promise<unknown> => {
    const query = new URLSearchParams(
      Object.entries(call.query ?? {}).map(([name, value]): [string, string] => [name, String(value)]),
    ).toString();
    const body = call.body === undefined ? '' : ` ${JSON.stringify(call.body)}`;
    sent.push(`${identityKey(as)}: ${call.method} ${call.path}${query && `?${query}`}${body}`);
    signals.push(call.signal);
    underWayThen.push([...underWay]);
    if (answers.has(call.method)) return answers.get(call.method);
    if (answer instanceof PodioError) throw answer;
    return answer;
  };
  const read = (method: Call['method'], path: string) => (as: Identity, id: number) =>
    request(as, { method, path: `${path}${id}`, operation: 'x' });
  const list = (path: string) => (as: Identity, type: string, id: number) =>
    request(as, { method: 'GET', path: `${path}${type}/${id}`, operation: 'x' });
  const revision = async (as: Identity, itemId: number, revision: number) => {
    sent.push(`${identityKey(as)}: GET /item/${itemId}/revision/${revision}`);
    if (options.made === undefined) throw new PodioError('PODIO_UNAVAILABLE', 'down');
    return options.made;
  };
  const client = {
    request,
    items: { get: read('GET', '/item/'), filter: read('POST', '/filter/'), revision },
    apps: { get: read('GET', '/app/') },
    comments: { get: read('GET', '/comment/'), list: list('/comment/') },
    tasks: { get: read('GET', '/task/'), list: list('/task/') },
    files: { get: read('GET', '/file/'), download: read('GET', '/raw/') },
  } as unknown as PodioClient;
  const podio = makePluginPodio({
    client: options.client ?? client,
    identities: {
      forApp: app =>
        ({ leads: identity('leads'), 101: identity('leads'), 102: options.caller ?? identity('deals') })[app],
      forRef: ref => (ref.type === 'space' && ref.id === 7 ? identity('space-bot') : undefined),
    },
    names: { appId: name => ({ leads: 101, deals: 102 })[name] },
    logins: options.logins ?? [],
    appOfItem: itemId => (itemId === 9 ? 102 : undefined),
    current: () => options.scope,
    watch: {
      begun: itemId => {
        underWay.push(itemId);
        return () => void underWay.splice(underWay.indexOf(itemId), 1);
      },
      newest: async () => options.newest,
      unanswered: itemId => void unanswered.add(itemId),
      mayRepeat: itemId => unanswered.has(itemId),
      revised: async (itemId, revision, appId, _, findApp) => {
        own.push(`${itemId}:${revision}`);
        apps.push({ known: appId, ...(findApp && { findApp }) });
      },
      made: async (id, itemId) => void own.push(`${id}${itemId === undefined ? '' : ` of ${itemId}`}`),
    },
  });
  return {
    podio,
    own,
    apps,
    sent,
    signals,
    underWay,
    underWayThen,
    reply: (value: unknown) => {
      answer = value;
    },
    /** To requests of one method, in place of that. */
    answer: (method: Call['method'], value: unknown) => void answers.set(method, value),
  };
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    error => error.code,
  );

describe('podio for plugins', () => {
  it('sends writes without hooks, unless asked', async () => {
    const { podio, sent } = setUp();
    await podio.items.create('leads', { fields: {} });
    await podio.items.create(101, { fields: {} }, { hook: true, silent: true });
    await podio.items.update(9, { fields: {} }, { silent: true });
    await podio.items.delete(9, { hook: false });
    await podio.comments.create('item', 9, { value: 'hi' });
    await podio.tasks.create({ text: 'call', ref: { type: 'app', id: 102 } }, { hook: true });
    expect(sent).to.deep.equal([
      'login/leads: POST /item/app/101/?hook=false {"fields":{}}',
      'login/leads: POST /item/app/101/?hook=true&silent=true {"fields":{}}',
      'login/deals: PUT /item/9?hook=false&silent=true {"fields":{}}',
      'login/deals: DELETE /item/9?hook=false',
      'login/deals: POST /comment/item/9?hook=false {"value":"hi"}',
      'login/deals: POST /task/app/102/?hook=true {"text":"call"}',
    ]);
  });

  it('takes for its own what a write has made, and not what was there before', async () => {
    const inHand = { event: event({ itemId: 9, revision: 2 }) };
    const cases: [wanted: readonly string[], body: object, options: SetUp][] = [
      [['9:2'], {}, {}],
      [['9:2'], { revision: 1 }, { newest: 2 }],
      // Podio answers the revision that there is, whoever made it.
      [[], { revision: 2 }, {}],
      [[], {}, { scope: inHand }],
      [[], {}, { newest: 2 }],
      [['9:2'], {}, { newest: 1, scope: { event: event({ itemId: 8, revision: 5 }) } }],
    ];
    for (const [wanted, body, options] of cases) {
      for (const write of ['update', 'request'] as const) {
        const { podio, own } = setUp(options);
        if (write === 'update') await podio.items.update(9, body);
        else await podio.request('PUT', '/item/9', { body });
        expect(own, JSON.stringify([body, options])).to.deep.equal(wanted);
      }
    }
  });

  it('takes for its own what a request by path has made or deleted, where that can be told', async () => {
    const cases: readonly (readonly [
      method: string,
      path: string,
      body: object | undefined,
      own: readonly string[],
    ])[] = [
      ['POST', '/item/app/102', {}, ['55:0']],
      ['PUT', '/item/9/value/title', {}, ['9:2']],
      ['POST', '/comment/item/9/', { value: 'x' }, ['comment.create:3 of 9']],
      ['POST', '/task/item/9', {}, ['task.create:4 of 9']],
      ['POST', '/task/', {}, ['task.create:4']],
      ['DELETE', '/item/9', undefined, ['item.delete:9 of 9']],
      ['delete', '/comment/3', undefined, ['comment.delete:3']],
      ['DELETE', '/task/4/', undefined, ['task.delete:4']],
      ['POST', '/file/77/attach', { ref_type: 'item', ref_id: 9 }, ['file.change:9:file_created:77 of 9']],
      ['POST', '/file/77/attach', { ref_type: 'task', ref_id: 9 }, []],
      ['POST', '/item/app/102/filter', {}, []],
      ['DELETE', '/item/9/value/title', undefined, ['9:2']],
      ['POST', '/task/4/complete', undefined, []],
      ['GET', '/item/9', undefined, []],
    ];
    for (const [method, path, body, made] of cases) {
      const { podio, own } = setUp({ logins: [identity('bot')] });
      await podio.request(method, path, { body });
      expect(own, `${method} ${path}`).to.deep.equal(made);
    }
  });

  it('tells of which app an item is that it has changed, and where nobody knows, how to find out', async () => {
    const scope = { event: event({ type: 'item.lasted', itemId: 3, app: 'leads' }) };
    for (const write of ['update', 'request'] as const) {
      const { podio, apps, sent, reply } = setUp({ scope });
      for (const id of [3, 9, 4])
        await (write === 'update' ? podio.items.update(id, {}) : podio.request('PUT', `/item/${id}`));
      expect(apps.map(({ known }) => known)).to.deep.equal([101, 102, undefined]);
      expect(sent, 'asked for nothing on its own').to.have.length(3);
      reply({ item_id: 4, app: { app_id: 102 } });
      expect(await apps[2]?.findApp?.()).to.equal(102);
      reply({ revision: 3 });
      await podio.items.update(4, {});
      expect(apps[3]?.known).to.equal(102);
      reply(new PodioError('PODIO_FORBIDDEN', 'no'));
      expect(await apps[2]?.findApp?.()).to.equal(undefined);
    }
  });

  describe('a write whose answer was lost', () => {
    const byPodio = { created_via: { id: 1, name: 'Podio' }, created_by: { type: 'user', id: 5 } };
    const byKey = { created_via: { id: 77, name: 'podiod' }, created_by: { type: 'user', id: 5 } };
    const lost = new PodioError('PODIO_UNAVAILABLE', 'no answer');
    const revision = 'login/deals: GET /item/9/revision/4';

    for (const [whose, made, own] of [
      ['own, as far as anybody can tell', byKey, ['9:4']],
      ['made in Podio’s own pages', byPodio, []],
      ['not to be read', undefined, []],
    ] as const)
      it(`is answered at its repeat with a revision that is ${whose}`, async () => {
        for (const write of ['items', 'request'] as const) {
          const scene = setUp({ newest: 3, ...(made && { made }) });
          const update = () =>
            write === 'items'
              ? scene.podio.items.update(9, { fields: {} })
              : scene.podio.request('PUT', '/item/9/value/title', { body: { value: 'x' } });
          scene.reply(lost);
          expect(await codeOf(update())).to.equal('PODIO_UNAVAILABLE');
          scene.reply({ revision: 4 });
          await update();
          expect(scene.own).to.deep.equal(own);
          expect(scene.sent.filter(call => call === revision)).to.have.length(1);
        }
      });

    it('is looked at for its repeat also where many others wait for their turn at Podio', async () => {
      let answers = 0;
      const held: (() => void)[] = [];
      let holds = true;
      await using stub = await startStub(async ({ method, path }) => {
        if (path.startsWith('/oauth')) return { body: GRANT };
        if (method === 'PUT' && answers++ === 0) return 'hangUp';
        if (holds) await new Promise<void>(resolve => held.push(resolve));
        return { body: method === 'PUT' ? { revision: 4 } : path.startsWith('/app') ? APP : MADE };
      });
      const { client, clock } = makeClient(stub.url);
      const { signal } = new AbortController();
      const scene = setUp({ client, newest: 3, scope: { event: event({ itemId: 9 }), signal } });
      const update = () => scene.podio.items.update(9, { fields: {} });
      expect(await codeOf(update())).to.equal('PODIO_UNAVAILABLE');
      const again = update();
      await until(() => held.length === 1, 'the repeat');
      const others = Array.from({ length: 6 }, () => client.apps.get(identity('deals'), 102));
      await until(() => held.length === 6, 'all places at Podio to be taken');
      held.shift()?.();
      await until(() => held.length === 6, 'the next in line');
      await clock.advance(5000);
      holds = false;
      for (const answer of held) answer();
      await Promise.all([again, ...others]);
      expect(scene.own).to.deep.equal(['9:4']);
    });

    it('is a person’s by an app token only where an app has made it', async () => {
      for (const [type, own] of [
        ['app', ['9:4']],
        ['user', []],
      ] as const) {
        const scene = setUp({
          made: { created_by: { type, id: 101 }, created_via: { id: 77 } },
          caller: { kind: 'app', appId: 102, token: 't' },
        });
        scene.reply(lost);
        await codeOf(scene.podio.items.update(9, { fields: {} }));
        scene.reply({ revision: 4 });
        await scene.podio.items.update(9, { fields: {} });
        expect(scene.own).to.deep.equal(own);
      }
    });

    it('needs no look where it was refused or never sent, or says on which revision it is made, or changes nothing', async () => {
      const scene = setUp({ newest: 3, made: byPodio });
      scene.reply(new PodioError('PODIO_CONFLICT', 'somebody was faster'));
      await codeOf(scene.podio.items.update(9, { fields: {} }));
      scene.reply(new PodioError('PODIO_UNAVAILABLE', 'no connection', { unsent: true }));
      await codeOf(scene.podio.items.update(9, { fields: {} }));
      scene.reply({ revision: 4 });
      await scene.podio.items.update(9, { fields: {} });
      scene.reply(lost);
      await codeOf(scene.podio.items.update(9, { fields: {} }));
      scene.reply({ revision: 5 });
      await scene.podio.items.update(9, { fields: {}, revision: 4 });
      scene.reply({ revision: 3 });
      await scene.podio.items.update(9, { fields: {} });
      expect(scene.own).to.deep.equal(['9:4', '9:5']);
      expect(scene.sent.filter(call => call.includes('/revision/'))).to.deep.equal([]);
    });
  });

  it('counts a write as under way until it is over, however that ends: events of its item wait for it', async () => {
    type Podio = ReturnType<typeof setUp>['podio'];
    const writes: readonly (readonly [item: number | undefined, (podio: Podio) => Promise<unknown>])[] = [
      [9, podio => podio.items.update(9, {})],
      [9, podio => podio.items.delete(9)],
      [9, podio => podio.request('PUT', '/item/9', { body: {} })],
      [undefined, podio => podio.items.create('leads', {})],
      [undefined, podio => podio.comments.create('item', 9, { value: 'hi' })],
    ];
    for (const [item, write] of writes) {
      for (const reply of [undefined, { ok: true }, new PodioError('PODIO_UNAVAILABLE', 'down')]) {
        const { podio, underWay, underWayThen, ...world } = setUp();
        if (reply !== undefined) world.reply(reply);
        await write(podio).catch(() => {});
        expect(underWayThen, `${write} while asked`).to.deep.equal([[item]]);
        expect(underWay, `${write} after ${JSON.stringify(reply)}`).to.deep.equal([]);
      }
    }
    const { podio, underWayThen } = setUp();
    await podio.items.get(9);
    await podio.request('GET', '/item/9');
    expect(underWayThen, 'what only reads').to.deep.equal([[], []]);
  });

  it('reads', async () => {
    const { podio, sent } = setUp();
    await podio.items.get(9);
    await podio.items.filter('deals', {});
    await podio.apps.get('leads');
    await podio.comments.list('item', 9);
    await podio.tasks.list('item', 9);
    expect(sent).to.deep.equal([
      'login/deals: GET /item/9',
      'login/deals: POST /filter/102',
      'login/leads: GET /app/101',
      'login/deals: GET /comment/item/9',
      'login/deals: GET /task/item/9',
    ]);
  });

  it('reads by id what an event may be about, as who reaches that event', async () => {
    const { podio, sent } = setUp({ scope: { event: event({ app: 'leads' }) } });
    await podio.comments.get(3);
    await podio.tasks.get(4);
    await podio.files.get(5);
    await podio.files.download(5, 100);
    expect(sent).to.deep.equal([
      'login/leads: GET /comment/3',
      'login/leads: GET /task/4',
      'login/leads: GET /file/5',
      'login/leads: GET /raw/5',
    ]);
  });

  it('lets a login act, by its name or its user name', async () => {
    const bot: Identity = { kind: 'login', name: 'bot', username: 'bot@example.com', password: 'x' };
    const { podio, sent } = setUp({ logins: [identity('ada'), bot] });
    await podio.as('bot').items.update(9, {});
    await podio.as('ada').as('bot@example.com').comments.create('item', 9, {});
    await podio.as('bot').request('GET', '/app/101');
    await podio.as('bot').tasks.create({ text: 'call' });
    expect(sent.map(call => call.split(':')[0])).to.deep.equal(Array(4).fill('login/bot@example.com'));
    await podio.items.update(9, {});
    expect(sent.at(-1)).to.match(/^login\/deals/);
    expect(() => podio.as('nobody'))
      .to.throw('no login named nobody')
      .that.includes({ code: 'PODIO_NO_IDENTITY', hint: 'Known are ada, bot.' });
  });

  describe('picks who calls', () => {
    it('by the app an item was made in or read from', async () => {
      const { podio, sent, reply } = setUp();
      await podio.items.create('leads', {});
      await podio.items.update(55, {});
      expect(sent[1]).to.match(/^login\/leads: PUT/);
      reply({ item_id: 9, fields: [], app: { app_id: 101 } });
      await podio.items.get(9);
      reply({ revision: 2 });
      await podio.items.update(9, {});
      expect(sent.slice(2).map(call => call.split(':')[0])).to.deep.equal(['login/deals', 'login/leads']);
    });

    it('by the app that a search was for, or that is named', async () => {
      const { podio, sent, reply } = setUp();
      reply({ items: [{ item_id: 70 }] });
      await podio.items.filter('leads', {});
      reply({ item_id: 71, app: { app_id: 101 }, fields: [] });
      await podio.request('GET', '/item/app/102/external_id/x');
      await podio.items.get(72, 'leads');
      reply({ revision: 1 });
      for (const id of [70, 71]) await podio.items.update(id, {});
      expect(sent.map(call => call.split(':')[0])).to.deep.equal([
        'login/leads',
        'login/deals',
        'login/leads',
        'login/leads',
        'login/leads',
      ]);
    });

    it('by the event in hand where nothing is known of the item', async () => {
      const byApp = setUp({ scope: { event: event({ app: 'leads' }) } });
      await byApp.podio.items.update(1, {});
      expect(byApp.sent[0]).to.match(/^login\/leads/);
      const bySpace = setUp({ scope: { event: event({ ref: { type: 'space', id: 7 } }) } });
      await bySpace.podio.tasks.create({ text: 'call' });
      expect(bySpace.sent[0]).to.match(/^login\/space-bot/);
    });

    it('else the only login', async () => {
      const { podio, sent } = setUp({ logins: [identity('bot')] });
      await podio.items.update(1, {});
      await podio.items.create(999, {});
      await podio.request('GET', '/org/');
      expect(sent.map(call => call.split(':')[0])).to.deep.equal(['login/bot', 'login/bot', 'login/bot']);
    });

    it('and says so where nobody is left', async () => {
      for (const logins of [[], [identity('a'), identity('b')]]) {
        const { podio, sent } = setUp({ logins, scope: { event: event({ app: 'gone' }) } });
        for (const call of [
          podio.items.get(1),
          podio.items.create('nameless', {}),
          podio.items.create(999, {}),
          podio.tasks.create({}),
          podio.request('GET', '/org/'),
        ]) {
          expect(await codeOf(call)).to.equal('PODIO_NO_IDENTITY');
        }
        expect(sent).to.deep.equal([]);
      }
    });
  });

  it("passes the try's signal on", async () => {
    const { signal } = new AbortController();
    const { podio, signals } = setUp({ scope: { signal } });
    await podio.items.update(9, {});
    await podio.items.delete(9);
    await podio.request('GET', '/item/9/value');
    expect(signals).to.deep.equal([signal, signal, signal]);
  });

  it('takes the delete of an item that is gone for done', async () => {
    const { podio, reply } = setUp();
    reply(new PodioError('PODIO_NOT_FOUND', 'gone'));
    expect(await codeOf(podio.items.delete(9))).to.equal('none');
    reply(new PodioError('PODIO_FORBIDDEN', 'no'));
    expect(await codeOf(podio.items.delete(9))).to.equal('PODIO_FORBIDDEN');
  });

  it('does not take an answer without its id for a success', async () => {
    const { podio, reply } = setUp();
    reply({ ok: true });
    expect(await codeOf(podio.items.create('leads', {}))).to.equal('PODIO_UNAVAILABLE');
    expect(await codeOf(podio.items.update(9, {}))).to.equal('PODIO_UNAVAILABLE');
  });

  it('looks what an update came to whose answer does not say, and whether it has made that itself', async () => {
    for (const silent of [undefined, null, {}, { title: 'Fjord' }, { revision: null, title: 'Fjord' }]) {
      for (const [created_via, own] of [
        [MADE.created_via, ['9:4']],
        [{ id: 1, name: 'Podio' }, []],
      ] as const) {
        const item = { item_id: 9, title: 'Fjord', revision: 4, fields: [] };
        const made = setUp({ made: { ...MADE, created_via } });
        made.answer('PUT', silent);
        made.reply(item);
        expect(await made.podio.items.update(9, {})).to.deep.equal({ title: 'Fjord', revision: 4 });
        expect(made.sent).to.deep.equal([
          'login/deals: PUT /item/9?hook=false {}',
          'login/deals: GET /item/9',
          'login/deals: GET /item/9/revision/4',
        ]);
        expect(made.own, JSON.stringify(silent)).to.deep.equal(own);
        expect(made.underWay).to.deep.equal([]);
      }
    }
    const { podio, own, answer, reply } = setUp();
    answer('PUT', undefined);
    reply({ item_id: 9, title: 'Fjord', revision: 6, fields: [] });
    expect(await podio.items.update(9, { revision: 4 })).to.have.property('revision', 5);
    expect(own, 'on top of a revision').to.deep.equal(['9:5']);
  });

  it('sends any other request as what it is about', async () => {
    const { podio, sent } = setUp();
    await podio.request('put', '/item/9/value/status', { body: { value: 1 } });
    await podio.request('GET', '/app/101/field/5?x=1', { query: { y: 2 } });
    await podio.request('POST', '/item/app/102/filter/', { body: {}, query: { hook: true } });
    expect(sent).to.deep.equal([
      'login/deals: PUT /item/9/value/status?hook=false {"value":1}',
      'login/leads: GET /app/101/field/5?x=1&y=2',
      'login/deals: POST /item/app/102/filter/?hook=true {}',
    ]);
  });
});
