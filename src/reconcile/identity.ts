import { PodioError } from '../core/errors.ts';
import { refKey } from '../core/event.ts';
import type { HookRef } from '../core/hook.ts';
import type { Identities, Identity } from '../podio/contract.ts';

/** Who speaks to Podio about this ref; throws PODIO_NO_IDENTITY where nobody can. */
export function identityFor(identities: Identities, ref: HookRef): Identity {
  const identity = identities.forRef(ref);
  if (identity) return identity;
  throw new PodioError('PODIO_NO_IDENTITY', `no token or login reaches ${refKey(ref)}`, {
    retry: 'never',
    hint: 'Name it in the config with a token or login, or delete its hooks at Podio by hand.',
  });
}
