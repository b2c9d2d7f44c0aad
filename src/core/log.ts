export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** Facts that vary; the message itself is constant text. Errors may be passed as they are, under `error`. */
export type LogFields = Readonly<Record<string, unknown>>;

/** The daemon's log as its modules see it. `src/log/` implements it on winston; secrets are masked there. */
export interface Log {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /** A log that adds `fields` to every line. `module` names the part of the daemon that speaks. */
  child(fields: LogFields): Log;
}

const nothing = () => {};
/** For tests and for embedding without a log. */
export const silentLog: Log = {
  error: nothing,
  warn: nothing,
  info: nothing,
  debug: nothing,
  child: () => silentLog,
};
