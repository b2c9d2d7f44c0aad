import { chmod, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { loadConfig, loadPartial } from '../../../src/config/load.ts';
import type { Config } from '../../../src/config/model.ts';
import { diagnosticsToJson } from '../../../src/config/render.ts';
import { builtIns, loadPlugin } from './support.ts';

const BASE = `server: { publicUrl: https://hooks.example.com/podio/ }
podio: { clientId: podiod, clientSecret: secret-of-podio }
apps:
  leads: { id: 101, token: t1, fields: { value: deal-value } }
  client-a: { id: 102, token: t2 }
  client-b: { id: 103, token: t3 }
logins: { bot: { username: bot@example.com, password: pw } }
spaces: { sales: { id: 7, login: bot } }
plugins:
  audit: { use: file-logger, path: ./events.ndjson, maxFiles: 3 }
  invoice: { use: ./my-plugins/invoice.ts, url: https://erp.example.com }
`;
const RULE = { on: '{ app: leads, events: item.update }', steps: '[audit]' };
const withRule = (rule: Partial<typeof RULE & { more: string }>) => {
  const { on, steps, more = '' } = { ...RULE, ...rule };
  return `${BASE}rules:\n  a:\n    on: ${on}\n    steps: ${steps}\n${more}`;
};

const CATALOG = JSON.stringify({
  version: 1,
  apps: {
    leads: {
      id: 101,
      name: 'Leads',
      itemName: 'Lead',
      fields: [
        { id: 1, externalId: 'deal-value', label: 'Value', status: 'active', type: 'money' },
        {
          ...{ id: 2, externalId: 'status', label: 'Status', status: 'active', type: 'category' },
          options: [{ id: 1, text: 'Won', status: 'active' }],
        },
      ],
    },
  },
});

describe('config: load', () => {
  let dir: string;
  const put = async (file: string, text: string) => {
    const path = join(dir, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  const options = (env: Record<string, string> = {}) => ({ cwd: dir, env, builtIns, loadPlugin });
  const load = async (text: string, env: Record<string, string> = {}): Promise<Config> => {
    const file = await put('podiorc.yml', text);
    const { config, diagnostics } = await loadConfig({ ...options(env), file });
    expect(diagnostics).to.deep.equal([]);
    return config as Config;
  };
  const rule = async (given: Parameters<typeof withRule>[0]) => (await load(withRule(given))).rules[0];

  beforeEach(async () => {
    dir = await realpath(await mkdtemp(join(tmpdir(), 'podiod-config-')));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('knows which fields the templates of a rule name, aliases resolved, and where', async () => {
    const text = withRule({
      steps:
        "[{ slack-notifier: { webhookUrl: 'https://hooks.slack.example/x', text: '{{ fields.value }}' } }]",
    });
    const { fieldUses } = await load(text);
    const line = text.split('\n').findIndex(one => one.includes('fields.value')) + 1;
    expect(fieldUses.map(({ rule, app, field, line }) => [rule, app, field, line])).to.deep.equal([
      ['a', 'leads', 'deal-value', line],
    ]);
  });

  it('fills in what is left out', async () => {
    const config = await load(BASE);
    expect(config).to.deep.include({
      dir,
      dataDir: join(dir, 'data'),
      server: {
        publicUrl: 'https://hooks.example.com/podio',
        path: '/podio',
        host: '127.0.0.1',
        port: 8080,
        secret: undefined,
        previousSecrets: [],
        maxBody: 65_536,
        maxWaiting: 10_000,
        maxConnections: 2000,
        rateLimit: 50,
        trustProxy: false,
        confirm: false,
        allowNonPublicUrl: false,
      },
      admin: { host: '127.0.0.1', port: 8081, token: undefined },
      podio: {
        apiUrl: 'https://api.podio.com',
        clientId: 'podiod',
        clientSecret: 'secret-of-podio',
        tokenEndpoint: 'v2',
        backgroundShare: 0.3,
      },
      rules: [],
      reconcile: { everyMs: 900_000, mode: 'apply', delete: 'owned', maxDelete: 0.2 },
      catchUp: { everyMs: 3_600_000, overlapMs: 300_000, onStart: true, unhooked: 'run' },
      outbound: { hosts: undefined, private: true },
      retention: { eventsMs: 90 * 86_400_000, runsMs: 30 * 86_400_000, size: 2 * 1024 ** 3 },
      stopTimeoutMs: 30_000,
    });
  });

  it('knows a host in one form, however it is written', async () => {
    const { outbound } = await load(
      `${BASE}outbound: { hosts: [Hooks.Slack.com., "*.Example.com", "127.1"] }\n`,
    );
    expect(outbound.hosts).to.deep.equal(['hooks.slack.com', '*.example.com', '127.0.0.1']);
  });

  it('takes sections that are left empty for ones that are left out', async () => {
    const config = await load(`${BASE}rules:\nreconcile:\ninclude:\ndataDir:\n`);
    expect(config.rules).to.deep.equal([]);
  });

  it('keeps data where systemd says', async () => {
    expect(await load(BASE, { STATE_DIRECTORY: '/var/lib/podiod:/var/lib/other' })).to.have.property(
      'dataDir',
      '/var/lib/podiod',
    );
    expect(await load(`${BASE}dataDir: ../data`, { STATE_DIRECTORY: '/x' })).to.have.property(
      'dataDir',
      join(dir, '../data'),
    );
  });

  it('converts what was interpolated where a number or a boolean is wanted, and nowhere else', async () => {
    const text = `${withRule({
      steps: `[{ invoice: { retries: "\${N}", live: "\${B}", mode: draft } }]`,
      more: `    enabled: \${B}\n`,
    })}admin: { port: "\${N}", token: "\${N}12345678901" }\nretention: { size: "\${N}mb" }\n`;
    const fine = await load(text, { N: '12345', B: 'true' });
    expect(fine.admin).to.deep.include({ port: 12_345, token: '1234512345678901' });
    expect(fine.rules[0]?.steps[0]?.options).to.deep.equal({
      url: 'https://erp.example.com',
      retries: 12_345,
      live: true,
      mode: 'draft',
    });
  });

  describe('triggers', () => {
    it('expands names and events', async () => {
      const made = await rule({
        on: '[{ app: ["client-*", leads], events: ["item.*", file.change] }, { space: sales, events: "*" }]',
      });
      expect(made?.triggers).to.deep.equal([
        {
          kind: 'app',
          apps: ['client-a', 'client-b', 'leads'],
          events: ['item.create', 'item.update', 'item.delete', 'file.change'],
        },
        {
          kind: 'space',
          spaces: ['sales'],
          events: ['app.create', 'task.create', 'task.update', 'task.delete', 'member.add', 'member.remove'],
        },
      ]);
    });

    it('reads fields as a list and as a map', async () => {
      const made = await rule({
        on: '[{ app: leads, fields: [value, 4711] }, { app: leads, fields: { status: { from: null, to: [Won, 3] }, value: { to: { value: 5, currency: EUR } }, due: }, events: item.update }]',
      });
      expect(made?.triggers).to.deep.equal([
        {
          kind: 'app',
          apps: ['leads'],
          events: ['item.create', 'item.update'],
          fields: [{ field: 'value' }, { field: '4711' }],
        },
        {
          kind: 'app',
          apps: ['leads'],
          events: ['item.update'],
          fields: [
            { field: 'status', from: [null], to: ['Won', 3] },
            { field: 'value', to: [{ value: 5, currency: 'EUR' }] },
            { field: 'due' },
          ],
        },
      ]);
    });

    it('takes the time zone from the trigger, the rule, the defaults', async () => {
      const on =
        '[{ schedule: " 0  9 * * MON-FRI ", timezone: Asia/Tokyo }, { schedule: "*/5 * * * *", missed: run }]';
      const zones = async (more: string) =>
        (await rule({ on, more }))?.triggers.map(trigger => trigger.kind === 'schedule' && trigger.timezone);
      expect(await zones('    timezone: UTC\n')).to.deep.equal(['Asia/Tokyo', 'UTC']);
      expect(await zones('defaults: { timezone: Europe/Oslo }\n')).to.deep.equal([
        'Asia/Tokyo',
        'Europe/Oslo',
      ]);
      expect((await rule({ on }))?.triggers[0]).to.deep.include({ cron: '0 9 * * MON-FRI', missed: 'skip' });
    });

    it('allows ten hooks of one type on an app, an alias and its field being one', async () => {
      const fields = 'deal-value, value, a, b, c, d, e, f, g, h, i';
      expect(await rule({ on: `{ app: leads, fields: [${fields}] }` })).to.have.property('name', 'a');
    });
  });

  describe('steps', () => {
    it('merges options over those of the plugin, and makes paths absolute from their own file', async () => {
      const made = await rule({ steps: '[{ audit: { format: text } }, { audit: { path: /tmp/x } }]' });
      expect(made?.steps.map(({ options }) => options)).to.deep.equal([
        { path: join(dir, 'events.ndjson'), format: 'text', maxFiles: 3 },
        { path: '/tmp/x', format: 'ndjson', maxFiles: 3 },
      ]);
    });

    it('resolves what to load', async () => {
      const made = await rule({
        steps: '[audit, file-logger: { path: x }, invoice]'.replace(
          'file-logger: { path: x }',
          '{ file-logger: { path: x } }',
        ),
      });
      expect(made?.steps.map(({ plugin, use }) => [plugin, use])).to.deep.equal([
        ['audit', 'file-logger'],
        ['file-logger', 'file-logger'],
        ['invoice', join(dir, 'my-plugins/invoice.ts')],
      ]);
    });

    it('names steps by id, else by plugin, counting among equals', async () => {
      const made = await rule({
        steps: '[audit, { audit: {}, id: tell }, audit, { audit: {}, id: audit-2 }, audit]',
      });
      expect(made?.steps.map(({ name }) => name)).to.deep.equal([
        'audit',
        'tell',
        'audit-3',
        'audit-2',
        'audit-4',
      ]);
    });

    it('takes each setting of delivery from the innermost that has it', async () => {
      const config = await load(
        withRule({
          steps: '[{ audit: {}, delivery: { deadline: 1s, attempts: 2 } }, audit]',
          more: '    delivery: { retryFor: 2h, concurrency: 8 }\ndefaults: { delivery: { retryFor: 1h, deadline: 5s, whenExhausted: halt } }\n',
        }),
      );
      const common = {
        retryForMs: 7_200_000,
        backoff: { fromMs: 1000, toMs: 600_000 },
        whenExhausted: 'halt',
      };
      expect(config.rules[0]?.concurrency).to.equal(8);
      expect(config.rules[0]?.steps.map(({ delivery }) => delivery)).to.deep.equal([
        { ...common, attempts: 2, deadlineMs: 1000 },
        { ...common, deadlineMs: 5000 },
      ]);
    });

    it('has another fingerprint when the steps are changed, not when a secret or a waiting time is', async () => {
      const steps = `[{ invoice: { pass: "\${P:-longenough}", retries: 1 } }]`;
      const print = async (given: Parameters<typeof withRule>[0], env = {}) =>
        (await load(withRule(given), env)).rules[0]?.fingerprint;
      const first = await print({ steps });
      expect(await print({ steps }, { P: 'another-secret' })).to.equal(first);
      expect(await print({ steps, more: '    delivery: { retryFor: 2h }\n' })).to.equal(first);
      expect(await print({ steps, on: '{ app: leads, events: item.create }' })).to.equal(first);
      expect(await print({ steps: steps.replace('1', '2') })).not.to.equal(first);
      expect(await print({ steps: steps.replace(']', ', audit]') })).not.to.equal(first);
    });
  });

  it('leaves out rules that are disabled, but checks them', async () => {
    expect((await load(withRule({ more: '    enabled: false\n' }))).rules).to.deep.equal([]);
    const file = await put('podiorc.yml', withRule({ steps: '[nope]', more: '    enabled: false\n' }));
    const { diagnostics } = await loadConfig({ ...options(), file });
    expect(diagnostics.map(({ code }) => code)).to.deep.equal(['CONFIG_UNKNOWN_PLUGIN']);
  });

  it('merges included files, whose paths are their own', async () => {
    await put(
      'teams/sales/rules.yml',
      'rules:\n  b:\n    on: { app: leads, events: item.create }\n    steps: [{ file-logger: { path: ./b.log } }, own]\nplugins: { own: { use: ../invoice.ts, url: https://x.example.com } }\ninclude: [more.yml]\n',
    );
    await put(
      'teams/sales/more.yml',
      `apps: { extra: { id: 900, token: "\${file:./token}" } }\ninclude: [rules.yml]\n`,
    );
    await put('teams/sales/token', 'from-a-file\n');
    const config = await load(`include: ["teams/*/rules.yml"]\n${withRule({})}`);
    expect(config.rules.map(({ name }) => name)).to.deep.equal(['a', 'b']);
    expect(config.rules[1]?.steps[0]?.options).to.have.property('path', join(dir, 'teams/sales/b.log'));
    expect(config.rules[1]?.steps[1]?.use).to.equal(join(dir, 'teams/invoice.ts'));
    expect(config.apps.get('extra')?.token).to.equal('from-a-file');
  });

  it('reports a file of values that everybody may read, and takes it', async () => {
    const path = await put('token', 'from-a-file');
    const text = BASE.replace('secret-of-podio', `"\${file:./token}"`);
    const file = await put('podiorc.yml', text);
    for (const [mode, codes] of [
      [0o600, []],
      [0o640, []],
      [0o444, ['CONFIG_OPEN_FILE']],
    ] as const) {
      await chmod(path, mode);
      const { config, diagnostics } = await loadConfig({ ...options(), file });
      expect(config?.podio.clientSecret).to.equal('from-a-file');
      expect(diagnostics.map(({ severity, code }) => [severity, code])).to.deep.equal(
        codes.map(code => ['warning', code]),
      );
    }
  });

  it('finds its places inside package.json', async () => {
    await put('package.json', '{\n  "name": "x",\n  "podio": {\n    "sever": {}\n  }\n}\n');
    const { diagnostics, sources } = await loadConfig(options());
    const unknown = diagnostics.find(({ code }) => code === 'CONFIG_UNKNOWN_KEY');
    const text = sources.texts.get(join(dir, 'package.json')) ?? '';
    expect(text.slice(unknown?.place?.start, unknown?.place?.end)).to.equal('"sever"');
  });

  it('reports a file that can not be read', async () => {
    await mkdir(join(dir, 'folder.yml'));
    const { diagnostics } = await loadConfig({ ...options(), file: 'folder.yml' });
    expect(diagnostics.map(({ code }) => code)).to.deep.equal(['CONFIG_UNREADABLE']);
  });

  describe('without secrets', () => {
    const check = async (text: string) => {
      const file = await put('podiorc.yml', text);
      return loadConfig({ ...options(), file, withoutSecrets: true });
    };

    it('tolerates values that are missing, wherever they stand', async () => {
      const text = withRule({
        steps: `[{ invoice: { retries: "\${N}", pass: "\${P}", url: "\${U}" } }, { slack-notifier: { text: hi, webhookUrl: "\${W}" } }]`,
      })
        .replace('101', `"\${ID}"`)
        .replace('secret-of-podio', `"\${credential:x}"`)
        .replace('https://hooks.example.com/podio/', `"\${file:/nowhere/url}"`);
      const { config, diagnostics } = await check(text);
      expect(diagnostics).to.deep.equal([]);
      expect(config).to.equal(undefined);
    });

    it('says nothing of what conditions compare with, when that is missing', async () => {
      await put('podiorc.catalog.json', CATALOG);
      for (const [at, compared] of Object.entries({
        'fields.value': `{ gt: "\${X}", currency: "\${X}" }`,
        'fields.status': `["\${X}", Won]`,
        'item.title': `{ gt: "\${X}", lt: 5, in: "\${X}", matches: "\${X}" }`,
        'event.type': `"\${X}"`,
        'fields.deal-value': `{ gt: { value: "\${X}", currency: EUR }, lt: { value: "\${Y}" }, ne: "\${X}", eq: "\${X}" }`,
        any: `[{ fields.value: { value: "\${X}", currency: EUR } }, { fields.value: [{ value: "\${X}" }, 5] }]`,
        'item.createdOn': `{ exists: "\${X}", gt: "\${X}" }`,
      })) {
        const text = withRule({}).replace(
          'steps:',
          `where: { ${at}: ${compared}, fields.totl: 1 }\n    steps:`,
        );
        // Left out, or with something in their place, as where rules are tried without a network.
        const file = await put('podiorc.yml', text);
        for (const how of [{ withoutSecrets: true }, { placeholders: true }]) {
          const { diagnostics } = await loadConfig({ ...options(), file, ...how });
          expect(
            diagnostics.map(({ code }) => code),
            at,
          ).to.deep.equal(['CONFIG_UNKNOWN_FIELD']);
        }
      }
      const { diagnostics } = await check(
        withRule({}).replace('steps:', `where: { not: "\${X}", fields.totl: 1 }\n    steps:`),
      );
      expect(diagnostics.map(({ code }) => code)).to.deep.equal(['CONFIG_UNKNOWN_FIELD']);
    });

    it('makes up what fits where a missing value stands, wherever that is', async () => {
      await put('podiorc.catalog.json', CATALOG);
      const text = withRule({
        on: `[{ app: leads, fields: { status: { from: "\${S}", to: ["\${S}", Won] } } }, { schedule: "\${CRON}", timezone: "\${ZONE}" }]`,
        steps:
          `[{ podio-find: { app: leads, limit: "\${N}", where: { fields.deal-value: { gt: { value: "\${X}", currency: EUR } }, fields.status: "\${S}" } } },` +
          ` { invoice: { retries: "\${N}", live: "\${L}", pass: "\${P}", url: "\${U}" } }]`,
      })
        .replace('101', `"\${ID}"`)
        .concat(`    where: { fields.value: { gt: "\${X}" } }\n`);
      const file = await put('podiorc.yml', text);
      const { config, diagnostics } = await loadConfig({
        ...options(),
        builtIns: [...options().builtIns, 'podio-find'],
        ...{ file, placeholders: true },
      });
      expect(diagnostics).to.deep.equal([]);
      expect(config?.rules).to.have.length(1);
    });

    it('still finds everything else', async () => {
      const text = withRule({ steps: `[{ invoice: { pass: "\${P}", uri: x } }]` })
        .replace('token: t1', `token: "\${T}"`)
        .replace('app: leads', 'app: laeds')
        .replace('example.com/podio/ }', `example.com:99/podio/, secret: "\${S}" }`);
      const { diagnostics } = await check(`${text}stopTimeout: \${bad form}\n`);
      expect(diagnostics.map(({ code }) => code)).to.have.members([
        'CONFIG_PUBLIC_URL',
        'CONFIG_UNKNOWN_APP',
        'CONFIG_UNKNOWN_KEY',
        'CONFIG_INTERPOLATION',
      ]);
    });
  });

  describe('in part', () => {
    const part = async (text: string, env: Record<string, string> = {}) => {
      const file = await put('podiorc.yml', text);
      return loadPartial({ cwd: dir, env, file });
    };

    it('reads admin and dataDir, whatever the rest is like', async () => {
      const { config, diagnostics } = await part(
        `admin: { port: 9000, token: "\${T}" }\ndataDir: d\nserver: { nonsense: 1 }\npodio: \${MISSING}\nrules: { a: { steps: [none] } }\n`,
      );
      expect(diagnostics).to.deep.equal([]);
      expect(config).to.deep.equal({
        file: join(dir, 'podiorc.yml'),
        dir,
        dataDir: join(dir, 'd'),
        admin: { host: '127.0.0.1', port: 9000, token: undefined },
        hasSecret: false,
      });
    });

    it('takes the token where it is there', async () => {
      const { config } = await part(`admin: { token: "\${T}" }\n`, { T: '0123456789abcdef' });
      expect(config?.admin.token).to.equal('0123456789abcdef');
    });

    it('reads what included files say', async () => {
      await put('admin.yml', 'admin: { port: 9001 }\n');
      expect((await part('include: [admin.yml]\n')).config?.admin.port).to.equal(9001);
    });

    it('reports a problem with what it needs', async () => {
      const { config, diagnostics } = await part(`admin: { port: many }\ndataDir: \${DATA}\n`);
      expect(config).to.equal(undefined);
      expect(diagnostics.map(({ code }) => code)).to.deep.equal(['CONFIG_TYPE', 'CONFIG_MISSING_VALUE']);
    });
  });

  describe('told as they stand', () => {
    const problems = async (text: string | Buffer, env: Record<string, string> = {}) => {
      const file = join(dir, 'podiorc.yml');
      await writeFile(file, text, { mode: 0o600 });
      const { diagnostics, sources } = await loadConfig({ ...options(env), file });
      return diagnosticsToJson(diagnostics, sources).problems.map(
        ({ line, column, code, path }) => `${line}:${column} ${code} ${path.join('.')}`,
      );
    };

    it('a byte order mark is no character', async () => {
      expect(await problems(`\uFEFFprot: 1\n${BASE}`)).to.deep.equal(['1:1 CONFIG_UNKNOWN_KEY prot']);
    });

    it('bytes that are no UTF-8, and all else that is wrong', async () => {
      const latin1 = Buffer.from(`${BASE}prot: 1\nx-a: '\u00e9'\n`, 'latin1');
      expect(await problems(latin1)).to.deep.equal([
        '12:1 CONFIG_UNKNOWN_KEY prot',
        '13:7 CONFIG_UNREADABLE ',
      ]);
      expect(await problems(`${BASE}x-a: '\uFFFD'\n`)).to.deep.equal([]);
    });

    it('a secret that is no UTF-8', async () => {
      await writeFile(join(dir, 'latin1'), Buffer.from('pa\u00dfwort', 'latin1'), { mode: 0o600 });
      expect(await problems(`${BASE}admin: { token: '\${file:latin1}' }\n`)).to.deep.equal([
        '12:18 CONFIG_MISSING_VALUE admin.token',
      ]);
    });

    it('UTF-16, of which nothing else is said', async () => {
      for (const text of [
        Buffer.from(`\uFEFF${BASE}`, 'utf16le'),
        Buffer.from(`\uFEFF${BASE}`, 'utf16le').swap16(),
      ])
        expect(await problems(text)).to.deep.equal(['1:1 CONFIG_UNREADABLE ']);
    });

    it('the way to a value is known wherever the problem was found', async () => {
      await put(
        'more.yml',
        `rules:\n  b: { on: { app: leads, events: item.update }, steps: [{ audit: { path: "\${GONE}" } }] }\n`,
      );
      const text = withRule({
        steps: `[{ audit: { path: "\${GONE}" } }]`,
        on: '{ app: *, events: item.update }',
      });
      expect(
        await problems(`${text}admin: { token: "\${GONE}", token: x }\ninclude: [more.yml, gone.yml]\n`),
      ).to.deep.equal([
        '14:16 CONFIG_YAML_ALIAS rules.a.on.app',
        '15:31 CONFIG_MISSING_VALUE rules.a.steps.0.audit.path',
        '16:18 CONFIG_MISSING_VALUE admin.token',
        '16:28 CONFIG_DUPLICATE_KEY admin.token',
        '17:21 CONFIG_INCLUDE include',
        '2:75 CONFIG_MISSING_VALUE rules.b.steps.0.audit.path',
      ]);
    });

    it('names of plugins are names, and not those that steps have for something else', async () => {
      const text = BASE.replace('audit:', 'Audit:').replace('invoice:', 'when:');
      expect(await problems(text)).to.deep.equal([
        '10:3 CONFIG_NAME plugins.Audit',
        '11:3 CONFIG_NAME plugins.when',
      ]);
      expect(await problems(`${BASE.split('plugins:')[0]}plugins: [audit]\n`)).to.deep.equal([
        '9:1 CONFIG_TYPE plugins',
      ]);
    });

    it('lists in lists without end', async () => {
      expect(await problems(`${BASE}x-a: ${'['.repeat(20_000)}`)).to.have.lengthOf(1);
      // mocha keeps every frame of a stack, and this one is as deep as one can be: 0.2 s elsewhere, many here.
    }).timeout(60_000);
  });

  it('finds nothing wrong with the example, in an empty environment', async () => {
    const file = fileURLToPath(new URL('../../../.podiorc.example.yml', import.meta.url));
    const { config, diagnostics } = await loadConfig({ ...options(), file });
    expect(diagnostics).to.deep.equal([]);
    expect(config?.rules.map(({ name }) => name)).to.deep.equal([
      'won-leads',
      'large-deals',
      'everything',
      'tasks',
      'good-morning',
    ]);
  });

  it('says what a rule makes of changes found later', async () => {
    const recovered = async (more: string) => (await load(withRule({ more }))).rules[0]?.recovered;
    expect(await recovered('')).to.equal('run');
    expect(await recovered('    recovered: skip\n')).to.equal('skip');
    expect(await recovered('    recovered: { maxAge: 1d }\n')).to.deep.equal({ maxAgeMs: 86_400_000 });
  });
});
