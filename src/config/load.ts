import { isUtf8 } from 'node:buffer';
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Diagnostic, Place } from '../core/diagnostic.ts';
import type { RuleGraph } from '../core/rule-graph.ts';
import { catalogFileOf, readCatalog } from './catalog-file.ts';
import { check } from './check.ts';
import { makeFieldCheck } from './field-check.ts';
import { findConfig } from './find.ts';
import { loadFiles, type Sources } from './include.ts';
import { interpolate } from './interpolate.ts';
import type { AdminConfig, Config } from './model.ts';
import { type ConfigNode, child, emptyMap, type MapEntry, pathAt } from './node.ts';
import { openEnvFiles, openFiles } from './open-files.ts';
import { placeholder } from './placeholder.ts';
import type { LoadPlugin } from './plugins.ts';
import { lineColumn } from './render.ts';
import { defaultDataDir, resolveConfig } from './resolve.ts';
import { AdminSchema, ConfigSchema } from './schema.ts';

export type { Sources } from './include.ts';
export type { LoadPlugin, PluginInfo } from './plugins.ts';

export interface FindOptions {
  /** From `--config`; relative to `cwd`. */
  readonly file?: string | undefined;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where variables of `env` come from; absolute. */
  readonly envFile?: string | undefined;
}

export interface LoadOptions extends FindOptions {
  /** The config itself, YAML or JSON, in place of what stands in a file; `file` is then where its paths are relative to. */
  readonly text?: string;
  readonly loadPlugin: LoadPlugin;
  /** Names of the plugins that steps may use without an entry in `plugins`. */
  readonly builtIns: readonly string[];
  /** Values of `${...}` that are missing are no problem (and there is no config then). For CI. */
  readonly withoutSecrets?: boolean;
  /** Values of `${...}` that are missing are made up, so that there is a config all the same. For what calls nobody. */
  readonly placeholders?: boolean;
  /** Fields are not looked up in the catalog: it is about to be made anew. */
  readonly withoutCatalog?: boolean;
}

export interface LoadResult<T> {
  /** Absent when there is an error among the diagnostics, or a value is missing that was allowed to be. */
  readonly config?: T;
  /** In the order of files and places; errors and warnings. */
  readonly diagnostics: readonly Diagnostic[];
  readonly sources: Sources;
  /** Of the whole config: files with secrets in them that everybody on the machine can read, one of variables too; a warning each. */
  readonly openFiles?: readonly Diagnostic[];
  /** Of the whole config: which rules write what other rules watch. */
  readonly graph?: RuleGraph;
  /** Of the whole config: what became of the fields that it names. */
  readonly fields?: {
    /** The catalog's path, whether or not there is such a file. */
    readonly catalog: string;
    /** How many times one is named while there is no catalog. */
    readonly unchecked: number;
  };
}

/** Finds, reads and checks the config with all its includes and plugins. All problems at once; never rejects for one. */
export async function loadConfig(options: LoadOptions): Promise<LoadResult<Config>> {
  const { env, text, file = 'config', cwd } = options;
  const found = text === undefined ? await findConfig(options) : { file: resolve(cwd, file), text };
  if ('problem' in found) return result<Config>(undefined, [found.problem], new Map());
  const { root, texts, problems } = await loadFiles(found);
  const diagnostics = [...problems];
  const report = (problem: Diagnostic) => void diagnostics.push(problem);
  if (root.kind === 'map' && root.entries.size === 0 && problems.length === 0) {
    return result<Config>(undefined, [isEmpty(root.place)], texts);
  }

  const secretValues = new Set<string>();
  const values = {
    ...valueSources(env, texts),
    ...(options.placeholders && { placeholder }),
    onSecret: (value: string) => void secretValues.add(value),
  };
  const filled = await interpolate(root, values, problem => {
    if (!options.withoutSecrets || problem.code !== 'CONFIG_MISSING_VALUE') report(problem);
  });
  const secrets = new Set<string>();
  const catalogFile = catalogFileOf(found.file);
  // A config that a program made stands nowhere, so nothing stands beside it.
  const {
    catalog,
    problem,
    text: catalogText,
  } = text !== undefined || options.withoutCatalog ? {} : await readCatalog(catalogFile);
  if (problem) report(problem);
  const fields = makeFieldCheck({ root: filled, report }, catalog);
  let graph: RuleGraph | undefined;
  const config = await resolveConfig({
    root: filled,
    report,
    file: found.file,
    dir: dirname(found.file),
    env,
    loadPlugin: options.loadPlugin,
    builtIns: options.builtIns,
    secrets,
    fields,
    catalog,
    onGraph: drawn => {
      graph = drawn;
    },
    fileAt,
    lineOf: ({ file, start }) => lineColumn(texts.get(file) ?? '', start).line,
  });
  // Its text is only wanted where it is pointed at.
  const shown =
    problem && catalogText !== undefined ? new Map([...texts, [catalogFile, catalogText]]) : texts;
  return {
    ...result(config, diagnostics.map(withPath(root)), shown, secrets, secretValues),
    openFiles: [
      ...(await openFiles(root, isOpenToAll)),
      ...(text === undefined ? await openEnvFiles(envFiles(found.file, options), values) : []),
    ],
    ...(graph && { graph }),
    fields: { catalog: catalogFile, unchecked: fields.unchecked() },
  };
}

/** What a command needs that talks to the running daemon or reads its data. */
export interface PartialConfig extends Pick<Config, 'file' | 'dir' | 'dataDir' | 'admin'> {
  /** Whether what hook URLs are made with stands in it. */
  readonly hasSecret: boolean;
}

/**
 * Reads `admin` and `dataDir` alone: nothing else is checked, no plugin is loaded, and a token that this shell lacks is
 * as if it were not configured.
 */
export async function loadPartial(options: FindOptions): Promise<LoadResult<PartialConfig>> {
  const { env } = options;
  const found = await findConfig(options);
  if ('problem' in found) return result<PartialConfig>(undefined, [found.problem], new Map());
  const { root, texts, problems } = await loadFiles(found);
  const diagnostics = root.kind === 'map' ? [] : [...problems];
  const report = (problem: Diagnostic) => void diagnostics.push(problem);

  const values = valueSources(env, texts);
  const wanted = await interpolate(only(root, ['admin', 'dataDir']), values, problem => {
    if (
      problem.code !== 'CONFIG_MISSING_VALUE' ||
      problem.place === undefined ||
      !isToken(root, problem.place)
    )
      report(problem);
  });
  const adminNode = child(wanted, 'admin') ?? emptyMap(wanted.place);
  const isLeftEmpty = adminNode.kind === 'scalar' && adminNode.value === null;
  const admin = isLeftEmpty
    ? AdminSchema.parse({})
    : await check(AdminSchema.partial({ token: true }), adminNode, { root: wanted, path: ['admin'], report });
  const dirNode = child(wanted, 'dataDir');
  const dataDir = dirNode
    ? await check(ConfigSchema.shape.dataDir, dirNode, { root: wanted, path: ['dataDir'], report })
    : defaultDataDir(found.file, env);
  const config =
    admin && dataDir !== undefined
      ? {
          file: found.file,
          dir: dirname(found.file),
          dataDir: resolve(dirname(dirNode?.place.file ?? found.file), dataDir),
          admin: { host: admin.host, port: admin.port, token: admin.token } satisfies AdminConfig,
          hasSecret: child(child(root, 'server'), 'secret') !== undefined,
        }
      : undefined;
  return result(config, diagnostics, texts);
}

const isEmpty = (place: Place): Diagnostic => ({
  severity: 'error',
  code: 'CONFIG_MISSING',
  message: 'the config is empty',
  hint: '`podiod init` asks what it needs and writes one',
  place,
  path: [],
});

type Texts = Sources['texts'];

const isOpenToAll = async (path: string): Promise<boolean> =>
  process.platform !== 'win32' && ((await stat(path)).mode & 0o004) !== 0;

/** The one that was named, and the one that `podiod init` puts beside the config. */
const envFiles = (file: string, { envFile }: FindOptions): readonly string[] => [
  ...(envFile === undefined ? [] : [envFile]),
  resolve(dirname(file), '.env'),
];

/** What stands where there is to be a folder, or on the way to it. */
async function fileAt(path: string): Promise<string | undefined> {
  try {
    return (await stat(path)).isDirectory() ? undefined : path;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const isMissing = code === 'ENOENT' || code === 'ENOTDIR';
    return isMissing && dirname(path) !== path ? fileAt(dirname(path)) : undefined;
  }
}

/** A password in another encoding would be one that nobody has given. */
async function readUtf8(path: string): Promise<string> {
  const bytes = await readFile(path);
  if (!isUtf8(bytes)) throw Object.assign(new Error(path), { code: 'not UTF-8' });
  return bytes.toString();
}

const valueSources = (env: FindOptions['env'], texts: Texts) => ({
  env,
  readFile: readUtf8,
  isOpenToAll,
  sourceOf: (file: string) => texts.get(file) ?? '',
});

/** What is found where nobody knows the way to it: by the text, and while values are filled in. */
const withPath =
  (root: ConfigNode) =>
  (problem: Diagnostic): Diagnostic => {
    // What is given twice is in the tree once: the first of them.
    const place = (problem.related ?? problem).place;
    return problem.path || !place ? problem : { ...problem, path: pathAt(root, place) };
  };

function result<T>(
  config: T | undefined,
  diagnostics: readonly Diagnostic[],
  texts: Texts,
  secrets: ReadonlySet<string> = new Set(),
  values: ReadonlySet<string> = new Set(),
): LoadResult<T> {
  const sorted = inOrder(diagnostics, [...texts.keys()]);
  const failed = config === undefined || sorted.some(({ severity }) => severity === 'error');
  return { ...(failed ? {} : { config }), diagnostics: sorted, sources: { texts, secrets, values } };
}

/** By file (as read) and place; the same said of the same place once, since two steps may share options. */
function inOrder(diagnostics: readonly Diagnostic[], files: readonly string[]): Diagnostic[] {
  const seen = new Set<string>();
  const rank = ({ place }: Diagnostic) => (place ? files.indexOf(place.file) : -1);
  return diagnostics
    .filter(({ code, message, place }) => {
      const key = JSON.stringify([code, message, place]);
      return seen.has(key) ? false : seen.add(key);
    })
    .sort((a, b) => rank(a) - rank(b) || (a.place?.start ?? 0) - (b.place?.start ?? 0));
}

function only(root: ConfigNode, keys: readonly string[]): ConfigNode {
  if (root.kind !== 'map') return root;
  const entries = new Map<string, MapEntry>();
  for (const key of keys) {
    const entry = root.entries.get(key);
    if (entry) entries.set(key, entry);
  }
  return { ...root, entries };
}

function isToken(root: ConfigNode, place: { file: string; start: number }): boolean {
  const token = child(child(root, 'admin'), 'token')?.place;
  return (
    token !== undefined && token.file === place.file && token.start <= place.start && place.start <= token.end
  );
}
