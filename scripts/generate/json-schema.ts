import { type ZodType, z } from 'zod';
import fieldChangeFilter from '../../plugins/field-change-filter/index.ts';
import fileLogger from '../../plugins/file-logger/index.ts';
import slackNotifier from '../../plugins/slack-notifier/index.ts';

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
export const builtIns: readonly { readonly name: string; readonly options: JsonSchema }[] = [
  fieldChangeFilter,
  fileLogger,
  slackNotifier,
].map(({ name, options }) => ({ name, options: toJsonSchema(options) }));
