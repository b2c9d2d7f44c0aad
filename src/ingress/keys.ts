import { timingSafeEqual } from 'node:crypto';
import { type HookPath, isValidKey, type Secrets } from '../core/hook.ts';

/** Enough for the hooks of a large config; beyond it the oldest are worked out anew. */
const REMEMBERED = 10_000;

/**
 * {@link isValidKey} that remembers the keys it has found valid: the hash is what a delivery costs most. What is not
 * remembered takes the slow way, so a wrong key is compared with something in constant time either way.
 */
export function makeKeyCheck(secrets: () => Secrets): (path: HookPath) => boolean {
  let current: Secrets | undefined;
  const valid = new Map<string, Buffer>();
  return path => {
    const now = secrets();
    if (now !== current) {
      current = now;
      valid.clear();
    }
    const name = `${path.ref.type}/${path.ref.id}/${path.type}`;
    const known = valid.get(name);
    const given = Buffer.from(path.key);
    if (known && known.length === given.length && timingSafeEqual(known, given)) return true;
    if (!isValidKey(now, path)) return false;
    if (valid.size >= REMEMBERED) valid.delete(valid.keys().next().value ?? '');
    valid.set(name, given);
    return true;
  };
}
