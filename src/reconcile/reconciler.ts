import { type Observable, Subject } from 'rxjs';
import type { Cancel } from '../core/clock.ts';
import { coerceError, PodiodError } from '../core/errors.ts';
import type { Priority } from '../podio/contract.ts';
import type { Progress } from './apply.ts';
import { type ApplyOptions, changesOf } from './plan.ts';
import { makeRunner, type RunnerEffects, type RunRequest, type Scope } from './runner.ts';
import type { HookPlan, ReconcileReport, ReconcileStatus } from './status.ts';

export interface NowOptions extends ApplyOptions {
  /** Asked for by an operator: carried out also where `reconcile.mode` is `plan`. */
  readonly apply?: boolean;
  /** The fingerprint of the plan that was agreed to. */
  readonly expect?: string | undefined;
  readonly onProgress?: (progress: Progress) => void;
}

/** Makes Podio's hooks what the rules need, again and again. */
export interface Reconciler {
  /**
   * Runs at once, then every `reconcile.everyMs` with jitter, and earlier for what failed. Where the background share of
   * an identity's budget is too small for that, its refs are looked at less often, one after the other.
   */
  start(): void;
  /** Ends what is under way without finishing it: the next start looks again. */
  stop(): Promise<void>;
  /** Looks at everything and changes nothing. `priority` says whose calls come first; default: live. */
  plan(options?: ApplyOptions, priority?: Priority): Promise<HookPlan>;
  /**
   * Looks at everything and carries out what is to be done. Never two runs at once: calls that come during one share the
   * next. Resolves also when actions failed (see the report); rejects on stop, where the store fails, and with HOOK_PLAN_CHANGED
   * when the plan is not the expected one.
   */
  now(options?: NowOptions): Promise<ReconcileReport>;
  /** Resolves when the first run has ended, well or not. */
  readonly firstDone: Promise<void>;
  /** Pulses after every run. */
  readonly finished$: Observable<void>;
  status(): ReconcileStatus;
}

/** A run that waits for its turn, with those who asked for it. */
interface Waiting {
  request: RunRequest;
  readonly done: PromiseWithResolvers<ReconcileReport>;
}

const UNASKED: RunRequest = {
  options: {},
  apply: false,
  scope: 'everything',
  expect: undefined,
  onProgress: () => {},
};

const SCOPES: readonly Scope[] = ['retries', 'due', 'everything'];
const widest = (a: Scope, b: Scope): Scope => (SCOPES.indexOf(a) > SCOPES.indexOf(b) ? a : b);

/** What several callers want of the same run: what one of them allows is allowed. None of them expects a certain plan. */
function merge(a: RunRequest, b: RunRequest): RunRequest {
  return {
    options: {
      prune: Boolean(a.options.prune || b.options.prune),
      move: Boolean(a.options.move || b.options.move),
      allowDeletes: Boolean(a.options.allowDeletes || b.options.allowDeletes),
    },
    apply: a.apply || b.apply,
    scope: widest(a.scope, b.scope),
    expect: undefined,
    onProgress: progress => {
      a.onProgress(progress);
      b.onProgress(progress);
    },
  };
}

/** Two wake-ups are never nearer than this, however short a wait Podio or the config tells. */
const SHORTEST_WAIT = 100;

/** A fault of our own (the store's, say) is no reason to leave the hooks alone for long. */
const WAIT_AFTER_FAULT = 30_000;

const planChanged = (): PodiodError =>
  new PodiodError(
    'HOOK_PLAN_CHANGED',
    'the plan has changed since it was shown; nothing was changed at Podio',
    {
      hint: 'Look again: podiod apply.',
      retry: 'never',
    },
  );

export function makeReconciler(effects: RunnerEffects): Reconciler {
  const { clock } = effects;
  const log = effects.log.child({ module: 'reconcile' });
  const stopping = new AbortController();
  const { signal } = stopping;
  const runner = makeRunner({ ...effects, log }, signal);
  const finished$ = new Subject<void>();
  const first = Promise.withResolvers<void>();

  const waiting: Waiting[] = [];
  let running: Promise<void> | undefined;
  let timer: Cancel | undefined;
  let started = false;
  /** By the clock's monotonic time. */
  let nextAt = 0;
  let lastRunAt: string | undefined;
  let lastError: string | undefined;

  const arm = () => {
    timer?.();
    if (!started || signal.aborted) return;
    const wait = Math.min(nextAt - clock.monotonic(), runner.retryInMs() ?? Number.POSITIVE_INFINITY);
    timer = clock.after(Math.max(wait, SHORTEST_WAIT), () => {
      const scope = clock.monotonic() < nextAt ? 'retries' : 'due';
      ask({ ...UNASKED, scope }).catch(() => {});
    });
  };

  const runOnce = async ({ request, done }: Waiting): Promise<void> => {
    try {
      const report = await runner.run(request);
      lastError = undefined;
      nextAt = clock.monotonic() + runner.dueInMs();
      if (report.isExpected) {
        logReport(report);
        done.resolve(report);
      } else {
        done.reject(planChanged());
      }
    } catch (thrown) {
      const error = coerceError(thrown);
      if (!signal.aborted) {
        lastError = error.message;
        nextAt = clock.monotonic() + Math.min(effects.config().reconcile.everyMs, WAIT_AFTER_FAULT);
        log.error('reconcile broke off', { error });
      }
      done.reject(error);
    }
    lastRunAt = new Date(clock.now()).toISOString();
    first.resolve();
    finished$.next();
  };

  const logReport = ({ plan, results }: ReconcileReport) => {
    const count = (outcome: string) => results.filter(result => result.outcome === outcome).length;
    const waits = results.length === 0 ? changesOf(plan.actions).length : 0;
    const refused = plan.actions.filter(action => action.refused).length;
    const facts = { done: count('done'), failed: count('failed'), skipped: count('skipped'), waits, refused };
    if (waits + refused > 0) log.warn('hooks wait for podiod apply', facts);
    else log[results.length > 0 ? 'info' : 'debug']('hooks reconciled', facts);
  };

  const drain = async (): Promise<void> => {
    timer?.();
    for (let next = waiting.shift(); next; next = waiting.shift()) await runOnce(next);
    running = undefined;
    arm();
  };

  const ask = (request: RunRequest): Promise<ReconcileReport> => {
    if (signal.aborted) return Promise.reject(signal.reason);
    // Who expects a certain plan must not have it changed by what others allow.
    let next = waiting.find(one => one.request.expect === undefined && request.expect === undefined);
    if (next) {
      next.request = merge(next.request, request);
    } else {
      next = { request, done: Promise.withResolvers() };
      waiting.push(next);
    }
    running ??= drain();
    return next.done.promise;
  };

  return {
    start() {
      started = true;
      ask(UNASKED).catch(() => {});
    },
    async stop() {
      stopping.abort(new Error('podiod is stopping'));
      timer?.();
      for (const { done } of waiting.splice(0)) done.reject(signal.reason);
      await running;
      first.resolve();
      finished$.complete();
    },
    async plan(options = {}, priority = 'live') {
      await running;
      return runner.plan(options, priority);
    },
    now: ({ apply = false, onProgress = () => {}, expect, ...options } = {}) =>
      ask({ options, apply, expect, onProgress, scope: 'everything' }),
    firstDone: first.promise,
    finished$: finished$.asObservable(),
    status: () => ({ running: running !== undefined, lastRunAt, lastError, ...runner.status() }),
  };
}
