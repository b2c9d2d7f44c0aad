/** The files that follow from a catalog. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { catalogFileOf, catalogText, editorSchemaFileOf } from '../../config/catalog-file.ts';
import type { AppConfig } from '../../config/model.ts';
import type { Catalog } from '../../core/catalog.ts';
import { packageFile } from '../../daemon/package.ts';
import { replaceFile } from '../../store/files.ts';
import { editorSchema, type JsonSchema } from './editor-schema.ts';
import { typesText } from './types.ts';

export interface Output {
  readonly file: string;
  readonly text: string;
  /** Another text stands there, or none. */
  readonly isStale: boolean;
}

/** @param types where TypeScript types are wanted */
export async function catalogOutputs(
  configFile: string,
  apps: ReadonlyMap<string, AppConfig>,
  catalog: Catalog,
  types?: string,
): Promise<readonly Output[]> {
  const wanted: (readonly [file: string, text: string])[] = [
    [catalogFileOf(configFile), catalogText(catalog)],
  ];
  // Nobody's editor looks for a schema of a part of package.json.
  if (basename(configFile) !== 'package.json') {
    const base = JSON.parse(await readFile(packageFile('config/podiorc.schema.json'), 'utf8')) as JsonSchema;
    const schema = editorSchema(base, apps, catalog);
    wanted.push([editorSchemaFileOf(configFile), `${JSON.stringify(schema, null, 1)}\n`]);
  }
  if (types !== undefined) wanted.push([types, typesText(catalog)]);
  return Promise.all(
    wanted.map(async ([file, text]) => ({ file, text, isStale: !isSame(await textOf(file), text) })),
  );
}

export async function writeOutputs(outputs: readonly Output[]): Promise<void> {
  for (const { file, text, isStale } of outputs) if (isStale) await replaceFile(file, text, 0o644);
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

/** Undefined where there is no such file. */
async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
