/** What a daemon that was just killed had finished, as its files tell. Read from a copy: the next start finds what the kill has left. */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../src/store/index.ts';

/** Of one rule. */
export interface Finished {
  /** Every run up to here. */
  readonly cursor: number;
  /** Runs above. */
  readonly runs: ReadonlySet<number>;
  /** Steps of runs that are not finished: `12/first`. */
  readonly steps: ReadonlySet<string>;
}

/** By rule. Undefined when there was no database yet. */
export async function peek(
  dataDir: string,
  rules: readonly string[],
  folder: string,
): Promise<ReadonlyMap<string, Finished> | undefined> {
  if (!existsSync(join(dataDir, 'podiod.db'))) return undefined;
  const copy = mkdtempSync(join(folder, 'peek-'));
  try {
    for (const name of ['podiod.db', 'podiod.db-wal']) {
      if (existsSync(join(dataDir, name))) copyFileSync(join(dataDir, name), join(copy, name));
    }
    const store = await openStore({ dataDir: copy });
    try {
      const found = new Map<string, Finished>();
      for (const rule of rules) {
        const lease = await store.lanes.acquire({ rule, shard: 0, of: 1 }, 'head');
        const { cursor, done, open } = await store.lanes.load(lease);
        const steps = open.flatMap(({ key, checkpoints }) =>
          checkpoints.map(({ step }) => `${key.seq}/${step}`),
        );
        found.set(rule, { cursor, runs: new Set(done), steps: new Set(steps) });
      }
      return found;
    } finally {
      await store.close();
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
