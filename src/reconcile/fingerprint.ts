import { createHash } from 'node:crypto';
import { refKey } from '../core/event.ts';
import { maskHookUrl } from '../core/hook.ts';
import { changesOf, type HookAction } from './plan.ts';

/**
 * Names what a plan would change at Podio: the same for plans that change the same, whatever else they show. Keys of URLs
 * don't count, so that it can be made of a plan that was shown.
 */
export function fingerprintOf(actions: readonly HookAction[]): string {
  const changes = changesOf(actions).map(({ action, ref, type, hookId, url }) =>
    JSON.stringify([action, refKey(ref), type, hookId ?? null, maskHookUrl(url)]),
  );
  return createHash('sha256').update(changes.sort().join('\n')).digest('base64url');
}
