import { type Identity, identityKey } from './contract.ts';

/**
 * Of each identity the first piece of work goes alone: its answer tells how many calls are left, before the others go
 * together and find that out by using them up.
 */
export function makeFirstAlone(): <T>(as: Identity, work: () => Promise<T>) => Promise<T> {
  const firsts = new Map<string, Promise<unknown>>();
  return async (as, work) => {
    const key = identityKey(as);
    const first = firsts.get(key);
    if (first !== undefined) {
      await first;
      return work();
    }
    const own = work();
    firsts.set(
      key,
      own.catch(() => {}),
    );
    return own;
  };
}
