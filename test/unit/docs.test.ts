import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { isPatient } from '../../src/alarms/find.ts';
import { DIAGNOSTIC_CODES } from '../../src/config/codes.ts';
import { ALARM_NAMES } from '../../src/core/alarm.ts';
import { ERROR_CODES } from '../../src/core/errors.ts';

const ROOT_URL = new URL('../../', import.meta.url);
const ROOT = fileURLToPath(ROOT_URL);
const read = (file: string) => readFileSync(new URL(file, ROOT_URL), 'utf8');
const packageJson = JSON.parse(read('package.json')) as Record<
  'dependencies' | 'devDependencies' | 'allowScripts',
  Record<string, string>
>;

describe('documents', () => {
  it('docs/errors.md has every code, and no other', () => {
    const documented = [...read('docs/errors.md').matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code);
    expect(documented).to.have.members([...Object.keys(ERROR_CODES), ...Object.keys(DIAGNOSTIC_CODES)]);
  });

  it('docs/alarms.md has every alarm, in the order of the code, and says which have to last', () => {
    const text = read('docs/alarms.md');
    const [table = ''] = text.split('## The alarms')[1]?.split('\n## ') ?? [];
    expect([...table.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name)).to.deep.equal(ALARM_NAMES);
    const [, patient = ''] = /^((?:`[a-z-]+`(?:, | and ))+`[a-z-]+`) may mend/m.exec(table) ?? [];
    expect([...patient.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name)).to.deep.equal(
      ALARM_NAMES.filter(isPatient),
    );
  });

  it('docs/operations.md has all that systemd is told, and nothing else', () => {
    const rows = [...read('docs/operations.md').matchAll(/^\| ((?:`[A-Z_]+=1?`(?: with )?)+) \|/gm)];
    const documented = rows.flatMap(([, cell = '']) =>
      [...cell.matchAll(/`([A-Z_]+)=/g)].map(([, key]) => key),
    );
    const told = [...read('src/service/manager.ts').matchAll(/\.tell\(\{([^}]*)\}/g)].flatMap(
      ([, body = '']) => [...body.matchAll(/\b([A-Z_]{5,})(?=:)/g)].map(([, key]) => key),
    );
    expect(documented).to.have.members([...new Set(told)]);
  });

  it('docs/dependencies.md gives a reason for every dependency, and for no other', () => {
    const cells = [...read('docs/dependencies.md').matchAll(/^\| (`.*?) \|/gm)].map(([, cell = '']) => cell);
    const named = cells.flatMap(cell => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name));
    const wanted = [...Object.keys(packageJson.dependencies), ...Object.keys(packageJson.devDependencies)];
    expect(named.filter(name => name !== '@types/*')).to.have.members(
      wanted.filter(name => !name.startsWith('@types/')),
    );
  });

  it('SECURITY.md names tests that there are', () => {
    const named = [...read('SECURITY.md').matchAll(/`((?:test|scripts)\/[^`]+)`/g)].map(
      ([, path = '']) => path,
    );
    expect(named).to.have.length.above(8);
    for (const path of named) expect(existsSync(new URL(path, ROOT_URL)), path).to.equal(true);
  });

  it('no dependency has an install script but those that package.json allows', () => {
    const { packages } = JSON.parse(read('package-lock.json')) as {
      packages: Record<string, { hasInstallScript?: boolean }>;
    };
    const scripted = Object.entries(packages).flatMap(([path, { hasInstallScript }]) =>
      hasInstallScript ? path.replace(/^.*node_modules\//, '') : [],
    );
    expect(scripted).to.have.members(Object.keys(packageJson.allowScripts));
  });

  it('every link between documents leads to a file', () => {
    for (const file of globSync(['*.md', '{docs,bench,config,plugins,src,test}/**/*.md'], { cwd: ROOT })) {
      for (const [, target = ''] of read(file).matchAll(/\]\(((?!https?:|#)[^)#]+)/g)) {
        expect(existsSync(new URL(target, new URL(file, ROOT_URL))), `${target} in ${file}`).to.equal(true);
      }
    }
  });

  it('the README leads to every page of docs/', () => {
    const pages = globSync('docs/*.md', { cwd: ROOT });
    expect(pages).to.have.length.above(15);
    const text = read('README.md');
    expect(pages.filter(page => !text.includes(`](${page})`))).to.deep.equal([]);
  });

  it('ARCHITECTURE.md has a line for every module, and names no file that is not there', () => {
    const rows = [...read('ARCHITECTURE.md').matchAll(/^\| `(src\/\w+\/)` \| (.*) \|$/gm)];
    const folders = readdirSync(new URL('src/', ROOT_URL), { withFileTypes: true });
    const modules = folders.filter(entry => entry.isDirectory()).map(({ name }) => `src/${name}/`);
    expect(rows.map(([, folder]) => folder)).to.have.members(modules);
    const named = rows.flatMap(([, folder = '', text = '']) =>
      [...text.matchAll(/`([\w/-]+(?:\.ts|\/))`/g)].map(([, file = '']) => folder + file),
    );
    expect(named).to.have.length.above(60);
    expect(named.filter(file => !existsSync(new URL(file, ROOT_URL)))).to.deep.equal([]);
  });
});
