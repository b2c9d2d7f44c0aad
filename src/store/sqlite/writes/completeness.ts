import type { DatabaseSync } from 'node:sqlite';

type Kind = 'delivered' | 'recovered' | 'own';

/** How each app's changes came to be known, counted along. Kept in memory while a transaction runs, written at its end. */
export interface CompletenessWrites {
  count(app: number, kind: Kind): void;
  unprovable(app: number, why: string, count: number, at: number): void;
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
    flush() {
      for (const [app, { delivered, recovered, own }] of counted) add.run(app, delivered, recovered, own);
      counted.clear();
    },
    forget: () => counted.clear(),
  };
}
