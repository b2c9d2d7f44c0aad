import { closeSync, openSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { giveToOwner } from '../files.ts';

/** What is free for this user where the file lies, bytes. */
export const freeBeside = (path: string): number => {
  const { bavail, bsize } = statfsSync(dirname(path));
  return bavail * bsize;
};

/**
 * An empty file for the owner only, before SQLite would make it with the process's umask (`-wal` and `-shm` take over the
 * database's mode). One that is there is not even opened: closing any descriptor of a file drops all of the process's
 * POSIX locks on it, and with them the lock on dataDir.
 */
export const makePrivateFile = (path: string): void => make(path, () => {});

/** In dataDir, where it is whose the folder is, also where root makes it. */
export const makeDataFile = (path: string): void => make(path, made => giveToOwner(path, made));

function make(path: string, settle: (made: number) => void): void {
  try {
    const made = openSync(path, 'wx', 0o600);
    settle(made);
    closeSync(made);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
