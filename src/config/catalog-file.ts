/** The catalog as a file beside the config: made to be read by people in a review, and the same for the same apps. */
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import type { Catalog, CatalogApp, CatalogField } from '../core/catalog.ts';
import type { Diagnostic } from '../core/diagnostic.ts';
import { check } from './check.ts';
import type { DiagnosticCode } from './codes.ts';
import { parse } from './parse.ts';

/** Of the form, not of the content. A newer podiod reads older forms; an older one says that it can't read newer ones. */
const VERSION = 1;

/** `.podiorc.yml` has `.podiorc.catalog.json`; the config in a package.json goes by `.podiorc` too. */
export const catalogFileOf = (configFile: string): string => besideConfig(configFile, 'catalog');

/** What an editor completes from. */
export const editorSchemaFileOf = (configFile: string): string => besideConfig(configFile, 'schema');

function besideConfig(configFile: string, what: string): string {
  const name = basename(configFile);
  const stem = name === 'package.json' ? '.podiorc' : name.replace(/\.(ya?ml|json)$/i, '');
  return join(dirname(configFile), `${stem}.${what}.json`);
}

// ------------------------------------------------------------------------------------------------ writing

/** Apps and fields sorted, one line for what has no parts of its own: a change of one option is a change of one line. */
export function catalogText({ apps }: Catalog): string {
  const named = [...apps].sort(([a], [b]) => (a < b ? -1 : 1));
  return `${show({ version: VERSION, apps: Object.fromEntries(named) })}\n`;
}

/** JSON with two spaces, in which what holds plain values alone stands in one line where that is short enough. */
function show(value: unknown, indent = ''): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Array.isArray(value)
    ? value.map(item => ['', item] as const)
    : Object.entries(value).map(([key, item]) => [`${JSON.stringify(key)}: `, item] as const);
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  if (entries.length === 0) return open + close;
  const isFlat = entries.every(([, item]) => typeof item !== 'object' || item === null);
  const line = entries.map(([key, item]) => key + JSON.stringify(item)).join(', ');
  if (isFlat && indent.length + line.length < 110) return Array.isArray(value) ? `[${line}]` : `{ ${line} }`;
  const inner = `${indent}  `;
  return `${open}\n${entries.map(([key, item]) => inner + key + show(item, inner)).join(',\n')}\n${indent}${close}`;
}

// ------------------------------------------------------------------------------------------------ reading

const OptionSchema = z.object({ id: z.int(), text: z.string(), deleted: z.literal(true).optional() });

const FieldSchema = z.object({
  id: z.int().min(1),
  externalId: z.string(),
  label: z.string(),
  type: z.string(),
  status: z.string(),
  required: z.literal(true).optional(),
  multiple: z.boolean().optional(),
  options: z.array(OptionSchema).optional(),
  currencies: z.array(z.string()).optional(),
  apps: z.array(z.int()).optional(),
  decimals: z.int().optional(),
  returnType: z.string().optional(),
  format: z.string().optional(),
  time: z.string().optional(),
  end: z.string().optional(),
}) satisfies z.ZodType<Loose<CatalogField>>;

const AppSchema = z.object({
  id: z.int().min(1),
  name: z.string(),
  itemName: z.string(),
  fields: z.array(FieldSchema),
}) satisfies z.ZodType<Loose<CatalogApp>>;

/** What a later version has besides is no business of this one. */
const CatalogFileSchema = z.object({
  version: z.literal(VERSION, `must be ${VERSION}: this podiod reads no other`),
  apps: z.record(z.string(), AppSchema),
});

/** A parsed optional key may be there and undefined. */
type Loose<T> = {
  readonly [K in keyof T]: T[K] extends readonly unknown[] | undefined ? unknown : T[K] | undefined;
};

export interface ReadCatalog {
  /** Undefined where there is no file, or one that can't be used. */
  readonly catalog?: Catalog;
  /** What keeps it from being used: one warning, with a place in `text`. */
  readonly problem?: Diagnostic;
  readonly text?: string;
}

/** Never rejects: what is wrong with the file comes back as a warning, since nothing at run time depends on it. */
export async function readCatalog(file: string): Promise<ReadCatalog> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    return code === 'ENOENT' ? {} : { problem: unusable(file, `it could not be read (${code})`) };
  }
  return parseCatalog(file, text);
}

/** The same of a file's text. */
export async function parseCatalog(file: string, text: string): Promise<ReadCatalog> {
  const parsed = CatalogFileSchema.safeParse(jsonOf(text));
  if (parsed.success) return { catalog: toCatalog(parsed.data), text };
  return { problem: await locate(file, text), text };
}

/** From what {@link CatalogFileSchema} gave. */
const toCatalog = ({ apps }: z.output<typeof CatalogFileSchema>): Catalog => ({
  apps: new Map(Object.entries(apps) as readonly (readonly [string, CatalogApp])[]),
});

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Read again with places, now that there is something to point at. */
async function locate(file: string, text: string): Promise<Diagnostic> {
  const { root, problems } = parse(file, text);
  const found = [...problems];
  if (found.length === 0) {
    await check(CatalogFileSchema, root, {
      root,
      path: [],
      report: problem => void found.push(problem),
    });
  }
  const [first] = found;
  return {
    ...unusable(file, first?.message ?? 'it is not valid JSON'),
    ...(first?.place && { place: first.place }),
  };
}

function unusable(file: string, why: string): Diagnostic {
  const code: DiagnosticCode = 'CONFIG_CATALOG';
  return {
    severity: 'warning',
    code,
    message: `the catalog can't be used, so fields are not checked: ${why}`,
    hint: '`podiod pull` writes it again',
    place: { file, start: 0, end: 0 },
  };
}
