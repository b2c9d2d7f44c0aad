/** A whole copy of a daemon's data in one file, and the way back. Runs in the command's own process. */
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { isPodiodError, StoreError } from '../../core/errors.ts';
import { accessFault, requireFiles, requireFolder, requireReadable } from '../access.ts';
import {
  asideCopy,
  databaseFile,
  databaseFiles,
  restoring,
  type SmallFile,
  smallFile,
  temporary,
  unfinished,
} from '../data-files.ts';
import { giveToOwner, replaceDataFile } from '../files.ts';
import { errorOf, failureOf, openingFailure } from './failure.ts';
import { makeDataFile, makePrivateFile } from './files.ts';
import { lockDataDir } from './lock.ts';
import { isLostBesideLog, requireNotLost, requireWhole } from './lost.ts';
import { openForReading, openForWriting } from './schema.ts';

/** What stands in a backup. */
export interface BackupFacts {
  readonly file: string;
  readonly bytes: number;
  readonly events: number;
  /** The newest event's seq; 0 where there is none. */
  readonly head: number;
  /** When the newest event was received; UTC milliseconds. */
  readonly newestAt: number | undefined;
}

export interface RestoreFacts extends BackupFacts {
  /** Where the data from before lies now; undefined where there was none. */
  readonly keptAs: string | undefined;
  /** Of the files beside the database, those that came back. Present ones were left as they are. */
  readonly files: readonly string[];
}

/** Small files of dataDir without which a restored database is of little use: hooks at Podio are made with them. */
const KEPT_FILES = ['secret', 'previous-secrets'] as const satisfies readonly SmallFile[];

/** Holds them in a backup. Not part of a database's form: a restore takes it out. */
const KEPT_TABLE = 'backup_file';

/**
 * Copies what dataDir holds into `file`, as of one moment, beside a running daemon or without one. The file appears when it
 * is whole, checked and on disk, readable by its owner only.
 */
export function backUp(dataDir: string, file: string, link: Link = linkSync): BackupFacts {
  const source = databaseFile(dataDir);
  requireFolder(dataDir);
  requireFiles(...databaseFiles(source), ...KEPT_FILES.map(name => smallFile(dataDir, name)));
  requireNotLost(source);
  if (!existsSync(source)) {
    throw new StoreError('STORE_UNAVAILABLE', `there is no database in ${dataDir} yet`, {
      hint: 'Start podiod with this dataDir first.',
      retry: 'never',
    });
  }
  if (existsSync(file)) throw exists(file);
  const fault = accessFault(file, 'named');
  if (fault) throw fault;
  if (!existsSync(dirname(file))) {
    throw new StoreError('STORE_WRITE_FAILED', `there is no folder ${dirname(file)}`, {
      hint: 'Make it, or name a file elsewhere.',
      retry: 'never',
    });
  }
  const part = temporary(file);
  return inTerms([part, source], () => {
    try {
      makePrivateFile(part);
      // It refuses what is not podiod's or of another form, and writes nothing.
      const db = openForReading(source);
      try {
        db.exec('PRAGMA query_only = OFF');
        db.prepare('VACUUM INTO ?').run(part);
      } finally {
        db.close();
      }
      keepFiles(dataDir, part);
      const facts = check(part, file);
      flush(part);
      // Not a rename: that would put it in the place of one that has appeared meanwhile.
      giveName(part, file, link);
      flush(dirname(file));
      return facts;
    } finally {
      rmSync(part, { force: true });
    }
  });
}

/**
 * Puts a backup in the place of dataDir's database, which stays beside it under another name. Throws STORE_LOCKED while a
 * daemon runs, and STORE_CORRUPT or STORE_VERSION for what is no good backup; then nothing has changed.
 */
export async function restore(
  file: string,
  dataDir: string,
  now: number,
  link: Link = linkSync,
): Promise<RestoreFacts> {
  requireReadable(file);
  if (!existsSync(file)) {
    throw new StoreError('STORE_UNAVAILABLE', `there is no file ${file}`, {
      hint: 'Give a file that podiod backup has made.',
      retry: 'never',
    });
  }
  if ((statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) {
    throw new StoreError(
      'STORE_CORRUPT',
      `${file} is a database in use: beside it lies a log of what is not in it yet`,
      {
        hint: 'Make a backup of it with podiod backup, and restore that.',
        retry: 'never',
      },
    );
  }
  const lock = lockDataDir(dataDir);
  const target = databaseFile(dataDir);
  const part = restoring(target);
  try {
    requireFiles(...databaseFiles(target));
    rmSync(part, { force: true });
    const { facts, kept } = inTerms([part], () => {
      makePrivateFile(part);
      copyFileSync(file, part);
      // It takes over owner and mode, too.
      giveToOwner(part);
      chmodSync(part, 0o600);
      const found = checkBackup(part, file);
      return { facts: found, kept: takeFiles(part) };
    });
    flush(part);
    const keptAs = inTerms([target], () => setAside(target, now, link));
    renameSync(part, target);
    flush(dataDir);
    const files: string[] = [];
    for (const [name, text] of kept) {
      // One that is there may be younger than the backup, and what hooks are made with now.
      if (existsSync(smallFile(dataDir, name))) continue;
      await replaceDataFile(dataDir, name, text);
      files.push(name);
    }
    return { ...facts, keptAs, files };
  } finally {
    rmSync(part, { force: true });
    lock.release();
  }
}

/** Says of the file that was given what is wrong, not of the copy of it that was looked at. */
function checkBackup(part: string, file: string): BackupFacts {
  try {
    // To SQLite it is a new database, and would come back as one without anything in it.
    if (statSync(part).size === 0) throw new StoreError('STORE_CORRUPT', 'the file is empty');
    return check(part, file);
  } catch (error) {
    const { code, message } = failureOf(error);
    if (code !== 'STORE_CORRUPT' && code !== 'STORE_VERSION') throw error;
    const why = message.replaceAll(part, file).replace('the database is damaged: ', '');
    throw new StoreError(
      code,
      why.includes(file) ? why : `${file} is no backup of podiod, or damaged: ${why}`,
      {
        hint: `Nothing was changed. ${code === 'STORE_VERSION' ? 'Run the newer podiod.' : 'Give a file that podiod backup has made.'}`,
        retry: 'never',
        cause: error,
      },
    );
  }
}

/** Reads all of it. Throws where it is damaged or none of podiod's. */
function check(path: string, shown: string): BackupFacts {
  // Brought to the newest form first: that of an older podiod is as good.
  const db = openForWriting(path);
  try {
    const [first] = db.prepare('PRAGMA integrity_check(1)').all();
    if (first?.integrity_check !== 'ok')
      throw new StoreError('STORE_CORRUPT', `${shown} is damaged: ${String(first?.integrity_check)}`, {
        hint: 'Use another backup.',
        retry: 'never',
      });
    const row = db
      .prepare('SELECT count(*) AS events, max(seq) AS head, max(received_at) AS at FROM event')
      .get();
    // One file again, without a log beside it.
    db.exec('PRAGMA journal_mode = DELETE');
    return {
      file: shown,
      bytes: statSync(path).size,
      events: Number(row?.events),
      head: Number(row?.head ?? 0),
      newestAt: row?.at == null ? undefined : Number(row.at),
    };
  } finally {
    db.close();
  }
}

function keepFiles(dataDir: string, path: string): void {
  const db = new DatabaseSync(path);
  try {
    db.exec(`CREATE TABLE ${KEPT_TABLE} (name TEXT PRIMARY KEY, content TEXT NOT NULL) STRICT`);
    for (const name of KEPT_FILES) {
      const from = smallFile(dataDir, name);
      if (!existsSync(from)) continue;
      db.prepare(`INSERT INTO ${KEPT_TABLE} VALUES (?, ?)`).run(name, readFileSync(from, 'utf8'));
    }
  } finally {
    db.close();
  }
}

/** Takes the small files out of a restored database. */
function takeFiles(path: string): ReadonlyMap<SmallFile, string> {
  const db = new DatabaseSync(path);
  try {
    const there = db.prepare('SELECT 1 FROM sqlite_schema WHERE name = ?').get(KEPT_TABLE);
    if (there === undefined) return new Map();
    const content = db.prepare(`SELECT content FROM ${KEPT_TABLE} WHERE name = ?`);
    const files = KEPT_FILES.flatMap(name =>
      content.all(name).map(row => [name, String(row.content)] as const),
    );
    db.exec(`DROP TABLE ${KEPT_TABLE}`);
    return new Map(files);
  } finally {
    db.close();
  }
}

/** Leaves the database under another name too, with its log. Answers that name. */
function setAside(target: string, now: number, link: Link): string | undefined {
  if (!existsSync(target) && !isLostBesideLog(target)) return undefined;
  mergeLog(target);
  const stamp = new Date(now).toISOString().replaceAll(/[-:]|\..*/g, '');
  const aside = asideCopy(target, stamp);
  if (existsSync(target)) keepBeside(target, aside, link);
  // A log that could not be merged belongs to the old database: beside the new one it would damage that.
  for (const end of ['-wal', '-shm']) {
    if (existsSync(target + end)) renameSync(target + end, aside + end);
  }
  flush(dirname(target));
  return aside;
}

/** Moves what stands in the log into the database, so that this is one file. A damaged one is kept as it is. */
function mergeLog(path: string): void {
  try {
    requireWhole(path);
    const db = new DatabaseSync(path);
    try {
      db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } finally {
      db.close();
    }
  } catch {
    // It is set aside all the same.
  }
}

/** Makes a second name for a file. Not every file system has that: exFAT has not, and many a network's has not. */
export type Link = (from: string, to: string) => void;

/**
 * Gives a whole file, which is on disk, its name; never in the place of one that has appeared there meanwhile. Without links
 * an empty file takes the name first, so that what a kill leaves there is empty or whole.
 */
function giveName(part: string, file: string, link: Link): void {
  if (tryLink(part, file, link)) return;
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    throw isThere(error) ? exists(file) : error;
  }
  try {
    renameSync(part, file);
  } catch (error) {
    rmSync(file, { force: true });
    throw error;
  }
}

/** Leaves `from` as it is, and all of it under another name too. */
function keepBeside(from: string, to: string, link: Link): void {
  if (tryLink(from, to, link)) return;
  const part = unfinished(to);
  try {
    rmSync(part, { force: true });
    makeDataFile(part);
    copyFileSync(from, part);
    flush(part);
    giveName(part, to, link);
  } finally {
    rmSync(part, { force: true });
  }
}

function tryLink(from: string, to: string, link: Link): boolean {
  try {
    link(from, to);
    return true;
  } catch (error) {
    if (isThere(error)) throw exists(to);
    return false;
  }
}

const isThere = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'EEXIST';

const exists = (file: string): StoreError =>
  new StoreError('STORE_WRITE_FAILED', `${file} is there already`, {
    hint: 'Remove it, or give another name: a backup never replaces one.',
    retry: 'never',
  });

/** To disk. Windows can't open a directory, and needs not. */
function flush(path: string): void {
  if (process.platform === 'win32' && statSync(path).isDirectory()) return;
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function inTerms<T>(paths: readonly string[], work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (isPodiodError(error)) throw error;
    const failure = openingFailure(error, ...paths);
    if (failure.code !== 'INTERNAL') throw errorOf(failure);
    throw error;
  }
}
