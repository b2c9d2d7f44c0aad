/** Inputs near to what is right, since those get furthest. The seed decides all of them. */

/** Characters of an input. */
const MOST = 20_000;

const TOKENS = [
  '',
  '\0',
  '\n',
  '\r\n',
  '%',
  '%00',
  '%zz',
  '%F0%9F%92%A9',
  '../',
  '//',
  ':',
  '"',
  "'",
  '{',
  '}',
  '[',
  ']',
  '{{',
  '}}',
  '{%',
  '%}',
  '&',
  '=',
  '&&',
  '__proto__',
  'constructor',
  'null',
  'true',
  '-1',
  '0',
  '9007199254740993',
  '1e999',
  'NaN',
  `$${'{A}'}`,
  '$${',
  '<<',
  '*a',
  '&a',
  '!!js',
  '\u202e',
  '\ufeff',
  '\ud800',
  '𝒳',
  'x'.repeat(300),
  '['.repeat(200),
  '{"a":'.repeat(60),
  '0'.repeat(40),
  '|',
  '- ',
  '  ',
  '\t',
  'Content-Length: 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Expect: 100-continue\r\n',
  'HTTP/1.1',
  'GET ',
  'PRI * HTTP/2.0',
];

/** Values that are valid JSON and seldom what was meant. */
const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e308,
  2 ** 53,
  '',
  ' ',
  'x',
  '__proto__',
  'NaN',
  '2026-02-30',
  '9999-12-31 23:59:59',
  '1e999',
  '{{ item.title }}',
  '<p onclick="x">a</p>',
  '&#1114112;&#x110000;',
  'x'.repeat(5000),
  [],
  {},
  [null],
  [[]],
  { value: null },
  { value: { value: {} } },
  JSON.parse(`${'['.repeat(100)}${']'.repeat(100)}`),
  JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}'),
];

const KEYS = ['__proto__', 'constructor', 'toString', 'length', 'value', '', '0', 'then', 'toJSON'];

type Parent = unknown[] | Record<string, unknown>;

/** Every place in a tree, with the list or map that it stands in. */
function placesIn(tree: unknown, found: [Parent, string][] = []): [Parent, string][] {
  if (typeof tree !== 'object' || tree === null) return found;
  for (const key of Object.keys(tree)) {
    found.push([tree as Parent, key]);
    placesIn((tree as Record<string, unknown>)[key], found);
  }
  return found;
}

/** Also where the key is `__proto__`. */
const put = (parent: Parent, key: string, value: unknown): void =>
  void Object.defineProperty(parent, key, { value, enumerable: true, configurable: true, writable: true });

export interface Seeds {
  readonly corpus: readonly string[];
  /** They are JSON, and mostly stay it. */
  readonly json?: boolean;
}

export function makeMutator(random: () => number): (seeds: Seeds) => string {
  const below = (count: number): number => Math.floor(random() * count);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;

  const once = (text: string, corpus: readonly string[]): string => {
    const at = below(text.length + 1);
    const to = Math.min(text.length, at + 1 + below(8));
    switch (below(7)) {
      case 0:
        return text.slice(0, at) + pick(TOKENS) + text.slice(at);
      case 1:
        return text.slice(0, at) + text.slice(to);
      case 2:
        return text.slice(0, at) + String.fromCharCode(below(256)) + text.slice(at + 1);
      case 3:
        return text.slice(0, at) + text.slice(at, to).repeat(1 + below(20)) + text.slice(to);
      case 4: {
        const other = pick(corpus);
        return text.slice(0, at) + other.slice(below(other.length + 1));
      }
      case 5:
        return text.slice(0, at) + String.fromCodePoint(below(0x2fff)) + text.slice(to);
      default:
        return text.slice(0, at);
    }
  };

  const trees = new Map<string, unknown>();
  const placeIn = (text: string): readonly [Parent, string] | undefined => {
    if (!trees.has(text)) trees.set(text, JSON.parse(text));
    return pick(placesIn(trees.get(text)));
  };

  const onceInTree = (tree: unknown, corpus: readonly string[]): void => {
    const places = placesIn(tree);
    if (places.length === 0) return;
    const [parent, key] = pick(places);
    const value = (parent as Record<string, unknown>)[key];
    switch (below(8)) {
      case 0:
        if (Array.isArray(parent)) parent.splice(Number(key), 1);
        else delete parent[key];
        break;
      case 1: {
        const [from, name] = placeIn(pick(corpus)) ?? [];
        if (from && name !== undefined) put(parent, key, structuredClone((from as never)[name]));
        break;
      }
      case 2:
        if (Array.isArray(parent)) parent.push(structuredClone(value));
        else put(parent, pick(KEYS), value);
        break;
      case 3:
        put(parent, key, random() < 0.5 ? [value] : { value });
        break;
      case 4:
      case 5:
        if (typeof value === 'string') put(parent, key, once(value, corpus));
        break;
      default:
        put(parent, key, structuredClone(pick(VALUES)));
    }
  };

  const mutateText = (corpus: readonly string[]): string => {
    let text = pick(corpus);
    for (let left = 1 + below(4); left > 0; left--) text = once(text, corpus);
    return text;
  };
  const mutateTree = (corpus: readonly string[]): string => {
    const tree = [JSON.parse(pick(corpus))];
    for (let left = 1 + below(4); left > 0; left--) onceInTree(tree, corpus);
    return JSON.stringify(tree[0] ?? null);
  };

  return ({ corpus, json = false }) => {
    const text = json && random() < 0.9 ? mutateTree(corpus) : mutateText(corpus);
    return text.length > MOST ? text.slice(0, MOST) : text;
  };
}
