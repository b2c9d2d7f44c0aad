/** Says what zod found in words that fit behind "`server.port` ...". Values themselves are shown as written, if at all. */
import { locales, type z } from 'zod';
import { nearest } from '../core/suggest.ts';
import type { DiagnosticCode } from './codes.ts';
import { type ConfigNode, isInterpolated, nodeAt, type Path } from './node.ts';
import { isSecretKey } from './secret-keys.ts';

export type Issue = z.core.$ZodIssue;

export interface Explained {
  readonly path: Path;
  readonly code: DiagnosticCode;
  readonly words: string;
  readonly hint?: string;
}

/** Undefined when the value can't be known, so that nothing can be said against it. */
export function explain(
  issue: Issue,
  root: ConfigNode,
  secrets?: ReadonlySet<string>,
): Explained | undefined {
  let path = issue.path as Path;
  // A refinement may point at what is not there: then it is about what should have it.
  while (issue.code === 'custom' && path.length > 0 && !nodeAt(root, path)) path = path.slice(0, -1);
  const node = nodeAt(root, path);
  const isSecret = path.some(key => isSecretKey(key) || secrets?.has(String(key)));
  if (node?.kind === 'unknown') return undefined;
  // A refinement of a whole that has unknown parts is not to be trusted either.
  if (issue.code === 'custom' && node && hasUnknown(node)) return undefined;
  const given = givenWords(node, isSecret);

  switch (issue.code) {
    case 'invalid_type':
      if (node === undefined) return { path, code: 'CONFIG_MISSING', words: 'is missing' };
      return wrongKind(
        path,
        custom(issue) ?? `must be ${KIND[issue.expected] ?? issue.expected}`,
        node,
        given,
      );
    case 'invalid_value': {
      if (node === undefined) return { path, code: 'CONFIG_MISSING', words: 'is missing' };
      const words = custom(issue) ?? `must be ${either(issue.values.map(String))}`;
      const near =
        node.kind === 'scalar' && !isSecret && node.text.length > 3
          ? nearest(
              node.text,
              issue.values.filter(value => typeof value === 'string'),
            )
          : undefined;
      return {
        path,
        code: 'CONFIG_VALUE',
        words: `${words}${given}`,
        ...(near === undefined ? {} : { hint: `did you mean \`${near}\`?` }),
      };
    }
    case 'invalid_union':
      return explainUnion(issue, root, node, given, secrets);
    case 'invalid_key':
      return {
        path,
        code: 'CONFIG_NAME',
        words:
          (issue.issues[0] && custom(issue.issues[0] as Issue)) ?? issue.issues[0]?.message ?? issue.message,
      };
    case 'too_small':
    case 'too_big':
      return {
        path,
        code: 'CONFIG_VALUE',
        words: `${custom(issue) ?? bound(issue)}${node?.kind === 'scalar' ? given : ''}`,
      };
    case 'invalid_format':
      return {
        path,
        code: 'CONFIG_VALUE',
        words: `${custom(issue) ?? FORMAT[issue.format] ?? plain(issue)}${given}`,
      };
    case 'unrecognized_keys':
      return { path, code: 'CONFIG_UNKNOWN_KEY', words: `has unknown keys: ${issue.keys.join(', ')}` };
    default: {
      const words = custom(issue) ?? plain(issue);
      const isWish = words.startsWith('must');
      const isVerb = isWish || /^(needs|has|does|is|can)\b/.test(words);
      // A sentence of the plugin's own may quote the value, and that may come from `${...}`.
      if (!isVerb && (isSecret || isInterpolated(node)))
        return { path, code: 'CONFIG_VALUE', words: 'does not fit' };
      const shown = isWish && node?.kind === 'scalar' ? given : '';
      const hint: unknown = issue.code === 'custom' ? issue.params?.hint : undefined;
      const isSafe = !isSecret && !isInterpolated(node);
      return {
        path,
        code: 'CONFIG_VALUE',
        words: `${isVerb ? '' : 'is wrong: '}${words}${shown}`,
        ...(isSafe && typeof hint === 'string' ? { hint } : {}),
      };
    }
  }
}

const KIND: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
  null: 'null',
  undefined: 'left out',
};

const FORMAT: Readonly<Record<string, string>> = {
  url: 'must be a URL',
  email: 'must be a mail address',
  regex: 'does not have the right form',
};

function wrongKind(path: Path, words: string, node: ConfigNode, given: string): Explained {
  const number = node.kind === 'scalar' && typeof node.value !== 'string' && node.value !== null;
  return {
    path,
    code: 'CONFIG_TYPE',
    words: `${words}${given}`,
    // YAML read a number or a boolean where text was meant
    ...(number && words === 'must be text' ? { hint: 'put it in quotes' } : {}),
    // And the other way round: what stands in quotes is text.
    ...(isQuoted(node, words) ? { hint: 'leave out the quotes' } : {}),
    ...(words === 'must be true or false' && isYesOrNo(node)
      ? { hint: 'YAML knows `true` and `false` only' }
      : {}),
  };
}

const isQuoted = (node: ConfigNode, words: string): boolean =>
  node.kind === 'scalar' &&
  typeof node.value === 'string' &&
  !node.interpolated &&
  ((/\bnumber\b/.test(words) && /^\s*\d+(?:\.\d+)?\s*$/.test(node.value)) ||
    (words === 'must be true or false' && /^(?:true|false)$/.test(node.value)));

const isYesOrNo = (node: ConfigNode): boolean =>
  node.kind === 'scalar' && typeof node.value === 'string' && /^(?:yes|no|on|off)$/i.test(node.value);

type UnionIssue = Extract<Issue, { code: 'invalid_union' }>;

function explainUnion(
  issue: UnionIssue,
  root: ConfigNode,
  node: ConfigNode | undefined,
  given: string,
  secrets: ReadonlySet<string> | undefined,
): Explained | undefined {
  const path = issue.path as Path;
  if (node === undefined) return { path, code: 'CONFIG_MISSING', words: 'is missing' };
  const inner = (errors: readonly Issue[]) =>
    errors.map(error => ({ ...error, path: [...path, ...error.path] }) as Issue);
  // The alternative that is at least of the right kind is the one that was meant.
  const meant = issue.errors.find(errors => !errors.some(isAboutWhole));
  if (meant) {
    for (const error of inner(meant)) {
      const said = explain(error, root, secrets);
      if (said) return said;
    }
    return undefined;
  }
  const words = custom(issue);
  if (words !== undefined) return { path, code: 'CONFIG_TYPE', words: `${words}${given}` };
  const choices = issue.errors.flat().flatMap(error => {
    if (error.path.length > 0) return [];
    if (error.code === 'invalid_type') return [KIND[error.expected] ?? error.expected];
    return error.code === 'invalid_value' ? error.values.map(String) : [];
  });
  return { path, code: 'CONFIG_TYPE', words: `must be ${either([...new Set(choices)])}${given}` };
}

/** A choice within a choice may be about a part as well. */
const isAboutWhole = (issue: Issue): boolean =>
  issue.path.length === 0 &&
  (issue.code === 'invalid_union'
    ? issue.errors.every(errors => errors.some(error => isAboutWhole(error)))
    : issue.code === 'invalid_type' || issue.code === 'invalid_value');

function bound(issue: Extract<Issue, { code: 'too_small' | 'too_big' }>): string {
  const limit = issue.code === 'too_small' ? issue.minimum : issue.maximum;
  const word = issue.code === 'too_small' ? 'or more' : 'or less';
  if (issue.origin === 'string') {
    return limit === 1 && issue.code === 'too_small'
      ? 'must not be empty'
      : `must have ${limit} characters ${word}`;
  }
  if (issue.origin === 'array' || issue.origin === 'set') {
    return limit === 1 && issue.code === 'too_small'
      ? 'must not be an empty list'
      : `must have ${limit} entries ${word}`;
  }
  return issue.inclusive === false
    ? `must be ${issue.code === 'too_small' ? 'more' : 'less'} than ${limit}`
    : `must be ${limit} ${word}`;
}

const either = (choices: readonly string[]) =>
  choices.length < 2 ? choices.join() : `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`;

const english = locales.en();

/** What the schema's author wrote for this case, undefined where zod's stock words came. */
function custom(issue: Issue): string | undefined {
  const stock = english.localeError(issue as Parameters<typeof english.localeError>[0]);
  const words = typeof stock === 'string' ? stock : stock?.message;
  // Also without its tail: zod words "received" from the input, which an issue does not carry.
  const head = (message: string | undefined) => message?.split(', received')[0];
  return issue.message === '' || head(issue.message) === head(words) ? undefined : issue.message;
}

const plain = (issue: Issue) => `does not fit: ${issue.message}`;

/** ", given "abc"": as written in the file, never what stands behind `${...}`. */
function givenWords(node: ConfigNode | undefined, isSecret: boolean): string {
  if (node === undefined) return '';
  if (node.kind === 'map') return ', given a map';
  if (node.kind === 'list') return ', given a list';
  if (node.kind === 'unknown') return '';
  if (node.value === null) return ', given nothing';
  if (isSecret) return '';
  return `, given ${showGiven(node)}`;
}

export function showGiven(node: ConfigNode): string {
  if (node.kind !== 'scalar') return node.kind === 'map' ? 'a map' : 'a list';
  if (node.value === null) return 'nothing';
  const text = node.text.length > 40 ? `${node.text.slice(0, 37)}...` : node.text;
  return typeof node.value === 'string' ? JSON.stringify(text) : text;
}

function hasUnknown(node: ConfigNode): boolean {
  if (node.kind === 'unknown') return true;
  if (node.kind === 'list') return node.items.some(hasUnknown);
  return node.kind === 'map' && [...node.entries.values()].some(({ value }) => hasUnknown(value));
}
