import type { Readiness } from '../admin/status.ts';
import type { Clock } from '../core/clock.ts';
import type { Reconciler } from '../reconcile/index.ts';

/** How long the first reconcile is waited for when Podio can't be reached. */
const WITHOUT_PODIO_MS = 30_000;

/** What `/readyz` answers (contract 9), from what is up so far. */
export function makeReadiness(clock: Clock, reconciler: Pick<Reconciler, 'firstDone' | 'status'>) {
  const starting = new Set<string>();
  const ready = Promise.withResolvers<void>();

  return {
    /** Resolves when it is ready. */
    ready: ready.promise,
    /** Names something that has to come up; answers what to call when it has. */
    wait(reason: string): () => void {
      starting.add(reason);
      return () => {
        starting.delete(reason);
        if (starting.size === 0) ready.resolve();
      };
    },
    /** Waits for the first reconcile, though not for ever. */
    waitForHooks(): () => void {
      const done = this.wait('the first look at the hooks at Podio has not ended');
      const cancel = clock.after(WITHOUT_PODIO_MS, done);
      void reconciler.firstDone.then(() => {
        cancel();
        done();
      });
      return cancel;
    },
    status(): Readiness {
      const degraded = reconciler.status().degraded.map(({ ref, error, hint, since }) => ({
        ref,
        error,
        since,
        ...(hint !== undefined && { hint }),
      }));
      return { ready: starting.size === 0, reasons: [...starting], degraded };
    },
  };
}
