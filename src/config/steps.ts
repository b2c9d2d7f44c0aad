import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { fingerprintOf } from '../core/fingerprint.ts';
import type { DeliveryPolicy, Step } from '../core/rule.ts';
import { didYouMean, suggestion } from '../core/suggest.ts';
import type { Occasion } from '../language/condition/foreseen.ts';
import { isName } from '../language/names.ts';
import { type Surroundings, within } from '../language/surroundings.ts';
import { check } from './check.ts';
import { resolveCondition } from './conditions.ts';
import { type Context, complain, namesOf } from './context.ts';
import { showGiven } from './explain.ts';
import { guess } from './guesses.ts';
import { type ConfigNode, child, type MapNode, type Path, showPath } from './node.ts';
import { asWritten, checkOptions, type PluginContext, type PluginTable } from './plugins.ts';
import { NAME, type StepDeliverySchema, StepHeadSchema } from './schema.ts';

const HEAD = new Set(Object.keys(StepHeadSchema.shape));
/** What a step says beside its plugin: `id`, `when` ... */
export const isStepWord = (key: string): boolean => HEAD.has(key);

type StepPolicy = z.output<typeof StepDeliverySchema>;

/** What is known of the rule that steps are of. */
export interface StepsOf {
  /** Whose events the rule gets; empty where that can't be known, or there are none. */
  readonly apps: readonly string[];
  /** What a `when` will be asked about; empty: that can't be known. */
  readonly occasions: readonly Occasion[];
}

/** Resolves the steps of a rule. Undefined when one has a problem (reported) or can't be known. */
export async function resolveSteps(
  context: PluginContext,
  plugins: PluginTable,
  node: ConfigNode,
  path: Path,
  policy: (step: StepPolicy) => DeliveryPolicy,
  rule: StepsOf,
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
  /** What steps have given names to, for those after them. */
  const given = new Map<string, Path>();
  let isClear = true;
  for (const [index, item] of node.items.entries()) {
    const known = new Set(given.keys());
    // What a step with a problem gives names to is not known.
    const adds = found.includes(undefined)
      ? () => undefined
      : addedBy(node.items.slice(0, index), known, givenBy(found));
    const about = { ...rule, known, adds };
    const draft = await resolveStep(context, plugins, item, [...path, index], policy, about);
    found.push(draft);
    for (const [name, at] of draft?.names ?? []) {
      if (!checkGivenName(context, name, at, given)) isClear = false;
      given.set(name, at);
    }
  }
  const names = nameSteps(context, found, node.items, path);
  for (const [name, at] of given) {
    if (!names?.includes(name)) continue;
    isClear = false;
    complain(context, 'CONFIG_DUPLICATE_NAME', at, `\`${name}\` is the name of a step as well`, {
      hint: 'what steps add stands under both names: choose another one, or give that step an `id`',
    });
  }
  if (!isClear) return undefined;
  const drafts = found.filter(draft => draft !== undefined);
  if (drafts.length < found.length || names === undefined) return undefined;
  const steps = drafts.map(({ step }, index) => ({ ...step, name: names[index] as string }));
  const fingerprint = fingerprintOf(
    drafts.map(({ step, written, when }, index) => ({
      name: names[index] as string,
      mark: markOf([step.use, step.onError, written, ...(when === undefined ? [] : [when])]),
    })),
  );
  return { steps, fingerprint };
}

const markOf = (identity: unknown): string =>
  createHash('sha256').update(JSON.stringify(identity)).digest('base64url').slice(0, 12);

/** False when templates could not tell what is meant by it. */
function checkGivenName(context: Context, name: string, at: Path, given: ReadonlyMap<string, Path>): boolean {
  const isTaken = isName(name) || LIQUIDS.has(name);
  if (!isTaken && !given.has(name)) return true;
  const why = isTaken ? 'means something else in templates' : 'is given by a step before as well';
  complain(context, 'CONFIG_DUPLICATE_NAME', at, `the name \`${name}\` ${why}`, {
    hint: 'choose another one',
  });
  return false;
}

/** What Liquid takes for itself. */
const LIQUIDS = new Set([
  'true',
  'false',
  'nil',
  'null',
  'empty',
  'blank',
  'and',
  'or',
  'not',
  'contains',
  'forloop',
]);

/** What is wrong with a name in `data`. */
type Added = NonNullable<Surroundings['dataProblem']>;

/** What stands under the names of steps, of those that can tell: of several of one plugin the first alone is called as it. */
function givenBy(drafts: readonly (Draft | undefined)[]): ReadonlyMap<string, readonly string[]> {
  const gives = new Map<string, readonly string[]>();
  for (const draft of drafts) {
    const name = draft?.id ?? draft?.step.plugin;
    if (draft?.gives && name !== undefined && !gives.has(name)) gives.set(name, draft.gives);
  }
  return gives;
}

/** Steps add what they found under their names: their ids, or their plugins'. */
function addedBy(
  before: readonly ConfigNode[],
  given: ReadonlySet<string>,
  gives: ReadonlyMap<string, readonly string[]>,
): Added {
  const named = new Set(given);
  const plain = new Set<string>();
  for (const node of before) {
    const id = child(node, 'id');
    if (id?.kind === 'scalar') named.add(String(id.value));
    else if (node.kind === 'scalar') plain.add(String(node.value));
    else if (node.kind === 'map') for (const key of node.entries.keys()) if (!isStepWord(key)) plain.add(key);
  }
  return (name, [part]) => {
    const keys = gives.get(name);
    if (keys && typeof part === 'string' && part !== 'size' && !keys.includes(part)) {
      return {
        message: `\`${name}\` has no \`${part}\`, so \`data.${name}.${part}\` is always empty`,
        hint: suggestion(part, keys, 'it has'),
      };
    }
    if (named.has(name) || plain.has(name.replace(/-\d+$/, '')) || plain.has(name)) return undefined;
    const known = [...named, ...plain];
    return {
      message: `no step before this one is called \`${name}\`, so \`data.${name}\` is always empty`,
      hint: known.length > 0 ? suggestion(name, known, 'called so are') : 'a step is called by its `id`',
    };
  };
}

interface Draft {
  readonly id: string | undefined;
  /** What it gives names to, and where these stand. */
  readonly names: ReadonlyMap<string, Path>;
  readonly step: Omit<Step, 'name'>;
  /** Keys of what it adds, where its plugin tells. */
  readonly gives?: readonly string[] | undefined;
  /** The options as they stand in the file: a changed secret does not make another step of it, nor is it hashed. */
  readonly written: unknown;
  /** `when`, likewise. */
  readonly when?: unknown;
}

async function resolveStep(
  context: PluginContext,
  plugins: PluginTable,
  node: ConfigNode,
  path: Path,
  policy: (step: StepPolicy) => DeliveryPolicy,
  about: StepsOf & {
    /** What the steps before have given names to. */
    readonly known: ReadonlySet<string>;
    readonly adds: Added;
  },
): Promise<Draft | undefined> {
  const { apps, occasions, known, adds } = about;
  if (node.kind === 'unknown') return undefined;
  if (node.kind === 'scalar' && typeof node.value === 'string') {
    const resolved = await plugins.find(node.value, path, node.text);
    const options =
      resolved &&
      (await checkOptions(context, resolved, undefined, [...path, node.value], false, apps, known, adds));
    if (!options) return undefined;
    return {
      id: undefined,
      names: options.names,
      gives: resolved.plugin.gives,
      step: {
        plugin: node.value,
        use: resolved.use,
        options: options.parsed,
        onError: 'park',
        delivery: policy({}),
        ...(options.writes.length > 0 && { writes: options.writes }),
        ...(known.size > 0 && { names: [...known] }),
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
  const keys = [...node.entries.keys()].filter(key => !isStepWord(key));
  const head = await check(StepHeadSchema, node, {
    ...context,
    path,
    ignore: new Set(keys),
  });
  const whenNode = child(node, 'when');
  const when =
    whenNode &&
    within({ names: known, fieldProblem: () => undefined, dataProblem: adds }, () =>
      resolveCondition(context, whenNode, [...path, 'when'], apps, occasions),
    );
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
  const options = await checkOptions(context, resolved, own, [...path, plugin], false, apps, known, adds);
  if (!options || !head || (whenNode && !when)) return undefined;
  return {
    id: head.id,
    names: options.names,
    gives: resolved.plugin.gives,
    step: {
      plugin,
      use: resolved.use,
      options: options.parsed,
      onError: head.onError,
      delivery: policy(head.delivery ?? {}),
      ...(options.writes.length > 0 && { writes: options.writes }),
      ...(known.size > 0 && { names: [...known] }),
      ...(when && { when }),
    },
    written: options.written,
    ...(whenNode && { when: asWritten(whenNode) }),
  };
}

const keyOf = (path: Path, key: string): Path => [...path, key];

/** The one key of a step that names a plugin. */
async function onePlugin(
  context: PluginContext,
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
          guess(key, path) ??
          didYouMean(key, HEAD) ??
          `options stand inside \`${plugin}\`; a step of its own starts with \`- \``,
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
