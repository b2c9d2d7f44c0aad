/**
 * The store's interfaces: all durable state of the daemon. Embedded in SQLite today (`sqlite/`), with an in-memory twin
 * for tests (`memory.ts`); shaped so that a shared server can be a third. Both pass test/contract/store.
 *
 * All calls are asynchronous and may reject with StoreError: STORE_UNAVAILABLE (try again), STORE_WRITE_FAILED,
 * STORE_STALE_LEASE. A write's promise resolves when it is on disk; writes that wait together share one flush. Times
 * come in as durations and go out as remaining milliseconds or UTC milliseconds of the store's own clock.
 */
import type { Observable } from 'rxjs';
import { childOf, isWithin } from '../core/branch.ts';
import type { NewEvent, PodioEvent } from '../core/event.ts';
import { CONDITIONS_HELD } from '../core/fingerprint.ts';
import type { Code } from '../core/garbage.ts';
import type { Gathering, GatherMode } from '../core/gather.ts';
import type { LedgerEntry, Range } from '../core/ledger.ts';
import type { OwnChange } from '../core/own.ts';
import type { Outcome, ParkedRun, RunRecord, StepVerdict } from '../core/run.ts';

/** What may have changed. Level, not edge: whoever is woken looks. Several changes may come as one pulse. */
export type Pulse = 'journal' | 'requests' | 'gaps';

export interface Store {
  /** Identifies this opening of the store, in records and logs. */
  readonly session: string;
  readonly changes$: Observable<Pulse>;
  readonly journal: Journal;
  readonly gaps: Gaps;
  readonly lanes: Lanes;
  readonly parking: Parking;
  readonly replays: Replays;
  readonly pauses: Pauses;
  readonly own: OwnChanges;
  readonly rules: Rules;
  readonly timers: Timers;
  readonly values: Values;
  readonly settings: Settings;
  readonly retention: Retention;
  /** Work that one process at a time may do, such as `gap-release` or `catch-up`. */
  singleton(name: string): Promise<Singleton>;
  /** The store's clock, UTC milliseconds. Never goes back within one opening. */
  now(): number;
  /** Writes and flushes something, then reads it back: what a health check wants to know. */
  probe(): Promise<void>;
  /** Gives back memory that it does not need now; code as well in moments when nothing is asked of it. */
  rest(code: Code): void;
  /** Finishes what waits, then closes. Calls after it reject with STORE_UNAVAILABLE. */
  close(): Promise<void>;
}

// ---------------------------------------------------------------------------------------------- journal

/** An entry as lanes read it. */
export interface Entry {
  readonly event: PodioEvent;
  /**
   * The same change stands in the journal at a lower seq too, under another ref. Only then does a lane have to ask
   * whether its rule has run for that id.
   */
  readonly twin: boolean;
}

/** `held` (waiting for missing revisions) gets its seq at release. A `repeat` has the seq of the first, once that has one. */
export interface AppendResult {
  readonly id: string;
  readonly status: 'released' | 'held' | 'repeat';
  readonly seq?: number;
}

export interface ReadResult {
  readonly entries: readonly Entry[];
  /** Everything up to this seq has been looked at; equals `after` when there is nothing. seqs may have holes. */
  readonly upTo: number;
}

/** An event with what every rule made of it; `open` runs have no record yet. */
export interface EventWithRuns {
  readonly event: PodioEvent;
  readonly runs: readonly {
    readonly rule: string;
    /** Which replay of the event it was; absent: none. */
    readonly replay?: number;
    readonly outcome: Outcome;
    readonly steps: readonly StepVerdict[];
    readonly error?: string;
    /** Nothing was done to the world outside. */
    readonly shadow?: true;
  }[];
}

/** An entry with all that rules have on record of it. */
export interface TracedEntry {
  readonly event: PodioEvent;
  /** Finished ones and those that are not, by rule and replay. */
  readonly runs: readonly TracedRun[];
}

/** A run as it stands on disk. */
export interface TracedRun {
  readonly rule: string;
  readonly replay: number;
  /** `open`: it has begun and is not finished. */
  readonly outcome: Outcome | 'open';
  /** Those that have finished. */
  readonly steps: readonly StepVerdict[];
  readonly error?: string;
  /** Nothing was done to the world outside. Not known of an open run. */
  readonly shadow?: true;
  /** UTC milliseconds. */
  readonly endedAt?: number;
  /** Of an open run: what has failed so far. */
  readonly tries?: readonly Tries[];
  /** While it is parked as a whole. */
  readonly parked?: TracedPark;
  /** Branches that are parked by themselves, in the order in which they were. */
  readonly branches?: readonly (TracedPark & { readonly branch: string })[];
  /** While the event waits to be run with others. */
  readonly gathered?: {
    readonly mode: GatherMode;
    /** How many wait together, this one included. */
    readonly count: number;
    /** When the first of them came, UTC milliseconds. */
    readonly since: number;
    /** Until the group is complete; 0 or less: it is. Undefined: not by itself. */
    readonly waitMs?: number;
    /** The event under which they are run, once the group is complete. */
    readonly lead?: string;
  };
}

export interface TracedPark {
  readonly id: string;
  readonly step: string;
  readonly attempts: number;
  readonly error: string;
  /** A person has asked for it, and it has not run again yet. */
  readonly requested: boolean;
}

/** How many a list answers at most where the query does not say. */
export const DEFAULT_LIMIT = 1000;

export interface EventQuery {
  /** Only entries above this seq, oldest first; with `last`, the last n entries that fit, oldest first. */
  readonly after?: number;
  readonly last?: number;
  /** DEFAULT_LIMIT unless told; `last` is a limit of its own. */
  readonly limit?: number;
  /** Only events that this rule has a run record of. */
  readonly rule?: string;
  readonly itemId?: number;
  readonly app?: string;
  readonly type?: string;
  /** receivedAt at or after, UTC milliseconds. */
  readonly since?: number;
}

export interface Journal {
  /**
   * Stores a batch in order, in one transaction. Idempotent: the same (ref, id) again is a `repeat`. Calls that wait
   * together share one flush.
   */
  append(batch: readonly NewEvent[]): Promise<readonly AppendResult[]>;
  /** `itemId`: of this item only. */
  read(query: { after: number; limit: number; itemId?: number }): Promise<ReadResult>;
  /** The highest seq given so far, 0 when empty. */
  head(): number;
  /** For people and commands: events with their runs. */
  list(query: EventQuery): Promise<readonly EventWithRuns[]>;
  /** For people and commands: the entries of one change (there is one for each ref that told of it), ascending. */
  trace(eventId: string): Promise<readonly TracedEntry[]>;
}

// ---------------------------------------------------------------------------------------------- gaps

/** The right to do a piece of work alone. Asked between its steps; writes that take it reject when it is lost. */
export interface Singleton {
  readonly name: string;
  readonly epoch: number;
  usable(): boolean;
  /** Aborted when it is lost. */
  readonly signal: AbortSignal;
}

/** An item whose events wait, since revisions before them are missing. */
export interface HeldItem {
  readonly itemId: number;
  /** The app's name in the config; absent when it had none. */
  readonly app: string | undefined;
  /** How long the oldest of them has waited, milliseconds. */
  readonly heldMs: number;
  readonly events: number;
  readonly missing: readonly Range[];
}

/** Missed revisions that nothing waits for any more, to be tried again. */
export interface OpenGap {
  readonly itemId: number;
  readonly app: string;
  readonly missing: readonly Range[];
  /** Why they could not be read. */
  readonly why: string;
  /** UTC milliseconds. */
  readonly since: number;
  /** Until the next try; 0 or less: now. */
  readonly waitMs: number;
}

/** What was found out about one item. */
export interface Recovery {
  readonly itemId: number;
  /** The app's name in the config. */
  readonly app: string;
  /** The missed changes, ascending by revision, as `recovered` events of the app. */
  readonly events: readonly NewEvent[];
  /** Up to here there is nothing left to find out, but for what was left open and not looked for. */
  readonly upTo: number;
  /** What was looked for, ascending: none of it stays open. */
  readonly missing: readonly Range[];
  /** Missed changes that can't be read any more. Counted where nobody has told of them or given them up meanwhile, and none is held. */
  readonly unprovable?: { readonly revisions: readonly Range[]; readonly why: string };
}

/** What is known of how completely an app's changes have been seen. Revisions of items; times are UTC milliseconds. */
export interface Completeness {
  readonly app: string;
  readonly delivered: number;
  readonly recovered: number;
  /** Made by podiod itself. */
  readonly own: number;
  readonly unprovable: readonly { readonly why: string; readonly count: number; readonly lastAt: number }[];
  /** Missing and not given up: those that events wait for, and open gaps. */
  readonly open: number;
}

/** Why a change is counted as lost: for what is proved by {@link Gaps.deleted}. */
export const UNTOLD_DELETION = 'the item was deleted, as a read has shown, and no delivery told of it';

/** So many events of an item are looked at for its newest revision: deliveries come nearly in order. */
export const LATEST_EVENTS = 100;

/** The ledger of revisions, and what waits for what is missing in it. */
export interface Gaps {
  /** Longest held first. */
  held(): Promise<readonly HeldItem[]>;
  open(): Promise<readonly OpenGap[]>;
  /** Items that nothing is known of are left out. */
  ledger(items: readonly number[]): Promise<ReadonlyMap<number, LedgerEntry>>;
  /** The newest revision of the item that is known: from the ledger, or from any of its latest events, under whatever ref, held ones too. */
  newest(itemId: number): Promise<number | undefined>;
  /**
   * Appends what was missed and releases what waited for it, in the order of revisions, one transaction. What has come
   * in meanwhile is left out. Answers how many events of these were appended.
   */
  recover(lease: Singleton, found: readonly Recovery[]): Promise<number>;
  /** Releases what is held of the item; what is missing stays open, to be tried again after `retryMs`. */
  release(lease: Singleton, gap: GapFailure): Promise<void>;
  /** An open gap could not be read again. */
  postpone(lease: Singleton, gap: GapFailure): Promise<void>;
  /** podiod made this revision itself, so nobody has missed it. `app`: a name of the config, for the counts. */
  own(itemId: number, revision: number, app?: string): Promise<void>;
  /**
   * A read has proved that the item is gone. It counts as lost (UNTOLD_DELETION) as long as no `item.delete` of it is in the
   * journal. `app`: a name of the config, for the counts.
   */
  deleted(itemId: number, app: string): Promise<void>;
  /** Of every app that changes are known of, by name. */
  completeness(): Promise<readonly Completeness[]>;
}

export interface GapFailure {
  readonly itemId: number;
  readonly app: string;
  readonly why: string;
  readonly retryMs: number;
}

// ---------------------------------------------------------------------------------------------- lanes

export interface LaneId {
  readonly rule: string;
  readonly shard: number;
  readonly of: number;
}

/** The right to write for a lane. Every write checks it and rejects with STORE_STALE_LEASE when it is lost. */
export interface Lease {
  readonly lane: LaneId;
  readonly epoch: number;
  usable(): boolean;
  /** Aborted when the lease is lost. */
  readonly signal: AbortSignal;
}

/** Which run: of an event (replay 0) or of its n-th replay. */
export interface RunKey {
  readonly seq: number;
  readonly eventId: string;
  readonly replay: number;
}

/** A run on record. */
export interface RecordedRun extends RunKey {
  /** What let nothing through, where it ended so and that is known: the last step, or what was decided before the first. */
  readonly filteredBy?: string;
}

/** A step of a run in hand that finished, with what it passed on: what it added to `data`, of each message, in order. */
export interface Checkpoint {
  readonly step: string;
  /** `''` where there is one branch only. */
  readonly branch: string;
  readonly output: readonly Readonly<Record<string, unknown>>[];
  /** How the branches are called that it has opened, one for each of `output`. */
  readonly branches?: readonly string[];
  readonly verdict: StepVerdict;
  /** What was decided before the first step, with one of a run's checkpoints, where something was looked at. */
  readonly before?: readonly StepVerdict[];
}

/**
 * What concerns that branch: of what a step before it has passed on, only what leads to it. There may be a thousand, and as many
 * branches that are asked for at the same time.
 */
export function leadingTo(checkpoint: Checkpoint, of: string): Checkpoint {
  const { branch, output } = checkpoint;
  if (output.length < 2 || isWithin(branch, of)) return checkpoint;
  const { branches = output.map((_, n) => String(n)) } = checkpoint;
  const kept = branches.flatMap((name, n) => (isWithin(of, childOf(branch, name)) ? [n] : []));
  return {
    ...checkpoint,
    output: kept.map(n => output[n] ?? {}),
    branches: kept.map(n => branches[n] ?? ''),
  };
}

/** Of steps that have finished, in their order: what is on record of a run that has not ended. */
export const verdictsIn = (checkpoints: readonly Checkpoint[]): readonly StepVerdict[] =>
  checkpoints.flatMap(({ step, verdict, before = [] }) =>
    // By itself it only says that there is nothing left to decide.
    step === CONDITIONS_HELD && !verdict.checks ? before : [...before, verdict],
  );

/** How often a step of a run in hand has failed so far. */
export interface Tries {
  readonly step: string;
  readonly branch: string;
  readonly attempts: number;
  /** Since the first try, milliseconds. */
  readonly sinceFirstMs: number;
  /** Until the next try may start; 0 or less: now. */
  readonly waitMs: number;
  readonly error: string;
  /** The step's. While it, or the rule, is paused, none of these times passes. */
  readonly plugin?: string;
}

/** What is known of a run that is not finished. */
export interface OpenRun {
  readonly key: RunKey;
  /** The rule's fingerprint when the checkpoints were made. Of another one now, what its first steps have in common holds. */
  readonly fingerprint: string;
  readonly checkpoints: readonly Checkpoint[];
  readonly tries: readonly Tries[];
  /** Branches of it that are parked by themselves. */
  readonly parked: readonly ParkRequest[];
}

/** All that a lane needs to go on after a restart. */
export interface LaneState {
  /** Everything up to here is settled: a lower bound, run records decide. */
  readonly cursor: number;
  /** When the rule was first loaded, UTC milliseconds; 0: not known, since the clock was set back or nobody kept it. */
  readonly loadedAt: number;
  /** seqs above the cursor whose runs are finished, or that wait to be run with others. */
  readonly done: readonly number[];
  readonly open: readonly OpenRun[];
  /** What may have been in hand when the owner before ended; absent when that was a clean end. */
  readonly unclean?: Unclean;
  /** Asked for by `parked retry`, the first page. Each resumes at its failed step. */
  readonly requested: readonly RequestedRun[];
  /** Events wait to be run together. */
  readonly gathered?: true;
}

/** What a lane's owner may have had in hand when it ended without `release`. */
export interface Unclean {
  /** Runs of entries up to this seq may have been started. */
  readonly reach: number;
  /** Runs that had a start mark then, or at an unclean end before. */
  readonly suspects: readonly Suspect[];
}

export interface Suspect {
  readonly key: RunKey;
  /** At how many unclean ends it was alone in hand. */
  readonly ends: number;
}

export interface RequestedRun {
  readonly parkedId: string;
  readonly entry: Entry;
  /** Where it was parked. A branch other than '' goes on alone, and `run` holds what concerns it. */
  readonly step: string;
  readonly branch: string;
  readonly run: OpenRun;
  /** Where events that were gathered are run under this one. */
  readonly together?: Together;
}

/** Events that are run together, under the one with the highest seq: the lead. The group is complete. */
export interface Together {
  readonly mode: GatherMode;
  /** Groups of the same name run one after another. */
  readonly group: string;
  readonly count: number;
}

/** A complete group that waits to be run, or is in hand. */
export interface ClosedGroup extends Together {
  /** In which order groups became complete. */
  readonly place: number;
  /** The last of its events, under which it is run. */
  readonly lead: PodioEvent;
}

/** An event that is to wait for others in place of a run of its own. */
export interface Gathered extends Gathering {
  readonly key: RunKey;
  /** What has decided that it is to wait. */
  readonly judged?: readonly StepVerdict[];
  /** Set when a person has asked for its run, which was parked: that parked row goes away. */
  readonly parkedId?: string;
}

/** An event of a complete group. */
export interface Member {
  readonly event: PodioEvent;
  /** As it was gathered. */
  readonly judged: readonly StepVerdict[];
}

/** Events of the journal, both ends included. */
export interface SeqRange {
  readonly from: number;
  readonly to: number;
}

/** A replay that is not through yet. */
export interface LaneReplay extends SeqRange {
  readonly id: string;
  /** Everything of it up to here has been run; run records say which later ones have. */
  readonly cursor: number;
  /** What was asked for before it. An event's replays are numbered by how many of these have it, this one included. */
  readonly before: readonly SeqRange[];
}

/** What operators have asked of a lane. */
export interface Asked {
  /** How often the rule's parked runs were asked for together, ever. */
  readonly retries: number;
  /** Oldest first. */
  readonly replays: readonly LaneReplay[];
}

export interface ParkRequest {
  readonly step: string;
  readonly branch: string;
  readonly attempts: number;
  readonly error: string;
}

/** The end of a run. One write: record, removal of its tries and checkpoints, parking, and the cursor. */
export interface Finished {
  readonly record: Omit<RunRecord, 'rule' | 'endedAt'>;
  /** With outcome `parked`: what to keep for a retry. Its checkpoints stay too. */
  readonly park?: ParkRequest;
  /**
   * Set when this was a retry: that parked row goes away, or is renewed under the same id when the run parks again. When
   * it was dropped meanwhile, parking again does nothing.
   */
  readonly parkedId?: string;
  /**
   * Where it was run for others too: what their records are to say, after what is in `judged` of their seq. They wait no
   * longer, unless the run is parked. Of a retry, `seqs` says which these are: it may have been dropped meanwhile, and then
   * nothing holds them together any more.
   */
  readonly others?: Pick<RunRecord, 'outcome' | 'steps' | 'error' | 'shadow'> & {
    readonly seqs?: readonly number[];
    readonly judged?: ReadonlyMap<number, readonly StepVerdict[]>;
  };
  /** Of a retry of one branch: `record` is about that one, and goes into what is on record of the others. */
  readonly branch?: string;
  /**
   * With outcome `parked` and no `park`, where branches are parked by themselves: what became of the rest. What is kept for
   * them stays until the last one has ended; when all were dropped meanwhile the outcome is `dropped`.
   */
  readonly rest?: Outcome;
}

/** Which groups to complete, in place of those that are due. */
export interface Closable {
  /** Those that have an event below this seq. */
  readonly before?: number;
  /** Those that are not as the rule gathers now: of another mode, or `timed` and yet without a time. */
  readonly unlike?: { readonly mode: GatherMode | undefined; readonly timed: boolean };
  /** Of what is due, only what was so long ago. */
  readonly agoMs?: number;
}

export interface Closing {
  /** How many were completed: where that is the limit, there may be more. */
  readonly closed: number;
  /** Until the next one is due, 0 or less: it is already, but was not `agoMs` ago; undefined: none is by itself. */
  readonly nextMs: number | undefined;
}

export interface LaneStatus {
  readonly rule: string;
  /** When the rule was first loaded, UTC milliseconds; 0: not known. */
  readonly loadedAt: number;
  readonly cursor: number;
  /** Entries after the cursor that are not settled by this lane. */
  readonly lag: number;
  /** Events that wait to be run together, those that are in hand included; absent: none. */
  readonly gathered?: number;
  /** When the first and the latest of these came, UTC milliseconds. */
  readonly gatheredSince?: number;
  readonly gatheredAt?: number;
  readonly lastRunAt: number | undefined;
  readonly lastOutcome: Outcome | undefined;
  readonly counts: Readonly<Record<Outcome, number>>;
  /** Of a rule that has left the config: what waits for it to come back, beside what is gathered and parked. */
  readonly left?: Left;
}

/** How far a lane has come. */
export interface Reached {
  /** The newest entry that it has looked at. */
  readonly lookedTo: number;
  /** No entry above this, of those that it has looked at, waits for it. */
  readonly openTo: number;
}

export interface Left {
  /** Runs that have begun and not ended. */
  readonly begun: number;
  /**
   * Entries from before it left that it had not come to; which of them it wants only the rule could say. Where its lane did not end
   * cleanly those that it had passed over are among them.
   */
  readonly behind: number;
  /** The newest entry when it left. */
  readonly at: number;
}

/** After the newest entry, before all of them, or after this one. */
export type StartAt = 'head' | 'earliest' | number;

export interface Lanes {
  /** Takes over the lane. A lane seen for the first time starts as `startAt` says. */
  acquire(lane: LaneId, startAt: StartAt): Promise<Lease>;
  load(lease: Lease): Promise<LaneState>;
  /**
   * Parked runs that are asked to be retried, for a look on a `requests` pulse. Each is told until it is finished or
   * dropped, so a lane passes over those that it has in hand. Oldest first, DEFAULT_LIMIT unless told; `after` is the
   * parkedId of the last one of the page before.
   */
  requested(lease: Lease, page?: { after?: string; limit?: number }): Promise<readonly RequestedRun[]>;
  asked(lease: Lease): Promise<Asked>;
  /** Everything of the replay up to `cursor` has been run; at its end that is the end of it. Only ever moves forward. */
  replayed(lease: Lease, replayId: string, cursor: number): Promise<void>;
  /** The rule's runs on record of these changes, replays and twins included, and what it has gathered. */
  recorded(lease: Lease, eventIds: readonly string[]): Promise<readonly RecordedRun[]>;
  /** Which of these event ids the rule has a run record (replay 0) for, or has gathered. For twins. */
  settled(lease: Lease, eventIds: readonly string[]): Promise<ReadonlySet<string>>;
  /**
   * When the event came, UTC milliseconds, that the rule last settled a run for (replay 0, outcome `settled`), of those
   * below `before`. Runs in shadow have done nothing, so they count for a rule in shadow alone. Needs no lease: it is asked in
   * a step.
   */
  previous(rule: string, before: number, shadow?: boolean): Promise<number | undefined>;
  /** `cursor`: nothing at or below it is open any more, this run included. Only ever moves forward. */
  finish(lease: Lease, finished: Finished, cursor: number): Promise<void>;
  /**
   * These events wait for others from now on (core/gather.ts says how), in this order, and count as taken in: one write with
   * the cursor, which is as in `finish`. What was kept of runs of their own goes. An event that waits or is on record already
   * is left as it is. Answers of each how long its group waits yet, counted from when its events came: undefined where that
   * is not by itself, 0 or less where it is complete.
   */
  gather(
    lease: Lease,
    gathered: readonly Gathered[],
    cursor: number,
  ): Promise<readonly (number | undefined)[]>;
  /**
   * Completes groups, `limit` at most: those that are due, the longest first, and of the latest only none whose run before
   * is in hand yet.
   */
  close(lease: Lease, query: Closable & { readonly limit: number }): Promise<Closing>;
  /** Complete groups that are not parked, in the order in which they became so. */
  closed(lease: Lease, page: { after: number; limit: number }): Promise<readonly ClosedGroup[]>;
  /** The events of a complete group, ascending by seq; none when there is no such group. */
  members(lease: Lease, lead: RunKey): Promise<readonly Member[]>;
  /**
   * Takes leave to begin a run, of which `max` may begin within any `perMs`. 0: it may begin. Else how long to wait before
   * asking again, milliseconds.
   */
  admit(lease: Lease, throttle: { max: number; perMs: number }): Promise<number>;
  /** Moves the cursor over entries that the rule does not match. */
  advance(lease: Lease, cursor: number): Promise<void>;
  /** From now on runs of entries up to `seq` may be started: what may be in hand at an unclean end. Only ever moves forward. */
  reach(lease: Lease, seq: number): Promise<void>;
  /**
   * This run is about to be started, `alone` when no other of the lane is in hand meanwhile. Its end, `tried` and
   * `release` take the mark away; a takeover before that counts as an unclean end of a run that was alone.
   */
  mark(lease: Lease, run: RunKey, alone: boolean): Promise<void>;
  /** A clean end: moves the cursor, and nothing is in hand any more. `reached`: for the case that the rule leaves the config. */
  release(lease: Lease, cursor: number, reached?: Reached): Promise<void>;
  /**
   * Before any lane is taken over: whoever had them last has ended in good order, whether or not the store took that. No mark is
   * left but of what was suspected before.
   */
  endedCleanly(): Promise<void>;
  /**
   * The config has these rules and no others. Of each other one is kept how far the journal had come when it left, which is now
   * where `at` does not say: what came before that waits until its lane is taken over again, or it is dropped.
   */
  leave(present: readonly string[], at?: number): Promise<void>;
  /** Records a failed try of a step, for attempts and waits that outlive a restart. */
  tried(lease: Lease, run: RunKey, fingerprint: string, tries: Tries): Promise<void>;
  /** Records a finished step. The next step starts after this resolves. Its tries are forgotten. */
  checkpoint(lease: Lease, run: RunKey, fingerprint: string, checkpoint: Checkpoint): Promise<void>;
  /** Parks one branch of a run in hand by itself; the others go on. Its tries are forgotten. */
  park(lease: Lease, run: RunKey, fingerprint: string, park: ParkRequest): Promise<void>;
  /** Of every lane that ever was, live or not. */
  status(): Promise<readonly LaneStatus[]>;
}

// ---------------------------------------------------------------------------------------------- parking

/** Which parked runs: by id, of a rule, or all. */
export type ParkedSelection =
  | { readonly ids: readonly string[] }
  | { readonly rule: string }
  | { readonly all: true };

/** What was not parked, but waited for its rule to come back. */
export interface GivenUp {
  /** Runs that have ended by it; they are among those of the rule. */
  readonly ended: number;
  /** Entries that the rule had not come to, and never will. */
  readonly passed: number;
}

/** What came of giving parked runs up. */
export interface Dropped {
  readonly ids: readonly string[];
  /** By rule, the runs that have ended by it: not one of which other branches go on or stay parked. */
  readonly runs: ReadonlyMap<string, number>;
  /** Of a rule that has left the config. */
  readonly left?: GivenUp;
}

export interface Parking {
  /** Oldest first, DEFAULT_LIMIT unless told; `after` is the id of the last one of the page before. */
  list(query?: { rule?: string; limit?: number; after?: string }): Promise<readonly ParkedRun[]>;
  /** How many are parked, by rule. */
  counts(): Promise<ReadonlyMap<string, number>>;
  /** Asks the lanes to run these again; answers the ids taken. Durable: a restart does not forget the wish. */
  retry(selection: ParkedSelection): Promise<readonly string[]>;
  /**
   * Gives these up for good: their runs' outcome becomes `dropped`. Of a rule that has left the config, asked for by its name, also
   * what waits for it to come back.
   */
  drop(selection: ParkedSelection): Promise<Dropped>;
}

// ---------------------------------------------------------------------------------------------- replays

export interface Replay extends SeqRange {
  readonly id: string;
  readonly rule: string;
  readonly cursor: number;
  /** UTC milliseconds. */
  readonly askedAt: number;
}

export interface Replays {
  /** Asks the rule's lane to run these events again. Answers the replay's id. Durable: a restart does not forget it. */
  request(rule: string, range: SeqRange): Promise<string>;
  /** Those that are not through yet, oldest first. */
  list(): Promise<readonly Replay[]>;
}

// ---------------------------------------------------------------------------------------------- pauses

/** What operators can pause: a rule, or a plugin by its key of `plugins` or its own name. */
export interface Pausable {
  readonly kind: 'rule' | 'plugin';
  readonly name: string;
}

export interface Paused extends Pausable {
  /** UTC milliseconds. */
  readonly since: number;
}

/** Durable: a restart does not forget a pause. */
export interface Pauses {
  /** False: it is paused already, and stays so since then. */
  pause(what: Pausable): Promise<boolean>;
  /** False: it is not paused. The times of its tries go on where they stood still. */
  resume(what: Pausable): Promise<boolean>;
  /** By kind and name. */
  list(): Promise<readonly Paused[]>;
}

// ---------------------------------------------------------------------------------------------- rules

/** `unknown`: nothing is kept of a rule that was called so. `taken`: a rule that is called so now has runs of its own. */
export type Renamed = 'renamed' | 'unknown' | 'taken';

/** Rules that there are or were, by their names. */
export interface Rules {
  /** What stands for each in identities (core/rule-key.ts). It stays when the rule is renamed. */
  keys(): Promise<ReadonlyMap<string, string>>;
  /**
   * All that is kept of a rule goes on under another name: how far it is, its runs, what is parked, asked for or paused of
   * it. It must have no lane that is held. Either nothing has happened or all of it.
   */
  rename(from: string, to: string): Promise<Renamed>;
}

// ---------------------------------------------------------------------------------------------- timers

/** Something that is to be looked at later, or only kept in mind. One for each rule and key. */
export interface TimerSetting {
  /** What stands for the rule (core/rule-key.ts). */
  readonly rule: string;
  readonly key: string;
  /** Until it is due, milliseconds; 0 or less: now. Undefined: never, it is only kept. */
  readonly inMs: number | undefined;
  /** Small JSON. */
  readonly value: unknown;
}

export interface Timer extends TimerSetting {
  /** Another one each time it is set. */
  readonly stamp: number;
}

export interface TimerCount {
  readonly count: number;
  /** Milliseconds; less than 0: it has been due for so long. */
  readonly nextMs: number;
}

/** Level, not edge: what is due is told until it is set anew or cleared. */
export interface Timers {
  /** Each takes the place of what stood under its rule and key. One transaction. */
  set(timers: readonly TimerSetting[]): Promise<void>;
  /** Takes these away, but not what was set anew since. One transaction. */
  clear(timers: readonly Pick<Timer, 'rule' | 'key' | 'stamp'>[]): Promise<void>;
  /** What is due now of any of these rules, the longest due first. */
  due(rules: readonly string[], limit: number): Promise<readonly Timer[]>;
  /** How long until the next one of these rules is due, milliseconds; undefined: none ever is. */
  next(rules: readonly string[]): Promise<number | undefined>;
  /** Those of these keys that there are. */
  get(rule: string, keys: readonly string[]): Promise<readonly Timer[]>;
  /**
   * Makes due now what stands under keys that begin so and is due only after `withinMs`: a clock that was ahead has set it. What
   * is due when its value says, as `due`, stays.
   */
  bringBack(rule: string, keys: string, withinMs: number): Promise<void>;
  /** How many of each rule will be due, or are, and how long until the first is. */
  counts(): Promise<ReadonlyMap<string, TimerCount>>;
  /** Forgets everything of a rule. */
  drop(rule: string): Promise<void>;
  /** Rules that something is kept of. */
  rules(): Promise<readonly string[]>;
}

// ---------------------------------------------------------------------------------------------- own changes

/** What podiod made at Podio itself. Kept as long as events are. */
export interface OwnChanges {
  /** What is known of it already stays. */
  add(change: OwnChange): Promise<void>;
  find(id: string): Promise<OwnChange | undefined>;
  /** Items of which there are any, each once; `others`: there are some of no item. */
  items(): Promise<{ readonly items: readonly number[]; readonly others: boolean }>;
}

// ---------------------------------------------------------------------------------------------- values, settings

/** Plugins' own durable key-value spaces. Values are JSON of at most 64 kb. */
export interface Values {
  get(space: string, key: string): Promise<unknown>;
  set(space: string, key: string, value: unknown): Promise<void>;
  delete(space: string, key: string): Promise<void>;
  /** Compare-and-set in a loop: `fn` may be called again and must be pure. Undefined deletes. Answers what is stored. */
  update(space: string, key: string, fn: (value: unknown) => unknown): Promise<unknown>;
}

/** The daemon's own small facts: tokens, field ids, refs that ever had hooks. Values are JSON. */
export interface Settings {
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
  /** All whose key starts with `prefix`, e.g. `token/`. */
  list(prefix: string): Promise<ReadonlyMap<string, unknown>>;
}

// ---------------------------------------------------------------------------------------------- retention

/** Which events may go. Nothing goes that somebody still needs, however old it is. */
export interface Removal {
  readonly olderThanMs: number;
  /** The rules there are: what their lanes have not settled stays. Of a rule that left the config what waited then does. */
  readonly rules: readonly string[];
  /** Only above this seq: `upTo` of the answer before. */
  readonly after: number;
}

export interface Removed {
  /** How many went. */
  readonly events: number;
  /** Everything up to here has been looked at. */
  readonly upTo: number;
  /** There are more that are old enough. */
  readonly more: boolean;
  /** What the database takes up now; bytes. */
  readonly used: number;
  /** Old enough but not settled by this rule's lane, of which everything up to `cursor` is. */
  readonly heldBy?: { readonly rule: string; readonly cursor: number };
}

export interface Usage {
  /** Bytes that hold something. */
  readonly used: number;
  /** Bytes of the file that are free for what comes. */
  readonly free: number;
  /** The oldest event that is kept. */
  readonly oldest: { readonly seq: number; readonly receivedAt: number } | undefined;
  /** Of all events that went, ever. */
  readonly removed: { readonly events: number; readonly lastAt: number | undefined };
}

/**
 * Old things go in small parts, each short enough to be no delay for the writes that wait meanwhile. An event goes with all
 * that its runs have left.
 */
export interface Retention {
  /** A part of what may go, oldest first. */
  removeEvents(lease: Singleton, removal: Removal): Promise<Removed>;
  /**
   * Forgets how the steps of runs went that ended so long ago; that they ran and how they ended stays as long as their
   * event. True: there is more. It goes on where it was, unless it is to look at all of them `again`.
   */
  forgetSteps(lease: Singleton, olderThanMs: number, again: boolean): Promise<boolean>;
  /** Gives free space back to the disk, but for what is soon needed again. True: there is more. */
  giveBack(lease: Singleton): Promise<boolean>;
  usage(): Promise<Usage>;
}

// ---------------------------------------------------------------------------------------------- reading from outside

/** What a command can read of a daemon's data, beside a running daemon or without one. */
export interface StoreReader {
  readonly journal: Pick<Journal, 'read' | 'list' | 'trace'>;
  readonly gaps: Pick<Gaps, 'held' | 'open' | 'ledger' | 'completeness'>;
  readonly lanes: Pick<Lanes, 'status'>;
  readonly parking: Pick<Parking, 'list' | 'counts'>;
  readonly pauses: Pick<Pauses, 'list'>;
  readonly replays: Pick<Replays, 'list'>;
  readonly rules: Pick<Rules, 'keys'>;
  readonly timers: Pick<Timers, 'get' | 'counts'>;
  readonly own: Pick<OwnChanges, 'find'>;
  readonly settings: Pick<Settings, 'get' | 'list'>;
  readonly retention: Pick<Retention, 'usage'>;
  close(): Promise<void>;
}
