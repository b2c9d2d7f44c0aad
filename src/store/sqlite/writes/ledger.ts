import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { Candidate, Mark } from '../../../core/decide.ts';
import type { LedgerEntry } from '../../../core/ledger.ts';
import { type LedgerRow, ledgerEntryOf, listText } from '../rows.ts';
import { makeBulkInsert } from './bulk.ts';

/** The ledger's rows. One read and at most one write for a batch: this is on every append's way. */
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
  const selectAll = db.prepare(
    `SELECT ledger.item, up_to, above, missing
     FROM json_each(?) AS wanted CROSS JOIN ledger ON ledger.item = wanted.value`,
  );
  const put = makeBulkInsert(
    db,
    'INSERT INTO ledger (item, up_to, above, missing)',
    4,
    'ON CONFLICT (item) DO UPDATE SET up_to = excluded.up_to, above = excluded.above, missing = excluded.missing',
  );
  const closeGap = db.prepare('DELETE FROM gap WHERE item = ?');

  const entry = (item: number): LedgerEntry | undefined => {
    const row = select.get(item) as LedgerRow | undefined;
    return row && ledgerEntryOf(row);
  };

  return {
    entry,
    read(batch, waiting) {
      const wanted = new Set<number>();
      for (const what of batch) {
        const { item } = what;
        if (item === undefined) continue;
        if (!('mark' in what) && what.revision === undefined && !waiting.has(item)) continue;
        wanted.add(item);
      }
      const found = new Map<number, LedgerEntry>();
      if (wanted.size === 0) return found;
      for (const row of selectAll.all(JSON.stringify([...wanted]))) {
        found.set(Number(row.item), ledgerEntryOf(row as unknown as LedgerRow));
      }
      return found;
    },
    write(entries, before) {
      const values: SQLInputValue[] = [];
      for (const [item, { upTo, above, missing }] of entries) {
        values.push(item, upTo ?? null, listText(above), listText(missing));
      }
      put(values);
      for (const [item, { missing }] of entries) {
        const closes = missing.length === 0 && (before.get(item)?.missing.length ?? 0) > 0;
        if (closes) closeGap.run(item);
      }
    },
  };
}
