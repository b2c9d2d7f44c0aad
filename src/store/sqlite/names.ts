import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { freeKey } from '../../core/rule-key.ts';

/** The number of no string: stands for a string that no row refers to. */
export const NO_NAME = 0;

/** Strings that rows refer to by number. Numbers are given once and for good. */
export interface Names {
  /** Given on first use. */
  idOf(text: string): number;
  /** Undefined when no row can refer to it. */
  find(text: string): number | undefined;
  textOf(id: number): string;
  /** What was remembered may not stand any more: a transaction was rolled back, or a rule has another name. */
  forget(): void;
}

/** Types, refs, apps. */
export const makeNames = (db: DatabaseSync): Names => {
  const insert = db.prepare('INSERT INTO name (text) VALUES (?)');
  return cached(
    db.prepare('SELECT id FROM name WHERE text = ?'),
    db.prepare('SELECT text FROM name WHERE id = ?'),
    text => insert.run(text).lastInsertRowid,
  );
};

/** Rules, which are numbered by themselves: what is kept of one stays where it is when it is renamed. */
export const makeRuleNames = (db: DatabaseSync): Names => {
  const insert = db.prepare('INSERT INTO rule (text, key) VALUES (?, ?)');
  const hasKey = db.prepare('SELECT 1 FROM rule WHERE key = ?');
  return cached(
    db.prepare('SELECT id FROM rule WHERE text = ?'),
    db.prepare('SELECT text FROM rule WHERE id = ?'),
    text =>
      insert.run(
        text,
        freeKey(text, key => hasKey.get(key) !== undefined),
      ).lastInsertRowid,
  );
};

function cached(
  byText: StatementSync,
  byId: StatementSync,
  insert: (text: string) => number | bigint,
): Names {
  const ids = new Map<string, number>();
  const texts = new Map<number, string>();

  const find = (text: string): number | undefined => {
    const known = ids.get(text);
    if (known !== undefined) return known;
    const row = byText.get(text);
    if (row) ids.set(text, Number(row.id));
    return row && Number(row.id);
  };

  return {
    find,
    idOf(text) {
      const found = find(text);
      if (found !== undefined) return found;
      const id = Number(insert(text));
      ids.set(text, id);
      return id;
    },
    textOf(id) {
      const known = texts.get(id);
      if (known !== undefined) return known;
      const text = String(byId.get(id)?.text);
      texts.set(id, text);
      return text;
    },
    forget() {
      ids.clear();
      texts.clear();
    },
  };
}
