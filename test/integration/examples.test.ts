// Every example under config/examples is a whole config that podiod takes as it is, and its own tests are green.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { catalogText } from '../../src/config/catalog-file.ts';
import { AGENCY } from '../support/agency.ts';
import { podiod } from '../support/command.ts';

const ROOT = join(import.meta.dirname, '../..');
const EXAMPLES = join(ROOT, 'config/examples');

/** What an agency needs, and the measure of the language that rules are written in. */
const NAMES = [
  'comment-to-ticket',
  'digest',
  'erp-sync',
  'file-to-mail',
  'legacy-php',
  'margin-drift',
  'mirror',
  'onboarding',
  'paired',
  'sla-breach',
  'won-deal',
];

interface Written {
  readonly apps: Readonly<Record<string, { readonly id: number }>>;
  readonly rules: Readonly<Record<string, { readonly tests?: readonly { readonly name: string }[] }>>;
}

const read = (file: string) => readFileSync(join(EXAMPLES, file), 'utf8');

describe('examples', () => {
  it('are all there, each with its catalog', () => {
    const files = NAMES.flatMap(name => [`${name}.catalog.json`, `${name}.yml`]);
    expect(readdirSync(EXAMPLES).sort()).to.deep.equal([...files, 'README.md'].sort());
  });

  for (const name of NAMES) {
    describe(name, function () {
      this.timeout(30_000);
      const written = parse(read(`${name}.yml`)) as Written;

      it('has a catalog of its apps as podiod pull writes it', () => {
        const apps = Object.keys(written.apps).map(app => [app, AGENCY.apps.get(app)] as const);
        for (const [app, known] of apps) expect(known?.id, app).to.equal(written.apps[app]?.id);
        const text = catalogText({
          apps: new Map(apps.flatMap(([app, known]) => (known ? [[app, known]] : []))),
        });
        const path = join(EXAMPLES, `${name}.catalog.json`);
        if (process.env.UPDATE_GOLDEN) writeFileSync(path, text);
        expect(readFileSync(path, 'utf8')).to.equal(text);
      });

      it('is taken as it is, with nothing to remark', async () => {
        const { code, stdout, stderr } = await podiod([
          'check',
          '--without-secrets',
          '--json',
          '--config',
          join(EXAMPLES, `${name}.yml`),
        ]);
        expect(JSON.parse(stdout), stderr).to.deep.equal({ ok: true, problems: [] });
        expect(code).to.equal(0);
      });

      it('has a rule of that name with tests, and they are green', async () => {
        const tests = written.rules[name]?.tests ?? [];
        expect(tests.length).to.be.at.least(2);
        const { code, stdout } = await podiod(['test', '--config', join(EXAMPLES, `${name}.yml`)]);
        const lines = stdout.split('\n');
        expect(
          lines.filter(line => line.startsWith('✓')),
          stdout,
        ).to.deep.equal(tests.map(test => `✓ ${name}: ${test.name}`));
        expect(code).to.equal(0);
      });
    });
  }

  it('are told of in a list, each by what its file says first', () => {
    const list = read('README.md');
    for (const name of NAMES) {
      const [first = ''] = read(`${name}.yml`).split('\n');
      expect(list).to.contain(`| [${name}.yml](${name}.yml) | ${first.replace('# ', '')}`);
    }
  });

  it('are part of the package', () => {
    const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { files: string[] };
    expect(files).to.include('config');
  });
});
