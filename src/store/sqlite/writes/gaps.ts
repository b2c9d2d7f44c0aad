import type { DatabaseSync } from 'node:sqlite';
import { lostOf } from '../../../core/decide.ts';
import { isAccounted, NOTHING_KNOWN, sizeOf } from '../../../core/ledger.ts';
import { stepsOf } from '../../candidate.ts';
import type { GapFailure, Recovery } from '../../contract.ts';
import type { Names } from '../names.ts';
import type { CompletenessWrites } from './completeness.ts';
import type { HeldWrites } from './held.ts';
import type { Applied, JournalWrites, NewRow } from './journal.ts';
import type { LedgerWrites } from './ledger.ts';

/** A recovery as it comes to the writer. */
export interface RecoveryRow extends Omit<Recovery, 'events'> {
  readonly events: readonly NewRow[];
}

export interface GapWrites {
  /** One answer for each recovery, to the batch of its steps (`stepsOf`). */
  recover(found: readonly RecoveryRow[], at: number): readonly Applied[];
  releaseHeld(gap: GapFailure, at: number): Applied;
  postponeGap(gap: GapFailure, at: number): void;
  deletedItem(item: number, app: string, at: number): void;
  ownRevision(item: number, revision: number, app: string | undefined, at: number): Applied;
}

interface GapParts {
  readonly names: Names;
  readonly journal: JournalWrites;
  readonly ledger: LedgerWrites;
  readonly held: HeldWrites;
  readonly completeness: CompletenessWrites;
}

export function makeGapWrites(
  db: DatabaseSync,
  { names, journal, ledger, held, completeness }: GapParts,
): GapWrites {
  const insertGap = db.prepare(
    `INSERT INTO gap (item, app, why, since, due) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (item) DO UPDATE SET why = excluded.why, due = excluded.due`,
  );
  const updateGap = db.prepare('UPDATE gap SET why = ?, due = ? WHERE item = ?');
  const entryOf = (item: number) => ledger.entry(item) ?? NOTHING_KNOWN;

  return {
    recover: (found, at) =>
      found.map(recovery => {
        const { itemId, app, unprovable } = recovery;
        const count = unprovable
          ? sizeOf(lostOf(entryOf(itemId), held.ofItem(itemId), unprovable.revisions))
          : 0;
        const applied = journal.apply(stepsOf(recovery), at);
        if (unprovable && count > 0) completeness.unprovable(names.idOf(app), unprovable.why, count, at);
        return applied;
      }),
    releaseHeld({ itemId, app, why, retryMs }, at) {
      const applied = journal.apply([{ mark: 'release', item: itemId }], at);
      if (entryOf(itemId).missing.length > 0) {
        insertGap.run(itemId, names.idOf(app), why, at, at + retryMs);
      }
      return applied;
    },
    postponeGap({ itemId, why, retryMs }, at) {
      updateGap.run(why, at + retryMs, itemId);
    },
    deletedItem(item, app, at) {
      completeness.deleted(item, names.idOf(app), names.idOf('item.delete'), at);
    },
    ownRevision(item, revision, app, at) {
      if (app !== undefined && !isAccounted(entryOf(item), revision)) {
        completeness.count(names.idOf(app), 'own');
      }
      return journal.apply([{ mark: 'own', item, revision }], at);
    },
  };
}
