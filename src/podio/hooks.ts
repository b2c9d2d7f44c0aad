import type { HookRef, ObservedHook } from '../core/hook.ts';
import type { Hook } from '../core/podio.ts';
import type { PodioClient } from './contract.ts';
import { isDeleted, unexpectedAnswer } from './errors.ts';
import { isRecord } from './json.ts';
import type { OnOdd } from './reads.ts';
import { readHooks } from './shapes.ts';

/** Hooks at Podio. There is no update: a URL changes by create and delete. */
export function makeHooks(request: PodioClient['request'], onOdd: OnOdd): PodioClient['hooks'] {
  return {
    async list(as, ref, options) {
      const call = { method: 'GET', path: `/hook/${ref.type}/${ref.id}/`, operation: 'hooks.list' } as const;
      const answer = await request(as, { ...options, ...call });
      // A hook that can't be read may be ours: planning without it could make a second one.
      const hooks = readHooks(answer, where => onOdd(call, where));
      if (!hooks) throw unexpectedAnswer(call, 'a list of hooks');
      // One without a URL is not.
      return hooks.filter(({ url }) => url !== '').map(hook => toObserved(ref, hook));
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

const toObserved = (ref: HookRef, { hook_id: hookId, type, url, status }: Hook): ObservedHook => ({
  ref,
  hookId,
  type,
  url,
  status: status === 'active' ? 'active' : 'inactive',
});
