/** Builds a world in which what a config speaks of exists, with fields of sensible types. */
import type { FieldType } from './model.ts';
import type { NewField } from './world/apps.ts';
import type { World } from './world/world.ts';

export interface PlannedApp {
  /** As in the config: `leads`. */
  readonly name: string;
  readonly id: number;
  /** Left out: made up. */
  readonly token?: string;
  /** Default: the first planned space, else one that is made. */
  readonly spaceId?: number;
  /** The fields that rules mention, by external id or by field id in digits, with the values seen there. */
  readonly fields?: Readonly<Record<string, readonly (string | number | null)[]>>;
  /** Fields as they are. Without `fields` the app has these and no others. */
  readonly definition?: readonly NewField[];
}

export interface WorldPlan {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly apps: readonly PlannedApp[];
  readonly spaces?: readonly { readonly name: string; readonly id: number }[];
  readonly logins?: readonly {
    readonly name: string;
    readonly username: string;
    readonly password: string;
  }[];
}

/** What a field's name tells of its type; the first that fits. */
const BY_NAME: readonly (readonly [pattern: RegExp, type: FieldType])[] = [
  [/status|stage|state|phase|priority|category|type/, 'category'],
  [/date|deadline|due|birthday|when/, 'date'],
  [/value|amount|price|budget|revenue|cost|total/, 'money'],
  [/progress|probability|percent/, 'progress'],
  [/duration|hours|effort/, 'duration'],
  [/contact|customer|owner|person|responsible/, 'contact'],
  [/e-?mail/, 'email'],
  [/phone|mobile/, 'phone'],
  [/address|location|city/, 'location'],
  [/link|url|website/, 'embed'],
  [/number|count|quantity|score/, 'number'],
];

const STAGES = ['Open', 'Contacted', 'Won', 'Lost'];

/** What every app has, unless the rules mention a field of that type themselves. */
const USUAL: readonly NewField[] = [
  { externalId: 'status', type: 'category', settings: { options: STAGES } },
  { externalId: 'value', type: 'money', settings: { allowed_currencies: ['EUR', 'USD'] } },
  { externalId: 'due-date', type: 'date', settings: { calendar: true, time: 'enabled', end: 'enabled' } },
  { externalId: 'contact', type: 'contact', settings: { type: 'space_contacts' } },
];

function typeOf(externalId: string, values: readonly (string | number)[]): FieldType {
  const [, named] = BY_NAME.find(([pattern]) => pattern.test(externalId)) ?? [];
  if (values.length === 0) return named ?? 'text';
  if (values.every(value => typeof value === 'number'))
    return named === 'money' || named === 'progress' || named === 'duration' ? named : 'number';
  // A rule that compares texts means an option in all but a few cases, and people can move items between options.
  return named === undefined || named === 'money' ? 'category' : named;
}

/** The values that rules wait for, among others, so that there is something to come from and to go to. */
function optionsFor(externalId: string, values: readonly (string | number)[]): readonly string[] {
  const seen = values.map(String);
  const isStage = /status|stage|state|phase/.test(externalId);
  const [first = 'Open', second = 'Contacted', ...ends] = STAGES;
  return [...new Set(isStage ? [first, second, ...seen, ...ends] : [...seen, 'Other', 'None'])];
}

function settingsFor(type: FieldType, externalId: string, values: readonly (string | number)[]) {
  if (type === 'category') return { options: optionsFor(externalId, values) };
  return USUAL.find(field => field.type === type)?.settings ?? {};
}

/** `others`: what the app has besides. */
function fieldsOf(mentioned: PlannedApp['fields'] = {}, others: readonly NewField[] = []): NewField[] {
  const fields = Object.entries(mentioned).map(([name, seen]): NewField => {
    const values = seen.filter(value => value !== null);
    const isId = /^\d+$/.test(name);
    const externalId = isId ? `field-${name}` : name;
    const type = externalId === 'title' ? 'text' : typeOf(externalId, values);
    const settings = settingsFor(type, externalId, values);
    return { externalId, type, settings, ...(isId ? { fieldId: Number(name) } : {}) };
  });
  const all = [...fields, ...others];
  const hasTitle = all.some(({ externalId }) => externalId === 'title');
  const missing = USUAL.filter(
    ({ type, externalId }) => !all.some(field => field.type === type || field.externalId === externalId),
  );
  return [...(hasTitle ? [] : [{ externalId: 'title', type: 'text' } as const]), ...fields, ...missing];
}

const inWords = (name: string): string => {
  const words = name.replaceAll(/[-_]+/g, ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
};

/** Adds everything to `world`; ids and tokens are the plan's. */
export function buildWorld(world: World, plan: WorldPlan): void {
  const { clientId, clientSecret, spaces = [], logins = [], apps } = plan;
  world.addClient({ clientId, clientSecret, name: 'podiod' });
  for (const { name, id } of spaces) world.addSpace({ name: inWords(name), spaceId: id });
  for (const { name, username, password } of logins)
    world.addUser({ name: inWords(name), username, password });
  const home = spaces[0]?.id ?? world.addSpace({ name: 'Example' }).spaceId;
  const fieldsByApp = numbered(
    apps.map(({ fields, definition = [] }) => {
      const names = new Set(definition.map(({ externalId }) => externalId));
      const made = fields || definition.length === 0 ? fieldsOf(fields, definition) : [];
      return [...definition, ...made.filter(({ externalId }) => !names.has(externalId))];
    }),
  );
  for (const [index, { name, id, token, spaceId = home }] of apps.entries()) {
    world.addApp({
      appId: id,
      spaceId,
      name: inWords(name),
      fields: fieldsByApp[index] ?? [],
      ...(token === undefined ? {} : { token }),
    });
  }
}

/** Where some fields have their ids already, those that the world would make up for the others could be the same. */
function numbered(apps: readonly (readonly NewField[])[]): readonly (readonly NewField[])[] {
  const given = apps.flat().flatMap(({ fieldId }) => (fieldId === undefined ? [] : [fieldId]));
  if (given.length === 0) return apps;
  let last = Math.max(...given);
  return apps.map(fields => fields.map(field => ({ ...field, fieldId: field.fieldId ?? ++last })));
}
