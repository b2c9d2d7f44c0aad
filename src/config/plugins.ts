/** From the name of a plugin in the config to what is to be loaded, and to options that fit it. */
import { dirname, isAbsolute, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ZodType } from 'zod';
import type * as core from 'zod/v4/core';
import type { StepRead, StepWrite } from '../core/rule.ts';
import { didYouMean, suggestion } from '../core/suggest.ts';
import { type FieldProblem, type Surroundings, within } from '../language/surroundings.ts';
import type { FieldPath } from '../language/template.ts';
import { check } from './check.ts';
import { checkItemCondition } from './conditions.ts';
import { type Context, complain, namesOf } from './context.ts';
import { showGiven } from './explain.ts';
import { type FieldCheck, fieldNameOf } from './field-check.ts';
import {
  type ConfigNode,
  child,
  emptyMap,
  hasUnknown,
  type MapEntry,
  type MapNode,
  type Path,
  section,
  showPath,
  standInsIn,
  toPlain,
} from './node.ts';
import { checkRead, checkValue, hasOptions, hasTemplate, isTaken } from './read-fields.ts';
import { PluginUseSchema } from './schema.ts';
import { checkTemplateData, checkTemplateFields, tellRemarks } from './template-fields.ts';

/** A plugin as the config needs to know it. */
export interface PluginInfo {
  readonly name: string;
  readonly options: ZodType;
  writes?(options: unknown): readonly StepWrite[];
  reads?(options: unknown): readonly StepRead[];
  names?(options: unknown): readonly string[];
  readonly gives?: readonly string[];
}

/**
 * Loads a plugin: a built-in's name, an absolute path, or a package looked up from `fromDir`. Never rejects: what is
 * wrong comes back as a sentence.
 */
export type LoadPlugin = (
  use: string,
  fromDir: string,
) => Promise<PluginInfo | { readonly error: string; readonly hint?: string }>;

export interface PluginContext extends Context {
  readonly loadPlugin: LoadPlugin;
  /** The folder that packages are looked up from. */
  readonly dir: string;
  readonly builtIns: readonly string[];
  /** Names of options that hold a secret: added to as plugins tell them. */
  readonly secrets: Set<string>;
  readonly fields: FieldCheck;
}

/** A plugin's name in the config, followed to what is to be loaded. */
export interface ResolvedPlugin {
  readonly use: string;
  readonly plugin: PluginInfo;
  /** Its entry in `plugins`, where it has one. */
  readonly entry?: { readonly node: ConfigNode; readonly path: Path };
}

export interface PluginTable {
  /** Undefined when there is a problem, which is reported at `path` unless it was before. */
  find(name: string, path: Path, shown?: string): Promise<ResolvedPlugin | undefined>;
  /** Checks the entries of `plugins` that no step uses: as far as it goes without a step's options. */
  checkUnused(): Promise<void>;
}

export function makePluginTable(context: PluginContext): PluginTable {
  const entries = section(context.root, 'plugins');
  const loaded = new Map<string, Promise<ResolvedPlugin | undefined>>();

  const load = async (name: string): Promise<ResolvedPlugin | undefined> => {
    const path = ['plugins', name];
    const node = child(entries, name);
    if (!node) return loadFrom(name, undefined);
    if (node.kind === 'unknown') return undefined;
    if (node.kind !== 'map') {
      complain(
        context,
        'CONFIG_TYPE',
        path,
        `\`${showPath(path)}\` must be a map with \`use\`, given ${showGiven(node)}`,
      );
      return undefined;
    }
    const useNode = child(node, 'use');
    if (!useNode) {
      complain(context, 'CONFIG_MISSING', path, `\`${showPath(path)}.use\` is missing`, {
        hint: 'name a built-in plugin, a path or a package',
      });
      return undefined;
    }
    const use = await check(PluginUseSchema, useNode, { ...context, path: [...path, 'use'] });
    if (use === undefined) return undefined;
    const isPath = /^\.{1,2}([\\/]|$)/.test(use) || isAbsolute(use);
    return loadFrom(isPath ? resolve(dirname(useNode.place.file), use) : use, { node, path });
  };

  const loadFrom = async (
    use: string,
    entry: ResolvedPlugin['entry'],
  ): Promise<ResolvedPlugin | undefined> => {
    const plugin = await context.loadPlugin(use, context.dir);
    if (!('error' in plugin)) return { use, plugin, ...(entry ? { entry } : {}) };
    complain(context, 'CONFIG_PLUGIN_LOAD', entry ? [...entry.path, 'use'] : ['plugins'], plugin.error, {
      hint: didYouMean(use, context.builtIns) ?? plugin.hint,
    });
    return undefined;
  };

  const loadOnce = (name: string) => {
    const promise = loaded.get(name) ?? load(name);
    loaded.set(name, promise);
    return promise;
  };

  return {
    async find(name, path, shown = name) {
      const configured = namesOf(context.root, 'plugins');
      if (configured === undefined) return undefined;
      if (configured.includes(name) || context.builtIns.includes(name)) return loadOnce(name);
      complain(context, 'CONFIG_UNKNOWN_PLUGIN', path, `unknown plugin \`${shown}\``, {
        hint:
          suggestion(name, [...configured, ...context.builtIns], 'known are') ??
          `add it to \`plugins\`: ${shown}: { use: ./path/to/plugin.ts }`,
      });
      return undefined;
    },
    async checkUnused() {
      for (const name of namesOf(context.root, 'plugins') ?? []) {
        if (loaded.has(name)) continue;
        const resolved = await loadOnce(name);
        if (resolved) await checkOptions(context, resolved, undefined, resolved.entry?.path ?? [], true);
      }
    },
  };
}

const NO_NAMES: ReadonlySet<string> = new Set();

export interface CheckedOptions {
  /** As the plugin's schema gives them. */
  readonly parsed: unknown;
  /** As they stand in the file. */
  readonly written: unknown;
  readonly writes: readonly StepWrite[];
  /** What the step gives names to, for those after it, and where each name stands. */
  readonly names: ReadonlyMap<string, Path>;
}

/** The step's options over those of `plugins`, checked with the plugin's schema; each keeps its own place. */
export async function checkOptions(
  context: PluginContext,
  { plugin, entry }: ResolvedPlugin,
  own: MapNode | undefined,
  path: Path,
  partial: boolean,
  /** Whose events the step gets, by name; empty where that can't be known, or there are none. */
  apps: readonly string[] = [],
  /** What templates may name beside the usual: what a step before calls its elements. */
  names: ReadonlySet<string> = NO_NAMES,
  /** What is wrong with a name in `data`; left out: nothing is known of the steps before. */
  dataProblem?: Surroundings['dataProblem'],
): Promise<CheckedOptions | undefined> {
  const paths = new Map<string, Path>();
  const merged = new Map<string, MapEntry>();
  const add = (node: ConfigNode | undefined, base: Path) => {
    if (node?.kind !== 'map') return;
    for (const [key, value] of node.entries) {
      if (key === 'use' && node === entry?.node) continue;
      merged.set(key, value);
      paths.set(key, base);
    }
  };
  add(entry?.node, entry?.path ?? []);
  add(own, path);

  for (const key of markedOptions(plugin.options, 'secret')) context.secrets.add(key);
  const named = checkNames(context, plugin.options, merged, key => [...(paths.get(key) ?? path), key]);
  const options: MapNode = {
    ...emptyMap((own ?? entry?.node ?? context.root).place),
    entries: absolutePaths(plugin.options, merged),
  };
  const result = { failed: false };
  const mentioned: FieldPath[] = [];
  const data: FieldPath[] = [];
  const remarks = new Map<string, FieldProblem>();
  const known = {
    names,
    // Looked up below, where its place can be told.
    fieldProblem: (name: string, parts: readonly unknown[]) => {
      mentioned.push({ name, parts });
      return undefined;
    },
    dataProblem: (name: string, parts: readonly unknown[]) => {
      data.push({ name, parts });
      return undefined;
    },
    remark: (text: string, remark: FieldProblem) => void remarks.set(text, remark),
  };
  const standIns = new Set(standInsIn(options));
  const parsed = await within({ ...known, isStandIn: value => standIns.has(value) }, () =>
    check(plugin.options, options, {
      ...context,
      path,
      partial,
      report: problem => {
        result.failed = true;
        context.report(problem);
      },
      locate: at => {
        const base = at.length > 0 ? paths.get(String(at[0])) : undefined;
        return { root: context.root, path: [...(base ?? path), ...at] };
      },
    }),
  );
  const by = { rule: String(path[1]), apps };
  checkFields(context, plugin.options, options, by, key => [...(paths.get(key) ?? path), key]);
  checkConditions(context, plugin.options, options, by.rule, key => [...(paths.get(key) ?? path), key]);
  const placed = ([key = '', ...rest]: Path): Path => [...(paths.get(String(key)) ?? path), key, ...rest];
  checkTemplateFields(context.fields, mentioned, options, apps, { rule: by.rule, values: [] }, placed);
  tellRemarks(context, remarks, options, placed);
  // What stands in `plugins` is for several rules, and may ask whether a step of this one was there.
  if (own && dataProblem) checkTemplateData(context, data, own, dataProblem, placed);
  if (result.failed || !named || hasUnknown(options)) return undefined;
  const writes = writesOf(plugin, toPlain(options));
  const reads = readsOf(plugin, toPlain(options));
  // What is looked for has the names of what is written, in another place.
  const lookedFor = new Set(reads.flatMap(({ at, compared }) => (compared ? [showPath([...at])] : [])));
  checkWritten(context, writes, options, by, placed, path => lookedFor.has(showPath(path)));
  checkRead(context, context.fields, reads, options, by, placed);
  const given = givenNames(plugin, toPlain(options));
  const placeOf = (name: string): Path => {
    const [key] = [...merged].find(([, { value }]) => value.kind === 'scalar' && value.value === name) ?? [];
    return key === undefined ? path : [...(paths.get(key) ?? path), key];
  };
  return {
    parsed,
    written: asWritten(options),
    writes: writes.map(({ wrong: _, ...write }) => write),
    names: new Map(given.map(name => [name, placeOf(name)])),
  };
}

/**
 * An option that its schema marks with `.meta({ format: 'path' })` is made absolute, from the folder of the file it
 * stands in: a plugin can't know that folder.
 */
function absolutePaths(
  schema: ZodType,
  entries: ReadonlyMap<string, MapEntry>,
): ReadonlyMap<string, MapEntry> {
  const paths = markedOptions(schema, 'path');
  const result = new Map(entries);
  for (const [key, entry] of entries) {
    const { value } = entry;
    if (value.kind !== 'scalar' || typeof value.value !== 'string' || value.value === '' || !paths.has(key))
      continue;
    const path = resolve(dirname(value.place.file), value.value);
    result.set(key, { ...entry, value: { ...value, value: path } });
  }
  return result;
}

/** Of a plugin of somebody else, too: what it says is for the graph alone, so what is wrong with it harms nothing. */
function writesOf(plugin: PluginInfo, options: unknown): readonly StepWrite[] {
  try {
    return plugin.writes?.(options) ?? [];
  } catch {
    return [];
  }
}

function readsOf(plugin: PluginInfo, options: unknown): readonly StepRead[] {
  try {
    return (plugin.reads?.(options) ?? []).filter(read => Array.isArray(read?.at));
  } catch {
    return [];
  }
}

function givenNames(plugin: PluginInfo, options: unknown): readonly string[] {
  try {
    return plugin.names?.(options) ?? [];
  } catch {
    return [];
  }
}

/** Fields that a step writes, and options that it gives them, wherever in its options they stand. */
function checkWritten(
  context: PluginContext,
  writes: readonly StepWrite[],
  options: MapNode,
  by: { readonly rule: string; readonly apps: readonly string[] },
  placed: (path: Path) => Path,
  isElsewhere: (path: Path) => boolean,
): void {
  const { fields } = context;
  const configured = new Set(namesOf(context.root, 'apps'));
  const seen = new Set<string>();
  for (const write of writes) {
    const { app, fields: names = [] } = write;
    const apps = app === undefined ? by.apps : [app].filter(name => configured.has(name));
    for (const name of apps.length > 0 ? names : []) {
      // Made or changed, it is the same field.
      const key = JSON.stringify([app, name]);
      if (seen.has(key)) continue;
      seen.add(key);
      const at = findName(options, name, isElsewhere);
      if (!at) continue;
      const found = fields.anyField({ name, shown: name, atKey: at.isKey }, placed(at.path), apps, {
        rule: by.rule,
        values: [],
      });
      if (found.length > 0 && found.every(({ type }) => type === 'calculation')) {
        complain(
          context,
          'CONFIG_FIELD_VALUE',
          placed(at.path),
          `\`${name}\` is calculated by Podio, so it can’t be written`,
          {
            hint: 'write a field that it is calculated from',
            atKey: at.isKey,
          },
        );
        continue;
      }
      if (!at.isKey) continue;
      // Elsewhere a field's name may stand for another one, as in what is copied.
      const isSet = isDeepStrictEqual(write.values?.[name], toPlain(at.node));
      const isOpen = !found.every(hasOptions) || hasTemplate(at.node);
      const isFine =
        isOpen ||
        (isSet && isTaken(write, at.node, found)) ||
        fields.values(at.node, placed(at.path), found, 'to');
      if (isFine && isSet) checkValue(context, write, at.node, placed(at.path), found);
    }
  }
}

/** Where a field's name stands: as a key, else as a text. */
function findName(
  node: ConfigNode,
  name: string,
  isElsewhere: (path: Path) => boolean,
  path: Path = [],
): { readonly path: Path; readonly node: ConfigNode; readonly isKey: boolean } | undefined {
  if (node.kind === 'map') {
    // The options of the plugin itself are no fields.
    const entry = path.length > 0 ? node.entries.get(name) : undefined;
    if (entry && !isElsewhere([...path, name]))
      return { path: [...path, name], node: entry.value, isKey: true };
    for (const [key, { value }] of node.entries) {
      const found = findName(value, name, isElsewhere, [...path, key]);
      if (found) return found;
    }
  }
  if (node.kind === 'list') {
    for (const [index, item] of node.items.entries()) {
      const found = findName(item, name, isElsewhere, [...path, index]);
      if (found) return found;
    }
  }
  if (node.kind === 'scalar' && path.length > 1 && String(node.value) === name)
    return { path, node, isKey: false };
  return undefined;
}

/** An option that is a field's name, and those that are values of it, looked up in the apps that the rule is about. */
function checkFields(
  { fields }: PluginContext,
  schema: ZodType,
  options: MapNode,
  by: { readonly rule: string; readonly apps: readonly string[] },
  placed: (key: string) => Path,
): void {
  const { rule, apps } = by;
  if (apps.length === 0) return;
  for (const key of markedOptions(schema, 'field')) {
    const node = child(options, key);
    const name = node && fieldNameOf(node);
    if (!name) continue;
    const compared = (['from', 'to'] as const).flatMap(use => [...markedOptions(schema, use)]);
    const values = compared.map(each => child(options, each));
    const found = fields.anyField(name, placed(key), apps, { rule, values });
    for (const use of ['from', 'to'] as const) {
      for (const option of markedOptions(schema, use))
        fields.values(child(options, option), placed(option), found, use);
    }
  }
}

/** Conditions on items, whose fields are those of the app that another option names. */
function checkConditions(
  context: PluginContext,
  schema: ZodType,
  options: MapNode,
  rule: string,
  placed: (key: string) => Path,
): void {
  const configured = namesOf(context.root, 'apps') ?? [];
  const apps = [...markedOptions(schema, 'app')].flatMap(key => {
    const node = child(options, key);
    return node?.kind === 'scalar' && configured.includes(String(node.value)) ? [String(node.value)] : [];
  });
  for (const key of markedOptions(schema, 'itemCondition')) {
    const node = child(options, key);
    if (node) checkItemCondition(context, node, placed(key), rule, apps);
  }
}

/** Options that name something else in the config: what they name has to be there. */
const NAMING = [
  { mark: 'app', section: 'apps', code: 'CONFIG_UNKNOWN_APP' },
  { mark: 'login', section: 'logins', code: 'CONFIG_UNKNOWN_LOGIN' },
] as const;

function checkNames(
  context: PluginContext,
  schema: ZodType,
  entries: ReadonlyMap<string, MapEntry>,
  pathOf: (key: string) => Path,
): boolean {
  let isFine = true;
  for (const { mark, section, code } of NAMING) {
    const known = namesOf(context.root, section);
    for (const key of markedOptions(schema, mark)) {
      const node = entries.get(key)?.value;
      if (node?.kind !== 'scalar' || typeof node.value !== 'string' || node.value === '') continue;
      if (known === undefined || known.includes(node.value)) continue;
      isFine = false;
      complain(context, code, pathOf(key), `unknown ${mark} ${showGiven(node)}`, {
        hint: suggestion(node.value, known, 'configured') ?? `add it to \`${section}\``,
      });
    }
  }
  return isFine;
}

/** What the options of podiod/plugin (`pathOption()`, `secretOption()`, `appOption()` ...) write on a schema. */
const MARKS = {
  app: (meta: Readonly<Record<string, unknown>> | undefined) => meta?.format === 'app',
  login: (meta: Readonly<Record<string, unknown>> | undefined) => meta?.format === 'login',
  path: (meta: Readonly<Record<string, unknown>> | undefined) => meta?.format === 'path',
  secret: (meta: Readonly<Record<string, unknown>> | undefined) => meta?.secret === true,
  field: (meta: Readonly<Record<string, unknown>> | undefined) => meta?.format === 'field',
  from: (meta: Readonly<Record<string, unknown>> | undefined) => meta?.format === 'values-before',
  to: (meta: Readonly<Record<string, unknown>> | undefined) => meta?.format === 'values-after',
  itemCondition: (meta: Readonly<Record<string, unknown>> | undefined) => meta?.format === 'item-condition',
} as const;

/** The options of a plugin that are marked so. */
function markedOptions(schema: core.$ZodType, mark: keyof typeof MARKS): ReadonlySet<string> {
  const { def } = (schema as core.$ZodTypes)._zod;
  const shape = def.type === 'object' ? def.shape : {};
  return new Set(Object.keys(shape).filter(key => isMarked(shape[key] as core.$ZodType, mark)));
}

function isMarked(schema: core.$ZodType, mark: keyof typeof MARKS): boolean {
  if (MARKS[mark]((schema as ZodType).meta?.())) return true;
  const { def } = (schema as core.$ZodTypes)._zod;
  return 'innerType' in def && isMarked(def.innerType as core.$ZodType, mark);
}

/** As it stands in the file: what `${...}` stands for is left out. */
export function asWritten(node: ConfigNode): unknown {
  switch (node.kind) {
    case 'scalar':
      return node.interpolated ? node.text : node.value;
    case 'list':
      return node.items.map(asWritten);
    case 'map':
      return [...node.entries]
        .map(([key, { value }]) => [key, asWritten(value)])
        .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    case 'unknown':
      return undefined;
  }
}
