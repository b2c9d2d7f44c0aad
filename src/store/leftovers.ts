/** What writes have left in dataDir that were cut off, by kill -9 or the power. */
import { lstatSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { leftoverIn, namesIn } from './data-files.ts';

/** Of a write that may still be under way: it takes milliseconds, on a sick disk seconds. */
const YOUNG_MS = 60_000;

/**
 * Removes them, and answers their names. To be called with the lock held: nobody makes a copy of the database then. Commands
 * write small files without it, so these stay while the process runs that wrote them, and for a minute: in another container
 * it has another number.
 */
export function sweepLeftovers(dataDir: string, now: number): readonly string[] {
  return namesIn(dataDir).filter(name => {
    const left = leftoverIn(name);
    if (!left) return false;
    try {
      const path = join(dataDir, name);
      if (!isMadeHere(path, dataDir) || (left.pid !== undefined && isUnderWay(path, left.pid, now)))
        return false;
      rmSync(path);
      return true;
    } catch {
      // Gone by now, or not to be removed: it does no harm.
      return false;
    }
  });
}

/** A file for its owner only, and that is this user or whose the folder is. */
function isMadeHere(path: string, dataDir: string): boolean {
  const stats = lstatSync(path);
  if (!stats.isFile()) return false;
  if (process.platform === 'win32') return true;
  return (stats.mode & 0o077) === 0 && [process.geteuid?.(), statSync(dataDir).uid].includes(stats.uid);
}

const isUnderWay = (path: string, pid: number, now: number): boolean =>
  now - lstatSync(path).mtimeMs < YOUNG_MS || isRunning(pid);

/** With this one's number it is one before it: in a container each start has the same. */
function isRunning(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
