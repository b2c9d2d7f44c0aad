import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadConfig } from '../../src/config/load.ts';
import { makePluginLoader } from '../../src/plugin/load.ts';
import { temporaryFolder } from '../support/folder.ts';

const page = readFileSync(new URL('../../docs/modes.md', import.meta.url), 'utf8');

const AROUND = `
server: { publicUrl: https://hooks.example.com/podio }
podio: { clientId: podiod, clientSecret: secret-of-podio }
apps: { leads: { id: 101, token: t1 } }
plugins:
  audit: { use: file-logger, path: ./events.ndjson }
  sales-slack: { use: slack-notifier, webhookUrl: https://hooks.slack.example/x }
`;

describe('docs/modes.md', () => {
  it('has a config that is right', async () => {
    using folder = temporaryFolder();
    const [, text = ''] = /^```yaml\n(.*?)^```$/ms.exec(page) ?? [];
    const loader = makePluginLoader({ configDir: folder.path });
    const { diagnostics, config } = await loadConfig({
      cwd: folder.path,
      file: join(folder.path, 'podiorc.yml'),
      text: AROUND + text,
      env: {},
      loadPlugin: loader.inspect,
      builtIns: loader.builtIns,
    });
    expect(diagnostics).to.deep.equal([]);
    expect(config?.rules.map(({ mode }) => mode)).to.deep.equal([
      { kind: 'settle', quietMs: 120_000, atMostMs: 3_600_000 },
      { kind: 'batch', max: 100, closes: { kind: 'at', minutes: [540, 960] } },
      { kind: 'latest' },
      { kind: 'throttle', max: 10, perMs: 60_000 },
      { kind: 'batch', max: 500, closes: { kind: 'run' } },
    ]);
  });
});
