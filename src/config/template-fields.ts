/** What the templates of a step name, each at its place in the text: fields are looked up like those that stand by themselves. */
import type { Place } from '../core/diagnostic.ts';
import type { FieldProblem, Surroundings } from '../language/surroundings.ts';
import type { FieldPath } from '../language/template.ts';
import { type Context, complain } from './context.ts';
import type { FieldCheck, UsedBy } from './field-check.ts';
import type { ConfigNode, Path, ScalarNode } from './node.ts';

/** Each field of `paths`, and what is asked of it, in each text that names it. */
export function checkTemplateFields(
  fields: Pick<FieldCheck, 'anyField' | 'parts'>,
  paths: readonly FieldPath[],
  options: ConfigNode,
  apps: readonly string[],
  by: UsedBy,
  placed: (path: Path) => Path,
): void {
  if (apps.length === 0) return;
  // Named in a way of its own: any of the texts will do.
  const texts = [...textsIn(options, [])].slice(0, 1).map(({ path }) => ({ path, place: undefined }));
  for (const [name, same] of Map.groupBy(paths, ({ name }) => name)) {
    const named = namedIn(options, ['fields', 'changes'], name);
    const found = (named.length > 0 ? named : texts).map(({ path, place }) =>
      fields.anyField({ name, shown: name, place }, placed(path), apps, by),
    );
    for (const { parts } of same) {
      const asked = askedIn(options, name, parts);
      for (const { path, place } of asked.length > 0 ? asked : texts)
        fields.parts({ name, shown: name, place }, parts, placed(path), found[0] ?? []);
    }
  }
}

/** Where a field is asked for these parts: by its own name, else by a variable's, where only the last of them can be told. */
function askedIn(options: ConfigNode, name: string, parts: readonly unknown[]) {
  const last = parts.findLast(part => typeof part === 'string');
  if (last === undefined) return [];
  const before = [name, ...parts.slice(0, parts.lastIndexOf(last))].map(String);
  const own = namedIn(options, ['fields', 'changes'], last, before);
  return own.length > 0 ? own : namedIn(options, ['[\\w-]+'], last);
}

/** Each of `paths` in `data` that no step before has added, in each text that names it. */
export function checkTemplateData(
  context: Context,
  paths: readonly FieldPath[],
  options: ConfigNode,
  dataProblem: NonNullable<Surroundings['dataProblem']>,
  placed: (path: Path) => Path,
): void {
  for (const { name, parts } of paths) {
    const problem = dataProblem(name, parts);
    const [part] = parts;
    // What is wrong with the name is told there, and what with a part of it, there.
    const asked = problem && typeof part === 'string' && dataProblem(name, []) === undefined;
    const own = asked ? namedIn(options, ['data'], part, [name]) : namedIn(options, ['data'], name);
    // By a variable's name, where only the part can be told.
    const named = asked && own.length === 0 ? namedIn(options, ['[\\w-]+'], part) : own;
    for (const { path, place } of problem ? named : [])
      complain(context, 'CONFIG_VALUE', placed(path), problem?.message ?? '', { hint: problem?.hint, place });
  }
}

/** What may be meant as it stands, in each text of which it is said. */
export function tellRemarks(
  context: Context,
  remarks: ReadonlyMap<string, FieldProblem>,
  options: ConfigNode,
  placed: (path: Path) => Path,
): void {
  for (const { node, path } of remarks.size > 0 ? scalarsIn(options, []) : []) {
    const { message, hint } = remarks.get(String(node.value)) ?? {};
    if (message !== undefined)
      complain(context, 'CONFIG_VALUE', placed(path), message, { hint, severity: 'warning' });
  }
}

/** The texts under a node that name `root.name`, with `before` on the way, and where in them it stands. */
function namedIn(node: ConfigNode, roots: readonly string[], name: string, before: readonly string[] = []) {
  return [...textsIn(node, [])].flatMap(({ node: text, path }) => {
    const at = findName(text.text, roots, name, before);
    return at === undefined ? [] : [{ path, place: placeIn(text, at, name.length) }];
  });
}

function* textsIn(node: ConfigNode, path: Path): Generator<{ node: ScalarNode; path: Path }> {
  for (const one of scalarsIn(node, path)) if (/\{[{%]/.test(one.node.text)) yield one;
}

function* scalarsIn(node: ConfigNode, path: Path): Generator<{ node: ScalarNode; path: Path }> {
  if (node.kind === 'scalar') yield { node, path };
  if (node.kind === 'list')
    for (const [index, item] of node.items.entries()) yield* scalarsIn(item, [...path, index]);
  if (node.kind === 'map')
    for (const [key, { value }] of node.entries) yield* scalarsIn(value, [...path, key]);
}

/** Where the name begins in `fields.NAME` or `fields["NAME"]`, whatever the root. */
function findName(
  text: string,
  roots: readonly string[],
  name: string,
  before: readonly string[],
): number | undefined {
  const literal = (one: string) => one.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  // Of changes it is a side that the parts are asked of.
  const way = before.map(
    (one, at) => `\\[?\\.?["']?${literal(one)}["']?\\]?${at === 0 ? '(?:\\.(?:from|to))?' : ''}`,
  );
  const pattern = `(?<!\\w)(?:${roots.join('|')})${way.join('')}(?:\\.|\\[["'])(${literal(name)})(?![\\w-])`;
  return new RegExp(pattern, 'd').exec(text)?.indices?.[1]?.[0];
}

/** Undefined where the text is written otherwise in the file than it reads: then all of it is the place. */
function placeIn({ place, text }: ScalarNode, at: number, length: number): Place | undefined {
  const quotes = place.end - place.start - text.length;
  if (text.includes('\n') || (quotes !== 0 && quotes !== 2)) return undefined;
  const start = place.start + quotes / 2 + at;
  return { file: place.file, start, end: start + length };
}
