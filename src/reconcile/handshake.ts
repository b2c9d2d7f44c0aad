import type { Clock } from '../core/clock.ts';
import { coerceError, type ErrorCode, isPodiodError } from '../core/errors.ts';
import type { HookRef } from '../core/hook.ts';
import type { Identities, PodioClient } from '../podio/contract.ts';
import { identityFor } from './identity.ts';
import type { Verifier } from './verifier.ts';

/** Which hook. */
export interface HookPlace {
  readonly ref: HookRef;
  readonly type: string;
  readonly hookId: number;
}

/** What came of asking Podio to verify a hook again. */
export interface HandshakeAnswer extends HookPlace {
  readonly ok: boolean;
  /** From the question until Podio took the code. */
  readonly ms: number;
  /** Why not; null where it is ok. */
  readonly error: string | null;
  /** HOOK_INACTIVE: Podio was asked, and no ping came. Any other: why Podio could not be asked, or did not take the code. */
  readonly code: ErrorCode | null;
}

export interface HandshakeEffects {
  readonly podio: PodioClient;
  readonly identities: Identities;
  readonly verifier: Pick<Verifier, 'expect' | 'active'>;
  readonly clock: Clock;
}

/** A ping takes seconds; one that has not come by then does not come. */
const WITHIN_MS = 20_000;

/**
 * Asks Podio to ping a hook, waits for the ping and hands its code back: the whole way there and back, and no data is
 * touched. Never rejects.
 */
export async function shakeHands(
  { podio, identities, verifier, clock }: HandshakeEffects,
  hook: HookPlace,
): Promise<HandshakeAnswer> {
  const from = clock.monotonic();
  const { ref, type, hookId } = hook;
  const answer = (error: string | null, code: ErrorCode | null): HandshakeAnswer => ({
    ref,
    type,
    hookId,
    ok: error === null,
    ms: Math.round(clock.monotonic() - from),
    error,
    code,
  });
  try {
    verifier.expect(hookId);
    await podio.hooks.requestVerify(identityFor(identities, ref), hookId, { priority: 'handshake' });
    const activation = await verifier.active(hookId, WITHIN_MS);
    if (activation.active) return answer(null, null);
    const { error } = activation;
    if (error === undefined) return answer(`no ping came within ${WITHIN_MS / 1000} s`, 'HOOK_INACTIVE');
    return answer(`the ping came, but Podio did not take its code: ${error.message}`, codeOf(error));
  } catch (thrown) {
    return answer(`Podio could not be asked: ${coerceError(thrown).message}`, codeOf(thrown));
  }
}

const codeOf = (thrown: unknown): ErrorCode => (isPodiodError(thrown) ? thrown.code : 'INTERNAL');
