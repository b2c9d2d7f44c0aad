import { type Clock, sleep } from '../core/clock.ts';
import { coerceError, isPodiodError } from '../core/errors.ts';
import { refKey } from '../core/event.ts';
import type { HookRef } from '../core/hook.ts';
import type { Log } from '../core/log.ts';
import type { Identities, PodioClient } from '../podio/contract.ts';
import { identityFor } from './identity.ts';
import { makeLimit } from './limit.ts';

/**
 * The second half of Podio's handshake: takes the codes that `hook.verify` pings bring and hands
 * them back to Podio, which makes the hook active. Knows no plan: every ping that reached the ingress had a valid key.
 */
export interface Verifier {
  /**
   * For the ingress: a ping arrived. Returns at once. A hook not heard of before is fine, since Podio pings before the
   * call that creates a hook has answered.
   */
  verified(ref: HookRef, type: string, hookId: number, code: string): void;
  /** Forgets what is known of a hook. To be called before its verification is requested anew. */
  expect(hookId: number): void;
  /**
   * Resolves as soon as the hook's code has been accepted or refused, also when that was earlier; after `withinMs` when
   * no ping came. Rejects only with the signal's reason.
   */
  active(hookId: number, withinMs: number, signal?: AbortSignal): Promise<Activation>;
  /** Drops what is in hand. */
  stop(): void;
}

export type Activation =
  | { readonly active: true }
  /** `error`: why Podio did not take the code; undefined: no code came. */
  | { readonly active: false; readonly error: Error | undefined };

interface Handshake {
  /** The newest code; undefined: none has come. */
  code: string | undefined;
  state: 'waiting' | 'validating' | 'active';
  error: Error | undefined;
  readonly listeners: Set<() => void>;
}

/** Handshakes remembered; only those of hooks in the making matter, and these are the newest. */
const REMEMBERED = 2000;
const CONCURRENCY = 8;
/** A code is worth three tries; after that the next reconcile asks for a new one. */
const RETRY_WAITS = [500, 2000];

export function makeVerifier(effects: {
  readonly podio: PodioClient;
  readonly identities: Identities;
  readonly clock: Clock;
  readonly log: Log;
}): Verifier {
  const { podio, identities, clock, log } = effects;
  const handshakes = new Map<number, Handshake>();
  const limit = makeLimit(CONCURRENCY);
  const stopping = new AbortController();

  const handshakeOf = (hookId: number): Handshake => {
    const known = handshakes.get(hookId);
    if (known) return known;
    const made: Handshake = { code: undefined, state: 'waiting', error: undefined, listeners: new Set() };
    handshakes.set(hookId, made);
    for (const [id, { listeners }] of handshakes) {
      if (handshakes.size <= REMEMBERED) break;
      if (listeners.size === 0 && id !== hookId) handshakes.delete(id);
    }
    return made;
  };

  const validate = async (ref: HookRef, hookId: number, code: string): Promise<void> => {
    const as = identityFor(identities, ref);
    await limit(() =>
      podio.hooks.validate(as, hookId, code, { priority: 'handshake', signal: stopping.signal }),
    );
  };

  const validateWithRetries = async (ref: HookRef, hookId: number, handshake: Handshake): Promise<void> => {
    for (let attempt = 0; ; attempt += 1) {
      const { code } = handshake;
      if (code === undefined) return;
      try {
        await validate(ref, hookId, code);
        return;
      } catch (thrown) {
        if (stopping.signal.aborted) throw thrown;
        // A newer ping may have outdated this code while it was under way.
        if (handshake.code !== code) continue;
        const wait = RETRY_WAITS[attempt];
        const final = wait === undefined || !isPodiodError(thrown) || thrown.retry !== 'backoff';
        if (final) throw thrown;
        await sleep(clock, wait, stopping.signal);
      }
    }
  };

  const settle = (handshake: Handshake, state: 'waiting' | 'active', error?: Error) => {
    handshake.state = state;
    handshake.error = error;
    for (const listener of [...handshake.listeners]) listener();
  };

  const handle = async (ref: HookRef, type: string, hookId: number, handshake: Handshake): Promise<void> => {
    const facts = { ref: refKey(ref), type, hookId };
    const wasActive = handshake.state === 'active';
    handshake.state = 'validating';
    try {
      await validateWithRetries(ref, hookId, handshake);
      settle(handshake, 'active');
      log.info('hook verified', facts);
    } catch (thrown) {
      const error = coerceError(thrown);
      // Podio may ping twice for one creation; that the second code is no longer wanted takes nothing away.
      settle(handshake, wasActive ? 'active' : 'waiting', error);
      if (!wasActive && !stopping.signal.aborted) log.warn('hook could not be verified', { ...facts, error });
    }
  };

  const outcome = ({ state, error }: Handshake): Activation | undefined => {
    if (state === 'active') return { active: true };
    return state === 'waiting' && error ? { active: false, error } : undefined;
  };

  return {
    verified(ref, type, hookId, code) {
      if (stopping.signal.aborted) return;
      const handshake = handshakeOf(hookId);
      // Podio repeats pings, and a code is good for one validation.
      if (handshake.code === code && handshake.state !== 'waiting') return;
      handshake.code = code;
      if (handshake.state !== 'validating') void handle(ref, type, hookId, handshake);
    },

    expect(hookId) {
      const known = handshakes.get(hookId);
      if (!known || known.state === 'validating') return;
      known.code = undefined;
      known.state = 'waiting';
      known.error = undefined;
    },

    active(hookId, withinMs, signal) {
      const handshake = handshakeOf(hookId);
      const settled = outcome(handshake);
      if (settled) return Promise.resolve(settled);
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const end = () => {
          cancel();
          handshake.listeners.delete(onSettled);
          signal?.removeEventListener('abort', onAbort);
        };
        const onSettled = () => {
          end();
          resolve(outcome(handshake) ?? { active: false, error: undefined });
        };
        const onAbort = () => {
          end();
          reject(signal?.reason);
        };
        const cancel = clock.after(withinMs, onSettled);
        handshake.listeners.add(onSettled);
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    },

    stop() {
      stopping.abort(new Error('podiod is stopping'));
    },
  };
}
