import type { DatabaseSync } from 'node:sqlite';
import type { Outcome } from '../../../core/run.ts';
import { outcomeNumber, outcomeOf } from '../rows.ts';

interface Tally {
  readonly counts: Record<Outcome, number>;
  lastAt: number;
  lastOutcome: Outcome;
}

/** How each rule's runs ended, counted along. Kept in memory while a transaction runs and written once at its end. */
export interface Tallies {
  /** `before` is what the same run's record said so far. */
  count(rule: number, before: Outcome | undefined, outcome: Outcome, at: number): void;
  /** An operator gave up runs that were parked. */
  dropped(rule: number): void;
  /** A record that said so is gone. */
  uncount(rule: number, outcome: Outcome): void;
  /** Writes what changed; the last thing before the commit. */
  flush(): void;
  /** After a rollback. */
  forget(): void;
}

export function makeTallies(db: DatabaseSync): Tallies {
  const select = db.prepare('SELECT * FROM tally WHERE rule = ?');
  const replace = db.prepare(
    'REPLACE INTO tally (rule, settled, filtered, parked, dropped, last_at, last_outcome) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const cache = new Map<number, Tally>();
  const changed = new Set<number>();

  const tallyOf = (rule: number): Tally | undefined => {
    const cached = cache.get(rule);
    if (cached) return cached;
    const row = select.get(rule);
    if (!row) return undefined;
    const tally: Tally = {
      counts: {
        settled: Number(row.settled),
        filtered: Number(row.filtered),
        parked: Number(row.parked),
        dropped: Number(row.dropped),
      },
      lastAt: Number(row.last_at),
      lastOutcome: outcomeOf(row.last_outcome),
    };
    cache.set(rule, tally);
    return tally;
  };

  return {
    count(rule, before, outcome, at) {
      let tally = tallyOf(rule);
      if (!tally) {
        tally = {
          counts: { settled: 0, filtered: 0, parked: 0, dropped: 0 },
          lastAt: at,
          lastOutcome: outcome,
        };
        cache.set(rule, tally);
      }
      if (before) tally.counts[before] -= 1;
      tally.counts[outcome] += 1;
      tally.lastAt = at;
      tally.lastOutcome = outcome;
      changed.add(rule);
    },
    dropped(rule) {
      const tally = tallyOf(rule);
      if (!tally) return;
      tally.counts.parked -= 1;
      tally.counts.dropped += 1;
      changed.add(rule);
    },
    uncount(rule, outcome) {
      const tally = tallyOf(rule);
      if (!tally) return;
      tally.counts[outcome] -= 1;
      changed.add(rule);
    },
    flush() {
      for (const rule of changed) {
        const tally = cache.get(rule);
        if (!tally) continue;
        const { counts, lastAt, lastOutcome } = tally;
        const { settled, filtered, parked, dropped } = counts;
        replace.run(rule, settled, filtered, parked, dropped, lastAt, outcomeNumber(lastOutcome));
      }
      changed.clear();
    },
    forget() {
      cache.clear();
      changed.clear();
    },
  };
}
