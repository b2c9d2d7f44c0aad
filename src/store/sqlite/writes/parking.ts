import type { DatabaseSync } from 'node:sqlite';
import type { StepVerdict } from '../../../core/run.ts';
import type { Dropped, ParkedSelection } from '../../contract.ts';
import type { Names } from '../names.ts';
import { outcomeNumber, outputText, type Row } from '../rows.ts';
import type { GroupWrites } from './groups.ts';
import type { LeftWrites } from './left.ts';
import type { Marks } from './marks.ts';
import type { Tallies } from './tallies.ts';

export interface ParkingWrites {
  retry(selection: ParkedSelection): readonly string[];
  drop(selection: ParkedSelection, at: number): Dropped;
}

export interface ParkingWriteParts {
  readonly rules: Names;
  readonly tallies: Tallies;
  readonly marks: Pick<Marks, 'lift'>;
  readonly groups: Pick<GroupWrites, 'others' | 'end'>;
  readonly left: Pick<LeftWrites, 'giveUp'>;
}

export function makeParkingWrites(db: DatabaseSync, parts: ParkingWriteParts): ParkingWrites {
  const { rules, tallies, marks, groups, left } = parts;
  const columns = 'id, rule, seq, replay, step, branch, attempts, error';
  const selectId = db.prepare(`SELECT ${columns} FROM parked WHERE id = ?`);
  const selectRule = db.prepare(`SELECT ${columns} FROM parked WHERE rule = ? ORDER BY id`);
  const selectAll = db.prepare(`SELECT ${columns} FROM parked ORDER BY id`);
  const request = db.prepare('UPDATE parked SET requested = 1 WHERE id = ?');
  const deleteParked = db.prepare('DELETE FROM parked WHERE id = ?');
  const deleteOpen = db.prepare('DELETE FROM open_run WHERE rule = ? AND seq = ? AND replay = ?');
  const dropRun = db.prepare(
    `UPDATE run SET outcome = ? WHERE rule = ? AND seq = ? AND replay = ? AND outcome = ${outcomeNumber('parked')}`,
  );

  const countRest = db.prepare('SELECT count(*) AS n FROM parked WHERE rule = ? AND seq = ? AND replay = ?');
  const selectRun = db.prepare('SELECT 1 FROM run WHERE rule = ? AND seq = ? AND replay = ?');
  const insertCheckpoint = db.prepare(
    `INSERT INTO checkpoint (run, step, branch, output, verdict)
     SELECT id, ?, ?, ?, ? FROM open_run WHERE rule = ? AND seq = ? AND replay = ?
     ON CONFLICT (run, step, branch) DO NOTHING`,
  );
  /** A branch that goes no further, for the others of its run, which do. */
  const endBranch = (key: readonly [rule: number, seq: number, replay: number], row: Row): void => {
    const [step, branch] = [String(row.step), String(row.branch)];
    const verdict: StepVerdict = {
      step,
      branch,
      outcome: 'failed',
      attempts: Number(row.attempts),
      ms: 0,
      error: String(row.error),
    };
    insertCheckpoint.run(step, branch, outputText([], undefined), JSON.stringify(verdict), ...key);
  };

  const countRule = db.prepare(
    'INSERT INTO retry_all (rule, times) VALUES (?, 1) ON CONFLICT (rule) DO UPDATE SET times = times + 1',
  );
  const countAll = db.prepare(
    `INSERT INTO retry_all (rule, times) SELECT DISTINCT rule, 1 FROM lane WHERE true
     ON CONFLICT (rule) DO UPDATE SET times = times + 1`,
  );
  const select = (selection: ParkedSelection): readonly Row[] => {
    if ('all' in selection) return selectAll.all();
    if ('rule' in selection) {
      const rule = rules.find(selection.rule);
      return rule === undefined ? [] : selectRule.all(rule);
    }
    const ids = new Set(selection.ids.filter(id => /^[1-9]\d{0,15}$/.test(id)).map(Number));
    return [...ids].sort((a, b) => a - b).flatMap(id => selectId.all(id));
  };

  return {
    retry(selection) {
      if ('all' in selection) countAll.run();
      else if ('rule' in selection) countRule.run(rules.idOf(selection.rule));
      return select(selection).map(({ id }) => {
        request.run(Number(id));
        return String(id);
      });
    },
    drop(selection, at) {
      const runs = new Map<string, number>();
      const ids = select(selection).map(row => {
        const [rule, seq, replay] = [Number(row.rule), Number(row.seq), Number(row.replay)];
        deleteParked.run(Number(row.id));
        const isLast = Number(countRest.get(rule, seq, replay)?.n) === 0;
        const hasEnded = selectRun.get(rule, seq, replay) !== undefined;
        marks.lift(rule, { seq, replay });
        if (row.branch !== '' && !(isLast && hasEnded)) endBranch([rule, seq, replay], row);
        if (!isLast || !hasEnded) return String(row.id);
        deleteOpen.run(rule, seq, replay);
        const seqs = replay === 0 ? [seq, ...groups.others(rule, seq)] : [seq];
        for (const each of seqs) {
          if (dropRun.run(outcomeNumber('dropped'), rule, each, replay).changes === 0) continue;
          tallies.dropped(rule);
          const name = rules.textOf(rule);
          runs.set(name, (runs.get(name) ?? 0) + 1);
        }
        if (replay === 0) groups.end(rule, seq);
        return String(row.id);
      });
      if (!('rule' in selection)) return { ids, runs };
      const { rule } = selection;
      const given = left.giveUp(rule, at);
      if (given && given.ended > 0) runs.set(rule, (runs.get(rule) ?? 0) + given.ended);
      return { ids, runs, ...(given && { left: given }) };
    },
  };
}
