import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadConfig } from '../../src/config/load.ts';
import { makePluginLoader } from '../../src/plugin/load.ts';
import { temporaryFolder } from '../support/folder.ts';

const page = readFileSync(new URL('../../docs/conditions.md', import.meta.url), 'utf8');

describe('docs/conditions.md', () => {
  it('has a config that is right', async () => {
    using folder = temporaryFolder();
    const texts = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text = '']) => text);
    expect(texts).not.to.be.empty;
    for (const text of texts) {
      const loader = makePluginLoader({ configDir: folder.path });
      const { diagnostics, config } = await loadConfig({
        cwd: folder.path,
        file: join(folder.path, 'podiorc.yml'),
        text,
        env: { PODIO_SECRET: 's', DEALS_TOKEN: 't', SLACK_URL: 'https://hooks.slack.example/x' },
        loadPlugin: loader.inspect,
        builtIns: loader.builtIns,
      });
      expect(diagnostics).to.deep.equal([]);
      const [rule] = config?.rules ?? [];
      expect(rule?.where).to.be.an('object');
      expect(rule?.steps.map(({ when }) => when !== undefined)).to.deep.equal([false, true]);
    }
  });
});
