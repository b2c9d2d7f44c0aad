import type { DatabaseSync, SQLInputValue } from 'node:sqlite';

/** Rows that one statement writes: what a statement costs beside its rows is a quarter of a row of the journal. */
const ROWS = 16;

/**
 * Writes rows to one table. To be called with the values of all of them, one row after the other.
 * @param into up to where the values stand
 * @param rest what follows them
 */
export function makeBulkInsert(
  db: DatabaseSync,
  into: string,
  columns: number,
  rest = '',
): (values: readonly SQLInputValue[]) => void {
  const row = `(${Array(columns).fill('?').join(', ')})`;
  const prepare = (rows: number) => db.prepare(`${into} VALUES ${Array(rows).fill(row).join(', ')} ${rest}`);
  const one = prepare(1);
  const many = prepare(ROWS);
  return values => {
    let at = 0;
    for (; values.length - at >= ROWS * columns; at += ROWS * columns)
      many.run(...values.slice(at, at + ROWS * columns));
    for (; at < values.length; at += columns) one.run(...values.slice(at, at + columns));
  };
}
