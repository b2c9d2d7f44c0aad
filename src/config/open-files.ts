/** Files that hold secrets as they are, and that everybody on the machine can read. */
import { parseEnv } from 'node:util';
import type { Diagnostic, Place } from '../core/diagnostic.ts';
import { isSecretName } from '../core/secret-text.ts';
import { type ConfigNode, pathAt } from './node.ts';
import { isSecretKey } from './secret-keys.ts';

/**
 * No more than warnings: the files are not podiod's, and containers mount theirs like that. One for each file, at the first
 * secret in it. @param root before values are filled in: what comes from elsewhere is not in the file
 */
export async function openFiles(
  root: ConfigNode,
  isOpenToAll: (path: string) => Promise<boolean>,
): Promise<readonly Diagnostic[]> {
  const firsts = new Map<string, Place>();
  for (const { place } of secretsIn(root)) {
    const known = firsts.get(place.file);
    if (known === undefined || place.start < known.start) firsts.set(place.file, place);
  }
  const found: Diagnostic[] = [];
  for (const [file, place] of firsts) {
    // One that a program made, or that is gone by now, is open to nobody.
    if (!(await isOpenToAll(file).catch(() => false))) continue;
    found.push({
      severity: 'warning',
      code: 'CONFIG_OPEN_FILE',
      message: `everybody on this machine can read ${file}, and there are secrets in it`,
      hint: `take them from elsewhere: \${NAME}, \${file:PATH} or \${credential:NAME}; or, if the user that podiod runs as can read it then, chmod o= ${file}`,
      place,
      path: pathAt(root, place),
    });
  }
  return found;
}

/** Files of variables of which one is named as a secret is: the `.env` that `podiod init` writes is one. As above, a warning each. */
export async function openEnvFiles(
  files: readonly string[],
  {
    readFile,
    isOpenToAll,
  }: { readFile(path: string): Promise<string>; isOpenToAll(path: string): Promise<boolean> },
): Promise<readonly Diagnostic[]> {
  const found: Diagnostic[] = [];
  for (const file of new Set(files)) {
    try {
      const secret = Object.keys(parseEnv(await readFile(file))).find(isSecretName);
      if (secret === undefined || !(await isOpenToAll(file))) continue;
      found.push({
        severity: 'warning',
        code: 'CONFIG_OPEN_FILE',
        message: `everybody on this machine can read ${file}, and there are secrets in it (${secret})`,
        hint: `chmod o= ${file}, if the user that podiod runs as can read it then`,
      });
    } catch {
      // There is none, or it is closed even to this user.
    }
  }
  return found;
}

/** Scalars under keys that hold secrets, with a text of their own. */
function* secretsIn(node: ConfigNode, isSecret = false): Generator<ConfigNode> {
  switch (node.kind) {
    case 'unknown':
      return;
    case 'scalar':
      if (isSecret && typeof node.value === 'string' && node.value !== '' && !node.value.includes('${'))
        yield node;
      return;
    case 'list':
      for (const item of node.items) yield* secretsIn(item, isSecret);
      return;
    case 'map':
      for (const [key, { value }] of node.entries) {
        // Names of fields are no secrets, whatever they are.
        if (key !== 'fields') yield* secretsIn(value, isSecretKey(key));
      }
  }
}
