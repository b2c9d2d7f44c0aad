/** `run.json` in dataDir: where the running daemon is to be found. Stale after kill -9, so nothing more than a hint. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readSmallFile, replaceFile } from '../store/files.ts';

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

const pathIn = (dataDir: string): string => join(dataDir, 'run.json');

export const writeRunFile = (dataDir: string, run: RunFile): Promise<void> =>
  replaceFile(pathIn(dataDir), `${JSON.stringify(run)}\n`, 0o644);

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
