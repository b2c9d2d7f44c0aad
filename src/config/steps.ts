import { createHash } from 'node:crypto';
import { dirname, isAbsolute, resolve } from 'node:path';
import type { ZodType, z } from 'zod';
import type * as core from 'zod/v4/core';
import type { DeliveryPolicy, Step } from '../core/rule.ts';
import { check } from './check.ts';
import { type Context, complain, namesOf } from './context.ts';
import { showGiven } from './explain.ts';
import {
  type ConfigNode,
  child,
  emptyMap,
  type MapEntry,
  type MapNode,
  type Path,
  section,
  showPath,
} from './node.ts';
import { reservedKey } from './reserved.ts';
import { NAME, PluginUseSchema, type StepDeliverySchema, StepHeadSchema } from './schema.ts';
import { didYouMean, suggestion } from './suggest.ts';

/** A plugin as the config needs to know it. */
export interface PluginInfo {
  readonly name: string;
  readonly options: ZodType;
}

/**
 * Loads a plugin: a built-in's name, an absolute path, or a package looked up from `fromDir`. Never rejects: what is
 * wrong comes back as a sentence.
 */
export type LoadPlugin = (
  use: string,
  fromDir: string,
) => Promise<PluginInfo | { readonly error: string; readonly hint?: string }>;

export interface StepContext extends Context {
  readonly loadPlugin: LoadPlugin;
  /** The folder that packages are looked up from. */
  readonly dir: string;
  readonly builtIns: readonly string[];
  /** Names of options that hold a secret: added to as plugins tell them. */
  readonly secrets: Set<string>;
}

/** A plugin's name in the config, followed to what is to be loaded. */
interface Resolved {
  readonly use: string;
  readonly plugin: PluginInfo;
  /** Its entry in `plugins`, where it has one. */
  readonly entry?: { readonly node: ConfigNode; readonly path: Path };
}

export interface PluginTable {
  /** Undefined when there is a problem, which is reported at `path` unless it was before. */
  find(name: string, path: Path): Promise<Resolved | undefined>;
  /** Checks the entries of `plugins` that no step uses: as far as it goes without a step's options. */
  checkUnused(): Promise<void>;
}

const HEAD = new Set(Object.keys(StepHeadSchema.shape));
const isHead = (key: string) => HEAD.has(key) || key === 'when';

export function makePluginTable(context: StepContext): PluginTable {
  const entries = section(context.root, 'plugins');
  const loaded = new Map<string, Promise<Resolved | undefined>>();

  const load = async (name: string): Promise<Resolved | undefined> => {
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

  const loadFrom = async (use: string, entry: Resolved['entry']): Promise<Resolved | undefined> => {
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
    async find(name, path) {
      const configured = namesOf(context.root, 'plugins');
      if (configured === undefined) return undefined;
      if (configured.includes(name) || context.builtIns.includes(name)) return loadOnce(name);
      complain(context, 'CONFIG_UNKNOWN_PLUGIN', path, `unknown plugin \`${name}\``, {
        hint:
          suggestion(name, [...configured, ...context.builtIns], 'known are') ??
          `add it to \`plugins\`: ${name}: { use: ./path/to/plugin.ts }`,
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

type StepPolicy = z.output<typeof StepDeliverySchema>;

/** Resolves the steps of a rule. Undefined when one has a problem (reported) or can't be known. */
export async function resolveSteps(
  context: StepContext,
  plugins: PluginTable,
  node: ConfigNode,
  path: Path,
  policy: (step: StepPolicy) => DeliveryPolicy,
): Promise<{ readonly steps: readonly Step[]; readonly fingerprint: string } | undefined> {
  if (node.kind === 'unknown') return undefined;
  if (node.kind !== 'list' || node.items.length === 0) {
    const given = node.kind === 'list' ? 'an empty one' : showGiven(node);
    complain(
      context,
      'CONFIG_TYPE',
      path,
      `\`${showPath(path)}\` must be a list of one step or more, given ${given}`,
      {
        hint: 'write each step as `- plugin` or `- plugin: { option: value }`',
      },
    );
    return undefined;
  }
  const found: (Draft | undefined)[] = [];
  for (const [index, item] of node.items.entries()) {
    found.push(await resolveStep(context, plugins, item, [...path, index], policy));
  }
  const names = nameSteps(context, found, node.items, path);
  const drafts = found.filter(draft => draft !== undefined);
  if (drafts.length < found.length || names === undefined) return undefined;
  const steps = drafts.map(({ step }, index) => ({ ...step, name: names[index] as string }));
  const identity = drafts.map(({ step, written }, index) => [names[index], step.use, step.onError, written]);
  const fingerprint = createHash('sha256').update(JSON.stringify(identity)).digest('base64url').slice(0, 16);
  return { steps, fingerprint };
}

interface Draft {
  readonly id: string | undefined;
  readonly step: Omit<Step, 'name'>;
  /** The options as they stand in the file: a changed secret does not make another step of it, nor is it hashed. */
  readonly written: unknown;
}

async function resolveStep(
  context: StepContext,
  plugins: PluginTable,
  node: ConfigNode,
  path: Path,
  policy: (step: StepPolicy) => DeliveryPolicy,
): Promise<Draft | undefined> {
  if (node.kind === 'unknown') return undefined;
  if (node.kind === 'scalar' && typeof node.value === 'string') {
    const resolved = await plugins.find(node.value, path);
    const options =
      resolved && (await checkOptions(context, resolved, undefined, [...path, node.value], false));
    if (!options) return undefined;
    return {
      id: undefined,
      step: {
        plugin: node.value,
        use: resolved.use,
        options: options.parsed,
        onError: 'park',
        delivery: policy({}),
      },
      written: options.written,
    };
  }
  if (node.kind !== 'map') {
    complain(
      context,
      'CONFIG_TYPE',
      path,
      `a step must be a plugin's name or a map, given ${showGiven(node)}`,
    );
    return undefined;
  }
  const keys = [...node.entries.keys()].filter(key => !isHead(key));
  const head = await check(StepHeadSchema, node, {
    ...context,
    path,
    ignore: new Set(keys),
    onUnknownKey: reservedKey,
  });
  const plugin = await onePlugin(context, node, keys, path);
  if (plugin === undefined) return undefined;

  const entry = node.entries.get(plugin);
  const given = entry?.value;
  // The options are checked even where the rest has a problem: all problems at once.
  const resolved = await plugins.find(plugin, keyOf(path, plugin));
  if (!resolved || !given || given.kind === 'unknown') return undefined;
  const own = given.kind === 'map' ? given : undefined;
  const isEmpty = given.kind === 'scalar' && given.value === null;
  if (!own && !isEmpty) {
    complain(
      context,
      'CONFIG_TYPE',
      [...path, plugin],
      `\`${showPath([...path, plugin])}\` must be a map of options, given ${showGiven(given)}`,
    );
    return undefined;
  }
  const options = await checkOptions(context, resolved, own, [...path, plugin], false);
  if (!options || !head) return undefined;
  return {
    id: head.id,
    step: {
      plugin,
      use: resolved.use,
      options: options.parsed,
      onError: head.onError,
      delivery: policy(head.delivery ?? {}),
    },
    written: options.written,
  };
}

const keyOf = (path: Path, key: string): Path => [...path, key];

/** The one key of a step that names a plugin. */
async function onePlugin(
  context: StepContext,
  node: MapNode,
  keys: readonly string[],
  path: Path,
): Promise<string | undefined> {
  const configured = namesOf(context.root, 'plugins');
  const known = new Set([...(configured ?? []), ...context.builtIns]);
  const [first] = keys;
  if (first !== undefined && keys.length === 1) return first;
  if (configured === undefined) return undefined;
  if (first === undefined) {
    complain(context, 'CONFIG_STEP', path, `\`${showPath(path)}\` names no plugin`, {
      hint: `plugins: ${[...known].join(', ')}`,
    });
    return undefined;
  }
  const meant = keys.filter(key => known.has(key));
  const [plugin] = meant;
  const strangers = keys.filter(key => !known.has(key));
  const value = plugin === undefined ? undefined : child(node, plugin);
  if (plugin !== undefined && meant.length === 1 && value?.kind === 'scalar' && value.value === null) {
    // - slack-notifier:
    //   text: ...          the option stands beside the plugin
    complain(
      context,
      'CONFIG_STEP',
      [...path, strangers[0] as string],
      `\`${strangers[0]}\` is not inside \`${plugin}\``,
      {
        hint: `indent the options of ${plugin} further than its name`,
        atKey: true,
      },
    );
    return undefined;
  }
  if (plugin !== undefined && meant.length === 1) {
    for (const key of strangers) {
      complain(context, 'CONFIG_STEP', [...path, key], `unknown key \`${key}\` in \`${showPath(path)}\``, {
        hint:
          didYouMean(key, HEAD) ?? `options stand inside \`${plugin}\`; a step of its own starts with \`- \``,
        atKey: true,
      });
    }
    return plugin;
  }
  complain(context, 'CONFIG_STEP', path, `a step has one plugin, this one has ${keys.join(' and ')}`, {
    hint: 'make a step of its own for each, starting with `- `',
  });
  return undefined;
}

/** The step's options over those of `plugins`, checked with the plugin's schema; each keeps its own place. */
async function checkOptions(
  context: StepContext,
  { plugin, entry }: Resolved,
  own: MapNode | undefined,
  path: Path,
  partial: boolean,
): Promise<{ parsed: unknown; written: unknown } | undefined> {
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
  const options: MapNode = {
    ...emptyMap((own ?? entry?.node ?? context.root).place),
    entries: absolutePaths(plugin.options, merged),
  };
  const result = { failed: false };
  const parsed = await check(plugin.options, options, {
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
  });
  if (result.failed || hasUnknown(options)) return undefined;
  return { parsed, written: asWritten(options) };
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

/** What `pathOption()` and `secretOption()` of podiod/plugin write on a schema. */
const MARKS = {
  path: (meta: Readonly<Record<string, unknown>> | undefined) => meta?.format === 'path',
  secret: (meta: Readonly<Record<string, unknown>> | undefined) => meta?.secret === true,
} as const;

/** The options of a plugin that are marked so. */
export function markedOptions(schema: core.$ZodType, mark: keyof typeof MARKS): ReadonlySet<string> {
  const { def } = (schema as core.$ZodTypes)._zod;
  const shape = def.type === 'object' ? def.shape : {};
  return new Set(Object.keys(shape).filter(key => isMarked(shape[key] as core.$ZodType, mark)));
}

function isMarked(schema: core.$ZodType, mark: keyof typeof MARKS): boolean {
  if (MARKS[mark]((schema as ZodType).meta?.())) return true;
  const { def } = (schema as core.$ZodTypes)._zod;
  return 'innerType' in def && isMarked(def.innerType as core.$ZodType, mark);
}

function asWritten(node: ConfigNode): unknown {
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

function hasUnknown(node: ConfigNode): boolean {
  if (node.kind === 'list') return node.items.some(hasUnknown);
  return node.kind === 'map'
    ? [...node.entries.values()].some(({ value }) => hasUnknown(value))
    : node.kind === 'unknown';
}

/** `id`, else the plugin's name, with `-2` ... among equals. */
function nameSteps(
  context: Context,
  drafts: readonly (Draft | undefined)[],
  nodes: readonly ConfigNode[],
  path: Path,
): readonly string[] | undefined {
  const taken = new Map<string, number>();
  let unique = true;
  for (const [index, node] of nodes.entries()) {
    const id = child(node, 'id');
    if (id?.kind !== 'scalar' || typeof id.value !== 'string' || !NAME.test(id.value)) continue;
    const first = taken.get(id.value);
    if (first === undefined) taken.set(id.value, index);
    else {
      unique = false;
      const firstId = child(nodes[first], 'id');
      complain(
        context,
        'CONFIG_DUPLICATE_NAME',
        [...path, index, 'id'],
        `the step id ${showGiven(id)} is given twice in this rule`,
        {
          hint: 'rename one of them',
          ...(firstId ? { related: { place: firstId.place, message: 'first here' } } : {}),
        },
      );
    }
  }
  if (!unique) return undefined;
  const used = new Set(taken.keys());
  return drafts.map(draft => {
    if (draft?.id !== undefined || !draft) return draft?.id ?? '';
    let name = draft.step.plugin;
    for (let n = 2; used.has(name); n++) name = `${draft.step.plugin}-${n}`;
    used.add(name);
    return name;
  });
}
