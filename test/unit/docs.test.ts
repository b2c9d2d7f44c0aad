import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { DIAGNOSTIC_CODES } from '../../src/config/codes.ts';
import { ERROR_CODES } from '../../src/core/errors.ts';

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const packageJson = JSON.parse(read('package.json')) as Record<
  'dependencies' | 'devDependencies' | 'allowScripts',
  Record<string, string>
>;

describe('documents', () => {
  it('docs/errors.md has every code, and no other', () => {
    const documented = [...read('docs/errors.md').matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code);
    expect(documented).to.have.members([...Object.keys(ERROR_CODES), ...Object.keys(DIAGNOSTIC_CODES)]);
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
    for (const path of named)
      expect(existsSync(new URL(`../../${path}`, import.meta.url)), path).to.equal(true);
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
    for (const file of [
      'README.md',
      'SECURITY.md',
      'docs/operations.md',
      'docs/alarms.md',
      'CONTRIBUTING.md',
      'ARCHITECTURE.md',
      'docs/plugins.md',
      'docs/config.md',
      'docs/templates.md',
      'docs/conditions.md',
      'docs/why.md',
      'docs/triggers.md',
      'docs/testing.md',
      'docs/backtest.md',
    ]) {
      for (const [, target = ''] of read(file).matchAll(/\]\(((?!https?:|#)[^)#]+)/g)) {
        expect(
          () => readFileSync(new URL(target, new URL(`../../${file}`, import.meta.url))),
          `${target} in ${file}`,
        ).to.not.throw();
      }
    }
  });
});
