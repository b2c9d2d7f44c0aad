import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { parse, stringify } from 'yaml';
import { editorSchema, type JsonSchema, patternsOf } from '../../src/cli/pull/editor-schema.ts';
import type { AppConfig } from '../../src/config/model.ts';
import type { CatalogField } from '../../src/core/catalog.ts';
import { temporaryFolder } from '../support/folder.ts';
import { LanguageServer } from '../support/language-server.ts';

const ROOT = new URL('../../', import.meta.url);
const MODELINE = '# yaml-language-server: $schema=./config/podiorc.schema.json\n';
const START = `${MODELINE}server: { publicUrl: "https://hooks.example.com/podio" }
podio: { clientId: a, clientSecret: b }
`;

describe('the editor', function () {
  this.timeout(60_000);
  let server: LanguageServer;
  let documents = 0;
  const open = async (text: string) => {
    // Beside the example, so that the way to the schema is the same.
    const uri = new URL(`test-${++documents}.yml`, ROOT).href;
    return { uri, problems: await server.open(uri, text) };
  };
  /** Where `|` stands in the text. */
  const completeAt = async (marked: string) => {
    const before = marked.slice(0, marked.indexOf('|')).split('\n');
    const { uri } = await open(marked.replace('|', ''));
    return server.complete(uri, before.length, (before.at(-1) ?? '').length + 1);
  };

  before(async () => {
    server = new LanguageServer();
    await server.start(ROOT.href);
  });
  after(() => server[Symbol.asyncDispose]());

  it('has nothing to say against the example', async () => {
    const { problems } = await open(readFileSync(new URL('.podiorc.example.yml', ROOT), 'utf8'));
    expect(problems).to.deep.equal([]);
  });

  it('has nothing to say against any example, whole or in parts that one includes', async () => {
    const folder = new URL('config/examples/', ROOT);
    const examples = readdirSync(folder).filter(name => name.endsWith('.yml'));
    expect(examples.length).to.be.greaterThan(10);
    for (const name of examples) {
      const text = readFileSync(new URL(name, folder), 'utf8');
      expect(
        (await open(text.replace(/(\$schema=)\S+/, '$1./config/podiorc.schema.json'))).problems,
        name,
      ).to.deep.equal([]);
      const { server, podio, ...rest } = parse(text, { merge: true });
      const parts = [
        { server, podio, include: ['rules/*.yml'] },
        rest,
        { server },
        ...Object.entries(rest).map(one => Object.fromEntries([one])),
      ];
      for (const part of parts)
        expect((await open(`${MODELINE}${stringify(part)}`)).problems, name).to.deep.equal([]);
    }
  });

  it('underlines in a part what is wrong there, and in the whole what it lacks', async () => {
    const rules = 'rules:\n  a: { on: { app: leads, events: item.create }, steps: [audit], wehre: {} }\n';
    expect((await open(`${MODELINE}${rules}ruels: {}\n`)).problems.map(({ line }) => line)).to.have.members([
      3, 4,
    ]);
    const whole = `${MODELINE}server: { publicUrl: "https://hooks.example.com/podio" }\nrules: {}\n`;
    expect((await open(whole)).problems.map(({ message }) => message)).to.deep.equal([
      'Missing property "podio".',
    ]);
    expect((await open(`${whole}include: [podio.yml]\n`)).problems).to.deep.equal([]);
  });

  it('takes an interpolation where a number, a choice or a duration is wanted', async () => {
    const { problems } = await open(`${START}admin: { port: "\${PORT}" }
reconcile: { every: "\${EVERY:-5m}", mode: "\${MODE}", maxDelete: "\${SHARE}" }
catchUp: { onStart: "\${LOOK}" }
apps: { leads: { id: "\${ID}", token: "\${TOKEN}" } }
plugins:
  audit: { use: file-logger, path: "\${DIR}/x", maxFiles: "\${N}", format: "\${FORMAT}" }
rules:
  a:
    enabled: \${ON}
    on: { app: leads, events: item.create }
    steps: [audit, { file-logger: { maxFiles: "\${N}" }, onError: "\${WHAT}" }]
`);
    expect(problems).to.deep.equal([]);
  });

  it('underlines unknown keys, of the config and of plugins', async () => {
    const { problems } = await open(`${START}sever: 1
plugins:
  audit: { use: file-logger, pth: x }
rules:
  a:
    on: { app: leads, events: item.create }
    steps: [audit]
    stps: []
`);
    expect(problems.map(({ line }) => line)).to.have.members([4, 6, 11]);
  });

  it('underlines a wrong value', async () => {
    const { problems } = await open(`${START}reconcile: { every: 15 }\nadmin: { port: many }\n`);
    expect(problems.map(({ line }) => line)).to.have.members([4, 5]);
  });

  it('offers the plugins as steps', async () => {
    const offered = await completeAt(`${START}rules:
  a:
    on: { app: leads, events: item.create }
    steps:
      - |
`);
    expect(offered).to.include.members(['file-logger', 'slack-notifier', 'field-change-filter']);
  });

  it('offers the options of a step', async () => {
    const offered = await completeAt(`${START}rules:
  a:
    on: { app: leads, events: item.create }
    steps:
      - slack-notifier:
          |
`);
    expect(offered).to.include.members(['webhookUrl', 'text', 'blocks']);
  });

  it('offers the options of a plugin under its name', async () => {
    const offered = await completeAt(`${START}plugins:
  audit:
    use: file-logger
    |
`);
    expect(offered).to.include.members(['path', 'format', 'maxSize']);
    expect(offered).not.to.include('webhookUrl');
  });

  it('offers keys and their choices', async () => {
    expect(await completeAt(`${START}reconcile:\n  |\n`)).to.include.members(['every', 'mode', 'delete']);
    expect(await completeAt(`${START}reconcile:\n  mode: |\n`)).to.include.members([
      'apply',
      'repair',
      'plan',
    ]);
  });

  describe('of a file with tests', () => {
    const TESTS = '# yaml-language-server: $schema=./config/podiod-tests.schema.json\n';

    it('has nothing to say against the one in docs/testing.md', async () => {
      const guide = readFileSync(new URL('docs/testing.md', ROOT), 'utf8');
      const [, text = ''] = /^```yaml\n(# mirror\.test\.yml\n.*?)^```$/ms.exec(guide) ?? [];
      expect(text).to.include('tests:');
      expect((await open(`${TESTS}${text}`)).problems).to.deep.equal([]);
    });

    it('offers what can be said, and underlines what can not', async () => {
      const test = `${TESTS}tests:\n  - name: x\n`;
      expect(await completeAt(`${test}    |\n`)).to.include.members(['given', 'when', 'fires', 'expect']);
      expect(await completeAt(`${test}    when:\n      - |\n`)).to.include.members([
        'create',
        'update',
        'tick',
      ]);
      expect(await completeAt(`${test}    expect:\n      won:\n        |\n`)).to.include.members([
        'fires',
        'why',
        'steps',
      ]);
      const { problems } = await open(`${test}    wen: { create: deals }\n    expect: { won: often }\n`);
      expect([...new Set(problems.map(({ line }) => line))]).to.have.members([4, 5]);
    });
  });

  describe('with the schema that podiod pull writes', () => {
    const folder = temporaryFolder();
    const MODEL = '# yaml-language-server: $schema=./.podiorc.schema.json\n';
    const BASE = `${MODEL}server: { publicUrl: "https://hooks.example.com/podio" }
podio: { clientId: a, clientSecret: b }
apps:
  leads: { id: 101, token: x, fields: { worth: deal-value } }
  deals: { id: 102, token: y }
`;
    const field = (id: number, externalId: string, label: string, type: string, more = {}): CatalogField => ({
      id,
      externalId,
      label,
      type,
      status: 'active',
      ...more,
    });
    const OPTIONS = [
      { id: 1, text: 'Open' },
      { id: 2, text: 'Won' },
      { id: 3, text: 'Old', deleted: true as const },
    ];
    const appOf = (name: string, id: number, fields = {}): AppConfig => ({
      name,
      id,
      token: 'x',
      login: undefined,
      fields,
    });
    const openHere = async (text: string) => {
      const uri = pathToFileURL(join(folder.path, `test-${++documents}.yml`)).href;
      return { uri, problems: await server.open(uri, text) };
    };
    const completeHere = async (marked: string) => {
      const before = marked.slice(0, marked.indexOf('|')).split('\n');
      const { uri } = await openHere(marked.replace('|', ''));
      return server.complete(uri, before.length, (before.at(-1) ?? '').length + 1);
    };

    before(() => {
      const base = JSON.parse(
        readFileSync(new URL('config/podiorc.schema.json', ROOT), 'utf8'),
      ) as JsonSchema;
      const apps = new Map([
        ['leads', appOf('leads', 101, { worth: 'deal-value' })],
        ['deals', appOf('deals', 102)],
      ]);
      const catalog = {
        apps: new Map([
          [
            'leads',
            {
              id: 101,
              name: 'Leads',
              itemName: 'Lead',
              fields: [
                field(11, 'deal-value', 'Deal value', 'money'),
                field(12, 'status', 'Status', 'category', { options: OPTIONS }),
                { ...field(13, 'old', 'Old', 'text'), status: 'deleted' },
              ],
            },
          ],
          [
            'deals',
            {
              id: 102,
              name: 'Deals',
              itemName: 'Deal',
              fields: [
                field(21, 'stage', 'Stage', 'text'),
                field(23, 'due', 'Due date', 'date'),
                field(22, 'status', 'Status', 'category', { options: [{ id: 5, text: 'Lost' }] }),
              ],
            },
          ],
        ]),
      };
      writeFileSync(
        join(folder.path, '.podiorc.schema.json'),
        JSON.stringify(editorSchema(base, apps, catalog)),
      );
    });
    after(() => folder[Symbol.dispose]());

    it('has nothing to say against what check takes', async () => {
      const { problems } = await openHere(`${BASE}plugins:
  audit: { use: file-logger, path: x }
rules:
  a:
    on: { app: leads, fields: { status: { from: [Open, 1, null], to: "\${TO}" }, worth: , "12": } }
    steps: [audit, { field-change-filter: { field: stage, to: Won } }]
  b:
    on:
      - { app: [leads, deals], fields: [status, 12] }
      - { app: [leads, "d*"], fields: { status: { from: Open, to: [Lost, Won] } } }
      - { app: "*", fields: { status: { to: Lost } } }
      - { app: "l*s", fields: [worth] }
      - { app: "*als", fields: { stage: } }
      - { app: ["*ea*"], fields: [status] }
      - { app: "*", events: item.update }
      - { app: deals, fields: [stage, 21] }
      - { app: "l*d*", fields: [worth] }
      - { app: "*e*l*", fields: [stage] }
      - { app: "x*y*z*", fields: [anything] }
      - { app: deals, date: due, at: -1d }
      - { app: deals, date: 23 }
      - { schedule: "0 9 * * *", items: { app: leads, where: { fields.status: Open, item.title: x, fields.anything: 1 } } }
    where: { fields.status: [Open, Lost], changes.status.to: { ne: Won }, fields.other: 5, any: [{ fields.stage: x, all: { item.title: y } }], not: { fields.worth: { gt: 5 } } }
    steps: [audit, { field-change-filter: { field: whatever }, when: { fields.status: Anything } }]
`);
      expect(problems).to.deep.equal([]);
    });

    it('offers the fields of the app, by alias and external id', async () => {
      const offered = await completeHere(`${BASE}rules:
  a:
    on:
      app: leads
      fields:
        |
`);
      expect(offered).to.include.members(['status', 'deal-value', 'worth']);
      expect(offered).not.to.include('stage').and.not.include('old');
    });

    it('offers the options of a field', async () => {
      const offered = await completeHere(`${BASE}rules:
  a:
    on:
      app: leads
      fields:
        status:
          to: |
`);
      expect(offered).to.include.members(['Open', 'Won']);
      expect(offered).not.to.include('Old');
    });

    it('offers fields to a trigger of several apps, and underlines one that not all of them have', async () => {
      for (const app of ['[leads, deals]', '[leads]', '"*"', '"le*"', '["*ds", deals]']) {
        const trigger = `${BASE}rules:\n  a:\n    on:\n      app: ${app}\n      fields:\n`;
        expect(await completeHere(`${trigger}        |\n`), app).to.include.members(['status', 'worth']);
        const options = await completeHere(`${trigger}        status:\n          to: |\n`);
        expect(options, app).to.include.members(['Open', 'Won']);
      }
      const { problems } = await openHere(`${BASE}rules:
  a:
    on:
      - app: [leads, deals]
        fields: [worth]
      - app: "*"
        fields: [status, stage]
      - app: l*
        fields: [stage]
      - app: [deals, "*ds"]
        fields: { stauts: { to: Won } }
      - app: "*e*d*s"
        fields: [stage]
    steps: [x]
`);
      expect([...new Set(problems.map(({ line }) => line))]).to.have.members([11, 13, 15, 17, 19]);
    });

    it('offers the dates of the app, the fields that a condition can ask for, and their options', async () => {
      const on = `${BASE}rules:\n  a:\n    on:\n`;
      for (const app of ['deals', '[deals]', '"d*"', '"d*l*"', '"*e*l*"']) {
        const trigger = `      app: ${app}\n      date: `;
        expect(await completeHere(`${on}${trigger}|\n`), app)
          .to.include('due')
          .and.not.include('stage');
      }
      const rule = `${on}      app: leads\n      events: item.update\n`;
      expect(await completeHere(`${rule}    where:\n      |\n`))
        .to.include.members([
          'fields.status',
          'fields.worth',
          'changes.status.from',
          'changes.status.to',
          'all',
          'any',
          'not',
        ])
        .and.not.include('fields.stage');
      expect(await completeHere(`${rule}    where:\n      fields.status: |\n`)).to.include.members([
        'Open',
        'Won',
      ]);
      for (const within of [
        'any:\n        - |\n',
        'all:\n        - |\n',
        'not:\n        |\n',
        'not:\n        any:\n          |\n',
      ])
        expect(await completeHere(`${rule}    where:\n      ${within}`), within).to.include('fields.status');
      expect(await completeHere(`${rule}    where:\n      any:\n        - fields.status: |\n`)).to.include(
        'Won',
      );
      expect(await completeHere(`${rule}    steps:\n      - audit:\n        when:\n          |\n`))
        .to.include('fields.status')
        .and.not.include('fields.stage');
      const schedule = 'schedule: "0 9 * * *"\n      items: ';
      for (const about of [
        'app: [leads, deals]\n      events: item.update',
        'app: "*s"\n      events: item.update',
        '- { app: deals, date: due }\n      - { app: leads, events: item.create }',
        `- { app: deals, date: due }\n      - ${schedule.replace('\n', '\n  ')}{ app: leads }`,
      ])
        expect(await completeHere(`${on}      ${about}\n    where:\n      |\n`), about).to.include.members([
          'fields.status',
          'fields.worth',
          'fields.stage',
        ]);
      expect(await completeHere(`${on}      ${schedule}{ app: deals }\n    where:\n      |\n`))
        .to.include('fields.stage')
        .and.not.include('fields.worth');
      const items = `${on}      schedule: "0 9 * * *"\n      items:\n        app: leads\n        where:\n          |\n`;
      expect(await completeHere(items))
        .to.include('fields.worth')
        .and.not.include('fields.stage');
    });

    it('is no larger than an editor can take where there are many apps and fields', () => {
      const count = 200;
      const lengthWhere = (nameOf: (app: number, n: number) => string): number => {
        const types = ['text', 'category', 'date', 'money', 'number'];
        const options = [1, 2, 3, 4].map(id => ({ id, text: `Option ${id}` }));
        const fieldsOf = (app: number): CatalogField[] =>
          Array.from({ length: 20 }, (_, n) =>
            field(app * 100 + n, nameOf(app, n), `Field ${n}`, types[n % 5] ?? '', { options }),
          );
        const all = Array.from({ length: count }, (_, n) => ({
          name: `client-${n}`,
          id: n,
          fields: fieldsOf(n),
        }));
        const catalog = new Map(all.map(one => [one.name, { ...one, itemName: 'Item' }]));
        const apps = new Map(all.map(({ name, id }) => [name, appOf(name, id)]));
        const base = JSON.parse(readFileSync(new URL('config/podiorc.schema.json', ROOT), 'utf8'));
        return JSON.stringify(editorSchema(base as JsonSchema, apps, { apps: catalog })).length;
      };
      expect(lengthWhere((app, n) => `field-${n}-of-${app}`)).to.be.below(count * 20 * 1200);
      // Apps of a kind, one for each client.
      expect(lengthWhere((_, n) => `field-${n}`)).to.be.below(600_000);
    });

    it('knows which patterns a name fits', () => {
      const fits = (pattern: string, name: string) => new RegExp(patternsOf(name), 'u').test(pattern);
      const yes = [
        '*',
        'cl*',
        '*-a',
        'c*a',
        'client-a*',
        '**',
        '*ent*',
        'c*-*',
        '*n*a',
        'client-a**',
        'c*e*-*',
      ];
      const no = [
        'client-a',
        'client-*-*',
        '*b*',
        'x*',
        '*x',
        '*a*t*',
        'client-a*a',
        '*tn*',
        '',
        'c*n*e*',
        '*a*a*a',
      ];
      expect(yes.filter(pattern => !fits(pattern, 'client-a'))).to.deep.equal([]);
      expect(no.filter(pattern => fits(pattern, 'client-a'))).to.deep.equal([]);
    });

    it('knows of any pattern what the config makes of it', () => {
      const letter = fc.constantFrom('a', 'b', '-');
      const name = fc.array(letter, { minLength: 1, maxLength: 6 }).map(letters => letters.join(''));
      const pattern = fc
        .array(fc.oneof(letter, fc.constant('*')), { maxLength: 7 })
        .map(parts => parts.join(''));
      fc.assert(
        fc.property(name, pattern, (app, glob) => {
          const wanted = glob.includes('*') && new RegExp(`^${glob.replaceAll('*', '.*')}$`).test(app);
          expect(new RegExp(patternsOf(app), 'u').test(glob)).to.equal(wanted);
        }),
        { numRuns: 1000 },
      );
    });

    it('offers fields to a step, and external ids to an alias', async () => {
      const inStep = await completeHere(`${BASE}rules:
  a:
    on: { app: leads, events: item.update }
    steps:
      - field-change-filter:
          field: |
`);
      expect(inStep).to.include.members(['status', 'worth', 'stage']);
      const alias = await completeHere(`${MODEL}apps:
  leads:
    id: 101
    fields:
      price: |
`);
      expect(alias).to.include.members(['deal-value', 'status']);
    });

    it('underlines a field that the app does not have, and an option that the field does not have', async () => {
      const { problems } = await openHere(`${BASE}rules:
  a:
    on:
      app: leads
      fields:
        staus: { to: Won }
    steps: [x]
  b:
    on:
      app: leads
      fields:
        status: { to: Wno }
    steps: [x]
`);
      expect(problems.map(({ line }) => line)).to.have.members([12, 18]);
    });
  });
});
