import { systemClock } from '../../src/core/clock.ts';
import type { PluginError } from '../../src/core/errors.ts';
import { silentLog } from '../../src/core/log.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import type { Item } from '../../src/core/podio.ts';
import { type Emulator, type EmulatorOptions, startEmulator, type World } from '../../src/emulator/index.ts';
import type { PluginDefinition, PluginPodio } from '../../src/plugin/contract.ts';
import { type PluginUnderTest, type TestEvent, testPlugin } from '../../src/plugin/testing.ts';
import {
  type Identity,
  makeFieldDirectory,
  makeIdentities,
  makePluginPodio,
  makePodioClient,
} from '../../src/podio/index.ts';
import { makeSettings } from '../unit/podio/support.ts';

export const LEADS = 101;
export const ARCHIVE = 102;
export const SALES = 7;

export interface Emulated extends AsyncDisposable {
  readonly podio: Emulator;
  readonly world: World;
  /** As plugins have it in the daemon: app tokens for both apps, and the login `bot`. */
  readonly calls: PluginPodio;
  /** Set up with this Podio. */
  under(plugin: PluginDefinition, options: unknown): Promise<PluginUnderTest>;
  /** An event of an item as it is now; what else is given wins. */
  about(itemId: number, more?: TestEvent): Promise<TestEvent>;
  /** Names of the calls that have ended since this was last asked, but for logins. */
  asked(): string[];
  /** One call takes effect and is then lost on the way back. */
  loseAnswerOf(operation: string): void;
}

/** A Podio of its own with two apps in a space: `leads`, and `archive` with options and fields of its own. */
export async function emulate(options: EmulatorOptions = {}): Promise<Emulated> {
  const podio = await startEmulator({ allowAnyPort: true, ...options });
  const { world } = podio;
  world.addClient({ clientId: 'podiod', clientSecret: 'client-secret' });
  world.addUser({ name: 'Bot', username: 'bot@example.com', password: 'bot-password', userId: 5 });
  world.addUser({ name: 'Ada', username: 'ada@example.com', userId: 6 });
  world.addSpace({ spaceId: SALES, name: 'Sales' });
  const money = { allowed_currencies: ['EUR', 'USD'] };
  world.addApp({
    appId: LEADS,
    spaceId: SALES,
    name: 'Leads',
    token: 'leads-token',
    fields: [
      { externalId: 'title', type: 'text' },
      { externalId: 'status', type: 'category', settings: { options: ['Open', 'Won', 'Lost'] } },
      { externalId: 'value', type: 'money', settings: money },
      { externalId: 'due', type: 'date' },
      { externalId: 'owner', type: 'contact' },
      { externalId: 'count', type: 'number' },
      { externalId: 'site', type: 'embed' },
      { externalId: 'phone', type: 'phone' },
    ],
  });
  world.addApp({
    appId: ARCHIVE,
    spaceId: SALES,
    name: 'Archive',
    token: 'archive-token',
    fields: [
      { externalId: 'title', type: 'text' },
      // Other ids for the same texts.
      { externalId: 'status', type: 'category', settings: { options: ['Lost', 'Won', 'Open', 'Gone'] } },
      { externalId: 'value', type: 'money', settings: money },
      { externalId: 'due', type: 'date' },
      { externalId: 'owner', type: 'contact' },
      { externalId: 'count', type: 'number' },
      { externalId: 'tags', type: 'category', settings: { options: ['a', 'b', 'c'], multiple: true } },
      { externalId: 'origin', type: 'app' },
      { externalId: 'site', type: 'embed' },
      { externalId: 'phone', type: 'phone' },
      { externalId: 'note', type: 'text' },
      { externalId: 'sum', type: 'calculation' },
    ],
  });
  const settings = makeSettings();
  const client = makePodioClient({
    apiUrl: podio.url,
    clientId: 'podiod',
    clientSecret: 'client-secret',
    tokenEndpoint: 'v2',
    backgroundShare: 0.3,
    settings,
    fetch: globalThis.fetch,
    clock: systemClock,
    log: silentLog,
    metrics: noMetrics,
  });
  const app = (name: string, id: number, token: string) =>
    [name, { name, id, token, login: undefined, fields: {} }] as const;
  const bot = { kind: 'login', name: 'bot', username: 'bot@example.com', password: 'bot-password' } as const;
  const config = {
    apps: new Map([app('leads', LEADS, 'leads-token'), app('archive', ARCHIVE, 'archive-token')]),
    logins: new Map([['bot', bot]]),
    spaces: new Map(),
  };
  const fields = await makeFieldDirectory({ settings, apps: client.apps });
  const identities = await makeIdentities(config, { settings, fields });
  let about: { app: string; itemId: number } | undefined;
  const calls = makePluginPodio({
    client,
    identities,
    names: { appId: name => config.apps.get(name)?.id },
    logins: [bot satisfies Identity, { ...bot, name: 'other', username: 'other@example.com' }],
    appOfItem: itemId => (itemId === about?.itemId ? LEADS : undefined),
    current: () => ({
      event: {
        seq: 1,
        id: 'x',
        type: 'item.update',
        source: 'webhook',
        ref: { type: 'app', id: LEADS },
        app: 'leads',
        params: {},
        receivedAt: '',
      },
    }),
  });
  let seen = 0;
  return {
    podio,
    world,
    calls,
    under: (plugin, given) => testPlugin(plugin, { options: given, podio: calls }),
    async about(itemId, more = {}) {
      about = { app: 'leads', itemId };
      const item: Item = await calls.items.get(itemId, world.item(itemId)?.appId ?? LEADS);
      return { item, ...more, event: { itemId, ...more.event } };
    },
    asked() {
      const names = world.requests.slice(seen).map(({ operation }) => operation ?? '?');
      seen = world.requests.length;
      return names.filter(name => name !== 'oauth.token');
    },
    loseAnswerOf(operation) {
      world.setFaults({ operations: [operation], errorRate: 1, errorStatus: 500, errorAfterEffect: true });
    },
    [Symbol.asyncDispose]: () => podio.stop(),
  };
}

/** What a try rejects with. */
export const failureOf = (promise: Promise<unknown>): Promise<PluginError> =>
  promise.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: PluginError) => error,
  );
