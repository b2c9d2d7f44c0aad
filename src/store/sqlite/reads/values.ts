import type { DatabaseSync } from 'node:sqlite';

/** JSON texts by key; null where there is none. */
export interface ValueReads {
  value(space: string, key: string): string | null;
  setting(key: string): string | null;
  settings(prefix: string): ReadonlyMap<string, string>;
}

export function makeValueReads(db: DatabaseSync): ValueReads {
  const selectValue = db.prepare('SELECT value FROM value WHERE space = ? AND key = ?');
  const selectSetting = db.prepare('SELECT value FROM setting WHERE key = ?');
  // Keys compare by their bytes, and no key holds a character above the last one of Unicode.
  const selectSettings = db.prepare(
    'SELECT key, value FROM setting WHERE key >= ?1 AND key < ?1 || ?2 ORDER BY key',
  );
  const textOf = (row: { value?: unknown } | undefined): string | null => (row ? String(row.value) : null);
  return {
    value: (space, key) => textOf(selectValue.get(space, key)),
    setting: key => textOf(selectSetting.get(key)),
    settings: prefix =>
      new Map(
        selectSettings.all(prefix, '\u{10ffff}').map(row => [String(row.key), String(row.value)] as const),
      ),
  };
}
