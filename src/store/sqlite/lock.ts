import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { StoreError } from '../../core/errors.ts';
import { requireFiles, requireFolderOrRoom } from '../access.ts';
import { lockFile, smallFile } from '../data-files.ts';
import { makeDataDir } from '../files.ts';
import { errorOf, openingFailure } from './failure.ts';
import { makeDataFile } from './files.ts';

/** Held by one process at a time; the system frees it when the process ends, however it ends. */
export interface DataLock {
  release(): void;
}

/**
 * Takes dataDir for this process, making it where it is missing. Throws STORE_LOCKED when another one has it, STORE_ACCESS where this user can't use it. Node has no
 * flock and pid files go stale, so the lock is an exclusive transaction on an otherwise empty database.
 */
export function lockDataDir(dataDir: string): DataLock {
  let db: DatabaseSync | undefined;
  try {
    requireFolderOrRoom(dataDir);
    makeDataDir(dataDir);
    const path = lockFile(dataDir);
    requireFiles(path);
    makeDataFile(path);
    db = new DatabaseSync(path, { timeout: 0 });
    // Nothing is ever written to it, so it needs no journal beside it.
    db.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    db?.close();
    const failure = openingFailure(error, lockFile(dataDir));
    if (failure.code === 'STORE_UNAVAILABLE') throw locked(dataDir);
    if (failure.code === 'STORE_CORRUPT') throw notALock(lockFile(dataDir));
    throw errorOf(failure);
  }
  const held = db;
  return { release: () => held.isOpen && held.close() };
}

function notALock(path: string): StoreError {
  return new StoreError(
    'STORE_CORRUPT',
    `${path} is not the file that podiod locks: it has something in it`,
    {
      hint: 'Delete it, when no podiod runs here: it is made anew, and nothing is ever kept in it.',
      retry: 'never',
    },
  );
}

function locked(dataDir: string): StoreError {
  const pid = runningPid(dataDir);
  return new StoreError(
    'STORE_LOCKED',
    `another podiod${pid === undefined ? '' : ` (process ${pid})`} uses ${dataDir}`,
    { hint: 'Stop it, or give this one a dataDir of its own.', retry: 'never' },
  );
}

/** From the run.json that a running daemon keeps. For the message only: it may be missing or stale. */
function runningPid(dataDir: string): number | undefined {
  try {
    const run: unknown = JSON.parse(readFileSync(smallFile(dataDir, 'run.json'), 'utf8'));
    if (typeof run === 'object' && run !== null && 'pid' in run && typeof run.pid === 'number')
      return run.pid;
  } catch {
    // No daemon has written one.
  }
  return undefined;
}
