import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { DEFAULT_LIMIT, type EventQuery, type EventWithRuns, type ReadResult } from '../../contract.ts';
import { type Names, NO_NAME } from '../names.ts';
import { entryOf, eventOf, isShadow, outcomeOf, type Row, stepsOf } from '../rows.ts';
import { firstSince } from './since.ts';

export interface JournalReads {
  read(after: number, limit: number): ReadResult;
  readItem(itemId: number, after: number, limit: number): ReadResult;
  list(query: EventQuery): readonly EventWithRuns[];
}

export function makeJournalReads(db: DatabaseSync, names: Names, ruleNames: Names): JournalReads {
  const selectAfter = db.prepare('SELECT * FROM event WHERE seq > ? ORDER BY seq LIMIT ?');
  const selectOfItem = db.prepare('SELECT * FROM event WHERE item = ? AND seq > ? ORDER BY seq LIMIT ?');
  const selectRules = db.prepare('SELECT rule FROM lane GROUP BY rule');
  const selectRuns = db.prepare(
    'SELECT replay, outcome, steps, error FROM run WHERE rule = ? AND seq = ? ORDER BY replay',
  );
  const listings = new Map<string, StatementSync>();

  const result = (rows: readonly Row[], after: number): ReadResult => {
    const entries = rows.map(row => entryOf(row, names));
    return { entries, upTo: entries.at(-1)?.event.seq ?? after };
  };

  const runsOf = (seq: number, rules: readonly { id: number; name: string }[]): EventWithRuns['runs'] =>
    rules.flatMap(({ id, name }) =>
      selectRuns.all(id, seq).map(run => ({
        rule: name,
        ...(Number(run.replay) > 0 && { replay: Number(run.replay) }),
        outcome: outcomeOf(run.outcome),
        steps: stepsOf(run.steps),
        ...(run.error === null ? {} : { error: String(run.error) }),
        ...(isShadow(run.steps) ? { shadow: true } : {}),
      })),
    );

  const seqAt = firstSince(db);

  /** One statement for each set of conditions. Every one walks an index in the order of seq and stops at the limit. */
  const listing = (conditions: readonly string[], byRule: boolean, newestFirst: boolean): StatementSync => {
    const key = [...conditions, byRule, newestFirst].join();
    const found = listings.get(key);
    if (found) return found;
    // CROSS JOIN keeps SQLite from turning the loops around.
    const made = db.prepare(
      `SELECT event.* FROM ${byRule ? 'run CROSS JOIN event USING (seq)' : 'event'}
       WHERE ${conditions.join(' AND ')}
       ORDER BY ${byRule ? 'run' : 'event'}.seq ${newestFirst ? 'DESC' : ''} LIMIT ?`,
    );
    listings.set(key, made);
    return made;
  };

  const select = (query: EventQuery): readonly Row[] => {
    const byRule = query.rule !== undefined;
    const conditions: string[] = [];
    const values: SQLInputValue[] = [];
    const where = (condition: string, ...given: SQLInputValue[]) => {
      conditions.push(condition);
      values.push(...given);
    };
    if (query.rule !== undefined) {
      where('run.rule = ?', ruleNames.find(query.rule) ?? NO_NAME);
      // Replays leave records of their own: the event is listed once.
      where(
        'NOT EXISTS (SELECT 1 FROM run AS other WHERE other.rule = run.rule AND other.seq = run.seq AND other.replay < run.replay)',
      );
    }
    const after = Math.max(query.after ?? 0, query.since === undefined ? 0 : seqAt(query.since) - 1);
    where(`${byRule ? 'run' : 'event'}.seq > ?`, after);
    if (query.itemId !== undefined) where('item = ?', query.itemId);
    if (query.app !== undefined) where('app = ?', names.find(query.app) ?? NO_NAME);
    if (query.type !== undefined) where('type = ?', names.find(query.type) ?? NO_NAME);
    if (query.since !== undefined) where('received_at >= ?', query.since);
    const newestFirst = query.last !== undefined;
    const limit = query.last ?? query.limit ?? DEFAULT_LIMIT;
    const rows = listing(conditions, byRule, newestFirst).all(...values, limit);
    return newestFirst ? rows.reverse() : rows;
  };

  return {
    read: (after, limit) => result(selectAfter.all(after, limit), after),
    readItem: (itemId, after, limit) => result(selectOfItem.all(itemId, after, limit), after),
    list(query) {
      const rules = selectRules
        .all()
        .map(({ rule }) => ({ id: Number(rule), name: ruleNames.textOf(Number(rule)) }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
      return select(query).map(row => ({ event: eventOf(row, names), runs: runsOf(Number(row.seq), rules) }));
    },
  };
}
