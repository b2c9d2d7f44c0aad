import { type FindOptions, type LoadResult, loadConfig } from '../config/load.ts';
import type { Config } from '../config/model.ts';
import {
  diagnosticsToJson,
  type JsonProblem,
  type RenderOptions,
  renderDiagnostics,
} from '../config/render.ts';
import type { Diagnostic } from '../core/diagnostic.ts';
import { coerceError, isPodiodError, PodiodError } from '../core/errors.ts';
import type { Attribution } from '../plugin/attribution.ts';
import { makePluginLoader, type PluginLoader } from '../plugin/load.ts';

/** The config has problems; the message shows each with its place. Exit code 78. */
export class ConfigError extends PodiodError {
  readonly diagnostics: readonly Diagnostic[];
  /** The same as `podiod check --json` tells them. */
  readonly problems: readonly JsonProblem[];
  /** `2 problems in the config` */
  readonly summary: string;

  constructor(diagnostics: readonly Diagnostic[], problems: readonly JsonProblem[], rendered: string) {
    const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
    const summary = `${errors === 1 ? 'one problem' : `${errors} problems`} in the config`;
    super('CONFIG_INVALID', `${rendered}\n\n${summary}`, {
      hint: diagnostics.some(({ code }) => code === 'CONFIG_NOT_FOUND')
        ? 'docs/guide.md leads from nothing to a tested rule.'
        : 'podiod check looks at it without starting anything.',
      retry: 'never',
    });
    this.diagnostics = diagnostics;
    this.problems = problems;
    this.summary = summary;
  }
}

export interface ReadOptions extends FindOptions {
  /** The config itself in place of a file's. */
  readonly text?: string;
  readonly withoutSecrets?: boolean;
  readonly withoutCatalog?: boolean;
  readonly placeholders?: boolean;
  /** Where plugins are run as well: a module is loaded once, and what it does by itself is the plugin's from then on. */
  readonly attribution?: Attribution;
  /** Of plugins in files. */
  readonly edition?: string;
}

/** Reads and checks the whole config, plugins and their options included. */
export function readConfig({ attribution, edition, ...options }: ReadOptions): Promise<LoadResult<Config>> {
  const loaders = new Map<string, PluginLoader>();
  const loaderFor = (configDir: string) => {
    const loader =
      loaders.get(configDir) ??
      makePluginLoader({
        configDir,
        ...(attribution && { attribution }),
        ...(edition !== undefined && { edition }),
      });
    loaders.set(configDir, loader);
    return loader;
  };
  return loadConfig({
    ...options,
    builtIns: loaderFor(options.cwd).builtIns,
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

/** Throws a ConfigError with every problem rendered. */
export function configOrFail<T>({ config, diagnostics, sources }: LoadResult<T>, look: RenderOptions): T {
  if (config !== undefined) return config;
  const { problems } = diagnosticsToJson(diagnostics, sources);
  throw new ConfigError(diagnostics, problems, renderDiagnostics(diagnostics, sources, look));
}
