import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { map } from 'rxjs';
import type { App } from '../../../src/core/podio.ts';
import { makePluginLoader } from '../../../src/plugin/load.ts';
import { type TestBench, testPlugin } from '../../../src/plugin/testing.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { type MailServer, startSmtp } from '../../support/smtp.ts';

const notAsked = () => expect.fail('is not asked for');
const archive: App = {
  app_id: 102,
  status: 'active',
  config: { name: 'Archive' },
  fields: [{ field_id: 1, external_id: 'title', type: 'text', label: 'Title', status: 'active', config: {} }],
};

type Bench = Pick<TestBench, 'fetch' | 'podio'> & { readonly options: Record<string, unknown> };

/** For each built-in: options that work without anything outside, and an event that it lets through. */
const benches: Record<string, (folder: string) => Bench> = {
  'file-logger': folder => ({ options: { path: join(folder, 'events.ndjson') } }),
  'slack-notifier': () => ({
    options: { webhookUrl: 'https://hooks.slack.example/T/B/X', text: '{{ item.title }}' },
    fetch: async () => new Response('ok'),
  }),
  'field-change-filter': () => ({ options: { field: 'status' } }),
  confirm: () => ({
    options: {},
    podio: {
      items: {
        get: async id => ({
          item_id: id,
          title: 'Acme',
          app: { app_id: 101 },
          current_revision: { revision: 1000 },
          fields: [],
        }),
        create: notAsked,
        update: notAsked,
        delete: notAsked,
        filter: notAsked,
      },
    },
  }),
  'http-request': () => ({
    options: { url: 'https://erp.example.com/{{ item.title }}', json: { title: '{{ item.title }}' } },
    fetch: async () => Response.json({ ok: true }),
  }),
  'podio-comment': () => ({
    options: { text: '{{ item.title }}' },
    podio: { comments: { create: async () => ({ comment_id: 3 }), get: notAsked, list: notAsked } },
  }),
  'podio-find': () => ({
    options: { app: 'archive', where: { 'fields.title': '{{ item.title }}' } },
    podio: {
      apps: { get: async () => archive },
      items: {
        filter: async () => ({ total: 1, filtered: 1, items: [{ item_id: 5, title: 'Acme', fields: [] }] }),
        get: notAsked,
        create: notAsked,
        update: notAsked,
        delete: notAsked,
      },
    },
  }),
  'podio-item': () => ({
    options: { app: 'archive', set: { title: '{{ item.title }}' } },
    podio: {
      apps: { get: async () => archive },
      items: {
        create: async () => ({ item_id: 5, title: 'Acme', link: 'https://podio.com/x' }),
        get: notAsked,
        update: notAsked,
        delete: notAsked,
        filter: notAsked,
      },
    },
  }),
  split: () => ({ options: { in: ['a'], as: 'letter' } }),
  email: () => ({
    options: { smtp: mailServer?.url, from: 'bot@example.com', to: 'a@example.com', subject: 's', text: 't' },
  }),
  'podio-task': () => ({
    options: { text: '{{ item.title }}' },
    podio: { tasks: { create: async () => ({ task_id: 4 }), get: notAsked, list: notAsked } },
  }),
};

const passes = {
  item: { title: 'Acme' },
  changes: { status: { type: 'category', to: [{ value: { id: 3, text: 'Won' } }] } },
  data: { before: { n: 1 } },
};

/** Where `email` hands in its mails. */
let mailServer: MailServer | undefined;
before(async () => {
  mailServer = await startSmtp();
});
after(() => mailServer?.[Symbol.asyncDispose]());

// One suite for all built-in plugins: what docs/plugins.md asks of everyone.
const loader = makePluginLoader();
for (const name of loader.builtIns) {
  describe(`built-in ${name}`, () => {
    const bench = (folder: string) => {
      const make = benches[name];
      if (!make) throw new Error(`add ${name} to the benches of this suite`);
      return make(folder);
    };

    it('is called as its folder and has an object of options with words for each', async () => {
      const plugin = await loader.load(name);
      expect(plugin.name).to.equal(name);
      const { z } = await import('zod');
      const schema = z.toJSONSchema(plugin.options, { io: 'input' });
      expect(schema).to.include({ type: 'object', additionalProperties: false });
      for (const [option, said] of Object.entries(schema.properties ?? {})) {
        expect(said, option).to.have.property('description').that.is.a('string');
      }
    });

    it('refuses unknown options and takes right ones', async () => {
      using folder = temporaryFolder();
      const plugin = await loader.load(name);
      const { options } = bench(folder.path);
      expect(plugin.options.safeParse(options).success).to.equal(true);
      const codes = plugin.options
        .safeParse({ ...options, nonsense: 1 })
        .error?.issues.map(({ code }) => code);
      expect(codes).to.include('unrecognized_keys');
    });

    it('passes the message on when its work is done', async () => {
      using folder = temporaryFolder();
      await using tested = await testPlugin(await loader.load(name), bench(folder.path));
      const output = await tested.run(passes);
      expect(output).to.have.lengthOf(1);
      expect(output[0]).to.deep.include(passes.data);
      // A plugin adds nothing but under its step's name, and what it gives names to.
      const { names } = await loader.load(name);
      expect(Object.keys(output[0] ?? {})).to.have.members([
        'before',
        ...(name in (output[0] ?? {}) ? [name] : []),
        ...(names?.(bench(folder.path).options as never) ?? []),
      ]);
    });

    it('serves many events at the same time', async () => {
      using folder = temporaryFolder();
      await using tested = await testPlugin(await loader.load(name), bench(folder.path));
      const outputs = await Promise.all(Array.from({ length: 50 }, () => tested.run(passes)));
      for (const output of outputs) {
        expect(output).to.have.lengthOf(1);
        expect(output[0]).to.deep.include(passes.data);
      }
    });

    it('says what it would do', async () => {
      using folder = temporaryFolder();
      await using tested = await testPlugin(await loader.load(name), bench(folder.path));
      expect(await tested.describe(passes)).to.be.a('string').that.is.not.empty;
    });

    it('is disposed of twice without harm', async () => {
      using folder = temporaryFolder();
      const tested = await testPlugin(await loader.load(name), bench(folder.path));
      await tested[Symbol.asyncDispose]();
      await tested[Symbol.asyncDispose]();
    });

    it('has a README that shows every option', async () => {
      const plugin = await loader.load(name);
      const readme = readFileSync(new URL(`../../../plugins/${name}/README.md`, import.meta.url), 'utf8');
      const { z } = await import('zod');
      for (const option of Object.keys(z.toJSONSchema(plugin.options, { io: 'input' }).properties ?? {})) {
        expect(readme).to.match(new RegExp(`^\\| \`${option}\``, 'm'));
      }
      for (const section of ['## Options', '## Example', '## When it fails'])
        expect(readme).to.contain(section);
    });
  });
}

describe('testPlugin', () => {
  it('rejects for options that do not fit', async () => {
    const loading = testPlugin(await loader.load('file-logger'), { options: { path: 5 } });
    expect(await loading.catch(error => error.issues[0].path)).to.deep.equal(['path']);
  });

  it('fails for a Podio call that was not provided for', async () => {
    const { definePlugin, z } = await import('../../../src/plugin/index.ts');
    const plugin = definePlugin({
      name: 'p',
      options: z.object({}),
      setup: (_options, { podio }) => ({ operator: map(message => message.with(podio.items)) }),
    });
    await using tested = await testPlugin(plugin);
    expect(await tested.run().catch(e => e.message)).to.contain('context.podio.items');
  });
});
