import { createRequire } from 'node:module';
import type * as re2 from 're2js';

/** More of a text is not looked at. */
const MAX_TEXT = 20_000;
const MAX_PATTERN = 1000;

export interface Pattern {
  matches(text: string): boolean;
}

const load = (): typeof re2 => createRequire(import.meta.url)('re2js') as typeof re2;

/**
 * A regular expression that can't hang: RE2's syntax, whose time grows with the text and no faster. Throws an Error that
 * says what is wrong with it.
 */
export function compilePattern(source: string): Pattern {
  if (source.length > MAX_PATTERN) throw new Error(`it is longer than ${MAX_PATTERN} characters`);
  const { RE2JS } = load();
  const expression = RE2JS.compile(source);
  return { matches: text => expression.matcher(text.slice(0, MAX_TEXT)).find() };
}
