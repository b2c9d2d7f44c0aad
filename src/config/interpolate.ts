import { dirname, join, parse, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import type { Diagnostic, Place } from '../core/diagnostic.ts';
import { isSecretName } from '../core/secret-text.ts';
import type { ConfigNode, MapEntry, ScalarNode } from './node.ts';
import { isSecretKey } from './secret-keys.ts';

/** Where `${...}` gets its values from. */
export interface ValueSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Rejects like node's readFile. */
  readonly readFile: (path: string) => Promise<string>;
  /** Whether everybody on this machine may read the file. Left out: that is nobody's concern. */
  readonly isOpenToAll?: (path: string) => Promise<boolean>;
  /** In place of a value that is missing; given: that is no problem then. `whole`: nothing else stands in the scalar. */
  readonly placeholder?: (key: string, name: string, whole: boolean) => string;
  /** Told of values whose name, or place, says that they are secret. */
  readonly onSecret?: (value: string) => void;
  /** The text of a file of the config, to point at the very expression. */
  readonly sourceOf: (file: string) => string;
}

/** `$${` first: it is a literal. Then anything that opens, well formed or not. */
const EXPRESSION = /\$\$\{|\$\{([^}]*)(\}?)/g;
/** As a shell has it. Only in capitals, as variables are named: other texts may well begin with `$`. */
const BARE = /^\$[A-Z_][A-Z0-9_]*$/;
/** The same in a longer text, where it may be anything else. */
const INSIDE = /(?<![\w$])\$([A-Z][A-Z0-9]*_[A-Z0-9_]+)(?!\w)/;
const VARIABLE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/;
const CREDENTIAL = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

type Value =
  | { readonly text: string; readonly openFile?: string }
  | { readonly problem: Omit<Diagnostic, 'place' | 'severity'> };

/**
 * Replaces `${...}` inside scalars, after parsing: what a secret holds can never change the structure. Keys are left as
 * they are. A scalar with a missing value becomes an unknown node.
 */
export async function interpolate(
  node: ConfigNode,
  sources: ValueSources,
  report: (problem: Diagnostic) => void,
): Promise<ConfigNode> {
  const walk = async (at: ConfigNode, key = ''): Promise<ConfigNode> => {
    switch (at.kind) {
      case 'unknown':
        return at;
      case 'scalar':
        if (typeof at.value !== 'string') return at;
        if (BARE.test(at.value)) report(bare(at, at.value.slice(1), key, sources));
        else if (isSet(at.value, sources)) report(bare(at, INSIDE.exec(at.value)?.[1] ?? '', key, sources));
        return at.value.includes('${') ? fill(at, at.value, key) : at;
      case 'list': {
        const items: ConfigNode[] = [];
        for (const item of at.items) items.push(await walk(item, key));
        return { ...at, items };
      }
      case 'map': {
        const entries = new Map<string, MapEntry>();
        for (const [name, entry] of at.entries)
          entries.set(name, { ...entry, value: await walk(entry.value, name) });
        return { ...at, entries };
      }
    }
  };
  const fill = async (at: ScalarNode, template: string, key: string): Promise<ConfigNode> => {
    let text = '';
    let end = 0;
    let missing = false;
    let replaced = false;
    let standIn = false;
    for (const match of template.matchAll(EXPRESSION)) {
      text += template.slice(end, match.index);
      end = match.index + match[0].length;
      if (match[0] === '$${') {
        text += '${';
        continue;
      }
      replaced = true;
      const value = match[2]
        ? await lookUp(match[1] ?? '', at.place, sources)
        : malformed(match[0], 'the closing `}` is missing');
      if ('text' in value) {
        text += value.text;
        if (isOfSecret(match[1] ?? '')) sources.onSecret?.(value.text);
        if (value.openFile !== undefined)
          report(openToAll(value.openFile, within(at.place, match[0], sources)));
      } else if (sources.placeholder && value.problem.code === 'CONFIG_MISSING_VALUE') {
        standIn = true;
        text += sources.placeholder(key, match[1] ?? '', match[0] === template);
      } else {
        missing = true;
        report({ severity: 'error', ...value.problem, place: within(at.place, match[0], sources) });
      }
    }
    text += template.slice(end);
    if (missing) return { kind: 'unknown', place: at.place };
    return { ...at, value: text, interpolated: replaced, ...(standIn && { standIn }) };
  };
  return walk(node);
}

/** A credential, a variable or a file whose name says so, or a file among secrets, as containers have them. */
function isOfSecret(expression: string): boolean {
  if (expression.startsWith('credential:')) return true;
  const path = /^file:([\s\S]*)$/.exec(expression)?.[1];
  if (path === undefined) return isSecretName(VARIABLE.exec(expression)?.[1] ?? '');
  const { name } = parse(path);
  return isSecretName(name) || /(?:^|\/)(?:secrets|credentials)\//.test(path);
}

/** A variable that there is, or what is hardly anything else: a token. */
function isSet(text: string, { env }: ValueSources): boolean {
  const name = INSIDE.exec(text)?.[1];
  return name !== undefined && (ownOf(env, name) !== undefined || isSecretName(name));
}

/** A name is shown where it surely is one, and no password that begins like one. */
function bare(at: ScalarNode, name: string, key: string, { env }: ValueSources): Diagnostic {
  const isName = ownOf(env, name) !== undefined || !isSecretKey(key);
  return {
    severity: 'warning',
    code: 'CONFIG_INTERPOLATION',
    message: 'a `$` without braces is left as it is',
    place: at.place,
    hint: isName ? `for the variable write \`\${${name}}\`` : 'for a variable put braces around its name',
  };
}

async function lookUp(expression: string, place: Place, sources: ValueSources): Promise<Value> {
  const kind = /^(file|credential):([\s\S]*)$/.exec(expression);
  if (kind?.[1] === 'file') {
    const path = kind[2] ?? '';
    if (path.trim() === '') return malformed(`\${${expression}}`, 'the path is missing');
    return readValue(resolve(dirname(place.file), path), `file ${path}`, sources);
  }
  if (kind?.[1] === 'credential') return readCredential(kind[2] ?? '', sources);

  const variable = VARIABLE.exec(expression);
  if (!variable) return malformed(`\${${expression}}`, 'this is none of the known forms');
  const [, name = '', fallback] = variable;
  const value = ownOf(sources.env, name);
  // As in a shell: `:-` also stands in for a variable that is set but empty.
  if (value !== undefined && (value !== '' || fallback === undefined)) return { text: value };
  if (fallback !== undefined) {
    return fallback.includes('${')
      ? malformed(`\${${expression}}`, 'a default cannot hold another one')
      : { text: fallback };
  }
  return {
    problem: {
      code: 'CONFIG_MISSING_VALUE',
      message: `the environment variable ${name} is not set`,
      hint:
        (await besides(name, place, sources)) ??
        `set it, in the environment or a file for --env-file, or give a default: \${${name}:-...}`,
    },
  };
}

/** What every object inherits (`constructor`) is no variable. */
const ownOf = (values: Readonly<Record<string, string | undefined>>, name: string): string | undefined =>
  Object.hasOwn(values, name) ? values[name] : undefined;

/** `podiod init` puts an .env beside the config, and nothing reads that unasked. */
async function besides(name: string, place: Place, { readFile }: ValueSources): Promise<string | undefined> {
  const file = resolve(dirname(place.file), '.env');
  const text = await readFile(file).catch(() => '');
  return ownOf(parseEnv(text), name) === undefined ? undefined : `it is in ${file}: say --env-file ${file}`;
}

async function readCredential(name: string, sources: ValueSources): Promise<Value> {
  if (!CREDENTIAL.test(name))
    return malformed(`\${credential:${name}}`, 'a credential is named by a plain file name');
  const folder = sources.env.CREDENTIALS_DIRECTORY;
  if (!folder) {
    return {
      problem: {
        code: 'CONFIG_MISSING_VALUE',
        message: `the credential ${name} is not there: CREDENTIALS_DIRECTORY is not set`,
        hint: 'systemd sets it for a unit that loads credentials: podiod service install writes one',
      },
    };
  }
  return readValue(join(folder, name), `credential ${name}`, sources);
}

async function readValue(path: string, what: string, sources: ValueSources): Promise<Value> {
  try {
    const text = (await sources.readFile(path)).replace(/\r?\n$/, '');
    return (await sources.isOpenToAll?.(path)) ? { text, openFile: path } : { text };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    return {
      problem: {
        code: 'CONFIG_MISSING_VALUE',
        message: code === 'ENOENT' ? `the ${what} is not there` : `the ${what} could not be read (${code})`,
        hint: `looked for ${path}`,
      },
    };
  }
}

/** No more than a warning: the file is not podiod's, and containers mount theirs like that. */
const openToAll = (path: string, place: Place): Diagnostic => ({
  severity: 'warning',
  code: 'CONFIG_OPEN_FILE',
  message: `everybody on this machine can read ${path}`,
  hint: `if what is in it is secret, and the user that podiod runs as can read it then: chmod o= ${path}`,
  place,
});

const malformed = (expression: string, why: string): Value => ({
  problem: {
    code: 'CONFIG_INTERPOLATION',
    message: `\`${expression}\`: ${why}`,
    hint: `the forms are \${NAME}, \${NAME:-default}, \${file:PATH} and \${credential:NAME}; a literal one is written $\${`,
  },
});

/** The expression itself where its text can be found in the file as it is, else the whole scalar. */
function within(place: Place, expression: string, sources: ValueSources): Place {
  const found = sources.sourceOf(place.file).slice(place.start, place.end).indexOf(expression);
  if (found < 0) return place;
  return { file: place.file, start: place.start + found, end: place.start + found + expression.length };
}
