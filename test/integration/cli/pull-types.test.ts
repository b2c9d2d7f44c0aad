// What `podiod pull --types` writes, seen by the compiler that a plugin's author runs.
import { execFileSync } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { FIELD_TYPES } from '../../../src/emulator/model.ts';
import { makeSite, type Site } from './site.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** What the compiler has to say of the files in the site's folder. */
function compile(site: Site): string {
  site.write('tsconfig.json', {
    compilerOptions: {
      strict: true,
      noEmit: true,
      target: 'esnext',
      module: 'nodenext',
      allowImportingTsExtensions: true,
      skipLibCheck: true,
      typeRoots: [join(ROOT, 'node_modules/@types')],
      types: ['node'],
      paths: {
        'podiod/plugin': [join(ROOT, 'src/plugin/index.ts')],
      },
    },
    files: ['plugin.ts'],
  });
  site.write('package.json', { type: 'module' });
  try {
    execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', '.'], { cwd: site.folder, encoding: 'utf8' });
    return '';
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

describe('types of the apps', function () {
  this.timeout(120_000);

  it('are valid for every type of field and whatever people call things, and know options', async () => {
    await using site = await makeSite();
    for (const [index, type] of FIELD_TYPES.entries())
      site.podio.addField(102, { externalId: `f${index}-${type}`, type });
    site.podio.addField(102, {
      externalId: 'it\'s "odd" */',
      type: 'category',
      label: 'ends */ here\nand goes on',
      settings: { options: ['say "hi"', 'back\\slash', 'new\nline'] },
    });
    site.podio.addField(102, { externalId: 'sum', type: 'calculation', settings: { return_type: 'number' } });
    const { code } = await site.podiod(['pull', '--types', 'apps.ts']);
    expect(code).to.equal(0);
    const text = readFileSync(join(site.folder, 'apps.ts'), 'utf8');
    expect(text)
      .to.include('export interface Leads {')
      .and.include('  deals: Deals;')
      .and.not.include('leads-token');

    symlinkSync(join(ROOT, 'node_modules'), join(site.folder, 'node_modules'));
    site.write(
      'plugin.ts',
      `import { concatMap } from 'rxjs';
import { definePlugin, itemOf, valuesOf, z } from 'podiod/plugin';
import type { Apps, Leads } from './apps.ts';

export default definePlugin({
  name: 'typed',
  options: z.object({}),
  setup: () => ({
    operator: messages$ =>
      messages$.pipe(
        concatMap(async message => {
          const lead = itemOf<Leads>(await message.item());
          const title: string = lead.title;
          const [status] = valuesOf(lead, 'status');
          if (status?.value.text === 'Won') {
            const id: number = status.value.id;
            return message.with({ title, id });
          }
          // The same on item.fields itself.
          const field = lead.fields.find(one => one.external_id === 'value');
          const currency: 'EUR' | 'USD' | undefined = field?.values[0]?.currency;
          return message.with({ currency });
        }),
      ),
  }),
});
export type Deal = Apps['deals'];
`,
    );
    expect(compile(site)).to.equal('');

    const plugin = readFileSync(join(site.folder, 'plugin.ts'), 'utf8');
    site.write(
      'plugin.ts',
      plugin.replace("'Won'", "'Wno'").replace("valuesOf(lead, 'status')", "valuesOf(lead, 'staus')"),
    );
    expect(compile(site)).to.include(`'"staus"' is not assignable`);
    site.write('plugin.ts', plugin.replace("'Won'", "'Wno'"));
    expect(compile(site)).to.match(/TS2367.*no overlap/);
  });
});
