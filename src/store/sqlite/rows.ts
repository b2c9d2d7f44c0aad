/** How values stand in rows. The numbers in here are a file format: lists grow at their end only. */
import type { SQLOutputValue } from 'node:sqlite';
import { type CheckTuple, packCheck, unpackCheck } from '../../core/condition.ts';
import type { EventSource, PodioEvent } from '../../core/event.ts';
import type { LedgerEntry, Range } from '../../core/ledger.ts';
import type { Outcome, StepVerdict } from '../../core/run.ts';
import type { Would } from '../../core/would.ts';
import type { Checkpoint, Entry } from '../contract.ts';
import { refOf } from '../refs.ts';
import type { Names } from './names.ts';

export type Row = Record<string, SQLOutputValue>;

const OUTCOMES: readonly Outcome[] = ['settled', 'filtered', 'parked', 'dropped'];
export const outcomeNumber = (outcome: Outcome): number => OUTCOMES.indexOf(outcome);
export const outcomeOf = (stored: SQLOutputValue | undefined): Outcome => {
  const outcome = OUTCOMES[Number(stored)];
  if (!outcome) throw new Error(`no outcome has the number ${stored}`);
  return outcome;
};

const SOURCES: readonly EventSource[] = ['webhook', 'recovered', 'schedule', 'daemon'];
export const sourceNumber = (source: EventSource): number => SOURCES.indexOf(source);
const sourceOf = (stored: SQLOutputValue | undefined): EventSource => {
  const source = SOURCES[Number(stored)];
  if (!source) throw new Error(`no source has the number ${stored}`);
  return source;
};

/** A verdict as a short tuple: a run record is written for every event and rule, and its keys would be half of it. */
type VerdictTuple = [
  step: string,
  outcome: number,
  attempts: number,
  /** `since`: its start, from that of the verdict before it; the first one from 1970. */
  time: number | readonly [ms: number, since: number],
  branch?: string | null,
  error?: string | null,
  checks?: readonly CheckTuple[] | null,
  would?: Would | null,
  unknownFields?: readonly string[],
];
const VERDICTS: readonly StepVerdict['outcome'][] = ['done', 'filtered', 'failed', 'continued', 'skipped'];

/** In place of a first step: the run was one in shadow. */
const SHADOW = 'shadow';
/** How the steps of such a run begin, as they stand in a row. */
export const SHADOW_BEGINS = `["${SHADOW}"`;

/** Null for a run without steps. */
export function stepsText(steps: readonly StepVerdict[], shadow?: boolean): string | null {
  if (steps.length === 0 && !shadow) return null;
  let before = 0;
  const tuples = steps.map(({ step, branch, outcome, attempts, ms, startedAt, ...rest }) => {
    const { error, checks, would, unknownFields } = rest;
    const tuple: VerdictTuple = [
      step,
      VERDICTS.indexOf(outcome),
      attempts,
      startedAt === undefined ? ms : [ms, startedAt - before],
    ];
    before = startedAt ?? before;
    const more = [branch, error, checks?.map(packCheck), would, unknownFields];
    const last = more.findLastIndex(one => one !== undefined);
    return [...tuple, ...more.slice(0, last + 1).map(one => one ?? null)];
  });
  return JSON.stringify(shadow ? [SHADOW, ...tuples] : tuples);
}

export const isShadow = (stored: SQLOutputValue | undefined): boolean =>
  typeof stored === 'string' && stored.startsWith(SHADOW_BEGINS);

export function stepsOf(stored: SQLOutputValue | undefined): readonly StepVerdict[] {
  if (typeof stored !== 'string') return [];
  const tuples = JSON.parse(stored) as (VerdictTuple | typeof SHADOW)[];
  let before = 0;
  const timeOf = (time: VerdictTuple[3]): Pick<StepVerdict, 'ms' | 'startedAt'> => {
    if (typeof time === 'number') return { ms: time };
    const [ms, since] = time;
    before += since;
    return { ms, startedAt: before };
  };
  return tuples
    .filter(tuple => tuple !== SHADOW)
    .map(([step, outcome, attempts, time, branch, error, checks, would, unknownFields]) => ({
      step,
      ...(typeof branch === 'string' ? { branch } : {}),
      outcome: VERDICTS[outcome] ?? 'failed',
      attempts,
      ...timeOf(time),
      ...(typeof error === 'string' ? { error } : {}),
      ...(checks && { checks: checks.map(unpackCheck) }),
      ...(would && { would }),
      ...(unknownFields && { unknownFields }),
    }));
}

/** Of a checkpoint; SQL never looks inside. */
export const verdictText = ({ verdict, before }: Pick<Checkpoint, 'verdict' | 'before'>): string =>
  JSON.stringify(before === undefined ? verdict : { ...verdict, before });

function verdictOf(stored: SQLOutputValue | undefined): Pick<Checkpoint, 'verdict' | 'before'> {
  const { before, ...verdict } = JSON.parse(String(stored)) as StepVerdict & Pick<Checkpoint, 'before'>;
  return { verdict, ...(before && { before }) };
}

/** What a step passed on; with the names of the branches that it opened, where it has. */
export const outputText = (output: Checkpoint['output'], branches: readonly string[] | undefined): string =>
  JSON.stringify(branches === undefined ? output : { output, branches });

function outputOf(stored: SQLOutputValue | undefined): Pick<Checkpoint, 'output' | 'branches'> {
  const parsed = JSON.parse(String(stored)) as
    | Checkpoint['output']
    | Required<Pick<Checkpoint, 'output' | 'branches'>>;
  return 'branches' in parsed ? parsed : { output: parsed };
}

export const checkpointOf = ({ step, branch, output, verdict }: Row): Checkpoint => ({
  step: String(step),
  branch: String(branch),
  ...outputOf(output),
  ...verdictOf(verdict),
});

export const iso = (ms: SQLOutputValue | undefined): string => new Date(Number(ms)).toISOString();

export function eventOf(row: Row, names: Names): PodioEvent {
  return {
    seq: Number(row.seq),
    id: String(row.id),
    type: names.textOf(Number(row.type)),
    source: sourceOf(row.source),
    ref: refOf(names.textOf(Number(row.ref))),
    ...(row.app === null ? {} : { app: names.textOf(Number(row.app)) }),
    ...(row.space === null ? {} : { space: names.textOf(Number(row.space)) }),
    ...(row.item === null ? {} : { itemId: Number(row.item) }),
    ...(row.revision === null ? {} : { revision: Number(row.revision) }),
    ...(row.external_id === null ? {} : { externalId: String(row.external_id) }),
    params: JSON.parse(String(row.params)) as Record<string, string>,
    receivedAt: iso(row.received_at),
  };
}

export const entryOf = (row: Row, names: Names): Entry => ({
  event: eventOf(row, names),
  twin: row.twin === 1,
});

/** Of the table `ledger`: its lists are JSON, null where empty. */
export type LedgerRow = Row & Record<'up_to' | 'above' | 'missing', SQLOutputValue>;

export const listText = (list: readonly unknown[]): string | null =>
  list.length === 0 ? null : JSON.stringify(list);

const listOf = <T>(stored: SQLOutputValue): readonly T[] =>
  typeof stored === 'string' ? (JSON.parse(stored) as T[]) : [];

export const ledgerEntryOf = ({ up_to: upTo, above, missing }: LedgerRow): LedgerEntry => ({
  upTo: upTo === null ? undefined : Number(upTo),
  above: listOf<number>(above),
  missing: listOf<Range>(missing),
});
