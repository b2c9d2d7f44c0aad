/**
 * `run.json` in dataDir: where the running daemon is to be found. Stale after kill -9, so a hint and no more. That it is gone says that
 * whoever wrote it has ended in good order: a file can be removed where a full disk takes no write.
 */
import { rm, stat } from 'node:fs/promises';
import { z } from 'zod';
import { smallFile } from '../store/data-files.ts';
import { readSmallFile, replaceDataFile } from '../store/files.ts';

const address = z.object({ host: z.string(), port: z.int().min(1).max(65_535) });

const runFile = z.object({
  pid: z.int(),
  version: z.string(),
  /** ISO 8601, UTC. */
  startedAt: z.string(),
  ingress: address,
  admin: address,
});

export type RunFile = z.output<typeof runFile>;

const pathIn = (dataDir: string): string => smallFile(dataDir, 'run.json');

export const writeRunFile = (dataDir: string, run: RunFile): Promise<void> =>
  replaceDataFile(dataDir, 'run.json', `${JSON.stringify(run)}\n`);

/**
 * Whether the last daemon here has been killed, or runs: who ends in good order takes the file away. What can't be looked at may be
 * there.
 */
export const hasRunFile = (dataDir: string): Promise<boolean> =>
  stat(pathIn(dataDir)).then(
    () => true,
    error => (error as NodeJS.ErrnoException).code !== 'ENOENT',
  );

/** Undefined where there is none, or none that can be understood. */
export async function readRunFile(dataDir: string): Promise<RunFile | undefined> {
  const text = await readSmallFile(pathIn(dataDir));
  try {
    return runFile.parse(JSON.parse(text ?? ''));
  } catch {
    return undefined;
  }
}

export const removeRunFile = (dataDir: string): Promise<void> => rm(pathIn(dataDir), { force: true });

/** For one that may not have come to write it: what stands there may tell of one before, which was killed. */
export async function removeOwnRunFile(dataDir: string): Promise<void> {
  if ((await readRunFile(dataDir))?.pid === process.pid) await removeRunFile(dataDir);
}
