import { type ZodType, z } from 'zod';
import type { PluginDefinition } from './contract.ts';

/** A plugin may have been defined by another copy of podiod. The number is that of this interface. */
const BRAND = Symbol.for('podiod.plugin');
const INTERFACE = 1;

/**
 * Makes a plugin: a name, a schema for its options and what sets it up. A plain `z.object()` becomes a strict one, since a
 * misspelt option that is quietly dropped is the kind of mistake a config check is for.
 */
export function definePlugin<Schema extends ZodType>(
  definition: PluginDefinition<Schema>,
): PluginDefinition<Schema> {
  const plugin = { ...definition, options: strict(definition.options), [BRAND]: INTERFACE };
  return Object.freeze(plugin);
}

/** Leaves alone what says itself what to do with unknown keys. */
function strict<Schema extends ZodType>(schema: Schema): Schema {
  if (!(schema instanceof z.ZodObject) || schema.def.catchall !== undefined) return schema;
  // Strict or not, an object takes and gives the same type.
  return schema.strict() as unknown as Schema;
}

/** Whether definePlugin, of any copy of podiod, made this. Says nothing of its shape. */
export const isPlugin = (value: unknown): value is PluginDefinition =>
  typeof value === 'object' && value !== null && BRAND in value;

/** What is wrong with a plugin's shape, for authors who write JavaScript; undefined: nothing. */
export function shapeProblem(plugin: PluginDefinition): string | undefined {
  const {
    name,
    options,
    setup,
    describe,
    explain,
    pure,
    effects,
    writes,
    reads,
    names,
    gives,
  }: Partial<Record<keyof PluginDefinition, unknown>> = plugin;
  const version: unknown = (plugin as { [BRAND]?: unknown })[BRAND];
  if (version !== INTERFACE) {
    return `it is made for version ${String(version)} of the plugin interface, this podiod has ${INTERFACE}`;
  }
  if (typeof name !== 'string' || name === '') return '`name` must be a text';
  if (!isSchema(options)) return '`options` must be a zod schema, such as z.object({})';
  if (typeof setup !== 'function') return '`setup` must be a function';
  if (describe !== undefined && typeof describe !== 'function') return '`describe` must be a function';
  if (explain !== undefined && typeof explain !== 'function') return '`explain` must be a function';
  if (writes !== undefined && typeof writes !== 'function') return '`writes` must be a function';
  if (reads !== undefined && typeof reads !== 'function') return '`reads` must be a function';
  if (names !== undefined && typeof names !== 'function') return '`names` must be a function';
  if (gives !== undefined && !Array.isArray(gives)) return '`gives` must be a list';
  if (pure !== undefined && typeof pure !== 'boolean') return '`pure` must be true or false';
  if (effects !== undefined && effects !== 'context') return "`effects` must be 'context', or left out";
  return undefined;
}

const isSchema = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  '_zod' in value &&
  'safeParse' in value &&
  typeof value.safeParse === 'function';
