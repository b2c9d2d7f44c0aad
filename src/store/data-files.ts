/**
 * Every file that podiod makes in dataDir, by name: these are for their owner only. What has no name here is somebody else's.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Replaced as a whole: a temporary file takes the place of the one before. */
const SMALL_FILES = ['secret', 'previous-secrets', 'admin-token', 'command-tokens.json', 'run.json'] as const;
export type SmallFile = (typeof SMALL_FILES)[number];

const DATABASE = 'podiod.db';
const LOCK = 'lock.db';

export const smallFile = (dataDir: string, name: SmallFile): string => join(dataDir, name);
export const databaseFile = (dataDir: string): string => join(dataDir, DATABASE);
export const lockFile = (dataDir: string): string => join(dataDir, LOCK);

/** The database and what SQLite keeps beside it. */
export const databaseFiles = (path: string): readonly string[] => ['', '-wal', '-shm'].map(end => path + end);

/** The database as it was before a newer podiod, or a restore, has changed it. */
export const formCopy = (database: string, form: number): string => `${database}.form-${form}`;
export const asideCopy = (database: string, stamp: string): string => `${database}.before-restore-${stamp}`;

/** Made under the lock, and of no use before they have their name. */
export const unfinished = (copy: string): string => `${copy}.part`;
export const restoring = (database: string): string => `${database}.restoring`;

/** Until it has its name. The number is the process that writes it. */
export const temporary = (path: string): string => `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;

/** "Podi", in a database's header: tells podiod's databases from others. */
export const APPLICATION_ID = 0x506f6469;

const literally = (text: string): string => text.replaceAll('.', String.raw`\.`);
const SQLITE_ENDS = '(?:-wal|-shm|-journal)?';
const OF_DATABASE = `^${literally(DATABASE)}`;
const COPY = new RegExp(`${OF_DATABASE}(?:\\.form-\\d+|\\.before-restore-\\d{8}T\\d{6})?${SQLITE_ENDS}$`);
const UNFINISHED = new RegExp(
  `${OF_DATABASE}\\.(?:restoring|(?:form-\\d+|before-restore-\\d{8}T\\d{6})\\.part)${SQLITE_ENDS}$`,
);
const TEMPORARY = new RegExp(`^(?:${SMALL_FILES.map(literally).join('|')})\\.(\\d+)\\.[0-9a-f]{8}$`);

const isNamed = (name: string): boolean =>
  name === LOCK || (SMALL_FILES as readonly string[]).includes(name) || COPY.test(name);

/** What is not there yet, or was never finished; `pid` is who wrote it, where it says so. */
export function leftoverIn(name: string): { readonly pid: number | undefined } | undefined {
  const pid = TEMPORARY.exec(name)?.[1];
  if (pid !== undefined) return { pid: Number(pid) };
  return UNFINISHED.test(name) ? { pid: undefined } : undefined;
}

export const isOurs = (name: string): boolean => isNamed(name) || leftoverIn(name) !== undefined;

/** Nothing where there is no such folder, or none that this user may look into. */
export function namesIn(dataDir: string): readonly string[] {
  try {
    return readdirSync(dataDir).sort();
  } catch {
    return [];
  }
}
