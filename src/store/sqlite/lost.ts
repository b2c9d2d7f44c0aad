/**
 * What SQLite takes for no damage and then writes over: a database that is gone, empty or cut off while its log is still there.
 * To SQLite it is a new one, whose log is thrown away, or one whose end was never there.
 */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { StoreError } from '../../core/errors.ts';

/** Whether SQLite would throw the log away that lies beside it. */
export const isLostBesideLog = (path: string): boolean => sizeOf(path) === 0 && sizeOf(`${path}-wal`) > 0;

/** Throws STORE_CORRUPT where the database is gone or empty. To be called before SQLite opens it. */
export function requireNotLost(path: string): void {
  if (isLostBesideLog(path)) throw lost(path, 'is gone or empty');
}

/**
 * Throws STORE_CORRUPT where it is cut off, too. Only where this process has no connection to it: closing any descriptor of
 * a file drops all of the process's locks on it.
 */
export function requireWhole(path: string): void {
  requireNotLost(path);
  if (sizeOf(`${path}-wal`) > 0 && isCutOff(path)) throw lost(path, 'is cut off');
}

const lost = (path: string, what: string): StoreError =>
  new StoreError('STORE_CORRUPT', `${path} ${what}, and ${path}-wal has only what was written last`, {
    hint: `Restore a backup, and look at the health of the disk. Without one, move both files away: podiod then begins anew. It leaves them as they are.`,
    retry: 'never',
  });

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

// Places in SQLite's files: https://sqlite.org/fileformat2.html
const HEADER = 100;
const LOG_HEADER = 32;
const FRAME_HEADER = 24;
/** The page with this byte is never written: it is where SQLite locks. */
const LOCK_BYTE = 0x4000_0000;

/** Whether pages that its header counts are neither in it nor in the log: while a log is moved into it, some are there only. */
function isCutOff(path: string): boolean {
  const header = read(path, HEADER, 0);
  const pageSize = header.readUInt16BE(16);
  // What has another size is no file of podiod's; what says nothing for certain is left to SQLite.
  if (pageSize < 512 || header.readUInt32BE(24) !== header.readUInt32BE(92)) return false;
  const pages = header.readUInt32BE(28);
  const there = Math.floor(sizeOf(path) / pageSize);
  const locked = LOCK_BYTE / pageSize + 1;
  const missing = pages - there - (there < locked && locked <= pages ? 1 : 0);
  return there < pages && framesBetween(`${path}-wal`, pageSize, there, pages) < missing;
}

/** So many pages beyond `from`, up to `to`, have a frame in the log. */
function framesBetween(log: string, pageSize: number, from: number, to: number): number {
  const salt = read(log, LOG_HEADER, 0).subarray(16, 24);
  const found = new Set<number>();
  const size = sizeOf(log);
  for (let at = LOG_HEADER; at + FRAME_HEADER + pageSize <= size; at += FRAME_HEADER + pageSize) {
    const frame = read(log, FRAME_HEADER, at);
    if (!frame.subarray(8, 16).equals(salt)) break;
    const page = frame.readUInt32BE(0);
    if (page > from && page <= to) found.add(page);
  }
  return found.size;
}

function read(path: string, bytes: number, at: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  const file = openSync(path, 'r');
  try {
    readSync(file, buffer, 0, bytes, at);
  } finally {
    closeSync(file);
  }
  return buffer;
}
