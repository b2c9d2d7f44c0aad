import { fstatSync } from 'node:fs';
import { resolve } from 'node:path';
import { type FindOptions, type LoadResult, loadPartial, type PartialConfig } from '../config/load.ts';
import type { Config } from '../config/model.ts';
import { secretValues } from '../config/secrets.ts';
import type { Diagnostic } from '../core/diagnostic.ts';
import { showDuration } from '../core/duration.ts';
import type { LogLevel } from '../core/log.ts';
import { configOrFail, readConfig as read } from '../daemon/config.ts';
import { makeLog, type RootLog } from '../log/log.ts';
import type { Attribution } from '../plugin/attribution.ts';
import { isDataDirOurs } from '../store/files.ts';
import { logFormatOf, logLevelOf } from './command.ts';
import type { Cli, CommonOptions } from './io.ts';

const findOptions = (cli: Cli, options: CommonOptions): FindOptions => ({
  ...(options.config !== undefined && { file: resolve(cli.io.cwd, options.config) }),
  ...(options.envFile !== undefined && { envFile: resolve(cli.io.cwd, options.envFile) }),
  cwd: cli.io.cwd,
  env: cli.io.env,
});

interface ReadSettings extends CommonOptions {
  readonly withoutSecrets?: boolean;
  readonly withoutCatalog?: boolean;
  readonly placeholders?: boolean;
  readonly attribution?: Attribution;
  readonly edition?: string;
}

/** Reads and checks the whole config, plugins and their options included. */
export const readConfig = (
  cli: Cli,
  {
    withoutSecrets = false,
    withoutCatalog = false,
    placeholders = false,
    attribution,
    edition,
    ...options
  }: ReadSettings,
): Promise<LoadResult<Config>> =>
  read({
    ...findOptions(cli, options),
    ...{ withoutSecrets, withoutCatalog, placeholders },
    ...(attribution && { attribution }),
    ...(edition !== undefined && { edition }),
  });

/** Problems are told on stderr, under `--json` inside of a document. */
const orFail = <T>(cli: Cli, loaded: LoadResult<T>, { json }: CommonOptions): T =>
  configOrFail(loaded, { cwd: cli.io.cwd, color: cli.noteColors && !json });

export interface LoadedConfig {
  readonly config: Config;
  readonly warnings: readonly Diagnostic[];
  /** Values that no output may show. */
  readonly secrets: readonly string[];
}

/** Throws a ConfigError with every problem rendered. */
export async function loadConfigOrFail(cli: Cli, options: ReadSettings): Promise<LoadedConfig> {
  const loaded = await readConfig(cli, options);
  const config = orFail(cli, loaded, options);
  const warnings = [...loaded.diagnostics, ...(loaded.openFiles ?? [])];
  return { config, warnings, secrets: secretValues(config, loaded.sources) };
}

/** What a command needs that asks the running daemon or reads its data: a secret that this shell lacks is no problem. */
export async function loadPartialOrFail(cli: Cli, options: CommonOptions): Promise<PartialConfig> {
  return orFail(cli, await loadPartial(findOptions(cli, options)), options);
}

/** Whether journald reads it: systemd says which stream it has connected, since stderr may be something else by now. */
function isJournal(stream: Cli['io']['stderr'], { JOURNAL_STREAM }: Cli['io']['env']): boolean {
  if (!JOURNAL_STREAM || !('fd' in stream) || typeof stream.fd !== 'number') return false;
  try {
    const { dev, ino } = fstatSync(stream.fd);
    return JOURNAL_STREAM === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

/** The log on stderr: readable on a terminal, JSON for journald and files, unless told otherwise. */
export function makeCommandLog(
  cli: Cli,
  options: CommonOptions,
  secrets: Iterable<string>,
  usual: LogLevel = 'info',
): RootLog {
  const { stderr, env } = cli.io;
  const level = logLevelOf(cli, options) ?? usual;
  const format = logFormatOf(cli, options) ?? (stderr.isTTY ? 'text' : 'json');
  return makeLog({ level, format, stream: stderr, secrets, env, priorities: isJournal(stderr, env) });
}

/** A wait that is worth a word, milliseconds. */
const LONG_LOGINS_MS = 5000;

/** Says why nothing is to be seen for a while, and whether the next command has to wait again. */
export function noteLogins(
  cli: Pick<Cli, 'note'>,
  { dataDir }: Pick<Config, 'dataDir'>,
  takeMs: number,
): void {
  if (takeMs <= LONG_LOGINS_MS) return;
  const next = isDataDirOurs(dataDir)
    ? 'The tokens are kept in dataDir, so the next command need not.'
    : `Once podiod's user has ${dataDir}, tokens are kept there for the next command.`;
  cli.note(`Logging in: Podio limits logins, so they are spread; about ${showDuration(takeMs)}. ${next}`);
}
