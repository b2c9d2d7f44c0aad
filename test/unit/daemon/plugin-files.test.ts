import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { makePluginFiles } from '../../../src/daemon/plugin-files.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { makeRule, makeStep } from '../dispatch/support.ts';

describe('files of plugins', () => {
  it('are told when they change, with what they import from files, round in a circle too', async () => {
    using folder = temporaryFolder();
    const dir = folder.path;
    mkdirSync(join(dir, 'plugins/lib'), { recursive: true });
    const write = (name: string, text: string): string => {
      const path = join(dir, name);
      writeFileSync(path, text);
      return path;
    };
    const use = write(
      'plugins/a.ts',
      "import { definePlugin } from 'podiod/plugin';\nimport {\n  b,\n} from './lib/b.ts';\nexport * from '../gone.ts';",
    );
    write('plugins/lib/b.ts', "import type { A } from '../a.ts';\nconst c = await import('./c.json');");
    write('plugins/lib/c.json', '{}');
    write('plugins/lib/other.ts', '');
    const rules = [
      makeRule('r', { steps: [makeStep('a', { use }), makeStep('tell', { use: 'slack-notifier' })] }),
    ];
    const files = makePluginFiles();
    expect(await files.changed({ rules, dir })).to.deep.equal([]);
    write('plugins/lib/other.ts', '// edited');
    expect(await files.changed({ rules, dir })).to.deep.equal([]);
    write('plugins/lib/c.json', '{ "edited": true }');
    write('plugins/a.ts', '// edited');
    expect(await files.changed({ rules, dir })).to.deep.equal(['plugins/a.ts']);
    write('plugins/a.ts', "// edited again\nimport './lib/b.ts';");
    expect(await files.changed({ rules, dir })).to.deep.equal(['plugins/a.ts', 'plugins/lib/c.json']);
    expect(await files.changed({ rules: [], dir })).to.deep.equal([]);
  });
});
