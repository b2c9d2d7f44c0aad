import { createRequire } from 'node:module';
import type * as liquidjs from 'liquidjs';
import { PodiodError } from '../core/errors.ts';
import type { View } from './contract.ts';

/** 8 MB that a daemon without templates need not carry. Compiling is synchronous, so import() would not do. */
const liquid = (): typeof liquidjs => createRequire(import.meta.url)('liquidjs') as typeof liquidjs;

/** What a template may name at its start. */
export const TEMPLATE_NAMES = [
  'event',
  'item',
  'fields',
  'changes',
  'app',
  'data',
  'now',
] as const satisfies readonly (keyof View)[];

type Name = (typeof TEMPLATE_NAMES)[number];

export interface TemplateOptions {
  /** Applied to every value that is put in, not to the template's own text. A value can ask for `| raw`. */
  readonly escape?: (text: string) => string;
}

export interface Template {
  /** What the template mentions: only this is fetched. */
  readonly names: readonly Name[];
  /** Rejects when a value can't be read or a filter fails. */
  render(view: View): Promise<string>;
}

/**
 * Compiles a Liquid template. Throws a PodiodError PLUGIN_OPTIONS that says where, for wrong syntax, an unknown filter and an
 * unknown variable; a field that an item does not have is no error, since Podio leaves out the empty ones.
 */
export function compileTemplate(text: string, options: TemplateOptions = {}): Template {
  // Most strings of a block or an option are no templates, and an engine for each would cost more than all else.
  if (!/\{[{%]/.test(text)) return { names: [], render: async () => text };
  const encode = options.escape ?? (value => value);
  const { Liquid } = liquid();
  const engine = new Liquid({
    strictFilters: true,
    ownPropertyOnly: true,
    outputEscape: (value: unknown) => encode(toText(value)),
  });
  // They would read files from wherever the daemon was started.
  for (const tag of ['include', 'render', 'layout', 'block']) delete engine.tags[tag];

  const parsed = parse(engine, text);
  const names = engine.globalVariablesSync(parsed, { partials: false });
  const unknown = names.find(name => !isName(name));
  if (unknown !== undefined) {
    throw new PodiodError('PLUGIN_OPTIONS', `unknown variable "${unknown}" in the template`, {
      hint: `Templates know ${TEMPLATE_NAMES.join(', ')}.`,
      retry: 'never',
    });
  }
  const mentioned = names.filter(isName);
  return {
    names: mentioned,
    async render(view) {
      const values = await Promise.all(mentioned.map(async name => [name, await view[name]()] as const));
      return String(await engine.render(parsed, Object.fromEntries(values)));
    },
  };
}

const isName = (name: string): name is Name => (TEMPLATE_NAMES as readonly string[]).includes(name);

function parse(engine: liquidjs.Liquid, text: string): liquidjs.Template[] {
  try {
    return engine.parse(text);
  } catch (error) {
    if (!liquid().LiquidError.is(error)) throw error;
    throw new PodiodError('PLUGIN_OPTIONS', error.message, { retry: 'never', cause: error });
  }
}

/** Liquid's own way with text, numbers and lists; a date is ISO 8601 and an object JSON rather than `[object Object]`. */
function toText(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return value.map(toText).join('');
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
