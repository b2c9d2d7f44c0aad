import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { confirmed } from '../../../src/cli/confirm.ts';
import { makeCli } from '../../../src/cli/io.ts';

/** What is made of an answer, and what was asked. */
async function answered(text: string) {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const asks = {
    onStop: () => undefined,
    onReload: () => undefined,
    onUncaught: () => undefined,
    onForeignExit: () => undefined,
  };
  const cli = makeCli({ stdin, stdout, stderr, env: {}, cwd: '/', ...asks });
  stdin.end(text);
  const isYes = await confirmed(cli, 'Carry this out?');
  return { isYes, asked: String(stdout.read()) };
}

describe('cli: a question before something is done', () => {
  for (const [text, expected] of [
    ['yes\n', true],
    [' Yes \r\n', true],
    ['y\n', false],
    ['yess\n', false],
    ['no\n', false],
    ['\n', false],
    ['', false],
  ] as const) {
    it(`takes ${JSON.stringify(text)} for a ${expected ? 'yes' : 'no'}, as it says`, async () => {
      const { isYes, asked } = await answered(text);
      expect(asked).to.contain('Only "yes" is taken for one');
      expect(isYes).to.equal(expected);
    });
  }
});
