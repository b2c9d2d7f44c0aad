import { existsSync, readdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname, isAbsolute, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Clock, systemClock } from '../core/clock.ts';
import { coerceError, PluginError } from '../core/errors.ts';
import { nearest } from '../core/suggest.ts';
import type { Attribution } from './attribution.ts';
import type { PluginDefinition } from './contract.ts';
import { isPlugin, shapeProblem } from './define.ts';
import { explain, withDeadline } from './failure.ts';
import { inEdition, installHooks, isNotFound, resolveFrom } from './resolve.ts';

export interface PluginLoader {
  /** Names that need no install. */
  readonly builtIns: readonly string[];
  /**
   * Loads a built-in by name, a file by path, or an installed package by name; a second call answers the same plugin.
   * Packages and relative paths are looked up from `fromDir`, by default the config's folder. Rejects with a PluginError
   * PLUGIN_LOAD that says what is wrong and what to do.
   */
  load(use: string, fromDir?: string): Promise<PluginDefinition>;
  /** As `load`, but what is wrong comes back in words: for whoever reports it together with other problems. */
  inspect(use: string, fromDir?: string): Promise<PluginDefinition | LoadProblem>;
}

export interface LoadProblem {
  /** Without the plugin's name. */
  readonly error: string;
  readonly hint?: string;
}

export interface LoaderDeps {
  /** Where relative paths and packages are looked up from: the config's folder. Default: the working directory. */
  readonly configDir?: string;
  /** With another one, plugins in files are loaded anew, for whoever is writing them. Default: once in a process's life. */
  readonly edition?: string;
  /** So that what a module does later, outside of any event, is known to be the plugin's. */
  readonly attribution?: Pick<Attribution, 'run'>;
  readonly clock?: Clock;
  /** For a module whose top level waits. Default 30 s. */
  readonly deadlineMs?: number;
}

/** Beside src/ in a checkout, beside dist/src/ in a package. */
const BUILT_INS = fileURLToPath(new URL('../../plugins/', import.meta.url));
const EXTENSIONS = ['.ts', '.mts', '.js', '.mjs', '.cjs'];

export function makePluginLoader(deps: LoaderDeps = {}): PluginLoader {
  const { configDir = process.cwd(), edition, attribution, clock = systemClock, deadlineMs = 30_000 } = deps;
  const builtIns = findBuiltIns();
  const loaded = new Map<string, Promise<PluginDefinition>>();

  async function loadFresh(use: string, fromDir: string): Promise<PluginDefinition> {
    installHooks();
    const found = await locate(use, fromDir, builtIns);
    const url = edition !== undefined && isPath(use) ? inEdition(found, edition) : found;
    const at = { plugin: use, phase: 'load' } as const;
    const late = () =>
      new LoadError(
        use,
        `it was not loaded within ${deadlineMs} ms`,
        'A module must not wait for something at its top level.',
      );
    let module: unknown;
    try {
      const work = (fail: (error: unknown) => void): Promise<unknown> =>
        attribution ? attribution.run({ ...at, fail }, () => import(url)) : import(url);
      module = await withDeadline({ clock, ms: deadlineMs, late }, work);
    } catch (error) {
      if (error instanceof LoadError) throw error;
      throw importProblem(use, url, error);
    }
    return definitionIn(use, module);
  }

  function load(use: string, fromDir = configDir): Promise<PluginDefinition> {
    const key = `${fromDir}\n${use}`;
    const known = loaded.get(key);
    if (known) return known;
    const loading = loadFresh(use, fromDir);
    loaded.set(key, loading);
    // The reason may be gone the next time: a package that was installed meanwhile.
    loading.catch(() => loaded.delete(key));
    return loading;
  }

  return {
    builtIns: [...builtIns.keys()],
    load,
    async inspect(use, fromDir) {
      try {
        return await load(use, fromDir);
      } catch (error) {
        if (!(error instanceof LoadError)) throw error;
        return { error: error.reason, ...(error.hint !== undefined && { hint: error.hint }) };
      }
    },
  };
}

/** Name to file. `index.ts` in a checkout, `index.js` in a package. */
function findBuiltIns(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { name } of readdirSync(BUILT_INS, { withFileTypes: true })) {
    const file = ['index.ts', 'index.js'].map(index => join(BUILT_INS, name, index)).find(existsSync);
    if (file !== undefined) found.set(name, file);
  }
  return found;
}

const isPath = (use: string): boolean => /^\.\.?[/\\]/.test(use) || isAbsolute(use);

/** The URL to import. */
async function locate(
  use: string,
  configDir: string,
  builtIns: ReadonlyMap<string, string>,
): Promise<string> {
  const builtIn = builtIns.get(use);
  if (builtIn !== undefined) return pathToFileURL(builtIn).href;
  if (isPath(use)) return locateFile(use, resolve(configDir, use));
  const url = locatePackage(use, configDir);
  if (url === undefined) {
    throw new LoadError(
      use,
      `no built-in plugin and no package has this name, looked up from ${configDir}`,
      unknownPlugin(use, [...builtIns.keys()]),
    );
  }
  return url;
}

/** Who meant a built-in one is not sent off to install whatever has this name. */
function unknownPlugin(use: string, builtIns: readonly string[]): string {
  const near = builtIns.find(name => name.startsWith(`${use}-`)) ?? nearest(use, builtIns);
  const known = `Built in are ${builtIns.join(', ')}.`;
  return near === undefined
    ? `${known} A package has to be installed (npm install ${use}), a file named with its path (./${use}.ts).`
    : `Did you mean ${near}? ${known}`;
}

async function locateFile(use: string, file: string): Promise<string> {
  const found = await stat(file).catch(() => undefined);
  if (found?.isFile()) {
    if (EXTENSIONS.includes(extname(file))) return pathToFileURL(file).href;
    throw new LoadError(
      use,
      'it is neither TypeScript nor JavaScript',
      `Name a file that ends in ${EXTENSIONS.join(', ')}.`,
    );
  }
  const guesses = EXTENSIONS.flatMap(ext => [`${file}${ext}`, join(file, `index${ext}`)]);
  const near = guesses.find(existsSync);
  throw new LoadError(
    use,
    found ? 'it is a folder' : `there is no file ${file}`,
    near === undefined
      ? 'Paths are relative to the config file they stand in.'
      : `Did you mean ${use}${near.slice(file.length)}?`,
  );
}

/** The config's folder comes first, so that its version of a package wins over one installed beside podiod. */
function locatePackage(use: string, configDir: string): string | undefined {
  for (const parent of [pathToFileURL(join(configDir, 'package.json')).href, import.meta.url]) {
    try {
      const url = resolveFrom(use, parent);
      if (/\.[cm]?tsx?$/.test(url) && url.includes('/node_modules/')) {
        throw new LoadError(
          use,
          'the package is TypeScript, and Node runs no TypeScript under node_modules',
          'Publish it as JavaScript, or name its file by path outside node_modules.',
        );
      }
      return url;
    } catch (error) {
      if (!isNotFound(error))
        throw error instanceof PluginError ? error : importProblem(use, undefined, error);
    }
  }
  return undefined;
}

function definitionIn(use: string, module: unknown): PluginDefinition {
  const exported = defaultOf(module);
  if (exported === undefined) {
    throw new LoadError(use, 'it has no default export', 'Write `export default definePlugin({ ... })`.');
  }
  if (!isPlugin(exported)) {
    throw new LoadError(
      use,
      'its default export is not a plugin',
      'Wrap it: `export default definePlugin({ ... })`, with definePlugin from podiod/plugin.',
    );
  }
  const wrong = shapeProblem(exported);
  if (wrong !== undefined) throw new LoadError(use, wrong, 'docs/plugins.md shows what a plugin looks like.');
  return exported;
}

/** A CommonJS module that was compiled from ES syntax has its default one level down. */
function defaultOf(module: unknown): unknown {
  const outer = (module as { default?: unknown }).default;
  const inner = typeof outer === 'object' && outer !== null && 'default' in outer ? outer.default : undefined;
  return isPlugin(inner) ? inner : outer;
}

class LoadError extends PluginError {
  /** What is wrong, without the plugin's name. */
  readonly reason: string;

  constructor(use: string, reason: string, hint: string, cause?: unknown) {
    const at = { plugin: use, phase: 'load' } as const;
    super('PLUGIN_LOAD', `the plugin ${use} can't be loaded: ${reason}`, at, { hint, retry: 'never', cause });
    this.reason = reason;
  }
}

/** Something went wrong inside the module or what it imports. */
function importProblem(use: string, url: string | undefined, thrown: unknown): LoadError {
  const error = coerceError(thrown);
  const what = `${explain(error)}${placeIn(error)}`;
  const code = 'code' in error ? String(error.code) : '';
  if (isNotFound(error))
    return new LoadError(use, what, 'Install what it imports, in its own folder or the config’s.', error);
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') {
    return new LoadError(
      use,
      what,
      'Only TypeScript that can be erased runs as it is: no enum, namespace or parameter property.',
      error,
    );
  }
  if (code === 'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING') {
    return new LoadError(
      use,
      what,
      'Node runs no TypeScript under node_modules: publish the package as JavaScript.',
      error,
    );
  }
  if (error instanceof SyntaxError && url !== undefined) {
    return new LoadError(
      use,
      what,
      `\`node --check ${relative(process.cwd(), fileURLToPath(url))}\` shows the place.`,
      error,
    );
  }
  return new LoadError(use, what, 'The module threw while it was loaded: work belongs into setup().', error);
}

/** Node puts the place of a syntax error above the stack, for some. */
function placeIn({ stack = '' }: Error): string {
  const place = /^(?:file:\/\/)?((?:\/|[A-Za-z]:[\\/]).*:\d+)\r?\n/.exec(stack);
  return place ? ` (${place[1]})` : '';
}
