/** What is wrong with a template, in podiod's words: Liquid's own are those of a parser. */
import { didYouMean } from '../core/suggest.ts';
import { NAMES } from './names.ts';

interface Fault {
  readonly message: string;
  readonly hint?: string | undefined;
}

/** What templates can name beside variables. */
interface Known {
  readonly filters: object;
  readonly tags: object;
}

/** `said`: Liquid's message, with its place at the end. */
export function templateFault(said: string, { filters, tags }: Known): Fault {
  const [, words = said, line = '1'] = /^(.*?)(?:, line:(\d+), col:\d+)?$/s.exec(said) ?? [];
  const where = line === '1' ? '' : ` (line ${line} of the template)`;
  const fault = inWords(words, Object.keys(filters), Object.keys(tags));
  return { ...fault, message: `${fault.message}${where}` };
}

function inWords(words: string, filters: readonly string[], tags: readonly string[]): Fault {
  const filter = /^undefined filter: (.*)$/s.exec(words)?.[1];
  if (filter !== undefined) return unknown('filter', filter, filters);
  const tag = /^tag "(.*)" not found$/s.exec(words)?.[1];
  if (tag !== undefined) return unknown('tag', tag, tags);
  const block = /^tag \{%-?\s*(\w+).*%\} not closed$/s.exec(words)?.[1];
  if (block !== undefined) {
    return { message: `\`{% ${block} ... %}\` has no end`, hint: `close it with \`{% end${block} %}\`` };
  }
  if (/^output .* not closed$/s.test(words)) return unclosed('{{', '}}');
  if (/^tag .* not closed$/s.test(words)) return unclosed('{%', '%}');
  if (words === 'expected ":" after filter name') {
    return { message: 'what a filter takes stands behind a `:`', hint: 'write it like `| minus: 5`' };
  }
  return { message: `the template is wrong: ${words}` };
}

const unknown = (what: string, name: string, known: readonly string[]): Fault => ({
  message: `there is no ${what} \`${name}\``,
  hint: didYouMean(name, known) ?? `${what}s are those of Liquid, and podiod's own`,
});

const unclosed = (open: string, close: string): Fault => ({
  message: `the template has a \`${open}\` without its \`${close}\``,
  hint: `write \`${close}\` behind what is put in`,
});

/** A string in quotes, or anything but a quote, `}}` and `{{`. */
const INSIDE = /(?:"[^"]*"|'[^']*'|\}(?!\})|\{(?!\{)|[^"'{}])*/y;

/** `{{ item.title } and {{ item.link }}`: Liquid takes all of it for one, and misses a `|` in it. */
export function unclosedOutput(text: string): Fault | undefined {
  // There `{{` is text.
  if (/\{%-?\s*(?:raw|comment)\b/.test(text)) return undefined;
  for (let at = text.indexOf('{{'); at >= 0; at = text.indexOf('{{', at)) {
    INSIDE.lastIndex = at + 2;
    const inner = INSIDE.exec(text)?.[0] ?? '';
    const end = at + 2 + inner.length;
    if (text.startsWith('{{', end)) return missingBrace(inner) ?? unclosed('{{', '}}');
    if (end === text.length) return missingBrace(inner) ?? unclosed('{{', '}}');
    at = text.indexOf('}}', end);
    if (at < 0) return missingBrace(inner) ?? unclosed('{{', '}}');
    at += 2;
  }
  return undefined;
}

const NAMED = new RegExp(String.raw`(?<![{$\w])\{\s*((?:${NAMES.join('|')})\.[\w.-]+)\s*\}(?!\})`);

/** What is no text of the template's own: remarks, values and tags. */
const LIQUIDS = /\{%-?\s*comment\b.*?\bendcomment\s*-?%\}|\{\{.*?\}\}|\{%.*?%\}/gs;

/** `{ item.title }` where `{{ item.title }}` is meant: it would be sent as it stands. */
export function singleBraces(text: string): Fault | undefined {
  if (!NAMED.test(text) || /\{%-?\s*raw\b/.test(text)) return undefined;
  const found = NAMED.exec(text.replace(LIQUIDS, ' '));
  if (!found) return undefined;
  const [whole, path] = found;
  return {
    message: `\`${whole}\` has one brace on each side, so it is text and no value`,
    hint: `write \`{{ ${path} }}\`; to have it as it stands, \`{% raw %}${whole}{% endraw %}\``,
  };
}

function missingBrace(inner: string): Fault | undefined {
  const upTo = /^[^}]{1,60}\}/.exec(inner)?.[0];
  if (upTo === undefined) return undefined;
  return {
    message: `\`{{${upTo}\` lacks a brace: it opens with two and closes with one`,
    hint: `write \`{{${upTo}}\``,
  };
}
