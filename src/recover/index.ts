export { followedApps } from './apps.ts';
export { makeRecovery, type Recovery, type RecoveryDeps, type SweepStatus } from './recovery.ts';
