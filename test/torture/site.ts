/** What a torture stands on: an emulated Podio, and a folder with a config and its plugins. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hookUrl } from '../../src/core/hook.ts';
import { type Emulator, startEmulator } from '../../src/emulator/index.ts';

export const SECRET = 'a-secret-for-the-torture';

/** Apps that people work in: one with a hook of its own beside a field's, one with a field's alone. */
export const LEADS = 101;
export const DEALS = 102;
/** What only the storm tells of. */
export const BULK = 103;

export const STAGES = ['Open', 'Won', 'Lost'] as const;
export type Stage = (typeof STAGES)[number];

export const CONCURRENCY = 8;

/** Their steps, in order. */
export const RULES = {
  audit: ['effects'],
  won: ['effects'],
  answer: ['answers', 'effects'],
  moved: ['effects'],
  count: ['effects'],
  pair: ['first', 'second'],
  gathered: ['effects'],
  alarms: ['effects'],
  extra: ['effects'],
} as const;
export type RuleName = keyof typeof RULES;
export const RULE_NAMES = Object.keys(RULES) as readonly RuleName[];

/** Comes and goes by reloads, in a soak. */
export const EXTRA = { on: { app: 'bulk', events: 'comment.create' }, steps: ['effects'] };

const rules: Readonly<Record<Exclude<RuleName, 'extra'>, object>> = {
  audit: { on: { app: 'leads', events: 'item.*' }, steps: [{ effects: { slow: 5, fails: 40 } }] },
  won: { on: { app: 'leads', fields: { status: { to: 'Won' } } }, steps: [{ effects: { slow: 5 } }] },
  answer: { on: { app: 'leads', events: 'item.create' }, steps: ['answers', 'effects'] },
  moved: { on: { app: 'deals', fields: ['status'] }, steps: [{ effects: { slow: 5, fails: 40 } }] },
  count: { on: { app: 'bulk', events: ['item.*', 'comment.create'] }, steps: [{ effects: { fails: 500 } }] },
  pair: {
    on: { app: 'bulk', events: 'comment.create' },
    steps: [
      { effects: { slow: 20 }, id: 'first' },
      { effects: { slow: 20, fails: 100 }, id: 'second' },
    ],
  },
  gathered: {
    on: { app: 'bulk', events: 'comment.create' },
    mode: { batch: { max: 7, within: '1s' } },
    steps: [{ effects: { slow: 20, fails: 100 } }],
  },
  alarms: { on: { podiod: '*' }, steps: ['effects'] },
};

export interface Site extends AsyncDisposable {
  readonly folder: string;
  readonly dataDir: string;
  readonly configFile: string;
  readonly effectsFile: string;
  readonly port: number;
  readonly podio: Emulator;
  pathOf(appId: number, type: string): string;
  /** Writes the config anew, with these rules over its own. */
  configure(rules: Readonly<Record<string, object>>): void;
}

/** Of hooks that are not podiod's: to be left as they are. */
export const FOREIGN_URL = 'http://127.0.0.1:9/someone-elses';

export async function makeSite(folder: string, port: number, seed: number): Promise<Site> {
  const podio = await startEmulator({
    seed,
    allowAnyPort: true,
    hookLimit: 100,
    // Deliveries come again until they are answered, for a minute.
    retryDelaysMs: Array<number>(300).fill(200),
    retryOn: '5xx',
    switchOffAfter: seed % 2 === 0 ? 0 : 400,
    deliveryTimeoutMs: 3000,
    logSize: 1_000_000,
    // Not the same: which of the two an operation counts for is told by its limit.
    limits: { general: 1_000_000, limited: 500_000, logins: 100_000 },
  });
  const { world } = podio;
  world.addClient({ clientId: 'podiod', clientSecret: 'client-secret' });
  world.addSpace({ spaceId: 7, name: 'Sales' });
  for (const [appId, name] of [
    [LEADS, 'leads'],
    [DEALS, 'deals'],
    [BULK, 'bulk'],
  ] as const) {
    world.addApp({
      appId,
      spaceId: 7,
      name,
      token: `${name}-token`,
      fields: [
        { externalId: 'title', type: 'text' },
        { externalId: 'note', type: 'text' },
        { externalId: 'status', type: 'category', settings: { options: [...STAGES] } },
      ],
    });
    world.addHook({ ref: { type: 'app', id: appId }, type: 'comment.delete', url: FOREIGN_URL });
  }

  const dataDir = join(folder, 'data');
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const configFile = join(folder, '.podiorc.yml');
  for (const name of ['effects.ts', 'answers.ts']) {
    copyFileSync(join(import.meta.dirname, 'plugins', name), join(folder, name));
  }
  const config = {
    server: {
      publicUrl: `http://127.0.0.1:${port}/podio`,
      port,
      secret: SECRET,
      allowNonPublicUrl: true,
    },
    admin: { port: 0 },
    podio: { apiUrl: podio.url, clientId: 'podiod', clientSecret: 'client-secret' },
    dataDir,
    apps: {
      leads: { id: LEADS, token: 'leads-token' },
      deals: { id: DEALS, token: 'deals-token' },
      bulk: { id: BULK, token: 'bulk-token' },
    },
    plugins: { effects: { use: './effects.ts', path: './effects.log' }, answers: { use: './answers.ts' } },
    // Nothing is given up, however far the clock jumps.
    defaults: { delivery: { concurrency: CONCURRENCY, backoff: '20ms..500ms', retryFor: '30d' } },
    rules,
    reconcile: { every: '3s' },
    catchUp: { every: '8s', overlap: '20s' },
    stopTimeout: '15s',
    // Soon, so that there are some. The machine's own disk is no part of this.
    alarms: { after: '1s', disk: '1kb', budget: '0%' },
  };
  const configure: Site['configure'] = changes => {
    writeFileSync(configFile, JSON.stringify({ ...config, rules: { ...rules, ...changes } }, null, 2));
  };
  configure({});
  return {
    folder,
    dataDir,
    configFile,
    effectsFile: join(folder, 'effects.log'),
    port,
    podio,
    configure,
    pathOf: (appId, type) => hookUrl('/podio', SECRET, { type: 'app', id: appId }, type),
    async [Symbol.asyncDispose]() {
      await podio.stop();
    },
  };
}

/** Where the storm goes. */
export const bulkOf = (site: Site) => ({
  port: site.port,
  app: BULK,
  paths: {
    'item.create': site.pathOf(BULK, 'item.create'),
    'item.update': site.pathOf(BULK, 'item.update'),
    'comment.create': site.pathOf(BULK, 'comment.create'),
  },
});
