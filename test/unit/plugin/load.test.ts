import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { PluginError } from '../../../src/core/errors.ts';
import { makePluginLoader } from '../../../src/plugin/load.ts';
import { testPlugin } from '../../../src/plugin/testing.ts';
import { temporaryFolder } from '../../support/folder.ts';

/** Far from the checkout, so nothing is found by accident. */
const tree = (files: Record<string, string>) => {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    const file = join(folder.path, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return folder;
};

const TS_PLUGIN = `
import { definePlugin, z, type Message } from 'podiod/plugin';
import { map, type Observable } from 'rxjs';
import { upper } from './helper.ts';

export default definePlugin({
  name: 'greeter',
  options: z.object({ greeting: z.string() }),
  setup: ({ greeting }) => ({
    operator: (messages$: Observable<Message>) => messages$.pipe(map(message => message.with(upper(greeting)))),
  }),
});
`;
const HELPER = 'export const upper = (text: string): string => text.toUpperCase();\n';
const JS_PLUGIN = TS_PLUGIN.replaceAll(': Observable<Message>', '')
  .replaceAll(', type Message', '')
  .replaceAll(', type Observable', '')
  .replace('./helper.ts', './helper.js');

const failure = async (loading: Promise<unknown>): Promise<PluginError> => {
  const error: unknown = await loading.then(
    () => expect.fail('was loaded'),
    thrown => thrown,
  );
  expect(error).to.be.instanceOf(PluginError);
  expect(error).to.include({ code: 'PLUGIN_LOAD', retry: 'never', phase: 'load' });
  return error as PluginError;
};

describe('plugin loader', () => {
  it('knows the built-ins', async () => {
    const loader = makePluginLoader();
    expect(loader.builtIns).to.include.members(['field-change-filter', 'file-logger', 'slack-notifier']);
    expect(loader.builtIns.toSorted()).to.deep.equal(
      readdirSync(new URL('../../../plugins/', import.meta.url)).toSorted(),
    );
    for (const name of loader.builtIns) expect((await loader.load(name)).name).to.equal(name);
    expect(await loader.load('file-logger')).to.equal(await loader.load('file-logger'));
  });

  it('runs TypeScript from a folder with no node_modules, with podiod’s own podiod/plugin and rxjs', async () => {
    using folder = tree({ 'my/greeter.ts': TS_PLUGIN, 'my/helper.ts': HELPER });
    const loader = makePluginLoader({ configDir: folder.path });
    const plugin = await loader.load(join(folder.path, 'my/greeter.ts'));
    await using tested = await testPlugin(plugin, { options: { greeting: 'hello' } });
    expect(await tested.run()).to.deep.equal([{ greeter: 'HELLO' }]);
    expect(await loader.load('./my/greeter.ts')).to.equal(plugin);
  });

  it('loads a package from the config’s folder', async () => {
    using folder = tree({
      'node_modules/podiod-greeter/package.json': JSON.stringify({
        name: 'podiod-greeter',
        type: 'module',
        exports: { import: './index.js' },
      }),
      'node_modules/podiod-greeter/index.js': JS_PLUGIN,
      'node_modules/podiod-greeter/helper.js': 'export const upper = text => text.toUpperCase();\n',
      'node_modules/@acme/greeter/package.json': JSON.stringify({ name: '@acme/greeter', main: 'main.cjs' }),
      'node_modules/@acme/greeter/main.cjs': `
        const { definePlugin, z } = require('podiod/plugin');
        const { map } = require('rxjs');
        module.exports = definePlugin({ name: 'old', options: z.object({}), setup: () => ({ operator: map(m => m.with(1)) }) });
      `,
      'node_modules/@acme/compiled/package.json': JSON.stringify({
        name: '@acme/compiled',
        main: 'main.cjs',
      }),
      'node_modules/@acme/compiled/main.cjs': `
        Object.defineProperty(exports, '__esModule', { value: true });
        exports.default = require('@acme/greeter');
      `,
    });
    const loader = makePluginLoader({ configDir: folder.path });
    await using tested = await testPlugin(await loader.load('podiod-greeter'), {
      options: { greeting: 'hi' },
    });
    expect(await tested.run()).to.deep.equal([{ greeter: 'HI' }]);
    for (const name of ['@acme/greeter', '@acme/compiled']) {
      await using old = await testPlugin(await loader.load(name));
      expect(await old.run()).to.deep.equal([{ old: 1 }]);
    }
  });

  it('leaves a plugin its own rxjs and podiod where it has them', async () => {
    using folder = tree({
      'p.ts': `import { mine } from 'rxjs'; import { theirs } from 'podiod/plugin'; throw new Error(mine + theirs);`,
      'node_modules/rxjs/package.json': JSON.stringify({ name: 'rxjs', type: 'module', exports: './i.js' }),
      'node_modules/rxjs/i.js': `export const mine = 'own rxjs, ';`,
      'node_modules/podiod/package.json': JSON.stringify({
        name: 'podiod',
        type: 'module',
        exports: { './plugin': './i.js' },
      }),
      'node_modules/podiod/i.js': `export const theirs = 'own podiod';`,
    });
    const error = await failure(makePluginLoader({ configDir: folder.path }).load('./p.ts'));
    expect(error.message).to.contain('own rxjs, own podiod');
  });

  describe('says what is wrong and what to do', () => {
    const define = (body: string) => `import { definePlugin, z } from 'podiod/plugin';\n${body}`;
    const cases: [what: string, files: Record<string, string>, use: string, message: RegExp, hint: RegExp][] =
      [
        [
          'a misspelt name',
          {},
          'file-loger',
          /no built-in plugin and no package/,
          /^Did you mean file-logger\?(?!.*npm)/,
        ],
        [
          'half a name',
          {},
          'slack',
          /no built-in plugin and no package/,
          /^Did you mean slack-notifier\?(?!.*npm)/,
        ],
        ['an unknown name', {}, 'fax', /no built-in plugin and no package/, /file-logger.*npm install fax/],
        ['a missing file', {}, './gone.ts', /there is no file .*gone\.ts/, /relative to the config file/],
        ['a missing extension', { 'p.ts': '' }, './p', /there is no file/, /Did you mean \.\/p\.ts\?/],
        ['a folder', { 'p/index.ts': '' }, './p', /it is a folder/, /Did you mean \.\/p\/index\.ts\?/],
        [
          'another kind of file',
          { 'p.json': '{}' },
          './p.json',
          /neither TypeScript nor JavaScript/,
          /\.mjs/,
        ],
        [
          'no default export',
          { 'p.ts': 'export const a = 1;' },
          './p.ts',
          /no default export/,
          /export default definePlugin/,
        ],
        ['something else', { 'p.ts': 'export default { name: 1 };' }, './p.ts', /not a plugin/, /Wrap it/],
        [
          'a wrong shape',
          { 'p.mjs': define('export default definePlugin({ name: "p", options: z.object({}) });') },
          './p.mjs',
          /`setup` must be a function/,
          /docs\/plugins\.md/,
        ],
        [
          'a syntax error',
          { 'p.ts': 'export default {\n  a: 1,,\n};' },
          './p.ts',
          /Unexpected token.*p\.ts:2/s,
          /node --check/,
        ],
        [
          'a syntax error in JavaScript',
          { 'p.mjs': 'export default {,};' },
          './p.mjs',
          /Unexpected token/,
          /node --check/,
        ],
        [
          'an enum',
          { 'p.ts': 'enum A { B }\nexport default A;' },
          './p.ts',
          /enum.*p\.ts:1/s,
          /can be erased/,
        ],
        [
          'a missing import',
          { 'p.ts': 'import "left-padd";\nexport default 1;' },
          './p.ts',
          /left-padd/,
          /Install what it imports/,
        ],
        [
          'a missing neighbour',
          { 'p.ts': 'import "./gone.ts";\nexport default 1;' },
          './p.ts',
          /gone\.ts/,
          /Install what it imports/,
        ],
        [
          'a module that throws',
          { 'p.ts': 'throw new Error("no config");' },
          './p.ts',
          /no config/,
          /setup\(\)/,
        ],
        [
          'a module that rejects with a string',
          { 'p.ts': 'await Promise.reject("oh");' },
          './p.ts',
          /oh/,
          /setup\(\)/,
        ],
        [
          'a package in TypeScript',
          {
            'node_modules/tsp/package.json': JSON.stringify({
              name: 'tsp',
              type: 'module',
              exports: './index.ts',
            }),
            'node_modules/tsp/index.ts': TS_PLUGIN,
          },
          'tsp',
          /the package is TypeScript/,
          /Publish it as JavaScript/,
        ],
        [
          'a package that exports nothing here',
          {
            'node_modules/closed/package.json': JSON.stringify({
              name: 'closed',
              exports: { './x': './x.js' },
            }),
          },
          'closed',
          /closed/,
          /./,
        ],
      ];
    for (const [what, files, use, message, hint] of cases) {
      it(`for ${what}`, async () => {
        using folder = tree(files);
        const loader = makePluginLoader({ configDir: folder.path });
        const error = await failure(loader.load(use));
        expect(error.message)
          .to.match(message)
          .and.to.match(/^the plugin \S+ can't be loaded: /);
        expect(error.hint).to.match(hint);
        const told = await loader.inspect(use);
        expect(told).to.have.property('error').that.matches(message);
        expect(`the plugin ${use} can't be loaded: ${(told as { error: string }).error}`).to.equal(
          error.message,
        );
      });
    }

    it('for a module that never ends loading', async () => {
      using folder = tree({ 'p.ts': 'await new Promise(() => {});\nexport default 1;' });
      const loader = makePluginLoader({ configDir: folder.path, deadlineMs: 20 });
      expect((await failure(loader.load('./p.ts'))).message).to.contain('not loaded within 20 ms');
    });
  });

  it('looks again after a failure', async () => {
    using folder = tree({});
    const loader = makePluginLoader({ configDir: folder.path });
    await failure(loader.load('./late.ts'));
    writeFileSync(join(folder.path, 'late.ts'), TS_PLUGIN);
    writeFileSync(join(folder.path, 'helper.ts'), HELPER);
    expect((await loader.load('./late.ts')).name).to.equal('greeter');
  });

  it('looks packages up from where it is told', async () => {
    using folder = tree({ 'a/p.ts': TS_PLUGIN, 'a/helper.ts': HELPER });
    const loader = makePluginLoader({ configDir: folder.path });
    await failure(loader.load('./p.ts'));
    expect(await loader.inspect('./p.ts', join(folder.path, 'a'))).to.include({ name: 'greeter' });
  });
});
