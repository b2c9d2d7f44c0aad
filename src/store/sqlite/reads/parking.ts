import type { DatabaseSync } from 'node:sqlite';
import type { ParkedRun } from '../../../core/run.ts';
import { DEFAULT_LIMIT } from '../../contract.ts';
import { type Names, NO_NAME } from '../names.ts';
import { eventOf, iso, type Row } from '../rows.ts';

export interface ParkingReads {
  parked(query: { rule?: string; limit?: number; after?: string }): readonly ParkedRun[];
  parkedCounts(): ReadonlyMap<string, number>;
}

export function makeParkingReads(db: DatabaseSync, names: Names, ruleNames: Names): ParkingReads {
  const select = (where: string) =>
    db.prepare(
      `SELECT event.*, parked.id AS parked_id, parked.rule, parked.step, parked.branch, parked.attempts, parked.error, parked.parked_at,
         (SELECT count FROM gathering WHERE gathering.rule = parked.rule AND gathering.last = parked.seq AND place IS NOT NULL AND parked.replay = 0 AND mode <> 'latest') AS events
       FROM parked CROSS JOIN event ON event.seq = parked.seq WHERE ${where} ORDER BY parked.id LIMIT ?`,
    );
  const selectAll = select('parked.id > ?');
  const selectRule = select('parked.rule = ? AND parked.id > ?');
  const selectCounts = db.prepare('SELECT rule, count(*) AS n FROM parked GROUP BY rule');

  const parkedRun = (row: Row): ParkedRun => ({
    id: String(row.parked_id),
    rule: ruleNames.textOf(Number(row.rule)),
    seq: Number(row.seq),
    event: eventOf(row, names),
    ...(Number(row.events ?? 1) > 1 && { events: Number(row.events) }),
    step: String(row.step),
    ...(row.branch !== '' && { branch: String(row.branch) }),
    attempts: Number(row.attempts),
    error: String(row.error),
    parkedAt: iso(row.parked_at),
  });

  return {
    parked({ rule, limit = DEFAULT_LIMIT, after = '0' }) {
      const rows =
        rule === undefined
          ? selectAll.all(Number(after), limit)
          : selectRule.all(ruleNames.find(rule) ?? NO_NAME, Number(after), limit);
      return rows.map(parkedRun);
    },
    parkedCounts: () =>
      new Map(selectCounts.all().map(row => [ruleNames.textOf(Number(row.rule)), Number(row.n)] as const)),
  };
}
