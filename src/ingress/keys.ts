import { timingSafeEqual } from 'node:crypto';
import { type HookPath, isValidKey, type Secrets } from '../core/hook.ts';

/** Enough for the hooks of a large config; beyond it the oldest are worked out anew. */
const REMEMBERED = 10_000;

export interface KeyCheck {
  (path: HookPath): boolean;
  /** Whether it was found valid before. */
  known(path: HookPath): boolean;
}

/**
 * {@link isValidKey} that remembers the keys it has found valid: the hash is what a delivery costs most. What is not
 * remembered takes the slow way, so a wrong key is compared with something in constant time either way.
 */
export function makeKeyCheck(secrets: () => Secrets): KeyCheck {
  let current: Secrets | undefined;
  const valid = new Map<string, Buffer>();
  const nameOf = ({ ref, type }: HookPath): string => `${ref.type}/${ref.id}/${type}`;

  const known = (path: HookPath): boolean => {
    const now = secrets();
    if (now !== current) {
      current = now;
      valid.clear();
    }
    const remembered = valid.get(nameOf(path));
    const given = Buffer.from(path.key);
    return (
      remembered !== undefined && remembered.length === given.length && timingSafeEqual(remembered, given)
    );
  };
  const check = (path: HookPath): boolean => {
    if (known(path)) return true;
    if (!isValidKey(secrets(), path)) return false;
    if (valid.size >= REMEMBERED) valid.delete(valid.keys().next().value ?? '');
    valid.set(nameOf(path), Buffer.from(path.key));
    return true;
  };
  return Object.assign(check, { known });
}
