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
    const choices = 'date' in properties ? dateChoices : fieldChoices;
    trigger.allOf = known.flatMap(({ app, fields }) => choices(app.name, fields));
  }
  for (const items of itemTriggers(at(rule, 'on'))) {
    const properties = at(items, 'properties');
    properties.app = { ...at(properties, 'app'), anyOf: [{ enum: [...apps.keys()] }, {}] };
    items.allOf = known.map(({ app, fields }) =>
      onlyWhere({ const: app.name }, { where: { properties: testsOn(fields, ['fields']) } }),
    );
  }
  // Whose events they are about can't be told here, so all fields are offered.
  const step = (at(rule, 'steps', 'items').anyOf as readonly JsonSchema[]).filter(isSchema)[0] ?? {};
  const offered = testsOn(
    known.flatMap(({ fields }) => fields),
    ['fields', 'changes'],
  );
  for (const condition of [at(rule, 'where'), at(step, 'properties', 'when')]) condition.properties = offered;
  schema.definitions = {
    ...(isSchema(schema.definitions) ? schema.definitions : {}),
    [ANY_TEST]: at(rule, 'where', 'additionalProperties'),
    ...Object.fromEntries(known.map(({ app: { name } }) => [`patterns-${name}`, patternOf(name)])),
  };
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

/** What a schedule runs for, wherever it stands in `on`. */
function* itemTriggers(schema: JsonSchema): Iterable<JsonSchema> {
  const { properties } = schema;
  if (isSchema(properties) && isSchema(properties.schedule) && isSchema(properties.items))
    yield properties.items;
  for (const key of ['anyOf', 'oneOf'] as const) {
    if (Array.isArray(schema[key]))
      for (const one of schema[key]) if (isSchema(one)) yield* itemTriggers(one);
  }
  if (isSchema(schema.items)) yield* itemTriggers(schema.items);
}

/**
 * A trigger of one app alone knows its fields, and their options. Of several apps each says that the field has to be one of
 * its own, so one that all have is left. Options are offered only, since one that another app has is fine.
 */
const fieldChoices = (app: string, fields: readonly NamedField[]): readonly JsonSchema[] => [
  onlyWhere({ const: app }, { fields: { anyOf: [fieldList(fields), fieldMap(fields, conditionOf)] } }),
  onlyWhere(isAmong(app), {
    fields: {
      anyOf: [
        fieldList(fields),
        fieldMap(fields, field => ({ description: describe(field), anyOf: [conditionOf(field), {}] })),
      ],
    },
  }),
];

/** Likewise, of dates. */
function dateChoices(app: string, fields: readonly NamedField[]): readonly JsonSchema[] {
  const dates = fields.filter(({ field }) => field.type === 'date');
  if (dates.length === 0) return [];
  const date = fieldChoice(dates);
  return [onlyWhere({ anyOf: [{ const: app }, isAmong(app)] }, { date })];
}

/** The app is one of a list, or fits a pattern. */
const isAmong = (app: string): JsonSchema => {
  const pattern: JsonSchema = { $ref: `#/definitions/patterns-${app}` };
  return { anyOf: [pattern, { type: 'array', contains: { anyOf: [{ const: app }, pattern] } }] };
};

/** Written as entries: an object with a `then` would look like a promise. */
const onlyWhere = (app: JsonSchema, properties: JsonSchema): JsonSchema =>
  Object.fromEntries<JsonSchema>([
    ['if', { properties: { app }, required: ['app'] }],
    ['then', { properties }],
  ]);

/** Whatever a condition takes. Every field of every app has it, so it is written once. */
const ANY_TEST = 'any-test';

/** The tests of a condition on these fields: what is offered, and anything else that the condition takes. */
function testsOn(fields: readonly NamedField[], roots: readonly ('fields' | 'changes')[]): JsonSchema {
  const any: JsonSchema = { $ref: `#/definitions/${ANY_TEST}` };
  const keys = roots.flatMap(root =>
    root === 'fields' ? ['fields.NAME'] : ['changes.NAME.from', 'changes.NAME.to'],
  );
  // Of several apps, fields of one name may differ.
  const named = Map.groupBy(fields, ({ name }) => name);
  return Object.fromEntries(
    keys.flatMap(key =>
      Array.from(named, ([name, same]) => {
        const choices = same
          .map(({ field }) => choiceOf(field))
          .filter(value => Object.keys(value).length > 0);
        const values = new Map(choices.map(value => [JSON.stringify(value), value])).values().toArray();
        const offered = values.flatMap(value => [value, { type: 'array', items: value }]);
        const description = [...new Set(same.map(({ field }) => describe(field)))].join('; ');
        return [key.replace('NAME', () => name), { description, anyOf: [...offered, any] }];
      }),
    ),
  );
}

/** Every pattern with one `*` or two that a name fits. */
const patternOf = (name: string): JsonSchema => ({ type: 'string', pattern: patternsOf(name) });

/** Its ends are a beginning and an end of the name, which don't overlap; what is between two stars stands between them. */
export function patternsOf(name: string): string {
  const letters = [...name].map(letter => letter.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const beginning = letters.reduceRight((rest, letter) => `(?:${letter}${rest})?`, '');
  const end = letters.reduce((before, letter) => `(?:${before}${letter})?`, '');
  const count = letters.length;
  /** A star, and an end that begins there at the earliest. */
  const endAfter = (place: number): string => `\\*[^*]{0,${count - place}}$`;
  const one = letters.map((_, place) => `[^*]{${place}}${endAfter(place)}`);
  const middles = letters.map(
    (_, place) =>
      `[^*]{0,${place}}\\*${letters
        .slice(place)
        .reduceRight((rest, letter, n) => `(?:${endAfter(place + n)}|${letter}${rest})`, endAfter(count))}`,
  );
  const last = `[^*]{0,${count}}\\*${endAfter(count)}|[^*]{${count}}${endAfter(count)}`;
  return `^(?=${beginning}\\*)(?=.*\\*${end}$)(?:${[...one, ...middles, last].join('|')})`;
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
