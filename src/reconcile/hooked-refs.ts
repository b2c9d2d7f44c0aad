import { isHookRefType, refKey } from '../core/event.ts';
import type { HookRef, ObservedHook } from '../core/hook.ts';
import type { Settings } from '../store/contract.ts';

/** Which hook is meant, for people: what is at Podio is asked of Podio. */
export interface HookName {
  readonly hookId: number;
  readonly type: string;
}

/** A ref that has, or is about to have, hooks of ours, and those last seen there. */
export interface HookedRef {
  readonly ref: HookRef;
  readonly hooks: readonly HookName[];
}

/**
 * The refs to look at although the config doesn't name them (any more). No list of hooks to act on: that would be a
 * second truth. The hooks last seen are kept only to name them where Podio doesn't let us look.
 */
export interface HookedRefs {
  list(): Promise<readonly HookedRef[]>;
  /** Writes only what differs from `known`. A ref without hooks is forgotten, unless it is `wanted` all the same. */
  update(
    ref: HookRef,
    known: readonly HookName[] | undefined,
    found: readonly HookName[],
    wanted: boolean,
  ): Promise<void>;
  /** Before hooks are made there: a crash in between must not leave hooks that nobody looks for. */
  announce(ref: HookRef): Promise<void>;
  forget(ref: HookRef): Promise<void>;
}

const PREFIX = 'hooks-ref/';
const keyOf = (ref: HookRef): string => `${PREFIX}${refKey(ref)}`;

export function makeHookedRefs(settings: Settings): HookedRefs {
  return {
    async list() {
      const stored = await settings.list(PREFIX);
      return [...stored].flatMap(([key, value]) => {
        const ref = parseRef(key.slice(PREFIX.length));
        return ref ? [{ ref, hooks: parseHooks(value) }] : [];
      });
    },
    async update(ref, known, found, wanted) {
      if (found.length === 0) {
        if (known && !wanted) await settings.delete(keyOf(ref));
      } else if (JSON.stringify(known) !== JSON.stringify(found)) {
        await settings.set(keyOf(ref), { hooks: found });
      }
    },
    announce: ref => settings.set(keyOf(ref), { hooks: [] }),
    forget: ref => settings.delete(keyOf(ref)),
  };
}

/** Names in a fixed order, so that equal hooks compare equal. */
export const namesOf = (hooks: readonly ObservedHook[]): readonly HookName[] =>
  hooks.map(({ hookId, type }) => ({ hookId, type })).sort((a, b) => a.hookId - b.hookId);

function parseRef(key: string): HookRef | undefined {
  const [type = '', digits = ''] = key.split('/');
  const id = Number(digits);
  return isHookRefType(type) && Number.isSafeInteger(id) && id > 0 ? { type, id } : undefined;
}

function parseHooks(value: unknown): readonly HookName[] {
  const hooks: unknown = typeof value === 'object' && value !== null && 'hooks' in value ? value.hooks : [];
  return Array.isArray(hooks) ? hooks.filter(isHookName).map(({ hookId, type }) => ({ hookId, type })) : [];
}

const isHookName = (value: unknown): value is HookName =>
  typeof value === 'object' &&
  value !== null &&
  'hookId' in value &&
  typeof value.hookId === 'number' &&
  'type' in value &&
  typeof value.type === 'string';
