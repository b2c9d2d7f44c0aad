import type { DatabaseSync } from 'node:sqlite';
import type { GatherMode } from '../../../core/gather.ts';
import type { StepVerdict } from '../../../core/run.ts';
import type { ClosedGroup, LaneStatus, Member, RunKey, TracedRun } from '../../contract.ts';
import { type Names, NO_NAME } from '../names.ts';
import { eventOf, stepsOf } from '../rows.ts';

export interface GroupReads {
  closed(rule: string, page: { after: number; limit: number }): readonly ClosedGroup[];
  members(rule: string, lead: RunKey): readonly Member[];
  /** What an event waits for, and what has decided that it is to. */
  of(
    rule: number,
    seq: number,
    now: number,
  ): (NonNullable<TracedRun['gathered']> & { readonly judged: readonly StepVerdict[] }) | undefined;
  /** How many of a rule wait, and when the first and the latest of them came. */
  count(rule: number): Pick<LaneStatus, 'gathered' | 'gatheredSince' | 'gatheredAt'>;
}

export function makeGroupReads(db: DatabaseSync, names: Names, ruleNames: Names): GroupReads {
  // On record too: a branch is parked while the run goes on.
  const isParked = `(EXISTS (SELECT 1 FROM parked WHERE parked.rule = gathering.rule AND parked.seq = gathering.last AND parked.replay = 0)
      AND EXISTS (SELECT 1 FROM run WHERE run.rule = gathering.rule AND run.seq = gathering.last AND run.replay = 0))`;
  const selectClosed = db.prepare(
    `SELECT event.*, place, mode, name, count FROM gathering CROSS JOIN event ON event.seq = gathering.last
     WHERE rule = ? AND place > ? AND NOT ${isParked} ORDER BY place LIMIT ?`,
  );
  const selectMembers = db.prepare(
    `SELECT event.*, judged FROM gathered CROSS JOIN event ON event.seq = gathered.seq
     WHERE gathering = (SELECT id FROM gathering WHERE rule = ? AND last = ? AND place IS NOT NULL) ORDER BY gathered.seq`,
  );
  const selectOf = db.prepare(
    `SELECT gathering.*, judged, event.id AS event_id FROM gathered JOIN gathering ON gathering.id = gathered.gathering
     JOIN event ON event.seq = gathering.last WHERE gathered.rule = ? AND gathered.seq = ?`,
  );
  const count = db.prepare(
    `SELECT sum(count) AS n, min(first_at) AS since, max(last_at) AS at FROM gathering WHERE rule = ? AND NOT (place IS NOT NULL AND ${isParked})`,
  );

  return {
    closed: (rule, { after, limit }) =>
      selectClosed.all(ruleNames.find(rule) ?? NO_NAME, after, limit).map(row => ({
        place: Number(row.place),
        lead: eventOf(row, names),
        mode: String(row.mode) as GatherMode,
        group: String(row.name),
        count: Number(row.count),
      })),
    members: (rule, { seq }) =>
      selectMembers.all(ruleNames.find(rule) ?? NO_NAME, seq).map(row => ({
        event: eventOf(row, names),
        judged: stepsOf(row.judged),
      })),
    of(rule, seq, now) {
      const row = selectOf.get(rule, seq);
      if (row === undefined) return undefined;
      const isComplete = row.place !== null;
      return {
        mode: String(row.mode) as GatherMode,
        count: Number(row.count),
        since: Number(row.first_at),
        ...(isComplete ? { waitMs: 0 } : row.due !== null && { waitMs: Number(row.due) - now }),
        ...(isComplete && { lead: String(row.event_id) }),
        judged: stepsOf(row.judged),
      };
    },
    count(rule) {
      const row = count.get(rule);
      const n = Number(row?.n ?? 0);
      if (n === 0) return {};
      return { gathered: n, gatheredSince: Number(row?.since), gatheredAt: Number(row?.at) };
    },
  };
}
