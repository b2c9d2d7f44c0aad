import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { UsageError } from '../core/errors.ts';
import type { Cli } from './io.ts';

/** Asks on a terminal, or reads what a script pipes in, a line an answer. Questions go to stderr: stdout is for results. */
export interface Prompt extends Disposable {
  /** True where somebody can be asked again. */
  readonly terminal: boolean;
  /** The answer without spaces around it. Rejects where the input ends first, or with Ctrl-C. */
  ask(question: string): Promise<string>;
  /** The same, as it is and not shown while it is typed. */
  askSecret(question: string): Promise<string>;
}

export function openPrompt({ io }: Cli): Prompt {
  const terminal = Boolean(io.stdin.isTTY && io.stderr.isTTY);
  // Only what answers a question that is no secret may be seen; what is pasted ahead may be the next one's answer.
  let isMuted = true;
  const output = new Writable({
    write(chunk, _encoding, done) {
      if (!isMuted && terminal) io.stderr.write(chunk);
      done();
    },
  });
  const reader = createInterface({ input: io.stdin, output, terminal, historySize: 0 });
  // Lines that are piped in come when they like, asked for or not.
  const lines: string[] = [];
  let take: ((line: string | undefined) => void) | undefined;
  let isOver = false;
  reader.on('line', line => {
    isMuted = true;
    const waiting = take;
    take = undefined;
    if (waiting) waiting(line);
    else lines.push(line);
  });
  reader.on('close', () => {
    isOver = true;
    // In a later turn: an answer may come together with the end.
    setImmediate(() => take?.(undefined));
  });
  reader.on('SIGINT', () => reader.close());

  const read = async (question: string, secret: boolean): Promise<string> => {
    if (terminal && !isOver) {
      reader.setPrompt(question);
      isMuted = false;
      reader.prompt();
      isMuted = secret;
    }
    const line =
      lines.shift() ??
      (isOver ? undefined : await new Promise<string | undefined>(resolve => (take = resolve)));
    take = undefined;
    isMuted = true;
    if (terminal && (secret || line === undefined)) io.stderr.write('\n');
    if (line !== undefined) return line;
    throw new UsageError(
      `the input ended before ${JSON.stringify(question.trim().replace(/:$/, ''))} was answered`,
      'podiod help init tells what can be given by options and environment.',
    );
  };
  return {
    terminal,
    ask: async question => (await read(question, false)).trim(),
    askSecret: question => read(question, true),
    [Symbol.dispose]: () => reader.close(),
  };
}
