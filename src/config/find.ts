import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Loader } from 'cosmiconfig';
import type { Diagnostic } from '../core/diagnostic.ts';
import { child } from './node.ts';
import { parse } from './parse.ts';

export interface Found {
  /** Absolute. */
  readonly file: string;
  /** The key under which the config stands in that file. */
  readonly within?: string;
  /** Given where there is no such file: a config that a program made. */
  readonly text?: string;
}

const MODULE = 'podio';
const SYSTEM_FILE = '/etc/podiod/podiorc.yml';
const PLACES = [
  '.podiorc',
  '.podiorc.yml',
  '.podiorc.yaml',
  '.podiorc.json',
  '.config/podiorc',
  '.config/podiorc.yml',
  '.config/podiorc.yaml',
  '.config/podiorc.json',
  'package.json',
];
/** cosmiconfig's own settings file, which it runs when it is code. */
const EXECUTABLE_SETTINGS = [
  '.config/config.js',
  '.config/config.ts',
  '.config/config.cjs',
  '.config/config.mjs',
];

/**
 * Finds the config: `--config`, `$PODIOD_CONFIG`, cosmiconfig's places from `cwd` up, then the system's. The text is
 * read elsewhere: a stock loader would lose the positions.
 */
export async function findConfig(options: {
  readonly file?: string | undefined;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For tests. */
  readonly systemFile?: string;
}): Promise<Found | { readonly problem: Diagnostic }> {
  const { cwd, env, systemFile = SYSTEM_FILE } = options;
  for (const [file, from] of [
    [options.file, '--config'],
    [env.PODIOD_CONFIG || undefined, '$PODIOD_CONFIG'],
  ] as const) {
    if (file === undefined) continue;
    const path = resolve(cwd, file);
    return isThere(path)
      ? named(path)
      : { problem: notFound(`the config file ${path} is not there`, `${from} names it`) };
  }
  const searched = await search(cwd);
  if (searched) return searched;
  if (isThere(systemFile)) return { file: systemFile };
  // A folder with the name of a config: reading it tells so.
  const [folder] = foldersUp(cwd).flatMap(placesIn);
  if (folder !== undefined) return { file: folder };
  return {
    problem: notFound(
      'no config file was found',
      `\`podiod init\` makes one, --config FILE or $PODIOD_CONFIG names one; looked for .podiorc and .config/podiorc, with .yml, .yaml, ` +
        `.json or nothing behind, and package.json#${MODULE}, in ${cwd} and the folders above it, and for ${systemFile}`,
    ),
  };
}

/** What this user may not look at may be there: reading it tells that it may not. */
function isThere(path: string): boolean {
  try {
    return statSync(path) !== undefined;
  } catch (error) {
    return !['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
  }
}

const PLAIN_PLACES = PLACES.filter(place => place !== 'package.json');

/** cosmiconfig leaves out what it can't read, as if it were not there, and takes another in its place. */
const fileIn = (folder: string): string | undefined =>
  placesIn(folder).find(path => statSync(path, { throwIfNoEntry: false })?.isDirectory() === false);

const placesIn = (folder: string): readonly string[] =>
  PLAIN_PLACES.map(place => join(folder, place)).filter(existsSync);

const named = (file: string): Found =>
  basename(file) === 'package.json' ? { file, within: MODULE } : { file };

const notFound = (message: string, hint: string): Diagnostic => ({
  severity: 'error',
  code: 'CONFIG_NOT_FOUND',
  message,
  hint,
});

/** The folder itself, and all above it. */
function foldersUp(cwd: string): readonly string[] {
  const folder = resolve(cwd);
  const above = dirname(folder);
  return above === folder ? [folder] : [folder, ...foldersUp(above)];
}

async function search(cwd: string): Promise<Found | { readonly problem: Diagnostic } | undefined> {
  const code = EXECUTABLE_SETTINGS.map(name => join(process.cwd(), name)).find(existsSync);
  if (code !== undefined) {
    return {
      problem: {
        severity: 'error',
        code: 'CONFIG_NOT_FOUND',
        message: `not searching for a config: ${code} would be run as settings of the search`,
        hint: 'name the config with --config FILE or $PODIOD_CONFIG',
      },
    };
  }
  const skip: Loader = () => null;
  const raw: Loader = (file, text) => {
    if (basename(file) !== 'package.json') return { text };
    // Wrapped, since cosmiconfig takes the module's key out of what a package.json gives.
    return child(parse(file, text).root, MODULE) ? { [MODULE]: { text } } : {};
  };
  const loaders = { '.json': raw, '.yaml': raw, '.yml': raw, noExt: raw };
  const executable = { '.js': skip, '.cjs': skip, '.mjs': skip, '.ts': skip, '.cts': skip, '.mts': skip };
  try {
    // Here, since a daemon is mostly told where its config is.
    const { cosmiconfig } = await import('cosmiconfig');
    const explorer = cosmiconfig(MODULE, {
      searchPlaces: PLACES,
      searchStrategy: 'none',
      // An empty file is a config that lacks everything, and not a missing one.
      ignoreEmptySearchPlaces: false,
      cache: false,
      loaders: { ...loaders, ...executable },
    });
    for (const folder of foldersUp(cwd)) {
      const result = await explorer.search(folder);
      const file = fileIn(folder);
      if (file !== undefined) return { file };
      if (result) return named(result.filepath);
    }
    return undefined;
  } catch (error) {
    // cosmiconfig reads its own settings from package.json, and gives up on one that is broken.
    const file = foldersUp(cwd)
      .map(fileIn)
      .find(path => path !== undefined);
    if (file !== undefined) return { file };
    return {
      problem: {
        severity: 'error',
        code: 'CONFIG_UNREADABLE',
        message: `the search for a config failed: ${(error as Error).message.split('\n')[0]}`,
        hint: 'name the config with --config FILE or $PODIOD_CONFIG',
      },
    };
  }
}
