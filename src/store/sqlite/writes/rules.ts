import type { DatabaseSync } from 'node:sqlite';
import type { Renamed } from '../../contract.ts';
import type { Names } from '../names.ts';

export function makeRuleWrites(db: DatabaseSync, names: Names) {
  const hasLane = db.prepare('SELECT 1 FROM lane WHERE rule = ? LIMIT 1');
  // Asked for by an operator, before the rule was ever loaded.
  const removeWishes = ['replay', 'retry_all'].map(table =>
    db.prepare(`DELETE FROM ${table} WHERE rule = ?`),
  );
  const remove = db.prepare('DELETE FROM rule WHERE id = ?');
  const rename = db.prepare('UPDATE rule SET text = ? WHERE id = ?');
  const renamePause = db.prepare(`UPDATE OR REPLACE pause SET name = ? WHERE kind = 'rule' AND name = ?`);

  return {
    /** Everything else that is kept of a rule goes by its number or its key, and so stays as it is. */
    rename(from: string, to: string): Renamed {
      const id = names.find(from);
      if (id === undefined || from === to) return 'unknown';
      const other = names.find(to);
      if (other !== undefined) {
        if (hasLane.get(other)) return 'taken';
        for (const statement of removeWishes) statement.run(other);
        remove.run(other);
      }
      rename.run(to, id);
      renamePause.run(to, from);
      names.forget();
      return 'renamed';
    },
  };
}
