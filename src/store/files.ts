/** Small files in dataDir that must be whole at any time, whatever happens to the process or the machine. */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { coerceError, StoreError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';

/** Bytes of randomness in a secret that podiod makes. */
const SECRET_BYTES = 32;

/**
 * Makes dataDir for the owner only, and what is missing above it; one that is there stays as its owner made it. Not
 * mkdir's `recursive`: under /proc, where nothing can be made, Node then tries without end.
 */
export function makeDataDir(dataDir: string): void {
  const parent = dirname(dataDir);
  if (!existsSync(parent)) makeDataDir(parent);
  try {
    mkdirSync(dataDir, 0o700);
  } catch (error) {
    if (!isFolder(dataDir)) throw error;
  }
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/**
 * Closes what others could read or write to all but its owner, and warns: who has looked can't be told any more. By path:
 * closing a descriptor would drop the process's locks on the file. Windows has no such modes.
 */
export function closeToOthers(path: string, log: Log): void {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0;
  if (process.platform === 'win32' || (mode & 0o077) === 0) return;
  const was = (mode & 0o777).toString(8).padStart(4, '0');
  try {
    chmodSync(path, 0o600);
    log.warn('a file was open to other users; its mode is 0600 again', { file: path, was });
  } catch (error) {
    log.warn('a file is open to other users; set its mode to 0600', {
      file: path,
      was,
      error: coerceError(error),
    });
  }
}

/** Puts `text` in place of the file's content, or makes the file. Readers see the old or the new content, never half. */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncDir(dirname(path));
  } catch (thrown) {
    await rm(temporary, { force: true });
    const cause = coerceError(thrown);
    throw new StoreError('STORE_WRITE_FAILED', `${path} can't be written: ${cause.message}`, { cause });
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
    throw new StoreError('STORE_UNAVAILABLE', `${path} can't be read: ${cause.message}`, { cause });
  }
}

/** What podiod makes once and keeps in dataDir: what keys the hooks' URLs, and the admin API's token. */
type SecretName = 'secret' | 'admin-token';

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
  const path = join(dataDir, name);
  const text = await readSmallFile(path);
  const fault = text === undefined ? undefined : faultOf(text);
  if (fault === undefined) return text;
  throw new StoreError('STORE_SECRET', `${path} ${fault}`, { hint: SECRET_HINTS[name], retry: 'never' });
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
 * the lock on dataDir. Rejects with STORE_SECRET where the file is damaged.
 */
export async function ensureSecretFile(dataDir: string, name: SecretName, log: Log): Promise<string> {
  const path = join(dataDir, name);
  const kept = await readSecretFile(dataDir, name);
  if (kept !== undefined) {
    // It may have been put there by hand, or come back from a backup.
    closeToOthers(path, log);
    return kept;
  }
  makeDataDir(dataDir);
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  await replaceFile(path, `${secret}\n`, 0o600);
  return secret;
}

/** Keeps a secret of the config's own in dataDir too, for who may read there but lacks the config's environment. */
export async function keepSecretFile(dataDir: string, name: SecretName, secret: string): Promise<void> {
  const path = join(dataDir, name);
  if ((await readSmallFile(path)) !== secret) await replaceFile(path, `${secret}\n`, 0o600);
}
