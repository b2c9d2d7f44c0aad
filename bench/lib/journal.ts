import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** Fills a new journal with so many events, each of another item (from `first` on), through the checkout's own store. */
export async function fillJournal(
  checkout: string,
  dataDir: string,
  events: number,
  first = 0,
): Promise<void> {
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, '../load/fill.ts'), checkout, dataDir, String(events), String(first)],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`the journal could not be filled:\n${stderr}`);
}
