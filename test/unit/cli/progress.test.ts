import { expect } from 'chai';
import { statusLine } from '../../../src/cli/progress.ts';

const CLEAR = '\r\u001b[K';

function terminal(isTTY: boolean) {
  const written: string[] = [];
  return { written, stream: { isTTY, columns: 10, write: (text: string) => written.push(text) } };
}

describe('a line that is written again and again', () => {
  it('keeps to one line, and leaves no trace, also of news that comes late', () => {
    const { written, stream } = terminal(true);
    const line = statusLine(stream);
    line.show('one');
    line.show('longer than the terminal');
    line[Symbol.dispose]();
    line.show('late');
    line[Symbol.dispose]();
    expect(written).to.deep.equal([`${CLEAR}one`, `${CLEAR}longer t…`, CLEAR]);
  });

  it('is not written where nobody looks', () => {
    const { written, stream } = terminal(false);
    using line = statusLine(stream);
    line.show('one');
    expect(written).to.deep.equal([]);
  });
});
