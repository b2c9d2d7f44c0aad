import { coerceError } from '../core/errors.ts';
import { refKey } from '../core/event.ts';
import type { HookRef, ObservedHook } from '../core/hook.ts';
import type { Identities, PodioClient, Priority } from '../podio/contract.ts';
import { makeFirstAlone } from '../podio/first-alone.ts';
import { identityFor } from './identity.ts';
import type { Limit } from './limit.ts';

export interface RefFailure {
  readonly ref: HookRef;
  readonly error: Error;
}

export interface Observation {
  /** Of all refs that answered, in the order of the refs. */
  readonly hooks: readonly ObservedHook[];
  /** Keys of the refs that answered, with hooks or without. */
  readonly observed: ReadonlySet<string>;
  readonly failed: readonly RefFailure[];
}

/** Lists the hooks of each ref, one call a ref. Rejects only when the signal is aborted. */
export async function observeHooks(
  refs: readonly HookRef[],
  effects: {
    readonly podio: PodioClient;
    readonly identities: Identities;
    readonly limit: Limit;
    readonly signal: AbortSignal;
    readonly priority: Priority;
  },
): Promise<Observation> {
  const { podio, identities, limit, signal, priority } = effects;
  const firstAlone = makeFirstAlone();
  const leavesCalls = priority === 'recovery' || priority === 'background';
  const answers = await Promise.all(
    refs.map(async ref => {
      try {
        const as = identityFor(identities, ref);
        const list = () =>
          limit(() => {
            signal.throwIfAborted();
            return podio.hooks.list(as, ref, { priority, signal });
          });
        const hooks = await (leavesCalls ? firstAlone(as, list) : list());
        return { ref, hooks };
      } catch (thrown) {
        signal.throwIfAborted();
        return { ref, error: coerceError(thrown) };
      }
    }),
  );
  return {
    hooks: answers.flatMap(answer => answer.hooks ?? []),
    observed: new Set(answers.filter(answer => answer.hooks).map(({ ref }) => refKey(ref))),
    failed: answers.flatMap(({ ref, error }) => (error ? [{ ref, error }] : [])),
  };
}

/** Every ref once, in order of first mention. */
export function distinctRefs(refs: Iterable<HookRef>): readonly HookRef[] {
  return [...new Map([...refs].map(ref => [refKey(ref), ref])).values()];
}
