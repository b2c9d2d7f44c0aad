import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { loadConfig } from '../../../src/config/load.ts';
import { renderDiagnostics } from '../../../src/config/render.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { builtIns, loadPlugin } from './support.ts';

const CASES = fileURLToPath(new URL('../../golden/config/', import.meta.url));
const env = { SECRET_VALUE: 'sesame-open-up-now', PORT: 'eighty', ID: '101', EMPTY: '' };

// One folder a case: input.yml (and what it includes), expected.txt. UPDATE_GOLDEN=1 writes what comes out.
const look = async (cwd: string) => {
  const { config, diagnostics, sources } = await loadConfig({
    file: 'input.yml',
    cwd,
    env,
    builtIns,
    loadPlugin,
  });
  const rendered = `${renderDiagnostics(diagnostics, sources, { cwd }).replaceAll(cwd, '/etc/podiod')}\n`;
  return { config, diagnostics, rendered };
};

describe('config: what people are told', () => {
  for (const name of readdirSync(CASES).sort()) {
    it(name.replaceAll('-', ' '), async () => {
      const cwd = join(CASES, name);
      const { config, diagnostics, rendered } = await look(cwd);
      const expected = join(cwd, 'expected.txt');
      if (process.env.UPDATE_GOLDEN === '1') writeFileSync(expected, rendered);
      expect(rendered).to.equal(readFileSync(expected, 'utf8'));
      expect(config === undefined).to.equal(diagnostics.some(({ severity }) => severity === 'error'));
      expect(rendered).not.to.contain(env.SECRET_VALUE);
    });
  }

  it('is the same where lines end as Windows writes them', async () => {
    for (const name of readdirSync(CASES)) {
      using copy = temporaryFolder();
      cpSync(join(CASES, name), copy.path, { recursive: true });
      for (const file of readdirSync(copy.path, { recursive: true, encoding: 'utf8' })) {
        if (!file.endsWith('.yml')) continue;
        const path = join(copy.path, file);
        writeFileSync(path, readFileSync(path, 'utf8').replaceAll('\n', '\r\n'));
      }
      const { rendered } = await look(copy.path);
      expect(rendered, name).to.equal(readFileSync(join(CASES, name, 'expected.txt'), 'utf8'));
    }
  });
});
