/** The config's schema for editors, with what a catalog knows of its apps: names of fields, and options to choose from. */
import type { AppConfig } from '../../config/model.ts';
import { type Catalog, type CatalogField, catalogApp, isThere, openOptions } from '../../core/catalog.ts';

export interface JsonSchema {
  [key: string]: unknown;
}

/** What stands for any value; the config is checked by `podiod check`, an editor shall not be stricter. */
const INTERPOLATED: JsonSchema = { type: 'string', pattern: '\\$\\{' };

interface NamedField {
  /** Alias or external id. */
  readonly name: string;
  readonly field: CatalogField;
}

/** @param base config/podiorc.schema.json, which is left as it is. */
export function editorSchema(
  base: JsonSchema,
  apps: ReadonlyMap<string, AppConfig>,
  catalog: Catalog,
): JsonSchema {
  const schema = structuredClone(base);
  const known = [...apps.values()].flatMap(app => {
    const definition = catalogApp(catalog, app.id);
    return definition
      ? [{ app, definition, fields: namedFields(app, definition.fields.filter(isThere)) }]
      : [];
  });
  const all = [...new Map(known.flatMap(({ fields }) => fields.map(one => [one.name, one]))).values()];

  const rule = at(schema, 'properties', 'rules', 'additionalProperties', 'properties');
  for (const trigger of appTriggers(at(rule, 'on'))) {
    const properties = at(trigger, 'properties');
    properties.app = withChoices(at(properties, 'app'), [...apps.keys()]);
    trigger.allOf = known.flatMap(({ app, fields }) => [ifApp(app.name, fields), ifAmong(app.name, fields)]);
  }
  suggestInSteps(at(rule, 'steps', 'items'), all);
  at(schema, 'properties', 'apps').properties = Object.fromEntries(
    known.map(({ app, definition }) => [
      app.name,
      {
        ...at(schema, 'properties', 'apps', 'additionalProperties'),
        description: `${definition.name}: ${definition.fields.filter(isThere).length} fields, one item is a ${definition.itemName}.`,
        properties: {
          ...at(schema, 'properties', 'apps', 'additionalProperties', 'properties'),
          fields: aliasesSchema(definition.fields.filter(isThere)),
        },
      },
    ]),
  );
  return { ...schema, title: 'podiod config, with its apps' };
}

/** An alias goes before a field whose external id is the same. */
function namedFields(app: AppConfig, fields: readonly CatalogField[]): readonly NamedField[] {
  const byName = new Map(fields.map(field => [field.externalId, field]));
  for (const [alias, externalId] of Object.entries(app.fields)) {
    const field = fields.find(one => one.externalId === externalId || String(one.id) === externalId);
    if (field) byName.set(alias, field);
  }
  return Array.from(byName, ([name, field]) => ({ name, field })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The alternatives of `on` that have an `app`, wherever they stand in it. */
function* appTriggers(schema: JsonSchema): Iterable<JsonSchema> {
  if (schema.type === 'object' && isSchema(schema.properties) && 'app' in schema.properties) yield schema;
  for (const key of ['anyOf', 'oneOf'] as const) {
    if (Array.isArray(schema[key])) for (const one of schema[key]) if (isSchema(one)) yield* appTriggers(one);
  }
  if (isSchema(schema.items)) yield* appTriggers(schema.items);
}

/** A trigger of one app alone knows its fields, and their options. */
const ifApp = (app: string, fields: readonly NamedField[]): JsonSchema =>
  whereApp({ const: app }, [fieldList(fields), fieldMap(fields, conditionOf)]);

/**
 * A trigger of several apps: each says that the field has to be one of its own, so one that all have is left. Options are
 * offered only, since one that another app has is fine.
 */
function ifAmong(app: string, fields: readonly NamedField[]): JsonSchema {
  const pattern: JsonSchema = { type: 'string', pattern: patternsOf(app) };
  const list: JsonSchema = { type: 'array', contains: { anyOf: [{ const: app }, pattern] } };
  return whereApp({ anyOf: [pattern, list] }, [
    fieldList(fields),
    fieldMap(fields, field => ({ description: describe(field), anyOf: [conditionOf(field), {}] })),
  ]);
}

/** Written as entries: an object with a `then` would look like a promise. */
const whereApp = (app: JsonSchema, fields: readonly JsonSchema[]): JsonSchema =>
  Object.fromEntries<JsonSchema>([
    ['if', { properties: { app }, required: ['app'] }],
    ['then', { properties: { fields: { anyOf: fields } } }],
  ]);

/** All patterns with one `*` that a name fits: a beginning of it, the star, an end of it. */
function patternsOf(name: string): string {
  const letters = [...name].map(letter => letter.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const beginning = letters.reduceRight((rest, letter) => `(?:${letter}${rest})?`, '');
  const end = letters.reduce((before, letter) => `(?:${before}${letter})?`, '');
  return `^${beginning}\\*${end}$`;
}

const fieldList = (fields: readonly NamedField[]): JsonSchema => ({
  type: 'array',
  items: fieldChoice(fields),
});

const fieldMap = (
  fields: readonly NamedField[],
  conditionOn: (field: CatalogField) => JsonSchema,
): JsonSchema => ({
  type: 'object',
  properties: Object.fromEntries(fields.map(({ name, field }) => [name, conditionOn(field)])),
  // By field id too.
  patternProperties: { '^[0-9]+$': {} },
  additionalProperties: false,
});

const fieldChoice = (fields: readonly NamedField[]): JsonSchema => ({
  anyOf: [
    {
      type: 'string',
      enum: fields.map(({ name }) => name),
      enumDescriptions: fields.map(({ field }) => describe(field)),
    },
    { type: 'integer' },
    { type: 'string', pattern: '^[0-9]+$' },
    INTERPOLATED,
  ],
});

function conditionOf(field: CatalogField): JsonSchema {
  const value = choiceOf(field);
  const values = { anyOf: [value, { type: 'array', items: value }] };
  return {
    description: describe(field),
    anyOf: [{ type: 'object', properties: { from: values, to: values } }, { type: 'null' }],
  };
}

/** Options to choose from. A value of any other field is nobody's business here. */
function choiceOf(field: CatalogField): JsonSchema {
  const options = openOptions(field);
  if (options === undefined || options.length === 0) return {};
  return {
    anyOf: [
      { enum: options.map(({ text }) => text) },
      { type: 'integer', description: "An option's id." },
      { type: 'boolean' },
      { type: 'null', description: 'Empty.' },
      INTERPOLATED,
    ],
  };
}

/** Whose events a step gets can't be told here, so all fields are offered, and others are taken too. */
function suggestInSteps(items: JsonSchema, all: readonly NamedField[]): void {
  const visit = (schema: unknown): void => {
    if (Array.isArray(schema)) for (const one of schema) visit(one);
    if (!isSchema(schema)) return;
    if (schema.format === 'field') {
      const { format: _, ...rest } = schema;
      for (const key of Object.keys(schema)) delete schema[key];
      const { description, ...narrow } = rest;
      Object.assign(schema, description === undefined ? {} : { description }, {
        anyOf: [...(fieldChoice(all).anyOf as JsonSchema[]), narrow],
      });
      return;
    }
    for (const value of Object.values(schema)) visit(value);
  };
  visit(items);
}

const aliasesSchema = (fields: readonly CatalogField[]): JsonSchema => ({
  type: 'object',
  description: 'Names of your own for fields: alias to external id.',
  additionalProperties: fieldChoice(fields.map(field => ({ name: field.externalId, field }))),
});

const withChoices = (schema: JsonSchema, names: readonly string[]): JsonSchema => ({
  ...schema,
  anyOf: [{ type: 'string', enum: names }, ...(schema.anyOf as JsonSchema[])],
});

const describe = ({ label, type }: CatalogField): string => `${label} (${type})`;

const isSchema = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The schema further in, which is there. */
function at(schema: JsonSchema, ...path: readonly string[]): JsonSchema {
  return path.reduce((found, key) => {
    const next = found[key];
    if (!isSchema(next)) throw new Error(`the config's schema has no ${path.join('.')}`);
    return next;
  }, schema);
}
