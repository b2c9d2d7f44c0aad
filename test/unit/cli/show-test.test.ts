import { expect } from 'chai';
import type { Cli } from '../../../src/cli/io.ts';
import { showTest } from '../../../src/cli/test/show.ts';

const style = (_: string, text: string): string => text;

function shown(expected: string, actual: string, width?: number): readonly string[] {
  const cli = { terminal: width !== undefined, width, style } as unknown as Cli;
  const test = { name: 't', file: 'a.yml', line: 1, ok: false, ms: 1 };
  const lines = [...showTest(cli, { ...test, differences: [{ path: ['a'], expected, actual }] })];
  return lines.slice(2).map(line => line.trim().replace(/ {2,}/, ' '));
}

describe('a test that has failed', () => {
  it('shows short values as they are', () => {
    expect(shown('"Ada"', '"Bob"', 80)).to.deep.equal(['expected "Ada"', 'actual "Bob"']);
  });

  it('shows of long ones the place where they differ, however narrow the terminal', () => {
    const [before, after] = ['Dear all, '.repeat(100), ' and so on'.repeat(100)];
    for (const width of [undefined, 200, 60]) {
      const [wanted = '', is = ''] = shown(`${before}Ada${after}`, `${before}Bob${after}`, width);
      expect(wanted).to.match(/^expected ….*Dear all, Ada and so on.*…$/);
      expect(is).to.match(/^actual ….*Dear all, Bob and so on.*…$/);
      expect(is.length).to.be.at.most(width ?? 620);
    }
  });
});
