import type { DatabaseSync } from 'node:sqlite';
import type { TimerCount } from '../../contract.ts';

/** `due` in UTC milliseconds, null: never; `value` is JSON. */
export interface TimerRow {
  readonly rule: string;
  readonly key: string;
  readonly due: number | null;
  readonly stamp: number;
  readonly value: string;
}

export interface TimerReads {
  dueTimers(rules: readonly string[], now: number, limit: number): readonly TimerRow[];
  nextTimer(rules: readonly string[]): number | null;
  timers(rule: string, keys: readonly string[]): readonly TimerRow[];
  timerCounts(now: number): ReadonlyMap<string, TimerCount>;
  timerRules(): readonly string[];
}

type Columns = Record<string, unknown>;

const rowOf = ({ rule, key, due, stamp, value }: Columns): TimerRow => ({
  rule: String(rule),
  key: String(key),
  due: due === null ? null : Number(due),
  stamp: Number(stamp),
  value: String(value),
});

export function makeTimerReads(db: DatabaseSync): TimerReads {
  const IN = (parameter: string) => `IN (SELECT value FROM json_each(${parameter}))`;
  // By when they are due and not by rule: then nothing has to be sorted.
  const selectDue = db.prepare(
    `SELECT * FROM timer WHERE due <= ?2 AND +rule ${IN('?1')} ORDER BY due, stamp LIMIT ?3`,
  );
  // One look into the index for each rule.
  const selectNext = db.prepare('SELECT min(due) AS due FROM timer WHERE rule = ?');
  const select = db.prepare(`SELECT * FROM timer WHERE rule = ?1 AND key ${IN('?2')}`);
  const selectCounts = db.prepare(
    'SELECT rule, count(*) AS n, min(due) AS due FROM timer WHERE due IS NOT NULL GROUP BY rule',
  );
  const selectRules = db.prepare('SELECT DISTINCT rule FROM timer ORDER BY rule');

  return {
    dueTimers: (rules, now, limit) => selectDue.all(JSON.stringify(rules), now, limit).map(rowOf),
    nextTimer(rules) {
      const dues = rules.flatMap(rule => {
        const due = selectNext.get(rule)?.due;
        return due === null || due === undefined ? [] : [Number(due)];
      });
      return dues.length === 0 ? null : Math.min(...dues);
    },
    timers: (rule, keys) => select.all(rule, JSON.stringify(keys)).map(rowOf),
    timerCounts: now =>
      new Map(
        selectCounts
          .all()
          .map(({ rule, n, due }) => [String(rule), { count: Number(n), nextMs: Number(due) - now }]),
      ),
    timerRules: () => selectRules.all().map(({ rule }) => String(rule)),
  };
}
