import { createInterface } from 'node:readline/promises';
import type { Cli } from './io.ts';

/** Whatever is not a yes is a no, also the end of the input and Ctrl-C. */
export async function confirmed({ io }: Cli, question: string): Promise<boolean> {
  const lines = createInterface({ input: io.stdin, output: io.stdout });
  // In a later turn: an answer may come together with the end.
  const left = new Promise<string>(leave => lines.once('close', () => setImmediate(leave, '')));
  try {
    const answer = lines.question(`\n${question} Only "yes" is taken for one: `).catch(() => '');
    return /^y(es)?$/i.test((await Promise.race([answer, left])).trim());
  } finally {
    lines.close();
  }
}
