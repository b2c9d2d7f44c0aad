import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { type Io, makeCli } from '../../../src/cli/io.ts';

const cliWith = (out: { isTTY?: boolean; columns?: number }, err: { isTTY?: boolean }, env: Io['env'] = {}) =>
  makeCli({
    stdin: new PassThrough(),
    stdout: Object.assign(new PassThrough(), out),
    stderr: Object.assign(new PassThrough(), err),
    env,
    cwd: '/',
    onStop() {},
    onReload() {},
    onUncaught() {},
    onForeignExit() {},
  });

const TERMINAL = { isTTY: true, columns: 72 };

describe('what a command writes to', () => {
  it('is coloured on a terminal only, each stream by itself', () => {
    expect(cliWith(TERMINAL, {})).to.include({ terminal: true, colors: true, noteColors: false, width: 72 });
    expect(cliWith({}, TERMINAL)).to.include({
      terminal: false,
      colors: false,
      noteColors: true,
      width: Infinity,
    });
    expect(cliWith(TERMINAL, {}).style('red', 'x')).to.equal('\u001b[31mx\u001b[39m');
    expect(cliWith({}, {}).style('red', 'x')).to.equal('x');
  });

  it('listens to NO_COLOR, FORCE_COLOR and a dumb terminal', () => {
    expect(cliWith(TERMINAL, TERMINAL, { NO_COLOR: '1' })).to.include({ colors: false, noteColors: false });
    expect(cliWith(TERMINAL, {}, { NO_COLOR: '' }).colors).to.equal(true);
    expect(cliWith(TERMINAL, {}, { TERM: 'dumb' }).colors).to.equal(false);
    expect(cliWith({}, {}, { FORCE_COLOR: '1' }).colors).to.equal(true);
    expect(cliWith(TERMINAL, {}, { FORCE_COLOR: '0' }).colors).to.equal(false);
  });

  it('takes a terminal that does not know its width for one of 100 columns', () => {
    expect(cliWith({ isTTY: true, columns: 0 }, {}).width).to.equal(100);
  });
});
