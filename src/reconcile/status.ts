import type { HookOwner, HookRef } from '../core/hook.ts';
import type { ActionResult } from './apply.ts';
import type { UnresolvedField } from './declare.ts';
import type { Degraded } from './degraded.ts';
import type { HookName } from './hooked-refs.ts';
import type { RefFailure } from './observe.ts';
import type { HookAction } from './plan.ts';
import type { PlanJson } from './render.ts';
import type { Pace } from './rota.ts';

/** What is to be done, and what could not be taken into account. */
export interface HookPlan {
  readonly actions: readonly HookAction[];
  readonly unresolved: readonly UnresolvedField[];
  /** Refs that did not answer: nothing is planned for them. */
  readonly failed: readonly RefFailure[];
}

export interface ReconcileReport {
  readonly plan: HookPlan;
  /** False: it is not the plan that was expected, and nothing of it was carried out. */
  readonly isExpected: boolean;
  /** Of the plan's changes, in its order; empty where the plan was only made. */
  readonly results: readonly ActionResult[];
  /** What the changed refs still call for, as Podio shows them afterwards. */
  readonly remaining: readonly HookAction[];
}

export interface HookStatus {
  readonly ref: HookRef;
  readonly type: string;
  readonly hookId: number;
  readonly status: 'active' | 'inactive';
  readonly owner: HookOwner;
  /** Masked. */
  readonly url: string;
  /** Who needs it; empty: nobody, or it isn't the one that is used. */
  readonly rules: readonly string[];
}

/** Hooks of an app or space that left the config and can't be reached any more. */
export interface Leftover {
  /** `app/101` */
  readonly ref: string;
  /** Those seen last. */
  readonly hooks: readonly HookName[];
  readonly error: string;
  readonly hint: string;
}

/** Safe to show: no keys in it. */
export interface ReconcileStatus {
  readonly running: boolean;
  /** ISO 8601, UTC; undefined until a run has ended. */
  readonly lastRunAt: string | undefined;
  /** Why the last run broke off, where it did: a fault of the daemon or its store, not of Podio. */
  readonly lastError: string | undefined;
  /** As last seen at Podio. */
  readonly hooks: readonly HookStatus[];
  readonly degraded: readonly Degraded[];
  readonly leftovers: readonly Leftover[];
  /** What the hooks last seen call for. */
  readonly plan: PlanJson;
  /** Deletions that wait for `podiod apply --allow-deletes`. */
  readonly refusedDeletions: number;
  /** Hooks that rules need and that are made with a previous secret, without one of the current secret beside them. */
  readonly outdated: number;
  /** How often all hooks are to be looked at, as configured. */
  readonly everyMs: number;
  /** How often they are, by identity: longer where the background share of its budget does not suffice. */
  readonly pace: readonly Pace[];
}
