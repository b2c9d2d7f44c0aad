/** What a daemon that was just killed had finished, as its files tell. Read from a copy: the next start finds what the kill has left. */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Lease, Store } from '../../src/store/contract.ts';
import { openStore } from '../../src/store/index.ts';

/** Of one rule. */
export interface Finished {
  /** Every run up to here. */
  readonly cursor: number;
  /** Runs above. */
  readonly runs: ReadonlySet<number>;
  /** Of these what waits to be run together. */
  readonly waiting: ReadonlySet<number>;
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
        const waiting = new Set(await waitingOf(store, lease));
        found.set(rule, { cursor, runs: new Set(done), waiting, steps: new Set(steps) });
      }
      return found;
    } finally {
      await store.close();
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** In groups that nothing more joins from now on, which is no matter in a copy. */
async function waitingOf({ lanes }: Store, lease: Lease): Promise<readonly number[]> {
  await lanes.close(lease, { limit: 1_000_000, unlike: { mode: undefined, timed: true } });
  const groups = await lanes.closed(lease, { after: 0, limit: 1_000_000 });
  const seqs: number[] = [];
  for (const { lead } of groups) {
    const members = await lanes.members(lease, { seq: lead.seq, eventId: lead.id, replay: 0 });
    seqs.push(...members.map(({ event }) => event.seq));
  }
  return seqs;
}
