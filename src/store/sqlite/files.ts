import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';

export const databaseFile = (dataDir: string): string => join(dataDir, 'podiod.db');

/**
 * An empty file for the owner only, before SQLite would make it with the process's umask (`-wal` and `-shm` take over the
 * database's mode). One that is there is not even opened: closing any descriptor of a file drops all of the process's
 * POSIX locks on it, and with them the lock on dataDir.
 */
export function makePrivateFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
