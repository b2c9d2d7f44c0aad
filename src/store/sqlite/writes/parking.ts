import type { DatabaseSync } from 'node:sqlite';
import type { ParkedSelection } from '../../contract.ts';
import type { Names } from '../names.ts';
import { outcomeNumber, type Row } from '../rows.ts';
import type { GroupWrites } from './groups.ts';
import type { Marks } from './marks.ts';
import type { Tallies } from './tallies.ts';

export interface ParkingWrites {
  retry(selection: ParkedSelection): readonly string[];
  drop(selection: ParkedSelection): readonly string[];
}

export interface ParkingWriteParts {
  readonly rules: Names;
  readonly tallies: Tallies;
  readonly marks: Pick<Marks, 'lift'>;
  readonly groups: Pick<GroupWrites, 'others' | 'end'>;
}

export function makeParkingWrites(db: DatabaseSync, parts: ParkingWriteParts): ParkingWrites {
  const { rules, tallies, marks, groups } = parts;
  const columns = 'id, rule, seq, replay';
  const selectId = db.prepare(`SELECT ${columns} FROM parked WHERE id = ?`);
  const selectRule = db.prepare(`SELECT ${columns} FROM parked WHERE rule = ? ORDER BY id`);
  const selectAll = db.prepare(`SELECT ${columns} FROM parked ORDER BY id`);
  const request = db.prepare('UPDATE parked SET requested = 1 WHERE id = ?');
  const deleteParked = db.prepare('DELETE FROM parked WHERE id = ?');
  const deleteOpen = db.prepare('DELETE FROM open_run WHERE rule = ? AND seq = ? AND replay = ?');
  const dropRun = db.prepare(
    `UPDATE run SET outcome = ? WHERE rule = ? AND seq = ? AND replay = ? AND outcome = ${outcomeNumber('parked')}`,
  );

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
    drop(selection) {
      return select(selection).map(row => {
        const [rule, seq, replay] = [Number(row.rule), Number(row.seq), Number(row.replay)];
        deleteParked.run(Number(row.id));
        deleteOpen.run(rule, seq, replay);
        marks.lift(rule, { seq, replay });
        const seqs = replay === 0 ? [seq, ...groups.others(rule, seq)] : [seq];
        for (const each of seqs) {
          if (dropRun.run(outcomeNumber('dropped'), rule, each, replay).changes === 1) tallies.dropped(rule);
        }
        if (replay === 0) groups.end(rule, seq);
        return String(row.id);
      });
    },
  };
}
