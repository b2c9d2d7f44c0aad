/** The config's schema for editors, with what a catalog knows of its apps: names of fields, and options to choose from. */
import type { AppConfig } from '../../config/model.ts';
import { type Catalog, type CatalogField, catalogApp, isThere, openOptions } from '../../core/catalog.ts';

export interface JsonSchema {
  [key: string]: unknown;
}

interface NamedField {
  /** Alias or external id. */
  readonly name: string;
  readonly field: CatalogField;
}

interface KnownApp {
  readonly name: string;
  readonly fields: readonly NamedField[];
}

/**
 * @param base config/podiorc.schema.json, which is left as it is. Whatever belongs to an app, a field or its options stands once
 * under `definitions`, wherever it can be said: an editor reads the whole file at each start, of 200 apps too.
 */
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
  const ofApps = known.map(({ app: { name }, fields }): KnownApp => ({ name, fields }));
  const all = [...new Map(known.flatMap(({ fields }) => fields.map(one => [one.name, one]))).values()];

  const rule = at(schema, 'properties', 'rules', 'additionalProperties', 'properties');
  const shared = new Shared(isSchema(schema.definitions) ? schema.definitions : {});
  const parts = makeParts(shared, at(rule, 'where', 'additionalProperties'));

  const onFields = { allOf: [shared.as('fields-by-app', { allOf: ofApps.flatMap(parts.fieldsOfTrigger) })] };
  const onDates = { allOf: [shared.as('dates-by-app', { allOf: ofApps.flatMap(parts.dateOfTrigger) })] };
  const names = shared.as('apps', { type: 'string', enum: [...apps.keys()] });
  for (const trigger of appTriggers(at(rule, 'on'))) {
    const properties = at(trigger, 'properties');
    const app = at(properties, 'app');
    properties.app = { ...app, anyOf: [names, ...(app.anyOf as JsonSchema[])] };
    Object.assign(trigger, 'date' in properties ? onDates : onFields);
  }
  const itemsBy = { allOf: [shared.as('items-by-app', { allOf: ofApps.map(parts.itemsOf) })] };
  for (const items of itemTriggers(at(rule, 'on'))) {
    const properties = at(items, 'properties');
    properties.app = { ...at(properties, 'app'), anyOf: [names, {}] };
    properties.where = withoutTests(at(properties, 'where'));
    Object.assign(items, itemsBy);
  }
  const rules = at(schema, 'properties', 'rules', 'additionalProperties');
  rules.allOf = [shared.as('conditions-by-app', { allOf: ofApps.map(parts.conditionsOfRule) })];
  suggestInSteps(at(rule, 'steps', 'items'), parts.fieldAmong(shared.add('fields', namesOf(all))));

  const anyApp = at(schema, 'properties', 'apps', 'additionalProperties');
  at(schema, 'properties', 'apps').properties = Object.fromEntries(
    known.map(({ app, definition }) => {
      const fields = definition.fields.filter(isThere);
      const ids = namesOf(fields.map(field => ({ name: field.externalId, field })));
      const aliases = parts.fieldAmong(shared.add(`fields-${app.name}`, ids));
      return [
        app.name,
        {
          ...anyApp,
          description: `${definition.name}: ${fields.length} fields, one item is a ${definition.itemName}.`,
          properties: {
            ...at(anyApp, 'properties'),
            fields: {
              type: 'object',
              description: 'Names of your own for fields: alias to external id.',
              additionalProperties: aliases,
            },
          },
        },
      ];
    }),
  );
  schema.definitions = shared.definitions;
  return { ...schema, title: 'podiod config, with its apps' };
}

/** Schemas that stand once under `definitions`, each under a name that says whose it is. */
class Shared {
  readonly definitions: Record<string, unknown>;
  readonly #byContent = new Map<string, JsonSchema>();

  constructor(before: JsonSchema) {
    this.definitions = { ...before };
  }

  /** What is the same as one before becomes that one: of 200 apps for 200 clients most fields are. */
  add(name: string, schema: JsonSchema): JsonSchema {
    const content = JSON.stringify(schema);
    const before = this.#byContent.get(content);
    if (before) return before;
    let free = name;
    for (let n = 2; free in this.definitions; n++) free = `${name}-${n}`;
    const ref = this.as(free, schema);
    this.#byContent.set(content, ref);
    return ref;
  }

  /** By this name, which others may have used already. */
  as(name: string, schema: JsonSchema): JsonSchema {
    this.definitions[name] = schema;
    return refTo(name);
  }
}

const refTo = (name: string): JsonSchema => ({ $ref: `#/definitions/${name}` });

/** What stands for any value; the config is checked by `podiod check`, an editor shall not be stricter. */
const INTERPOLATED: JsonSchema = { type: 'string', pattern: '\\$\\{' };

/** A name that stands for fields of several apps has a description for each, and nobody reads more than these. */
const MAX_DESCRIPTIONS = 3;

/** @param test whatever a condition takes for one path */
function makeParts(shared: Shared, test: JsonSchema) {
  const anyTest = shared.as('any-test', test);
  const anyChange = shared.as('any-change', { type: ['object', 'null'] });
  const otherOption = shared.as('other-option', {
    anyOf: [
      { type: 'integer', description: "An option's id." },
      { type: 'boolean' },
      { type: 'null', description: 'Empty.' },
      INTERPOLATED,
    ],
  });
  const otherField = shared.as('other-field', {
    anyOf: [{ type: 'integer' }, { type: 'string', pattern: '^[0-9]+$' }, INTERPOLATED],
  });

  const fieldAmong = (names: JsonSchema): JsonSchema => ({ anyOf: [names, otherField] });

  /** One of the options, or several. Undefined where there are none: a value of any other field is nobody's business here. */
  const choice = (field: CatalogField): JsonSchema | undefined => {
    const options = openOptions(field);
    if (options === undefined || options.length === 0) return undefined;
    const texts = { enum: options.map(({ text }) => text) };
    const one = shared.add(`option-of-${field.externalId}`, { anyOf: [texts, otherOption] });
    return shared.add(`options-of-${field.externalId}`, { anyOf: [one, { type: 'array', items: one }] });
  };

  const change = (field: CatalogField): JsonSchema => {
    const values = choice(field);
    if (!values) return anyChange;
    return shared.add(`change-of-${field.externalId}`, {
      anyOf: [{ type: 'object', properties: { from: values, to: values } }, { type: 'null' }],
    });
  };

  /** @param isStrict an option that the field does not have is none: of several apps, another one may have it */
  const changed = ({ name, fields }: KnownApp, isStrict: boolean): JsonSchema => {
    const changeOf = (field: CatalogField): JsonSchema => {
      const own = change(field);
      const asks = isStrict || own === anyChange ? own : { anyOf: [own, {}] };
      return { description: describe(field), ...asks };
    };
    const names = shared.add(`fields-${name}`, namesOf(fields));
    return shared.add(`changed-${isStrict ? '' : 'among-'}${name}`, {
      anyOf: [
        { type: 'array', items: fieldAmong(names) },
        {
          type: 'object',
          properties: Object.fromEntries(fields.map(one => [one.name, changeOf(one.field)])),
          // By field id too.
          patternProperties: { '^[0-9]+$': {} },
          additionalProperties: false,
        },
      ],
    });
  };

  /** The app is one of a list, or fits a pattern. */
  const isAmong = (app: string): JsonSchema => {
    const pattern = shared.add(`patterns-${app}`, { type: 'string', pattern: patternsOf(app) });
    return shared.add(`among-${app}`, {
      anyOf: [pattern, { type: 'array', contains: { anyOf: [{ const: app }, pattern] } }],
    });
  };

  const conditions = new Map<string, JsonSchema>();

  /** The tests of a condition on these fields: what is offered, and anything else that the condition takes. */
  const condition = (
    name: string,
    fields: readonly NamedField[],
    roots: readonly ('fields' | 'changes')[],
  ): JsonSchema => {
    const keys = roots.flatMap(root =>
      root === 'fields' ? ['fields.NAME'] : ['changes.NAME.from', 'changes.NAME.to'],
    );
    // Of several apps, fields of one name may differ.
    const tests = Array.from(
      Map.groupBy(fields, one => one.name),
      ([field, same]) => {
        const choices = [...new Set(same.flatMap(one => choice(one.field) ?? []))];
        const descriptions = [...new Set(same.map(one => describe(one.field)))];
        const description = descriptions.slice(0, MAX_DESCRIPTIONS).join('; ');
        const asks = choices.length === 0 ? anyTest : { anyOf: [...choices, anyTest] };
        return [field, { description, ...asks }] as const;
      },
    );
    const content = JSON.stringify([keys, tests]);
    const before = conditions.get(content);
    if (before) return before;
    const self = refTo(name);
    conditions.set(content, self);
    const several = { anyOf: [{ type: 'array', items: self }, self] };
    return shared.as(name, {
      type: 'object',
      properties: {
        all: { description: 'All of these must hold.', ...several },
        any: { description: 'One of these must hold.', ...several },
        not: { description: 'This must not hold.', ...self },
        ...Object.fromEntries(
          keys.flatMap(key => tests.map(([field, asks]) => [key.replace('NAME', () => field), asks])),
        ),
      },
      additionalProperties: anyTest,
    });
  };

  return {
    fieldAmong,
    condition,

    /**
     * A trigger of one app alone knows its fields, and their options. Of several apps each says that the field has to be one of
     * its own, so one that all have is left. Options are offered only, since one that another app has is fine.
     */
    fieldsOfTrigger: (app: KnownApp): readonly JsonSchema[] => [
      onlyWhere({ const: app.name }, { fields: changed(app, true) }),
      onlyWhere(isAmong(app.name), { fields: changed(app, false) }),
    ],

    /** Likewise, of dates. */
    dateOfTrigger({ name, fields }: KnownApp): readonly JsonSchema[] {
      const dates = fields.filter(({ field }) => field.type === 'date');
      if (dates.length === 0) return [];
      const date = fieldAmong(shared.add(`dates-${name}`, namesOf(dates)));
      return [onlyWhere({ anyOf: [{ const: name }, isAmong(name)] }, { date })];
    },

    itemsOf: ({ name, fields }: KnownApp): JsonSchema =>
      onlyWhere({ const: name }, { where: condition(`items-${name}`, fields, ['fields']) }),

    /** `where` and `when` ask about whatever the triggers are for: of several apps the fields of each are offered. */
    conditionsOfRule({ name, fields }: KnownApp): JsonSchema {
      const app = { properties: { app: { anyOf: [{ const: name }, isAmong(name)] } }, required: ['app'] };
      const items = { properties: { items: app }, required: ['items'] };
      const trigger = shared.add(`about-${name}`, { type: 'object', anyOf: [app, items] });
      const on = { anyOf: [trigger, { type: 'array', contains: trigger }] };
      const asks = condition(`condition-${name}`, fields, ['fields', 'changes']);
      return Object.fromEntries([
        ['if', { properties: { on }, required: ['on'] }],
        ['then', shared.add(`conditions-${name}`, conditionsOf(asks))],
      ]);
    },
  };
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

/** Written as entries: an object with a `then` would look like a promise. */
const onlyWhere = (app: JsonSchema, properties: JsonSchema): JsonSchema =>
  Object.fromEntries<JsonSchema>([
    ['if', { properties: { app }, required: ['app'] }],
    ['then', { properties }],
  ]);

/** Of a rule, wherever it has one. */
const conditionsOf = (condition: JsonSchema): JsonSchema => ({
  properties: { where: condition, steps: { type: 'array', items: { properties: { when: condition } } } },
});

/** A condition without what is said of its tests: that stands elsewhere. */
const withoutTests = ({ additionalProperties: _, ...rest }: JsonSchema): JsonSchema => rest;

/**
 * Every pattern that a name fits: its letters in their order, of which those behind a star may be left out, and a star or none between
 * any two.
 */
export function patternsOf(name: string): string {
  const letters = [...name].map(letter => letter.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return `^(?=.*\\*)${letters.map(letter => `\\**(?:${letter}|(?<=\\*))`).join('')}\\**$`;
}

const namesOf = (fields: readonly NamedField[]): JsonSchema => ({
  type: 'string',
  enum: fields.map(({ name }) => name),
  enumDescriptions: fields.map(({ field }) => describe(field)),
});

/** Whose events a step gets can't be told here, so all fields are offered, and others are taken too. */
function suggestInSteps(items: JsonSchema, offered: JsonSchema): void {
  const visit = (schema: unknown): void => {
    if (Array.isArray(schema)) for (const one of schema) visit(one);
    if (!isSchema(schema)) return;
    if (schema.format === 'field') {
      const { format: _, ...rest } = schema;
      for (const key of Object.keys(schema)) delete schema[key];
      const { description, ...narrow } = rest;
      Object.assign(schema, description === undefined ? {} : { description }, {
        anyOf: [...(offered.anyOf as JsonSchema[]), narrow],
      });
      return;
    }
    for (const value of Object.values(schema)) visit(value);
  };
  visit(items);
}

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
