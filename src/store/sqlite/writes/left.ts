import type { DatabaseSync } from 'node:sqlite';
import { type GivenUp, verdictsIn } from '../../contract.ts';
import type { Names } from '../names.ts';
import { checkpointOf, outcomeNumber, stepsOf, stepsText } from '../rows.ts';
import type { LaneWrites } from './lanes.ts';
import type { Tallies } from './tallies.ts';

/** What becomes of rules that are not in the config any more. */
export interface LeftWrites {
  leave(present: readonly string[], at: number | undefined): void;
  /** Of a rule of which nothing is parked. Undefined: it has not left. */
  giveUp(rule: string, at: number): GivenUp | undefined;
}

export interface LeftWriteParts {
  readonly rules: Names;
  readonly tallies: Pick<Tallies, 'count'>;
  readonly lanes: Pick<LaneWrites, 'flush' | 'forget'>;
  head(): number;
}

export function makeLeftWrites(
  db: DatabaseSync,
  { rules, tallies, lanes, head }: LeftWriteParts,
): LeftWrites {
  const selectThere = db.prepare('SELECT DISTINCT rule FROM lane WHERE left_at IS NULL');
  const setLeft = db.prepare('UPDATE lane SET left_at = max(?, cursor) WHERE rule = ?');
  const selectLeft = db.prepare('SELECT 1 FROM lane WHERE rule = ? AND left_at IS NOT NULL');
  const selectOpen = db.prepare(
    `SELECT id, seq, replay, (SELECT error FROM tries WHERE run = open_run.id ORDER BY at DESC LIMIT 1) AS error
     FROM open_run WHERE rule = ?`,
  );
  const selectCheckpoints = db.prepare(
    'SELECT step, branch, output, verdict FROM checkpoint WHERE run = ? ORDER BY id',
  );
  const selectGathered = db.prepare('SELECT seq, judged FROM gathered WHERE rule = ?');
  const insertRun = db.prepare(
    `INSERT INTO run (rule, seq, replay, outcome, ended_at, steps, error)
     VALUES (?, ?, ?, ${outcomeNumber('dropped')}, ?, ?, ?) ON CONFLICT DO NOTHING`,
  );
  const countBehind = db.prepare(
    `SELECT count(*) AS n FROM owed JOIN event ON event.seq > owed.cursor AND event.seq <= owed.last
     WHERE owed.rule = ?1 AND NOT EXISTS (SELECT 1 FROM run WHERE run.rule = ?1 AND run.seq = event.seq AND run.replay = 0)`,
  );
  const endings = [
    'DELETE FROM open_run WHERE rule = ?',
    'DELETE FROM start_mark WHERE rule = ?',
    'DELETE FROM gathering WHERE rule = ?',
    'UPDATE replay SET cursor = last WHERE rule = ? AND cursor < last',
    'UPDATE lane SET cursor = left_at, reach = 0 WHERE rule = ?',
  ].map(sql => db.prepare(sql));

  return {
    leave(present, at = head()) {
      lanes.flush();
      const names = new Set(present);
      for (const row of selectThere.all()) {
        const rule = Number(row.rule);
        if (!names.has(rules.textOf(rule))) setLeft.run(at, rule);
      }
    },

    giveUp(name, at) {
      lanes.flush();
      const rule = rules.find(name);
      if (rule === undefined || !selectLeft.get(rule)) return undefined;
      let ended = 0;
      const end = (seq: number, replay: number, steps: string | null, error: string | null): void => {
        if (insertRun.run(rule, seq, replay, at, steps, error).changes === 0) return;
        tallies.count(rule, undefined, 'dropped', at);
        ended += 1;
      };
      const judged = new Map(
        selectGathered.all(rule).map(row => [Number(row.seq), stepsOf(row.judged)] as const),
      );
      for (const row of selectOpen.all(rule)) {
        const [seq, replay] = [Number(row.seq), Number(row.replay)];
        const before = replay === 0 ? (judged.get(seq) ?? []) : [];
        const done = verdictsIn(selectCheckpoints.all(Number(row.id)).map(checkpointOf));
        end(seq, replay, stepsText([...before, ...done]), row.error === null ? null : String(row.error));
      }
      for (const [seq, steps] of judged) end(seq, 0, stepsText(steps), null);
      const passed = Number(countBehind.get(rule)?.n);
      for (const statement of endings) statement.run(rule);
      // What was remembered may be of this one.
      lanes.forget();
      return { ended, passed };
    },
  };
}
