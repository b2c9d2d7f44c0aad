/**
 * The store in memory, for tests and dry runs: the same semantics as sqlite/ and the same conformance suite. What a disk
 * would hold is in `MemoryData`, so that a test can crash and go on with another handle on it.
 */
import { randomUUID } from 'node:crypto';
import { Subject } from 'rxjs';
import { isWithin } from '../core/branch.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { StoreError } from '../core/errors.ts';
import type { NewEvent } from '../core/event.ts';
import { keptSteps } from '../core/fingerprint.ts';
import { type Outcome, type ParkedRun, type RunRecord, withBranch } from '../core/run.ts';
import {
  type AppendResult,
  type Asked,
  type Checkpoint,
  DEFAULT_LIMIT,
  type Dropped,
  type Entry,
  type EventQuery,
  type EventWithRuns,
  type Finished,
  type Gathered,
  type GivenUp,
  type LaneId,
  type LaneState,
  type LaneStatus,
  type Lease,
  leadingTo,
  type OpenRun,
  type ParkedSelection,
  type ParkRequest,
  type Pulse,
  type Reached,
  type ReadResult,
  type RecordedRun,
  type RequestedRun,
  type RunKey,
  type SeqRange,
  type Singleton,
  type StartAt,
  type Store,
  type Together,
  type TracedEntry,
  type TracedRun,
  type Tries,
  verdictsIn,
} from './contract.ts';
import { Leases, laneKey, staleLease } from './leases.ts';
import {
  copy,
  emptyData,
  isOwed,
  type MemoryData,
  pair,
  type StoredPark,
  type StoredRun,
} from './memory-data.ts';
import { MemoryGroups } from './memory-groups.ts';
import { MemoryPauses } from './memory-pauses.ts';
import { memoryRetention } from './memory-retention.ts';
import { makeMemoryRevisions } from './memory-revisions.ts';
import { noteRule, renameRule, runId } from './memory-rules.ts';
import { memoryTimers } from './memory-timers.ts';
import { memorySettings, memoryValues } from './memory-values.ts';
import { elapsed, storeClock } from './time.ts';

export interface MemoryStore extends Store {
  /** As after a crash: this handle is shut, its leases are lost, and another one goes on with what was written. */
  reopen(): MemoryStore;
}

export function makeMemoryStore(options: { clock?: Clock } = {}): MemoryStore {
  return openHandle(emptyData(), options.clock ?? systemClock);
}

function openHandle(data: MemoryData, clock: Clock): MemoryStore {
  data.fence();
  const now = storeClock(clock);
  const leases = new Leases();
  const changes$ = new Subject<Pulse>();
  let closed = false;
  const close = () => {
    closed = true;
    leases.loseAll();
    changes$.complete();
  };
  data.fence = close;

  /** Every call goes through here: asynchronous like the others, and refused once the handle is shut. */
  const call = async <T>(work: () => T): Promise<T> => {
    if (closed) throw new StoreError('STORE_UNAVAILABLE', 'the store is closed');
    return work();
  };

  // ------------------------------------------------------------------------------------------ journal

  const revisions = makeMemoryRevisions(data.revisions, data.entries, now);

  const append = (batch: readonly NewEvent[]): readonly AppendResult[] => {
    const { decisions, released } = revisions.apply(batch);
    if (released > 0) changes$.next('journal');
    if (decisions.some(({ status }) => status === 'held')) changes$.next('gaps');
    return batch.map(({ id }, i): AppendResult => {
      const decision = decisions[i];
      if (!decision || decision.status === 'done')
        throw new StoreError('INTERNAL', 'a decision is missing', { retry: 'never' });
      if (decision.status === 'held' || decision.seq === undefined) return { id, status: decision.status };
      return { id, status: decision.status, seq: decision.seq };
    });
  };

  const tellReleased = (released: number): void => {
    if (released > 0) changes$.next('journal');
  };

  const head = (): number => data.entries.at(-1)?.event.seq ?? 0;

  const kept = (after = 0): readonly Entry[] =>
    data.entries.slice(after).filter(({ event }) => !data.gone.has(event.seq));

  const read = ({ after, limit, itemId }: { after: number; limit: number; itemId?: number }): ReadResult => {
    const entries = kept(after)
      .filter(({ event }) => itemId === undefined || event.itemId === itemId)
      .slice(0, limit);
    return { entries: copy(entries), upTo: entries.at(-1)?.event.seq ?? after };
  };

  const entryAt = (seq: number): Entry => {
    const entry = data.entries[seq - 1];
    if (!entry) throw new StoreError('INTERNAL', `no entry has seq ${seq}`, { retry: 'never' });
    return copy(entry);
  };

  const recordsOf = (seq: number): readonly RunRecord[] =>
    [...data.records.values()]
      .filter(record => record.seq === seq)
      .sort((a, b) => (a.rule === b.rule ? a.replay - b.replay : a.rule < b.rule ? -1 : 1));

  const list = (query: EventQuery): readonly EventWithRuns[] => {
    const fits = ({ event }: Entry): boolean =>
      event.seq > (query.after ?? 0) &&
      (query.itemId === undefined || event.itemId === query.itemId) &&
      (query.app === undefined || event.app === query.app) &&
      (query.type === undefined || event.type === query.type) &&
      (query.since === undefined || Date.parse(event.receivedAt) >= query.since) &&
      (query.rule === undefined || recordsOf(event.seq).some(record => record.rule === query.rule));
    const all = kept().filter(fits);
    const page =
      query.last === undefined
        ? all.slice(0, query.limit ?? DEFAULT_LIMIT)
        : all.slice(Math.max(0, all.length - query.last));
    return page.map(({ event }) => ({
      event: copy(event),
      runs: recordsOf(event.seq).map(({ rule, replay, outcome, steps, error, shadow }) =>
        copy({
          rule,
          ...(replay > 0 && { replay }),
          outcome,
          steps,
          ...(error === undefined ? {} : { error }),
          ...(shadow && { shadow }),
        }),
      ),
    }));
  };

  const trace = (eventId: string): readonly TracedEntry[] =>
    kept()
      .filter(({ event }) => event.id === eventId)
      .map(({ event }) => ({ event: copy(event), runs: tracedRuns(event.seq) }));

  const tracedRuns = (seq: number): readonly TracedRun[] => {
    const parkedOf = (rule: string, replay: number): Pick<TracedRun, 'parked' | 'branches'> => {
      const rows = [...data.parked.values()].filter(
        row => row.rule === rule && row.key.seq === seq && row.key.replay === replay,
      );
      const told = rows.map(({ id, step, branch, attempts, error, requested }) => ({
        branch,
        park: { id: String(id), step, attempts, error, requested },
      }));
      const whole = told.find(({ branch }) => branch === '');
      const branches = told.filter(({ branch }) => branch !== '');
      return {
        ...(whole && { parked: whole.park }),
        ...(branches.length > 0 && { branches: branches.map(({ branch, park }) => ({ branch, ...park })) }),
      };
    };
    const finished = recordsOf(seq).map(
      ({ rule, replay, outcome, steps, error, shadow, endedAt }): TracedRun =>
        copy({
          rule,
          replay,
          outcome,
          steps,
          ...(error === undefined ? {} : { error }),
          ...(shadow && { shadow }),
          endedAt,
          ...parkedOf(rule, replay),
        }),
    );
    const open = [...data.runs.values()]
      .filter(({ rule, key }) => key.seq === seq && !data.records.has(runId(rule, key)))
      .map(
        (run): TracedRun => ({
          rule: run.rule,
          replay: run.key.replay,
          outcome: 'open',
          steps: copy(verdictsIn([...run.checkpoints.values()])),
          tries: openRun(run).tries,
          ...parkedOf(run.rule, run.key.replay),
        }),
      );
    const runs = [...finished, ...open];
    for (const rule of new Set([...data.lanes.values()].map(({ lane }) => lane.rule))) {
      const gathered = groups.traced(rule, seq);
      if (gathered === undefined) continue;
      const own = runs.findIndex(run => run.rule === rule && run.replay === 0);
      const run: TracedRun = runs[own] ?? { rule, replay: 0, outcome: 'open', steps: [] };
      const steps = run.outcome === 'open' ? [...copy(groups.judged(rule, seq)), ...run.steps] : run.steps;
      runs.splice(own < 0 ? runs.length : own, 1, { ...run, steps, gathered });
    }
    return runs.sort((a, b) => (a.rule === b.rule ? a.replay - b.replay : a.rule < b.rule ? -1 : 1));
  };

  // ------------------------------------------------------------------------------------------ lanes

  const groups = new MemoryGroups(data.groups, {
    eventAt: seq => (data.gone.has(seq) ? undefined : entryAt(seq).event),
    // On record too: a branch is parked while the run goes on.
    isParked: (rule, seq) =>
      [...data.parked.values()].some(
        row =>
          row.rule === rule &&
          row.key.seq === seq &&
          row.key.replay === 0 &&
          data.records.has(runId(rule, row.key)),
      ),
    now,
  });

  const laneOf = (lease: Lease) => {
    leases.check(lease);
    const row = data.lanes.get(laneKey(lease.lane));
    if (!row) throw staleLease(lease.lane.rule);
    return row;
  };

  const moveCursor = (lease: Lease, cursor: number): void => {
    const row = laneOf(lease);
    data.lanes.set(laneKey(row.lane), { ...row, cursor: Math.max(row.cursor, cursor) });
  };

  const acquire = (lane: LaneId, startAt: StartAt): Lease => {
    const start = startAt === 'head' ? head() : startAt === 'earliest' ? 0 : startAt;
    const rows = [...data.lanes.values()].filter(row => row.lane.rule === lane.rule);
    const before = data.lanes.get(laneKey(lane));
    const cursor = before?.cursor ?? (rows.length > 0 ? Math.min(...rows.map(row => row.cursor)) : start);
    const first = rows.length > 0 ? Math.min(...rows.map(row => row.loadedAt)) : now();
    const loadedAt = first > now() ? 0 : first;
    const reach = before?.reach ?? Math.max(0, ...rows.map(row => row.reach));
    data.epochs += 1;
    noteRule(data, lane.rule);
    groups.takenOver(lane.rule);
    data.lanes.set(laneKey(lane), { lane, epoch: data.epochs, cursor, loadedAt, reach });
    for (const [id, mark] of data.marks) {
      if (mark.rule !== lane.rule || mark.epoch !== before?.epoch) continue;
      data.marks.set(id, { ...mark, epoch: 0, alone: false, ends: mark.ends + (mark.alone ? 1 : 0) });
      // Dropped before it was marked.
      if (data.records.has(id) && rowsOf(mark.rule, mark.key).length === 0) data.marks.delete(id);
    }
    return leases.grant(lane, data.epochs);
  };

  const pauses = new MemoryPauses(
    data.paused,
    ({ kind, name }) =>
      [...data.runs.values()].flatMap(({ rule, tries }) =>
        [...tries.values()]
          .filter(stored => name === (kind === 'rule' ? rule : stored.tries.plugin))
          .map(stored => ({ rule, stored })),
      ),
    now,
  );

  /** Of a branch: what it comes from, and what is in it. */
  const openRun = (run: StoredRun, of = ''): OpenRun => {
    const concerns = ({ branch }: { branch: string }) => isWithin(branch, of) || isWithin(of, branch);
    return copy({
      key: run.key,
      fingerprint: run.fingerprint,
      checkpoints: [...run.checkpoints.values()].filter(concerns).map(one => leadingTo(one, of)),
      tries: [...run.tries.values()]
        .filter(({ tries }) => concerns(tries))
        .map(({ tries, at }) => elapsed(tries, at, pauses.standing(run.rule, tries.plugin))),
      parked: parkedIn(run.rule, run.key, of),
    });
  };

  const parkedIn = (rule: string, key: RunKey, of: string): readonly ParkRequest[] =>
    rowsOf(rule, key)
      .filter(({ branch }) => branch !== of && isWithin(branch, of))
      .map(({ step, branch, attempts, error }) => ({ step, branch, attempts, error }));

  const requested = (
    rule: string,
    { after = '0', limit = DEFAULT_LIMIT }: { after?: string; limit?: number } = {},
  ): readonly RequestedRun[] =>
    [...data.parked.values()]
      .filter(row => row.rule === rule && row.requested && row.id > Number(after))
      .slice(0, limit)
      .map(row => {
        const run = data.runs.get(runId(rule, row.key));
        return {
          parkedId: String(row.id),
          entry: entryAt(row.key.seq),
          step: row.step,
          branch: row.branch,
          run: run
            ? openRun(run, row.branch)
            : { key: row.key, fingerprint: '', checkpoints: [], tries: [], parked: [] },
          ...groups.together(rule, row.key),
        };
      });

  const doneAbove = (rule: string, cursor: number): readonly number[] => {
    const recorded = [...data.records.values()]
      .filter(record => record.rule === rule && record.replay === 0)
      .map(record => record.seq);
    return [...new Set([...recorded, ...groups.seqs(rule)])]
      .filter(seq => seq > cursor)
      .sort((a, b) => a - b);
  };

  const load = (lease: Lease): LaneState => {
    const { cursor, loadedAt, reach } = laneOf(lease);
    const { rule } = lease.lane;
    const suspects = [...data.marks.values()]
      .filter(mark => mark.rule === rule)
      .map(({ key, ends }) => ({ key, ends }))
      .sort((a, b) => a.key.seq - b.key.seq || a.key.replay - b.key.replay);
    return {
      cursor,
      loadedAt,
      done: doneAbove(rule, cursor),
      open: [...data.runs.values()]
        .filter(
          run =>
            run.rule === rule && !data.records.has(runId(rule, run.key)) && !parkedRowOf(rule, run.key, ''),
        )
        .sort((a, b) => a.key.seq - b.key.seq || a.key.replay - b.key.replay)
        .map(run => openRun(run)),
      ...((reach > 0 || suspects.length > 0) && { unclean: { reach, suspects } }),
      requested: requested(rule),
      ...(gatheredOf(rule).gathered !== undefined && { gathered: true as const }),
    };
  };

  /** What is kept of a run in hand belongs to one fingerprint: under another one the run has begun again where it differs. */
  const runFor = (lease: Lease, key: RunKey, fingerprint: string): StoredRun => {
    laneOf(lease);
    const { rule } = lease.lane;
    const id = runId(rule, key);
    const found = data.runs.get(id);
    if (found?.fingerprint === fingerprint) return found;
    const kept = found === undefined ? undefined : keptSteps(found.fingerprint, fingerprint);
    const checkpoints = [...(found?.checkpoints ?? [])].filter(([, { step }]) => kept?.has(step));
    const fresh: StoredRun = { rule, key, fingerprint, checkpoints: new Map(checkpoints), tries: new Map() };
    if (found?.passed && checkpoints.length > 0) fresh.passed = true;
    data.runs.set(id, fresh);
    return fresh;
  };

  const reach = (lease: Lease, seq: number): void => {
    const row = laneOf(lease);
    data.lanes.set(laneKey(row.lane), { ...row, reach: Math.max(row.reach, seq) });
  };

  const mark = (lease: Lease, key: RunKey, alone: boolean): void => {
    const { epoch, lane } = laneOf(lease);
    const id = runId(lane.rule, key);
    data.marks.set(id, { rule: lane.rule, key, epoch, alone, ends: data.marks.get(id)?.ends ?? 0 });
  };

  const release = (lease: Lease, cursor: number, reached?: Reached): void => {
    moveCursor(lease, cursor);
    const { reached: _, ...row } = laneOf(lease);
    data.lanes.set(laneKey(row.lane), { ...row, reach: 0, ...(reached && { reached: copy(reached) }) });
    for (const [id, found] of data.marks) {
      if (found.rule !== row.lane.rule || found.epoch !== row.epoch) continue;
      if (found.ends === 0) data.marks.delete(id);
      else data.marks.set(id, { ...found, epoch: 0, alone: false });
    }
  };

  const endedCleanly = (): void => {
    for (const [key, row] of data.lanes) data.lanes.set(key, { ...row, reach: 0 });
    for (const [id, found] of data.marks) {
      if (found.epoch === 0) continue;
      if (found.ends === 0) data.marks.delete(id);
      else data.marks.set(id, { ...found, epoch: 0, alone: false });
    }
  };

  const leave = (present: readonly string[], at = head()): void => {
    for (const [key, row] of data.lanes)
      if (row.leftAt === undefined && !present.includes(row.lane.rule))
        data.lanes.set(key, { ...row, leftAt: Math.max(at, row.cursor) });
  };

  const begunOf = (rule: string): readonly StoredRun[] =>
    [...data.runs].filter(([id, run]) => run.rule === rule && !data.records.has(id)).map(([, run]) => run);

  const leftOf = (rule: string): Pick<LaneStatus, 'left'> => {
    const row = [...data.lanes.values()].find(one => one.lane.rule === rule);
    if (row?.leftAt === undefined) return {};
    const { cursor, leftAt } = row;
    const begun = begunOf(rule).filter(({ key }) => key.replay > 0 || !groups.has(rule, key.seq));
    const come = new Set([
      ...doneAbove(rule, cursor),
      ...[...data.runs.values()]
        .filter(run => run.rule === rule && run.key.replay === 0 && run.key.seq > cursor)
        .map(({ key }) => key.seq),
    ]);
    const ahead = kept(cursor).filter(({ event }) => isOwed(row, event.seq) && !come.has(event.seq));
    return { left: { begun: begun.length, behind: ahead.length, at: leftAt } };
  };

  /** Of a rule of which nothing is parked. Undefined: it has not left. */
  const giveUp = (rule: string): GivenUp | undefined => {
    const lanes = [...data.lanes].filter(([, row]) => row.lane.rule === rule && row.leftAt !== undefined);
    if (lanes.length === 0) return undefined;
    let ended = 0;
    const end = (key: RunKey, steps: RunRecord['steps'], error?: string): void => {
      const id = runId(rule, key);
      if (data.records.has(id)) return;
      const told = { outcome: 'dropped' as const, steps, ...(error !== undefined && { error }) };
      const record = copy({ ...key, ...told, rule, endedAt: now() });
      data.records.set(id, record);
      data.lastRuns.set(rule, record);
      ended += 1;
    };
    for (const { key, checkpoints, tries } of begunOf(rule)) {
      const before = key.replay === 0 ? groups.judged(rule, key.seq) : [];
      const last = [...tries.values()].sort((a, b) => a.at - b.at).at(-1);
      end(key, [...before, ...verdictsIn([...checkpoints.values()])], last?.tries.error);
    }
    for (const seq of groups.seqs(rule))
      end({ seq, eventId: entryAt(seq).event.id, replay: 0 }, groups.judged(rule, seq));
    for (const [id, run] of data.runs) if (run.rule === rule) data.runs.delete(id);
    for (const [id, found] of data.marks) if (found.rule === rule) data.marks.delete(id);
    groups.endAll(rule);
    for (const [at, replay] of data.replays.entries())
      if (replay.rule === rule) data.replays[at] = { ...replay, cursor: Math.max(replay.cursor, replay.to) };
    const passed = leftOf(rule).left?.behind ?? 0;
    for (const [key, row] of lanes)
      data.lanes.set(key, { ...row, cursor: row.leftAt ?? row.cursor, reach: 0 });
    return { ended, passed };
  };

  const tried = (lease: Lease, key: RunKey, fingerprint: string, tries: Tries): void => {
    const run = runFor(lease, key, fingerprint);
    data.marks.delete(runId(lease.lane.rule, key));
    run.tries.set(pair(tries.step, tries.branch), { tries: copy(tries), at: now() });
  };

  const checkpoint = (lease: Lease, key: RunKey, fingerprint: string, made: Checkpoint): void => {
    const run = runFor(lease, key, fingerprint);
    run.checkpoints.set(pair(made.step, made.branch), copy(made));
    run.tries.delete(pair(made.step, made.branch));
  };

  const rowsOf = (rule: string, key: RunKey): readonly StoredPark[] =>
    [...data.parked.values()]
      .filter(row => runId(row.rule, row.key) === runId(rule, key))
      .sort((a, b) => a.id - b.id);

  const parkedRowOf = (rule: string, key: RunKey, branch: string): StoredPark | undefined =>
    rowsOf(rule, key).find(row => row.branch === branch);

  const park = (lease: Lease, key: RunKey, fingerprint: string, wanted: ParkRequest): void => {
    const run = runFor(lease, key, fingerprint);
    const { rule } = lease.lane;
    const place = pair(wanted.step, wanted.branch);
    run.tries.delete(place);
    // Dropped meanwhile, which is the later word.
    if (run.checkpoints.has(place) || parkedRowOf(rule, key, wanted.branch)) return;
    const id = ++data.parkedIds;
    data.parked.set(id, { ...wanted, id, rule, key, at: now(), requested: false });
  };

  const finish = (lease: Lease, finished: Finished, cursor: number): void => {
    const { record, park, parkedId, branch = '', rest, others } = finished;
    moveCursor(lease, cursor);
    const { rule } = lease.lane;
    const key: RunKey = { seq: record.seq, eventId: record.eventId, replay: record.replay };
    data.marks.delete(runId(rule, key));
    const row = parkedRowOf(rule, key, branch);
    // A retry whose row is gone was dropped meanwhile, which is the later word; a first park whose row is there is a repeat.
    const id = runId(rule, key);
    const isLast = rowsOf(rule, key).every(other => other === row);
    if (park && (parkedId !== undefined) !== (row !== undefined)) {
      if (parkedId !== undefined && isLast) data.runs.delete(id);
      return;
    }
    const run = data.runs.get(id);
    let { outcome } = record;
    if (park) {
      const parked = row?.id ?? ++data.parkedIds;
      data.parked.set(parked, { ...park, id: parked, rule, key, at: now(), requested: false });
      for (const [place, { tries }] of run?.tries ?? []) {
        if (isWithin(tries.branch, branch)) run?.tries.delete(place);
      }
    } else {
      if (row) data.parked.delete(row.id);
      if (run && (rest ?? outcome) === 'settled') run.passed = true;
      if (rowsOf(rule, key).length > 0) outcome = 'parked';
      else {
        if (outcome === 'parked') outcome = 'dropped';
        else if (branch !== '' && run?.passed) outcome = 'settled';
        data.runs.delete(id);
      }
    }
    const before = data.records.get(id);
    const steps = branch === '' ? record.steps : withBranch(before?.steps ?? [], branch, record.steps);
    const error = branch !== '' && !park && outcome === 'parked' ? before?.error : record.error;
    const { error: _, ...kept } = record;
    const stored: RunRecord = copy({
      ...kept,
      outcome,
      steps,
      ...(error !== undefined && { error }),
      rule,
      endedAt: now(),
    });
    data.records.set(id, stored);
    data.lastRuns.set(rule, stored);
    if (others === undefined) return;
    const { seqs = groups.others(rule, record.seq), judged, ...told } = others;
    for (const seq of seqs) {
      const key = { seq, eventId: entryAt(seq).event.id, replay: record.replay };
      // What was replaced stays so, whatever becomes of the run.
      const became = others.outcome === record.outcome ? outcome : others.outcome;
      const steps = [...(judged?.get(seq) ?? []), ...told.steps];
      const other: RunRecord = copy({ ...key, ...told, steps, outcome: became, rule, endedAt: now() });
      data.records.set(runId(rule, key), other);
      data.lastRuns.set(rule, other);
    }
    if (!park && rowsOf(rule, key).length === 0) groups.end(rule, record.seq);
  };

  const gather = (rule: string, { key, parkedId, judged, ...gathering }: Gathered): number | undefined => {
    const id = runId(rule, key);
    data.marks.delete(id);
    const row = parkedRowOf(rule, key, '');
    // Dropped meanwhile, which is the later word; or on record; or a repeat, so that it waits already.
    if ((parkedId === undefined) !== (row === undefined) || (!row && data.records.has(id)))
      return groups.waitMs(rule, key.seq);
    if (row) {
      data.parked.delete(row.id);
      data.records.delete(id);
    }
    data.runs.delete(id);
    groups.add(rule, key.seq, gathering, copy(judged ?? []));
    return groups.waitMs(rule, key.seq);
  };

  const gatheredOf = (rule: string): Pick<LaneStatus, 'gathered' | 'gatheredSince' | 'gatheredAt'> => {
    const waiting = [...groups.waiting()].filter(one => one.rule === rule && !one.isParked);
    if (waiting.length === 0) return {};
    return {
      gathered: waiting.length,
      gatheredSince: Math.min(...waiting.map(({ firstAt }) => firstAt)),
      gatheredAt: Math.max(...waiting.map(({ lastAt }) => lastAt)),
    };
  };

  const status = (): readonly LaneStatus[] => {
    const rules = [...new Set([...data.lanes.values()].map(row => row.lane.rule))].sort();
    return rules.map(rule => {
      const cursor = Math.min(
        ...[...data.lanes.values()].filter(row => row.lane.rule === rule).map(row => row.cursor),
      );
      const counts: Record<Outcome, number> = { settled: 0, filtered: 0, parked: 0, dropped: 0 };
      for (const record of data.records.values()) if (record.rule === rule) counts[record.outcome] += 1;
      const last = data.lastRuns.get(rule);
      const loaded = [...data.lanes.values()].filter(row => row.lane.rule === rule);
      return {
        rule,
        loadedAt: Math.min(...loaded.map(row => row.loadedAt)),
        cursor,
        lag: kept(cursor).length - doneAbove(rule, cursor).length,
        ...gatheredOf(rule),
        lastRunAt: last?.endedAt,
        lastOutcome: last?.outcome,
        counts,
        ...leftOf(rule),
      };
    });
  };

  // ------------------------------------------------------------------------------------------ parking

  const parkedRuns = (query: { rule?: string; limit?: number; after?: string } = {}): readonly ParkedRun[] =>
    [...data.parked.values()]
      .filter(
        row => row.id > Number(query.after ?? 0) && (query.rule === undefined || row.rule === query.rule),
      )
      .sort((a, b) => a.id - b.id)
      .slice(0, query.limit ?? DEFAULT_LIMIT)
      .map(row => ({
        id: String(row.id),
        rule: row.rule,
        seq: row.key.seq,
        event: entryAt(row.key.seq).event,
        ...manyOf(groups.together(row.rule, row.key).together),
        step: row.step,
        ...(row.branch !== '' && { branch: row.branch }),
        attempts: row.attempts,
        error: row.error,
        parkedAt: new Date(row.at).toISOString(),
      }));

  const manyOf = (together?: Together): { events?: number } =>
    together && together.mode !== 'latest' && together.count > 1 ? { events: together.count } : {};

  const counts = (): ReadonlyMap<string, number> => {
    const found = new Map<string, number>();
    for (const { rule } of data.parked.values()) found.set(rule, (found.get(rule) ?? 0) + 1);
    return found;
  };

  const selected = (selection: ParkedSelection): readonly StoredPark[] =>
    [...data.parked.values()].filter(row => {
      if ('ids' in selection) return selection.ids.includes(String(row.id));
      return 'all' in selection || row.rule === selection.rule;
    });

  const retry = (selection: ParkedSelection): readonly string[] => {
    const rows = selected(selection);
    const rules =
      'rule' in selection
        ? [selection.rule]
        : 'all' in selection
          ? new Set([...data.lanes.values()].map(row => row.lane.rule))
          : [];
    for (const rule of rules) {
      noteRule(data, rule);
      data.retries.set(rule, (data.retries.get(rule) ?? 0) + 1);
    }
    for (const row of rows) data.parked.set(row.id, { ...row, requested: true });
    if (rows.length > 0 || !('ids' in selection)) changes$.next('requests');
    return rows.map(row => String(row.id));
  };

  const drop = (selection: ParkedSelection): Dropped => {
    const rows = selected(selection);
    const runs = new Map<string, number>();
    for (const row of rows) {
      const id = runId(row.rule, row.key);
      data.parked.delete(row.id);
      data.marks.delete(id);
      const { seq, replay } = row.key;
      const record = data.records.get(id);
      if (row.branch !== '' && (!record || rowsOf(row.rule, row.key).length > 0)) {
        // Others go on: for them it has ended here.
        const { step, branch, attempts, error } = row;
        const verdict = { step, branch, outcome: 'failed', attempts, ms: 0, error } as const;
        data.runs.get(id)?.checkpoints.set(pair(step, branch), { step, branch, output: [], verdict });
      }
      if (!record || rowsOf(row.rule, row.key).length > 0) continue;
      data.runs.delete(id);
      const others = replay === 0 ? groups.others(row.rule, seq) : [];
      const ids = others.map(other => runId(row.rule, { seq: other, replay: 0 }));
      for (const each of [id, ...ids]) {
        const record = data.records.get(each);
        if (record?.outcome !== 'parked') continue;
        data.records.set(each, { ...record, outcome: 'dropped' });
        runs.set(row.rule, (runs.get(row.rule) ?? 0) + 1);
      }
      if (replay === 0) groups.end(row.rule, seq);
    }
    const ids = rows.map(row => String(row.id));
    if (!('rule' in selection)) return { ids, runs };
    const { rule } = selection;
    const given = giveUp(rule);
    if (given && given.ended > 0) runs.set(rule, (runs.get(rule) ?? 0) + given.ended);
    return { ids, runs, ...(given && { left: given }) };
  };

  // ------------------------------------------------------------------------------------------ replays

  const request = (rule: string, { from, to }: SeqRange): string => {
    const id = String(data.replays.length + 1);
    noteRule(data, rule);
    data.replays.push({ id, rule, from, to, cursor: from - 1, askedAt: now() });
    changes$.next('requests');
    return id;
  };

  const asked = (lease: Lease): Asked => {
    laneOf(lease);
    const { rule } = lease.lane;
    const all = data.replays.filter(replay => replay.rule === rule);
    return {
      retries: data.retries.get(rule) ?? 0,
      replays: all.flatMap(({ id, from, to, cursor }, at) =>
        cursor >= to
          ? []
          : [{ id, from, to, cursor, before: all.slice(0, at).map(({ from, to }) => ({ from, to })) }],
      ),
    };
  };

  const replayed = (lease: Lease, id: string, cursor: number): void => {
    laneOf(lease);
    const at = data.replays.findIndex(replay => replay.id === id && replay.rule === lease.lane.rule);
    const replay = data.replays[at];
    if (replay) data.replays[at] = { ...replay, cursor: Math.max(replay.cursor, cursor) };
  };

  const recorded = (lease: Lease, eventIds: readonly string[]): readonly RecordedRun[] => {
    laneOf(lease);
    const { rule } = lease.lane;
    return eventIds.flatMap(id => {
      const records = [...data.records.values()]
        .filter(record => record.rule === rule && record.eventId === id)
        .map(({ seq, eventId, replay, outcome, steps }) => {
          const last = outcome === 'filtered' ? steps.at(-1) : undefined;
          return { seq, eventId, replay, ...(last && { filteredBy: last.step }) };
        });
      const waiting = groups
        .seqs(rule)
        .filter(
          seq => entryAt(seq).event.id === id && !records.some(one => one.seq === seq && one.replay === 0),
        )
        .map(seq => ({ seq, eventId: id, replay: 0 }));
      return [...records, ...waiting].sort((a, b) => a.seq - b.seq || a.replay - b.replay);
    });
  };

  const retention = memoryRetention(data, { revisions, groups, kept, now });

  /** Of a singleton that is not lost. */
  const asSingleton = <T>(lease: Singleton, work: () => T): Promise<T> =>
    call(() => {
      leases.checkSingleton(lease);
      return work();
    });

  return {
    session: randomUUID(),
    changes$: changes$.asObservable(),
    singleton: name => call(() => leases.singleton(name)),
    now,
    probe: () => call(() => {}),
    rest: () => {},
    close: async () => {
      if (!closed) close();
    },
    reopen: () => openHandle(data, clock),
    journal: {
      append: batch => call(() => append(batch)),
      read: query => call(() => read(query)),
      head,
      list: query => call(() => list(query)),
      trace: eventId => call(() => trace(eventId)),
    },
    gaps: {
      held: () => call(revisions.held),
      open: () => call(revisions.open),
      ledger: items => call(() => revisions.ledger(items)),
      newest: itemId => call(() => revisions.newest(itemId)),
      deleted: (itemId, app) => call(() => revisions.deleted(itemId, app)),
      completeness: () => call(revisions.completeness),
      recover: (lease, found) =>
        call(() => {
          leases.checkSingleton(lease);
          const { told, released } = revisions.recover(found);
          tellReleased(released);
          return told;
        }),
      release: (lease, gap) =>
        call(() => {
          leases.checkSingleton(lease);
          tellReleased(revisions.release(gap));
          changes$.next('gaps');
        }),
      postpone: (lease, gap) =>
        call(() => {
          leases.checkSingleton(lease);
          revisions.postpone(gap);
        }),
      own: (itemId, revision, app) => call(() => tellReleased(revisions.own(itemId, revision, app))),
    },
    lanes: {
      acquire: (lane, startAt) => call(() => acquire(lane, startAt)),
      load: lease => call(() => load(lease)),
      requested: (lease, page) =>
        call(() => {
          laneOf(lease);
          return requested(lease.lane.rule, page);
        }),
      asked: lease => call(() => asked(lease)),
      replayed: (lease, id, cursor) => call(() => replayed(lease, id, cursor)),
      recorded: (lease, eventIds) => call(() => recorded(lease, eventIds)),
      settled: (lease, eventIds) =>
        call(() => {
          laneOf(lease);
          return new Set(
            eventIds.filter(eventId => recorded(lease, [eventId]).some(({ replay }) => replay === 0)),
          );
        }),
      previous: (rule, before, shadow = false) =>
        call(() => {
          const seqs = [...data.records.values()]
            .filter(
              run =>
                run.rule === rule &&
                run.replay === 0 &&
                run.outcome === 'settled' &&
                run.seq < before &&
                (shadow || !run.shadow),
            )
            .map(({ seq }) => seq);
          const last = data.entries.find(({ event }) => event.seq === Math.max(...seqs));
          return last && Date.parse(last.event.receivedAt);
        }),
      finish: (lease, finished, cursor) => call(() => finish(lease, finished, cursor)),
      advance: (lease, cursor) => call(() => moveCursor(lease, cursor)),
      reach: (lease, seq) => call(() => reach(lease, seq)),
      mark: (lease, run, alone) => call(() => mark(lease, run, alone)),
      release: (lease, cursor, reached) => call(() => release(lease, cursor, reached)),
      endedCleanly: () => call(endedCleanly),
      leave: (present, at) => call(() => leave(present, at)),
      tried: (lease, run, fingerprint, tries) => call(() => tried(lease, run, fingerprint, tries)),
      checkpoint: (lease, run, fingerprint, made) => call(() => checkpoint(lease, run, fingerprint, made)),
      gather: (lease, gathered, cursor) =>
        call(() => {
          moveCursor(lease, cursor);
          return gathered.map(one => gather(lease.lane.rule, one));
        }),
      close: (lease, query) => call(() => groups.close(laneOf(lease).lane.rule, query)),
      closed: (lease, page) => call(() => groups.closed(laneOf(lease).lane.rule, page)),
      members: (lease, lead) => call(() => copy(groups.members(laneOf(lease).lane.rule, lead))),
      admit: (lease, throttle) => call(() => groups.admit(laneOf(lease).lane.rule, throttle)),
      park: (lease, run, fingerprint, wanted) => call(() => park(lease, run, fingerprint, wanted)),
      status: () => call(status),
    },
    parking: {
      list: query => call(() => parkedRuns(query)),
      counts: () => call(counts),
      retry: selection => call(() => retry(selection)),
      drop: selection => call(() => drop(selection)),
    },
    replays: {
      request: (rule, range) => call(() => request(rule, range)),
      list: () => call(() => copy(data.replays.filter(({ cursor, to }) => cursor < to))),
    },
    own: {
      add: change =>
        call(() => {
          if (!data.own.has(change.id)) data.own.set(change.id, { ...copy(change), at: now() });
        }),
      find: id =>
        call(() => {
          const found = data.own.get(id);
          if (found === undefined) return undefined;
          const { at: _, ...change } = found;
          return change;
        }),
      items: () =>
        call(() => {
          const all = [...data.own.values()];
          const items = new Set(all.flatMap(({ itemId }) => itemId ?? []));
          return { items: [...items], others: all.some(({ itemId }) => itemId === undefined) };
        }),
    },
    pauses: pauses.api(call, () => changes$.next('requests')),
    rules: {
      keys: () => call(() => new Map(data.ruleKeys)),
      rename: (from, to) => call(() => renameRule(data, from, to)),
    },
    timers: memoryTimers(data.timers, call, now),
    retention: {
      removeEvents: (lease, removal) => asSingleton(lease, () => retention.removeEvents(removal)),
      forgetSteps: (lease, olderThanMs) => asSingleton(lease, () => retention.forgetSteps(olderThanMs)),
      giveBack: lease => asSingleton(lease, () => false),
      usage: () => call(retention.usage),
    },
    values: memoryValues(data.values, call),
    settings: memorySettings(data.settings, call),
  };
}
