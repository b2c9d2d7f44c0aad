/** What the store in memory has of what a disk would hold. */
import type { OwnChange } from '../core/own.ts';
import type { RunRecord } from '../core/run.ts';
import type { Checkpoint, Entry, LaneId, ParkRequest, Paused, Reached, Replay, RunKey } from './contract.ts';
import { emptyGroups, type GroupData } from './memory-groups.ts';
import type { StoredTries } from './memory-pauses.ts';
import { emptyRevisions, type RevisionData } from './memory-revisions.ts';
import type { StoredTimer } from './memory-timers.ts';

export interface StoredRun {
  readonly rule: string;
  readonly key: RunKey;
  readonly fingerprint: string;
  readonly checkpoints: Map<string, Checkpoint>;
  readonly tries: Map<string, StoredTries>;
  /** A message came out at its end. */
  passed?: boolean;
}

export interface StoredPark extends ParkRequest {
  readonly id: number;
  readonly rule: string;
  readonly key: RunKey;
  readonly at: number;
  readonly requested: boolean;
}

export interface StoredLane {
  readonly lane: LaneId;
  readonly epoch: number;
  readonly cursor: number;
  readonly loadedAt: number;
  /** Runs of entries up to here may be in hand; 0 after a clean end. */
  readonly reach: number;
  /** The newest event when the rule left the config; absent: it is there. */
  readonly leftAt?: number;
  /** Of a lane that has ended cleanly. */
  readonly reached?: Reached;
}

export interface StoredMark {
  readonly rule: string;
  readonly key: RunKey;
  /** The lane's while the run is in hand, else 0. */
  readonly epoch: number;
  readonly alone: boolean;
  readonly ends: number;
}

export interface MemoryData {
  /** The entry with seq n stands at n - 1. */
  readonly entries: Entry[];
  /** seqs of entries that retention has removed. */
  readonly gone: Set<number>;
  readonly revisions: RevisionData;
  readonly lanes: Map<string, StoredLane>;
  readonly marks: Map<string, StoredMark>;
  readonly replays: Replay[];
  readonly paused: Map<string, Paused>;
  readonly own: Map<string, OwnChange & { readonly at: number }>;
  /** By name. */
  readonly ruleKeys: Map<string, string>;
  /** By rule: how often its parked runs were asked for together. */
  readonly retries: Map<string, number>;
  readonly records: Map<string, RunRecord>;
  readonly lastRuns: Map<string, RunRecord>;
  readonly runs: Map<string, StoredRun>;
  readonly parked: Map<number, StoredPark>;
  readonly groups: GroupData;
  readonly values: Map<string, string>;
  readonly settings: Map<string, string>;
  readonly timers: Map<string, StoredTimer>;
  removedAt: number | undefined;
  parkedIds: number;
  epochs: number;
  /** Shuts the handle that has the data now. */
  fence: () => void;
}

export const emptyData = (): MemoryData => ({
  entries: [],
  gone: new Set(),
  revisions: emptyRevisions(),
  lanes: new Map(),
  marks: new Map(),
  replays: [],
  paused: new Map(),
  own: new Map(),
  ruleKeys: new Map(),
  retries: new Map(),
  records: new Map(),
  lastRuns: new Map(),
  runs: new Map(),
  parked: new Map(),
  groups: emptyGroups(),
  values: new Map(),
  settings: new Map(),
  timers: new Map(),
  removedAt: undefined,
  parkedIds: 0,
  epochs: 0,
  fence: () => {},
});

/** What a store on disk would give back: a copy, with what JSON can hold. */
export const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
export const pair = (a: string, b: string): string => JSON.stringify([a, b]);

/** Whether the entry waits in the journal for a rule that has left the config. */
export const isOwed = ({ cursor, leftAt = 0, reached }: StoredLane, seq: number): boolean =>
  seq > cursor && seq <= leftAt && (reached === undefined || seq <= reached.openTo || seq > reached.lookedTo);
