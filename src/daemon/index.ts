export { type Daemon, type DaemonOptions, startDaemon } from './daemon.ts';
export { parseItemName } from './find-item.ts';
export {
  connectForReading,
  type ListeningHooks,
  type OfflineHooks,
  openHooks,
  openHooksForReading,
} from './hooks.ts';
export { type Pulled, pullCatalog } from './pull.ts';
export { type ReconcileAnswer, reconcile } from './reconcile.ts';
export { type WhyAnswer, whyOffline } from './why.ts';
