import type { DatabaseSync } from 'node:sqlite';

/** Whether a table has rows at all. Nearly always it has none, and then the end of a run need not look into it. */
export interface Presence {
  /** True also where the last row has gone without a word. */
  any(): boolean;
  added(): void;
  /** Looks again. */
  removed(): void;
}

export function makePresence(
  db: DatabaseSync,
  table: 'deletion' | 'open_run' | 'parked' | 'start_mark' | 'gathering',
): Presence {
  const select = db.prepare(`SELECT 1 FROM ${table} LIMIT 1`);
  const look = (): boolean => select.get() !== undefined;
  let any = look();
  return {
    any: () => any,
    added() {
      any = true;
    },
    removed() {
      any = look();
    },
  };
}
