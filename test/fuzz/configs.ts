/** The config: the examples as they are shipped, rule by rule, and what they lack. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { makeMatcher } from '../../src/dispatch/match.ts';
import { judge } from '../../src/language/condition/judge.ts';
import { parseCondition } from '../../src/language/condition/parse.ts';
import { makePluginLoader } from '../../src/plugin/load.ts';
import { compileTemplate } from '../../src/plugin/template.ts';
import { event } from '../support/plugin-world.ts';
import { ITEM, viewOf } from './item.ts';
import { allow, allowLater, json, must, type Target, told, toldByTemplate } from './target.ts';

const root = join(import.meta.dirname, '../..');

const MORE = `
server: { publicUrl: https://hooks.example.com/podio, secret: "\${PODIOD_SECRET}", maxBody: 64kb, trustProxy: true, confirm: true }
admin: { port: 0, token: "\${PODIOD_ADMIN_TOKEN:-a-token-of-the-admin}" }
podio: { clientId: podiod, clientSecret: "s3cret-of-podio", backgroundShare: 30% }
logins: { bot: { username: bot@example.com, password: "x" } }
apps:
  leads: { id: 101, token: "t", fields: { value: deal-value-2 } }
  client-acme: { id: 102, login: bot }
spaces: { sales: { id: 7, login: bot } }
outbound: { hosts: ["*.example.com"], private: false }
plugins:
  audit: { use: file-logger, path: ./events.ndjson, maxSize: 1mb, maxFiles: 3 }
  call: { use: http-request, url: "https://a.example.com/{{ item.id }}", method: POST }
defaults: { timezone: Europe/Copenhagen, delivery: { retryFor: 1d, backoff: 1s..10m } }
rules:
  conditions:
    on: { app: "*", events: ["item.*", comment.create] }
    where: { fields.status: Won, any: [{ fields.value: { gt: 10, lt: 20 } }, { actor.name: { matches: "^A" } }], not: { item.tags: { contains: test } } }
    expect: { every: 1d }
    steps:
      - call: { body: { title: "{{ item.title }}" } }
        id: tell
      - audit: {}
        when: { data.tell.status: { ne: 200 }, fields.due: { lt: +1w, exists: true } }
        onError: continue
        delivery: { attempts: 3, whenExhausted: halt }
    tests:
      - name: a won deal
        app: leads
        before: { title: A, status: Open, value: 5 }
        after: { status: Won, value: 12 }
        by: Ada
        expect:
          steps: { tell: { sends: { body: { title: A } } } }
      - name: a small one
        app: leads
        before: { title: B, status: Open, value: 5 }
        after: { status: Won }
        expect: { why: fields.value gt 10 }
  settles: { on: { app: leads, events: item.update }, mode: { settle: 2m, atMost: 1h }, steps: [audit] }
  batches: { on: { app: leads, events: item.update }, mode: { batch: { max: 100, at: ["09:00", "16:00"] } }, steps: [audit] }
  latest: { on: { app: leads, fields: [status] }, mode: latest, includeOwn: true, loop: allowed, steps: [audit] }
  slow: { on: { space: sales, events: task.create }, mode: { throttle: { max: 10, per: 1m } }, enabled: shadow, was: quick, steps: [audit] }
  writes:
    on: { app: leads, fields: { status: { from: [Open, null], to: Won } } }
    steps:
      - podio-item: { app: client-acme, match: { externalId: "lead-{{ item.id }}" }, create: true, copy: [title], set: { due: +14d, amount: { value: "{{ fields.value }}", currency: EUR } } }
  reminds: { on: { app: leads, date: renewal, at: "-30d 09:00" }, steps: [audit] }
  lasts: { on: { app: leads, fields: { status: { to: Waiting, for: 3d } } }, steps: [audit] }
  ticks: { on: { schedule: "0 9 * * 1-5", missed: run, timezone: UTC, items: { app: leads, where: { fields.status: Open } } }, steps: [audit] }
  alarms: { on: { podiod: "*" }, startAt: earliest, steps: [audit] }
retention: { events: 90d, runs: 30d, size: 2gb }
reconcile: { every: 15m, mode: apply, delete: owned, maxDelete: 20% }
alarms: { after: 5m, disk: 1gb, budget: 10% }
`;

interface Written {
  readonly rules?: Readonly<Record<string, unknown>>;
}

/** Each with one of the rules: short, so that more of what is changed matters. */
function configs(): readonly string[] {
  const folder = join(root, 'config/examples');
  const examples = readdirSync(folder)
    .filter(name => name.endsWith('.yml'))
    .map(name => readFileSync(join(folder, name), 'utf8'));
  return [MORE, readFileSync(join(root, '.podiorc.example.yml'), 'utf8'), ...examples].flatMap(text => {
    const { rules = {}, ...around } = parse(text) as Written;
    return Object.entries(rules).map(([name, rule]) =>
      JSON.stringify({ ...around, rules: { [name]: rule } }),
    );
  });
}

const CONFIGS = configs();
const loader = makePluginLoader({ configDir: root });

const read = (text: string) =>
  loadConfig({
    text,
    cwd: root,
    env: { PODIOD_SECRET: 'sixteen characters or more' },
    builtIns: loader.builtIns,
    loadPlugin: async use =>
      loader.builtIns.includes(use) ? loader.inspect(use, root) : { error: 'only built-in ones here' },
    placeholders: true,
  });

async function load(text: string): Promise<void> {
  const { config, diagnostics } = await read(text);
  must(config !== undefined || diagnostics.length > 0, 'neither a config nor a problem');
  must(
    diagnostics.every(({ message }) => message !== ''),
    'a problem without words',
  );
  const fields = { byId: () => undefined, known: () => undefined, hasRead: () => false };
  for (const rule of config?.rules ?? []) makeMatcher(rule, { ...config, fields } as never).match(event());
}

const WHERE = {
  'fields.category': { ne: 'Won' },
  any: [
    { 'fields.number': { gt: 10, lte: '20' } },
    { 'fields.money': { gte: 1, currency: 'EUR' } },
    { not: { 'actor.name': { matches: '^A(n|b)+$' } } },
    { 'data.found.title': { exists: true } },
  ],
  all: [{ 'fields.date': { lt: '+1w', gte: '2026-01-01' } }],
  'fields.text': { contains: 'call' },
  'item.tags': { in: ['vip', 'x'] },
};

const targets: readonly Target[] = [
  { name: 'configs', share: 1, json: true, corpus: CONFIGS, feed: load },
  {
    name: 'configs in YAML',
    share: 1,
    corpus: [...CONFIGS.map(text => stringify(JSON.parse(text))), 'rules: [', 'a: &a {b: *a}', '{}'],
    feed: load,
  },
  {
    name: 'conditions',
    share: 8,
    json: true,
    corpus: [JSON.stringify(WHERE)],
    async feed(input) {
      const problems: unknown[] = [];
      const condition = parseCondition(json(input), ({ message }) => {
        must(message !== '', 'a problem without words');
        problems.push(message);
      });
      must(condition !== undefined || problems.length > 0, 'neither a condition nor a problem');
      if (condition) await allowLater(told, () => judge(condition, viewOf(ITEM)));
    },
  },
  {
    name: 'templates',
    share: 6,
    corpus: [
      '{{ item.title }} is won ({{ changes.status.from }} before)',
      '{% if fields.number > 3 %}{{ fields.category | upcase }}{% else %}-{% endif %}',
      '{% for tag in item.tags %}{{ tag | truncate: 3 }}{% endfor %}{{ fields.money | times: 2 | round }}',
      '{% assign a = "a,b" | split: "," %}{{ a | join: "-" | append: data.found.title | date: "%Y" }}',
      '{% for i in (1..10) %}{{ i }}{% endfor %}{{ "x" | prepend: "y" | replace: "x", "zz" | json }}',
    ],
    async feed(input) {
      const template = allow(told, () => compileTemplate(input));
      if (template) await allowLater(toldByTemplate, () => template.render(viewOf(ITEM)));
    },
  },
];

/** What is wrong from the beginning gets nowhere when it is changed. */
export async function makeConfigTargets(): Promise<readonly Target[]> {
  for (const text of CONFIGS) {
    const { config, diagnostics } = await read(text);
    must(config !== undefined, `${text}: ${diagnostics.map(({ message }) => message).join('; ')}`);
  }
  parseCondition(WHERE, ({ message }) => must(false, message));
  return targets;
}
