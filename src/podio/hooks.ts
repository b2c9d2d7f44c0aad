import type { HookRef, ObservedHook } from '../core/hook.ts';
import type { PodioClient } from './contract.ts';
import { isDeleted, unexpectedAnswer } from './errors.ts';
import { isRecord } from './json.ts';

/** Hooks at Podio. There is no update: a URL changes by create and delete. */
export function makeHooks(request: PodioClient['request']): PodioClient['hooks'] {
  return {
    async list(as, ref, options) {
      const call = { method: 'GET', path: `/hook/${ref.type}/${ref.id}/`, operation: 'hooks.list' } as const;
      const answer = await request(as, { ...options, ...call });
      if (!Array.isArray(answer)) throw unexpectedAnswer(call, 'a list of hooks');
      return answer.map(hook => {
        const observed = toObserved(ref, hook);
        // A hook that can't be read may be ours: planning without it could make a second one.
        if (!observed) throw unexpectedAnswer(call, 'a list of hooks');
        return observed;
      });
    },

    async create(as, ref, { type, url }, options) {
      const call = {
        method: 'POST',
        path: `/hook/${ref.type}/${ref.id}/`,
        operation: 'hooks.create',
      } as const;
      const answer = await request(as, { ...options, ...call, body: { url, type } });
      if (!isRecord(answer) || !Number.isSafeInteger(answer.hook_id)) {
        throw unexpectedAnswer(call, 'a hook_id');
      }
      return Number(answer.hook_id);
    },

    async delete(as, hookId, options) {
      try {
        await request(as, {
          ...options,
          method: 'DELETE',
          path: `/hook/${hookId}`,
          operation: 'hooks.delete',
        });
      } catch (error) {
        if (!isDeleted(error)) throw error;
      }
    },

    async requestVerify(as, hookId, options) {
      await request(as, {
        ...options,
        method: 'POST',
        path: `/hook/${hookId}/verify/request`,
        operation: 'hooks.requestVerify',
        body: {},
      });
    },

    async validate(as, hookId, code, options) {
      await request(as, {
        ...options,
        method: 'POST',
        path: `/hook/${hookId}/verify/validate`,
        operation: 'hooks.validate',
        body: { code },
      });
    },
  };
}

function toObserved(ref: HookRef, hook: unknown): ObservedHook | undefined {
  if (!isRecord(hook)) return undefined;
  const { hook_id: hookId, type, url, status } = hook;
  if (typeof hookId !== 'number' || typeof type !== 'string' || typeof url !== 'string') return undefined;
  return { ref, hookId, type, url, status: status === 'active' ? 'active' : 'inactive' };
}
