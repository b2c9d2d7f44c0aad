import type { DatabaseSync } from 'node:sqlite';
import type { Pausable, Paused } from '../../contract.ts';

export interface PauseReads {
  pauses(): readonly Paused[];
}

export function makePauseReads(db: DatabaseSync): PauseReads {
  const select = db.prepare('SELECT kind, name, since FROM pause ORDER BY kind, name');
  return {
    pauses: () =>
      select.all().map(({ kind, name, since }) => ({
        kind: kind as Pausable['kind'],
        name: String(name),
        since: Number(since),
      })),
  };
}

/** Since when something is paused; undefined: it is not. */
export type PausedSince = (kind: Pausable['kind'], name: string) => number | undefined;

export function makePausedSince(db: DatabaseSync): PausedSince {
  const select = db.prepare('SELECT since FROM pause WHERE kind = ? AND name = ?');
  return (kind, name) => {
    const row = select.get(kind, name);
    return row && Number(row.since);
  };
}
