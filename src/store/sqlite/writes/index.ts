/** All that the writer thread can be asked to do. Each function is one command inside the transaction of its group. */
import type { DatabaseSync } from 'node:sqlite';
import { makeNames, makeRuleNames } from '../names.ts';
import { type PackedApplied, type PackedRows, packApplied, unpackRows } from '../wire.ts';
import { makeCompletenessWrites } from './completeness.ts';
import { makeGapWrites } from './gaps.ts';
import { makeGroupWrites } from './groups.ts';
import { makeHeldWrites } from './held.ts';
import { makeJournalWrites } from './journal.ts';
import { makeLaneWrites } from './lanes.ts';
import { makeLedgerWrites } from './ledger.ts';
import { makeLeftWrites } from './left.ts';
import { makeMarks } from './marks.ts';
import { makeOwnWrites } from './own.ts';
import { makeParkingWrites } from './parking.ts';
import { makePauseWrites } from './pauses.ts';
import { makeReplayWrites } from './replays.ts';
import { makeRetentionWrites } from './retention.ts';
import { makeRuleWrites } from './rules.ts';
import { makeTallies } from './tallies.ts';
import { makeTimerWrites } from './timers.ts';
import { makeValueWrites } from './values.ts';

export type Writes = ReturnType<typeof makeWrites>['operations'];

/** @param firstEpoch of what was made for the same process before, where the database is opened anew */
export function makeWrites(db: DatabaseSync, firstEpoch?: number) {
  const names = makeNames(db);
  const ruleNames = makeRuleNames(db);
  const tallies = makeTallies(db);
  const completeness = makeCompletenessWrites(db);
  const held = makeHeldWrites(db);
  const ledger = makeLedgerWrites(db);
  const journal = makeJournalWrites(db, { names, ledger, held, completeness });
  const marks = makeMarks(db);
  const replays = makeReplayWrites(db, ruleNames);
  const groups = makeGroupWrites(db);
  const lanes = makeLaneWrites(db, {
    rules: ruleNames,
    tallies,
    marks,
    replays,
    groups,
    head: journal.head,
    firstEpoch,
  });
  const left = makeLeftWrites(db, { rules: ruleNames, tallies, lanes, head: journal.head });
  const parking = makeParkingWrites(db, { rules: ruleNames, tallies, marks, groups, left });
  const pauses = makePauseWrites(db, ruleNames);
  const retention = makeRetentionWrites(db, ruleNames, lanes.flush);
  return {
    operations: {
      append: (rows: PackedRows, at: number): PackedApplied =>
        packApplied(journal.apply(unpackRows(rows, at), at)),
      ...makeGapWrites(db, { names, journal, ledger, held, completeness }),
      acquire: lanes.acquire,
      finish: lanes.finish,
      advance: lanes.advance,
      reach: lanes.reach,
      mark: lanes.mark,
      release: lanes.release,
      endedCleanly: lanes.endedCleanly,
      tried: lanes.tried,
      checkpoint: lanes.checkpoint,
      gather: lanes.gather,
      close: lanes.close,
      admit: lanes.admit,
      park: lanes.park,
      replay: replays.replay,
      replayed: lanes.replayed,
      retry: parking.retry,
      drop: parking.drop,
      pause: pauses.pause,
      resume: pauses.resume,
      removeEvents: retention.removeEvents,
      forgetSteps: retention.forgetSteps,
      giveBack: retention.giveBack,
      leave: left.leave,
      ...makeOwnWrites(db),
      ...makeTimerWrites(db),
      ...makeValueWrites(db),
      ...makeRuleWrites(db, ruleNames),
    },
    head: journal.head,
    firstEpoch: lanes.firstEpoch,
    /** What is gathered over a group and written once; the last thing before its commit. */
    flush() {
      lanes.flush();
      tallies.flush();
      completeness.flush();
    },
    /** After a rollback: whatever was remembered of the transaction does not stand. */
    forget() {
      names.forget();
      groups.forget();
      ruleNames.forget();
      held.forget();
      completeness.forget();
      journal.forget();
      lanes.forget();
      marks.forget();
      retention.forget();
      tallies.forget();
    },
  };
}
