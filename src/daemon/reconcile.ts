import type { ReconcileRequest } from '../admin/requests.ts';
import { coerceError } from '../core/errors.ts';
import { type HookRef, maskHookUrl } from '../core/hook.ts';
import type { ActionOutcome, HookPlan, Reconciler } from '../reconcile/index.ts';
import type { ReconcileReport } from '../reconcile/status.ts';

/** What `POST /api/reconcile` answers, as JSON and without keys: the plan as it was, and what became of it. */
export interface ReconcileAnswer {
  readonly plan: HookPlan;
  /** Of the plan's changes, in its order; empty where it was only looked. */
  readonly results: readonly {
    readonly action: string;
    readonly ref: HookRef;
    readonly type: string;
    readonly outcome: ActionOutcome;
    readonly error: string | null;
  }[];
}

/** Looks, and unless `dryRun` carries out what an operator has asked for. */
export async function reconcile(
  reconciler: Pick<Reconciler, 'plan' | 'now'>,
  { dryRun, ...options }: Omit<ReconcileRequest, 'wait'>,
): Promise<ReconcileAnswer> {
  if (dryRun) return { plan: shown(await reconciler.plan(options)), results: [] };
  return answerOf(await reconciler.now({ ...options, apply: true }));
}

/** What became of a run, as JSON. */
export function answerOf({ plan, results }: ReconcileReport): ReconcileAnswer {
  return {
    plan: shown(plan),
    results: results.map(({ action: { action, ref, type }, outcome, error }) => ({
      action,
      ref,
      type,
      outcome,
      error: error?.message ?? null,
    })),
  };
}

/** Errors have nothing to show in JSON unless they are made plain; keys have nothing to seek there. */
function shown({ actions, failed, unresolved }: HookPlan): HookPlan {
  const plain = (thrown: Error) => {
    const { name, message } = coerceError(thrown);
    return { name, message };
  };
  return {
    actions: actions.map(action => ({ ...action, url: maskHookUrl(action.url) })),
    failed: failed.map(failure => ({ ...failure, error: plain(failure.error) })),
    unresolved: unresolved.map(field => ({ ...field, error: plain(field.error) })),
  };
}
