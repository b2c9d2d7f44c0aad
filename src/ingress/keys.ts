import { type HookPath, isValidKey, KEY_LENGTH, parseHookPath, type Secrets } from '../core/hook.ts';

/** Enough for the hooks of a large config; beyond it the oldest are worked out anew. */
const REMEMBERED = 10_000;

const SLASH = '/'.charCodeAt(0);

export interface HookPaths {
  /** The hook whose path this is; undefined where path or key is wrong. */
  find(path: string): HookPath | undefined;
}

/**
 * Hooks by their paths. Those that were found valid are remembered by what follows the key: taking the path apart and its key's
 * hash would be what a delivery costs most. What is not remembered takes the slow way, so a wrong key is compared with
 * something in constant time either way.
 */
export function makeHookPaths(base: string, secrets: () => Secrets): HookPaths {
  let current: Secrets | undefined;
  const valid = new Map<string, HookPath>();
  const from = base.length + 1;
  const to = from + KEY_LENGTH;

  const known = (path: string): HookPath | undefined => {
    const now = secrets();
    if (now !== current) {
      current = now;
      valid.clear();
    }
    if (path.charCodeAt(to) !== SLASH || path.charCodeAt(from - 1) !== SLASH || !path.startsWith(base))
      return undefined;
    const hook = valid.get(path.slice(to));
    return hook !== undefined && isSame(path, from, hook.key) ? hook : undefined;
  };

  const find = (path: string): HookPath | undefined => {
    const before = known(path);
    if (before) return before;
    const hook = parseHookPath(base, path);
    if (hook === undefined || !isValidKey(secrets(), hook)) return undefined;
    if (valid.size >= REMEMBERED) valid.delete(valid.keys().next().value ?? '');
    const made = Object.freeze({ ...hook, ref: Object.freeze({ ...hook.ref }) });
    valid.set(path.slice(to), made);
    return made;
  };

  return { find };
}

/** Whether `key` stands there. Takes as long whatever differs. */
function isSame(path: string, from: number, key: string): boolean {
  let difference = 0;
  for (let at = 0; at < key.length; at++) difference |= path.charCodeAt(from + at) ^ key.charCodeAt(at);
  return difference === 0;
}
