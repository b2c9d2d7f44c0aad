import type * as liquidjs from 'liquidjs';
import { PodiodError } from '../core/errors.ts';
import { didYouMean } from '../core/suggest.ts';
import { batchRoot, mentionedOfEach } from './batch.ts';
import { textOf } from './compare.ts';
import { lackingPart, reviveFields } from './field-view.ts';
import { addFilters, NOW, ZONE } from './filters.ts';
import { liquid } from './liquid.ts';
import { followed } from './locals.ts';
import { isName, NAMES, type Name, partProblem, type View } from './names.ts';
import { surroundings } from './surroundings.ts';
import { singleBraces, templateFault, unclosedOutput } from './template-fault.ts';

export interface TemplateOptions {
  /** Applied to every value that is put in, not to the template's own text. A value can ask for `| raw`. */
  readonly escape?: (text: string) => string;
}

/** A field, and what is asked of its value: `mail` of a contact. */
export interface FieldPath {
  readonly name: string;
  readonly parts: readonly unknown[];
}

export interface Template {
  /** What the template mentions: only this is fetched. */
  readonly names: readonly Name[];
  /** Fields that it names under `fields` and `changes`. */
  readonly fields: readonly string[];
  /** The same with what is asked of them, each path once. */
  readonly fieldPaths: readonly FieldPath[];
  /** No value is put in: rendering gives the text as it is. */
  readonly isConstant: boolean;
  /** The text is exactly one `{{ x }}`. */
  readonly isSole: boolean;
  /** Rejects when a value can't be read or a filter fails. */
  render(view: View): Promise<string>;
  /** The value itself, type and all, of a text that is exactly one `{{ x }}`; else as {@link render}. */
  value(view: View): Promise<unknown>;
  /**
   * Whether nothing of what is put in came to anything, so that no more than the template's own text is left: `lead-` of
   * `lead-{{ fields.number }}`. Of a template with tags only the whole text can tell.
   */
  isHollow(view: View): Promise<boolean>;
}

/** Filling in one text must not take the process with it. */
const LIMITS = { renderLimit: 1000, memoryLimit: 10_000_000 } as const;
/** What each message of a batch adds to the first one; milliseconds. */
const RENDER_EACH = 5;

const wrong = (message: string, hint?: string, cause?: unknown) =>
  new PodiodError('PLUGIN_OPTIONS', message, { retry: 'never', hint, cause });

/**
 * Compiles a Liquid template. Throws a PodiodError PLUGIN_OPTIONS that says where, for wrong syntax, an unknown filter, an
 * unknown variable, and a field or a step's data that is known not to be there. Where nothing is known of the fields, one that an item does
 * not have renders empty, since Podio leaves out the empty ones.
 */
export function compileTemplate(text: string, options: TemplateOptions = {}): Template {
  // Most strings of a block or an option are no templates, and an engine for each would cost more than all else.
  if (!hasTemplate(text)) {
    tellSingleBraces(text);
    const itself = async () => text;
    const isHollow = async () => false;
    return {
      names: [],
      fields: [],
      fieldPaths: [],
      isConstant: true,
      isSole: false,
      render: itself,
      value: itself,
      isHollow,
    };
  }
  const encode = options.escape ?? (value => value);
  const engine = makeEngine(value => encode(textOf(value)));

  const parsed = parse(engine, text);
  tellSingleBraces(text);
  const segments = engine.globalVariableSegmentsSync(parsed, { partials: false });
  const { names, others, fields: own } = mentioned(segments);
  const all = engine.variableSegmentsSync(parsed, { partials: false });
  const paths = followed(text, all);
  const ofEach = mentionedOfEach(names.includes('batch') ? all : []);
  const ofMessages = [...new Set(paths.filter(isOfMessage).flatMap(path => fieldPathOf(path)?.name ?? []))];
  const fields = [...new Set([...own, ...ofMessages])];
  const fieldPaths = uniquePaths(paths.flatMap(path => fieldPathOf(path) ?? []));
  const { names: known, fieldProblem, dataProblem } = surroundings();
  const stranger = others.find(name => !known.has(name));
  if (stranger !== undefined) {
    const all = [...NAMES, ...known];
    throw wrong(
      `unknown variable "${stranger}" in the template`,
      didYouMean(stranger, all) ?? `Templates know ${all.join(', ')}.`,
    );
  }
  for (const { name, parts } of fieldPaths) {
    const problem = fieldProblem(name, parts);
    if (problem !== undefined) throw wrong(problem.message, problem.hint);
  }
  for (const { name, parts } of uniquePaths(paths.flatMap(path => dataPathOf(path) ?? []))) {
    const problem = dataProblem?.(name, parts);
    if (problem !== undefined) throw wrong(problem.message, problem.hint);
  }
  for (const path of [...segments, ...paths.map(one => (isOfMessage(one) ? one.slice(2) : one))]) {
    const problem = partProblem(path);
    if (problem !== undefined) throw wrong(problem.message, problem.hint);
  }
  for (const [, name] of paths.filter(isOfMessage).map(one => one.slice(1))) {
    if (typeof name !== 'string' || isName(name) || OF_LIQUID.has(name) || known.has(name)) continue;
    throw wrong(
      `a message of \`batch\` has no \`${name}\``,
      didYouMean(name, NAMES) ?? `it has ${NAMES.join(', ')}`,
    );
  }
  const expression = soleExpression(parsed, text);

  const deep = paths.filter(path => path.length > 2 && !isOfMessage(path));
  const behind = (view: View, name: Name): Promise<unknown> =>
    name === 'batch' ? batchRoot(view.batch(), ofEach, rootOf) : rootOf(view, name);

  const scope = async (view: View): Promise<object> => {
    for (const field of own) view.mentions?.(field);
    for (const field of ofMessages) for (const one of view.batch()) one.mentions?.(field);
    const values = await Promise.all(names.map(async name => [name, await behind(view, name)] as const));
    const data = others.length > 0 ? dataOf(view) : {};
    const all = Object.fromEntries([...values, ...others.map(name => [name, data[name]] as const)]);
    if (deep.length > 0 && view.lacks) {
      for (const path of deep) {
        const lacking = lackingPart(all, path);
        if (lacking !== undefined) view.lacks(lacking);
      }
    }
    return all;
  };
  /** Asked for by those filters only that show times. */
  const globals = (view: View) => ({
    get [ZONE]() {
      return view.timezone();
    },
    get [NOW]() {
      return view.now().getTime();
    },
  });
  /** The time begins when all is there that is known to be needed. */
  const settings = (view: View) => ({
    globals: globals(view),
    ...(names.includes('batch') && { renderLimit: LIMITS.renderLimit + RENDER_EACH * view.batch().length }),
  });

  const filled = async (parts: liquidjs.Template[], view: View): Promise<string> => {
    const values = await scope(view);
    return String(await engine.render(parts, values, settings(view)));
  };
  const render = (view: View): Promise<string> => filled(parsed, view);
  const { Output, Tag } = liquid();
  const putIn = parsed.some(part => part instanceof Tag)
    ? parsed
    : parsed.filter(part => part instanceof Output);
  return {
    names,
    fields,
    fieldPaths,
    isConstant: false,
    isSole: expression !== undefined,
    render,
    async value(view) {
      if (expression === undefined) return render(view);
      const { Context } = liquid();
      const values = await scope(view);
      const context = new Context(values, engine.options, settings(view), { liquid: engine });
      return engine.evalValue(expression, context);
    },
    isHollow: async view => (await filled(putIn, view)).trim() === '',
  };
}

function tellSingleBraces(text: string): void {
  const remark = singleBraces(text);
  if (remark !== undefined) surroundings().remark?.(text, remark);
}

export const hasTemplate = (text: string): boolean => /\{[{%]/.test(text);

function makeEngine(outputEscape: (value: unknown) => string): liquidjs.Liquid {
  const { Liquid } = liquid();
  const engine = new Liquid({ strictFilters: true, ownPropertyOnly: true, outputEscape, ...LIMITS });
  // They would read files from wherever the daemon was started.
  for (const tag of ['include', 'render', 'layout', 'block']) delete engine.tags[tag];
  addFilters(engine);
  return engine;
}

function parse(engine: liquidjs.Liquid, text: string): liquidjs.Template[] {
  const open = unclosedOutput(text);
  if (open !== undefined) throw wrong(open.message, open.hint);
  try {
    return engine.parse(text);
  } catch (error) {
    if (!liquid().LiquidError.is(error)) throw error;
    const { message, hint } = templateFault(error.message, engine);
    throw wrong(message, hint, error);
  }
}

/** What stands between the braces, of a text that is nothing else. */
function soleExpression(parsed: readonly liquidjs.Template[], text: string): string | undefined {
  const [only] = parsed;
  const inner = /^\{\{-?(.*?)-?\}\}$/s.exec(text)?.[1];
  return parsed.length === 1 && only instanceof liquid().Output ? inner : undefined;
}

function mentioned(segments: readonly (readonly unknown[])[]) {
  const names = new Set<Name>();
  const others = new Set<string>();
  const fields = new Set<string>();
  for (const [root, second] of segments) {
    const name = String(root);
    if (!isName(name)) others.add(name);
    else {
      names.add(name);
      const isField = (name === 'fields' || name === 'changes') && typeof second === 'string';
      if (isField && !OF_LIQUID.has(second)) fields.add(second);
    }
  }
  return { names: [...names], others: [...others], fields: [...fields] };
}

/** What Liquid reads of anything. */
const OF_LIQUID = new Set(['size', 'first', 'last']);

const isOfMessage = ([root, index]: readonly unknown[]): boolean =>
  root === 'batch' && (typeof index === 'number' || OF_LIQUID.has(String(index)));

/** The field that a path leads to, of the event or of one message of a batch. */
function fieldPathOf(path: readonly unknown[]): FieldPath | undefined {
  const [root, name, ...rest] = isOfMessage(path) ? path.slice(2) : path;
  if ((root !== 'fields' && root !== 'changes') || typeof name !== 'string' || OF_LIQUID.has(name))
    return undefined;
  return { name, parts: root === 'changes' ? rest.slice(1) : rest };
}

/** What is asked of what a step before has added. */
function dataPathOf([root, name, ...parts]: readonly unknown[]): FieldPath | undefined {
  return root === 'data' && typeof name === 'string' && !OF_LIQUID.has(name) ? { name, parts } : undefined;
}

const uniquePaths = (paths: readonly FieldPath[]): readonly FieldPath[] => [
  ...new Map(paths.map(path => [JSON.stringify([path.name, path.parts]), path])).values(),
];

/** The value behind a name, as a template is to see it. */
async function rootOf(view: View, name: Name): Promise<unknown> {
  if (name === 'data') return dataOf(view);
  return view[name]();
}

const dataOf = (view: View): Readonly<Record<string, unknown>> =>
  reviveFields(view.data()) as Readonly<Record<string, unknown>>;
