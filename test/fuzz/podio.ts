/** What Podio, or whoever stands in its place, may answer. */

import { catalogText, parseCatalog } from '../../src/config/catalog-file.ts';
import { toCatalogApp } from '../../src/core/catalog.ts';
import { silentLog } from '../../src/core/log.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { type Identity, makeFieldDirectory, makeItemReader, makePodioClient } from '../../src/podio/index.ts';
import { planHooks } from '../../src/reconcile/plan.ts';
import { missedOf, recoveryWith, seenOf } from '../../src/recover/missed.ts';
import { event } from '../support/plugin-world.ts';
import { makeVirtualClock } from '../support/virtual-clock.ts';
import { ITEM, lookAt } from './item.ts';
import { SECRET } from './parsers.ts';
import { allowLater, json, must, type Target, told } from './target.ts';

const AS: Identity = { kind: 'app', appId: 101, token: 'leads-token' };
const PUBLIC = 'https://hooks.example.com/podio';

const APP = {
  app_id: 101,
  status: 'active',
  token: 'never to be kept',
  config: { name: 'Leads &amp; Clients', item_name: 'Lead' },
  fields: ITEM.fields.map(({ field_id, external_id, type, label, config }) => ({
    field_id,
    external_id,
    type,
    label,
    status: 'active',
    config: {
      ...config,
      required: true,
      settings: {
        ...config.settings,
        multiple: true,
        options: [{ id: 1, text: 'Open', status: 'active' }],
        allowed_currencies: ['EUR'],
        referenced_apps: [{ app_id: 102 }],
      },
    },
  })),
};

const DIFFERENCE = ITEM.fields.map(({ values, ...of }) => ({ ...of, from: [], to: values }));
const REVISIONS = [0, 1, 2, 3].map(revision => ({ ...ITEM.current_revision, revision, type: 'update' }));
const HOOKS = [
  {
    hook_id: 1,
    status: 'active',
    type: 'item.update',
    url: `${PUBLIC}/${'k'.repeat(22)}/app/101/item.update`,
  },
  { hook_id: 2, status: 'inactive', type: 'item.create', url: 'https://elsewhere.example/x?token=1' },
];

/** How Podio's answers are read, and what becomes of them. */
interface World {
  readonly client: ReturnType<typeof makePodioClient>;
  /** Fields as the store keeps them. */
  readonly kept: Map<string, unknown>;
}
type Reading = (world: World) => Promise<unknown>;

const update = event({ itemId: 4711, revision: 3, app: 'leads' });
const reader = ({ client }: World) =>
  makeItemReader({ client, identities: { forApp: () => AS, forRef: () => AS }, log: silentLog });

const READINGS = new Map<string, { readonly answer: unknown; readonly read: Reading }>(
  Object.entries({
    item: {
      answer: ITEM,
      read: async world =>
        lookAt(
          await reader(world).item(update),
          await reader(world).changes({ ...update, type: 'item.create' }),
        ),
    },
    actor: { answer: ITEM, read: async world => reader(world).actor(update) },
    difference: {
      answer: DIFFERENCE,
      read: async world => lookAt(ITEM, await reader(world).changes(update)),
    },
    page: {
      answer: { items: [ITEM], filtered: 1, total: 1 },
      async read({ client }) {
        const { items } = await client.items.filter(AS, 101, { limit: 10 });
        for (const item of items) {
          const seen = seenOf(item);
          if (seen) missedOf(seen, undefined, 0);
        }
      },
    },
    revisions: {
      answer: REVISIONS,
      async read({ client }) {
        const revisions = await client.items.revisions(AS, 4711);
        const app = {
          name: 'leads',
          id: 101,
          wants: new Set(['item.create', 'item.update']),
          deletions: true,
        } as const;
        recoveryWith({ itemId: 4711, externalId: undefined }, [[0, 3]], revisions, {
          app,
          unhooked: 'skip',
          localTime: (ms: number) => ms,
        } as never);
      },
    },
    hooks: {
      answer: HOOKS,
      async read({ client }) {
        const observed = await client.hooks.list(AS, { type: 'app', id: 101 });
        const actions = planHooks([], observed, {
          publicUrl: PUBLIC,
          secrets: [SECRET],
          mode: 'apply',
          delete: 'owned',
          maxDelete: 0.2,
          refsObserved: new Set(['app/101']),
        });
        must(
          actions.every(({ action }) => action === 'foreign' || action === 'orphan'),
          'touches what is not ours',
        );
      },
    },
    'hook made': {
      answer: { hook_id: 3 },
      read: ({ client }) =>
        client.hooks.create(AS, { type: 'app', id: 101 }, { type: 'item.update', url: PUBLIC }),
    },
    app: {
      answer: APP,
      async read({ client, kept }) {
        const app = await client.apps.get(AS, 101);
        const text = catalogText({ apps: new Map([['leads', toCatalogApp(app)]]) });
        must(!text.includes('never to be kept'), 'the token of an app is kept');
        const again = await parseCatalog('x.json', text);
        must(again.catalog !== undefined, `a catalog that can't be read again: ${again.problem?.message}`);
        const settings = {
          set: async (key: string, value: unknown) => void kept.set(key, value),
          list: async () => kept,
        };
        await (await makeFieldDirectory({ settings, apps: client.apps })).take(app);
        const restarted = await makeFieldDirectory({ settings, apps: client.apps });
        for (const { external_id, status } of app.fields)
          must(
            status === 'deleted' || restarted.known(app.app_id, external_id) !== undefined,
            'a field is not kept',
          );
      },
    },
  } satisfies Record<string, { answer: unknown; read: Reading }>),
);
const readingOf = (name: unknown): Reading =>
  (READINGS.get(typeof name === 'string' ? name : '') ?? READINGS.get('item'))?.read ?? (async () => {});

const LOGIN = {
  access_token: 'a',
  refresh_token: 'r',
  expires_in: 28800,
  token_type: 'bearer',
  scope: 'global',
};

interface Envelope {
  readonly of?: unknown;
  readonly status?: unknown;
  readonly headers?: unknown;
  readonly body?: unknown;
  readonly login?: unknown;
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Undefined where nobody can send that. */
function responseTo(status: unknown, headers: unknown, body: unknown): Response | undefined {
  try {
    return new Response(body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body), {
      status: typeof status === 'number' ? status : 200,
      headers: isMap(headers) ? Object.entries(headers).map(([name, value]) => [name, String(value)]) : [],
    });
  } catch {
    return undefined;
  }
}

export const podioTargets: readonly Target[] = [
  {
    name: "Podio's answers",
    share: 8,
    json: true,
    corpus: [
      ...Array.from(READINGS, ([of, { answer }]) => JSON.stringify({ of, body: answer })),
      JSON.stringify({ of: 'item', login: LOGIN, body: ITEM }),
      JSON.stringify({
        of: 'page',
        status: 420,
        headers: { 'x-rate-limit-limit': '250', 'x-rate-limit-remaining': '0', 'retry-after': '30' },
        body: { error: 'rate_limit', error_description: 'wait 300 seconds', error_detail: 'x' },
      }),
      JSON.stringify({ of: 'item', status: 503, body: '<html>' }),
      JSON.stringify({
        of: 'item',
        status: 401,
        body: { error: 'unauthorized', error_description: 'expired_token' },
      }),
    ],
    async feed(input) {
      const given = json(input);
      const { of, status, headers, body, login }: Envelope =
        isMap(given) && 'body' in given ? given : { body: input };
      const answered = responseTo(status, headers, body);
      const loggedIn = responseTo(200, {}, login ?? LOGIN);
      if (!answered || !loggedIn) return;
      const clock = makeVirtualClock();
      const kept = new Map<string, unknown>();
      const client = makePodioClient({
        apiUrl: 'https://api.podio.com',
        clientId: 'podiod',
        clientSecret: 'client-secret',
        tokenEndpoint: 'v2',
        backgroundShare: 0.3,
        settings: { get: async () => undefined, set: async () => {}, delete: async () => {} },
        fetch: async url => (String(url).includes('/oauth/') ? loggedIn : answered).clone(),
        clock,
        log: silentLog,
        metrics: noMetrics,
      });
      await allowLater(told, () => readingOf(of)({ client, kept }));
    },
  },
];
