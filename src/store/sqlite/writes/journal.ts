import type { DatabaseSync } from 'node:sqlite';
import { type Decision, decide, type Standing } from '../../../core/decide.ts';
import type { NewEvent } from '../../../core/event.ts';
import { refText } from '../../refs.ts';
import type { Names } from '../names.ts';
import { sourceNumber } from '../rows.ts';

/** An event as it comes to the writer: `params` is JSON already, since SQL never looks inside. */
export interface NewRow extends Omit<NewEvent, 'params'> {
  readonly params: string;
  readonly part: number;
  /** UTC milliseconds. */
  readonly receivedAt: number;
}

export interface JournalWrites {
  append(batch: readonly NewRow[]): readonly Decision[];
  /** The highest seq given so far, the transaction at hand included. */
  head(): number;
  /** After a rollback. */
  forget(): void;
}

export function makeJournalWrites(db: DatabaseSync, names: Names): JournalWrites {
  const selectHead = db.prepare(
    'SELECT max(coalesce((SELECT max(seq) FROM event), 0), coalesce((SELECT max(cursor) FROM lane), 0)) AS head',
  );
  const selectStandings = db.prepare('SELECT ref, seq FROM event WHERE id = ? ORDER BY seq');
  const insert = db.prepare(
    `INSERT INTO event (seq, id, ref, type, source, app, space, item, revision, external_id, params, received_at, part, twin)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const readHead = (): number => Number(selectHead.get()?.head);
  let head = readHead();

  const known = (batch: readonly NewRow[]): ReadonlyMap<string, readonly Standing[]> => {
    const found = new Map<string, readonly Standing[]>();
    for (const { id } of batch) {
      const rows = selectStandings.all(id);
      if (rows.length > 0) {
        found.set(
          id,
          rows.map(row => ({ ref: names.textOf(Number(row.ref)), seq: Number(row.seq) })),
        );
      }
    }
    return found;
  };

  return {
    head: () => head,
    forget: () => {
      head = readHead();
    },
    append(batch) {
      const candidates = batch.map(({ id, ref }) => ({ id, ref: refText(ref) }));
      const decisions = decide({ batch: candidates, known: known(batch), head });
      decisions.forEach((decision, i) => {
        const row = batch[i];
        const candidate = candidates[i];
        if (decision.status !== 'released' || !row || !candidate) return;
        insert.run(
          decision.seq,
          row.id,
          names.idOf(candidate.ref),
          names.idOf(row.type),
          sourceNumber(row.source),
          row.app === undefined ? null : names.idOf(row.app),
          row.space === undefined ? null : names.idOf(row.space),
          row.itemId ?? null,
          row.revision ?? null,
          row.externalId ?? null,
          row.params,
          row.receivedAt,
          row.part,
          decision.twin ? 1 : 0,
        );
        head = decision.seq;
      });
      return decisions;
    },
  };
}
