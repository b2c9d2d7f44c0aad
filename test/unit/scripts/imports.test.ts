import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { temporaryFolder } from '../../support/folder.ts';

const script = fileURLToPath(new URL('../../../scripts/imports.ts', import.meta.url));

/** What the script says of a tree with these files. */
function check(files: Readonly<Record<string, string>>): {
  readonly said: string[];
  readonly status: number | null;
} {
  using folder = temporaryFolder();
  for (const [file, text] of Object.entries(files)) {
    const path = join(folder.path, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  const { status, stderr } = spawnSync(process.execPath, [script], { cwd: folder.path, encoding: 'utf8' });
  return { said: stderr.split('\n').filter(line => line !== ''), status };
}

describe('import rules', () => {
  it('let through what ARCHITECTURE.md allows', () => {
    const { said, status } = check({
      'src/core/event.ts': "import { createHmac } from 'node:crypto';\nexport const id = createHmac;\n",
      'src/store/contract.ts':
        "import type { Log } from '../log/log.ts';\nimport { id } from '../core/event.ts';\n",
      'src/log/log.ts': "import winston from 'winston';\n",
      'src/daemon/daemon.ts':
        "import { a } from '../ingress/ingress.ts';\nimport { b } from '../store/contract.ts';\n",
      'src/ingress/ingress.ts': "import type { L } from '../dispatch/lane.ts';\n",
      'src/dispatch/lane.ts': "import type { I } from '../ingress/ingress.ts';\n",
      'src/cli/main.ts': "const daemon = await import('../daemon/daemon.ts');\n",
      'plugins/one/index.ts': "import { z } from 'podiod/plugin';\nimport { work } from './work.ts';\n",
      'plugins/one/work.ts': "import { readFile } from 'node:fs/promises';\n",
    });
    expect(said).to.deep.equal([]);
    expect(status).to.equal(0);
  });

  it('name the place of whatever goes against them', () => {
    const { said, status } = check({
      'src/core/event.ts': "import { readFileSync } from 'node:fs';\nimport { Subject } from 'rxjs';\n",
      'src/store/contract.ts': "\nimport {\n  makeLog,\n} from '../log/log.ts';\n",
      'src/log/log.ts': "export * from '../daemon/daemon.ts';\n",
      'src/ingress/ingress.ts': "export type A = string;\nimport { lane } from '../dispatch/lane.ts';\n",
      'src/dispatch/lane.ts': "const x = import('../cli/main.ts');\n",
      'src/daemon/daemon.ts': "import { world } from '../emulator/world.ts';\nimport 'podiod/plugin';\n",
      'src/emulator/world.ts': "import { id } from '../core/event.ts';\n",
      'src/cli/main.ts':
        "import { it } from '../../test/support/x.ts';\nimport two from '../../plugins/two/index.ts';\n",
      'src/newcomer/a.ts': "import type { Id } from '../core/event.ts';\n",
      'plugins/one/index.ts': "import { startDaemon } from 'podiod';\nimport { x } from '../two/index.ts';\n",
      'plugins/two/index.ts': "import { x } from '../../src/core/event.ts';\n",
    });
    expect(said.map(line => line.replace(/: .*/, ''))).to.deep.equal([
      'plugins/one/index.ts:1 imports podiod',
      'plugins/one/index.ts:2 imports ../two/index.ts',
      'plugins/two/index.ts:1 imports ../../src/core/event.ts',
      'src/cli/main.ts:1 imports ../../test/support/x.ts',
      'src/cli/main.ts:2 imports ../../plugins/two/index.ts',
      'src/core/event.ts:1 imports node:fs',
      'src/core/event.ts:2 imports rxjs',
      'src/daemon/daemon.ts:1 imports ../emulator/world.ts',
      'src/daemon/daemon.ts:2 imports podiod/plugin',
      'src/dispatch/lane.ts:1 imports ../cli/main.ts',
      'src/emulator/world.ts:1 imports ../core/event.ts',
      'src/ingress/ingress.ts:2 imports ../dispatch/lane.ts',
      'src/log/log.ts:1 imports ../daemon/daemon.ts',
      'src/newcomer/a.ts:1 imports ../core/event.ts',
      'src/store/contract.ts:2 imports ../log/log.ts',
    ]);
    expect(status).to.equal(1);
  });

  it('find a cycle, also through modules that are allowed each other', () => {
    const { said, status } = check({
      'src/core/a.ts': "import { b } from './b.ts';\n",
      'src/core/b.ts': "import { c } from './c.ts';\n",
      'src/core/c.ts': "import { a } from './a.ts';\n",
      'src/core/types.ts': "import type { U } from './users.ts';\n",
      'src/core/users.ts': "import type { T } from './types.ts';\n",
    });
    expect(said).to.deep.equal(['cycle: src/core/a.ts -> src/core/b.ts -> src/core/c.ts -> src/core/a.ts']);
    expect(status).to.equal(1);
  });
});
