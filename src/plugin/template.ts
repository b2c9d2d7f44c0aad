import { type ZodType, z } from 'zod';
import { isPodiodError, PodiodError } from '../core/errors.ts';
import { isRecord } from '../core/values.ts';
import { textOf } from '../language/compare.ts';
import { FieldView } from '../language/field-view.ts';
import type { View } from '../language/names.ts';
import { compileTemplate, hasTemplate, type Template } from '../language/template.ts';

export { compileTemplate, type Template, type TemplateOptions } from '../language/template.ts';

/** An option with templates in it, ready to be filled in. */
export interface Templated<T> {
  /** Without templates: the value for every message alike. */
  readonly constant: T | undefined;
  /** The option for one message. Rejects for good when what comes out is not what the option takes. */
  render(view: View): Promise<T>;
}

export interface TemplatedOptions {
  /**
   * Applied to every value that is put in, not to the template's own text. A value can ask for `| raw`. `path`: where in the
   * option the template stands. `template`: its own text.
   */
  readonly escape?: (text: string, path: Path, template: string) => string;
  /**
   * What becomes of a text that is exactly one `{{ x }}`. `raw`: x with its type, and not escaped. `text`: text, unless x is a
   * list or a map. Default: x with its type, and every text in it escaped.
   */
  readonly whole?: 'raw' | 'text';
  /**
   * `keep`: a text that is exactly one `{{ fields.NAME }}` becomes a {@link FieldView}, with Podio's own values in it.
   * Default: what it is in JSON (a number, `{ value, currency }`, else text).
   */
  readonly fields?: 'keep';
  /**
   * `refuse`: a text like `lead-{{ fields.number }}` is refused for good where nothing that is put in came to anything. For names
   * of things: else all that lack the value would share one.
   */
  readonly hollow?: 'refuse';
}

type Path = readonly PropertyKey[];

/** Told where something is wrong inside an option. */
type Complain = (path: Path, wrong: ReturnType<typeof issueOf>) => void;

/**
 * A schema for an option whose texts are templates, at any depth: `templated()` takes a text, `templated(schema)` whatever
 * `schema` does, or templates that come to it. Wrong templates are problems of the config with their place. A text that is
 * exactly one `{{ x }}` keeps x's type, so `"{{ data.n }}"` can be a number.
 */
export function templated(): ZodType<Templated<string>, string>;
export function templated<Schema extends ZodType>(
  schema: Schema,
  options?: TemplatedOptions,
): ZodType<Templated<z.output<Schema>>, z.input<Schema> | string>;
export function templated(
  schema: ZodType = z.string(),
  options: TemplatedOptions = {},
): ZodType<Templated<unknown>> {
  const isText = schema instanceof z.ZodString;
  const option = z.unknown().transform((given, context): Templated<unknown> => {
    const kind = { ...options, isText };
    const filled = compile(given, kind, [], (path, wrong) =>
      context.issues.push({ code: 'custom', ...wrong, path: [...path], input: given }),
    );
    const checked = schema.safeParse(given);
    for (const issue of checked.error?.issues ?? []) {
      // What a template stands in, or what it stands inside of, is told when it is filled in.
      const isOpen = filled.templates.some(path => isAlong(path, issue.path));
      if (isOpen && issue.code !== 'unrecognized_keys') continue;
      context.issues.push({ ...issue, path: [...issue.path], input: given } as z.core.$ZodRawIssue);
    }
    if (filled.templates.length === 0) {
      return { constant: checked.data, render: async () => checked.data };
    }
    return {
      constant: undefined,
      render: async view => fitted(schema, await filled.render(view)),
    };
  });
  // For editors: of others it can't be said what a template may stand for.
  return isText ? option.meta({ type: 'string' }) : option;
}

interface Filled {
  readonly templates: readonly Path[];
  render(view: View): Promise<unknown>;
}

/** `isText`: the option as a whole is text. */
type Kind = TemplatedOptions & { readonly isText: boolean };

function compile(given: unknown, options: Kind, path: Path, complain: Complain): Filled {
  if (typeof given === 'string') return compileText(given, options, path, complain);
  if (Array.isArray(given)) {
    const parts = given.map((one, index) => compile(one, options, [...path, index], complain));
    return {
      templates: parts.flatMap(({ templates }) => templates),
      render: view => Promise.all(parts.map(part => part.render(view))),
    };
  }
  if (isRecord(given)) {
    const parts = Object.entries(given).map(
      ([key, one]) => [key, compile(one, options, [...path, key], complain)] as const,
    );
    return {
      templates: parts.flatMap(([, { templates }]) => templates),
      render: async view =>
        Object.fromEntries(
          await Promise.all(parts.map(async ([key, part]) => [key, await part.render(view)] as const)),
        ),
    };
  }
  return { templates: [], render: async () => given };
}

function compileText(text: string, options: Kind, path: Path, complain: Complain): Filled {
  const { escape: by, whole } = options;
  let template: Template;
  try {
    if (!hasTemplate(text)) {
      // Looked at all the same: it may have been meant to be one.
      compileTemplate(text);
      return { templates: [], render: async () => text };
    }
    template = compileTemplate(text, by && { escape: value => by(value, path, text) });
  } catch (error) {
    complain(path, issueOf(error));
    return { templates: [path], render: async () => text };
  }
  // What is put into a longer text is escaped by the template.
  const wholeBy = whole !== 'raw' && template.isSole && !/\|\s*raw\s*-?\}\}$/.test(text) ? by : undefined;
  return {
    templates: [path],
    async render(view) {
      if (options.hollow === 'refuse' && !template.isSole && (await template.isHollow(view)))
        throw hollow(text, path);
      const value = await template.value(view);
      if (options.fields === 'keep') return value;
      const json = inJson(value);
      // Where text is wanted, a list or an amount is shown as it is inside of a longer text.
      const isShown = whole === 'text' ? isSingle(value) : options.isText && !isPlain(json);
      if (isShown) return template.render(view);
      if (!wholeBy) return json;
      return escapeTexts(json, path, (value, at) => wholeBy(value, at, text));
    },
  };
}

const hollow = (text: string, path: Path): PodiodError =>
  new PodiodError(
    'PLUGIN_OPTIONS',
    `${path.length === 0 ? '' : `${path.map(String).join('.')}: `}nothing came of the templates in "${text}", and what is left names nothing`,
    {
      retry: 'never',
      hint: 'Let the step run only where there is a value: `when: { fields.NAME: { exists: true } }`.',
    },
  );

const isPlain = (json: unknown): boolean => typeof json !== 'object' || json === null;

/** A field is one value, also where it has several. */
const isSingle = (value: unknown): boolean =>
  value instanceof FieldView || value instanceof Date || !(Array.isArray(value) || isRecord(value));

function escapeTexts(json: unknown, path: Path, by: (text: string, path: Path) => string): unknown {
  if (typeof json === 'string') return by(json, path);
  if (Array.isArray(json)) return json.map((one, index) => escapeTexts(one, [...path, index], by));
  if (!isRecord(json)) return json;
  return Object.fromEntries(
    Object.entries(json).map(([key, one]) => [key, escapeTexts(one, [...path, key], by)]),
  );
}

/** Fields as JSON has them, wherever they stand. */
function inJson(value: unknown): unknown {
  if (value instanceof FieldView) return value.toJSON();
  if (value instanceof Date) return textOf(value);
  if (Array.isArray(value)) return value.map(inJson);
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, inJson(one)]));
}

const isAlong = (template: Path, issue: Path): boolean =>
  issue.every((step, index) => template[index] === step) ||
  template.every((step, index) => issue[index] === step);

/** The value as the schema gives it; a number where text is wanted becomes text, and the other way round. */
function fitted(schema: ZodType, value: unknown): unknown {
  let fitting = value;
  for (let tries = 0; ; tries++) {
    const checked = schema.safeParse(fitting);
    if (checked.success) return checked.data;
    const converted = tries < 8 ? converting(checked.error.issues, fitting) : fitting;
    if (converted === fitting) throw misfit(checked.error);
    fitting = converted;
  }
}

const misfit = (error: z.ZodError): PodiodError => {
  const said = error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`,
  );
  return new PodiodError('PLUGIN_OPTIONS', `what the templates came to does not fit: ${said.join('; ')}`, {
    retry: 'never',
  });
};

function converting(issues: readonly z.core.$ZodIssue[], value: unknown): unknown {
  let result = value;
  for (const issue of issues.flatMap(leaves)) {
    if (issue.code !== 'invalid_type') continue;
    const found = at(result, issue.path);
    const converted = convert(issue.expected, found);
    if (converted !== undefined && converted !== found) result = replaced(result, issue.path, converted);
  }
  return result;
}

function leaves(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  return issue.errors.flat().flatMap(inner => leaves({ ...inner, path: [...issue.path, ...inner.path] }));
}

function convert(wanted: string, value: unknown): unknown {
  if (wanted === 'string') {
    if (value === undefined || value === null) return '';
    return typeof value === 'object' && !(value instanceof FieldView) ? undefined : textOf(value);
  }
  const text = typeof value === 'string' || value instanceof FieldView ? textOf(value).trim() : undefined;
  if (text === undefined || text === '') return undefined;
  if (wanted === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined;
  const number = wanted === 'number' || wanted === 'int' ? Number(text) : Number.NaN;
  return Number.isNaN(number) ? undefined : number;
}

const at = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (inner, step) =>
      Array.isArray(inner) ? inner[Number(step)] : isRecord(inner) ? inner[String(step)] : undefined,
    value,
  );

function replaced(value: unknown, path: Path, by: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return by;
  if (Array.isArray(value)) return value.with(Number(step), replaced(value[Number(step)], rest, by));
  return isRecord(value) ? { ...value, [step]: replaced(value[String(step)], rest, by) } : value;
}

/** For an issue of a schema; the config shows the hint below the place. */
export function issueOf(error: unknown): { message: string; params: { hint?: string | undefined } } {
  if (!isPodiodError(error)) throw error;
  return { message: error.message, params: { hint: error.hint } };
}

/** What is wrong, in one sentence or two. */
export function problemOf(error: unknown): string {
  if (!isPodiodError(error)) throw error;
  return error.hint === undefined ? error.message : `${error.message}. ${error.hint}`;
}
