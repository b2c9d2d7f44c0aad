import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { DEFAULT_LIMITS, DEFAULT_SWITCHES, NO_FAULTS } from '../../../src/testing.ts';

describe('emulator: README', () => {
  const text = readFileSync(new URL('../../../src/emulator/README.md', import.meta.url), 'utf8');
  const firstCells = text
    .split('\n')
    .filter(line => line.startsWith('| `'))
    .flatMap(line => [...(line.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(match => match[1]));

  it('has every switch, limit and fault', () => {
    const documented = text.match(/`\w+`/g)?.map(word => word.slice(1, -1));
    expect(documented).to.include.members(
      Object.keys({ ...DEFAULT_SWITCHES, ...DEFAULT_LIMITS, ...NO_FAULTS }),
    );
  });

  it('has none that is not there', () => {
    expect(Object.keys({ ...DEFAULT_SWITCHES, ...DEFAULT_LIMITS, ...NO_FAULTS })).to.include.members(
      firstCells,
    );
  });
});
