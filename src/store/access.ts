/** Whether this user can work with dataDir and the files in it, and if not, why and what to do. Looks, and opens nothing. */
import { accessSync, constants, lstatSync, readFileSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { coerceError, StoreError } from '../core/errors.ts';

const { R_OK, W_OK, X_OK } = constants;

/** Whose the file is, for what to do about it: podiod's own, or one that somebody has named. */
type Whose = 'own' | 'named';

/** That the file system can only be read is no fault. */
const READ_ONLY = 'may be read-only';
type Tolerance = typeof READ_ONLY | undefined;

/**
 * Throws STORE_ACCESS where dataDir is no folder, or not one that this user may work in. One that is not there is none, and one
 * on a file system that can only be read will do: beside a daemon its data can be read there.
 */
export function requireFolder(dataDir: string): void {
  const fault = folderFault(dataDir, 'own', READ_ONLY);
  if (fault) throw fault;
}

/** As `requireFolder`; one that is not there must be one that this user may make. */
export function requireFolderOrRoom(dataDir: string): void {
  const fault = folderFault(dataDir, 'own') ?? (isThere(dataDir) ? undefined : roomFault(dataDir));
  if (fault) throw fault;
}

/**
 * Throws STORE_ACCESS where one of podiod's own files is there, and none or not one that this user may read and write. Of the
 * file system it says as little as `requireFolder`.
 */
export function requireFiles(...paths: readonly string[]): void {
  for (const path of paths) {
    const fault = fileFault(path, R_OK | W_OK, 'own', READ_ONLY);
    if (fault) throw fault;
  }
}

/** Throws STORE_ACCESS where a file that somebody has named is there, and none or not one that this user may read. */
export function requireReadable(path: string): void {
  const fault = fileFault(path, R_OK, 'named');
  if (fault) throw fault;
}

/** Why a file could not be read or put in its place, where that is a matter of folder and rights. */
export const accessFault = (path: string, whose: Whose): StoreError | undefined =>
  folderFault(dirname(path), whose) ?? fileFault(path, R_OK | W_OK, whose);

/** What else keeps a file from being written. */
export function writeFault(path: string, thrown: unknown): StoreError {
  const cause = coerceError(thrown);
  const { code } = cause as NodeJS.ErrnoException;
  const disk = `the disk that holds ${dirname(path)}`;
  return new StoreError('STORE_WRITE_FAILED', `${path} can't be written: ${cause.message}`, {
    hint: code === 'ENOSPC' || code === 'EDQUOT' ? `Make room on ${disk}.` : `Look at ${disk}.`,
    cause,
  });
}

function folderFault(path: string, whose: Whose, tolerance?: Tolerance): StoreError | undefined {
  const found = look(path);
  if (found === 'missing') return undefined;
  if ('fault' in found) return found.fault;
  const { stats } = found;
  if (stats.isDirectory()) return rightsFault(path, stats, R_OK | W_OK | X_OK, whose, tolerance);
  return refused(`${path} is ${kindOf(stats)}, and a folder is needed there`, AWAY);
}

function fileFault(
  path: string,
  wanted: number,
  whose: Whose,
  tolerance?: Tolerance,
): StoreError | undefined {
  const found = look(path);
  if (found === 'missing') return undefined;
  if ('fault' in found) return found.fault;
  const { stats } = found;
  if (stats.isFile()) return rightsFault(path, stats, wanted, whose, tolerance);
  const hint = whose === 'own' ? 'Move it away.' : 'Name a file.';
  return refused(`${path} is ${kindOf(stats)}, and a file is needed there`, hint);
}

/** Why a folder can't be made under the nearest one that is there. */
function roomFault(dataDir: string, parent = dirname(dataDir)): StoreError | undefined {
  const found = look(parent);
  if (found === 'missing')
    return parent === dirname(parent) ? undefined : roomFault(dataDir, dirname(parent));
  if ('fault' in found) return found.fault;
  const { stats } = found;
  const code = deniedBy(parent, W_OK | X_OK);
  if (code === undefined) return undefined;
  const cannot = `the folder ${dataDir} can't be made`;
  if (code === 'EROFS') return readOnly(`${cannot}: ${parent}`);
  return refused(
    `${cannot}: ${me()} may not write to ${parent}, which ${belongs(stats)}`,
    `Make it for the user that podiod runs as: sudo install -d -m 700 -o ${accountOf(myUid())} ${dataDir}\nOr give another dataDir.`,
  );
}

function rightsFault(
  path: string,
  stats: Stats,
  wanted: number,
  whose: Whose,
  tolerance?: Tolerance,
): StoreError | undefined {
  const code = deniedBy(path, wanted);
  if (code === undefined) return undefined;
  if (code === 'EROFS') return tolerance ? rightsFault(path, stats, wanted & ~W_OK, whose) : readOnly(path);
  const verb = deniedBy(path, wanted & ~W_OK) === undefined ? 'write to' : 'read';
  return refused(`${me()} may not ${verb} ${path}, which ${belongs(stats)}`, rightsHint(path, stats, whose));
}

function rightsHint(path: string, stats: Stats, whose: Whose): string {
  if (stats.uid === myUid()) return `chmod u+rw${stats.isDirectory() ? 'x' : ''} ${path}`;
  const owner = `${sudo(stats.uid)} podiod ...`;
  if (whose === 'named') return `Say this as a user who may: ${owner}`;
  const give = `sudo chown ${stats.isDirectory() ? '-R ' : ''}${accountOf(myUid())} ${path}`;
  return `Say this as the user that podiod runs as: ${owner}\nIf that is ${accountOf(myUid())}: ${give}`;
}

const AWAY = 'Move it away, or name another folder.';

type Look = 'missing' | { readonly stats: Stats } | { readonly fault: StoreError };

function look(path: string): Look {
  try {
    return { stats: statSync(path) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const fault =
      code === 'ENOENT' ? danglingAt(path) : code === 'EACCES' ? closedAbove(path) : noFolderAbove(path);
    if (fault) return { fault };
    return code === 'ENOENT' ? 'missing' : { fault: refused(`${path} can't be looked at: ${message}`) };
  }
}

const isThere = (path: string): boolean => look(path) !== 'missing';

/** Where a link leads to; undefined where there is none. */
function linkAt(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? resolve(dirname(path), readlinkSync(path)) : undefined;
  } catch {
    return undefined;
  }
}

function danglingAt(path: string): StoreError | undefined {
  const target = linkAt(path);
  const what = `${path} is a link to ${target}, which is not there`;
  return target === undefined ? undefined : refused(what, 'Make what it leads to, or mend the link.');
}

/** A file stands where a folder on the way should. */
function noFolderAbove(path: string): StoreError | undefined {
  const above = dirname(path);
  if (above === path) return undefined;
  const stats = statSync(above, { throwIfNoEntry: false });
  if (!stats) return noFolderAbove(above);
  const what = `${path} can't be there: ${above} is ${kindOf(stats)}`;
  return refused(what, AWAY);
}

/** Of the first folder on the way that this user may not enter; links are followed. */
function closedAbove(path: string): StoreError | undefined {
  const folder = dirname(path);
  if (folder === path) return undefined;
  const target = linkAt(path);
  const before = closedAbove(folder) ?? (target === undefined ? undefined : closedAbove(target));
  if (before || deniedBy(folder, X_OK) !== 'EACCES') return before;
  const stats = statSync(folder);
  return refused(
    `${me()} may not enter ${folder}, which ${belongs(stats)}`,
    `Say this as the user that podiod runs as, or: ${sudo(stats.uid)} podiod ...`,
  );
}

function deniedBy(path: string, wanted: number): string | undefined {
  try {
    accessSync(path, wanted);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown error';
  }
}

const kindOf = (stats: Stats): string =>
  stats.isDirectory() ? 'a folder' : stats.isFile() ? 'a file' : 'neither a file nor a folder';

export const showMode = (mode: number): string => (mode & 0o777).toString(8).padStart(4, '0');

const belongs = ({ uid, mode }: Stats): string => `belongs to ${accountOf(uid)} (mode ${showMode(mode)})`;

/** Windows has no such ids, and answers no such question in a way that would lead here. */
const myUid = (): number => process.geteuid?.() ?? 0;
const me = (): string => `this user (${accountOf(myUid())})`;

/** By /etc/passwd, since Node tells the name of this user only. */
function accountOf(uid: number): string {
  try {
    const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
    const name = lines.find(line => line.split(':')[2] === String(uid))?.split(':')[0];
    if (name) return name;
  } catch {
    // A machine without one.
  }
  return String(uid);
}

const sudo = (uid: number): string => {
  const account = accountOf(uid);
  if (uid === 0) return 'sudo';
  return account === String(uid) ? `sudo -u '#${uid}'` : `sudo -u ${account}`;
};

const refused = (message: string, hint?: string): StoreError =>
  new StoreError('STORE_ACCESS', message, { hint, retry: 'never' });

const readOnly = (what: string): StoreError =>
  new StoreError('STORE_WRITE_FAILED', `${what} is on a file system that can only be read`, {
    hint: 'Mount it for writing, or give another dataDir.',
    retry: 'never',
  });
