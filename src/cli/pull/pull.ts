import { readFile } from 'node:fs/promises';
import { basename, relative, resolve } from 'node:path';
import { catalogFileOf, catalogText, editorSchemaFileOf, readCatalog } from '../../config/catalog-file.ts';
import type { Config } from '../../config/model.ts';
import { type Catalog, isThere } from '../../core/catalog.ts';
import { type CatalogChange, describeChange, diffCatalogs } from '../../core/catalog-diff.ts';
import { isPodiodError } from '../../core/errors.ts';
import { connectForReading, type Pulled, pullCatalog } from '../../daemon/index.ts';
import { packageFile } from '../../daemon/package.ts';
import { replaceFile } from '../../store/files.ts';
import type { Cli, CommonOptions } from '../io.ts';
import { loadConfigOrFail, makeCommandLog } from '../setup.ts';
import { plain } from '../text.ts';
import { editorSchema, type JsonSchema } from './editor-schema.ts';
import { typesText } from './types.ts';

export interface PullOptions extends CommonOptions {
  readonly check?: boolean;
  readonly types?: string;
}

/** A file that follows from what was read. */
interface Output {
  readonly file: string;
  readonly text: string;
  readonly isStale: boolean;
}

/** Answers whether all went well: every app read and, with `--check`, nothing to write. */
export async function pull(cli: Cli, options: PullOptions): Promise<boolean> {
  // The catalog that is there may be the very reason why the config does not pass.
  const { config, secrets } = await loadConfigOrFail(cli, { ...options, withoutCatalog: true });
  const log = makeCommandLog(cli, options, secrets, 'error');
  const before = (await readCatalog(catalogFileOf(config.file))).catalog;
  const pulled = await pullCatalog(config, await connectForReading(config, { log }), before);
  const changes = diffCatalogs(before ?? { apps: new Map() }, pulled.catalog);

  const outputs = await outputsOf(cli, config, pulled.catalog, options);
  const stale = outputs.filter(({ isStale }) => isStale);
  if (!options.check) for (const { file, text } of stale) await replaceFile(file, text, 0o644);

  if (options.json) cli.printJson(toJson(config, pulled, changes, outputs, !options.check));
  else tell(cli, pulled, before ? changes : [], outputs, options.check ?? false);
  return pulled.failed.length === 0 && !(options.check && stale.length > 0);
}

async function outputsOf(
  cli: Cli,
  config: Config,
  catalog: Catalog,
  { types }: PullOptions,
): Promise<readonly Output[]> {
  const wanted: (readonly [file: string, text: string])[] = [
    [catalogFileOf(config.file), catalogText(catalog)],
  ];
  // Nobody's editor looks for a schema of a part of package.json.
  if (basename(config.file) !== 'package.json') {
    const base = JSON.parse(await readFile(packageFile('config/podiorc.schema.json'), 'utf8')) as JsonSchema;
    const schema = editorSchema(base, config.apps, catalog);
    wanted.push([editorSchemaFileOf(config.file), `${JSON.stringify(schema, null, 1)}\n`]);
  }
  if (types !== undefined) wanted.push([resolve(cli.io.cwd, types), typesText(catalog)]);
  return Promise.all(
    wanted.map(async ([file, text]) => ({ file, text, isStale: !isSame(await textOf(file), text) })),
  );
}

/** A formatter may have been over it: that is no difference. */
function isSame(is: string | undefined, should: string): boolean {
  if (is === should) return true;
  try {
    return JSON.stringify(JSON.parse(is ?? '')) === JSON.stringify(JSON.parse(should));
  } catch {
    return false;
  }
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function tell(
  cli: Cli,
  { catalog, failed }: Pulled,
  changes: readonly CatalogChange[],
  outputs: readonly Output[],
  isCheck: boolean,
): void {
  for (const [app, ofApp] of Map.groupBy(changes, ({ app }) => app)) {
    cli.print(cli.style('bold', app));
    for (const { change } of ofApp) {
      const [mark, colour] = markOf(change.kind);
      cli.print(cli.style(colour, `  ${mark} ${plain(describeChange(change))}`));
    }
  }
  for (const { app, error, kept } of failed) {
    const what = kept ? 'what was known of it is kept' : 'nothing is known of it';
    cli.print(cli.style('red', `${app} could not be read, ${what}: ${plain(error.message)}`));
    if (isPodiodError(error) && error.hint !== undefined) cli.print(`  ${error.hint}`);
  }
  const fields = [...catalog.apps.values()].reduce((sum, app) => sum + app.fields.filter(isThere).length, 0);
  const of = `${count(catalog.apps.size, 'app')}, ${count(fields, 'field')}`;
  const [first, ...rest] = outputs.filter(({ isStale }) => isStale).map(({ file }) => shown(cli, file));
  const files = [first, ...rest].join(', ');
  if (first === undefined) cli.print(`Nothing has changed: ${of}.`);
  else if (isCheck)
    cli.print(`Out of date: ${files}. \`podiod pull\` writes ${rest.length > 0 ? 'them' : 'it'}.`);
  else cli.print(`Wrote ${files}: ${of}.`);
}

const markOf = (kind: CatalogChange['change']['kind']) => {
  if (kind.endsWith('-added')) return ['+', 'green'] as const;
  if (kind.endsWith('-deleted') || kind.endsWith('-removed')) return ['-', 'red'] as const;
  return ['~', 'yellow'] as const;
};

const shown = (cli: Cli, file: string): string => {
  const path = relative(cli.io.cwd, file);
  return path === '' || path.startsWith('..') ? file : path;
};

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

function toJson(
  config: Config,
  { catalog, failed }: Pulled,
  changes: readonly CatalogChange[],
  outputs: readonly Output[],
  isWritten: boolean,
) {
  return {
    catalog: catalogFileOf(config.file),
    apps: [...catalog.apps].map(([app, { id, name, fields }]) => ({
      app,
      id,
      name,
      fields: fields.filter(isThere).length,
    })),
    changes: changes.map(({ app, appId, change: { kind, ...more } }) => ({
      app,
      appId,
      kind,
      ...('field' in more ? { ...more, field: more.field.externalId, fieldId: more.field.id } : more),
      message: describeChange({ kind, ...more } as CatalogChange['change']),
    })),
    failed: failed.map(({ app, error }) => ({
      app,
      error: error.message,
      hint: isPodiodError(error) ? (error.hint ?? null) : null,
    })),
    files: outputs.map(({ file, isStale }) => ({ file, changed: isStale, written: isStale && isWritten })),
  };
}
