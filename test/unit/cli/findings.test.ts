import { expect } from 'chai';
import { fail, makeScreen, ok, warn } from '../../../src/cli/doctor/findings.ts';
import type { Cli } from '../../../src/cli/io.ts';

function shown(all: boolean): readonly string[] {
  const lines: string[] = [];
  const cli = { print: (line: string) => lines.push(line), style: (_: unknown, text: string) => text };
  const screen = makeScreen(cli as unknown as Cli, all);
  screen.show(ok('config', 'it is right'));
  for (let n = 1; n <= 200; n++) {
    screen.show(
      n % 10 === 0
        ? fail(`events, client-${n}`, 'can not be looked at', null)
        : ok(`events, client-${n}`, 'it has come'),
    );
  }
  screen.show(warn('clock', 'it is late', null));
  screen.end();
  return lines;
}

describe('what the doctor shows', () => {
  it('is some of many findings of a kind, by verdict, and how many more there are', () => {
    const lines = shown(false);
    expect(lines).to.have.length(1 + 10 + 10 + 2 + 1);
    expect(lines.filter(line => line.startsWith('fail  events, '))).to.have.length(10);
    expect(lines.slice(-3)).to.deep.equal([
      'ok    events: 170 more of them (podiod doctor --all shows each)',
      'fail  events: 10 more of them (podiod doctor --all shows each)',
      'warn  clock: it is late',
    ]);
  });

  it('is each of them when that is asked for', () => {
    expect(shown(true)).to.have.length(202);
  });
});
