import type { Readable, Writable } from 'node:stream';
import { stripVTControlCharacters, styleText } from 'node:util';
import type { LogLevel } from '../core/log.ts';

type Format = Parameters<typeof styleText>[0];

/** The world as a command sees it: a test can pass another one. */
export interface Io {
  readonly stdin: Readable & { isTTY?: boolean };
  readonly stdout: Writable & { isTTY?: boolean; columns?: number };
  readonly stderr: Writable & { isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
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
  /** Columns of the terminal; 100 where there is none. */
  readonly width: number;
  style(format: Format, text: string): string;
}

export function makeCli(io: Io): Cli {
  const terminal = Boolean(io.stdout.isTTY);
  // NO_COLOR and FORCE_COLOR are what other commands listen to as well.
  const colors = io.env.FORCE_COLOR
    ? io.env.FORCE_COLOR !== '0'
    : terminal && !io.env.NO_COLOR && io.env.TERM !== 'dumb';
  return {
    io,
    terminal,
    colors,
    width: io.stdout.columns ?? 100,
    print: (line = '') => void io.stdout.write(`${line}\n`),
    printJson: value => void io.stdout.write(`${JSON.stringify(value, null, 2)}\n`),
    note: line => void io.stderr.write(`${line}\n`),
    style: (format, text) => (colors ? styleText(format, text, { validateStream: false }) : text),
  };
}

/** Options that every command has. */
export interface CommonOptions {
  readonly config?: string;
  readonly logLevel?: LogLevel;
  readonly json?: boolean;
}

/** Text of others (item titles, error messages) on a terminal: one line, no control characters. */
export function plain(text: string): string {
  return stripVTControlCharacters(text).replace(/\p{Cc}+/gu, ' ');
}

/** Cuts at `width` columns, with an ellipsis where something is left out. */
export function clip(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, Math.max(width - 1, 0)).join('')}…`;
}
