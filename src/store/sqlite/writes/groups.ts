import type { DatabaseSync } from 'node:sqlite';
import { type Gathering, type GatherMode, type Group, join, takenOver } from '../../../core/gather.ts';
import type { Closable, Closing } from '../../contract.ts';
import type { Row } from '../rows.ts';
import { makePresence } from './presence.ts';

/** Events that wait to be run together. `rule` is a number here: whoever calls has looked at the lease. */
export interface GroupWrites {
  /** The rule's lane has another owner now. */
  takenOver(rule: number, at: number): void;
  /** False: it waits already. `judged`: as the steps of a run stand in a row. */
  add(rule: number, seq: number, gathering: Gathering, judged: string | null, at: number): boolean;
  /** Until the group of the event is due, as of `now`. */
  waitMs(rule: number, seq: number, now: number): number | undefined;
  close(rule: number, query: Closable & { limit: number }, at: number): Closing;
  /** The events that are run under this one, itself left out. */
  others(rule: number, lead: number): readonly number[];
  /** The group that is run under this event waits no longer. */
  end(rule: number, lead: number): void;
  /** Whether `max` runs have begun within `perMs`: then how long until one may; else 0, and one has. */
  admit(rule: number, throttle: { max: number; perMs: number }, at: number): number;
  /** After a rollback. */
  forget(): void;
}

export function makeGroupWrites(db: DatabaseSync): GroupWrites {
  const selectOpen = db.prepare('SELECT * FROM gathering WHERE rule = ? AND name = ? AND place IS NULL');
  const insertGroup = db.prepare(
    `INSERT INTO gathering (rule, name, mode, first, last, first_at, last_at, count, due)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const updateGroup = db.prepare(
    'UPDATE gathering SET first = ?, last = ?, first_at = ?, last_at = ?, count = ?, due = ? WHERE id = ?',
  );
  const insertMember = db.prepare(
    'INSERT INTO gathered (rule, seq, gathering, judged) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const selectMember = db.prepare('SELECT 1 FROM gathered WHERE rule = ? AND seq = ?');
  const selectReceived = db.prepare('SELECT received_at FROM event WHERE seq = ?');
  const selectGroupOf = db.prepare(
    'SELECT due, place FROM gathering JOIN gathered ON gathered.gathering = gathering.id WHERE gathered.rule = ? AND gathered.seq = ?',
  );
  const selectAhead = db.prepare('SELECT * FROM gathering WHERE rule = ? AND place IS NULL AND last_at > ?');
  const complete = db.prepare('UPDATE gathering SET place = ? WHERE id = ?');
  const selectPlace = db.prepare('SELECT coalesce(max(place), 0) AS place FROM gathering');
  /** Of the latest only, the run in hand is waited for, so that what comes meanwhile is run as one. */
  const isNext = `NOT (mode = 'latest' AND EXISTS (
      SELECT 1 FROM gathering AS hand WHERE hand.rule = gathering.rule AND hand.name = gathering.name AND hand.place IS NOT NULL
        AND NOT (EXISTS (SELECT 1 FROM parked WHERE parked.rule = hand.rule AND parked.seq = hand.last AND parked.replay = 0)
          AND EXISTS (SELECT 1 FROM run WHERE run.rule = hand.rule AND run.seq = hand.last AND run.replay = 0))))`;
  const selectDue = db.prepare(
    `SELECT id FROM gathering WHERE rule = ? AND place IS NULL AND due <= ? AND ${isNext} ORDER BY due, id LIMIT ?`,
  );
  const selectBefore = db.prepare(
    'SELECT id FROM gathering WHERE rule = ? AND place IS NULL AND first < ? ORDER BY due LIMIT ?',
  );
  const selectUnlike = db.prepare(
    'SELECT id FROM gathering WHERE rule = ? AND place IS NULL AND (mode <> ? OR (due IS NULL AND ?)) ORDER BY due LIMIT ?',
  );
  const selectNext = db.prepare(
    'SELECT min(due) AS due FROM gathering WHERE rule = ? AND place IS NULL AND due > ?',
  );
  const selectClosed = db.prepare(
    'SELECT id FROM gathering WHERE rule = ? AND last = ? AND place IS NOT NULL',
  );
  const selectOthers = db.prepare('SELECT seq FROM gathered WHERE gathering = ? AND seq <> ? ORDER BY seq');
  const deleteGroup = db.prepare('DELETE FROM gathering WHERE id = ?');
  const deleteOld = db.prepare('DELETE FROM admitted WHERE rule = ? AND at <= ?');
  const countAdmitted = db.prepare('SELECT count(*) AS n, min(at) AS first FROM admitted WHERE rule = ?');
  const bringBack = db.prepare('UPDATE admitted SET at = ?2 WHERE rule = ?1 AND at > ?2');
  const insertAdmitted = db.prepare('INSERT INTO admitted (rule, at) VALUES (?, ?)');
  const present = makePresence(db, 'gathering');

  let lastPlace: number | undefined;
  /** Grows over reopenings too, so that whoever pages by it misses none. */
  const nextPlace = (at: number): number => {
    lastPlace = Math.max((lastPlace ?? Number(selectPlace.get()?.place)) + 1, at);
    return lastPlace;
  };

  const idOfClosed = (rule: number, lead: number): number | undefined => {
    const row = present.any() ? selectClosed.get(rule, lead) : undefined;
    return row && Number(row.id);
  };

  const select = (rule: number, { limit, before, unlike }: Closable & { limit: number }, by: number) => {
    if (before !== undefined) return selectBefore.all(rule, before, limit);
    if (unlike) return selectUnlike.all(rule, unlike.mode ?? '', unlike.timed ? 1 : 0, limit);
    return selectDue.all(rule, by, limit);
  };

  const update = (id: number, { first, last, firstAt, lastAt, count, due }: Group): void =>
    void updateGroup.run(first, last, firstAt, lastAt, count, due ?? null, id);

  return {
    takenOver(rule, at) {
      for (const row of selectAhead.all(rule, at)) update(Number(row.id), takenOver(groupOf(row), at));
      // Begun by a clock that was ahead: else it would count until that time has come.
      bringBack.run(rule, at);
    },

    add(rule, seq, gathering, judged, at) {
      if (selectMember.get(rule, seq)) return false;
      const row = selectOpen.get(rule, gathering.group);
      const cameAt = Math.min(Number(selectReceived.get(seq)?.received_at ?? at), at);
      const { isLate, isFull, group } = join(row && groupOf(row), gathering, seq, cameAt);
      if (row && isLate) complete.run(nextPlace(at), Number(row.id));
      let id: number;
      if (row && !isLate) {
        id = Number(row.id);
        update(id, group);
      } else {
        id = Number(insertGroup.run(...valuesOf(rule, group)).lastInsertRowid);
        present.added();
      }
      insertMember.run(rule, seq, id, judged);
      if (isFull) complete.run(nextPlace(at), id);
      return true;
    },

    waitMs(rule, seq, now) {
      const row = selectGroupOf.get(rule, seq);
      if (row === undefined || row.place !== null) return row && 0;
      return row.due === null ? undefined : Number(row.due) - now;
    },

    close(rule, query, at) {
      const by = at - (query.agoMs ?? 0);
      const rows = select(rule, query, by);
      for (const { id } of rows) complete.run(nextPlace(at), Number(id));
      const next = selectNext.get(rule, by)?.due ?? null;
      return { closed: rows.length, nextMs: next === null ? undefined : Number(next) - at };
    },

    others(rule, lead) {
      const id = idOfClosed(rule, lead);
      return id === undefined ? [] : selectOthers.all(id, lead).map(({ seq }) => Number(seq));
    },

    end(rule, lead) {
      const id = idOfClosed(rule, lead);
      if (id === undefined) return;
      deleteGroup.run(id);
      present.removed();
    },

    admit(rule, { max, perMs }, at) {
      deleteOld.run(rule, at - perMs);
      const row = countAdmitted.get(rule);
      if (Number(row?.n) >= max) return Math.max(Number(row?.first) + perMs - at, 1);
      insertAdmitted.run(rule, at);
      return 0;
    },

    forget() {
      lastPlace = undefined;
      present.removed();
    },
  };
}

const groupOf = (row: Row): Group => ({
  mode: String(row.mode) as GatherMode,
  group: String(row.name),
  first: Number(row.first),
  last: Number(row.last),
  firstAt: Number(row.first_at),
  lastAt: Number(row.last_at),
  count: Number(row.count),
  due: row.due === null ? undefined : Number(row.due),
});

const valuesOf = (rule: number, { mode, group, first, last, firstAt, lastAt, count, due }: Group) =>
  [rule, group, mode, first, last, firstAt, lastAt, count, due ?? null] as const;
