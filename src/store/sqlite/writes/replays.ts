import type { DatabaseSync } from 'node:sqlite';
import type { SeqRange } from '../../contract.ts';
import type { Names } from '../names.ts';

export interface ReplayWrites {
  replay(rule: string, range: SeqRange, at: number): string;
  /** `rule` is that of a lease that is good. */
  replayed(rule: number, id: string, cursor: number): void;
}

export function makeReplayWrites(db: DatabaseSync, rules: Names): ReplayWrites {
  const insert = db.prepare(
    'INSERT INTO replay (rule, first, last, cursor, asked_at) VALUES (?, ?, ?, ?, ?)',
  );
  const move = db.prepare('UPDATE replay SET cursor = ?3 WHERE id = ?1 AND rule = ?2 AND cursor < ?3');
  return {
    replay: (rule, { from, to }, at) =>
      String(insert.run(rules.idOf(rule), from, to, from - 1, at).lastInsertRowid),
    replayed(rule, id, cursor) {
      move.run(Number(id), rule, cursor);
    },
  };
}
