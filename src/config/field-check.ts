/** Fields that rules name, their options and types, looked up in the catalog. */
import {
  type Catalog,
  type CatalogApp,
  type CatalogField,
  catalogApp,
  catalogField,
  isThere,
} from '../core/catalog.ts';
import type { Place } from '../core/diagnostic.ts';
import { partFault } from '../core/field-parts.ts';
import type { FieldUse } from '../core/field-use.ts';
import type { FieldValue } from '../core/rule.ts';
import { type Context, complain, each } from './context.ts';
import { showGiven } from './explain.ts';
import { meantField, nameOf, valueProblem } from './field-values.ts';
import { guessField } from './guesses.ts';
import {
  type ConfigNode,
  child,
  keyPlaceAt,
  type Path,
  placeAt,
  section,
  standInsIn,
  toPlain,
} from './node.ts';

export interface FieldCheck {
  /**
   * A field that every one of these apps must have. Answers what it is in each that has it, for the values it is compared
   * with.
   */
  field(node: FieldName, path: Path, apps: readonly string[], by?: UsedBy): readonly CatalogField[];
  /** A field that one of these apps must have: what a step looks at in whatever comes. */
  anyField(node: FieldName, path: Path, apps: readonly string[], by?: UsedBy): readonly CatalogField[];
  /** What is asked of a field's value: some of these, which it is by the catalog, must have that. */
  parts(name: FieldName, parts: readonly unknown[], path: Path, fields: readonly CatalogField[]): void;
  /** What it is in each of these apps that has it; nothing is told and nothing is recorded. */
  peek(name: string, apps: readonly string[]): readonly CatalogField[];
  /** One value or a list of alternatives that is compared with a field. False where one can never be. */
  values(
    node: ConfigNode | undefined,
    path: Path,
    fields: readonly CatalogField[],
    use: 'from' | 'to',
  ): boolean;
  /** What `apps.*.fields` says. */
  aliases(): void;
  /** Every field that was asked for, with its place. */
  uses(): readonly PlacedUse[];
  /** How many times a field is named while there is no catalog to look it up in. */
  unchecked(): number;
}

/** Who names a field, and what it is compared with there. Left out: the rule that the path leads through, and nothing. */
export interface UsedBy {
  readonly rule: string;
  readonly values: readonly (ConfigNode | undefined)[];
}

export interface PlacedUse extends Omit<FieldUse, 'file' | 'line'> {
  readonly place: Place;
}

/** A field's name in a value, or as a key. */
export interface FieldName {
  readonly name: string;
  /** As people may see it. */
  readonly shown: string;
  readonly atKey?: boolean;
  /** Where it stands inside of a longer text. */
  readonly place?: Place | undefined;
}

export function fieldNameOf(node: ConfigNode): FieldName | undefined {
  if (node.kind !== 'scalar' || (typeof node.value !== 'string' && typeof node.value !== 'number'))
    return undefined;
  return { name: String(node.value), shown: node.interpolated ? node.text : String(node.value) };
}

export function makeFieldCheck(context: Context, catalog: Catalog | undefined): FieldCheck {
  const appsNode = section(context.root, 'apps');
  const toldMissing = new Set<string>();
  const uses: PlacedUse[] = [];
  let unchecked = 0;

  const aliasesOf = (app: string): ReadonlyMap<string, string> => {
    const fields = child(child(appsNode, app), 'fields');
    if (fields?.kind !== 'map') return new Map();
    return new Map(
      [...fields.entries].flatMap(([alias, { value }]) =>
        value.kind === 'scalar' && typeof value.value === 'string' ? [[alias, value.value] as const] : [],
      ),
    );
  };

  /** Undefined where there is nothing to look it up in. */
  const known = (app: string): CatalogApp | undefined => {
    const id = child(child(appsNode, app), 'id');
    // What is no id at all is told by the schema.
    if (!catalog || id?.kind !== 'scalar' || !(Number(id.value) > 0)) return undefined;
    const found = id.standIn ? catalog.apps.get(app) : catalogApp(catalog, Number(id.value));
    if (!found && !toldMissing.has(app)) {
      toldMissing.add(app);
      complain(
        context,
        'CONFIG_CATALOG',
        ['apps', app],
        `the catalog does not have the app \`${app}\`, so its fields are not checked`,
        {
          severity: 'warning',
          hint: '`podiod pull` reads it',
          atKey: true,
        },
      );
    }
    return found;
  };

  const record = (
    { name, atKey = false, place: inside }: FieldName,
    path: Path,
    apps: readonly string[],
    { rule, values }: UsedBy = { rule: String(path[1]), values: [] },
  ) => {
    const place = inside ?? (atKey ? keyPlaceAt : placeAt)(context.root, path);
    const compared = values
      .flatMap(node => each(node, []))
      .flatMap(({ node }) => {
        const value = node.kind === 'scalar' ? node.value : null;
        return typeof value === 'string' || typeof value === 'number' ? [value] : [];
      });
    for (const app of apps)
      uses.push({ rule, app, field: aliasesOf(app).get(name) ?? name, place, values: compared });
  };

  /** By app: the field, undefined where the app has none of this name. Apps that can't be looked up are left out. */
  const lookUp = (name: string, apps: readonly string[]) => {
    if (!catalog) unchecked += 1;
    const found = new Map<string, CatalogField | undefined>();
    for (const app of apps) {
      const definition = known(app);
      if (!definition) continue;
      const externalId = aliasesOf(app).get(name);
      const field = catalogField(definition, externalId ?? name);
      // An alias that leads nowhere is told where it stands.
      if (field || externalId === undefined) found.set(app, field);
    }
    return found;
  };

  const unknown = ({ name, shown }: FieldName, apps: readonly string[]) => {
    const [first = ''] = apps;
    const definition = known(first);
    const gone = definition?.fields.find(
      field => !isThere(field) && (field.externalId === name || String(field.id) === name),
    );
    const of =
      apps.length === 1 ? `the app \`${first}\`` : `the apps ${apps.map(app => `\`${app}\``).join(', ')}`;
    const message = gone
      ? `the field \`${shown}\` of ${of} was deleted`
      : `\`${shown}\` is no field of ${of}`;
    const meant = meantField(name, definition?.fields.filter(isThere) ?? [], [...aliasesOf(first).keys()]);
    return { message, hint: meant ?? 'where Podio has it by now: `podiod pull`' };
  };

  const complainUnknown = (name: FieldName, path: Path, apps: readonly string[]) => {
    const { message, hint } = unknown(name, apps);
    complain(context, 'CONFIG_UNKNOWN_FIELD', path, message, {
      hint: guessField(name.name, path) ?? hint,
      atKey: name.atKey ?? false,
      place: name.place,
    });
  };

  /** None where one of the apps can't be looked up: what its field takes is not known. */
  const fieldsIn = (found: ReadonlyMap<string, CatalogField | undefined>, apps: readonly string[]) =>
    found.size < new Set(apps).size ? [] : [...found.values()].filter(field => field !== undefined);

  return {
    field(name, path, apps, by) {
      record(name, path, apps, by);
      const found = lookUp(name.name, apps);
      const lacking = [...found].flatMap(([app, field]) => (field ? [] : [app]));
      if (lacking.length > 0) complainUnknown(name, path, lacking);
      return fieldsIn(found, apps);
    },
    parts({ name, atKey, place }, parts, path, fields) {
      const faults = fields.flatMap(field => {
        const fault = partFault(field, parts);
        return fault ? [{ field, fault }] : [];
      });
      const told = faults.find(({ fault }) => fault.mayBe) ?? faults[0];
      if (told === undefined || faults.length < fields.length) return;
      const { field, fault } = told;
      const named = parts.slice(0, fault.at + 1).filter(part => typeof part === 'string');
      const asked = `\`${[name, ...named].join('.')}\``;
      const isReferred = field.type === 'app' && fault.part === 'fields';
      const what = `${nameOf(field)} is of type ${field.type}`;
      complain(
        context,
        'CONFIG_UNKNOWN_FIELD',
        path,
        fault.mayBe
          ? `${what}, of which no part \`${fault.part}\` is known: ${asked} is empty unless Podio tells it`
          : `${what}, which has no part \`${fault.part}\`: ${asked} is always empty`,
        {
          hint: isReferred
            ? 'the fields of an item that is referred to are not read with it: `podio-find` reads them'
            : fault.near !== undefined
              ? `did you mean \`${fault.near}\`?`
              : `its parts are: ${fault.known.join(', ')}`,
          severity: fault.mayBe ? 'warning' : 'error',
          atKey: atKey ?? false,
          place,
        },
      );
    },
    peek(name, apps) {
      const all = apps.map(known);
      if (all.includes(undefined)) return [];
      return apps.flatMap((app, n) => {
        const definition = all[n];
        return (definition && catalogField(definition, aliasesOf(app).get(name) ?? name)) ?? [];
      });
    },
    anyField(name, path, apps, by) {
      record(name, path, apps, by);
      const found = lookUp(name.name, apps);
      const fields = fieldsIn(found, apps);
      // An app that can't be looked up may have it.
      if (fields.length === 0 && found.size > 0 && found.size === apps.length)
        complainUnknown(name, path, [...found.keys()]);
      return fields;
    },
    values(node, path, fields, use) {
      let isFine = true;
      for (const { node: one, path: at } of each(node, path)) {
        if (one.kind === 'list' || one.kind === 'unknown' || fields.length === 0) continue;
        if (standInsIn(one).next().done !== true) continue;
        const value = toPlain(one) as FieldValue;
        const problems = fields.map(field => valueProblem(field, value, use));
        const [first] = problems;
        if (first === undefined || problems.some(problem => problem === undefined)) continue;
        isFine = false;
        complain(context, first.code, at, `${showValue(one)} ${first.words}`, { hint: first.hint });
      }
      return isFine;
    },
    aliases() {
      if (appsNode?.kind !== 'map') return;
      for (const app of appsNode.entries.keys()) {
        for (const [alias, externalId] of aliasesOf(app)) {
          if (!catalog) unchecked += 1;
          const definition = known(app);
          if (!definition || catalogField(definition, externalId)) continue;
          const path = ['apps', app, 'fields', alias];
          const node = child(child(child(appsNode, app), 'fields'), alias);
          const name = (node && fieldNameOf(node)) ?? { name: externalId, shown: externalId };
          complainUnknown(name, path, [app]);
        }
      }
    },
    uses: () => uses,
    unchecked: () => unchecked,
  };
}

const showValue = (node: ConfigNode): string => (node.kind === 'map' ? 'this amount' : showGiven(node));
