/**
 * How events and ended runs cross the thread: there are so many of them that the names of their properties would be most of
 * what is copied.
 */
import { itemKey, type NewEvent, orderKey, partOf } from '../../core/event.ts';
import type { Finished, ParkRequest } from '../contract.ts';
import { outcomeNumber, stepsText } from './rows.ts';
import type { Applied, NewRow } from './writes/journal.ts';

/** What events of one hook, schedule or app have in common. */
interface Kind
  extends Pick<NewEvent, 'type' | 'source' | 'ref' | 'app' | 'space' | 'following' | 'baseline'> {}

/** What is an event's own, in turns with the number of its kind. */
type Cell = string | number | undefined;

/** Events as one flat list, so many values each: values are what a copy costs, and lists cost more than values. */
export interface PackedRows {
  readonly kinds: readonly Kind[];
  readonly cells: readonly Cell[];
}

/** Kind, id, itemId, revision, externalId, params (JSON), part (of what is about an item: worked out on the other side). */
const CELLS = 7;

const isOf = (kind: Kind, { type, source, ref, app, space, following, baseline }: NewEvent): boolean =>
  kind.ref.id === ref.id &&
  kind.ref.type === ref.type &&
  kind.type === type &&
  kind.app === app &&
  kind.following === following &&
  kind.source === source &&
  kind.space === space &&
  kind.baseline === baseline;

export function packRows(events: readonly NewEvent[]): PackedRows {
  const kinds: Kind[] = [];
  const numbers = new Map<string, number>();
  const cells: Cell[] = [];
  let at = 0;
  for (const event of events) {
    const { id, type, source, ref, app, space, itemId, revision, externalId, following, baseline } = event;
    const last = kinds[at];
    if (last === undefined || !isOf(last, event)) {
      const name = JSON.stringify([type, source, ref.type, ref.id, app, space, following, baseline]);
      at = numbers.get(name) ?? kinds.length;
      if (at === kinds.length) {
        numbers.set(name, at);
        kinds.push({
          type,
          source,
          ref: { type: ref.type, id: ref.id },
          ...(app !== undefined && { app }),
          ...(space !== undefined && { space }),
          ...(following !== undefined && { following }),
          ...(baseline !== undefined && { baseline }),
        });
      }
    }
    const part = itemId === undefined ? partOf(orderKey(event)) : undefined;
    cells.push(at, id, itemId, revision, externalId, JSON.stringify(event.params), part);
  }
  return { kinds, cells };
}

export function unpackRows({ kinds, cells }: PackedRows, receivedAt: number): readonly NewRow[] {
  const rows: NewRow[] = [];
  for (let at = 0; at < cells.length; at += CELLS) {
    const { type, source, ref, app, space, following, baseline } = kinds[Number(cells[at])] as Kind;
    const itemId = cells[at + 2] as number | undefined;
    const revision = cells[at + 3] as number | undefined;
    const externalId = cells[at + 4] as string | undefined;
    const row: { -readonly [Key in keyof NewRow]: NewRow[Key] } = {
      id: cells[at + 1] as string,
      type,
      source,
      ref,
      params: cells[at + 5] as string,
      part: itemId === undefined ? (cells[at + 6] as number) : partOf(itemKey(itemId)),
      receivedAt,
    };
    if (app !== undefined) row.app = app;
    if (space !== undefined) row.space = space;
    if (itemId !== undefined) row.itemId = itemId;
    if (revision !== undefined) row.revision = revision;
    if (externalId !== undefined) row.externalId = externalId;
    if (following !== undefined) row.following = following;
    if (baseline !== undefined) row.baseline = baseline;
    rows.push(row);
  }
  return rows;
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
  others: OthersRow | undefined,
  branch: string | undefined,
  rest: number | undefined,
];

/** What the records of events say that were run together with another one. */
type OthersRow = readonly [
  outcome: number,
  steps: string | null,
  error: string | null,
  seqs: readonly number[] | undefined,
  /** By seq, where these are not the same. */
  stepsAt: ReadonlyMap<number, string | null> | undefined,
];

export const packFinished = ({ record, park, parkedId, branch, rest, others }: Finished): FinishedRow => [
  record.seq,
  record.replay,
  outcomeNumber(record.outcome),
  stepsText(record.steps, record.shadow),
  record.error ?? null,
  park,
  parkedId,
  others && packOthers(others),
  branch,
  rest && outcomeNumber(rest),
];

function packOthers({
  outcome,
  steps,
  error,
  shadow,
  seqs,
  judged,
}: NonNullable<Finished['others']>): OthersRow {
  const stepsAt =
    judged && new Map([...judged].map(([seq, before]) => [seq, stepsText([...before, ...steps], shadow)]));
  return [outcomeNumber(outcome), stepsText(steps, shadow), error ?? null, seqs, stepsAt];
}

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
