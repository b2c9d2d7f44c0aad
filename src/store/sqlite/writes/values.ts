import type { DatabaseSync } from 'node:sqlite';

/** JSON texts by key; null where there is none. */
export interface ValueWrites {
  putValue(space: string, key: string, value: string | null): void;
  /** Puts `value` if `expected` still stands; answers what stood. */
  swapValue(space: string, key: string, expected: string | null, value: string | null): string | null;
  putSetting(key: string, value: string | null): void;
}

export function makeValueWrites(db: DatabaseSync): ValueWrites {
  const selectValue = db.prepare('SELECT value FROM value WHERE space = ? AND key = ?');
  const replaceValue = db.prepare('REPLACE INTO value (space, key, value) VALUES (?, ?, ?)');
  const deleteValue = db.prepare('DELETE FROM value WHERE space = ? AND key = ?');
  const replaceSetting = db.prepare('REPLACE INTO setting (key, value) VALUES (?, ?)');
  const deleteSetting = db.prepare('DELETE FROM setting WHERE key = ?');

  const putValue = (space: string, key: string, value: string | null): void => {
    if (value === null) deleteValue.run(space, key);
    else replaceValue.run(space, key, value);
  };

  return {
    putValue,
    swapValue(space, key, expected, value) {
      // By content and not by version: what `fn` made of this text is right again when the text is.
      const stood = selectValue.get(space, key)?.value ?? null;
      if (stood === expected) putValue(space, key, value);
      return stood === null ? null : String(stood);
    },
    putSetting(key, value) {
      if (value === null) deleteSetting.run(key);
      else replaceSetting.run(key, value);
    },
  };
}
