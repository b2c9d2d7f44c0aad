import { resolve } from 'node:path';
import {
  type FindOptions,
  type LoadResult,
  loadConfig,
  loadPartial,
  type PartialConfig,
} from '../config/load.ts';
import type { Config } from '../config/model.ts';
import { renderDiagnostics } from '../config/render.ts';
import { secretValues } from '../config/secrets.ts';
import type { Diagnostic } from '../core/diagnostic.ts';
import { coerceError, isPodiodError, PodiodError } from '../core/errors.ts';
import type { LogLevel } from '../core/log.ts';
import { makeLog, type RootLog } from '../log/log.ts';
import { makePluginLoader } from '../plugin/load.ts';
import type { Cli, CommonOptions } from './io.ts';

/** The config has problems, which are told with it. Exit code 78. */
export class ConfigError extends PodiodError {
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[], rendered: string) {
    const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
    super(
      'CONFIG_INVALID',
      `${rendered}\n\n${errors === 1 ? 'one problem' : `${errors} problems`} in the config`,
      {
        hint: 'podiod check looks at it without starting anything.',
        retry: 'never',
      },
    );
    this.diagnostics = diagnostics;
  }
}

const findOptions = (cli: Cli, options: CommonOptions): FindOptions => ({
  ...(options.config !== undefined && { file: resolve(cli.io.cwd, options.config) }),
  cwd: cli.io.cwd,
  env: cli.io.env,
});

/** Reads and checks the whole config, plugins and their options included. */
export function readConfig(
  cli: Cli,
  options: CommonOptions & { readonly withoutSecrets?: boolean },
): Promise<LoadResult<Config>> {
  const loaders = new Map<string, ReturnType<typeof makePluginLoader>>();
  const loaderFor = (configDir: string) => {
    const loader = loaders.get(configDir) ?? makePluginLoader({ configDir });
    loaders.set(configDir, loader);
    return loader;
  };
  return loadConfig({
    ...findOptions(cli, options),
    withoutSecrets: options.withoutSecrets ?? false,
    builtIns: loaderFor(cli.io.cwd).builtIns,
    async loadPlugin(use, fromDir) {
      try {
        return await loaderFor(fromDir).load(use);
      } catch (thrown) {
        const error = coerceError(thrown);
        return {
          error: error.message,
          ...(isPodiodError(error) && error.hint !== undefined && { hint: error.hint }),
        };
      }
    },
  });
}

const orFail = <T>(cli: Cli, { config, diagnostics, sources }: LoadResult<T>): T => {
  if (config !== undefined) return config;
  throw new ConfigError(
    diagnostics,
    renderDiagnostics(diagnostics, sources, { cwd: cli.io.cwd, color: cli.colors }),
  );
};

export interface LoadedConfig {
  readonly config: Config;
  readonly warnings: readonly Diagnostic[];
  /** Values that no output may show. */
  readonly secrets: readonly string[];
}

/** Throws a ConfigError with every problem rendered. */
export async function loadConfigOrFail(cli: Cli, options: CommonOptions): Promise<LoadedConfig> {
  const loaded = await readConfig(cli, options);
  const config = orFail(cli, loaded);
  return { config, warnings: loaded.diagnostics, secrets: secretValues(config, loaded.sources.secrets) };
}

/** What a command needs that asks the running daemon or reads its data: a secret that this shell lacks is no problem. */
export async function loadPartialOrFail(cli: Cli, options: CommonOptions): Promise<PartialConfig> {
  return orFail(cli, await loadPartial(findOptions(cli, options)));
}

const LEVELS: readonly string[] = ['error', 'warn', 'info', 'debug'] satisfies LogLevel[];

/** The log on stderr: readable on a terminal, JSON for journald and files. */
export function makeCommandLog(
  cli: Cli,
  options: CommonOptions,
  secrets: Iterable<string>,
  usual: LogLevel = 'info',
): RootLog {
  const fromEnv = cli.io.env.PODIOD_LOG_LEVEL;
  const level = options.logLevel ?? (fromEnv && LEVELS.includes(fromEnv) ? (fromEnv as LogLevel) : usual);
  return makeLog({ level, format: cli.io.stderr.isTTY ? 'text' : 'json', stream: cli.io.stderr, secrets });
}
