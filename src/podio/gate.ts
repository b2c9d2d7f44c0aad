import type { Priority } from './contract.ts';
import { makeLine } from './line.ts';

/** Lets so many in at a time; the others wait in a line by priority. */
export interface Gate {
  /** Resolves with how to leave, to be called once. Rejects with the signal's reason. */
  enter(priority: Priority, signal?: AbortSignal): Promise<() => void>;
}

export function makeGate(places: number): Gate {
  const line = makeLine();
  let inside = 0;

  const leave = () => {
    inside -= 1;
    line.next();
  };

  return {
    async enter(priority, signal) {
      signal?.throwIfAborted();
      if (inside >= places) {
        await new Promise<void>((resolve, reject) => {
          const onAbort = () => {
            place.leave();
            reject(signal?.reason);
          };
          const place = line.wait(priority, () => {
            signal?.removeEventListener('abort', onAbort);
            // Counted here and not when the caller goes on: nobody may slip in between.
            inside += 1;
            resolve();
          });
          signal?.addEventListener('abort', onAbort, { once: true });
        });
      } else {
        inside += 1;
      }
      return leave;
    },
  };
}
