import { coerceError, type ErrorCode, isPodiodError, PodiodError, unreachable } from '../core/errors.ts';
import { refKey } from '../core/event.ts';
import type { Log } from '../core/log.ts';
import type { CallOptions, Identities, PodioClient } from '../podio/contract.ts';
import { identityFor } from './identity.ts';
import type { Limit } from './limit.ts';
import { changesOf, type HookAction, type HookChange } from './plan.ts';
import type { Activation, Verifier } from './verifier.ts';

/** News of an action under way, for whoever shows progress. `waiting`: for Podio's ping. */
export interface Progress {
  readonly action: HookAction;
  readonly state: 'started' | 'waiting' | ActionOutcome;
  readonly error?: Error;
}

/** `skipped`: a deletion whose hook is still needed, because what was to come before it failed. */
export type ActionOutcome = 'done' | 'failed' | 'skipped';

export interface ActionResult {
  readonly action: HookAction;
  readonly outcome: ActionOutcome;
  readonly error?: Error;
}

export interface ApplyEffects {
  readonly podio: PodioClient;
  readonly identities: Identities;
  readonly verifier: Verifier;
  readonly log: Log;
  /** Bounds the calls under way. Waiting for pings takes up no place in it. */
  readonly limit: Limit;
  /** How long one ping is waited for, milliseconds. It is asked for twice. */
  readonly pingWithinMs: number;
  /** False: a hook that a new one has superseded stays. */
  readonly mayDelete: boolean;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/**
 * Carries out a plan as it is. What is planned for one (ref, type) goes in order, and nothing is deleted there once
 * something failed; all else goes side by side, and no failure stops another. Rejects only when the signal is aborted.
 */
export async function applyPlan(
  plan: readonly HookAction[],
  effects: ApplyEffects,
): Promise<readonly ActionResult[]> {
  const changes = changesOf(plan);
  const groups = Map.groupBy(changes, ({ ref, type }) => `${refKey(ref)}/${type}`);
  const results = new Map<HookAction, ActionResult>();
  await Promise.all(
    [...groups.values()].map(async group => {
      let intact = true;
      for (const action of group) {
        const result: ActionResult = intact ? await carryOut(action, effects) : skipped(action, effects);
        intact &&= result.outcome === 'done';
        results.set(action, result);
      }
    }),
  );
  return changes.map(action => results.get(action) as ActionResult);
}

function skipped(action: HookAction, { onProgress }: ApplyEffects): ActionResult {
  onProgress?.({ action, state: 'skipped' });
  return { action, outcome: 'skipped' };
}

async function carryOut(action: HookChange, effects: ApplyEffects): Promise<ActionResult> {
  const { log, signal, onProgress } = effects;
  const facts = { action: action.action, ref: refKey(action.ref), type: action.type };
  onProgress?.({ action, state: 'started' });
  try {
    signal.throwIfAborted();
    const hookId = await execute(action, effects);
    log.info('hook changed', { ...facts, hookId });
    onProgress?.({ action, state: 'done' });
    return { action, outcome: 'done' };
  } catch (thrown) {
    signal.throwIfAborted();
    const error = coerceError(thrown);
    // Told as its ref's trouble by the reconciler, once; an outage fails hundreds of these.
    log.debug('hook could not be changed', { ...facts, hookId: action.hookId, error });
    onProgress?.({ action, state: 'failed', error });
    return { action, outcome: 'failed', error };
  }
}

/** Podio's answers to a request for verification that speak of this hook, not of the moment or the token. */
const BEYOND_HELP: readonly ErrorCode[] = ['PODIO_NOT_FOUND', 'PODIO_INVALID', 'PODIO_CONFLICT'];

/** Answers the id of the hook that is active now, or gone with `delete`. */
async function execute(action: HookChange, effects: ApplyEffects): Promise<number> {
  const { podio, identities, verifier, limit, pingWithinMs, mayDelete, signal, log, onProgress } = effects;
  const { ref, type, url } = action;
  const as = identityFor(identities, ref);
  const options: CallOptions = { priority: 'handshake', signal };

  const create = () => limit(() => podio.hooks.create(as, ref, { type, url }, options));

  const remove = (hookId: number) =>
    limit(() => podio.hooks.delete(as, hookId, { priority: 'background', signal }));

  const requestVerification = async (hookId: number): Promise<Activation> => {
    verifier.expect(hookId);
    await limit(() => podio.hooks.requestVerify(as, hookId, options));
    return verifier.active(hookId, pingWithinMs, signal);
  };

  /** A ping may have gone to a twin of this daemon, or its validation's answer been lost: Podio itself decides. */
  const isActiveAtPodio = async (hookId: number): Promise<boolean> => {
    const hooks = await limit(() => podio.hooks.list(as, ref, options));
    return hooks.some(hook => hook.hookId === hookId && hook.status === 'active');
  };

  /** The ping of the creation may be lost, so it is asked for once more. */
  const seeActive = async (hookId: number): Promise<void> => {
    onProgress?.({ action, state: 'waiting' });
    if ((await verifier.active(hookId, pingWithinMs, signal)).active) return;
    const second = await requestVerification(hookId);
    if (!second.active && !(await isActiveAtPodio(hookId))) throw inactive(action, hookId, second.error);
  };

  const createActive = async (): Promise<number> => {
    const hookId = await create();
    await seeActive(hookId);
    return hookId;
  };

  /** Whether a hook that Podio switched off came back: it may take the code and leave the hook as it is. */
  const isRevived = async (hookId: number): Promise<boolean> => {
    onProgress?.({ action, state: 'waiting' });
    try {
      await requestVerification(hookId);
      return await isActiveAtPodio(hookId);
    } catch (thrown) {
      if (isPodiodError(thrown) && BEYOND_HELP.includes(thrown.code)) return false;
      throw thrown;
    }
  };

  /** Whether a hook can be revived at all is not known for certain (reference, 16.4); a new one can be had always. */
  const supersede = async (oldId: number): Promise<number> => {
    const hookId = await create();
    try {
      await seeActive(hookId);
    } catch (thrown) {
      // Nothing is gained by a second dead hook, and Podio takes ten of a type only.
      signal.throwIfAborted();
      await remove(hookId).catch(error =>
        log.warn('hook that stayed inactive could not be deleted', { ref: refKey(ref), type, hookId, error }),
      );
      throw thrown;
    }
    if (mayDelete) await remove(oldId);
    return hookId;
  };

  switch (action.action) {
    case 'create':
      return createActive();
    case 'verify':
      return (await isRevived(action.hookId)) ? action.hookId : supersede(action.hookId);
    case 'replace': {
      const hookId = await createActive();
      await remove(action.hookId);
      return hookId;
    }
    case 'delete':
      await remove(action.hookId);
      return action.hookId;
    default:
      return unreachable(action);
  }
}

function inactive({ ref, type }: HookChange, hookId: number, cause: Error | undefined): PodiodError {
  const what = `hook ${hookId} (${type} of ${refKey(ref)}) stayed inactive`;
  if (cause) return new PodiodError('HOOK_INACTIVE', `${what}: ${cause.message}`, { cause });
  return new PodiodError('HOOK_INACTIVE', `${what}: Podio's verification did not come through`, {
    hint: 'Podio has to reach server.publicUrl from the internet: see that its name resolves and that the proxy passes POSTs on.',
  });
}
