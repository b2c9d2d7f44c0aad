/** Which fields the apps of an emulated Podio have: those of the catalog, else what the config and its tests speak of. */
import type { AppConfig, Config } from '../../config/model.ts';
import { type CatalogField, catalogApp, isThere } from '../../core/catalog.ts';
import { type FieldValue, hookedBy } from '../../core/rule.ts';
import type { RuleTest, WrittenItem } from '../../core/rule-test.ts';
import type { NewField, PlannedApp } from '../../emulator/index.ts';
import { isRelative } from '../../language/moment.ts';

/** For one test: where there is a catalog the app has what stands there and nothing else. */
export function plannedApp(config: Config, app: AppConfig, test: RuleTest): PlannedApp {
  const known = definitionOf(config, app);
  // What other tests speak of is there as well: a search for it finds nothing, and does not fail.
  const others = (config.tests ?? []).filter(one => one !== test);
  return known ? { ...headOf(app), definition: known } : spokenOf(config, app, [test, ...others]);
}

/**
 * For a Podio to try a config with: what the catalog has, and whatever else the config names, so that a rule can be run that is
 * newer than the catalog. It is `podiod check` that tells of a name which the real app lacks.
 */
export function appToTry(config: Config, app: AppConfig): PlannedApp {
  const { tests = [], fieldUses } = config;
  const { fields: spoken = {}, definition: typed = [] } = spokenOf(config, app, tests);
  const dates = datesOf(config, app);
  const fields: Record<string, readonly (string | number | null)[]> = { ...spoken };
  for (const { app: name, field, values } of fieldUses)
    if (name === app.name) fields[field] = [...(fields[field] ?? []), ...values];
  const definition = [...typed];
  for (const name of Object.keys(fields)) {
    const isTyped = typed.some(({ externalId }) => externalId === name);
    const isDate = dates.has(name);
    if (isDate && !isTyped) definition.push({ ...named(name), type: 'date' });
    if (isTyped || isDate) delete fields[name];
  }
  const known = definitionOf(config, app);
  if (!known) return { ...headOf(app), fields, definition };

  const isKnown = (name: string) =>
    known.some(({ externalId, fieldId }) => externalId === name || String(fieldId) === name);
  const newer = Object.fromEntries(Object.entries(fields).filter(([name]) => !isKnown(name)));
  return {
    ...headOf(app),
    ...(Object.keys(newer).length > 0 && { fields: newer }),
    definition: [...known, ...definition.filter(({ externalId }) => !isKnown(externalId))],
  };
}

/** A field that is named by its id has that one. */
const named = (name: string) =>
  /^\d+$/.test(name) ? { externalId: `field-${name}`, fieldId: Number(name) } : { externalId: name };

/** Those that `on: { date }` goes by. */
const datesOf = ({ rules }: Config, app: AppConfig): ReadonlySet<string> =>
  new Set(
    rules.flatMap(({ triggers }) =>
      triggers.flatMap(trigger =>
        trigger.kind === 'date' && trigger.apps.includes(app.name)
          ? [app.fields[trigger.field] ?? trigger.field]
          : [],
      ),
    ),
  );

const definitionOf = ({ catalog }: Config, { id }: AppConfig): readonly NewField[] | undefined =>
  catalog && catalogApp(catalog, id)?.fields.filter(isThere).sort(byPlace).map(asNewField);

/** Podio takes an item's title from the app's first text. The catalog goes by name; ids go by when a field was made. */
const byPlace = (a: CatalogField, b: CatalogField): number =>
  Number(b.externalId === 'title') - Number(a.externalId === 'title') || a.id - b.id;

const headOf = ({ name, id, token }: AppConfig) => ({ name, id, ...(token !== undefined && { token }) });

/** Of an app that no catalog knows: what rules and these tests say of it. */
function spokenOf(config: Config, app: AppConfig, tests: readonly RuleTest[]): PlannedApp {
  const fields = fieldsMentioned(config, app);
  const given = new Map<string, readonly unknown[]>();
  const references = new Set<string>();
  for (const test of tests) {
    const items = namesOf(test);
    const refers = (field: string, values: readonly unknown[]): void => {
      const isOne = (value: unknown) => typeof value === 'string' && items.has(value);
      if (field !== 'title' && values.length > 0 && values.every(isOne)) references.add(field);
    };
    for (const item of itemsOf(app, test)) {
      for (const [written, value] of Object.entries(item.fields ?? {})) {
        const field = app.fields[written] ?? written;
        given.set(field, [...(given.get(field) ?? []), ...[value].flat()]);
        refers(field, [value].flat());
      }
    }
    // What a test expects to be written there can be written there.
    for (const [name, values] of expectedFields(test.expect)) {
      given.set(name, [...(given.get(name) ?? []), ...values]);
      refers(name, values);
    }
  }
  for (const [name, values] of writtenBy(config, app)) {
    // What a step writes there can be written there. Of an amount its name tells more than a text like `5 EUR`.
    if (OPTIONS.test(name)) given.set(name, [...(given.get(name) ?? []), ...values]);
    else if (!given.has(name)) given.set(name, USUAL.test(name) ? [] : values);
  }
  const definition: NewField[] = [];
  for (const [field, values] of given) {
    const isCompared = (fields[field]?.length ?? 0) > 0;
    if (references.has(field) && !isCompared) {
      delete fields[field];
      definition.push({ externalId: field, type: 'app' });
    } else if (isCompared || looksUsual(field, values)) {
      const seen = values.filter(value => typeof value === 'string' || typeof value === 'number');
      fields[field] = [...(fields[field] ?? []), ...seen];
    } else {
      delete fields[field];
      if (field !== 'title') definition.push({ externalId: field, ...typeOf(field, values) });
    }
  }
  // Podio takes the first text for the title, and what is given with its type comes first.
  return {
    ...headOf(app),
    fields,
    ...(definition.length > 0 && { definition: [{ externalId: 'title', type: 'text' }, ...definition] }),
  };
}

/** What the test calls its items by: a field that holds one refers to it. */
const namesOf = ({ given, when }: RuleTest): ReadonlySet<string> =>
  new Set([
    ...Object.keys(given),
    ...when.flatMap(deed => (deed.kind === 'create' && deed.as !== undefined ? [deed.as] : [])),
  ]);

/** Items of the app that the test speaks of. */
export function* itemsOf(app: AppConfig, { given, when }: RuleTest): Generator<WrittenItem> {
  const appOf = new Map(Object.entries(given).map(([name, item]) => [name, item.app]));
  for (const item of Object.values(given)) if (item.app === app.name) yield item;
  for (const deed of when) {
    if (deed.kind === 'create') {
      if (deed.as !== undefined) appOf.set(deed.as, deed.app);
      if (deed.app === app.name) yield deed;
    } else if (deed.kind === 'update' && appOf.get(deed.item) === app.name) yield deed;
  }
}

/** Every `fields` of something that is expected to be sent. */
function* expectedFields(part: unknown): Generator<readonly [name: string, values: readonly unknown[]]> {
  if (typeof part !== 'object' || part === null) return;
  for (const [key, value] of Object.entries(part)) {
    if (key === 'fields' && typeof value === 'object' && value !== null) {
      for (const [name, held] of Object.entries(value)) {
        const values = [held].flat().filter(one => typeof one !== 'object');
        if (values.length > 0) yield [name, values];
      }
    } else yield* expectedFields(value);
  }
}

/** The fields that steps write there, with what they are set to as far as the config says it. */
function writtenBy({ rules }: Config, app: AppConfig): ReadonlyMap<string, readonly unknown[]> {
  const written = new Map<string, readonly unknown[]>();
  for (const { app: to, fields = [], values = {} } of rules.flatMap(({ steps }) =>
    steps.flatMap(({ writes = [] }) => writes),
  )) {
    if (to !== app.name) continue;
    for (const field of fields) {
      const name = app.fields[field] ?? field;
      const literal = [values[field]].flat().filter(value => value !== undefined && !isTemplate(value));
      written.set(name, [...(written.get(name) ?? []), ...literal]);
    }
  }
  return written;
}

const isTemplate = (value: unknown): boolean => /\{\{|\{%/.test(JSON.stringify(value));

const OPTIONS = /status|stage|state|phase|priority|category|type/;
const USUAL = new RegExp(`${OPTIONS.source}|value|amount|price|budget|revenue|cost|total`);
const DATES = /(?:^|-)(?:date|deadline|due|birthday)(?:-|$)/;

/** What the emulator makes of the name alone is right for these values. */
const looksUsual = (field: string, values: readonly unknown[]): boolean =>
  USUAL.test(field) && values.every(value => typeof value === 'string' || typeof value === 'number');

function typeOf(field: string, values: readonly unknown[]): Pick<NewField, 'type' | 'settings'> {
  const [first] = values.filter(value => value !== null && value !== undefined);
  if (first === undefined && DATES.test(field)) return { type: 'date' };
  if (typeof first === 'number') return { type: 'number' };
  if (typeof first === 'object' && 'currency' in first) return { type: 'money' };
  if (typeof first === 'object' && 'start' in first) return { type: 'date' };
  if (typeof first === 'string' && (/^\d{4}-\d{2}-\d{2}/.test(first) || isRelative(first)))
    return { type: 'date' };
  if (typeof first === 'string' && URL.canParse(first)) return { type: 'embed' };
  return { type: 'text' };
}

function asNewField(field: CatalogField): NewField {
  const {
    id: fieldId,
    externalId,
    label,
    type,
    options,
    multiple,
    currencies,
    apps,
    returnType,
    format,
    time,
    end,
  } = field;
  return {
    fieldId,
    externalId,
    label,
    type: type as NewField['type'],
    settings: {
      ...(options && {
        options: options.map(({ id, text }) => ({ id, text, status: 'active', color: 'DCEBD8' })),
      }),
      ...(multiple !== undefined && { multiple }),
      ...(currencies && { allowed_currencies: [...currencies] }),
      ...(apps && { referenced_apps: apps.map(app_id => ({ app_id })) }),
      ...(returnType !== undefined && { return_type: returnType }),
      ...(format !== undefined && { format }),
      ...(time !== undefined && { time }),
      ...(end !== undefined && { end }),
    },
  };
}

/** The fields of an app that triggers speak of, with the values they wait for. */
function fieldsMentioned(config: Config, app: AppConfig): Record<string, (string | number | null)[]> {
  const fields: Record<string, (string | number | null)[]> = {};
  const mention = (name: string, values: readonly FieldValue[] = []) => {
    const externalId = app.fields[name] ?? name;
    const seen = values.filter(
      value => value === null || typeof value === 'string' || typeof value === 'number',
    );
    fields[externalId] = [...(fields[externalId] ?? []), ...seen];
  };
  for (const externalId of Object.values(app.fields)) mention(externalId);
  for (const { triggers, steps } of config.rules) {
    const watches = triggers.filter(trigger => hookedBy(trigger)?.apps.includes(app.name));
    if (watches.length === 0) continue;
    for (const trigger of watches) {
      if (trigger.kind === 'lasted') mention(trigger.field, [...(trigger.from ?? []), ...trigger.to]);
      if (trigger.kind !== 'app') continue;
      for (const { field, from, to } of trigger.fields ?? [])
        mention(field, [...(from ?? []), ...(to ?? [])]);
    }
    for (const { use, options } of steps) {
      if (use !== 'field-change-filter') continue;
      const { field, from, to } = options as {
        field: string | number;
        from?: FieldValue | FieldValue[];
        to?: FieldValue | FieldValue[];
      };
      mention(String(field), [from ?? [], to ?? []].flat());
    }
  }
  return fields;
}
