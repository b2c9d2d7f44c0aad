import type { DatabaseSync } from 'node:sqlite';
import type { Candidate, HeldEvent, Mark } from '../../../core/decide.ts';
import { candidateOf } from '../../candidate.ts';
import type { NewRow } from './journal.ts';

/** What is held, by item. There is little of it at any time, so all of it is kept at hand: most appends need not ask. */
export interface HeldWrites {
  /** Of the items that these are about. */
  of(batch: readonly (Candidate | Mark)[]): ReadonlyMap<number, readonly HeldEvent[]>;
  ofItem(item: number): readonly HeldEvent[];
  add(item: number, row: NewRow): void;
  /** Removes it and answers what was held. */
  take(key: number): NewRow;
  /** After a rollback. */
  forget(): void;
}

const NOTHING: ReadonlyMap<number, readonly HeldEvent[]> = new Map();

export function makeHeldWrites(db: DatabaseSync): HeldWrites {
  const selectAll = db.prepare('SELECT key, item, event FROM held ORDER BY key');
  const insert = db.prepare('INSERT INTO held (item, event, at) VALUES (?, ?, ?)');
  const remove = db.prepare('DELETE FROM held WHERE key = ?');
  const rows = new Map<number, NewRow>();
  const byItem = new Map<number, HeldEvent[]>();

  const keep = (item: number, key: number, row: NewRow): void => {
    rows.set(key, row);
    const candidate: Candidate = candidateOf(row);
    const queue = byItem.get(item);
    if (queue) queue.push({ ...candidate, key });
    else byItem.set(item, [{ ...candidate, key }]);
  };

  const load = (): void => {
    rows.clear();
    byItem.clear();
    for (const { key, item, event } of selectAll.all()) {
      keep(Number(item), Number(key), JSON.parse(String(event)) as NewRow);
    }
  };
  load();

  return {
    of(batch) {
      if (byItem.size === 0) return NOTHING;
      const found = new Map<number, readonly HeldEvent[]>();
      for (const { item } of batch) {
        const queue = item === undefined ? undefined : byItem.get(item);
        if (item !== undefined && queue) found.set(item, queue);
      }
      return found;
    },
    ofItem: item => byItem.get(item) ?? [],
    add(item, row) {
      const key = Number(insert.run(item, JSON.stringify(row), row.receivedAt).lastInsertRowid);
      keep(item, key, row);
    },
    take(key) {
      const row = rows.get(key);
      const item = row?.itemId;
      if (!row || item === undefined) throw new Error(`nothing is held under ${key}`);
      remove.run(key);
      rows.delete(key);
      const left = (byItem.get(item) ?? []).filter(other => other.key !== key);
      if (left.length > 0) byItem.set(item, left);
      else byItem.delete(item);
      return row;
    },
    forget: load,
  };
}
