/** The daemon's log on winston: one line a record, no secret in it. */
import winston from 'winston';
import type { Log, LogFields, LogLevel } from '../core/log.ts';
import { describe } from './describe.ts';
import { jsonLine, textLine } from './format.ts';
import { type Mask, makeMask } from './mask.ts';

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: 'json' | 'text';
  /** Default: stderr. Colours are used where it is a terminal that has them. */
  readonly stream?: NodeJS.WritableStream;
  /** Values never to be shown, wherever they stand. */
  readonly secrets?: Iterable<string>;
  /** The wall clock, UTC milliseconds. */
  readonly now?: () => number;
  /** NO_COLOR and TERM are looked at. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface RootLog extends Log {
  /** More values never to be shown. Holds for child logs too, those made before included. */
  addSecrets(secrets: Iterable<string>): void;
  /** Takes secrets out of text that goes elsewhere, e.g. the admin API's answers. */
  readonly mask: Mask;
  /** Resolves when everything is written. Nothing is logged after it. */
  close(): Promise<void>;
}

/** Lower is more important. winston wants its own table, since podiod has no `http`, `verbose`, `silly`. */
const LEVELS: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3 };

export function makeLog({
  level,
  format,
  stream = process.stderr,
  secrets,
  now = Date.now,
  env = process.env,
}: LogOptions): RootLog {
  const mask = makeMask(secrets);
  const colours = format === 'text' && hasColours(stream, env);
  const line = winston.format(info => {
    const entry = {
      time: new Date(now()),
      level: info.level as LogLevel,
      message: mask(String(info.message)),
      fields: describe(info.fields, { mask, stacks: logger.level === 'debug' }) as Record<string, unknown>,
    };
    info[Symbol.for('message')] = format === 'json' ? jsonLine(entry) : textLine(entry, colours);
    return info;
  });
  const logger = winston.createLogger({
    level,
    levels: LEVELS,
    format: line(),
    transports: [new winston.transports.Stream({ stream })],
  });

  let closed = false;
  const at = (own: LogFields): Log => {
    const write =
      (level: LogLevel) =>
      (message: string, fields?: LogFields): void => {
        // Asked before anything is put together: most debug lines are never wanted.
        if (!closed && logger.isLevelEnabled(level))
          logger.log({ level, message, fields: { ...own, ...fields } });
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
    close: () =>
      new Promise<void>(resolve => {
        if (closed) return resolve();
        closed = true;
        logger.once('finish', () => stream.write('', () => resolve()));
        logger.end();
      }),
  });
}

const hasColours = (stream: NodeJS.WritableStream, env: NonNullable<LogOptions['env']>): boolean =>
  'isTTY' in stream && Boolean(stream.isTTY) && !env.NO_COLOR && env.TERM !== 'dumb';
