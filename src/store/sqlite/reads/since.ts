import type { DatabaseSync } from 'node:sqlite';

/**
 * The lowest seq received at or after a time, one above the newest where there is none; 0 in an empty journal. By halving:
 * times rise with seq but for a wall clock set back.
 */
export function firstSince(db: DatabaseSync): (time: number) => number {
  const selectNext = db.prepare('SELECT seq, received_at FROM event WHERE seq >= ? ORDER BY seq LIMIT 1');
  const selectEnds = db.prepare(
    'SELECT (SELECT min(seq) FROM event) AS first, (SELECT max(seq) FROM event) AS last',
  );
  return time => {
    const ends = selectEnds.get();
    if (!ends || ends.first === null) return 0;
    let low = Number(ends.first);
    let high = Number(ends.last) + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const row = selectNext.get(middle);
      if (!row || Number(row.received_at) >= time) high = middle;
      else low = Number(row.seq) + 1;
    }
    return low;
  };
}
