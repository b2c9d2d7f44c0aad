/** How the parts of a config are taken out of the tree, one by one. */
import type { z } from 'zod';
import type { Catalog } from '../core/catalog.ts';
import type { Place } from '../core/diagnostic.ts';
import type { RuleGraph } from '../core/rule-graph.ts';
import { check } from './check.ts';
import { complain } from './context.ts';
import { showGiven } from './explain.ts';
import { type ConfigNode, emptyMap, placeAt, section } from './node.ts';
import type { PluginContext } from './plugins.ts';
import { NAME } from './schema.ts';

export interface ResolveContext extends PluginContext {
  /** The config's main file, absolute. */
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly catalog: Catalog | undefined;
  /** Told which rules write what other rules watch, whether or not the config passes. */
  readonly onGraph: (graph: RuleGraph) => void;
  /** What is no folder, at this path or on the way to it. */
  readonly fileAt: (path: string) => Promise<string | undefined>;
  /** From 1. */
  readonly lineOf: (place: Place) => number;
}

/** One section; left out (or left empty) it consists of its defaults. */
export async function part<T extends z.ZodType>(
  context: ResolveContext,
  schema: T,
  key: string,
): Promise<z.output<T> | undefined> {
  const node = section(context.root, key);
  if (node) return check(schema, node, { ...context, path: [key] });
  const nothing = schema.safeParse(undefined);
  if (nothing.success) return nothing.data;
  const place = placeAt(context.root, [key]);
  return check(schema, emptyMap({ ...place }), { ...context, path: [key] });
}

/** A map of names; undefined when an entry has a problem. */
export async function named<T extends z.ZodType, R>(
  context: ResolveContext,
  key: string,
  schema: T,
  make: (name: string, value: z.output<T>) => R,
): Promise<ReadonlyMap<string, R> | undefined> {
  const found = new Map<string, R>();
  let whole = true;
  const entries = entriesOf(context, key);
  for (const [name, node] of entries ?? []) {
    const value = await check(schema, node, { ...context, path: [key, name] });
    if (value === undefined) whole = false;
    else found.set(name, make(name, value));
  }
  return entries && whole ? found : undefined;
}

/** The entries of a section of names, with what is wrong about the section and the names reported. */
export function entriesOf(context: ResolveContext, key: string): [string, ConfigNode][] | undefined {
  const node = section(context.root, key);
  if (!node) return [];
  if (node.kind === 'unknown') return undefined;
  if (node.kind !== 'map') {
    complain(context, 'CONFIG_TYPE', [key], `\`${key}\` must be a map of names, given ${showGiven(node)}`, {
      hint: node.kind === 'list' ? 'write `name: {...}` instead of `- {...}`' : undefined,
    });
    return undefined;
  }
  for (const [name, entry] of node.entries) {
    if (NAME.test(name)) continue;
    context.report({
      severity: 'error',
      code: 'CONFIG_NAME',
      message: `\`${name}\` is not a name for ${key}`,
      hint: 'names have small letters, digits, - and _, and start with a letter or digit',
      place: entry.key,
      path: [key, name],
    });
  }
  return [...node.entries].map(([name, entry]) => [name, entry.value]);
}
