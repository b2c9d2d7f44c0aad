/** Small files in dataDir that must be whole at any time, whatever happens to the process or the machine. */
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, fchownSync, mkdirSync, statSync } from 'node:fs';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { coerceError, StoreError } from '../core/errors.ts';
import { accessFault, writeFault } from './access.ts';
import { type SmallFile, smallFile, temporary } from './data-files.ts';
import { requirePrivate } from './private.ts';

/** Bytes of randomness in a secret that podiod makes. */
const SECRET_BYTES = 32;

/**
 * Makes dataDir for the owner only, and what is missing above it; one that is there stays as its owner made it. Not
 * mkdir's `recursive`: under /proc, where nothing can be made, Node then tries without end.
 */
export function makeDataDir(dataDir: string): void {
  const parent = dirname(dataDir);
  // A drive that is not there is its own parent.
  if (parent !== dataDir && !existsSync(parent)) makeDataDir(parent);
  try {
    mkdirSync(dataDir, 0o700);
    giveToOwner(dataDir);
  } catch (error) {
    if (!isFolder(dataDir)) throw error;
  }
}

/**
 * What root makes, in a command, is of no use to a daemon that runs as somebody else: it goes to whoever has the folder that
 * it is in. Where it can't (a file system of another machine, a container without the right) it stays root's.
 * @param made by its path or its descriptor
 */
export function giveToOwner(path: string, made: string | number = path): void {
  if (process.getuid?.() !== 0) return;
  try {
    const { uid, gid } = statSync(dirname(path));
    if (uid === 0) return;
    if (typeof made === 'number') fchownSync(made, uid, gid);
    else chownSync(made, uid, gid);
  } catch {
    // As it was before.
  }
}

/** Whether to put something there by the way: root makes no dataDir for that, since the daemon's own user could not use it. */
export const isDataDirOurs = (dataDir: string): boolean => existsSync(dataDir) || process.getuid?.() !== 0;

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** Puts `text` in place of the file's content, or makes the file. Readers see the old or the new content, never half. */
export const replaceFile = (path: string, text: string, mode: number): Promise<void> =>
  replace(path, text, mode, 'named');

/** Of a file in dataDir: for the owner only, and that is whose the folder is. */
export function replaceDataFile(dataDir: string, name: SmallFile, text: string): Promise<void> {
  return replace(smallFile(dataDir, name), text, 0o600, 'own');
}

async function replace(path: string, text: string, mode: number, whose: 'own' | 'named'): Promise<void> {
  const made = temporary(path);
  try {
    const file = await open(made, 'wx', mode);
    try {
      if (whose === 'own') giveToOwner(path, file.fd);
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(made, path);
    await syncDir(dirname(path));
  } catch (thrown) {
    await rm(made, { force: true });
    throw accessFault(path, whose) ?? writeFault(path, thrown);
  }
}

/** Without it a rename may be lost with the power. Windows can't open a directory, and needs not. */
async function syncDir(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const dir = await open(path, 'r');
  try {
    await dir.sync();
  } finally {
    await dir.close();
  }
}

/** The content without its final newline; undefined where there is no file. */
export async function readSmallFile(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    const cause = coerceError(thrown);
    throw (
      accessFault(path, 'own') ??
      new StoreError('STORE_UNAVAILABLE', `${path} can't be read: ${cause.message}`, {
        hint: 'Look at the health of the disk that holds it.',
        cause,
      })
    );
  }
}

/** What dataDir keeps, made there or taken from the config: what the hooks' URLs are made with, and the admin API's token. */
type SecretName = SmallFile & ('secret' | 'admin-token');

/** As many characters as `server.secret` must have. */
const SECRET_LENGTH = 16;

const SECRET_HINTS: Readonly<Record<SecretName, string>> = {
  secret:
    'Put it back from a backup, or set server.secret. Without the file podiod makes a new secret: its hooks are then replaced, and `podiod apply --prune` deletes the old ones.',
  'admin-token': 'Delete the file: podiod makes a new token when it starts.',
};

/**
 * The secret kept in dataDir, undefined where there is no such file. One that can't have been meant is refused with
 * STORE_SECRET: a guessable one opens the hooks to everybody, and a new one made in its place would turn every hook at
 * Podio into an orphan.
 */
export async function readSecretFile(dataDir: string, name: SecretName): Promise<string | undefined> {
  const path = smallFile(dataDir, name);
  const text = await readSmallFile(path);
  const secret = text === undefined ? undefined : fromLine(text);
  const fault = text === undefined || secret !== text ? undefined : faultOf(text);
  if (fault === undefined) return secret;
  throw new StoreError('STORE_SECRET', `${path} ${fault}`, { hint: SECRET_HINTS[name], retry: 'never' });
}

/** Where the config has one: what is in a damaged file is lost, and nobody misses it. */
export const readGoodSecretFile = (dataDir: string): Promise<string | undefined> =>
  readSecretFile(dataDir, 'secret').catch(error => {
    if (error instanceof StoreError && error.code === 'STORE_SECRET') return undefined;
    throw error;
  });

/** A secret of the config may hold anything, line breaks too; a line of a file may not. */
const toLine = (secret: string): string =>
  /^[\x21-\x7e]+$/.test(secret) && !secret.startsWith('"') ? secret : JSON.stringify(secret);

function fromLine(line: string): string {
  if (!/^".*"$/.test(line)) return line;
  try {
    return String(JSON.parse(line));
  } catch {
    return line;
  }
}

function faultOf(text: string): string | undefined {
  if (text === '') return 'is empty: what was in it is lost';
  if (!/^[\x21-\x7e]+$/.test(text)) return 'must be one line of printable ASCII characters without spaces';
  if (text.length < SECRET_LENGTH)
    return `must have ${SECRET_LENGTH} characters or more, it has ${text.length}`;
  return undefined;
}

/**
 * A secret that is made once and kept, readable by its owner only. Two callers at the same time must be kept apart by
 * the lock on dataDir. Rejects with STORE_SECRET where the file is damaged, with STORE_EXPOSED where others may read it.
 */
export async function ensureSecretFile(dataDir: string, name: SecretName): Promise<string> {
  const kept = await readSecretFile(dataDir, name);
  requirePrivate(smallFile(dataDir, name));
  if (kept !== undefined) return kept;
  const secret = newSecret();
  await writeSecretFile(dataDir, name, secret);
  return secret;
}

export const newSecret = (): string => randomBytes(SECRET_BYTES).toString('base64url');

export async function writeSecretFile(dataDir: string, name: SecretName, secret: string): Promise<void> {
  makeDataDir(dataDir);
  await replaceDataFile(dataDir, name, `${toLine(secret)}\n`);
}

/**
 * Keeps a secret of the config in dataDir too, for who reads there later and lacks that config or its environment. A
 * damaged file is of no use and is replaced.
 */
export async function keepSecretFile(dataDir: string, name: SecretName, secret: string): Promise<void> {
  const path = smallFile(dataDir, name);
  requirePrivate(path);
  if ((await readSmallFile(path)) !== toLine(secret)) await writeSecretFile(dataDir, name, secret);
}

/** Secrets that hooks at Podio may still be made with, one a line: from when another one holds until no hook is. */
const PREVIOUS = 'previous-secrets';

export async function readPreviousSecrets(dataDir: string): Promise<readonly string[]> {
  const path = smallFile(dataDir, PREVIOUS);
  requirePrivate(path);
  const lines = ((await readSmallFile(path)) ?? '').split('\n');
  return lines.filter(line => line !== '').map(fromLine);
}

/** When the latest of them was replaced, UTC milliseconds; undefined where there is none. */
export const previousSecretsSince = (dataDir: string): number | undefined =>
  statSync(smallFile(dataDir, PREVIOUS), { throwIfNoEntry: false })?.mtimeMs;

/** These and no others; without any there is no file. */
export async function writePreviousSecrets(dataDir: string, secrets: readonly string[]): Promise<void> {
  if (secrets.length === 0) await rm(smallFile(dataDir, PREVIOUS), { force: true });
  else await replaceDataFile(dataDir, PREVIOUS, [...new Set(secrets.map(toLine)), ''].join('\n'));
}

/**
 * Hooks are made with `secret` from now on, and those that are there may be made with the one in the file. In this order:
 * whatever stops it, the secret of every hook is in one of the files, and another try begins where that leaves off. What was in
 * a damaged file nobody can know. Rejects with STORE_EXPOSED where others may read it.
 */
export async function exchangeSecretFile(dataDir: string, secret: string): Promise<void> {
  requirePrivate(smallFile(dataDir, 'secret'));
  const before = await readGoodSecretFile(dataDir);
  if (before === secret) return;
  if (before !== undefined) {
    await writePreviousSecrets(dataDir, [before, ...(await readPreviousSecrets(dataDir))]);
  }
  await writeSecretFile(dataDir, 'secret', secret);
}
