// The rows of docs/migrate.md: whatever stands for podiod there is taken by podiod as it is.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { readConfig } from '../../src/daemon/config.ts';

const ROOT = join(import.meta.dirname, '../..');
const text = readFileSync(join(ROOT, 'docs/migrate.md'), 'utf8');

/** Each piece of YAML of each row's right side, with the row's left side. */
const rows = [...text.matchAll(/^\| ([^|]+?) +\| (.+?) +\|$/gm)].flatMap(([, there = '', here = '']) =>
  [...here.replaceAll('\\|', '|').matchAll(/`((?:on|where|mode|when|- [a-z-]+): \{.*?\})`/g)].map(
    ([, piece = '']): readonly [string, string] => [there, piece],
  ),
);

const problemsOf = async (rule: object) => {
  const config = {
    server: { publicUrl: 'https://hooks.example.com/podio' },
    podio: { clientId: 'podiod', clientSecret: 'secret' },
    dataDir: './data',
    logins: { bot: { username: 'bot@example.com', password: 'x' } },
    apps: { leads: { id: 101, token: 'a' }, deals: { id: 102, token: 'b' } },
    spaces: { sales: { id: 7, login: 'bot' } },
    plugins: { audit: { use: 'file-logger', path: './events.ndjson' } },
    rules: { r: rule },
  };
  const checked = await readConfig({ text: JSON.stringify(config), cwd: ROOT, env: {} });
  return checked.diagnostics.filter(({ severity }) => severity === 'error').map(({ message }) => message);
};

describe('docs/migrate.md', () => {
  it('has a row for each block', () => {
    expect(rows.length).to.be.greaterThan(30);
  });

  for (const [there, piece] of rows) {
    it(`says ${piece.slice(0, 60)} for ${there}`, async () => {
      const written = parse(piece) as object;
      const rule = { on: { app: 'leads', events: 'item.update' }, steps: ['audit'] };
      // What one row finds the other splits.
      if (Array.isArray(written))
        Object.assign(rule, { steps: [{ 'podio-find': { app: 'deals' } }, ...written] });
      else if ('when' in written) Object.assign(rule, { steps: [{ audit: {}, ...written }] });
      else Object.assign(rule, written);
      expect(await problemsOf(rule)).to.deep.equal([]);
    });
  }

  it('begins with the config that is among the examples', () => {
    const [, shown = ''] = /^```yaml\n# legacy-php\.yml\n([\s\S]*?)^```$/m.exec(text) ?? [];
    interface Shown {
      readonly server: object;
      readonly podio: object;
      readonly rules: { readonly 'legacy-php': { readonly tests?: unknown } };
    }
    const example = parse(readFileSync(join(ROOT, 'config/examples/legacy-php.yml'), 'utf8')) as Shown;
    const page = parse(shown) as Shown;
    const { tests: _, ...rule } = example.rules['legacy-php'];
    expect(page.rules['legacy-php']).to.deep.equal(rule);
    expect([page.server, page.podio]).to.deep.equal([example.server, example.podio]);
  });
});
