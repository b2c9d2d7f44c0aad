/** All that the reader can be asked. Each call sees one state of the database. */
import type { DatabaseSync } from 'node:sqlite';
import { makeNames, makeRuleNames } from '../names.ts';
import { makeGapReads } from './gaps.ts';
import { makeJournalReads } from './journal.ts';
import { makeLaneReads } from './lanes.ts';
import { makeOwnReads } from './own.ts';
import { makeParkingReads } from './parking.ts';
import { makePauseReads } from './pauses.ts';
import { makeReplayReads } from './replays.ts';
import { makeRetentionReads } from './retention.ts';
import { makeRuleReads } from './rules.ts';
import { makeTimerReads } from './timers.ts';
import { makeValueReads } from './values.ts';

export type Reads = ReturnType<typeof makeReads>;

export function makeReads(db: DatabaseSync) {
  const names = makeNames(db);
  const ruleNames = makeRuleNames(db);
  return {
    ...makeJournalReads(db, names, ruleNames),
    ...makeGapReads(db, names),
    ...makeLaneReads(db, names, ruleNames),
    ...makeParkingReads(db, names, ruleNames),
    ...makeOwnReads(db),
    ...makePauseReads(db),
    ...makeReplayReads(db, ruleNames),
    ...makeRetentionReads(db),
    ...makeRuleReads(db, ruleNames),
    ...makeTimerReads(db),
    ...makeValueReads(db),
  };
}

/** Several statements of one read must not see a commit between them. */
export function inSnapshot<T>(db: DatabaseSync, read: () => T): T {
  db.exec('BEGIN');
  try {
    return read();
  } finally {
    // A disk that fails ends the transaction.
    if (db.isTransaction) db.exec('COMMIT');
  }
}
