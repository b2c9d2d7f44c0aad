import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite';
import {
  type Candidate,
  type Decision,
  decide,
  type HeldEvent,
  type Mark,
  type Release,
  type Standing,
} from '../../../core/decide.ts';
import { type NewEvent, revisionOf } from '../../../core/event.ts';
import { candidateOf } from '../../candidate.ts';
import { refText } from '../../refs.ts';
import type { Names } from '../names.ts';
import { sourceNumber } from '../rows.ts';
import { makeBulkInsert } from './bulk.ts';
import type { CompletenessWrites } from './completeness.ts';
import type { HeldWrites } from './held.ts';
import type { LedgerWrites } from './ledger.ts';

/** An event as it comes to the writer: `params` is JSON already, since SQL never looks inside. */
export interface NewRow extends Omit<NewEvent, 'params'> {
  readonly params: string;
  readonly part: number;
  /** UTC milliseconds. */
  readonly receivedAt: number;
}

/** An event that has its seq: `at` is its place in the batch; one that was held before comes back whole. */
export type ReleasedRow = { readonly seq: number; readonly twin: boolean } & (
  | { readonly at: number }
  | { readonly row: NewRow }
);

/** What became of a batch. */
export interface Applied {
  readonly decisions: readonly Decision[];
  /** In the order of seq. Left out where the decisions tell the same: this crosses the thread for every append. */
  readonly releases?: readonly ReleasedRow[];
}

export interface JournalWrites {
  /** Events and marks in their order, at one time. */
  apply(batch: readonly (NewRow | Mark)[], at: number): Applied;
  /** The highest seq given so far, the transaction at hand included. */
  head(): number;
  /** After a rollback. */
  forget(): void;
}

interface JournalParts {
  readonly names: Names;
  readonly ledger: LedgerWrites;
  readonly held: HeldWrites;
  readonly completeness: CompletenessWrites;
}

const isMark = (what: NewRow | Mark): what is Mark => 'mark' in what;

export function makeJournalWrites(
  db: DatabaseSync,
  { names, ledger, held, completeness }: JournalParts,
): JournalWrites {
  const selectHead = db.prepare(
    'SELECT max(coalesce((SELECT max(seq) FROM event), 0), coalesce((SELECT max(cursor) FROM lane), 0)) AS head',
  );
  const selectStandings = db.prepare('SELECT ref, seq FROM event WHERE id = ? ORDER BY seq');
  // Nearly all of a batch is news: one statement finds that out.
  const selectAllStandings = db.prepare(
    `SELECT DISTINCT event.id, event.ref, event.seq
     FROM json_each(?) AS wanted CROSS JOIN event ON event.id = wanted.value
     ORDER BY event.seq`,
  );
  const insert = makeBulkInsert(
    db,
    `INSERT INTO event (seq, id, ref, type, source, app, space, item, revision, external_id, params, received_at, part, twin)`,
    14,
  );
  const readHead = (): number => Number(selectHead.get()?.head);
  let head = readHead();

  const standingOf = (row: Record<string, SQLOutputValue>): Standing => ({
    ref: names.textOf(Number(row.ref)),
    seq: Number(row.seq),
  });

  const known = (
    candidates: readonly (Candidate | Mark)[],
    waiting: ReadonlyMap<number, readonly HeldEvent[]>,
  ): ReadonlyMap<string, readonly Standing[]> => {
    const ids: string[] = [];
    for (const what of candidates) if (!('mark' in what)) ids.push(what.id);
    for (const queue of waiting.values()) for (const { id } of queue) ids.push(id);
    const found = new Map<string, Standing[]>();
    const wanted = JSON.stringify(ids);
    // What JSON has to escape (half a character, NUL) is not the same to SQLite when it comes out of it again.
    if (wanted.includes('\\')) {
      for (const id of ids) {
        const standings = selectStandings.all(id).map(standingOf);
        if (standings.length > 0) found.set(id, standings);
      }
      return found;
    }
    for (const row of selectAllStandings.all(wanted)) {
      const id = String(row.id);
      const standings = found.get(id);
      if (standings) standings.push(standingOf(row));
      else found.set(id, [standingOf(row)]);
    }
    return found;
  };

  /** Adds the row's values, for `insert`. */
  const add = (values: SQLInputValue[], row: NewRow, seq: number, twin: boolean, at: number): void => {
    values.push(
      seq,
      row.id,
      names.idOf(refText(row.ref)),
      names.idOf(row.type),
      sourceNumber(row.source),
      row.app === undefined ? null : names.idOf(row.app),
      row.space === undefined ? null : names.idOf(row.space),
      row.itemId ?? null,
      row.revision ?? null,
      row.externalId ?? null,
      row.params,
      at,
      row.part,
      twin ? 1 : 0,
    );
  };

  /** What `status` tells of the app's completeness. */
  const count = (row: NewRow, twin: boolean): void => {
    if (row.itemId === undefined) return;
    if (row.type === 'item.delete') completeness.deletionTold(row.itemId);
    if (row.app === undefined || twin || revisionOf(row) === undefined) return;
    completeness.count(names.idOf(row.app), row.source === 'recovered' ? 'recovered' : 'delivered');
  };

  return {
    head: () => head,
    forget: () => {
      head = readHead();
    },
    apply(batch, at) {
      const candidates = batch.map(what => (isMark(what) ? what : candidateOf(what)));
      const waiting = held.of(candidates);
      const situation = {
        batch: candidates,
        known: known(candidates, waiting),
        ledger: ledger.read(candidates, waiting),
        held: waiting,
        head,
      };
      const { decisions, releases, ledger: changed } = decide(situation);
      const values: SQLInputValue[] = [];
      const rows = releases.map((release): ReleasedRow => {
        const { seq, twin } = release;
        const row = 'at' in release ? batch[release.at] : held.take(release.key);
        if (!row || isMark(row)) throw new Error('only events are released');
        add(values, row, seq, twin, at);
        count(row, twin);
        head = seq;
        return 'at' in release ? release : { seq, twin, row };
      });
      insert(values);
      decisions.forEach((decision, i) => {
        const row = batch[i];
        if (decision.status === 'held' && row && !isMark(row) && row.itemId !== undefined)
          held.add(row.itemId, row);
      });
      if (changed.size > 0) ledger.write(changed, situation.ledger);
      return isInOrder(releases) ? { decisions } : { decisions, releases: rows };
    },
  };
}

/** Whether the decisions alone tell what was released, in the order of seq: one may have waited for a later one of its batch. */
const isInOrder = (releases: readonly Release[]): boolean => {
  let last = -1;
  return releases.every(release => {
    const follows = 'at' in release && release.at > last;
    if (follows) last = release.at;
    return follows;
  });
};
