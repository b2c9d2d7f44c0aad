import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { coerceError, PodiodError } from '../core/errors.ts';
import type { Unit } from './unit.ts';

export interface InstallOptions {
  readonly dir: string;
  /** Also over units that say something else. */
  readonly force: boolean;
  /** Whose folder `dir` is, of this machine's managers: it must run, and reads the units then. */
  readonly manager?: 'system' | 'user';
}

/** What became of each unit. */
export interface Installed {
  readonly path: string;
  /** False: it was there as it is. */
  readonly isNew: boolean;
}

const SYSTEMD = '/run/systemd/system';

/** Writes all or none. Rejects with SERVICE_INSTALL. */
export async function installUnits(
  units: readonly Unit[],
  { dir, force, manager }: InstallOptions,
): Promise<readonly Installed[]> {
  if (manager !== undefined && !existsSync(SYSTEMD)) {
    throw refusal(
      'this machine was not started by systemd',
      'podiod service print shows the units; --dir writes them elsewhere.',
    );
  }
  const hint = manager === 'user' ? 'Look at whose it is.' : 'Run it as root: sudo podiod service install';
  const wanted = await Promise.all(
    units.map(async ({ name, text }) => {
      const path = join(dir, name);
      return { path, text, is: await contentOf(path, hint) };
    }),
  );
  const other = wanted.find(({ is, text }) => is !== undefined && is !== text);
  if (other && !force) {
    throw refusal(
      `${other.path} is there and says something else`,
      'Put your changes into a drop-in (systemctl edit), then say --force; podiod service print shows what would be written.',
    );
  }
  for (const { path, text, is } of wanted) {
    if (is === text) continue;
    try {
      await makeFolder(dir);
      await writeFile(path, text);
    } catch (thrown) {
      const cause = coerceError(thrown);
      throw refusal(`${path} can't be written: ${cause.message}`, hint, cause);
    }
  }
  if (manager !== undefined) await reloadSystemd(manager);
  return wanted.map(({ path, text, is }) => ({ path, isNew: is !== text }));
}

/** Not mkdir's `recursive`: under /proc, where nothing can be made, Node then tries without end. */
async function makeFolder(path: string): Promise<void> {
  if (existsSync(path)) return;
  await makeFolder(dirname(path));
  await mkdir(path);
}

async function contentOf(path: string, hint: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    const cause = coerceError(thrown);
    throw refusal(`${path} can't be read: ${cause.message}`, hint, cause);
  }
}

async function reloadSystemd(manager: 'system' | 'user'): Promise<void> {
  const command = [...(manager === 'user' ? ['--user'] : []), 'daemon-reload'];
  try {
    await promisify(execFile)('systemctl', command);
  } catch (thrown) {
    const cause = coerceError(thrown);
    throw refusal(
      `systemd did not read the units: ${cause.message}`,
      `They are written. Run: systemctl ${command.join(' ')}`,
      cause,
    );
  }
}

const refusal = (message: string, hint: string, cause?: unknown): PodiodError =>
  new PodiodError('SERVICE_INSTALL', message, { hint, retry: 'never', cause });
