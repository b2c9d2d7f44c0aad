export type { ActionOutcome, ActionResult, Progress } from './apply.ts';
export { wantedFields } from './declare.ts';
export type { Degraded } from './degraded.ts';
export { fingerprintOf } from './fingerprint.ts';
export { type HandshakeAnswer, type HookPlace, shakeHands } from './handshake.ts';
export { type ActionKind, type ApplyOptions, changesOf, type HookAction, isChange } from './plan.ts';
export { makeReconciler, type NowOptions, type Reconciler } from './reconciler.ts';
export {
  type HookPlanJson,
  hookPlanToJson,
  type PlanJson,
  planToJson,
  type RenderOptions,
  renderPlan,
  summarize,
} from './render.ts';
export type { Pace } from './rota.ts';
export type { RunnerEffects as ReconcilerEffects } from './runner.ts';
export type { HookPlan, HookStatus, Leftover, ReconcileReport, ReconcileStatus } from './status.ts';
export type { ReconcileConfig } from './survey.ts';
export { makeVerifier, type Verifier } from './verifier.ts';
