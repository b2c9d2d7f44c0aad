import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadConfig } from '../../src/config/load.ts';
import { makePluginLoader } from '../../src/plugin/load.ts';
import { temporaryFolder } from '../support/folder.ts';

const page = readFileSync(new URL('../../docs/triggers.md', import.meta.url), 'utf8');
const HEAD = `
server: { publicUrl: https://hooks.example.com/podio }
podio: { clientId: podiod, clientSecret: s }
apps: { leads: { id: 101, token: t }, orders: { id: 102, token: t } }
plugins: { audit: { use: file-logger, path: ./events.ndjson } }
`;

describe('docs/triggers.md', () => {
  it('has rules that are right', async () => {
    using folder = temporaryFolder();
    const loader = makePluginLoader({ configDir: folder.path });
    const kinds: string[] = [];
    for (const [, text = ''] of page.matchAll(/^```yaml\n(.*?)^```$/gms)) {
      const { diagnostics, config } = await loadConfig({
        cwd: folder.path,
        file: join(folder.path, 'podiorc.yml'),
        text: HEAD + text,
        env: {},
        loadPlugin: loader.inspect,
        builtIns: loader.builtIns,
      });
      expect(diagnostics.filter(({ severity }) => severity === 'error')).to.deep.equal([]);
      kinds.push(...(config?.rules ?? []).flatMap(({ triggers }) => triggers.map(({ kind }) => kind)));
    }
    expect(kinds).to.deep.equal(['schedule', 'lasted', 'date']);
  });
});
