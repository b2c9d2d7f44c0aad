/** Which fields the apps of an emulated Podio have for a test: those of the catalog, else what the config and the test speak of. */
import type { AppConfig, Config } from '../../config/model.ts';
import { type CatalogField, catalogApp, isThere } from '../../core/catalog.ts';
import type { RuleTest, WrittenItem } from '../../core/rule-test.ts';
import type { NewField, PlannedApp } from '../../emulator/index.ts';
import { fieldsMentioned } from '../demo/podio.ts';

export function plannedApp(config: Config, app: AppConfig, test: RuleTest): PlannedApp {
  const { name, id, token } = app;
  const known = config.catalog && catalogApp(config.catalog, id);
  const head = { name, id, ...(token !== undefined && { token }) };
  if (known) return { ...head, definition: known.fields.filter(isThere).map(asNewField) };

  const fields = fieldsMentioned(config, app);
  const given = new Map<string, unknown[]>();
  for (const item of itemsOf(app, test)) {
    for (const [written, value] of Object.entries(item.fields ?? {})) {
      const field = app.fields[written] ?? written;
      given.set(field, [...(given.get(field) ?? []), ...[value].flat()]);
    }
  }
  // What a test expects to be written there can be written there.
  for (const [name, values] of expectedFields(test.expect))
    given.set(name, [...(given.get(name) ?? []), ...values]);
  for (const name of writtenBy(config, app)) given.set(name, given.get(name) ?? []);
  const definition: NewField[] = [];
  for (const [field, values] of given) {
    const isCompared = (fields[field]?.length ?? 0) > 0;
    if (isCompared || looksUsual(field, values)) {
      const seen = values.filter(value => typeof value === 'string' || typeof value === 'number');
      fields[field] = [...(fields[field] ?? []), ...seen];
    } else {
      delete fields[field];
      if (field !== 'title') definition.push({ externalId: field, ...typeOf(values) });
    }
  }
  return { ...head, fields, ...(definition.length > 0 && { definition }) };
}

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

/** Names of fields that steps write there. */
function writtenBy({ rules }: Config, app: AppConfig): readonly string[] {
  return rules.flatMap(({ steps }) =>
    steps.flatMap(({ writes = [] }) =>
      writes.flatMap(({ app: to, fields = [] }) =>
        to === app.name ? fields.map(field => app.fields[field] ?? field) : [],
      ),
    ),
  );
}

const USUAL = /status|stage|state|phase|priority|category|type|value|amount|price|budget|revenue|cost|total/;

/** What the emulator makes of the name alone is right for these values. */
const looksUsual = (field: string, values: readonly unknown[]): boolean =>
  USUAL.test(field) && values.every(value => typeof value === 'string' || typeof value === 'number');

function typeOf(values: readonly unknown[]): Pick<NewField, 'type' | 'settings'> {
  const [first] = values.filter(value => value !== null && value !== undefined);
  if (typeof first === 'number') return { type: 'number' };
  if (typeof first === 'object' && 'currency' in first) return { type: 'money' };
  if (typeof first === 'object' && 'start' in first) return { type: 'date' };
  if (typeof first === 'string' && /^\d{4}-\d{2}-\d{2}/.test(first)) return { type: 'date' };
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
