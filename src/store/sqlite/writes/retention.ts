import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Removal, Removed } from '../../contract.ts';
import type { Names } from '../names.ts';
import { firstSince } from '../reads/since.ts';
import { outcomeNumber, type Row, SHADOW_BEGINS } from '../rows.ts';
import { pragma } from '../schema.ts';

/** How long one command may take before it answers, milliseconds: others of its flush wait for it. */
const PART_MS = 4;
/** Own changes that are forgotten at a time. */
const OWN = 5000;
/** Rows looked at between two looks at the time. */
const EVENTS = 32;
const RUNS = 500;
const PAGES = 16;
/** Free space is kept for what comes, or the file would be cut and grow all the time: this much of what is used ... */
const SPARE_SHARE = 1 / 8;
/** ... and at least so many pages. */
const SPARE_PAGES = 256;

export interface RetentionWrites {
  removeEvents(removal: Omit<Removal, 'olderThanMs'>, before: number, at: number): Removed;
  forgetSteps(before: number, again: boolean): boolean;
  giveBack(): boolean;
  /** After a rollback. */
  forget(): void;
}

/** An event as it is looked at. */
interface Old {
  readonly seq: number;
  readonly id: string;
  readonly receivedAt: number;
}

/** @param flush writes the cursors that moved in the transaction at hand */
export function makeRetentionWrites(db: DatabaseSync, ruleNames: Names, flush: () => void): RetentionWrites {
  const selectNewest = db.prepare('SELECT max(seq) AS seq FROM event');
  const selectOld = db.prepare(
    'SELECT seq, id, received_at FROM event WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?',
  );
  const selectSame = db.prepare('SELECT seq, id, received_at FROM event WHERE id = ?');
  const selectCursors = db.prepare('SELECT rule, min(cursor) AS cursor FROM lane GROUP BY rule');
  // What a replay has not come to, and what a rule that has left the config had not.
  const selectAhead = db.prepare(
    `SELECT cursor, last FROM replay WHERE cursor < last
     UNION ALL SELECT cursor, last FROM owed WHERE cursor < last`,
  );
  const inRange = (table: 'parked' | 'open_run' | 'start_mark' | 'gathered'): StatementSync =>
    db.prepare(`SELECT seq FROM ${table} WHERE rule = ? AND seq >= ? AND seq <= ?`);
  const ofRules = [inRange('parked'), inRange('open_run'), inRange('start_mark'), inRange('gathered')];
  const deleteEvents = db.prepare('DELETE FROM event WHERE seq >= ? AND seq <= ?');
  const deleteOfRuns = ['run', 'open_run', 'start_mark', 'gathered'].map(table =>
    db.prepare(`DELETE FROM ${table} WHERE rule = ? AND seq >= ? AND seq <= ?`),
  );
  // How many of a rule's replays cover an event numbers them: a replay without events numbers nothing.
  const deleteReplays = db.prepare(
    'DELETE FROM replay WHERE cursor >= last AND last < (SELECT min(seq) FROM event)',
  );
  /** Of rules that left the config, from before what they had gathered was kept. */
  const deleteEmptied = db.prepare(
    'DELETE FROM gathering WHERE last < (SELECT min(seq) FROM event) AND NOT EXISTS (SELECT 1 FROM gathered WHERE gathering = gathering.id)',
  );
  const deleteDeletions = db.prepare('DELETE FROM deletion WHERE at < ?');
  const deleteOwn = db.prepare('DELETE FROM own WHERE id IN (SELECT id FROM own WHERE at < ? LIMIT ?)');
  const count = db.prepare(
    `INSERT INTO retention (id, removed_to, events, last_at) VALUES (1, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET removed_to = max(removed_to, excluded.removed_to),
       events = events + excluded.events, last_at = excluded.last_at`,
  );
  const selectRun = db.prepare(
    'SELECT seq FROM run WHERE rule = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT 1 OFFSET ?',
  );
  const forget = db.prepare(
    // That a run was one in shadow is kept as long as how it ended.
    `UPDATE run SET steps = CASE WHEN steps LIKE '${SHADOW_BEGINS}%' THEN '${SHADOW_BEGINS}]' END, error = NULL
     WHERE rule = ? AND seq > ? AND seq <= ? AND ended_at < ? AND outcome <> ${outcomeNumber('parked')}
       AND (steps IS NOT NULL AND steps <> '${SHADOW_BEGINS}]' OR error IS NOT NULL)`,
  );
  const sinceOf = firstSince(db);
  /** By rule: its runs up to here have been looked at. */
  const forgotten = new Map<number, number>();

  const oldOf = (row: Row): Old => ({
    seq: Number(row.seq),
    id: String(row.id),
    receivedAt: Number(row.received_at),
  });
  const seqsIn = (statement: StatementSync, rule: number, from: number, to: number): readonly number[] =>
    statement.all(rule, from, to).map(({ seq }) => Number(seq));

  /** Which of these seqs somebody needs. */
  const neededIn = (from: number, to: number, rules: readonly number[]): ReadonlySet<number> => {
    const needed = new Set<number>();
    for (const rule of rules)
      for (const statement of ofRules) for (const seq of seqsIn(statement, rule, from, to)) needed.add(seq);
    return needed;
  };

  const remove = (from: number, to: number, rules: readonly number[]): void => {
    deleteEvents.run(from, to);
    for (const statement of deleteOfRuns) for (const rule of rules) statement.run(rule, from, to);
  };

  return {
    removeEvents({ rules: kept, after }, before, at) {
      flush();
      const live = new Set(kept.map(ruleNames.find).filter(id => id !== undefined));
      const cursors = selectCursors
        .all()
        .map(row => ({ rule: Number(row.rule), cursor: Number(row.cursor) }));
      const rules = cursors.map(({ rule }) => rule);
      const slowest = cursors
        .filter(({ rule }) => live.has(rule))
        .sort((a, b) => a.cursor - b.cursor)
        .at(0);
      const ahead = selectAhead
        .all()
        .map(({ cursor, last }) => ({ cursor: Number(cursor), last: Number(last) }));
      // seqs are given above the newest event: it stays.
      const old = Math.min(sinceOf(before), Number(selectNewest.get()?.seq ?? 0)) - 1;
      const bound = Math.min(old, slowest?.cursor ?? old);

      const isFree = ({ seq, receivedAt }: Old, needed: ReadonlySet<number>): boolean =>
        seq <= bound &&
        receivedAt < before &&
        !needed.has(seq) &&
        !ahead.some(({ cursor, last }) => cursor < seq && seq <= last);
      /** A change that is kept under another ref is known as long as that is. */
      const hasKeptTwin = ({ id, seq }: Old): boolean =>
        selectSame
          .all(id)
          .map(oldOf)
          .some(twin => twin.seq !== seq && !isFree(twin, neededIn(twin.seq, twin.seq, rules)));

      const started = performance.now();
      let upTo = after;
      let events = 0;
      let more = upTo < bound;
      while (more && performance.now() - started < PART_MS) {
        const found = selectOld.all(upTo, bound, EVENTS).map(oldOf);
        const last = found.at(-1)?.seq ?? bound;
        const needed = neededIn(upTo + 1, last, rules);
        let from: number | undefined;
        let to = 0;
        for (const event of found) {
          if (isFree(event, needed) && !hasKeptTwin(event)) {
            from ??= event.seq;
            to = event.seq;
            events += 1;
          } else if (from !== undefined) {
            remove(from, to, rules);
            from = undefined;
          }
        }
        if (from !== undefined) remove(from, to, rules);
        upTo = last;
        more = found.length === EVENTS && upTo < bound;
      }
      if (events > 0) count.run(upTo, events, at);
      if (!more) {
        deleteReplays.run();
        deleteEmptied.run();
        deleteDeletions.run(before);
        deleteOwn.run(before, OWN);
      }
      const held = slowest && slowest.cursor < old ? slowest : undefined;
      return {
        events,
        upTo,
        more,
        used: (pragma(db, 'page_count') - pragma(db, 'freelist_count')) * pragma(db, 'page_size'),
        ...(held && { heldBy: { rule: ruleNames.textOf(held.rule), cursor: held.cursor } }),
      };
    },

    forgetSteps(before, again) {
      if (again) forgotten.clear();
      const bound = sinceOf(before) - 1;
      const started = performance.now();
      for (const row of selectCursors.all()) {
        const rule = Number(row.rule);
        for (let after = forgotten.get(rule) ?? 0; after < bound; ) {
          if (performance.now() - started > PART_MS) return true;
          const upTo = Number(selectRun.get(rule, after, bound, RUNS)?.seq ?? bound);
          forget.run(rule, after, upTo, before);
          forgotten.set(rule, upTo);
          after = upTo;
        }
      }
      return false;
    },

    giveBack() {
      const incremental = 2;
      if (pragma(db, 'auto_vacuum') !== incremental) return false;
      const started = performance.now();
      for (;;) {
        const free = pragma(db, 'freelist_count');
        const spare = Math.max(SPARE_PAGES, Math.round((pragma(db, 'page_count') - free) * SPARE_SHARE));
        if (free <= spare) return false;
        if (performance.now() - started > PART_MS) return true;
        db.prepare(`PRAGMA incremental_vacuum(${Math.min(PAGES, free - spare)})`).all();
      }
    },

    forget: () => forgotten.clear(),
  };
}
