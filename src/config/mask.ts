import { keylessUrls, secretParams, userinfos } from '../core/secret-text.ts';
import { isSecretKey } from './secret-keys.ts';

const MASK = '***';
/** `key:` in block or flow style, quoted or not, after the start of a line, `-`, `{` or `,`. */
const KEY = /(?<=^[ \t]*(?:- +)*|[{,][ \t]*)(["']?)([A-Za-z_$][\w$-]*)\1[ \t]*:(?=[ \t\r\n]|$|["'])[ \t]*/gm;
/** Says where the secret is, not what it is: worth showing. A default may be the secret itself. */
const REFERENCE = /^(["']?)\$\{(?:file:|credential:)?[^}:]*\}\1(?:\s+#.*)?$/;

/** In any URL, whatever the key is called. */
const IN_URLS = [keylessUrls, userinfos, secretParams];

interface Range {
  readonly start: number;
  readonly end: number;
}

export interface Masked {
  readonly text: string;
  /** Where an offset of the original is in `text`. What is inside of a mask goes to its start. */
  readonly move: (offset: number) => number;
}

/**
 * Replaces the values of keys that hold a secret, and secrets in URLs. Works on the text and not on the tree, since the text may be too
 * broken to have one; masks rather too much.
 */
export function maskSecrets(text: string, more: ReadonlySet<string>): Masked {
  const ranges: Range[] = [];
  for (const match of text.matchAll(KEY)) {
    const key = match[2] ?? '';
    const start = match.index + match[0].length;
    if (!isSecretKey(key) && !more.has(key)) continue;
    if (ranges.some(range => start < range.end)) continue;
    for (const range of valueRanges(text, match.index, start)) {
      if (!REFERENCE.test(text.slice(range.start, range.end))) ranges.push(range);
    }
  }
  for (const match of IN_URLS.flatMap(pattern => [...text.matchAll(pattern())])) {
    const range = { start: match.index, end: match.index + match[0].length };
    if (!ranges.some(({ start, end }) => start < range.end && range.start < end) && !REFERENCE.test(match[0]))
      ranges.push(range);
  }
  ranges.sort((a, b) => a.start - b.start);
  let masked = '';
  let end = 0;
  for (const range of ranges) {
    masked += text.slice(end, range.start) + MASK;
    end = range.end;
  }
  return {
    text: masked + text.slice(end),
    move(offset) {
      let shift = 0;
      for (const range of ranges) {
        if (offset < range.start) break;
        if (offset < range.end) return range.start + shift;
        shift += MASK.length - (range.end - range.start);
      }
      return offset + shift;
    },
  };
}

/** The value behind a key: the rest of its line, and the lines after it that are indented further, each by itself. */
function valueRanges(text: string, key: number, start: number): Range[] {
  const ranges: Range[] = [];
  const lineStart = text.lastIndexOf('\n', key - 1) + 1;
  const indent = indentOf(text, lineStart);
  const add = (from: number, to: number) => {
    const part = text.slice(from, to);
    const content = part.trim();
    // `|`, `>-` and anchors only announce the value.
    if (content !== '' && !/^([|>][-+\d]*|&\S+|[[\]{},]+|#.*)$/.test(content)) {
      const lead = part.length - part.trimStart().length;
      ranges.push({ start: from + lead, end: from + lead + content.length });
    }
  };
  const first = lineEnd(text, start);
  add(start, isFlow(text, lineStart, key) ? flowEnd(text, start, first) : first);
  for (let at = first + 1; at < text.length; at = lineEnd(text, at) + 1) {
    const end = lineEnd(text, at);
    if (text.slice(at, end).trim() === '') continue;
    const depth = indentOf(text, at);
    const isItem = depth === indent && /^- /.test(text.slice(at + depth, end));
    if (depth <= indent && !isItem) break;
    // In a list item (`- token: x`) the keys beside it are indented further than the dash, not further than the key.
    if (depth <= key - lineStart && /^["']?[A-Za-z_$][\w$-]*["']?\s*:/.test(text.slice(at + depth, end)))
      break;
    if (isFlow(text, lineStart, key)) break;
    const dash = /^- */.exec(text.slice(at + depth, end))?.[0].length ?? 0;
    add(at + depth + dash, end);
  }
  return ranges;
}

const lineEnd = (text: string, at: number) => {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
};
const indentOf = (text: string, line: number) =>
  /^[ \t]*/.exec(text.slice(line, lineEnd(text, line)))?.[0].length ?? 0;
const isFlow = (text: string, line: number, key: number) => /[{[]/.test(text.slice(line, key));

/** Up to the comma or bracket behind the value, quotes heeded. */
function flowEnd(text: string, start: number, limit: number): number {
  const value = text.slice(start, limit);
  const match = /^(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|\[[^\]]*\]?|\$\{[^}]*\}|[^,}\]])*/.exec(value);
  return start + (match?.[0].length ?? value.length);
}
