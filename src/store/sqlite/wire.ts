/**
 * How events and ended runs cross the thread: there are so many of them that the names of their properties would be most of
 * what is copied.
 */
import { type NewEvent, orderKey, partOf, type Ref } from '../../core/event.ts';
import type { Finished, ParkRequest } from '../contract.ts';
import { outcomeNumber, stepsText } from './rows.ts';
import type { Applied, NewRow } from './writes/journal.ts';

export type PackedRow = readonly [
  id: string,
  type: string,
  source: NewEvent['source'],
  refType: Ref['type'],
  refId: Ref['id'],
  app: string | undefined,
  space: string | undefined,
  itemId: number | undefined,
  revision: number | undefined,
  externalId: string | undefined,
  following: NewEvent['following'],
  baseline: NewEvent['baseline'],
  params: string,
  part: number,
];

export const packRow = (event: NewEvent): PackedRow => [
  event.id,
  event.type,
  event.source,
  event.ref.type,
  event.ref.id,
  event.app,
  event.space,
  event.itemId,
  event.revision,
  event.externalId,
  event.following,
  event.baseline,
  JSON.stringify(event.params),
  partOf(orderKey(event)),
];

export function unpackRow(packed: PackedRow, receivedAt: number): NewRow {
  const [id, type, source, refType, refId, app, space, itemId, revision, externalId] = packed;
  const [, , , , , , , , , , following, baseline, params, part] = packed;
  const row: { -readonly [Key in keyof NewRow]: NewRow[Key] } = {
    id,
    type,
    source,
    ref: { type: refType, id: refId },
    params,
    part,
    receivedAt,
  };
  if (app !== undefined) row.app = app;
  if (space !== undefined) row.space = space;
  if (itemId !== undefined) row.itemId = itemId;
  if (revision !== undefined) row.revision = revision;
  if (externalId !== undefined) row.externalId = externalId;
  if (following !== undefined) row.following = following;
  if (baseline !== undefined) row.baseline = baseline;
  return row;
}

/** The end of a run; outcome and steps as they stand in the row. */
export type FinishedRow = readonly [
  seq: number,
  replay: number,
  outcome: number,
  steps: string | null,
  error: string | null,
  park: ParkRequest | undefined,
  parkedId: string | undefined,
];

export const packFinished = ({ record, park, parkedId }: Finished): FinishedRow => [
  record.seq,
  record.replay,
  outcomeNumber(record.outcome),
  stepsText(record.steps),
  record.error ?? null,
  park,
  parkedId,
];

/** Where all is news and released as it came, which is nearly always: each seq doubled, and one more for a twin. */
export type PackedApplied = Applied | readonly number[];

export function packApplied(applied: Applied): PackedApplied {
  if (applied.releases) return applied;
  const packed: number[] = [];
  for (const decision of applied.decisions) {
    if (decision.status !== 'released') return applied;
    packed.push(decision.seq * 2 + (decision.twin ? 1 : 0));
  }
  return packed;
}

const isPacked = (packed: PackedApplied): packed is readonly number[] => Array.isArray(packed);

export function unpackApplied(packed: PackedApplied): Applied {
  if (!isPacked(packed)) return packed;
  return {
    decisions: packed.map(number => ({
      status: 'released',
      seq: Math.floor(number / 2),
      twin: number % 2 === 1,
    })),
  };
}
