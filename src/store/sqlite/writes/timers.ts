import type { DatabaseSync } from 'node:sqlite';
import { SETTING_MS } from '../../time.ts';
import type { TimerRow } from '../reads/timers.ts';

export interface TimerWrites {
  setTimers(rows: readonly Omit<TimerRow, 'stamp'>[]): void;
  clearTimers(rows: readonly Pick<TimerRow, 'rule' | 'key' | 'stamp'>[]): void;
  bringBackTimers(rule: string, keys: string, withinMs: number, now: number): void;
  dropTimers(rule: string): void;
}

export function makeTimerWrites(db: DatabaseSync): TimerWrites {
  const upsert = db.prepare(
    'INSERT OR REPLACE INTO timer (rule, key, due, stamp, value) VALUES (?, ?, ?, ?, ?)',
  );
  const remove = db.prepare('DELETE FROM timer WHERE rule = ? AND key = ? AND stamp = ?');
  const bringBack = db.prepare(
    `UPDATE timer SET due = ?4 WHERE rule = ?1 AND due > ?4 + ?3 AND substr(key, 1, length(?2)) = ?2
       AND abs(due - coalesce(json_extract(value, '$.due'), 0)) > ${SETTING_MS}`,
  );
  const drop = db.prepare('DELETE FROM timer WHERE rule = ?');
  const highest = db.prepare('SELECT coalesce(max(stamp), 0) AS stamp FROM timer');
  let stamp: number | undefined;

  return {
    setTimers(rows) {
      for (const { rule, key, due, value } of rows) {
        // Never the same twice within one opening, whatever is taken away or rolled back.
        stamp = (stamp ?? Number(highest.get()?.stamp)) + 1;
        upsert.run(rule, key, due, stamp, value);
      }
    },
    clearTimers(rows) {
      for (const row of rows) remove.run(row.rule, row.key, row.stamp);
    },
    bringBackTimers: (rule, keys, withinMs, now) => void bringBack.run(rule, keys, withinMs, now),
    dropTimers: rule => void drop.run(rule),
  };
}
