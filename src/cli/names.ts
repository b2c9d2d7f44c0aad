import type { Config } from '../config/model.ts';
import type { HookRef } from '../core/hook.ts';

/** What the config calls an app or a space. */
export function namesOf(config: Pick<Config, 'apps' | 'spaces'>): (ref: HookRef) => string | undefined {
  const named = [
    ...Array.from(config.apps.values(), ({ id, name }) => [`app/${id}`, name] as const),
    ...Array.from(config.spaces.values(), ({ id, name }) => [`space/${id}`, name] as const),
  ];
  const names = new Map<string, string>(named);
  return ref => names.get(`${ref.type}/${ref.id}`);
}
