import type { DatabaseSync } from 'node:sqlite';
import type { RunKey } from '../../contract.ts';
import { makePresence } from './presence.ts';

/** Start marks of runs that may be what ends the process. */
export interface Marks {
  set(rule: number, run: RunKey, epoch: number, alone: boolean): void;
  /** The run's try has ended, so it is innocent. */
  lift(rule: number, run: Pick<RunKey, 'seq' | 'replay'>): void;
  /** The lane's owner ended with what is marked under `epoch` in hand. */
  takenOver(rule: number, epoch: number): void;
  /** The lane's owner ends cleanly. Whoever was suspected before still is. */
  release(rule: number, epoch: number): void;
  /** Whoever has marked anything has ended cleanly. */
  endedCleanly(): void;
  /** After a rollback. */
  forget(): void;
}

export function makeMarks(db: DatabaseSync): Marks {
  const put = db.prepare(
    `INSERT INTO start_mark (rule, seq, replay, epoch, alone, ends) VALUES (?, ?, ?, ?, ?, 0)
     ON CONFLICT (rule, seq, replay) DO UPDATE SET epoch = excluded.epoch, alone = excluded.alone`,
  );
  const remove = db.prepare('DELETE FROM start_mark WHERE rule = ? AND seq = ? AND replay = ?');
  const count = db.prepare(
    'UPDATE start_mark SET ends = ends + alone, epoch = 0, alone = 0 WHERE rule = ? AND epoch = ?',
  );
  // Of a run that was dropped before it was marked: it has ended, and nobody will try it again.
  const removeEnded = db.prepare(
    `DELETE FROM start_mark WHERE rule = ?
       AND EXISTS (SELECT 1 FROM run WHERE run.rule = start_mark.rule AND run.seq = start_mark.seq AND run.replay = start_mark.replay)
       AND NOT EXISTS (SELECT 1 FROM parked WHERE parked.rule = start_mark.rule AND parked.seq = start_mark.seq AND parked.replay = start_mark.replay)`,
  );
  const removeFresh = db.prepare('DELETE FROM start_mark WHERE rule = ? AND epoch = ? AND ends = 0');
  const rest = db.prepare('UPDATE start_mark SET epoch = 0, alone = 0 WHERE rule = ? AND epoch = ?');
  const removeAllFresh = db.prepare('DELETE FROM start_mark WHERE epoch > 0 AND ends = 0');
  const restAll = db.prepare('UPDATE start_mark SET epoch = 0, alone = 0 WHERE epoch > 0');
  const present = makePresence(db, 'start_mark');

  return {
    set(rule, { seq, replay }, epoch, alone) {
      put.run(rule, seq, replay, epoch, alone ? 1 : 0);
      present.added();
    },
    lift(rule, { seq, replay }) {
      if (!present.any()) return;
      remove.run(rule, seq, replay);
      present.removed();
    },
    takenOver(rule, epoch) {
      count.run(rule, epoch);
      removeEnded.run(rule);
      present.removed();
    },
    release(rule, epoch) {
      removeFresh.run(rule, epoch);
      rest.run(rule, epoch);
      present.removed();
    },
    endedCleanly() {
      removeAllFresh.run();
      restAll.run();
      present.removed();
    },
    forget: present.removed,
  };
}
