export { followedApps } from './apps.ts';
export { type FieldAudit, makeFieldAudit } from './field-audit.ts';
export { makeRecovery, type Recovery, type RecoveryDeps, type SweepStatus } from './recovery.ts';
