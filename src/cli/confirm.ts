import { createInterface } from 'node:readline/promises';
import type { Cli } from './io.ts';

/** Why a person who has to be asked is not. */
export const unasked = ({ json }: { readonly json?: boolean }): string =>
  json ? '--json is for programs' : 'there is no terminal to ask on';

/** Whatever is not a yes is a no, also the end of the input and Ctrl-C. */
export async function confirmed({ io }: Cli, question: string): Promise<boolean> {
  const lines = createInterface({ input: io.stdin, output: io.stdout });
  // In a later turn: an answer may come together with the end.
  const left = new Promise<string>(leave => lines.once('close', () => setImmediate(leave, '')));
  try {
    const answer = lines.question(`\n${question} Only "yes" is taken for one: `).catch(() => '');
    return /^yes$/i.test((await Promise.race([answer, left])).trim());
  } finally {
    lines.close();
  }
}
