// Commands in this process, by the same function that the executable calls, with streams that a test can look at.
import { PassThrough } from 'node:stream';
import type { Io } from '../../src/cli/io.ts';
import { run } from '../../src/cli/main.ts';
import { until } from './wait.ts';

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What is typed or piped in. */
  readonly input?: string;
  /** stdin, stdout and stderr are a terminal of so many columns. */
  readonly terminal?: number;
}

/** Ended with the test: `await using demo = startCommand(...)`. */
export interface RunningCommand extends AsyncDisposable {
  /** Resolves with the exit code when the command has ended. */
  readonly ended: Promise<number>;
  stdout(): string;
  stderr(): string;
  /** Waits until stdout matches. */
  shows(pattern: RegExp): Promise<RegExpExecArray>;
  /** What a signal does. */
  stop(): void;
}

export interface CommandEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function startCommand(
  argv: readonly string[],
  { cwd = import.meta.dirname, env = {}, input, terminal }: CliOptions = {},
): RunningCommand {
  const stream = () => Object.assign(new PassThrough(), terminal ? { isTTY: true, columns: terminal } : {});
  const [stdin, stdout, stderr] = [stream(), stream(), stream()];
  const seen = { stdout: '', stderr: '' };
  stdout.on('data', chunk => {
    seen.stdout += chunk;
  });
  stderr.on('data', chunk => {
    seen.stderr += chunk;
  });
  if (input !== undefined) stdin.end(input);
  let stop = (): void => {};
  const io: Io = {
    stdin,
    stdout,
    stderr,
    env: { ...env },
    cwd,
    onStop(ask) {
      stop = () => ask('SIGINT');
    },
    onReload() {},
    onUncaught() {},
    onForeignExit() {},
  };
  let hasEnded = false;
  // What was written last is read in a later turn.
  const ended = run(argv, io).finally(() => new Promise(setImmediate));
  const end = () => {
    hasEnded = true;
  };
  ended.then(end, end);
  return {
    ended,
    stdout: () => seen.stdout,
    stderr: () => seen.stderr,
    async shows(pattern) {
      const found = await until(() => pattern.exec(seen.stdout) ?? hasEnded, `${pattern} on stdout`);
      if (found !== true) return found;
      throw new Error(`it ended without showing ${pattern}:\n${seen.stdout}${seen.stderr}`);
    },
    stop: () => stop(),
    async [Symbol.asyncDispose]() {
      stop();
      await ended;
    },
  };
}

/** Runs a command that ends by itself. */
export async function podiodHere(argv: readonly string[], options: CliOptions = {}): Promise<CommandEnd> {
  const command = startCommand(argv, { input: '', ...options });
  const code = await command.ended;
  return { code, stdout: command.stdout(), stderr: command.stderr() };
}
