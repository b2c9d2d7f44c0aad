import type { DatabaseSync } from 'node:sqlite';
import { missingOf } from '../../../core/decide.ts';
import { type LedgerEntry, NOTHING_KNOWN, newestOf, sizeOf } from '../../../core/ledger.ts';
import { candidateOf } from '../../candidate.ts';
import {
  type Completeness,
  type HeldItem,
  LATEST_EVENTS,
  type OpenGap,
  UNTOLD_DELETION,
} from '../../contract.ts';
import type { Names } from '../names.ts';
import { type LedgerRow, ledgerEntryOf, type Row } from '../rows.ts';
import type { NewRow } from '../writes/journal.ts';

/** `now` is the store's clock, which lives in the main thread. */
export interface GapReads {
  heldItems(now: number): readonly HeldItem[];
  openGaps(now: number): readonly OpenGap[];
  ledger(items: readonly number[]): ReadonlyMap<number, LedgerEntry>;
  newestRevision(itemId: number): number | undefined;
  completeness(now: number): readonly Completeness[];
}

export function makeGapReads(db: DatabaseSync, names: Names): GapReads {
  const selectEntry = db.prepare('SELECT up_to, above, missing FROM ledger WHERE item = ?');
  const selectHeld = db.prepare('SELECT item, event, at FROM held ORDER BY key');
  const selectHeldOf = db.prepare('SELECT event FROM held WHERE item = ?');
  const selectLatest = db.prepare('SELECT revision FROM event WHERE item = ? ORDER BY seq DESC LIMIT ?');
  const selectGaps = db.prepare('SELECT * FROM gap JOIN ledger USING (item)');
  const selectCounts = db.prepare('SELECT * FROM completeness');
  const selectUnprovable = db.prepare('SELECT app, why, count, last_at FROM unprovable');
  const selectDeletions = db.prepare(
    'SELECT app, count(*) AS count, max(at) AS last_at FROM deletion GROUP BY app',
  );

  const entryOf = (item: number): LedgerEntry | undefined => {
    const row = selectEntry.get(item) as LedgerRow | undefined;
    return row && ledgerEntryOf(row);
  };

  const heldItems = (now: number): readonly HeldItem[] => {
    const byItem = Map.groupBy(selectHeld.all(), ({ item }) => Number(item));
    return Array.from(byItem, ([itemId, rows]): HeldItem => {
      const events = rows.map(({ event }) => JSON.parse(String(event)) as NewRow);
      return {
        itemId,
        app: events.find(({ app }) => app !== undefined)?.app,
        heldMs: Math.max(0, now - Math.min(...rows.map(({ at }) => Number(at)))),
        events: rows.length,
        missing: missingOf(entryOf(itemId) ?? NOTHING_KNOWN, events.map(candidateOf)),
      };
    }).sort((a, b) => b.heldMs - a.heldMs);
  };

  const openGaps = (now: number): readonly OpenGap[] =>
    selectGaps
      .all()
      .map(
        (row): OpenGap => ({
          itemId: Number(row.item),
          app: names.textOf(Number(row.app)),
          missing: ledgerEntryOf(row as LedgerRow).missing,
          why: String(row.why),
          since: Number(row.since),
          waitMs: Number(row.due) - now,
        }),
      )
      .sort((a, b) => a.waitMs - b.waitMs);

  return {
    heldItems,
    openGaps,
    ledger(items) {
      const found = new Map<number, LedgerEntry>();
      for (const item of items) {
        const entry = entryOf(item);
        if (entry) found.set(item, entry);
      }
      return found;
    },
    newestRevision(itemId) {
      const held = selectHeldOf
        .all(itemId)
        .map(({ event }) => (JSON.parse(String(event)) as NewRow).revision);
      const latest = selectLatest
        .all(itemId, LATEST_EVENTS)
        .flatMap(({ revision }) => (revision === null ? [] : Number(revision)));
      return newestOf(entryOf(itemId), [...held, ...latest]);
    },
    completeness(now) {
      const counts = new Map(
        selectCounts.all().map((row): [string, Row] => [names.textOf(Number(row.app)), row]),
      );
      const deletions = selectDeletions.all().map((row): Row => ({ ...row, why: UNTOLD_DELETION }));
      const unprovable = Map.groupBy([...selectUnprovable.all(), ...deletions], ({ app }) =>
        names.textOf(Number(app)),
      );
      const missing = Map.groupBy([...heldItems(now), ...openGaps(now)], ({ app }) => app ?? '');
      const apps = new Set([...counts.keys(), ...unprovable.keys(), ...missing.keys()]);
      return [...apps].sort().map((app): Completeness => {
        const row = counts.get(app);
        return {
          app,
          delivered: Number(row?.delivered ?? 0),
          recovered: Number(row?.recovered ?? 0),
          own: Number(row?.own ?? 0),
          unprovable: (unprovable.get(app) ?? [])
            .map(({ why, count, last_at }) => ({
              why: String(why),
              count: Number(count),
              lastAt: Number(last_at),
            }))
            .sort((a, b) => b.count - a.count),
          open: (missing.get(app) ?? []).reduce((sum, each) => sum + sizeOf(each.missing), 0),
        };
      });
    },
  };
}
