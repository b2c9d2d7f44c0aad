/**
 * Files of NAME=value lines, read and written as Node's own `--env-file` reads them. Node looks for that option behind the
 * script's name too: it ends by itself (`node: FILE: not found`, exit code 9) where the file is not there, before podiod runs.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { UsageError } from '../core/errors.ts';

type Env = Record<string, string | undefined>;

/** Adds what the file has to `env`. What is set there already stays, as with Node. */
export function loadEnvFile(file: string, env: Env): void {
  for (const [name, value] of Object.entries(parseEnv(read(file)))) {
    if (!Object.hasOwn(env, name) || env[name] === undefined) env[name] = value;
  }
}

/** What the file has: nothing where it is not there; undefined where it is not for us to read. */
export function readVariables(file: string): Env | undefined {
  try {
    return parseEnv(readFileSync(file, 'utf8'));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? {} : undefined;
  }
}

/** Tells whether the file is as it was. */
export const stampOf = (file: string): string => {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex');
  } catch {
    return '';
  }
};

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'which is not there' : `which could not be read (${code})`;
    throw new UsageError(
      `--env-file names ${file}, ${why}`,
      'podiod init writes one. Its lines are NAME=value.',
    );
  }
}

/** `text` with these variables in it: in the lines that have them already, else behind the others, which stay. */
export function withVariables(text: string, variables: ReadonlyMap<string, string>): string {
  const left = new Map(variables);
  const kept = text.split('\n').flatMap(line => {
    const name = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=/.exec(line)?.[1];
    const value = name === undefined ? undefined : left.get(name);
    if (name === undefined || value === undefined) return [line];
    left.delete(name);
    return [`${name}=${quoted(name, value)}`];
  });
  if (kept.at(-1) === '') kept.pop();
  const made = `${[...kept, ...Array.from(left, ([name, value]) => `${name}=${quoted(name, value)}`)].join('\n')}\n`;
  const wanted = { ...parseEnv(text), ...Object.fromEntries(variables) };
  const read = parseEnv(made);
  const lost = Object.entries(wanted).find(([name, value]) => read[name] !== value);
  if (lost === undefined) return made;
  throw new UsageError(
    `${lost[0]} could not be read from the file of variables any more: a value there has more than one line, or a quote has no end`,
    'Mend the file, or move it away.',
  );
}

/** In the first kind of quotes from which it comes back as it is. */
function quoted(name: string, value: string): string {
  // Unquoted, a quote in the value would take in lines that follow.
  const ways = [
    ...(/['"`]/.test(value) ? [] : [value]),
    ...[`'`, `"`, '`'].map(quote => quote + value + quote),
  ];
  const found = ways.find(way => {
    const read = parseEnv(`${name}=${way}\nNEXT=1\n`);
    return read[name] === value && read.NEXT === '1' && parseEnv(`${name}=${way}\n`)[name] === value;
  });
  if (found !== undefined) return found;
  throw new UsageError(
    `the value for ${name} can't be written into a file of variables: it has every kind of quotes`,
    'Put it into the environment by other means.',
  );
}
