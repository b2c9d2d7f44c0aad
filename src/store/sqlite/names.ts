import type { DatabaseSync } from 'node:sqlite';

/** The number of no string: stands for a string that no row refers to. */
export const NO_NAME = 0;

/** Strings that rows refer to by number. Numbers are given once and for good. */
export interface Names {
  /** Given on first use. */
  idOf(text: string): number;
  /** Undefined when no row can refer to it. */
  find(text: string): number | undefined;
  textOf(id: number): string;
  /** After a rollback: what was given in it does not stand. */
  forget(): void;
}

export function makeNames(db: DatabaseSync): Names {
  const byText = db.prepare('SELECT id FROM name WHERE text = ?');
  const byId = db.prepare('SELECT text FROM name WHERE id = ?');
  const insert = db.prepare('INSERT INTO name (text) VALUES (?)');
  const ids = new Map<string, number>();
  const texts = new Map<number, string>();

  const find = (text: string): number | undefined => {
    const cached = ids.get(text);
    if (cached !== undefined) return cached;
    const row = byText.get(text);
    if (row) ids.set(text, Number(row.id));
    return row && Number(row.id);
  };

  return {
    find,
    idOf(text) {
      const found = find(text);
      if (found !== undefined) return found;
      const id = Number(insert.run(text).lastInsertRowid);
      ids.set(text, id);
      return id;
    },
    textOf(id) {
      const cached = texts.get(id);
      if (cached !== undefined) return cached;
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
