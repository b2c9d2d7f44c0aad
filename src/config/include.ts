import { isUtf8 } from 'node:buffer';
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Diagnostic, Place } from '../core/diagnostic.ts';
import type { Found } from './find.ts';
import { type ConfigNode, child, emptyMap, type MapEntry, type MapNode, type ScalarNode } from './node.ts';
import { parse } from './parse.ts';

/** What frames are cut from. */
export interface Sources {
  /** The text of every file that was read, by absolute path, in the order they were read. */
  readonly texts: ReadonlyMap<string, string>;
  /** Keys, beside the usual ones, whose values are masked: options that a plugin calls secret. */
  readonly secrets: ReadonlySet<string>;
  /** Of `${...}`, those that came from a credential, or whose name says that they are secret. */
  readonly values?: ReadonlySet<string>;
}

export interface Loaded {
  readonly root: ConfigNode;
  readonly texts: ReadonlyMap<string, string>;
  readonly problems: readonly Diagnostic[];
}

/** Reads a file and all that it includes, and merges them: maps merge, a name given twice is a problem. */
export async function loadFiles(found: Found): Promise<Loaded> {
  const texts = new Map<string, string>();
  const problems: Diagnostic[] = [];
  const report = (problem: Diagnostic) => void problems.push(problem);

  const load = async (file: string, within?: string, from?: Place): Promise<ConfigNode> => {
    const place = { file, start: 0, end: 0 };
    let text: string | undefined;
    try {
      const given = file === found.file ? found.text : undefined;
      text = given ?? decode(file, await readFile(file), report);
    } catch (error) {
      report(unreadable(file, (error as NodeJS.ErrnoException).code ?? 'unknown error', from));
      return { kind: 'unknown', place };
    }
    texts.set(file, text ?? '');
    if (text === undefined) return { kind: 'unknown', place };
    const parsed = parse(file, text, within);
    problems.push(...parsed.problems);
    let root = parsed.root;
    for (const { value, place: named } of includesOf(root, report)) {
      const matches = expand(value, dirname(file));
      if (matches.length === 0 && !isGlob(value)) {
        report({
          severity: 'error',
          code: 'CONFIG_INCLUDE',
          message: `the included file ${value} is not there`,
          hint: `looked for ${resolve(dirname(file), value)}`,
          place: named,
          path: ['include'],
        });
      }
      // Two patterns may name the same file, or files each other: each is read once.
      for (const match of matches) {
        if (!texts.has(match)) root = merge(root, await load(match, undefined, named), report);
      }
    }
    return root;
  };
  const root = withoutOwn(await load(found.file, found.within));
  return { root, texts, problems };
}

/** Without a byte order mark, which editors leave and nobody sees. Undefined: nothing of it can be read. */
function decode(file: string, bytes: Buffer, report: (problem: Diagnostic) => void): string | undefined {
  const text = new TextDecoder().decode(bytes);
  if (isUtf8(bytes)) return text;
  const isUtf16 = UTF16_MARKS.some(mark => bytes.subarray(0, 2).equals(mark));
  const start = isUtf16 ? 0 : text.indexOf(REPLACEMENT);
  report({
    severity: 'error',
    code: 'CONFIG_UNREADABLE',
    message: isUtf16 ? 'the file is UTF-16' : 'the file is not UTF-8: a character here is written otherwise',
    hint: 'save it as UTF-8',
    place: { file, start, end: isUtf16 ? start : start + 1 },
  });
  return isUtf16 ? undefined : text;
}

/** What stands for bytes that are no UTF-8. */
const REPLACEMENT = '\uFFFD';
const UTF16_MARKS = [Buffer.of(0xff, 0xfe), Buffer.of(0xfe, 0xff)];

function unreadable(file: string, code: string, from: Place | undefined): Diagnostic {
  const [why, hint] = WHY[code] ?? [`could not be read (${code})`];
  return {
    severity: 'error',
    code: 'CONFIG_UNREADABLE',
    message: `${file} ${why}`,
    ...(hint === undefined ? {} : { hint }),
    ...(from ? { place: from } : {}),
  };
}

const WHY: Readonly<Record<string, readonly [why: string, hint: string]>> = {
  EISDIR: ['is a folder, and the config is to be a file', 'name the file in it'],
  EACCES: [
    'may not be read by this user (EACCES)',
    'say this as the user that runs podiod, or as root (sudo), or let this user read it',
  ],
};

function includesOf(
  root: ConfigNode,
  report: (problem: Diagnostic) => void,
): (ScalarNode & { value: string })[] {
  const include = child(root, 'include');
  if (!include || (include.kind === 'scalar' && include.value === null)) return [];
  const isText = (node: ConfigNode): node is ScalarNode & { value: string } =>
    node.kind === 'scalar' && typeof node.value === 'string' && node.value !== '';
  return (include.kind === 'list' ? include.items : [include]).filter(item => {
    if (isText(item)) return true;
    if (item.kind !== 'unknown') {
      report({
        severity: 'error',
        code: 'CONFIG_TYPE',
        message: '`include` must be a list of files or patterns',
        place: item.place,
        path: ['include'],
      });
    }
    return false;
  }) as (ScalarNode & { value: string })[];
}

const isGlob = (pattern: string) => /[*?[\]{}]/.test(pattern);

/** `leads.test.yml`: tests, which `podiod test` finds beside what is tested. */
export const isTestFile = (file: string): boolean => /\.test\.ya?ml$/.test(file);

/** No pattern means a file of tests: a daemon has no use for it. */
function expand(pattern: string, folder: string): string[] {
  return globSync(pattern, { cwd: folder, withFileTypes: false })
    .filter(match => !isGlob(pattern) || !isTestFile(match))
    .map(match => resolve(folder, match))
    .sort();
}

/** Settings that stay with their file. */
const isOwn = (key: string) => key === 'include' || key === '$schema' || key.startsWith('x-');

/** They have done their work: anchors are followed, includes read. */
function withoutOwn(root: ConfigNode): ConfigNode {
  if (root.kind !== 'map') return root;
  return { ...root, entries: new Map([...root.entries].filter(([key]) => !isOwn(key))) };
}

function merge(into: ConfigNode, from: ConfigNode, report: (problem: Diagnostic) => void): ConfigNode {
  // A broken file hides what it has; only what is known can be checked.
  if (into.kind !== 'map') return into;
  if (from.kind === 'unknown') return into;
  if (from.kind !== 'map') {
    report({
      severity: 'error',
      code: 'CONFIG_TYPE',
      message: 'an included file must be a map, like the config itself',
      place: from.place,
    });
    return into;
  }
  const entries = new Map(into.entries);
  for (const [key, entry] of from.entries) {
    if (isOwn(key)) continue;
    const existing = entries.get(key);
    if (!existing || isNothing(existing.value)) entries.set(key, entry);
    else if (isNothing(entry.value)) continue;
    else if (existing.value.kind === 'map' && entry.value.kind === 'map') {
      entries.set(key, { ...existing, value: mergeSection(key, existing.value, entry.value, report) });
    } else if (existing.value.kind !== 'unknown' && entry.value.kind !== 'unknown') {
      report(givenTwice([key], entry, existing));
    }
  }
  return { ...into, entries };
}

function mergeSection(
  section: string,
  into: MapNode,
  from: MapNode,
  report: (problem: Diagnostic) => void,
): MapNode {
  const entries = new Map(into.entries);
  for (const [name, entry] of from.entries) {
    const existing = entries.get(name);
    if (existing) report(givenTwice([section, name], entry, existing));
    else entries.set(name, entry);
  }
  return { ...emptyMap(into.place), entries };
}

const isNothing = (node: ConfigNode) => node.kind === 'scalar' && node.value === null;

function givenTwice(path: readonly string[], second: MapEntry, first: MapEntry): Diagnostic {
  return {
    severity: 'error',
    code: 'CONFIG_DUPLICATE_NAME',
    message: `\`${path.join('.')}\` is given twice`,
    hint: 'rename or remove one of them',
    place: second.key,
    path,
    related: { place: first.key, message: 'first here' },
  };
}
