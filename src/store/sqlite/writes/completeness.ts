import type { DatabaseSync } from 'node:sqlite';
import { makePresence } from './presence.ts';

type Kind = 'delivered' | 'recovered' | 'own';

/** How each app's changes came to be known, counted along. Kept in memory while a transaction runs, written at its end. */
export interface CompletenessWrites {
  count(app: number, kind: Kind): void;
  unprovable(app: number, why: string, count: number, at: number): void;
  /** The item is gone. @param type of the events that tell of deletions */
  deleted(item: number, app: number, type: number, at: number): void;
  /** A delivery tells of it. */
  deletionTold(item: number): void;
  /** Writes what was counted; the last thing before the commit. */
  flush(): void;
  /** After a rollback. */
  forget(): void;
}

export function makeCompletenessWrites(db: DatabaseSync): CompletenessWrites {
  const add = db.prepare(
    `INSERT INTO completeness (app, delivered, recovered, own) VALUES (?, ?, ?, ?)
     ON CONFLICT (app) DO UPDATE SET
       delivered = delivered + excluded.delivered, recovered = recovered + excluded.recovered, own = own + excluded.own`,
  );
  const addUnprovable = db.prepare(
    `INSERT INTO unprovable (app, why, count, last_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (app, why) DO UPDATE SET count = count + excluded.count, last_at = excluded.last_at`,
  );
  const addDeletion = db.prepare(
    `INSERT INTO deletion (item, app, at) SELECT ?, ?, ?
     WHERE NOT EXISTS (SELECT 1 FROM event WHERE item = ? AND type = ?) ON CONFLICT DO NOTHING`,
  );
  const removeDeletion = db.prepare('DELETE FROM deletion WHERE item = ?');
  const deletions = makePresence(db, 'deletion');
  const counted = new Map<number, Record<Kind, number>>();

  return {
    count(app, kind) {
      let counts = counted.get(app);
      if (!counts) {
        counts = { delivered: 0, recovered: 0, own: 0 };
        counted.set(app, counts);
      }
      counts[kind] += 1;
    },
    unprovable(app, why, count, at) {
      addUnprovable.run(app, why, count, at);
    },
    deleted(item, app, type, at) {
      addDeletion.run(item, app, at, item, type);
      deletions.added();
    },
    deletionTold(item) {
      if (!deletions.any()) return;
      removeDeletion.run(item);
      deletions.removed();
    },
    flush() {
      for (const [app, { delivered, recovered, own }] of counted) add.run(app, delivered, recovered, own);
      counted.clear();
    },
    forget() {
      counted.clear();
      deletions.removed();
    },
  };
}
