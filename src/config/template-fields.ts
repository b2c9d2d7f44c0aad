/** Fields that the templates of a step name: looked up like those that stand by themselves, each at its place in the text. */
import type { Place } from '../core/diagnostic.ts';
import type { FieldCheck, UsedBy } from './field-check.ts';
import type { ConfigNode, Path, ScalarNode } from './node.ts';

/** Each field of `names` in each text that names it. */
export function checkTemplateFields(
  fields: Pick<FieldCheck, 'anyField'>,
  names: ReadonlySet<string>,
  options: ConfigNode,
  apps: readonly string[],
  by: UsedBy,
  placed: (path: Path) => Path,
): void {
  if (apps.length === 0) return;
  const texts = [...textsIn(options, [])];
  for (const name of names) {
    const named = texts.flatMap(({ node, path }) => {
      const at = findField(node.text, name);
      return at === undefined ? [] : [{ path, place: placeIn(node, at, name.length) }];
    });
    // Named in a way of its own: any of the texts will do.
    const found =
      named.length > 0 ? named : texts.slice(0, 1).map(({ path }) => ({ path, place: undefined }));
    for (const { path, place } of found)
      fields.anyField({ name, shown: name, place }, placed(path), apps, by);
  }
}

function* textsIn(node: ConfigNode, path: Path): Generator<{ node: ScalarNode; path: Path }> {
  if (node.kind === 'scalar' && /\{[{%]/.test(node.text)) yield { node, path };
  if (node.kind === 'list')
    for (const [index, item] of node.items.entries()) yield* textsIn(item, [...path, index]);
  if (node.kind === 'map') for (const [key, { value }] of node.entries) yield* textsIn(value, [...path, key]);
}

/** Where the name begins in `fields.NAME`, `changes.NAME` or `fields["NAME"]`. */
function findField(text: string, name: string): number | undefined {
  const literal = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const found = new RegExp(`\\b(?:fields|changes)(?:\\.|\\[["'])(${literal})(?![\\w-])`, 'd').exec(text);
  return found?.indices?.[1]?.[0];
}

/** Undefined where the text is written otherwise in the file than it reads: then all of it is the place. */
function placeIn({ place, text }: ScalarNode, at: number, length: number): Place | undefined {
  const quotes = place.end - place.start - text.length;
  if (text.includes('\n') || (quotes !== 0 && quotes !== 2)) return undefined;
  const start = place.start + quotes / 2 + at;
  return { file: place.file, start, end: start + length };
}
