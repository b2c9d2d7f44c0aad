import { ConfigSchema } from '../../src/config/schema.ts';
import { TestFileSchema } from '../../src/config/test-schema.ts';
import { builtIns, type JsonSchema, toJsonSchema } from './json-schema.ts';

/** `${...}` stands in for anything that is written in one word. */
const INTERPOLATED: JsonSchema = { type: 'string', pattern: '\\$\\{' };

/** The config's schema as an editor wants it: with plugins and their options to complete, and `${...}` allowed. */
export function editorSchema(): JsonSchema {
  const root = toJsonSchema(ConfigSchema);
  const definitions: Record<string, JsonSchema> = {};
  const plugins = builtIns.map(({ name, options }) => ({ name, options: hoist(name, options, definitions) }));

  at(root, 'properties', 'rules', 'additionalProperties', 'properties').steps = stepsSchema(root, plugins);
  at(root, 'properties', 'plugins').additionalProperties = pluginEntrySchema(root, plugins);
  const { required, ...sections } = root;
  return {
    ...relax({ ...sections, definitions: { ...root.definitions, ...definitions } }),
    ...(required && { allOf: [onlyWhole(required)] }),
    title: 'podiod config',
    patternProperties: { '^x-': { description: 'Free for YAML anchors.' } },
  };
}

/** That of files with tests. */
export const testFileSchema = (): JsonSchema => ({
  ...relax(toJsonSchema(TestFileSchema)),
  title: 'podiod tests',
});

/** A file that is included has what it has. One that has rules and a section of these, and includes none, is meant to be the whole. */
const onlyWhole = (sections: string[]): JsonSchema =>
  // Written as entries: an object literal with a `then` would look like a promise.
  Object.fromEntries<JsonSchema>([
    [
      'if',
      {
        required: ['rules'],
        anyOf: sections.map(section => ({ required: [section] })),
        not: { required: ['include'] },
      },
    ],
    ['then', { required: sections }],
  ]);

interface Plugin {
  readonly name: string;
  readonly options: JsonSchema;
}

function stepsSchema(root: JsonSchema, plugins: readonly Plugin[]): JsonSchema {
  const steps = at(root, 'properties', 'rules', 'additionalProperties', 'properties', 'steps');
  const step = at(steps, 'items').anyOf?.find(({ type }) => type === 'object');
  const properties = Object.fromEntries(
    plugins.map(({ name, options }) => [
      name,
      {
        anyOf: [withoutRequired(options), { type: 'null' }],
        description: options.description ?? `The built-in plugin ${name}.`,
      },
    ]),
  );
  return {
    ...steps,
    items: {
      anyOf: [
        { ...step, properties: { ...properties, ...step?.properties } },
        { type: 'string', enum: plugins.map(({ name }) => name), description: 'A built-in plugin.' },
        { type: 'string', description: 'A key of `plugins`.' },
      ],
    },
  };
}

function pluginEntrySchema(root: JsonSchema, plugins: readonly Plugin[]): JsonSchema {
  const entry = at(root, 'properties', 'plugins', 'additionalProperties');
  const use = entry.properties?.use ?? {};
  return {
    ...entry,
    properties: {
      use: {
        anyOf: [
          { type: 'string', enum: plugins.map(({ name }) => name) },
          { type: 'string', minLength: 1 },
        ],
        ...(use.description === undefined ? {} : { description: use.description }),
      },
    },
    // Written as entries: an object literal with a `then` would look like a promise.
    allOf: plugins.map(({ name, options }) =>
      Object.fromEntries<JsonSchema>([
        ['if', { properties: { use: { const: name } }, required: ['use'] }],
        ['then', { properties: { use: {}, ...options.properties }, additionalProperties: false }],
      ]),
    ),
  };
}

/** Options of a step are merged over those in `plugins`: what is missing here may stand there. */
function withoutRequired({ required: _, $schema: __, ...schema }: JsonSchema): JsonSchema {
  return schema;
}

/** Moves a plugin's definitions up to the root, under names of their own. */
function hoist(plugin: string, schema: JsonSchema, into: Record<string, JsonSchema>): JsonSchema {
  const rename = <T>(value: T): T =>
    JSON.parse(JSON.stringify(value).replaceAll('"#/definitions/', `"#/definitions/${plugin}.`)) as T;
  const { definitions = {}, ...rest } = rename(schema);
  for (const [name, definition] of Object.entries(definitions)) into[`${plugin}.${name}`] = definition;
  return rest;
}

/** Allows `${...}` wherever the schema is narrower than any text. */
function relax(schema: JsonSchema): JsonSchema {
  const result: JsonSchema = {};
  for (const [key, value] of Object.entries(schema)) result[key] = (KEYWORDS.get(key) ?? asIs)(value);
  if (!isNarrow(schema)) return result;
  const { description, default: fallback, title, ...narrow } = result;
  return {
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...(fallback === undefined ? {} : { default: fallback }),
    anyOf: [narrow, INTERPOLATED],
  };
}

const asIs = (value: unknown) => value;
const inMap = (value: unknown) =>
  Object.fromEntries(
    Object.entries(value as Record<string, JsonSchema>).map(([key, schema]) => [key, relax(schema)]),
  );
const inList = (value: unknown) => (value as JsonSchema[]).map(relax);
const inOne = (value: unknown) => (typeof value === 'object' ? relax(value as JsonSchema) : value);

/** Where schemas stand inside schemas. `propertyNames` and `if` are about names, which are never interpolated. */
const KEYWORDS: ReadonlyMap<string, (value: unknown) => unknown> = new Map([
  ['properties', inMap],
  ['definitions', inMap],
  ['anyOf', inList],
  ['allOf', inList],
  ['items', inOne],
  ['additionalProperties', inOne],
  ['then', inOne],
]);

function isNarrow({ type, enum: values, const: constant, pattern, format, minLength }: JsonSchema): boolean {
  if (type === 'number' || type === 'integer' || type === 'boolean') return true;
  if (values !== undefined || constant !== undefined) return true;
  return type === 'string' && (pattern !== undefined || format !== undefined || Number(minLength ?? 0) > 1);
}

/** The schema further in, which is there. */
function at(schema: JsonSchema, ...path: readonly string[]): JsonSchema {
  return path.reduce((found, key) => {
    const next = found[key];
    if (typeof next !== 'object' || next === null)
      throw new Error(`the config's schema has no ${path.join('.')}`);
    return next as JsonSchema;
  }, schema);
}
