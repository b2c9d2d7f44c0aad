import { resolve } from 'node:path';
import { type FindOptions, type LoadResult, loadPartial, type PartialConfig } from '../config/load.ts';
import type { Config } from '../config/model.ts';
import { secretValues } from '../config/secrets.ts';
import type { Diagnostic } from '../core/diagnostic.ts';
import type { LogLevel } from '../core/log.ts';
import { configOrFail, readConfig as read } from '../daemon/config.ts';
import { makeLog, type RootLog } from '../log/log.ts';
import { logLevelOf } from './command.ts';
import type { Cli, CommonOptions } from './io.ts';

const findOptions = (cli: Cli, options: CommonOptions): FindOptions => ({
  ...(options.config !== undefined && { file: resolve(cli.io.cwd, options.config) }),
  cwd: cli.io.cwd,
  env: cli.io.env,
});

interface ReadSettings extends CommonOptions {
  readonly withoutSecrets?: boolean;
  readonly withoutCatalog?: boolean;
}

/** Reads and checks the whole config, plugins and their options included. */
export const readConfig = (
  cli: Cli,
  { withoutSecrets = false, withoutCatalog = false, ...options }: ReadSettings,
): Promise<LoadResult<Config>> => read({ ...findOptions(cli, options), withoutSecrets, withoutCatalog });

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
export async function loadConfigOrFail(
  cli: Cli,
  options: CommonOptions & { readonly withoutCatalog?: boolean },
): Promise<LoadedConfig> {
  const loaded = await readConfig(cli, options);
  const config = orFail(cli, loaded, options);
  return { config, warnings: loaded.diagnostics, secrets: secretValues(config, loaded.sources.secrets) };
}

/** What a command needs that asks the running daemon or reads its data: a secret that this shell lacks is no problem. */
export async function loadPartialOrFail(cli: Cli, options: CommonOptions): Promise<PartialConfig> {
  return orFail(cli, await loadPartial(findOptions(cli, options)), options);
}

/** The log on stderr: readable on a terminal, JSON for journald and files. */
export function makeCommandLog(
  cli: Cli,
  options: CommonOptions,
  secrets: Iterable<string>,
  usual: LogLevel = 'info',
): RootLog {
  const level = logLevelOf(cli, options) ?? usual;
  return makeLog({ level, format: cli.io.stderr.isTTY ? 'text' : 'json', stream: cli.io.stderr, secrets });
}
