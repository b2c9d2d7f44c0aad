import type { DatabaseSync } from 'node:sqlite';
import { keptSteps } from '../../../core/fingerprint.ts';
import { withBranch } from '../../../core/run.ts';
import type {
  Closable,
  Closing,
  Gathered,
  LaneId,
  ParkRequest,
  Reached,
  RunKey,
  StartAt,
  Tries,
} from '../../contract.ts';
import { staleLease } from '../../leases.ts';
import type { Names } from '../names.ts';
import { isShadow, outcomeNumber, outcomeOf, stepsOf, stepsText } from '../rows.ts';
import type { FinishedRow } from '../wire.ts';
import type { GroupWrites } from './groups.ts';
import type { Marks } from './marks.ts';
import { makePresence } from './presence.ts';
import type { ReplayWrites } from './replays.ts';
import type { Tallies } from './tallies.ts';

/** What crosses the thread of a lease. Epochs are never given twice, so one names its lane too. */
export interface LeaseToken {
  readonly rule: string;
  readonly epoch: number;
}

/** `output` and `verdict` are JSON already, since SQL never looks inside. */
export interface CheckpointRow {
  readonly step: string;
  readonly branch: string;
  readonly output: string;
  readonly verdict: string;
}

/** A lane whose lease is good, as it stands in the transaction at hand. */
interface Held {
  readonly rule: number;
  cursor: number;
  reach: number;
}

export interface LaneWrites {
  /** Leases below are those of earlier processes. */
  readonly firstEpoch: number;
  /** Answers the new lease's epoch. */
  acquire(lane: LaneId, startAt: StartAt, at: number): number;
  finish(lease: LeaseToken, finished: FinishedRow, cursor: number, at: number): void;
  advance(lease: LeaseToken, cursor: number): void;
  reach(lease: LeaseToken, seq: number): void;
  mark(lease: LeaseToken, run: RunKey, alone: boolean): void;
  release(lease: LeaseToken, cursor: number, reached: Reached | undefined): void;
  endedCleanly(): void;
  replayed(lease: LeaseToken, id: string, cursor: number): void;
  tried(lease: LeaseToken, run: RunKey, fingerprint: string, tries: Tries, at: number): void;
  checkpoint(lease: LeaseToken, run: RunKey, fingerprint: string, made: CheckpointRow): void;
  park(lease: LeaseToken, run: RunKey, fingerprint: string, park: ParkRequest, at: number): void;
  gather(
    lease: LeaseToken,
    gathered: readonly Gathered[],
    cursor: number,
    at: number,
  ): readonly (number | undefined)[];
  close(lease: LeaseToken, query: Closable & { limit: number }, at: number): Closing;
  admit(lease: LeaseToken, throttle: { max: number; perMs: number }, at: number): number;
  /** Writes the cursors and reaches that moved; the last thing before the commit. */
  flush(): void;
  /** After a rollback. */
  forget(): void;
}

export interface LaneWriteParts {
  readonly rules: Names;
  readonly tallies: Tallies;
  readonly marks: Marks;
  readonly replays: Pick<ReplayWrites, 'replayed'>;
  readonly groups: GroupWrites;
  head(): number;
  /** As answered by the first of this process, where the database is opened anew: its leases are good still. */
  readonly firstEpoch?: number | undefined;
}

export function makeLaneWrites(db: DatabaseSync, parts: LaneWriteParts): LaneWrites {
  const { rules, tallies, marks, replays, groups, head } = parts;
  const selectLane = db.prepare('SELECT epoch, cursor FROM lane WHERE rule = ? AND shard = ? AND shards = ?');
  const selectLowest = db.prepare(
    'SELECT min(cursor) AS cursor, max(reach) AS reach, min(loaded_at) AS loaded_at FROM lane WHERE rule = ?',
  );
  const selectByEpoch = db.prepare('SELECT rule, cursor, reach FROM lane WHERE epoch = ?');
  const selectLastEpoch = db.prepare('SELECT coalesce(max(epoch), 0) AS epoch FROM lane');
  const takeLane = db.prepare(
    `INSERT INTO lane (rule, shard, shards, epoch, cursor, reach, loaded_at) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (rule, shard, shards) DO UPDATE SET epoch = excluded.epoch, loaded_at = excluded.loaded_at,
       left_at = NULL, looked_to = NULL, open_to = NULL`,
  );
  const updateLane = db.prepare('UPDATE lane SET cursor = ?, reach = ? WHERE epoch = ?');
  const setReached = db.prepare('UPDATE lane SET looked_to = ?, open_to = ? WHERE epoch = ?');
  const selectOutcome = db.prepare('SELECT outcome FROM run WHERE rule = ? AND seq = ? AND replay = ?');
  const selectRecord = db.prepare('SELECT steps, error FROM run WHERE rule = ? AND seq = ? AND replay = ?');
  const insertRun = db.prepare(
    'INSERT INTO run (rule, seq, replay, outcome, ended_at, steps, error) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const replaceRun = db.prepare(
    'REPLACE INTO run (rule, seq, replay, outcome, ended_at, steps, error) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const selectOpen = db.prepare(
    'SELECT id, fingerprint, passed FROM open_run WHERE rule = ? AND seq = ? AND replay = ?',
  );
  const insertOpen = db.prepare('INSERT INTO open_run (rule, seq, replay, fingerprint) VALUES (?, ?, ?, ?)');
  const deleteOpen = db.prepare('DELETE FROM open_run WHERE rule = ? AND seq = ? AND replay = ?');
  const insertCheckpoint = db.prepare(
    `INSERT INTO checkpoint (run, step, branch, output, verdict) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (run, step, branch) DO UPDATE SET output = excluded.output, verdict = excluded.verdict`,
  );
  const replaceTries = db.prepare(
    'REPLACE INTO tries (run, step, branch, attempts, since_first, wait, at, error, plugin) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  );
  const deleteTries = db.prepare('DELETE FROM tries WHERE run = ? AND step = ? AND branch = ?');
  const deleteTriesIn = db.prepare(
    `DELETE FROM tries WHERE run = :run
       AND (:branch = '' OR branch = :branch OR substr(branch, 1, length(:branch) + 1) = :branch || '/')`,
  );
  const deleteAllTries = db.prepare('DELETE FROM tries WHERE run = ?');
  const selectSteps = db.prepare('SELECT DISTINCT step FROM checkpoint WHERE run = ?');
  const deleteStep = db.prepare('DELETE FROM checkpoint WHERE run = ? AND step = ?');
  const renewOpen = db.prepare('UPDATE open_run SET fingerprint = ? WHERE id = ?');
  const setPassed = db.prepare('UPDATE open_run SET passed = 1 WHERE id = ?');
  const selectCheckpoint = db.prepare('SELECT 1 FROM checkpoint WHERE run = ? AND step = ? AND branch = ?');
  const selectParked = db.prepare(
    'SELECT id FROM parked WHERE rule = ? AND seq = ? AND replay = ? AND branch = ?',
  );
  const countParked = db.prepare(
    'SELECT count(*) AS n FROM parked WHERE rule = ? AND seq = ? AND replay = ?',
  );
  const insertParked = db.prepare(
    `INSERT INTO parked (rule, seq, replay, step, branch, attempts, error, parked_at, requested)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT (rule, seq, replay, branch) DO NOTHING`,
  );
  const renewParked = db.prepare(
    'UPDATE parked SET step = ?, attempts = ?, error = ?, parked_at = ?, requested = 0 WHERE id = ?',
  );
  const clearReach = db.prepare('UPDATE lane SET reach = 0 WHERE reach > 0');
  const deleteParked = db.prepare('DELETE FROM parked WHERE id = ?');

  const deleteRun = db.prepare('DELETE FROM run WHERE rule = ? AND seq = ? AND replay = ?');

  const open = makePresence(db, 'open_run');
  const parked = makePresence(db, 'parked');

  // Leases of an earlier process are stale, whatever their rows say.
  const firstEpoch = parts.firstEpoch ?? Number(selectLastEpoch.get()?.epoch) + 1;
  const held = new Map<number, Held>();
  const moved = new Set<number>();

  const laneOf = ({ rule, epoch }: LeaseToken): Held => {
    const cached = held.get(epoch);
    if (cached) return cached;
    const row = epoch < firstEpoch ? undefined : selectByEpoch.get(epoch);
    if (!row) throw staleLease(rule);
    const lane: Held = { rule: Number(row.rule), cursor: Number(row.cursor), reach: Number(row.reach) };
    held.set(epoch, lane);
    return lane;
  };

  const moveCursor = (lease: LeaseToken, cursor: number): Held => {
    const lane = laneOf(lease);
    if (cursor > lane.cursor) {
      lane.cursor = cursor;
      moved.add(lease.epoch);
    }
    return lane;
  };

  const flush = (): void => {
    for (const epoch of moved) {
      const lane = held.get(epoch);
      if (lane) updateLane.run(lane.cursor, lane.reach, epoch);
    }
    moved.clear();
  };

  /** What is kept of a run in hand belongs to one fingerprint: under another one the run has begun again where it differs. */
  const openRun = (rule: number, { seq, replay }: RunKey, fingerprint: string): number => {
    const row = selectOpen.get(rule, seq, replay);
    if (row && row.fingerprint === fingerprint) return Number(row.id);
    const kept = row && keptSteps(String(row.fingerprint), fingerprint);
    if (row && kept && kept.size > 0) {
      const id = Number(row.id);
      deleteAllTries.run(id);
      for (const { step } of selectSteps.all(id))
        if (!kept.has(String(step))) deleteStep.run(id, String(step));
      renewOpen.run(fingerprint, id);
      return id;
    }
    if (row) deleteOpen.run(rule, seq, replay);
    open.added();
    return Number(insertOpen.run(rule, seq, replay, fingerprint).lastInsertRowid);
  };

  const record = (
    rule: number,
    { seq, replay }: Pick<RunKey, 'seq' | 'replay'>,
    outcome: number,
    steps: string | null,
    error: string | null,
    at: number,
  ): void => {
    const isFirst = insertRun.run(rule, seq, replay, outcome, at, steps, error).changes === 1;
    const before = isFirst ? undefined : selectOutcome.get(rule, seq, replay);
    if (!isFirst) replaceRun.run(rule, seq, replay, outcome, at, steps, error);
    tallies.count(rule, before && outcomeOf(before.outcome), outcomeOf(outcome), at);
  };

  const gather = (
    rule: number,
    { key, parkedId, judged = [], ...gathering }: Gathered,
    at: number,
  ): number | undefined => {
    const { seq, replay } = key;
    marks.lift(rule, key);
    const row = parked.any() ? selectParked.get(rule, seq, replay, '') : undefined;
    const known = selectOutcome.get(rule, seq, replay);
    // Dropped meanwhile, which is the later word; or on record; or a repeat, so that it waits already.
    if ((parkedId === undefined) !== (row === undefined) || (row === undefined && known))
      return groups.waitMs(rule, seq, at);
    if (row) {
      deleteParked.run(Number(row.id));
      parked.removed();
      if (known && deleteRun.run(rule, seq, replay).changes === 1) {
        tallies.uncount(rule, outcomeOf(known.outcome));
      }
    }
    if (open.any()) {
      deleteOpen.run(rule, seq, replay);
      open.removed();
    }
    groups.add(rule, seq, gathering, stepsText(judged), at);
    return groups.waitMs(rule, seq, at);
  };

  return {
    firstEpoch,

    acquire(lane, startAt, at) {
      flush();
      const rule = rules.idOf(lane.rule);
      // A rule that is divided otherwise than before goes on at the lowest of its cursors: run records skip the rest.
      const before = selectLane.get(rule, lane.shard, lane.of);
      const lowest = selectLowest.get(rule);
      const found = before?.cursor ?? lowest?.cursor ?? null;
      const start = startAt === 'head' ? head() : startAt === 'earliest' ? 0 : startAt;
      const cursor = found === null ? start : Number(found);
      const loadedAt = Number(lowest?.loaded_at ?? at);
      const epoch = Number(selectLastEpoch.get()?.epoch) + 1;
      takeLane.run(
        rule,
        lane.shard,
        lane.of,
        epoch,
        cursor,
        Number(lowest?.reach ?? 0),
        // In what is now the future: the clock was wrong then, or is now, and nothing may be held to be from before it.
        loadedAt > at ? 0 : loadedAt,
      );
      if (before) marks.takenOver(rule, Number(before.epoch));
      groups.takenOver(rule, at);
      held.clear();
      return epoch;
    },

    finish(
      lease,
      [seq, replay, given, givenSteps, givenError, park, parkedId, others, branch, rest],
      cursor,
      at,
    ) {
      const { rule } = moveCursor(lease, cursor);
      marks.lift(rule, { seq, replay });
      const row = parked.any() ? selectParked.get(rule, seq, replay, branch ?? '') : undefined;
      const left = parked.any() ? Number(countParked.get(rule, seq, replay)?.n) - (row ? 1 : 0) : 0;
      // A retry whose row is gone was dropped meanwhile, which is the later word; a first park whose row is there is a repeat.
      if (park && (parkedId !== undefined) !== (row !== undefined)) {
        if (parkedId !== undefined && left === 0) deleteOpen.run(rule, seq, replay);
        return;
      }
      let outcome = given;
      if (park && row) {
        renewParked.run(park.step, park.attempts, park.error, at, Number(row.id));
      } else if (park) {
        insertParked.run(rule, seq, replay, park.step, park.branch, park.attempts, park.error, at);
        parked.added();
      } else {
        if (row) {
          deleteParked.run(Number(row.id));
          parked.removed();
        }
        const kept = open.any() ? selectOpen.get(rule, seq, replay) : undefined;
        const passes = outcomeOf(rest ?? given) === 'settled';
        if (left > 0) {
          outcome = outcomeNumber('parked');
          if (kept && passes) setPassed.run(Number(kept.id));
        } else {
          if (outcomeOf(given) === 'parked') outcome = outcomeNumber('dropped');
          else if (branch !== undefined && kept?.passed === 1) outcome = outcomeNumber('settled');
          if (kept) {
            deleteOpen.run(rule, seq, replay);
            open.removed();
          }
        }
      }
      const kept = park && selectOpen.get(rule, seq, replay);
      if (kept) deleteTriesIn.run({ run: Number(kept.id), branch: branch ?? '' });
      let [steps, error] = [givenSteps, givenError];
      if (branch !== undefined) {
        const before = selectRecord.get(rule, seq, replay);
        steps = stepsText(
          withBranch(stepsOf(before?.steps), branch, stepsOf(givenSteps)),
          isShadow(before?.steps),
        );
        if (!park && left > 0) error = before?.error == null ? null : String(before.error);
      }
      record(rule, { seq, replay }, outcome, steps, error, at);
      if (others === undefined) return;
      const [theirs, theirSteps, theirError, seqs = groups.others(rule, seq), stepsAt] = others;
      // What was replaced stays so, whatever becomes of the run.
      const became = theirs === given ? outcome : theirs;
      for (const other of seqs) {
        const steps = stepsAt?.get(other) ?? theirSteps;
        record(rule, { seq: other, replay }, became, steps, theirError, at);
      }
      if (!park && left === 0) groups.end(rule, seq);
    },

    gather(lease, gathered, cursor, at) {
      const { rule } = moveCursor(lease, cursor);
      return gathered.map(one => gather(rule, one, at));
    },

    close: (lease, query, at) => groups.close(laneOf(lease).rule, query, at),

    admit: (lease, throttle, at) => groups.admit(laneOf(lease).rule, throttle, at),

    advance(lease, cursor) {
      moveCursor(lease, cursor);
    },

    reach(lease, seq) {
      const lane = laneOf(lease);
      if (seq <= lane.reach) return;
      lane.reach = seq;
      moved.add(lease.epoch);
    },

    mark(lease, run, alone) {
      marks.set(laneOf(lease).rule, run, lease.epoch, alone);
    },

    release(lease, cursor, reached) {
      const lane = moveCursor(lease, cursor);
      setReached.run(reached?.lookedTo ?? null, reached?.openTo ?? null, lease.epoch);
      lane.reach = 0;
      moved.add(lease.epoch);
      marks.release(lane.rule, lease.epoch);
    },

    endedCleanly() {
      flush();
      clearReach.run();
      marks.endedCleanly();
      held.clear();
    },

    replayed(lease, id, cursor) {
      replays.replayed(laneOf(lease).rule, id, cursor);
    },

    tried(lease, run, fingerprint, tries, at) {
      const { rule } = laneOf(lease);
      marks.lift(rule, run);
      const id = openRun(rule, run, fingerprint);
      const { step, branch, attempts, sinceFirstMs, waitMs, error, plugin = null } = tries;
      replaceTries.run(
        id,
        step,
        branch,
        attempts,
        Math.round(sinceFirstMs),
        Math.round(waitMs),
        at,
        error,
        plugin,
      );
    },

    checkpoint(lease, run, fingerprint, { step, branch, output, verdict }) {
      const id = openRun(laneOf(lease).rule, run, fingerprint);
      insertCheckpoint.run(id, step, branch, output, verdict);
      deleteTries.run(id, step, branch);
    },

    park(lease, run, fingerprint, { step, branch, attempts, error }, at) {
      const { rule } = laneOf(lease);
      const id = openRun(rule, run, fingerprint);
      deleteTries.run(id, step, branch);
      // Dropped meanwhile, which is the later word.
      if (selectCheckpoint.get(id, step, branch)) return;
      insertParked.run(rule, run.seq, run.replay, step, branch, attempts, error, at);
      parked.added();
    },

    flush,

    forget() {
      held.clear();
      moved.clear();
      open.removed();
      parked.removed();
    },
  };
}
