import type { Readable, Writable } from 'node:stream';
import { styleText } from 'node:util';
import type { LogLevel } from '../core/log.ts';

export type LogFormat = 'json' | 'text';

type Format = Parameters<typeof styleText>[0];

/** The world as a command sees it: a test can pass another one. */
export interface Io {
  readonly stdin: Readable & { isTTY?: boolean };
  readonly stdout: Writable & { isTTY?: boolean; columns?: number };
  readonly stderr: Writable & { isTTY?: boolean };
  /** `--env-file` adds to it. */
  readonly env: Record<string, string | undefined>;
  readonly cwd: string;
  /** Told once, when the command is asked to come to its end. A second time nobody is asked. */
  onStop(stop: (signal: NodeJS.Signals) => void): void;
  /** Told whenever the command is asked to read its config again. */
  onReload(reload: () => void): void;
  /** Told of errors that nobody caught. True: whose they were is known, and they are dealt with. */
  onUncaught(deal: (thrown: unknown) => boolean): void;
  /** Told, with its exit code, when something else than podiod ends the process: a plugin may. The code is 1 then. */
  onForeignExit(tell: (code: number) => void): void;
}

/** What every command gets: where results go, and how they may look there. */
export interface Cli {
  readonly io: Io;
  /** Results go to stdout, one call a line. */
  print(line?: string): void;
  /** The one JSON document of `--json`. */
  printJson(value: unknown): void;
  /** What a person wants to know and a program does not: progress, warnings. Goes to stderr. */
  note(line: string): void;
  /** True when a person is looking at stdout. */
  readonly terminal: boolean;
  readonly colors: boolean;
  /** The same for stderr. */
  readonly noteColors: boolean;
  /** Columns of the terminal; without one nothing is cut or wrapped: a file or a mail has room. */
  readonly width: number;
  style(format: Format, text: string): string;
}

export function makeCli(io: Io): Cli {
  const terminal = Boolean(io.stdout.isTTY);
  const colors = mayColor(io.stdout, io.env);
  return {
    io,
    terminal,
    colors,
    noteColors: mayColor(io.stderr, io.env),
    width: terminal ? io.stdout.columns || 100 : Infinity,
    print: (line = '') => void io.stdout.write(`${line}\n`),
    printJson: value => void io.stdout.write(`${JSON.stringify(value, null, 2)}\n`),
    note: line => void io.stderr.write(`${line}\n`),
    style: (format, text) => (colors ? styleText(format, text, { validateStream: false }) : text),
  };
}

/** NO_COLOR and FORCE_COLOR are what other commands listen to as well. */
function mayColor({ isTTY = false }: { isTTY?: boolean }, env: Io['env']): boolean {
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== '0';
  return isTTY && !env.NO_COLOR && env.TERM !== 'dumb';
}

/** Options that every command has. */
export interface CommonOptions {
  readonly envFile?: string;
  readonly config?: string;
  readonly logLevel?: LogLevel;
  /** Of `run`. */
  readonly logFormat?: LogFormat;
  readonly json?: boolean;
}
