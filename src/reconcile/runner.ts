import { isRateLimited, statedWaitMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { isPodiodError } from '../core/errors.ts';
import { refKey } from '../core/event.ts';
import { type HookRef, maskHookUrl, type ObservedHook, ownerOf, type Secrets } from '../core/hook.ts';
import type { Log } from '../core/log.ts';
import {
  type FieldDirectory,
  type Identities,
  identityKey,
  type PodioClient,
  type Priority,
} from '../podio/contract.ts';
import type { Settings } from '../store/contract.ts';
import { type ActionResult, applyPlan, type Progress } from './apply.ts';
import type { Declaration, FieldLookups } from './declare.ts';
import { DegradedSet } from './degraded.ts';
import { fingerprintOf } from './fingerprint.ts';
import { type HookedRef, makeHookedRefs, namesOf } from './hooked-refs.ts';
import { makeLimit } from './limit.ts';
import { distinctRefs, type Observation, observeHooks } from './observe.ts';
import { type ApplyOptions, changesOf, type HookAction } from './plan.ts';
import { planToJson } from './render.ts';
import { Rota, type Round } from './rota.ts';
import type { HookPlan, HookStatus, Leftover, ReconcileReport, ReconcileStatus } from './status.ts';
import { planWorld, type ReconcileConfig, type Survey, takeSurvey } from './survey.ts';
import type { Verifier } from './verifier.ts';

export interface RunnerEffects {
  /** Asked for at each run, so that a reload needs no more than another run. */
  readonly config: () => ReconcileConfig;
  readonly podio: PodioClient;
  /** Asked at each call: after a reload it has to answer from the new config. */
  readonly identities: Identities;
  readonly fields: FieldDirectory;
  readonly settings: Settings;
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly log: Log;
  /** 0 up to 1; for jitter. */
  readonly random: () => number;
  /** How long a ping is waited for, milliseconds. Default: 15 s. */
  readonly pingWithinMs?: number;
  /** Told before a declared hook that is not there, or not active, is made so: it may deliver at once. */
  readonly onMending?: (ref: HookRef) => void;
  /**
   * A declared hook that was not there, or not active, is so again. @param since when it was last seen active, UTC
   * milliseconds; undefined: not by this process. What happened since then may not have been delivered.
   */
  readonly onMended?: (ref: HookRef, since: number | undefined) => void;
  /** Calls to Podio under way at the same time. Default: 8. */
  readonly concurrency?: number;
}

/**
 * What a run looks at. `retries`: what failed and may be tried again, and what was never seen. `due`: that, and what it is
 * time to look at again. `everything`: neither waits nor times count.
 */
export type Scope = 'retries' | 'due' | 'everything';

/** One run that is asked for. */
export interface RunRequest {
  readonly options: ApplyOptions;
  /** Carried out also where `reconcile.mode` is `plan`. */
  readonly apply: boolean;
  readonly scope: Scope;
  /** The fingerprint of the plan that may be carried out; undefined: any. */
  readonly expect: string | undefined;
  readonly onProgress: (progress: Progress) => void;
}

/** What one run does, and what is known from the runs before. When to run is the reconciler's business. */
export interface Runner {
  run(request: RunRequest): Promise<ReconcileReport>;
  plan(options: ApplyOptions, priority: Priority): Promise<HookPlan>;
  /** Milliseconds until something that failed may be tried again; undefined: nothing failed. */
  retryInMs(): number | undefined;
  /** Milliseconds until something is to be looked at again, well or not. */
  dueInMs(): number;
  status(): Omit<ReconcileStatus, 'running' | 'lastRunAt' | 'lastError'>;
}

/** Fields are degraded under a key of their own: a misspelt one must not keep its app's hooks from being looked at. */
const fieldTrouble = (key: string): string => `field/${key}`;

const hookKey = ({ ref, type }: Pick<ObservedHook, 'ref' | 'type'>): string => `${refKey(ref)}/${type}`;

/** Whether a declared hook delivers by it that did not. */
const mends = ({ action }: HookAction): boolean => action === 'create' || action === 'verify';

const REMOVED_HINT =
  'Put it back into the config with its token or login for one `podiod apply`, or delete these hooks at Podio by hand.';

export function makeRunner(effects: RunnerEffects, signal: AbortSignal): Runner {
  const { podio, identities, fields, verifier, clock, log } = effects;
  const limit = makeLimit(effects.concurrency ?? 8);
  const hookedRefs = makeHookedRefs(effects.settings);
  const degraded = new DegradedSet(effects);
  const rota = new Rota();
  const surveying = { podio, identities, fields, hookedRefs, limit, signal };

  const world = new Map<string, readonly ObservedHook[]>();
  /** When hooks were last seen active, by ref and type; UTC milliseconds. */
  const activeAt = new Map<string, number>();
  let config: ReconcileConfig | undefined;
  let declaration: Declaration = { hooks: [], unresolved: [] };
  let lookups: FieldLookups = new Map();
  let leftovers: readonly Leftover[] = [];

  /** Takes in what was observed. What can't be seen any more is not planned for on the strength of what was there. */
  const see = ({ hooks, observed, failed }: Observation) => {
    const byRef = Map.groupBy(hooks, ({ ref }) => refKey(ref));
    for (const key of observed) world.set(key, byRef.get(key) ?? []);
    for (const { ref } of failed) world.delete(refKey(ref));
    for (const hook of hooks) {
      if (hook.status === 'active' && config && ownerOf(hook, config.publicUrl, config.secrets) === 'ours')
        activeAt.set(hookKey(hook), clock.now());
    }
  };

  /** Nothing is wrong with a ref that was seen before and can't be looked at now for want of budget: it waits. */
  const putOff = ({ observation }: Survey) => {
    const waits = new Map<string, number>();
    const failed = observation.failed.filter(({ ref, error }) => {
      const wait = world.has(refKey(ref)) ? budgetWaitOf(error) : undefined;
      if (wait !== undefined) waits.set(refKey(ref), wait);
      return wait === undefined;
    });
    return { waits, failed };
  };

  const roundsOf = ({ refs }: Survey): readonly Round[] =>
    Array.from(
      Map.groupBy(refs, ([, ref]) => {
        const identity = identities.forRef(ref);
        return identity && identityKey(identity);
      }),
      ([identity, members]) => {
        const [first] = members;
        const as = first && identities.forRef(first[1]);
        const calls = as ? podio.share(as).general : Number.POSITIVE_INFINITY;
        return { identity, refs: members.map(([key]) => key), calls };
      },
    );

  const take = (survey: Survey) => {
    ({ config, declaration, lookups } = survey);
    see(survey.observation);
    for (const key of world.keys()) if (!survey.refs.has(key)) world.delete(key);
    const fieldKeys = new Set([...lookups.keys()].map(fieldTrouble));
    degraded.retain(key => survey.refs.has(key) || fieldKeys.has(key));
  };

  const carryOut = async (
    actions: readonly HookAction[],
    survey: Survey,
    onProgress: RunRequest['onProgress'],
  ): Promise<readonly ActionResult[]> => {
    const remembered = new Set(survey.hooked.map(({ ref }) => refKey(ref)));
    for (const ref of distinctRefs(changesOf(actions).map(action => action.ref))) {
      if (!remembered.has(refKey(ref))) await hookedRefs.announce(ref);
    }
    const mayDelete = survey.config.reconcile.delete !== 'never';
    const pingWithinMs = effects.pingWithinMs ?? 15_000;
    return applyPlan(actions, {
      podio,
      identities,
      verifier,
      log,
      limit,
      pingWithinMs,
      mayDelete,
      signal,
      onProgress,
    });
  };

  /** By ref: why it failed, in the listing before, the actions, or the listing after. */
  const errorsOf = (survey: Survey, results: readonly ActionResult[], after: Observation) =>
    new Map<string, Error>([
      ...results.flatMap(({ action, error }) => (error ? [[refKey(action.ref), error] as const] : [])),
      ...[...survey.observation.failed, ...after.failed].map(
        ({ ref, error }) => [refKey(ref), error] as const,
      ),
    ]);

  const judgeRefs = (survey: Survey, errors: ReadonlyMap<string, Error>) => {
    const { everyMs } = survey.config.reconcile;
    for (const key of survey.observation.observed) if (!errors.has(key)) degraded.recovered(key);
    for (const [key, error] of errors) {
      const rules = declaration.hooks.filter(({ ref }) => refKey(ref) === key).flatMap(spec => spec.rules);
      degraded.failed(key, { ref: key, error, rules: [...new Set(rules)] }, everyMs);
    }
  };

  const judgeFields = (before: FieldLookups, everyMs: number) => {
    for (const [key, lookup] of lookups) {
      if ('fieldId' in lookup) degraded.recovered(fieldTrouble(key));
      // The very same answer as before was held back, not asked for again.
      else if (lookup !== before.get(key)) {
        const concerned = declaration.unresolved.filter(field => field.key === key);
        const rules = [...new Set(concerned.map(({ rule }) => rule))];
        const ref = `app/${key.split('/')[0]}`;
        degraded.failed(fieldTrouble(key), { ref, error: lookup.error, rules }, everyMs);
      }
    }
  };

  /** What only the store knows of: gone with its object, cleaned up, or left over and told. */
  const judgeRemoved = async ({ hooked, configured }: Survey, errors: Map<string, Error>) => {
    const removed = hooked.filter(({ ref }) => !configured.has(refKey(ref)));
    for (const { ref } of removed) {
      const error = errors.get(refKey(ref));
      if (!isPodiodError(error) || error.code !== 'PODIO_NOT_FOUND') continue;
      errors.delete(refKey(ref));
      degraded.recovered(refKey(ref));
      await hookedRefs.forget(ref);
    }
    return removed;
  };

  const tellLeftovers = (removed: readonly HookedRef[]) => {
    const told = new Set(leftovers.map(({ ref }) => ref));
    leftovers = removed.flatMap(({ ref, hooks }) => {
      const trouble = degraded.get(refKey(ref));
      return trouble ? [{ ref: refKey(ref), hooks, error: trouble.error, hint: REMOVED_HINT }] : [];
    });
    for (const leftover of leftovers) {
      if (!told.has(leftover.ref)) log.warn('hooks left over at Podio', { ...leftover });
    }
  };

  const remember = async ({ config, observation, refs, hooked, configured }: Survey) => {
    const before = new Map(hooked.map(({ ref, hooks }) => [refKey(ref), hooks]));
    for (const key of observation.observed) {
      const ref = refs.get(key);
      const found = world.get(key);
      if (!ref || !found) continue;
      const ours = found.filter(hook => ownerOf(hook, config.publicUrl, config.secrets) !== 'foreign');
      await hookedRefs.update(ref, before.get(key), namesOf(ours), configured.has(key));
    }
  };

  return {
    async run({ options, apply, scope, expect, onProgress }) {
      const before = lookups;
      const startedAt = clock.monotonic();
      const taken = await takeSurvey(
        effects.config(),
        { ...surveying, priority: scope === 'everything' ? 'live' : 'background' },
        {
          ref: key =>
            scope !== 'everything' &&
            (degraded.get(key)
              ? !degraded.isDue(key)
              : world.has(key) && (scope === 'retries' || !rota.isDue(key, startedAt))),
          field: key =>
            scope === 'everything' || degraded.isDue(fieldTrouble(key)) ? undefined : before.get(key),
        },
      );
      const { waits, failed } = putOff(taken);
      const survey: Survey = { ...taken, observation: { ...taken.observation, failed } };
      take(survey);
      const { observation } = survey;

      // Planned over all that is known, so that maxDelete is a share of the whole; done where it was just looked at.
      const isFresh = ({ ref }: HookAction) => observation.observed.has(refKey(ref));
      const actions = planWorld(survey.config, declaration, world, fields, options).filter(isFresh);
      const isExpected = expect === undefined || expect === fingerprintOf(actions);
      const mayApply = apply || survey.config.reconcile.mode !== 'plan';
      const isCarriedOut = mayApply && isExpected;
      if (isCarriedOut) for (const action of actions.filter(mends)) effects.onMending?.(action.ref);
      const results = isCarriedOut ? await carryOut(actions, survey, onProgress) : [];

      const touched = distinctRefs(results.map(({ action }) => action.ref));
      const after = await observeHooks(touched, {
        podio,
        identities,
        limit,
        signal,
        priority: 'handshake',
      });
      for (const { action, outcome } of results) {
        if (outcome === 'done' && mends(action))
          effects.onMended?.(action.ref, activeAt.get(hookKey(action)));
      }
      see(after);
      const remaining = planWorld(survey.config, declaration, world, fields, {}).filter(({ ref }) =>
        after.observed.has(refKey(ref)),
      );

      const errors = errorsOf(survey, results, after);
      const removed = await judgeRemoved(survey, errors);
      judgeRefs(survey, errors);
      judgeFields(before, survey.config.reconcile.everyMs);
      await remember(survey);
      tellLeftovers(removed);
      const { everyMs } = survey.config.reconcile;
      rota.plan(roundsOf(survey), {
        startedAt,
        now: clock.monotonic(),
        everyMs,
        jitter: 0.9 + effects.random() * 0.2,
        isDone: key => scope !== 'retries' && (observation.observed.has(key) || waits.has(key)),
        putOffMs: key => waits.get(key),
      });
      const { unresolved } = declaration;
      const plan = { actions, unresolved, failed: taken.observation.failed };
      return { plan, isExpected, results, remaining };
    },

    async plan(options, priority) {
      const survey = await takeSurvey(effects.config(), { ...surveying, priority });
      const { hooks, observed, failed } = survey.observation;
      const byRef = Map.groupBy(hooks, ({ ref }) => refKey(ref));
      const seen = new Map([...observed].map(key => [key, byRef.get(key) ?? []]));
      const actions = planWorld(survey.config, survey.declaration, seen, fields, options);
      return { actions, unresolved: survey.declaration.unresolved, failed };
    },

    retryInMs: () => degraded.nextDueMs(),

    dueInMs() {
      const at = rota.nextAt();
      return at === undefined ? effects.config().reconcile.everyMs : at - clock.monotonic();
    },

    status() {
      const { everyMs } = effects.config().reconcile;
      const pace = rota.pace();
      if (!config) {
        const plan = planToJson([]);
        return { hooks: [], degraded: [], leftovers, plan, refusedDeletions: 0, outdated: 0, everyMs, pace };
      }
      const plan = planWorld(config, declaration, world, fields, {});
      return {
        hooks: statusOf([...world.values()].flat(), config, declaration),
        degraded: degraded.list(),
        leftovers,
        plan: planToJson(plan),
        refusedDeletions: plan.filter(action => action.refused).length,
        outdated: countOutdated([...world.values()].flat(), config, declaration),
        everyMs,
        pace,
      };
    },
  };
}

/** Milliseconds to wait, where an error says nothing but that the identity's budget doesn't allow the call now. */
const budgetWaitOf = (error: Error): number | undefined =>
  isRateLimited(error) ? statedWaitMs(error) : undefined;

function statusOf(
  observed: readonly ObservedHook[],
  { publicUrl, secrets }: ReconcileConfig,
  { hooks }: Declaration,
): readonly HookStatus[] {
  const keyOf = ({ ref, type }: Pick<ObservedHook, 'ref' | 'type'>) => `${refKey(ref)}/${type}`;
  const rulesByKey = new Map(hooks.map(spec => [keyOf(spec), spec.rules]));
  return observed.map(hook => {
    const { ref, type, hookId, status, url } = hook;
    const owner = ownerOf(hook, publicUrl, secrets);
    const rules = owner === 'ours' ? (rulesByKey.get(keyOf(hook)) ?? []) : [];
    return { ref, type, hookId, status, owner, url: maskHookUrl(url), rules };
  });
}

function countOutdated(
  observed: readonly ObservedHook[],
  { publicUrl, secrets }: ReconcileConfig,
  { hooks }: Declaration,
): number {
  const [current, ...previous] = secrets;
  if (previous.length === 0) return 0;
  const active = Map.groupBy(
    observed.filter(({ status }) => status === 'active'),
    hookKey,
  );
  return hooks.filter(spec => {
    const there = active.get(hookKey(spec)) ?? [];
    const isMadeWith = (some: Secrets) => there.some(hook => ownerOf(hook, publicUrl, some) === 'ours');
    return isMadeWith(secrets) && !isMadeWith([current]);
  }).length;
}
