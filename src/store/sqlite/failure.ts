import { type ErrorCode, isPodiodError, StoreError } from '../../core/errors.ts';

/** An error on its way between threads: structured cloning would strip the class and the code. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
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
  if (isPodiodError(thrown)) return { code: thrown.code, message };
  const primary = primaryCode(thrown);
  if (CORRUPT.has(primary)) return { code: 'STORE_CORRUPT', message: `the database is damaged: ${message}` };
  if (UNWRITABLE.has(primary))
    return { code: 'STORE_WRITE_FAILED', message: `the database can't be opened or written: ${message}` };
  if (BUSY.has(primary)) return { code: 'STORE_UNAVAILABLE', message: `the database is busy: ${message}` };
  return { code: 'INTERNAL', message };
}

const NEVER: ReadonlySet<ErrorCode> = new Set([
  'STORE_CORRUPT',
  'STORE_VERSION',
  'STORE_STALE_LEASE',
  'INTERNAL',
]);

const HINTS: Partial<Record<ErrorCode, string>> = {
  STORE_CORRUPT: 'Restore podiod.db from a backup, or give another dataDir. podiod leaves the file as it is.',
  STORE_VERSION: 'Run the newer podiod, or give another dataDir.',
  STORE_WRITE_FAILED: 'Look at the free space, the mode and the health of the disk that holds dataDir.',
};

export function errorOf({ code, message }: Failure): StoreError {
  return new StoreError(code, message, { hint: HINTS[code], retry: NEVER.has(code) ? 'never' : 'backoff' });
}
