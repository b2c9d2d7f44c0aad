import type { DatabaseSync } from 'node:sqlite';
import type { OwnChange } from '../../../core/own.ts';

export interface OwnWrites {
  addOwn(change: OwnChange, at: number): void;
}

export function makeOwnWrites(db: DatabaseSync): OwnWrites {
  const insert = db.prepare(
    'INSERT INTO own (id, item, depth, rule, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  return {
    addOwn({ id, itemId, depth, rule }, at) {
      insert.run(id, itemId ?? null, depth, rule, at);
    },
  };
}
