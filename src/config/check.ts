/** Checks a located value with a zod schema: our own and any plugin's. Issues come back as problems with places. */
import type { ZodType, z } from 'zod';
import type * as core from 'zod/v4/core';
import type { Diagnostic } from '../core/diagnostic.ts';
import { suggestion } from '../core/suggest.ts';
import type { DiagnosticCode } from './codes.ts';
import { type Explained, explain, type Issue } from './explain.ts';
import { guess } from './guesses.ts';
import {
  type ConfigNode,
  keyPlaceAt,
  type MapEntry,
  nodeAt,
  type Path,
  placeAt,
  replaceAt,
  type ScalarNode,
  showPath,
  toPlain,
} from './node.ts';

export interface CheckOptions {
  /** The whole tree and the way to `node` in it: for places and for how the path is shown. */
  readonly root: ConfigNode;
  readonly path: Path;
  readonly report: (problem: Diagnostic) => void;
  /** Names of keys, beside the usual ones, whose values are not to be shown. */
  readonly secrets?: ReadonlySet<string>;
  /** Keys that are known though the schema lacks them: other code looks at them. */
  readonly ignore?: ReadonlySet<string>;
  /** For values that come together in other places, e.g. options of which some stand in `plugins`. */
  readonly locate?: (path: Path) => { root: ConfigNode; path: Path };
  /** Values that are not there are no problem, e.g. options that steps will add. */
  readonly partial?: boolean;
}

/**
 * The schema's output, or undefined when there was a problem (reported) or a value can't be known. Unknown keys are
 * reported and then left out, so that they keep nothing else from being checked.
 */
export async function check<T extends ZodType>(
  schema: T,
  node: ConfigNode,
  options: CheckOptions,
): Promise<z.output<T> | undefined> {
  const locate = options.locate ?? (path => ({ root: options.root, path: [...options.path, ...path] }));
  const problem = (path: Path, words: Pick<Diagnostic, 'code' | 'message' | 'hint'>) => {
    const at = locate(path);
    options.report({ severity: 'error', ...words, place: placeAt(at.root, at.path), path: at.path });
  };

  let known = withoutUnknownKeys([schema], node, [], options.ignore, (path, names) => {
    const at = locate(path);
    const key = String(at.path.at(-1));
    const words = unknownKey(key, at.path.slice(0, -1), names);
    const place = keyPlaceAt(at.root, at.path);
    options.report({ severity: 'error', ...words, place, path: at.path });
  });

  for (;;) {
    const result = await schema.safeParseAsync(toPlain(known));
    if (result.success) return result.data;
    const issues = result.error.issues as readonly Issue[];
    const converted = convertInterpolated(known, issues);
    if (converted !== known) {
      known = converted;
      continue;
    }
    for (const issue of issues) {
      const said = explain(issue, known, options.secrets);
      if (said === undefined || (options.partial && isAboutMissing(issue, said, known))) continue;
      const at = locate(said.path);
      problem(said.path, {
        code: said.code,
        message: `\`${showPath(at.path) || 'the config'}\` ${said.words}`,
        ...(said.hint === undefined ? {} : { hint: said.hint }),
      });
    }
    return undefined;
  }
}

/** A value that is not there, or a condition on the whole that it may have fulfilled. */
const isAboutMissing = (issue: Issue, said: Explained, node: ConfigNode) =>
  said.code === 'CONFIG_MISSING' || (issue.code === 'custom' && nodeAt(node, said.path)?.kind === 'map');

function unknownKey(key: string, within: Path, known: Iterable<string>) {
  const code: DiagnosticCode = 'CONFIG_UNKNOWN_KEY';
  const where = within.length === 0 ? 'at the top level' : `in \`${showPath(within)}\``;
  const hint = guess(key, within) ?? suggestion(key, known, 'known are');
  return { code, message: `unknown key \`${key}\` ${where}`, ...(hint === undefined ? {} : { hint }) };
}

// ------------------------------------------------------------------------------------------------ unknown keys

/** The schemas that a value may have to fit, wrappers like optional() and unions taken apart. */
function* alternatives(schema: core.$ZodType): Iterable<core.$ZodTypes> {
  const type = schema as core.$ZodTypes;
  const def = type._zod.def;
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      yield* alternatives(def.innerType);
      break;
    case 'pipe':
      yield* alternatives(def.in);
      break;
    case 'union':
      for (const option of def.options) yield* alternatives(option);
      break;
    case 'intersection':
      yield* alternatives(def.left);
      yield* alternatives(def.right);
      break;
    case 'lazy':
      yield* alternatives(def.getter());
      break;
    default:
      yield type;
  }
}

/** True when the object says that other keys are welcome: `z.looseObject`, `.catchall(...)`. */
const isOpen = (def: core.$ZodObjectDef) =>
  def.catchall !== undefined && def.catchall._zod.def.type !== 'never';

function withoutUnknownKeys(
  schemas: readonly core.$ZodType[],
  node: ConfigNode,
  path: Path,
  ignore: ReadonlySet<string> | undefined,
  report: (path: Path, known: readonly string[]) => void,
): ConfigNode {
  const defs = schemas.flatMap(schema => [...alternatives(schema)].map(type => type._zod.def));
  if (node.kind === 'list') {
    const elements = defs.flatMap(def => (def.type === 'array' ? [def.element] : []));
    if (elements.length === 0) return node;
    const items = node.items.map((item, index) =>
      withoutUnknownKeys(elements, item, [...path, index], undefined, report),
    );
    return { ...node, items };
  }
  if (node.kind !== 'map') return node;
  const objects = defs.filter(def => def.type === 'object');
  const records = defs.filter(def => def.type === 'record');
  // A schema that takes anything, or no map at all: nothing to say about keys.
  if (objects.length + records.length === 0) return node;
  if (defs.some(def => ['any', 'unknown', 'custom', 'map', 'transform'].includes(def.type))) return node;

  const entries = new Map<string, MapEntry>();
  for (const [key, entry] of node.entries) {
    const at = [...path, key];
    const inner = [
      ...objects.flatMap(def => (Object.hasOwn(def.shape, key) ? [def.shape[key] as core.$ZodType] : [])),
      ...records.map(def => def.valueType),
    ];
    if (inner.length > 0) {
      entries.set(key, { ...entry, value: withoutUnknownKeys(inner, entry.value, at, undefined, report) });
    } else if (objects.some(isOpen)) entries.set(key, entry);
    else if (!ignore?.has(key))
      report(at, [...objects.flatMap(def => Object.keys(def.shape)), ...(ignore ?? [])]);
  }
  return { ...node, entries };
}

// ------------------------------------------------------------------------------------------------ conversion

/**
 * `${PORT}` is text; where that is what keeps a number or a boolean from fitting, it becomes one. Going by the issues
 * and not by the schema, it works the same for every plugin.
 */
function convertInterpolated(node: ConfigNode, issues: readonly Issue[]): ConfigNode {
  let result = node;
  for (const issue of issues.flatMap(issue => [...leaves(issue)])) {
    const at = nodeAt(result, issue.path as Path);
    if (at?.kind !== 'scalar' || !at.interpolated || typeof at.value !== 'string') continue;
    const value = convert(issue, at.value) ?? (at.standIn ? anyOf(issue) : undefined);
    if (value !== undefined)
      result = replaceAt(result, issue.path as Path, { ...at, value } satisfies ScalarNode);
  }
  return result;
}

function* leaves(issue: Issue): Iterable<Issue> {
  if (issue.code !== 'invalid_union') return void (yield issue);
  for (const inner of issue.errors.flat()) {
    yield* leaves({ ...inner, path: [...issue.path, ...inner.path] } as Issue);
  }
}

const wantedBy = (issue: Issue): readonly string[] =>
  issue.code === 'invalid_type'
    ? [issue.expected]
    : issue.code === 'invalid_value'
      ? issue.values.map(v => typeof v)
      : [];

/** In place of a value that is missing, as good as any other. */
function anyOf(issue: Issue): number | boolean | undefined {
  const wanted = wantedBy(issue);
  if (wanted.some(kind => kind === 'number' || kind === 'int')) return 1;
  return wanted.includes('boolean') ? false : undefined;
}

function convert(issue: Issue, given: string): number | boolean | undefined {
  const wanted = wantedBy(issue);
  const text = given.trim();
  if (wanted.includes('boolean') && /^(true|false)$/.test(text)) return text === 'true';
  if (
    wanted.some(kind => kind === 'number' || kind === 'int') &&
    /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text)
  ) {
    return Number(text);
  }
  return undefined;
}
