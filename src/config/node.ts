/**
 * A config as a tree in which everything knows where it stands. Aliases, merge keys and includes are gone from it; the
 * entries they brought in keep the place where they were written.
 */
import type { Place } from '../core/diagnostic.ts';

export type Path = readonly (string | number)[];

export interface ScalarNode {
  readonly kind: 'scalar';
  readonly place: Place;
  readonly value: string | number | boolean | null;
  /** As it stands in the file. Shown to people instead of `value`, which may hold a secret. */
  readonly text: string;
  /** `value` was made from `${...}`: text, until somebody wants a number or a boolean. */
  readonly interpolated: boolean;
  /** `value` is made up, in place of one that is missing: it says nothing of what will stand there. */
  readonly standIn?: true;
}

export interface ListNode {
  readonly kind: 'list';
  readonly place: Place;
  readonly items: readonly ConfigNode[];
}

export interface MapEntry {
  readonly key: Place;
  readonly value: ConfigNode;
}

export interface MapNode {
  readonly kind: 'map';
  readonly place: Place;
  readonly entries: ReadonlyMap<string, MapEntry>;
}

/** A value that can't be known: its problem is reported (or tolerated) already, so nothing more is said about it. */
export interface UnknownNode {
  readonly kind: 'unknown';
  readonly place: Place;
}

export type ConfigNode = ScalarNode | ListNode | MapNode | UnknownNode;

export const emptyMap = (place: Place): MapNode => ({ kind: 'map', place, entries: new Map() });

export function child(node: ConfigNode | undefined, key: string): ConfigNode | undefined {
  return node?.kind === 'map' ? node.entries.get(key)?.value : undefined;
}

/** A key that is left empty (`rules:`) counts as left out, where a whole section is meant. */
export function section(node: ConfigNode | undefined, key: string): ConfigNode | undefined {
  const found = child(node, key);
  return found?.kind === 'scalar' && found.value === null ? undefined : found;
}

export function nodeAt(node: ConfigNode | undefined, path: Path): ConfigNode | undefined {
  let at = node;
  for (const step of path) {
    if (at?.kind === 'map') at = at.entries.get(String(step))?.value;
    else if (at?.kind === 'list' && typeof step === 'number') at = at.items[step];
    else return undefined;
  }
  return at;
}

/**
 * What to point at for a problem with the value at `path`: the value itself where that is one scalar, else the key that
 * it hangs on; for a value that is not there, the nearest thing above it.
 */
export function placeAt(root: ConfigNode, path: Path): Place {
  let place: Place =
    isLeaf(root) || path.length === 0 ? startOf(root) : { file: root.place.file, start: 0, end: 0 };
  let at: ConfigNode | undefined = root;
  for (const step of path) {
    if (at?.kind === 'map') {
      const entry: MapEntry | undefined = at.entries.get(String(step));
      if (!entry) return place;
      place = isLeaf(entry.value) && !isEmpty(entry.value.place) ? entry.value.place : entry.key;
      at = entry.value;
    } else if (at?.kind === 'list' && typeof step === 'number') {
      at = at.items[step];
      if (!at) return place;
      place = isLeaf(at) ? at.place : startOf(at);
    } else return place;
  }
  return place;
}

/** The way to the innermost value, or its key, that `place` lies in. */
export function pathAt(root: ConfigNode, place: Place): Path {
  const covers = (one: Place) => one.file === place.file && one.start <= place.start && place.end <= one.end;
  const search = (node: ConfigNode, path: Path): Path | undefined => {
    // What is included, merged or an alias stands elsewhere than what it is in: all of it is looked through.
    if (node.kind === 'map') {
      for (const [name, { key, value }] of node.entries) {
        const at = [...path, name];
        const found = search(value, at) ?? (covers(key) ? at : undefined);
        if (found) return found;
      }
    }
    if (node.kind === 'list') {
      for (const [index, item] of node.items.entries()) {
        const found = search(item, [...path, index]);
        if (found) return found;
      }
    }
    return covers(node.place) ? path : undefined;
  };
  // A place without extent says "this file".
  return (place.start < place.end && search(root, [])) || [];
}

/** The key itself, where the key is what is wrong. */
export function keyPlaceAt(root: ConfigNode, path: Path): Place {
  const parent = nodeAt(root, path.slice(0, -1));
  const entry = parent?.kind === 'map' ? parent.entries.get(String(path.at(-1))) : undefined;
  return entry?.key ?? placeAt(root, path);
}

const isLeaf = (node: ConfigNode) => node.kind === 'scalar' || node.kind === 'unknown';
const isEmpty = (place: Place) => place.start === place.end;

/** A map spans lines; its first key is what the eye looks for. A list's first entry likewise. */
function startOf(node: ConfigNode): Place {
  if (node.kind === 'map') {
    for (const entry of node.entries.values()) if (entry.key.file === node.place.file) return entry.key;
  }
  if (node.kind === 'list' && node.items[0]) return startOf(node.items[0]);
  return node.place;
}

export function hasUnknown(node: ConfigNode): boolean {
  if (node.kind === 'list') return node.items.some(hasUnknown);
  if (node.kind === 'map') return [...node.entries.values()].some(({ value }) => hasUnknown(value));
  return node.kind === 'unknown';
}

/** What is made up under a node, in place of what is missing. */
export function* standInsIn(node: ConfigNode): Generator<unknown> {
  if (node.kind === 'scalar' && node.standIn) yield node.value;
  if (node.kind === 'list') for (const item of node.items) yield* standInsIn(item);
  if (node.kind === 'map') for (const { value } of node.entries.values()) yield* standInsIn(value);
}

export const isInterpolated = (node: ConfigNode | undefined): boolean =>
  node?.kind === 'scalar' && node.interpolated;

/** Plain data. Unknown values become undefined, as if they were not there. */
export function toPlain(node: ConfigNode): unknown {
  switch (node.kind) {
    case 'scalar':
      return node.value;
    case 'list':
      return node.items.map(toPlain);
    case 'map': {
      // defineProperty, since assigning to `__proto__` would do something else
      const plain = {};
      for (const [key, { value }] of node.entries) {
        Object.defineProperty(plain, key, {
          value: toPlain(value),
          enumerable: true,
          configurable: true,
          writable: true,
        });
      }
      return plain;
    }
    case 'unknown':
      return undefined;
  }
}

/** The same tree with the scalar at `path` replaced. */
export function replaceAt(node: ConfigNode, path: Path, scalar: ScalarNode): ConfigNode {
  const [step, ...rest] = path;
  if (step === undefined) return scalar;
  if (node.kind === 'map') {
    const entry = node.entries.get(String(step));
    if (!entry) return node;
    const value = replaceAt(entry.value, rest, scalar);
    return { ...node, entries: new Map(node.entries).set(String(step), { ...entry, value }) };
  }
  if (node.kind === 'list') {
    return {
      ...node,
      items: node.items.map((item, index) => (index === step ? replaceAt(item, rest, scalar) : item)),
    };
  }
  return node;
}

/** `rules.won-leads.steps[0].text` */
export function showPath(path: Path): string {
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`;
      const shown = /^[\w$*-]+$/.test(step) ? step : JSON.stringify(step);
      return index === 0 ? shown : `.${shown}`;
    })
    .join('');
}
