import { freeKey } from '../core/rule-key.ts';
import type { LaneId, Paused, Renamed, RunKey } from './contract.ts';
import { laneKey } from './leases.ts';

/** What is kept by the name of a rule. */
export interface RuleData {
  readonly groups: {
    readonly groups: Set<{ readonly rule: string }>;
    readonly admitted: Map<string, readonly number[]>;
  };
  /** By name. */
  readonly ruleKeys: Map<string, string>;
  readonly lanes: Map<string, { readonly lane: LaneId }>;
  readonly lastRuns: Map<string, { readonly rule: string }>;
  readonly retries: Map<string, number>;
  readonly replays: { readonly rule: string }[];
  readonly parked: Map<number, { readonly rule: string }>;
  readonly paused: Map<string, Paused>;
  readonly records: Map<string, Pick<RunKey, 'seq' | 'replay'> & { readonly rule: string }>;
  readonly runs: Map<string, { readonly rule: string; readonly key: RunKey }>;
  readonly marks: Map<string, { readonly rule: string; readonly key: RunKey }>;
}

export const runId = (rule: string, { seq, replay }: Pick<RunKey, 'seq' | 'replay'>): string =>
  JSON.stringify([rule, seq, replay]);

/** Something is kept of the rule from now on. */
export function noteRule({ ruleKeys }: RuleData, name: string): void {
  if (ruleKeys.has(name)) return;
  const taken = new Set(ruleKeys.values());
  ruleKeys.set(
    name,
    freeKey(name, key => taken.has(key)),
  );
}

export function renameRule(data: RuleData, from: string, to: string): Renamed {
  const key = data.ruleKeys.get(from);
  if (key === undefined || from === to) return 'unknown';
  if ([...data.lanes.values()].some(({ lane }) => lane.rule === to)) return 'taken';
  data.retries.delete(to);
  data.ruleKeys.delete(from);
  data.ruleKeys.set(to, key);

  const named = <T extends { readonly rule: string }>(row: T): T =>
    row.rule === from ? { ...row, rule: to } : row;
  for (const [at, row] of data.replays.entries()) data.replays[at] = named(row);
  rekey(data.lastRuns, named, (_, { rule }) => rule);
  rekey(data.parked, named, id => id);
  rekey(data.records, named, (_, row) => runId(row.rule, row));
  rekey(data.runs, named, (_, { rule, key: run }) => runId(rule, run));
  rekey(data.marks, named, (_, { rule, key: run }) => runId(rule, run));
  rekey(
    data.lanes,
    row => (row.lane.rule === from ? { ...row, lane: { ...row.lane, rule: to } } : row),
    (_, { lane }) => laneKey(lane),
  );
  rekey(
    data.paused,
    row => (row.kind === 'rule' && row.name === from ? { ...row, name: to } : row),
    (_, { kind, name }) => `${kind} ${name}`,
  );
  const { groups, admitted } = data.groups;
  const waiting = [...groups].map(named);
  groups.clear();
  for (const group of waiting) groups.add(group);
  move(data.retries, from, to);
  move(admitted, from, to);
  return 'renamed';
}

function move<T>(map: Map<string, T>, from: string, to: string): void {
  const value = map.get(from);
  map.delete(from);
  if (value !== undefined) map.set(to, value);
}

/** In the same order. */
function rekey<K, T>(map: Map<K, T>, change: (row: T) => T, keyOf: (key: K, row: T) => K): void {
  const rows = [...map];
  map.clear();
  for (const [key, row] of rows) {
    const changed = change(row);
    map.set(keyOf(key, changed), changed);
  }
}
