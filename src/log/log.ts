/** The daemon's log on winston: one line a record, no secret in it. */
import { createRequire } from 'node:module';
import type winston from 'winston';
import type { Logger } from 'winston';
import type { Log, LogFields, LogLevel } from '../core/log.ts';
import { describe } from './describe.ts';
import { jsonLine, prioritized, textLine } from './format.ts';
import { LEVELS, type Levels, makeLevels } from './levels.ts';
import { type Mask, makeMask } from './mask.ts';

/** Where winston wants the line. */
const MESSAGE = Symbol.for('message');

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: 'json' | 'text';
  /** Default: stderr. Colours are used where it is a terminal that has them. */
  readonly stream?: NodeJS.WritableStream;
  /** Values never to be shown, wherever they stand. */
  readonly secrets?: Iterable<string>;
  /** The wall clock, UTC milliseconds. */
  readonly now?: () => number;
  /** Lines begin with syslog's number of their level, `<3>` for an error: journald takes it off and files them by it. */
  readonly priorities?: boolean;
  /** NO_COLOR and TERM are looked at. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface RootLog extends Log {
  /** More values never to be shown. Holds for child logs too, those made before included. */
  addSecrets(secrets: Iterable<string>): void;
  /** Takes secrets out of text that goes elsewhere, e.g. the admin API's answers. */
  readonly mask: Mask;
  /** Which lines are written. */
  readonly levels: Pick<Levels, 'set' | 'status'>;
  /** Asked at every line that is written, what it belongs to: fields that the line itself does not have. */
  correlate(current: () => LogFields | undefined): void;
  /** Resolves when everything is written. Nothing is logged after it. */
  close(): Promise<void>;
}

export function makeLog({
  level,
  format,
  stream = process.stderr,
  secrets,
  priorities = false,
  now = Date.now,
  env = process.env,
}: LogOptions): RootLog {
  const mask = makeMask(secrets);
  const levels = makeLevels(level);
  let current: () => LogFields | undefined = () => undefined;
  const colours = format === 'text' && hasColours(stream, env);
  let logger: Logger | undefined;
  const line = (info: winston.Logform.TransformableInfo): winston.Logform.TransformableInfo => {
    const options = { mask, stacks: Boolean(info.stacks) };
    const entry = {
      time: new Date(now()),
      level: info.level as LogLevel,
      message: String(describe(info.message, options)),
      fields: describe(info.fields, options) as Record<string, unknown>,
    };
    const text = format === 'json' ? jsonLine(entry) : textLine(entry, colours);
    info[MESSAGE] = priorities ? prioritized(entry.level, text) : text;
    return info;
  };
  /** With the first line: to read winston takes a twentieth of a start, in which there is mostly nothing to tell. */
  const open = (): Logger => {
    const { createLogger, format, transports } = createRequire(import.meta.url)('winston') as typeof winston;
    return createLogger({
      // What is written is decided below, by module. winston wants its own table: podiod has no `http`, `verbose`, `silly`.
      level: 'debug',
      levels: LEVELS,
      format: format(line)(),
      transports: [new transports.Stream({ stream })],
    });
  };

  let closed = false;
  const at = (own: LogFields): Log => {
    const module = typeof own.module === 'string' ? own.module : '';
    if (module !== '') levels.know(module);
    const write =
      (level: LogLevel) =>
      (message: string, fields?: LogFields): void => {
        // Asked before anything is put together: most debug lines are never wanted.
        if (closed || !levels.isEnabled(module, level)) return;
        const stacks = levels.isEnabled(module, 'debug');
        const entry = { level, message, stacks, fields: { ...own, ...current(), ...readable(fields) } };
        try {
          logger ??= open();
        } catch {
          // The first line may be that no more files can be opened, and who writes one does not reckon with an error.
          stream.write(`${line(entry)[MESSAGE]}\n`);
          return;
        }
        logger.log(entry);
      };
    return {
      error: write('error'),
      warn: write('warn'),
      info: write('info'),
      debug: write('debug'),
      child: fields => at({ ...own, ...fields }),
    };
  };

  return Object.assign(at({}), {
    addSecrets: mask.add,
    mask,
    levels,
    correlate(asked: () => LogFields | undefined) {
      current = asked;
    },
    close: () =>
      new Promise<void>(resolve => {
        if (closed) return resolve();
        closed = true;
        levels.end();
        if (!logger) return resolve();
        logger.once('finish', () => stream.write('', () => resolve()));
        logger.end();
      }),
  });
}

/** Plugins may give what can't be read, and a line of a log harms nobody. */
function readable(fields: LogFields | undefined): LogFields {
  try {
    return { ...fields };
  } catch {
    return { fields: '[unreadable]' };
  }
}

const hasColours = (stream: NodeJS.WritableStream, env: NonNullable<LogOptions['env']>): boolean =>
  'isTTY' in stream && Boolean(stream.isTTY) && !env.NO_COLOR && env.TERM !== 'dumb';
