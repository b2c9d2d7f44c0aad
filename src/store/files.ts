/** Small files in dataDir that must be whole at any time, whatever happens to the process or the machine. */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { coerceError, StoreError } from '../core/errors.ts';

/** Bytes of randomness in a secret that podiod makes. */
const SECRET_BYTES = 32;

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

/** The content without its final newline; undefined where there is no file or nothing in it. */
export async function readSmallFile(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).replace(/\r?\n$/, '') || undefined;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    const cause = coerceError(thrown);
    throw new StoreError('STORE_UNAVAILABLE', `${path} can't be read: ${cause.message}`, { cause });
  }
}

/**
 * A secret that is made once and kept, readable by its owner only. Two callers at the same time must be kept apart by
 * the lock on dataDir.
 */
export async function ensureSecretFile(dataDir: string, name: 'secret' | 'admin-token'): Promise<string> {
  const path = join(dataDir, name);
  const kept = await readSmallFile(path);
  if (kept !== undefined) {
    // It may have been put there by hand, or come back from a backup.
    await chmod(path, 0o600);
    return kept;
  }
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  await replaceFile(path, `${secret}\n`, 0o600);
  return secret;
}
