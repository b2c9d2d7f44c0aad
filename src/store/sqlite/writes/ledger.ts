import type { DatabaseSync } from 'node:sqlite';
import type { Candidate, Mark } from '../../../core/decide.ts';
import type { LedgerEntry } from '../../../core/ledger.ts';
import { type LedgerRow, ledgerEntryOf, listText } from '../rows.ts';

/** The ledger's rows. One read and at most one write for each event that is a revision: this is on every append's way. */
export interface LedgerWrites {
  entry(item: number): LedgerEntry | undefined;
  /** Of the items whose revisions these tell of, and of those that events wait for. */
  read(
    batch: readonly (Candidate | Mark)[],
    waiting: ReadonlyMap<number, unknown>,
  ): ReadonlyMap<number, LedgerEntry>;
  /** `before` is what `read` has answered for the same items. */
  write(entries: ReadonlyMap<number, LedgerEntry>, before: ReadonlyMap<number, LedgerEntry>): void;
}

export function makeLedgerWrites(db: DatabaseSync): LedgerWrites {
  const select = db.prepare('SELECT up_to, above, missing FROM ledger WHERE item = ?');
  const put = db.prepare(
    `INSERT INTO ledger (item, up_to, above, missing) VALUES (?, ?, ?, ?)
     ON CONFLICT (item) DO UPDATE SET up_to = excluded.up_to, above = excluded.above, missing = excluded.missing`,
  );
  const closeGap = db.prepare('DELETE FROM gap WHERE item = ?');

  const entry = (item: number): LedgerEntry | undefined => {
    const row = select.get(item) as LedgerRow | undefined;
    return row && ledgerEntryOf(row);
  };

  return {
    entry,
    read(batch, waiting) {
      const found = new Map<number, LedgerEntry>();
      for (const what of batch) {
        const { item } = what;
        if (item === undefined || found.has(item)) continue;
        if (!('mark' in what) && what.revision === undefined && !waiting.has(item)) continue;
        const known = entry(item);
        if (known) found.set(item, known);
      }
      return found;
    },
    write(entries, before) {
      for (const [item, { upTo, above, missing }] of entries) {
        put.run(item, upTo ?? null, listText(above), listText(missing));
        const closes = missing.length === 0 && (before.get(item)?.missing.length ?? 0) > 0;
        if (closes) closeGap.run(item);
      }
    },
  };
}
