import type { DatabaseSync } from 'node:sqlite';
import { isWithin } from '../../../core/branch.ts';
import type { GatherMode } from '../../../core/gather.ts';
import {
  type Checkpoint,
  DEFAULT_LIMIT,
  type LaneId,
  type LaneState,
  type LaneStatus,
  type Left,
  leadingTo,
  type OpenRun,
  type ParkRequest,
  type RequestedRun,
  type TracedEntry,
  type TracedPark,
  type TracedRun,
  type Tries,
  type Unclean,
  verdictsIn,
} from '../../contract.ts';
import { elapsed, standsAt } from '../../time.ts';
import { type Names, NO_NAME } from '../names.ts';
import {
  checkpointOf,
  entryOf,
  isShadow,
  outcomeNumber,
  outcomeOf,
  type Row,
  SHADOW_BEGINS,
  stepsOf,
} from '../rows.ts';
import { type GroupReads, makeGroupReads } from './groups.ts';
import { makePausedSince } from './pauses.ts';

export interface Page {
  readonly after?: string;
  readonly limit?: number;
}

/** `now` is the store's clock, which lives in the main thread. */
export interface LaneReads {
  load(lane: LaneId, now: number): LaneState;
  requested(rule: string, page: Page, now: number): readonly RequestedRun[];
  settled(rule: string, eventIds: readonly string[]): readonly string[];
  previous(rule: string, before: number, shadow: boolean): number | undefined;
  closed: GroupReads['closed'];
  members: GroupReads['members'];
  status(): readonly LaneStatus[];
  trace(eventId: string, now: number): readonly TracedEntry[];
}

const tracedPark = ({ id, step, attempts, error, requested }: Row): TracedPark => ({
  id: String(id),
  step: String(step),
  attempts: Number(attempts),
  error: String(error),
  requested: requested === 1,
});

export function makeLaneReads(db: DatabaseSync, names: Names, ruleNames: Names): LaneReads {
  const selectCursor = db.prepare(
    'SELECT cursor, loaded_at, reach FROM lane WHERE rule = ? AND shard = ? AND shards = ?',
  );
  const selectDone = db.prepare(
    `SELECT seq FROM run WHERE rule = ?1 AND seq > ?2 AND replay = 0
     UNION SELECT seq FROM gathered WHERE rule = ?1 AND seq > ?2 ORDER BY seq`,
  );
  const selectOpen = db.prepare(
    `SELECT open_run.id, seq, replay, fingerprint, event.id AS event_id FROM open_run JOIN event USING (seq)
     WHERE rule = ?
       AND NOT EXISTS (SELECT 1 FROM run WHERE run.rule = open_run.rule AND run.seq = open_run.seq AND run.replay = open_run.replay)
       AND NOT EXISTS (SELECT 1 FROM parked WHERE parked.rule = open_run.rule AND parked.seq = open_run.seq AND parked.replay = open_run.replay AND parked.branch = '')
     ORDER BY seq, replay`,
  );
  const selectSuspects = db.prepare(
    'SELECT seq, replay, ends, event.id AS event_id FROM start_mark JOIN event USING (seq) WHERE rule = ? ORDER BY seq, replay',
  );
  const selectRequested = db.prepare(
    `SELECT event.*, parked.id AS parked_id, parked.replay, parked.step AS parked_step, parked.branch AS parked_branch,
        open_run.id AS run, open_run.fingerprint, gathering.mode, gathering.name AS gathering, gathering.count
     FROM parked JOIN event USING (seq)
     LEFT JOIN gathering ON gathering.rule = parked.rule AND gathering.last = parked.seq AND gathering.place IS NOT NULL AND parked.replay = 0
     LEFT JOIN open_run ON open_run.rule = parked.rule AND open_run.seq = parked.seq AND open_run.replay = parked.replay
     WHERE parked.rule = ? AND requested = 1 AND parked.id > ? ORDER BY parked.id LIMIT ?`,
  );
  const selectCheckpoints = db.prepare(
    'SELECT step, branch, output, verdict FROM checkpoint WHERE run = ? ORDER BY id',
  );
  const selectTries = db.prepare('SELECT * FROM tries WHERE run = ? ORDER BY at');
  // Of a branch: what it comes from, and what is in it.
  const ofBranch = `run = :run AND (branch = '' OR branch = :branch
    OR substr(:branch, 1, length(branch) + 1) = branch || '/' OR substr(branch, 1, length(:branch) + 1) = :branch || '/')`;
  const selectBranchCheckpoints = db.prepare(
    `SELECT id, step, branch, output, verdict FROM checkpoint WHERE ${ofBranch} ORDER BY id`,
  );
  const selectBranchTries = db.prepare(`SELECT * FROM tries WHERE ${ofBranch} ORDER BY at`);
  const selectParkedBranches = db.prepare(
    `SELECT id, step, branch, attempts, error, requested FROM parked
     WHERE rule = ? AND seq = ? AND replay = ? AND branch <> '' ORDER BY id`,
  );
  const selectSettled = db.prepare(
    `SELECT 1 FROM event WHERE event.id = ?1 AND (
       EXISTS (SELECT 1 FROM run WHERE run.rule = ?2 AND run.seq = event.seq AND run.replay = 0)
       OR EXISTS (SELECT 1 FROM gathered WHERE gathered.rule = ?2 AND gathered.seq = event.seq)) LIMIT 1`,
  );
  const selectLast = db.prepare('SELECT max(seq) AS seq FROM event');
  const selectRemovedTo = db.prepare('SELECT removed_to FROM retention');
  const countKept = db.prepare('SELECT count(*) AS n FROM event WHERE seq > ? AND seq <= ?');
  const selectPrevious = db.prepare(
    `SELECT received_at FROM run JOIN event USING (seq)
     WHERE rule = ? AND run.seq < ? AND replay = 0 AND outcome = ${outcomeNumber('settled')}
       AND (? OR steps IS NULL OR steps NOT LIKE '${SHADOW_BEGINS}%') ORDER BY run.seq DESC LIMIT 1`,
  );
  const selectLanes = db.prepare(
    `SELECT lane.rule, min(cursor) AS cursor, min(left_at) AS left_at, min(loaded_at) AS loaded_at, settled, filtered, parked, dropped, last_at, last_outcome
     FROM lane LEFT JOIN tally USING (rule) GROUP BY lane.rule`,
  );
  // What is gathered is told as such, and so is what is parked as a whole.
  const countBegun = db.prepare(
    `SELECT count(*) AS n FROM open_run AS o WHERE rule = ?
       AND NOT EXISTS (SELECT 1 FROM run AS r WHERE r.rule = o.rule AND r.seq = o.seq AND r.replay = o.replay)
       AND NOT (replay = 0 AND EXISTS (SELECT 1 FROM gathered AS g WHERE g.rule = o.rule AND g.seq = o.seq))`,
  );
  const selectOwed = db.prepare('SELECT cursor, last FROM owed WHERE rule = ?');
  // A count of a union would sort all of it: a lane that one run holds back may have a million above it.
  const hasRun = (of: string): string =>
    `EXISTS (SELECT 1 FROM run AS r WHERE r.rule = ?1 AND r.seq = ${of}.seq AND r.replay = 0)`;
  const countDone = db.prepare(
    `SELECT (SELECT count(*) FROM run WHERE rule = ?1 AND seq > ?2 AND seq <= ?3 AND replay = 0)
       + (SELECT count(*) FROM gathered AS g WHERE rule = ?1 AND seq > ?2 AND seq <= ?3 AND NOT ${hasRun('g')}) AS n`,
  );
  const countUnderWay = db.prepare(
    `SELECT count(*) AS n FROM open_run AS o WHERE rule = ?1 AND seq > ?2 AND seq <= ?3 AND replay = 0 AND NOT ${hasRun('o')}
       AND NOT EXISTS (SELECT 1 FROM gathered AS g WHERE g.rule = ?1 AND g.seq = o.seq)`,
  );

  const selectOpenOf = db.prepare(
    `SELECT id, replay FROM open_run WHERE rule = ? AND seq = ?
       AND NOT EXISTS (SELECT 1 FROM run WHERE run.rule = open_run.rule AND run.seq = open_run.seq AND run.replay = open_run.replay)
     ORDER BY replay`,
  );
  const selectRunsOf = db.prepare(
    'SELECT replay, outcome, steps, error, ended_at FROM run WHERE rule = ? AND seq = ? ORDER BY replay',
  );
  const selectParkedOf = db.prepare(
    `SELECT id, step, attempts, error, requested FROM parked WHERE rule = ? AND seq = ? AND replay = ? AND branch = ''`,
  );
  const selectEntries = db.prepare('SELECT * FROM event WHERE id = ?');
  const selectRules = db.prepare('SELECT rule FROM lane GROUP BY rule');

  const parkOf = ({ step, branch, attempts, error }: Row): ParkRequest => ({
    step: String(step),
    branch: String(branch),
    attempts: Number(attempts),
    error: String(error),
  });

  const pausedSince = makePausedSince(db);
  const groups = makeGroupReads(db, names, ruleNames);

  const triesOf = (row: Row, now: number): Tries => {
    const plugin = row.plugin === null ? undefined : String(row.plugin);
    const tries = {
      step: String(row.step),
      branch: String(row.branch),
      attempts: Number(row.attempts),
      sinceFirstMs: Number(row.since_first),
      waitMs: Number(row.wait),
      error: String(row.error),
      ...(plugin !== undefined && { plugin }),
    };
    const since = plugin === undefined ? undefined : pausedSince('plugin', plugin);
    return elapsed(tries, Number(row.at), standsAt(now, since));
  };

  /**
   * `now`: where the rule's time stands. `branch`: only what concerns that one. `known`: what was read of other branches, by id,
   * which they then have in common.
   */
  const openRun = (
    id: number,
    rule: number,
    key: OpenRun['key'],
    fingerprint: string,
    now: number,
    branch = '',
    known = new Map<unknown, Checkpoint>(),
  ): OpenRun => {
    const of = { run: id, branch };
    const read = (row: Row): Checkpoint => {
      const checkpoint = known.get(row.id) ?? checkpointOf(row);
      if (row.id !== undefined) known.set(row.id, checkpoint);
      return leadingTo(checkpoint, branch);
    };
    const checkpoints = branch === '' ? selectCheckpoints.all(id) : selectBranchCheckpoints.all(of);
    const tries = branch === '' ? selectTries.all(id) : selectBranchTries.all(of);
    return {
      key,
      fingerprint,
      checkpoints: checkpoints.map(read),
      tries: tries.map(row => triesOf(row, now)),
      parked: selectParkedBranches
        .all(rule, key.seq, key.replay)
        .map(parkOf)
        .filter(park => park.branch !== branch && isWithin(park.branch, branch)),
    };
  };

  const unclean = (rule: number, reach: number): Unclean | undefined => {
    const suspects = selectSuspects.all(rule).map(row => ({
      key: { seq: Number(row.seq), eventId: String(row.event_id), replay: Number(row.replay) },
      ends: Number(row.ends),
    }));
    return reach > 0 || suspects.length > 0 ? { reach, suspects } : undefined;
  };

  const requested = (rule: number, { after = '0', limit = DEFAULT_LIMIT }: Page, now: number) => {
    const known = new Map<unknown, Checkpoint>();
    return selectRequested.all(rule, Number(after), limit).map((row): RequestedRun => {
      const key = { seq: Number(row.seq), eventId: String(row.id), replay: Number(row.replay) };
      const branch = String(row.parked_branch);
      return {
        parkedId: String(row.parked_id),
        entry: entryOf(row, names),
        step: String(row.parked_step),
        branch,
        // A run that parked at its first try of its first step has left nothing behind.
        run:
          row.run === null
            ? { key, fingerprint: '', checkpoints: [], tries: [], parked: [] }
            : openRun(Number(row.run), rule, key, String(row.fingerprint), now, branch, known),
        ...(typeof row.mode === 'string' && {
          together: {
            mode: row.mode as GatherMode,
            group: String(row.gathering),
            count: Number(row.count),
          },
        }),
      };
    });
  };

  const parkedOf = (rule: number, seq: number, replay: number): Pick<TracedRun, 'parked' | 'branches'> => {
    const whole = selectParkedOf.get(rule, seq, replay);
    const branches = selectParkedBranches.all(rule, seq, replay);
    return {
      ...(whole && { parked: tracedPark(whole) }),
      ...(branches.length > 0 && {
        branches: branches.map(row => ({ branch: String(row.branch), ...tracedPark(row) })),
      }),
    };
  };

  const runsOf = (rule: number, seq: number, now: number): readonly TracedRun[] => {
    const name = ruleNames.textOf(rule);
    const finished = selectRunsOf.all(rule, seq).map(
      (row): TracedRun => ({
        rule: name,
        replay: Number(row.replay),
        outcome: outcomeOf(row.outcome),
        steps: stepsOf(row.steps),
        ...(row.error === null ? {} : { error: String(row.error) }),
        ...(isShadow(row.steps) ? { shadow: true } : {}),
        endedAt: Number(row.ended_at),
        ...parkedOf(rule, seq, Number(row.replay)),
      }),
    );
    const standing = standsAt(now, pausedSince('rule', name));
    const open = selectOpenOf.all(rule, seq).map(
      ({ id, replay }): TracedRun => ({
        rule: name,
        replay: Number(replay),
        outcome: 'open',
        steps: verdictsIn(selectCheckpoints.all(Number(id)).map(checkpointOf)),
        tries: selectTries.all(Number(id)).map(row => triesOf(row, standing)),
        ...parkedOf(rule, seq, Number(replay)),
      }),
    );
    const waiting = groups.of(rule, seq, now);
    if (waiting) {
      const { judged, ...gathered } = waiting;
      const at = open.findIndex(({ replay }) => replay === 0);
      const [begun] = at < 0 ? [] : open.splice(at, 1);
      const ended = finished.find(({ replay }) => replay === 0);
      if (ended) Object.assign(ended, { gathered });
      else
        open.push({
          ...(begun ?? { rule: name, replay: 0, outcome: 'open' }),
          steps: [...judged, ...(begun?.steps ?? [])],
          gathered,
        });
    }
    return [...finished, ...open].sort((a, b) => a.replay - b.replay);
  };

  return {
    closed: groups.closed,
    members: groups.members,
    trace(eventId, now) {
      const rules = selectRules
        .all()
        .map(({ rule }) => Number(rule))
        .sort((a, b) => (ruleNames.textOf(a) < ruleNames.textOf(b) ? -1 : 1));
      // One for each ref: few.
      const rows = selectEntries.all(eventId).sort((a, b) => Number(a.seq) - Number(b.seq));
      return rows.map(row => ({
        event: entryOf(row, names).event,
        runs: rules.flatMap(rule => runsOf(rule, Number(row.seq), now)),
      }));
    },
    load(lane, wallNow) {
      const now = standsAt(wallNow, pausedSince('rule', lane.rule));
      const rule = ruleNames.find(lane.rule) ?? NO_NAME;
      const row = selectCursor.get(rule, lane.shard, lane.of);
      const cursor = Number(row?.cursor ?? 0);
      const left = unclean(rule, Number(row?.reach ?? 0));
      return {
        cursor,
        loadedAt: Number(row?.loaded_at ?? 0),
        done: selectDone.all(rule, cursor).map(({ seq }) => Number(seq)),
        open: selectOpen.all(rule).map(row => {
          const key = { seq: Number(row.seq), eventId: String(row.event_id), replay: Number(row.replay) };
          return openRun(Number(row.id), rule, key, String(row.fingerprint), now);
        }),
        ...(left && { unclean: left }),
        requested: requested(rule, {}, now),
        ...(groups.count(rule).gathered !== undefined && { gathered: true as const }),
      };
    },
    requested: (rule, page, now) =>
      requested(ruleNames.find(rule) ?? NO_NAME, page, standsAt(now, pausedSince('rule', rule))),
    settled(rule, eventIds) {
      const id = ruleNames.find(rule) ?? NO_NAME;
      return eventIds.filter(eventId => selectSettled.get(eventId, id) !== undefined);
    },
    previous(rule, before, shadow) {
      const row = selectPrevious.get(ruleNames.find(rule) ?? NO_NAME, before, shadow ? 1 : 0);
      return row === undefined ? undefined : Number(row.received_at);
    },
    status() {
      const doneIn = (rule: number, cursor: number, upTo: number): number =>
        Number(countDone.get(rule, cursor, upTo)?.n);
      const last = Number(selectLast.get()?.seq ?? 0);
      // Up to here single events are kept; above it this store leaves no holes.
      const removedTo = Number(selectRemovedTo.get()?.removed_to ?? 0);
      const after = (cursor: number): number =>
        cursor >= removedTo
          ? last - cursor
          : last - removedTo + Number(countKept.get(cursor, removedTo)?.n ?? 0);
      const come = (rule: number, cursor: number, upTo: number): number =>
        doneIn(rule, cursor, upTo) + Number(countUnderWay.get(rule, cursor, upTo)?.n);
      const left = (rule: number, at: number): Left => {
        const behind = selectOwed
          .all(rule)
          .map(row => [Number(row.cursor), Number(row.last)] as const)
          .filter(([cursor, last]) => cursor < last)
          .map(([cursor, last]) => after(cursor) - after(last) - come(rule, cursor, last))
          .reduce((sum, one) => sum + Math.max(0, one), 0);
        return { begun: Number(countBegun.get(rule)?.n), behind, at };
      };
      return selectLanes
        .all()
        .map((row): LaneStatus => {
          const cursor = Number(row.cursor);
          const done = doneIn(Number(row.rule), cursor, last);
          return {
            rule: ruleNames.textOf(Number(row.rule)),
            loadedAt: Number(row.loaded_at),
            cursor,
            lag: Math.max(0, after(cursor) - done),
            ...groups.count(Number(row.rule)),
            lastRunAt: row.last_at === null ? undefined : Number(row.last_at),
            lastOutcome: row.last_outcome === null ? undefined : outcomeOf(row.last_outcome),
            counts: {
              settled: Number(row.settled ?? 0),
              filtered: Number(row.filtered ?? 0),
              parked: Number(row.parked ?? 0),
              dropped: Number(row.dropped ?? 0),
            },
            ...(row.left_at !== null && { left: left(Number(row.rule), Number(row.left_at)) }),
          };
        })
        .sort((a, b) => (a.rule < b.rule ? -1 : 1));
    },
  };
}
