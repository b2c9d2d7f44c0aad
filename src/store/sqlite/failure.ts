import { accessSync, constants } from 'node:fs';
import { dirname } from 'node:path';
import { type ErrorCode, isPodiodError, StoreError } from '../../core/errors.ts';
import { showSize } from '../../core/units.ts';
import { freeBeside } from './files.ts';

/** An error on its way between threads: structured cloning would strip the class and the code. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  /** What to do, where that is not the same for all errors of the code. */
  readonly hint?: string | undefined;
}

/** SQLite's primary result codes (https://sqlite.org/rescode.html). */
const CORRUPT = new Set([11 /* CORRUPT */, 26 /* NOTADB */]);
const UNWRITABLE = new Set([8 /* READONLY */, 10 /* IOERR */, 13 /* FULL */, 14 /* CANTOPEN */]);
const BUSY = new Set([5 /* BUSY */, 6 /* LOCKED */, 15 /* PROTOCOL */, 17 /* SCHEMA */]);
/** What an opening can meet for a moment while others open, migrate or close; waits for locks are SQLite's own. */
const PASSING = new Set([14 /* CANTOPEN */, 15 /* PROTOCOL */, 17 /* SCHEMA */]);

/** Extended codes have the primary one in their low byte. 0: none of SQLite's. */
const primaryCode = (thrown: unknown): number =>
  thrown instanceof Error && 'errcode' in thrown ? Number(thrown.errcode) & 0xff : 0;

/** Whether the same may work in a moment. */
export const isPassing = (thrown: unknown): boolean => PASSING.has(primaryCode(thrown));

/** Whether the disk or the file failed, so that what a connection remembers of the file may not be what is there. */
export const isDoubtful = (thrown: unknown): boolean =>
  CORRUPT.has(primaryCode(thrown)) || UNWRITABLE.has(primaryCode(thrown));

/** What a thrown thing is in the store's terms. Whatever is no fault of disk or file is a fault in podiod. */
export function failureOf(thrown: unknown): Failure {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (isPodiodError(thrown)) return { code: thrown.code, message, hint: thrown.hint };
  const primary = primaryCode(thrown);
  if (CORRUPT.has(primary)) return { code: 'STORE_CORRUPT', message: `the database is damaged: ${message}` };
  if (UNWRITABLE.has(primary))
    return { code: 'STORE_WRITE_FAILED', message: `the database can't be opened or written: ${message}` };
  if (BUSY.has(primary)) return { code: 'STORE_UNAVAILABLE', message: `the database is busy: ${message}` };
  // What the system refused is no fault in podiod.
  return { code: isOfSystem(thrown) ? 'STORE_WRITE_FAILED' : 'INTERNAL', message };
}

const isOfSystem = (thrown: unknown): boolean => thrown instanceof Error && 'syscall' in thrown;

/** Less than this is none: SQLite needs some pages beside the database to open it. */
const SCARCE = 256 * 1024;

/**
 * What a failed opening or copying is. On a full disk, and where nothing can be written, SQLite says many things, and mostly not that.
 * @param paths of what was to be written
 */
export function openingFailure(thrown: unknown, ...paths: readonly string[]): Failure {
  const failure = failureOf(thrown);
  if (isPodiodError(thrown) || failure.code !== 'STORE_WRITE_FAILED') return failure;
  for (const path of paths) {
    if (isOnlyToBeRead(dirname(path))) {
      return {
        ...failure,
        message: `${dirname(path)} is on a file system that can only be read, and without a daemon that has the database open SQLite has to write beside it`,
        hint: 'Start podiod, or copy the folder to where it can be written, and give that as dataDir.',
      };
    }
    const room = roomBeside(path);
    if (room === undefined || room >= SCARCE) continue;
    const folder = dirname(path);
    return {
      ...failure,
      message: `the disk is full that holds ${folder}, ${showSize(room)} are free: ${failure.message}`,
      hint: `Make room there, and try again.`,
    };
  }
  return failure;
}

function isOnlyToBeRead(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EROFS';
  }
}

function roomBeside(path: string): number | undefined {
  try {
    return freeBeside(path);
  } catch {
    return undefined;
  }
}

const NEVER: ReadonlySet<ErrorCode> = new Set([
  'STORE_CORRUPT',
  'STORE_VERSION',
  'STORE_STALE_LEASE',
  'STORE_ACCESS',
  'INTERNAL',
]);

const HINTS: Partial<Record<ErrorCode, string>> = {
  STORE_CORRUPT: 'Restore podiod.db from a backup, or give another dataDir. podiod leaves the file as it is.',
  STORE_VERSION: 'Run the newer podiod, or give another dataDir.',
  STORE_WRITE_FAILED: 'Look at the free space, the mode and the health of the disk that holds dataDir.',
};

export function errorOf({ code, message, hint = HINTS[code] }: Failure): StoreError {
  return new StoreError(code, message, { hint, retry: NEVER.has(code) ? 'never' : 'backoff' });
}
