import { relative, resolve } from 'node:path';
import { catalogFileOf, readCatalog } from '../../config/catalog-file.ts';
import type { Config } from '../../config/model.ts';
import { isThere } from '../../core/catalog.ts';
import { type CatalogChange, describeChange, diffCatalogs } from '../../core/catalog-diff.ts';
import { isPodiodError } from '../../core/errors.ts';
import { connectForReading, type Pulled, pullCatalog } from '../../daemon/index.ts';
import type { Cli, CommonOptions } from '../io.ts';
import { loadConfigOrFail, makeCommandLog, noteLogins } from '../setup.ts';
import { plain } from '../text.ts';
import { catalogOutputs, type Output, writeOutputs } from './outputs.ts';

export interface PullOptions extends CommonOptions {
  readonly check?: boolean;
  readonly types?: string;
}

/** Answers whether all went well: every app read and, with `--check`, nothing to write. */
export async function pull(cli: Cli, options: PullOptions): Promise<boolean> {
  // The catalog that is there may be the very reason why the config does not pass.
  const { config, secrets } = await loadConfigOrFail(cli, { ...options, withoutCatalog: true });
  const log = makeCommandLog(cli, options, secrets, 'error');
  const connection = await connectForReading(config, { log });
  noteLogins(cli, config, connection.loginsTakeMs);
  const before = (await readCatalog(catalogFileOf(config.file))).catalog;
  const pulled = await pullCatalog(config, connection, before);
  const changes = diffCatalogs(before ?? { apps: new Map() }, pulled.catalog);

  const types = options.types === undefined ? undefined : resolve(cli.io.cwd, options.types);
  // An empty catalog would say of every app that it is not known, where nobody has asked before.
  const isNothing = before === undefined && pulled.catalog.apps.size === 0 && pulled.failed.length > 0;
  const outputs = isNothing ? [] : await catalogOutputs(config.file, config.apps, pulled.catalog, types);
  const stale = outputs.filter(({ isStale }) => isStale);
  if (!options.check) await writeOutputs(outputs);

  if (options.json) cli.printJson(toJson(config, pulled, changes, outputs, !options.check));
  else tell(cli, pulled, before ? changes : [], outputs, options.check ?? false);
  return pulled.failed.length === 0 && !(options.check && stale.length > 0);
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
  if (catalog.apps.size === 0 && outputs.length === 0) cli.print('No app could be read: nothing is written.');
  else if (first === undefined) cli.print(`Nothing has changed: ${of}.`);
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
