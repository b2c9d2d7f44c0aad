import { type ZodType, z } from 'zod';
import { makePluginLoader } from '../../src/plugin/load.ts';

/** The part of JSON Schema that zod writes and that is worked on here. */
export interface JsonSchema {
  $ref?: string;
  type?: string;
  title?: string;
  description?: string;
  default?: unknown;
  enum?: readonly unknown[];
  const?: unknown;
  pattern?: string;
  format?: string;
  properties?: Record<string, JsonSchema>;
  patternProperties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: JsonSchema | boolean;
  propertyNames?: JsonSchema;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  allOf?: JsonSchema[];
  definitions?: Record<string, JsonSchema>;
  [key: string]: unknown;
}

/** Draft 7 is what every editor understands. What can't be said in it is left open. */
export const toJsonSchema = (schema: ZodType): JsonSchema =>
  z.toJSONSchema(schema, { io: 'input', target: 'draft-7', unrepresentable: 'any' }) as JsonSchema;

/** The plugins that come with podiod, by name. */
const loader = makePluginLoader();
export const builtIns: readonly { readonly name: string; readonly options: JsonSchema }[] = await Promise.all(
  loader.builtIns.toSorted().map(async name => {
    const { options } = await loader.load(name);
    return { name, options: toJsonSchema(options) };
  }),
);
