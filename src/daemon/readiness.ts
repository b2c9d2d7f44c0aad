import type { Readiness } from '../admin/status.ts';
import type { Clock } from '../core/clock.ts';
import type { RuleStatus } from '../dispatch/lane.ts';
import type { Reconciler, ReconcileStatus } from '../reconcile/index.ts';

/** How long the first reconcile is waited for when Podio can't be reached. */
const WITHOUT_PODIO_MS = 30_000;

export interface ReadinessSources {
  readonly clock: Clock;
  readonly reconciler: Pick<Reconciler, 'firstDone'> & { status(): Pick<ReconcileStatus, 'degraded'> };
  readonly rules: { status(): readonly Pick<RuleStatus, 'rule' | 'state' | 'error'>[] };
  /** Why events can't be taken in now. */
  readonly outage: () => string | undefined;
}

/** What `/readyz` answers, from what is up so far and what has failed since. */
export function makeReadiness({ clock, reconciler, rules, outage }: ReadinessSources) {
  const unready = new Set<string>();
  const ready = Promise.withResolvers<void>();

  return {
    /** Resolves when it is ready, or stops before it was. */
    ready: ready.promise,
    /** Names something that has to come up; answers what to call when it has. */
    wait(reason: string): () => void {
      unready.add(reason);
      return () => {
        unready.delete(reason);
        if (unready.size === 0) ready.resolve();
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
    /** Says so until the end, so that nobody sends more while what is in hand is finished. */
    stopping(): void {
      unready.add('stopping');
      // It will not be ready any more: nobody is to wait for it.
      ready.resolve();
    },
    status(): Readiness {
      const trouble = outage();
      const reasons = [
        ...unready,
        ...(trouble === undefined ? [] : [`events can not be written: ${trouble}`]),
      ];
      const degraded = reconciler.status().degraded.map(({ ref, error, hint, since, rules }) => ({
        ref,
        error,
        since,
        rules,
        ...(hint !== undefined && { hint }),
      }));
      return { ready: reasons.length === 0, reasons, degraded, rules: rules.status().flatMap(standing) };
    },
  };
}

/** What of a rule is told where it does nothing and was not asked to. */
const standing = ({
  rule,
  state,
  error,
}: Pick<RuleStatus, 'rule' | 'state' | 'error'>): Readiness['rules'] =>
  state === 'halted' || state === 'waiting for setup'
    ? [{ rule, state, ...(error !== undefined && { error }) }]
    : [];
