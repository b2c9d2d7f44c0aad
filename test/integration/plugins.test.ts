import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { loadConfig } from '../../src/config/load.ts';
import { makePluginLoader } from '../../src/plugin/load.ts';
import { testPlugin } from '../../src/plugin/testing.ts';
import { temporaryFolder } from '../support/folder.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));
const guide = readFileSync(join(root, 'docs/plugins.md'), 'utf8');

/** There has to be one. */
const blocks = (language: string): string[] => {
  const found = [...guide.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))];
  if (found.length === 0) throw new Error(`docs/plugins.md has no block of ${language}`);
  return found.map(([, text = '']) => text);
};

/** The guide's files, each under the name in its first line, in a folder far from any node_modules. */
function guideFiles() {
  const folder = temporaryFolder();
  const names = blocks('ts').map(text => {
    const name = /^\/\/ (\S+)\n/.exec(text)?.[1];
    if (name === undefined) throw new Error(`a block without a name in its first line:\n${text}`);
    mkdirSync(dirname(join(folder.path, name)), { recursive: true });
    writeFileSync(join(folder.path, name), text);
    return name;
  });
  return { folder, names };
}

/** As for an author who has podiod installed. */
function install(folder: string): void {
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules/podiod'), 'junction');
  for (const name of ['rxjs', '@types', 'zod']) {
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name), 'junction');
  }
}

describe('docs/plugins.md', () => {
  it('has a config that is right, with the plugins of the guide', async () => {
    const { folder } = guideFiles();
    using _ = folder;
    for (const text of blocks('yaml')) {
      const loader = makePluginLoader({ configDir: folder.path });
      const { diagnostics, config } = await loadConfig({
        cwd: folder.path,
        file: join(folder.path, 'podiorc.yml'),
        text,
        env: { PODIO_SECRET: 's', LEADS_TOKEN: 't', SLACK_URL: 'https://hooks.slack.example/x' },
        loadPlugin: loader.inspect,
        builtIns: loader.builtIns,
      });
      expect(diagnostics).to.deep.equal([]);
      expect(config?.rules.length).to.be.greaterThan(0);
    }
  });

  it('has plugins that do what it says, with no node_modules near', async () => {
    const { folder, names } = guideFiles();
    using _ = folder;
    const loader = makePluginLoader({ configDir: folder.path });
    const money = (value: string) => ({
      type: 'money',
      from: [{ value: '1.0000', currency: 'EUR' }],
      to: [{ value, currency: 'EUR' }],
    });
    const expected: Record<string, () => Promise<void>> = {
      async 'my-plugins/invoice.ts'() {
        const plugin = await loader.load('./my-plugins/invoice.ts');
        const seen: unknown[] = [];
        await using tested = await testPlugin(plugin, {
          options: { url: 'https://erp.example.com/' },
          fetch: async (_url, init) => {
            seen.push(new Headers(init?.headers).get('idempotency-key'), init?.body);
            return Response.json({ number: 7 });
          },
        });
        const event = { event: { id: 'item.update:4711:3' }, item: { title: 'Acme' } };
        expect(await tested.run(event)).to.deep.equal([{ invoice: { number: 7 } }]);
        expect(seen).to.deep.equal(['test-rule/item.update:4711:3/invoice', '{"customer":"Acme"}']);
        expect(await tested.describe(event)).to.equal('posts Acme to https://erp.example.com/');
      },
      async 'my-plugins/office-hours.ts'() {
        await using tested = await testPlugin(await loader.load('./my-plugins/office-hours.ts'));
        const at = (receivedAt: string) => tested.run({ event: { receivedAt } });
        expect(await at('2026-01-31T09:00:00.000Z')).to.have.length(1);
        expect(await at('2026-01-31T17:00:00.000Z')).to.have.length(0);
      },
      async 'my-plugins/big-deals.ts'() {
        const plugin = await loader.load('./my-plugins/big-deals.ts');
        await using tested = await testPlugin(plugin, { options: { field: 'value', above: 1000 } });
        expect(await tested.run({ changes: { value: money('2000.0000') } })).to.deep.equal([
          { 'big-deals': { now: '€2,000.00' } },
        ]);
        for (const changes of [
          { value: money('10.0000') },
          { value: { ...money('2000.0000'), from: [] } },
          {},
        ]) {
          expect(await tested.run({ changes })).to.deep.equal([]);
        }
      },
      async 'my-plugins/count.ts'() {
        await using tested = await testPlugin(await loader.load('./my-plugins/count.ts'));
        expect(await tested.run()).to.deep.equal([{ count: 1 }]);
        expect(await tested.run()).to.deep.equal([{ count: 2 }]);
      },
      async 'my-plugins/greet.ts'() {
        const made: unknown[] = [];
        const comments = {
          async create(_type: string, _id: number, body: object) {
            made.push(body);
            return { comment_id: made.length };
          },
          list: async () => [],
          get: () => expect.fail('is not asked for'),
        };
        const plugin = await loader.load('./my-plugins/greet.ts');
        await using tested = await testPlugin(plugin, { options: { text: 'hi' }, podio: { comments } });
        const event = { event: { id: 'item.create:4711:0' } };
        for (const _ of [1, 2]) expect(await tested.run(event)).to.deep.equal([{ greet: { commentId: 1 } }]);
        expect(made).to.deep.equal([{ value: 'hi' }]);
      },
      async 'my-plugins/close-deal.ts'() {
        const plugin = await loader.load('./my-plugins/close-deal.ts');
        const written: unknown[] = [];
        const refuse = () => expect.fail('is not asked for');
        const items = {
          get: refuse,
          create: refuse,
          delete: refuse,
          filter: refuse,
          async update(...given: unknown[]) {
            written.push(given);
            return { revision: 4 };
          },
        };
        await using tested = await testPlugin(plugin, { options: { stage: 'closed' }, podio: { items } });
        expect(await tested.run()).to.deep.equal([{ 'close-deal': { revision: 4 } }]);
        expect(written).to.deep.equal([[4711, { fields: { stage: 'closed' } }, { hook: false }]]);
        expect(plugin.writes?.({ stage: 'closed', hook: true })).to.deep.equal([
          { event: 'item.update', fields: ['stage'], values: { stage: 'closed' }, hook: true },
        ]);
      },
      async 'my-plugins/ticket.ts'() {
        const plugin = await loader.load('./my-plugins/ticket.ts');
        const sent: unknown[] = [];
        await using tested = await testPlugin(plugin, {
          options: {
            url: 'https://desk.example.com/{{ item.id }}',
            ticket: {
              title: '{{ fields.status }}: {{ item.title }}',
              priority: '{{ data.priority }}',
              tags: '{{ item.tags }}',
            },
          },
          fetch: async (url, init) => {
            sent.push(url, JSON.parse(String(init?.body)));
            return Response.json({});
          },
        });
        const status = { field_id: 1, external_id: 'status', type: 'category', label: 'Status' };
        const fields = [{ ...status, values: [{ value: { id: 3, text: 'Won' } }] }];
        await tested.run({ item: { title: 'Acme', tags: ['vip'], fields }, data: { priority: 1 } });
        expect(sent).to.deep.equal([
          'https://desk.example.com/4711',
          { title: 'Won: Acme', priority: 1, tags: ['vip'] },
        ]);
      },
      async 'my-plugins/sms.ts'() {
        const plugin = await loader.load('./my-plugins/sms.ts');
        const options = { to: '+45', text: '{{ item.title }}' };
        for (const captured of [true, false]) {
          await using tested = await testPlugin(plugin, { options, captured });
          expect(await tested.run({ item: { title: 'won' } })).to.deep.equal([{ sms: { state: 'sent' } }]);
          expect(tested.sends).to.deep.equal(captured ? [{ sms: { to: '+45', text: 'won' } }] : []);
        }
      },
      async 'my-plugins/shout.ts'() {
        const plugin = await loader.load('./my-plugins/shout.ts');
        await using tested = await testPlugin(plugin, { options: { text: '{{ item.title }}!' } });
        expect(await tested.run({ item: { title: 'won' } })).to.deep.equal([{ shout: 'WON!' }]);
      },
      async 'my-plugins/count-like.ts'() {
        const plugin = await loader.load('./my-plugins/count-like.ts');
        const options = { app: 'leads', match: { stage: 2 } };
        const fields = plugin.reads?.(options).map(({ app, at }) => [app, at]);
        expect(fields).to.deep.equal([['leads', ['match', 'stage']]]);
        const notAsked = () => expect.fail('is not asked for');
        const items = {
          get: notAsked,
          create: notAsked,
          update: notAsked,
          delete: notAsked,
          filter: async () => ({ total: 9, filtered: 4, items: [] }),
        };
        await using tested = await testPlugin(plugin, { options, podio: { items } });
        expect(await tested.run({ event: { type: 'item.update' } })).to.deep.equal([
          { 'count-like': { count: 4 } },
        ]);
      },
    };
    expect(names.filter(name => !name.endsWith('.test.ts'))).to.have.members(Object.keys(expected));
    for (const check of Object.values(expected)) await check();
  });

  it('has tests that pass for an author who has podiod installed', async () => {
    const { folder, names } = guideFiles();
    using _ = folder;
    install(folder.path);
    const tests = names.filter(name => name.endsWith('.test.ts'));
    expect(tests).to.not.be.empty;
    // Node's runner must not take itself for a child of this one.
    const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
    await run(process.execPath, ['--conditions=source', '--test', ...tests], { cwd: folder.path, env });
  }).timeout(30_000);

  it('has plugins whose types are right', async () => {
    const { folder, names } = guideFiles();
    using _ = folder;
    install(folder.path);
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--skipLibCheck'];
    const types = ['--types', 'node', '--allowImportingTsExtensions', '--customConditions', 'source'];
    const lib = ['--lib', 'es2024,esnext.disposable,esnext.iterator,esnext.collection'];
    writeFileSync(join(folder.path, 'package.json'), '{"type":"module"}');
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const checked = await run(process.execPath, [tsc, ...options, ...types, ...lib, ...names], {
      cwd: folder.path,
    }).catch((error: { stdout: string }) => error);
    expect(checked.stdout).to.equal('');
  }).timeout(60_000);

  it('has a package.json that is one', () => {
    for (const text of blocks('json')) expect(JSON.parse(text)).to.have.property('exports');
  });
});
