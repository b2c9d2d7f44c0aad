/**
 * What YAML does to the unwary. Each trap is told in words of its own and then filled with harmless letters of the same
 * length, so that the rest of the file can still be read and every later place stays true.
 */
import { type Document, isAlias, isCollection, isScalar, parseDocument, visit } from 'yaml';
import type { Diagnostic, Place } from '../core/diagnostic.ts';
import type { DiagnosticCode } from './codes.ts';
import { maskSecrets } from './mask.ts';

export interface Repaired {
  /** As long as the original. */
  readonly text: string;
  readonly problems: readonly Diagnostic[];
  /** What was filled: values found here mean nothing. */
  readonly filled: readonly Place[];
}

/** The values that YAML 1.2's core schema knows, so `yes`, `no` and `on` are text. Duplicate keys and `<<` are ours. */
export const parseYaml = (text: string) =>
  parseDocument(text, {
    version: '1.2',
    schema: 'core',
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'error',
  });

/** `start` to `end` are to be quoted as a whole. */
interface Trap {
  readonly code: DiagnosticCode;
  readonly start: number;
  readonly end: number;
  readonly message: string;
  /** Instead of what to quote. */
  readonly hint?: string;
  /** What to put there; letters by default. */
  readonly fill?: string;
}

/** Each round removes one trap, so this many are shown at most. */
const MAX_TRAPS = 100;

export function repairTraps(file: string, original: string): Repaired {
  let text = original;
  const problems: Diagnostic[] = [];
  const filled: Place[] = [];
  while (problems.length < MAX_TRAPS) {
    const trap = findTrap(text, parseYaml(text));
    if (!trap) break;
    const place = { file, start: trap.start, end: trap.end };
    problems.push({
      severity: 'error',
      code: trap.code,
      message: trap.message,
      place,
      hint: trap.hint ?? quotingHint(original, trap),
    });
    if (trap.fill === undefined) filled.push(place);
    const trapped = text.slice(trap.start, trap.end);
    text =
      text.slice(0, trap.start) +
      trapped.replace(trap.fill ? /./g : /\S/g, trap.fill ?? 'x') +
      text.slice(trap.end);
  }
  return { text, problems, filled };
}

function findTrap(text: string, document: Document.Parsed): Trap | undefined {
  const errors = [...document.errors].sort((a, b) => a.pos[0] - b.pos[0]);
  for (const error of errors) {
    const at = error.pos[0];
    const trap =
      (error.code === 'TAB_AS_INDENT' ? tabs(text, at) : undefined) ??
      (/compact mappings/.test(error.message) ? colon(text, at) : undefined) ??
      template(text, lineStart(text, at)) ??
      interpolation(text, at) ??
      (error.code === 'BAD_ALIAS' || /alias/.test(error.message)
        ? alias(text, lineStart(text, at))
        : undefined) ??
      (error.code === 'BAD_SCALAR_START' ? reserved(text, at) : undefined);
    if (trap && trap.end > trap.start) return trap;
  }
  return silentTrap(text, document);
}

/** The ones that are valid YAML, only not what was meant. */
function silentTrap(text: string, document: Document.Parsed): Trap | undefined {
  let found: Trap | undefined;
  const anchors = new Set<string>();
  visit(document, {
    Node(_, node) {
      if (!isAlias(node) && node.anchor) anchors.add(node.anchor);
    },
    Pair(_, pair) {
      const start = isCollection(pair.key) ? pair.key.range?.[0] : undefined;
      if (start !== undefined && text[start] === '{' && text[start - 1] === '{') {
        found = template(text, start - 1);
        return visit.BREAK;
      }
      if (!isScalar(pair.key) || (isScalar(pair.value) ? pair.value.value !== null : pair.value))
        return undefined;
      // Nothing but the remark: where the empty value stands says little.
      const colon = text.indexOf(':', pair.key.range?.[1] ?? text.length) + 1;
      found = colon > 0 ? remark(text, colon, colon) : undefined;
      return found && visit.BREAK;
    },
    Scalar(key, node) {
      const [start, behind] = node.range ?? [];
      if (key === 'key' || start === undefined || behind === undefined) return undefined;
      const trap = node.type === 'PLAIN' ? remark(text, start, behind) : undefined;
      if (!trap) return undefined;
      found = trap;
      return visit.BREAK;
    },
    Alias(_, node) {
      if (!anchors.has(node.source) && !/^[A-Za-z_][\w-]*$/.test(node.source) && node.range) {
        found = alias(text, node.range[0]);
        return visit.BREAK;
      }
      return undefined;
    },
  });
  return found;
}

function tabs(text: string, at: number): Trap | undefined {
  const line = lineStart(text, at);
  const indent = /^[ \t]*/.exec(text.slice(line))?.[0] ?? '';
  const first = indent.indexOf('\t');
  if (first < 0) return undefined;
  return {
    code: 'CONFIG_YAML_TAB',
    start: line + first,
    end: line + indent.length,
    message: 'tabs are not allowed as indentation',
    hint: 'indent with spaces, two a level',
    fill: ' ',
  };
}

/** `text: {{ x }} is won`: a map whose key is a map, or `{% if x %}`. `from`: where on the line to begin looking. */
function template(text: string, from: number): Trap | undefined {
  const match = matchValue(text, from, /\{[{%]/);
  if (match === undefined) return undefined;
  const end = isInFlow(text, match) ? templateEnd(text, match) : textEnd(text, match);
  return {
    code: 'CONFIG_YAML_TEMPLATE',
    start: match,
    end,
    message: `a text that starts with \`${text.slice(match, match + 2)}\` is a map to YAML`,
  };
}

/** `text: Deal #{{ x }}`: nobody begins a remark like that. */
function remark(text: string, start: number, behind: number): Trap | undefined {
  // At the place itself: every value is looked at, and a line may be the whole file.
  const pattern = /[ \t]+#\{[{%]/y;
  pattern.lastIndex = behind;
  const gap = pattern.exec(text);
  if (!gap) return undefined;
  const hash = behind + gap[0].length - 3;
  const from = start < behind ? start : hash;
  return {
    code: 'CONFIG_YAML_QUOTE',
    start: from,
    end: isInFlow(text, start) ? templateEnd(text, hash) : linesEnd(text, from, lineEnd(text, hash)),
    message: 'what comes behind ` #` is a comment to YAML',
  };
}

/** `{ id: ${X} }`: the brace opens a map there. `at`: the brace, or what follows it. */
function interpolation(text: string, at: number): Trap | undefined {
  const line = lineStart(text, at);
  for (const match of text.slice(line, lineEnd(text, at)).matchAll(/\$\{[^}\n]*\}?/g)) {
    const start = line + match.index;
    const end = start + match[0].length;
    // Only the brace itself tells: elsewhere on the line `${X}` may stand in a text that is quoted well.
    if (at !== start + 1) continue;
    const from = flowStart(text, start);
    return {
      code: 'CONFIG_YAML_INTERPOLATION',
      start: from,
      end: flowEnd(text, end),
      message: `\`\${\` between { } or [ ] starts a map to YAML`,
    };
  }
  return undefined;
}

/** A schedule of every five minutes, or `app: *`. */
function alias(text: string, from: number): Trap | undefined {
  const start = matchValue(text, from, /\*/);
  if (start === undefined) return undefined;
  const end = isInFlow(text, start) ? flowEnd(text, start) : valueEnd(text, start);
  return {
    code: 'CONFIG_YAML_ALIAS',
    start,
    end,
    message: 'a text that starts with `*` is an alias to YAML',
  };
}

/** `@`, `` ` `` and `%` mean nothing yet, but YAML keeps them for itself. */
function reserved(text: string, start: number): Trap | undefined {
  if (!/[@`%]/.test(text[start] ?? '')) return undefined;
  const end = isInFlow(text, start) ? flowEnd(text, start) : valueEnd(text, start);
  return {
    code: 'CONFIG_YAML_QUOTE',
    start,
    end,
    message: `a text cannot start with \`${text[start]}\` in YAML`,
  };
}

/** `text: Won: {{ x }}` */
function colon(text: string, start: number): Trap | undefined {
  const value = text.slice(start, valueEnd(text, start));
  if (!/^[^\s"'[{|>&*!-].*:\s/.test(value)) return undefined;
  const end = textEnd(text, start);
  return {
    code: 'CONFIG_YAML_QUOTE',
    start,
    end,
    message: 'a text with `: ` in it is a map to YAML',
  };
}

/** Where on the line of `from` a value begins that starts with `what`. */
function matchValue(text: string, from: number, what: RegExp): number | undefined {
  const line = lineStart(text, from);
  const pattern = new RegExp(`(?:[:,-][ \\t]+|[[{][ \\t]*|^[ \\t]*)(${what.source})`, 'g');
  const source = text.slice(line, lineEnd(text, from));
  for (const match of source.matchAll(pattern)) {
    const start = line + match.index + match[0].length - (match[1]?.length ?? 0);
    if (start >= from && !isQuoted(source.slice(0, start - line))) return start;
  }
  return undefined;
}

const lineStart = (text: string, at: number) => text.lastIndexOf('\n', at - 1) + 1;
/** Before the line's end, as Windows writes it too. */
const lineEnd = (text: string, at: number) => {
  const end = text.indexOf('\n', at);
  if (end < 0) return text.length;
  return end > at && text[end - 1] === '\r' ? end - 1 : end;
};

/** Of a plain text in block style: to the end of the line or a comment. */
function valueEnd(text: string, start: number): number {
  const rest = text.slice(start, lineEnd(text, start));
  return start + rest.replace(/[ \t]#.*$/, '').trimEnd().length;
}

/** The same where the text may go on in the lines below. */
const textEnd = (text: string, start: number): number => linesEnd(text, start, valueEnd(text, start));

/** With the lines below `end` that are indented further than what the text at `start` stands behind: they belong to it. */
function linesEnd(text: string, start: number, end: number): number {
  const before = text.slice(lineStart(text, start), start);
  const [dashes = ''] = /^\s*(?:- +)*/.exec(before) ?? [];
  const isItem = dashes.length === before.length;
  const column = isItem ? Math.max(before.lastIndexOf('-'), before.search(/\S|$/) - 1) : dashes.length;
  let last = end;
  for (let at = text.indexOf('\n', end); at >= 0; at = text.indexOf('\n', at + 1)) {
    const line = text.slice(at + 1, lineEnd(text, at + 1)).trimEnd();
    const indent = line.search(/\S/);
    // Of lines that are empty, or a remark, those below tell.
    if (indent < 0 || line[indent] === '#') continue;
    if (indent <= column) break;
    last = at + 1 + line.length;
  }
  return last;
}

/** Of a plain text between brackets: to the next comma or closing bracket. */
function flowEnd(text: string, start: number): number {
  const rest = text.slice(start, lineEnd(text, start));
  return start + (/^[^,\]}]*/.exec(rest)?.[0].trimEnd().length ?? 0);
}

/** Like flowEnd, but for a text that starts with `{{` or `{%` and may hold more of them. */
function templateEnd(text: string, start: number): number {
  let end = start;
  for (;;) {
    const next = text.slice(end, flowEnd(text, end)).search(/\{[{%]/);
    const close = next < 0 ? undefined : tagsEnd(text, end + next);
    if (close === undefined) return flowEnd(text, end);
    end = close;
  }
}

const OPENING = new Set(['if', 'unless', 'case', 'for', 'tablerow', 'capture', 'comment', 'raw']);

/** Behind the tag at `start`, or behind the one that closes what it opens: an `{% if %}` may well go over several lines. */
function tagsEnd(text: string, start: number): number | undefined {
  let end: number | undefined;
  let depth = 0;
  for (const match of text.slice(start).matchAll(/\{%-?\s*(\w*).*?%\}|\{\{.*?\}\}/g)) {
    const [tag, name = ''] = match;
    if (OPENING.has(name)) depth++;
    if (name.startsWith('end')) depth--;
    end ??= start + match.index + tag.length;
    if (depth <= 0) return start + match.index + tag.length;
  }
  return end;
}

/** The start of the plain text between brackets that `at` is in. */
function flowStart(text: string, at: number): number {
  const before = text.slice(lineStart(text, at), at);
  return at - (/[^,[{\s]*$/.exec(before)?.[0].length ?? 0);
}

/** Whether brackets are open at `at`, counted from the last line that is not indented. */
function isInFlow(text: string, at: number): boolean {
  const lines = text.slice(0, at).split('\n');
  const section = lines.slice(lines.findLastIndex(line => /^\S/.test(line))).join('\n');
  const code = section.replace(/"(?:[^"\\]|\\.)*"|'[^']*'|\s#.*$|\{\{.*?\}\}|\{%.*?%\}|\$\{[^}\n]*\}/gm, '');
  let depth = 0;
  for (const char of code) {
    if (char === '{' || char === '[') depth++;
    if (char === '}' || char === ']') depth--;
  }
  return depth > 0;
}

const isQuoted = (before: string) => /["']/.test(before.replace(/"[^"]*"|'[^']*'/g, ''));

/** What to write instead, with the file's own text, unless that is a secret. */
function quotingHint(text: string, { start, end }: Trap): string {
  const masked = maskSecrets(text, new Set());
  const value = text.slice(start, end);
  if (value.includes('\n')) {
    return isInFlow(text, start)
      ? 'put all of it in quotes, from the first line to the last'
      : 'write `|-` in its place, and the text in the lines below, indented';
  }
  if (masked.text.slice(masked.move(start), masked.move(end)) !== value) return 'put it in quotes';
  const short = value.length > 60 ? `${value.slice(0, 57)}...` : value;
  return `put it in quotes: ${short.includes('"') ? `'${short.replaceAll("'", "''")}'` : `"${short}"`}`;
}
