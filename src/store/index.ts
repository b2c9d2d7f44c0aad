/** The store. See contract.ts for what it promises. */
export type * from './contract.ts';
export { type BackupFacts, backUp, type RestoreFacts, restore } from './sqlite/backup.ts';
export { faultsOf } from './sqlite/integrity.ts';
export { type DataLock, lockDataDir } from './sqlite/lock.ts';
export { openReader } from './sqlite/open-reader.ts';
export { openStore, type StoreOptions } from './sqlite/store.ts';
