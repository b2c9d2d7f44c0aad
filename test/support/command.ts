import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type Ending, type PodiodOptions, spawnPodiod } from './processes.ts';

export interface CommandResult {
  readonly code: Ending;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built `podiod` once, as a user would, and waits for its end. */
export async function podiod(
  args: readonly string[],
  { input = '', ...options }: PodiodOptions & { readonly input?: string } = {},
): Promise<CommandResult> {
  const child = spawnPodiod(args, ['pipe', 'pipe', 'pipe'], options);
  (child.stdin as Writable).end(input);
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout as Readable),
    text(child.stderr as Readable),
    once(child, 'close'),
  ]);
  return { code: signal ?? code, stdout, stderr };
}
