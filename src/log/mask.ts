/** Takes secrets out of text: the ones that are known by value, and what looks like one by where it stands. */
import { keylessUrls } from '../core/secret-text.ts';

/** Puts `***` in place of secrets. */
export interface Mask {
  /** For logs and errors: known secrets and everything that looks like one, URL queries included. */
  (text: string): string;
  /** Known secrets and hook keys only: for data that must otherwise stay as it is. */
  known(text: string): string;
  /** More values never to be shown, e.g. a token that was fetched just now. */
  add(secrets: Iterable<string>): void;
}

const MASKED = '***';

/** A shorter value would blank out innocent words everywhere. */
const SHORTEST = 6;

/** Where secrets stand. Each keeps what tells people which thing it was. */
const PLACES: readonly (readonly [pattern: RegExp, instead: string])[] = [
  // A hook's URL or path: whoever has the key can send events.
  [/\/[A-Za-z0-9_-]{22,}(?=\/(?:app|app_field|space)\/[0-9]+\/[a-z]+\.[a-z]+)/g, `/${MASKED}`],
];

/** Where a config takes a value from is no value, and what is wrong with it can't be told without. A default is one. */
const NO_REFERENCE = String.raw`(?!(?:\$\{(?:[a-z_]\w*|(?:file|credential):[^\s"'{}]*)\}|-\.\.\.)(?![^\s"'&,;}]))`;

/** With all that stands beside a variable, or in it as its default. */
const VALUE = String.raw`(?:\$\{[^\s"'{}]*\}|[^\s"'&,;}])+`;

const SUSPECTS: readonly (readonly [pattern: RegExp, instead: string])[] = [
  // The webhook URLs of Slack and the like are secrets as a whole.
  [keylessUrls(), MASKED],
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/"'<>@]+@/gi, `$1${MASKED}@`],
  [/((?:\b[a-z][a-z0-9+.-]*:\/\/|\/)[^\s"'<>?#]*)\?[^\s"'<>#]+/gi, `$1?${MASKED}`],
  [/\b(Bearer|OAuth2|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${MASKED}`],
  // Forms, JSON and the like: a `=`, a quote or a colon without a space says that a value follows.
  [
    new RegExp(
      String.raw`\b([a-z_]*(?:token|secret|password))(["']?\s*=\s*["']?|["']\s*:\s*["']?|:\s*["']|:)${NO_REFERENCE}${VALUE}`,
      'gi',
    ),
    `$1$2${MASKED}`,
  ],
  // After a colon and a space may stand a sentence; what has a digit in it or is very long is no word of one.
  [
    new RegExp(
      String.raw`\b([a-z_]*(?:token|secret|password))(:\s+)${NO_REFERENCE}(?=[^\s"'&,;}]*\d|[^\s"'&,;}]{20})(?=[^\s"'&,;}]{6})${VALUE}`,
      'gi',
    ),
    `$1$2${MASKED}`,
  ],
];

const replaceAll = (text: string, rules: readonly (readonly [RegExp, string])[]): string =>
  rules.reduce((masked, [pattern, instead]) => masked.replace(pattern, instead), text);

/** The forms in which a value can stand in a URL, a form or JSON. */
const formsOf = (secret: string): string[] => [
  secret,
  encodeURIComponent(secret.toWellFormed()),
  new URLSearchParams([['', secret]]).toString().slice(1),
  JSON.stringify(secret).slice(1, -1),
];

const escapeRegExp = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');

export function makeMask(secrets: Iterable<string> = []): Mask {
  const values = new Set<string>();
  let pattern: RegExp | undefined;

  const add = (more: Iterable<string>): void => {
    for (const secret of more) {
      if (secret.length >= SHORTEST) for (const form of formsOf(secret)) values.add(form);
    }
    // Longest first: a secret that begins with another one must go as a whole.
    const longestFirst = [...values].sort((a, b) => b.length - a.length);
    pattern = values.size > 0 ? new RegExp(longestFirst.map(escapeRegExp).join('|'), 'g') : undefined;
  };
  const known = (text: string): string => replaceAll(pattern ? text.replace(pattern, MASKED) : text, PLACES);

  add(secrets);
  return Object.assign((text: string) => replaceAll(known(text), SUSPECTS), { known, add });
}
