import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  visit,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import type { Diagnostic, Place } from '../core/diagnostic.ts';
import { nearest } from '../core/suggest.ts';
import { type ConfigNode, child, emptyMap, type MapEntry, type MapNode } from './node.ts';
import { parseYaml, repairTraps } from './yaml-traps.ts';

export interface Parsed {
  readonly root: ConfigNode;
  readonly problems: readonly Diagnostic[];
}

/**
 * Reads YAML (and JSON, which is YAML) into a located tree, with all its problems. A part that is broken becomes an
 * unknown node, so that nothing is said about it twice and the rest can still be checked.
 *
 * @param within The key under which the config stands (package.json#podio); the whole file otherwise.
 */
export function parse(file: string, original: string, within?: string): Parsed {
  const { text, problems: traps, filled } = repairTraps(file, original);
  const document = parseYaml(text);
  const tabs = traps.filter(({ code }) => code === 'CONFIG_YAML_TAB');
  const problems: Diagnostic[] = [...traps.filter(trap => !tabs.includes(trap)), ...allTabs(tabs)];
  const whole: Place = { file, start: 0, end: 0 };

  const errors = [...document.errors, ...document.warnings];
  // An open quote swallows the rest: what else the parser says is about text that it took for something else.
  const quote = errors.filter(({ message }) => UNCLOSED_QUOTE.test(message));
  const syntax = firstOfEachLine(
    text,
    (quote.length > 0 ? quote : errors).map(error => syntaxProblem(file, text, error, document)),
  );
  // Where tabs stand, what else the parser says is about an indentation that nobody has written.
  if (tabs.length === 0) problems.push(...syntax);

  const converter = makeConverter(file, text, document, filled, problem => {
    // What a syntax error leaves behind on its line is no news.
    if (firstOfEachLine(text, [...syntax, problem]).includes(problem)) problems.push(problem);
  });
  const root = document.contents ? converter.convert(document.contents as Node) : emptyMap(whole);
  const broken = syntax.length > 0 ? withoutBroken(root, text, syntax) : root;
  return { root: within === undefined ? broken : (child(broken, within) ?? emptyMap(whole)), problems };
}

const UNCLOSED_QUOTE = /^Missing closing .quote/;

/** Aliases of aliases multiply: a page of them can stand for more than fits into memory. */
const MAX_ALIASES = 10_000;

type AnyDocument = ReturnType<typeof parseYaml>;

function makeConverter(
  file: string,
  text: string,
  document: AnyDocument,
  filled: readonly Place[],
  report: (problem: Diagnostic) => void,
) {
  const placeOf = (node: Node): Place => {
    const [start, end] = node.range ?? [0, 0];
    return { file, start, end: start + text.slice(start, end).trimEnd().length };
  };
  /** Nodes that are being converted: an alias to one of them would never end. */
  const open = new Set<Node>();

  const convert = (node: Node): ConfigNode => {
    const place = placeOf(node);
    if (filled.some(fill => fill.start < place.end && place.start < fill.end) && isScalar(node)) {
      return { kind: 'unknown', place };
    }
    if (isAlias(node)) return convertAlias(node, place);
    if (isScalar(node)) return convertScalar(node.value, place);
    open.add(node);
    try {
      if (isMap(node)) return convertMap(node, place);
      if (isSeq(node)) {
        return { kind: 'list', place, items: node.items.map(item => convert(item as Node)) };
      }
    } finally {
      open.delete(node);
    }
    return { kind: 'unknown', place };
  };

  const convertScalar = (value: unknown, place: Place): ConfigNode => {
    if (
      typeof value === 'string' ||
      typeof value === 'number' ||
      typeof value === 'boolean' ||
      value === null
    ) {
      const written = typeof value === 'string' ? value : text.slice(place.start, place.end);
      return { kind: 'scalar', place, value, text: written, interpolated: false };
    }
    return { kind: 'unknown', place };
  };

  let aliases = 0;
  const convertAlias = (node: Alias, place: Place): ConfigNode => {
    const target = node.resolve(document);
    if (target && !open.has(target)) {
      if (++aliases <= MAX_ALIASES) return convert(target);
      if (aliases === MAX_ALIASES + 1) {
        report({
          severity: 'error',
          code: 'CONFIG_SYNTAX',
          message: `the aliases up to here stand for more than ${MAX_ALIASES} others`,
          hint: 'use fewer aliases of what holds aliases itself',
          place,
        });
      }
      return { kind: 'unknown', place };
    }
    const near = target ? undefined : nearest(node.source, anchorsOf(text));
    report({
      severity: 'error',
      code: 'CONFIG_SYNTAX',
      message: target
        ? `\`*${node.source}\` stands inside what it means`
        : `no anchor \`&${node.source}\` stands before this alias`,
      hint:
        near === undefined
          ? `if \`*${node.source}\` is meant as text, put it in quotes`
          : `did you mean \`*${near}\`?`,
      place,
    });
    return { kind: 'unknown', place };
  };

  const convertMap = (node: YAMLMap, place: Place): MapNode => {
    const entries = new Map<string, MapEntry>();
    const merged: MapNode[] = [];
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      const key = pair.key;
      if (!isScalar(key)) {
        report({
          severity: 'error',
          code: 'CONFIG_SYNTAX',
          message: 'a key must be text',
          hint: 'put it in quotes',
          place: placeOf(key),
        });
        continue;
      }
      const keyPlace = placeOf(key);
      const name = String(key.type === 'PLAIN' ? (key.source ?? key.value) : key.value);
      const value = pair.value
        ? convert(pair.value)
        : convertScalar(null, { ...keyPlace, start: keyPlace.end });
      if (name === '<<' && key.type === 'PLAIN') {
        merged.push(...mergeSources(value, keyPlace));
        continue;
      }
      const first = entries.get(name);
      if (first) {
        report({
          severity: 'error',
          code: 'CONFIG_DUPLICATE_KEY',
          message: `\`${name}\` stands twice in this map`,
          hint: 'remove or rename one of them',
          place: keyPlace,
          related: { place: first.key, message: 'first here' },
        });
        continue;
      }
      entries.set(name, { key: keyPlace, value });
    }
    // Own keys win over merged ones, earlier merged maps over later ones.
    for (const source of merged) {
      for (const [name, entry] of source.entries) if (!entries.has(name)) entries.set(name, entry);
    }
    return { kind: 'map', place, entries };
  };

  const mergeSources = (value: ConfigNode, keyPlace: Place): MapNode[] => {
    const sources = value.kind === 'list' ? value.items : [value];
    return sources.filter(source => {
      if (source.kind === 'map') return true;
      if (source.kind !== 'unknown') {
        report({
          severity: 'error',
          code: 'CONFIG_SYNTAX',
          message: '`<<` merges maps only',
          hint: 'give it an alias of a map, like `<<: *base`',
          place: keyPlace,
        });
      }
      return false;
    }) as MapNode[];
  };

  return { convert };
}

function* anchorsOf(text: string): Iterable<string> {
  for (const match of text.matchAll(/&([A-Za-z_][\w-]*)/g)) if (match[1]) yield match[1];
}

/** Whoever indents with tabs does it everywhere: told once, at the first. */
function allTabs([first, ...more]: readonly Diagnostic[]): readonly Diagnostic[] {
  if (!first) return [];
  const lines = more.length === 1 ? 'one more line' : `${more.length} more lines`;
  return [more.length === 0 ? first : { ...first, message: `${first.message}, here and in ${lines}` }];
}

/** One slip makes the parser stumble several times over the same line. */
function firstOfEachLine(text: string, problems: readonly Diagnostic[]): Diagnostic[] {
  const lines = new Set<number>();
  return problems.filter(({ place }) => {
    const line = text.lastIndexOf('\n', (place?.start ?? 0) - 1);
    return lines.has(line) ? false : lines.add(line);
  });
}

/** The parser's own words, said for people who don't know its grammar. */
const IN_WORDS: Partial<Record<YAMLError['code'], { message: string; hint?: string }>> = {
  BAD_INDENT: {
    message: 'the indentation fits nothing above it',
    hint: 'keys of one map start in the same column',
  },
  BLOCK_AS_IMPLICIT_KEY: {
    message: 'this goes on in the next line, which looks like a key of its own',
    hint: 'give keys of one map the same indentation, and quote a text that has `: ` in it',
  },
  BLOCK_IN_FLOW: {
    message: 'inside `{ }` and `[ ]` a text with `: ` in it, or a `- `, would begin a map or list of its own',
    hint: 'put the whole text in quotes',
  },
  MULTILINE_IMPLICIT_KEY: {
    message: 'a key must stand on one line, with a `:` after it',
    hint: 'check the indentation of this line and the one before',
  },
  UNEXPECTED_TOKEN: {
    message: 'this does not belong here: the value has ended before it',
    hint: 'put the whole text in quotes, and look for a quote or bracket that closes too early',
  },
  MULTIPLE_DOCS: {
    message: 'a second document starts here',
    hint: 'one file holds one config; remove the `---`, or move this to a file of its own and include it',
  },
  RESOURCE_EXHAUSTION: {
    message: 'lists and maps in one another go too deep here to be read',
    hint: 'a config needs a few levels only; look for brackets that do not close',
  },
  TAG_RESOLVE_FAILED: {
    message: 'this tag means nothing here',
    hint: 'remove it, or quote a text that starts with `!`',
  },
};

const NO_ELEMENT = {
  message: 'this stands in the column of a list, and is no element of it',
  hint: 'what belongs to the element above stands in the column of its keys; an element of its own starts with `- `',
};

function syntaxProblem(file: string, text: string, error: YAMLError, document: AnyDocument): Diagnostic {
  const [start, stop] = UNCLOSED_QUOTE.test(error.message) ? openQuote(document, error.pos) : error.pos;
  const line = text.indexOf('\n', start);
  // An error may claim half the file; what matters is where it starts.
  const end = Math.min(stop, line < 0 ? text.length : Math.max(line, start + 1));
  const words = closing(error.message) ??
    (error.message.startsWith('Sequence item without') ? NO_ELEMENT : undefined) ??
    IN_WORDS[error.code] ?? {
      message: lower(error.message),
      ...(error.code === 'BAD_SCALAR_START' && { hint: 'put the text in quotes' }),
    };
  return { severity: 'error', code: 'CONFIG_SYNTAX', ...words, place: { file, start, end } };
}

/** Of a quote that is never closed, the end of the file says little: where it opens is what helps. */
function openQuote(document: AnyDocument, pos: readonly [number, number]): readonly [number, number] {
  let found = pos;
  visit(document, {
    Scalar(_, { type, range }) {
      if (type?.startsWith('QUOTE') && range && range[0] < pos[0] && pos[0] <= range[2])
        found = [range[0], range[1]];
    },
  });
  return found;
}

/** What was opened and never closed. */
function closing(message: string): { message: string; hint: string } | undefined {
  if (UNCLOSED_QUOTE.test(message)) {
    return { message: 'this quote is not closed', hint: 'end the text with the same quote' };
  }
  const bracket = /sufficiently indented and end with a (.)/.exec(message)?.[1];
  if (bracket)
    return { message: `a \`${bracket}\` is missing before this`, hint: 'look for where it opens, above' };
  return undefined;
}

const lower = (message: string) => message.charAt(0).toLowerCase() + message.slice(1);

/**
 * A syntax error makes what stands around it unreliable. When every top-level key was still read, only the sections
 * with errors are given up; otherwise all is.
 */
function withoutBroken(root: ConfigNode, text: string, syntax: readonly Diagnostic[]): ConfigNode {
  const unknown: ConfigNode = { kind: 'unknown', place: root.place };
  if (root.kind !== 'map') return unknown;
  const written = [...text.matchAll(/^(?:"([^"\n]+)"|'([^'\n]+)'|([A-Za-z$_][\w-]*))\s*:(?=\s|$)/gm)];
  const keys = new Set(written.map(match => match[1] ?? match[2] ?? match[3] ?? ''));
  if (keys.size !== root.entries.size || [...keys].some(key => !root.entries.has(key))) return unknown;

  const entries = new Map(root.entries);
  for (const { place } of syntax) {
    const section = written.findLast(match => match.index <= (place?.start ?? 0));
    const name = section?.[1] ?? section?.[2] ?? section?.[3];
    const entry = name === undefined ? undefined : entries.get(name);
    if (name === undefined || !entry) return unknown;
    entries.set(name, { ...entry, value: { kind: 'unknown', place: entry.value.place } });
  }
  return { ...root, entries };
}
