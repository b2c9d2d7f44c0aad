/** One record as one line. */
import { styleText } from 'node:util';
import type { LogLevel } from '../core/log.ts';

/** Described already: plain data without secrets. */
export interface Entry {
  readonly time: Date;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export function jsonLine({ time, level, message, fields }: Entry): string {
  return JSON.stringify({ time: time.toISOString(), level, message, ...withoutReserved(fields) });
}

/** What a line always has can't be covered by a field: such a field gets a name of its own. */
function withoutReserved(fields: Entry['fields']): Entry['fields'] {
  if (!RESERVED.some(name => name in fields)) return fields;
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [RESERVED.includes(name) ? `${name}_` : name, value]),
  );
}

const RESERVED = ['time', 'level', 'message'];

/** Of syslog(3). */
const PRIORITIES: Readonly<Record<LogLevel, number>> = { error: 3, warn: 4, info: 6, debug: 7 };

export const prioritized = (level: LogLevel, line: string): string => `<${PRIORITIES[level]}>${line}`;

const COLOURS = { error: 'red', warn: 'yellow', info: 'green', debug: 'gray' } as const;

/** `12:34:56.789 info  ingress: request refused status=413 ref=app/101` */
export function textLine({ time, level, message, fields }: Entry, colours: boolean): string {
  const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
    colours ? styleText(style, text, { validateStream: false }) : text;
  const { module, ...rest } = fields;
  const words = [
    paint('gray', time.toISOString().slice(11, 23)),
    paint(COLOURS[level], level.padEnd(5)),
    printable(`${typeof module === 'string' ? `${module}: ` : ''}${message}`),
  ];
  for (const [key, value] of Object.entries(rest)) {
    if (value !== undefined) words.push(`${paint('gray', `${printable(key)}=`)}${textOf(value)}`);
  }
  return words.join(' ');
}

function textOf(value: unknown): string {
  if (isDescribedError(value)) return quoted(sentenceOf(value));
  return typeof value === 'string' ? quoted(value) : printable(JSON.stringify(value) ?? '');
}

interface DescribedError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly hint?: string;
  readonly stack?: string;
  readonly cause?: unknown;
}

const isDescribedError = (value: unknown): value is DescribedError =>
  typeof value === 'object' && value !== null && 'name' in value && 'message' in value;

/** `message (CODE): cause: ... Hint.` */
function sentenceOf(error: DescribedError): string {
  const code = error.code ? ` (${error.code})` : '';
  const cause = isDescribedError(error.cause) ? `: ${sentenceOf(error.cause)}` : '';
  const hint = error.hint ? `. ${error.hint}` : '';
  return `${error.stack ?? error.message}${code}${cause}${hint}`;
}

const quoted = (text: string): string =>
  /^[\w.:/@+*-]+$/.test(text) ? text : printable(JSON.stringify(text));

/** What would move the cursor or change the colours of a terminal, or begin a line of its own. */
const CONTROL = /\p{Cc}|\u2028|\u2029/gu;
const printable = (text: string): string =>
  text.replace(CONTROL, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
