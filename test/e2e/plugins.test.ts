// Third-party plugins, found from the config's folder, in which nothing of podiod is installed.

import { join } from 'node:path';
import { expect } from 'chai';
import { LEADS, makeSite } from './site.ts';

const rules = { mine: { on: { app: 'leads', events: 'item.create' }, steps: ['mine', 'audit'] } };
const audit = { use: 'file-logger', path: './events.ndjson' };

describe('third-party plugins', function () {
  this.timeout(30_000);

  it('run as TypeScript from a path, with nothing installed beside them', async () => {
    const site = await makeSite({
      plugins: { audit, mine: { use: './plugins/greet.ts', greeting: 'Hello', path: './greetings.txt' } },
      rules,
    });
    site.write(
      'plugins/greet.ts',
      `import { appendFile } from 'node:fs/promises';
       import { definePlugin, pathOption, z } from 'podiod/plugin';
       import { concatMap } from 'rxjs';

       interface Greeting { readonly text: string }

       export default definePlugin({
         name: 'greet',
         options: z.strictObject({ greeting: z.string(), path: pathOption() }),
         setup: ({ greeting, path }, { store }) => ({
           operator: messages$ => messages$.pipe(concatMap(async message => {
             const { title } = await message.item();
             const times = await store.update('times', value => Number(value ?? 0) + 1);
             const said: Greeting = { text: \`\${greeting}, \${title}! (\${times})\` };
             await appendFile(path, said.text + '\\n');
             return message.with(said);
           })),
         }),
       });`,
    );
    const daemon = await site.boot();
    await site.podio.createItem(101, { fields: { title: 'Alder' } });
    await site.untilRun(1, 'mine');
    await daemon.end('SIGTERM');
    // What it keeps is still there after a restart.
    await site.boot();
    await site.podio.createItem(101, { fields: { title: 'Birch' } });
    await site.untilRun(2, 'mine');
    expect(site.read('greetings.txt')).to.equal('Hello, Alder! (1)\nHello, Birch! (2)\n');
  });

  it('run as packages from the node_modules of the config', async () => {
    const site = await makeSite({
      plugins: { audit, mine: { use: 'podiod-plugin-upper' } },
      rules,
    });
    const root = join('node_modules', 'podiod-plugin-upper');
    site.write(
      join(root, 'package.json'),
      JSON.stringify({
        name: 'podiod-plugin-upper',
        version: '1.0.0',
        type: 'module',
        exports: './index.js',
      }),
    );
    site.write(
      join(root, 'index.js'),
      `import { definePlugin, z } from 'podiod/plugin';
       import { filter } from 'rxjs';
       export default definePlugin({
         name: 'upper',
         options: z.strictObject({}),
         setup: () => ({ operator: filter(message => message.event.itemId > 1) }),
       });`,
    );
    expect((await site.podiod(['check'])).code).to.equal(0);
    await site.boot();
    for (const item_id of [1, 2]) await site.deliver(LEADS, 'item.create', { item_id, item_revision_id: 0 });
    const journal = await site.untilRun(2, 'mine');
    expect(journal.map(({ itemId, runs }) => [itemId, runs[0]?.outcome])).to.deep.equal([
      [1, 'filtered'],
      [2, 'settled'],
    ]);
    expect(site.lines('events.ndjson').map(({ itemId }) => itemId)).to.deep.equal([2]);
  });

  it('that can not be loaded are problems of the config, with the place that names them', async () => {
    const site = await makeSite({ plugins: { audit, mine: { use: './plugins/broken.ts' } }, rules });
    site.write('plugins/broken.ts', "import 'not-installed-anywhere';\nexport default {};\n");
    const daemon = site.run();
    expect(await daemon.ended).to.equal(78);
    expect(daemon.log()).to.include('./plugins/broken.ts').and.to.include('not-installed-anywhere');
  });
});
