import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { DIAGNOSTIC_CODES } from '../../src/config/codes.ts';
import { ERROR_CODES } from '../../src/core/errors.ts';

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const packageJson = JSON.parse(read('package.json')) as Record<
  'dependencies' | 'devDependencies',
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

  it('every link between documents leads to a file', () => {
    for (const file of [
      'README.md',
      'CONTRIBUTING.md',
      'ARCHITECTURE.md',
      'docs/plugins.md',
      'docs/config.md',
      'docs/templates.md',
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
