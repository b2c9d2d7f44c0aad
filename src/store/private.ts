/** Who may read and write what podiod keeps. */
import { closeSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { StoreError } from '../core/errors.ts';
import { showMode } from './access.ts';
import { APPLICATION_ID, isOurs, namesIn } from './data-files.ts';

/** A file that others than its owner may read or write. */
export interface OpenFile {
  readonly path: string;
  readonly mode: string;
}

export interface OpenFiles {
  /** Made by podiod, for its owner only. */
  readonly ours: readonly OpenFile[];
  /** Copies of the database that somebody has put there, under a name of their own. */
  readonly copies: readonly OpenFile[];
}

/** Windows has no such modes. */
export function openFilesIn(dataDir: string): OpenFiles {
  const open = namesIn(dataDir).flatMap(name => {
    const path = join(dataDir, name);
    const mode = openMode(path);
    return mode === undefined ? [] : [{ path, mode, isOurs: isOurs(name) }];
  });
  const told = (files: typeof open): OpenFile[] => files.map(({ path, mode }) => ({ path, mode }));
  return {
    ours: told(open.filter(({ isOurs }) => isOurs)),
    copies: told(open.filter(({ isOurs, path }) => !isOurs && isOpenCopy(path))),
  };
}

/**
 * Throws STORE_EXPOSED where others than its owner may read or write one of podiod's files: what is in it may be known or
 * changed by now, and only a person can tell. Answers the copies that somebody else has made.
 */
export function requirePrivateFiles(dataDir: string): OpenFiles['copies'] {
  const { ours, copies } = openFilesIn(dataDir);
  if (ours.length > 0) throw exposed(ours);
  return copies;
}

/** The same of one file. */
export function requirePrivate(path: string): void {
  const mode = openMode(path);
  if (mode !== undefined) throw exposed([{ path, mode }]);
}

function exposed(files: readonly OpenFile[]): StoreError {
  const told = files.map(({ path, mode }) => `${path} has mode ${mode}`).join(', ');
  return new StoreError('STORE_EXPOSED', `open to other users of this machine: ${told}, and must have 0600`, {
    hint: `Find out who opened it, and who may have read it. Then: ${closing(files)}${files.every(isForGroup) ? FS_GROUP : ''}`,
    retry: 'never',
  });
}

/** As Kubernetes makes them, at each mount. */
const isForGroup = ({ mode }: OpenFile): boolean => mode === '0660';
const FS_GROUP =
  "\nIn Kubernetes it is the pod's fsGroup: with fsGroupChangePolicy: OnRootMismatch it leaves them as they are.";

/** What to say to close them. */
export const closing = (files: readonly OpenFile[]): string =>
  `chmod 600 ${files.map(({ path }) => path).join(' ')}`;

/**
 * Undefined where it is its owner's alone. By path: closing a descriptor would drop the process's locks on the file. One that
 * can't be looked at can't be read either.
 */
function openMode(path: string): string | undefined {
  if (process.platform === 'win32') return undefined;
  const stats = lookAt(path);
  return stats?.isFile() && (stats.mode & 0o077) !== 0 ? showMode(stats.mode) : undefined;
}

function lookAt(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

/** One that all may read: who lets a group of theirs read it has a reason. */
const isOpenCopy = (path: string): boolean => ((lookAt(path)?.mode ?? 0) & 0o007) !== 0 && isDatabase(path);

/** "SQLite format 3" and, at 68, the application's number. */
function isDatabase(path: string): boolean {
  // The same file may have another name, under which it is locked.
  if (lookAt(path)?.nlink !== 1) return false;
  const head = Buffer.alloc(72);
  try {
    const file = openSync(path, 'r');
    try {
      readSync(file, head);
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
  return head.toString('latin1', 0, 15) === 'SQLite format 3' && head.readUInt32BE(68) === APPLICATION_ID;
}
