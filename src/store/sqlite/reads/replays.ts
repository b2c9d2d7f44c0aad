import type { DatabaseSync } from 'node:sqlite';
import type { Asked, RecordedRun, Replay } from '../../contract.ts';
import { type Names, NO_NAME } from '../names.ts';
import { outcomeOf, type Row, stepsOf } from '../rows.ts';

export interface ReplayReads {
  asked(rule: string): Asked;
  recorded(rule: string, eventIds: readonly string[]): readonly RecordedRun[];
  replays(): readonly Replay[];
}

export function makeReplayReads(db: DatabaseSync, ruleNames: Names): ReplayReads {
  const selectRule = db.prepare('SELECT id, first, last, cursor FROM replay WHERE rule = ? ORDER BY id');
  const selectOpen = db.prepare('SELECT * FROM replay WHERE cursor < last ORDER BY id');
  const selectRetries = db.prepare('SELECT times FROM retry_all WHERE rule = ?');
  const selectRecorded = db.prepare(
    'SELECT run.seq, run.replay, run.outcome, run.steps FROM event JOIN run USING (seq) WHERE event.id = ? AND run.rule = ?',
  );
  /** Those that are on record too are parked. */
  const selectGathered = db.prepare(
    `SELECT seq, 0 AS replay FROM event JOIN gathered USING (seq) WHERE event.id = ? AND gathered.rule = ?
       AND NOT EXISTS (SELECT 1 FROM run WHERE run.rule = gathered.rule AND run.seq = gathered.seq AND replay = 0)`,
  );
  const filteredBy = ({ outcome, steps }: Row): Pick<RecordedRun, 'filteredBy'> => {
    if (outcome === undefined || outcomeOf(outcome) !== 'filtered') return {};
    const last = stepsOf(steps).at(-1);
    return last ? { filteredBy: last.step } : {};
  };
  const rangeOf = (row: Row) => ({ from: Number(row.first), to: Number(row.last) });

  return {
    asked(rule) {
      const id = ruleNames.find(rule) ?? NO_NAME;
      const all = selectRule.all(id).map(row => ({
        ...rangeOf(row),
        id: String(row.id),
        cursor: Number(row.cursor),
      }));
      return {
        retries: Number(selectRetries.get(id)?.times ?? 0),
        replays: all.flatMap((replay, at) =>
          replay.cursor >= replay.to
            ? []
            : [{ ...replay, before: all.slice(0, at).map(({ from, to }) => ({ from, to })) }],
        ),
      };
    },
    recorded(rule, eventIds) {
      const id = ruleNames.find(rule) ?? NO_NAME;
      return eventIds.flatMap(eventId =>
        [...selectRecorded.all(eventId, id), ...selectGathered.all(eventId, id)]
          .map(row => ({ seq: Number(row.seq), eventId, replay: Number(row.replay), ...filteredBy(row) }))
          .sort((a, b) => a.seq - b.seq || a.replay - b.replay),
      );
    },
    replays: () =>
      selectOpen.all().map(row => ({
        ...rangeOf(row),
        id: String(row.id),
        rule: ruleNames.textOf(Number(row.rule)),
        cursor: Number(row.cursor),
        askedAt: Number(row.asked_at),
      })),
  };
}
