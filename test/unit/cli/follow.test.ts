import { expect } from 'chai';
import { follow, pages } from '../../../src/cli/follow.ts';
import type { EventQuery, EventWithRuns, LaneStatus } from '../../../src/store/contract.ts';
import { until } from '../../support/wait.ts';

/** A journal that grows while it is read. */
function makeReader() {
  const entries: EventWithRuns[] = [];
  const lanes = new Map<string, number>();
  const queries: EventQuery[] = [];
  return {
    entries,
    lanes,
    queries,
    /** Taken in now, unless told otherwise. */
    add(seq: number, rules: readonly string[] = [], receivedAt = new Date().toISOString()) {
      const runs = rules.map(rule => ({ rule, outcome: 'settled', steps: [] }) as const);
      entries.push({ event: { seq, id: `e${seq}`, receivedAt }, runs } as unknown as EventWithRuns);
    },
    reader: {
      journal: {
        async list(query: EventQuery) {
          queries.push(query);
          return entries
            .filter(({ event }) => event.seq > (query.after ?? 0))
            .filter(({ runs }) => query.rule === undefined || runs.some(({ rule }) => rule === query.rule))
            .slice(0, query.limit);
        },
      },
      lanes: {
        async status() {
          const head = entries.at(-1)?.event.seq ?? 0;
          return Array.from(lanes, ([rule, cursor]) => ({ rule, cursor, lag: head - cursor }) as LaneStatus);
        },
      },
    } as unknown as Parameters<typeof follow>[0],
  };
}

function following(journal: ReturnType<typeof makeReader>, query: { rule?: string } = {}, after = 0) {
  const stop = new AbortController();
  const seen: number[] = [];
  const ended = (async () => {
    for await (const { event } of follow(journal.reader, query, after, stop.signal)) seen.push(event.seq);
  })();
  return {
    seen,
    shows: (...seqs: number[]) => until(() => seqs.every(seq => seen.includes(seq)), `${seqs}`),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
    },
  };
}

describe('following the journal', () => {
  it('reads page by page', async () => {
    const journal = makeReader();
    for (let seq = 1; seq <= 1201; seq++) journal.add(seq);
    const seqs: number[] = [];
    for await (const { event } of pages(journal.reader, {})) seqs.push(event.seq);
    expect(seqs).to.deep.equal(Array.from({ length: 1201 }, (_, n) => n + 1));
    expect(journal.queries.map(({ after }) => after)).to.deep.equal([0, 500, 1000]);
  });

  it('tells an event once every rule that keeps up has passed it', async () => {
    const journal = makeReader();
    journal.lanes.set('a', 0).set('b', 0);
    await using shown = following(journal);
    await until(() => journal.queries.length > 0, 'a look');
    journal.add(1, ['a']);
    journal.lanes.set('a', 1);
    const looks = journal.queries.length;
    await until(() => journal.queries.length > looks + 1, 'two more looks');
    expect(shown.seen).to.deep.equal([]);
    journal.lanes.set('b', 1);
    await shown.shows(1);
  });

  it('does not wait for a rule that was behind before, nor for what was taken in long ago', async () => {
    const journal = makeReader();
    journal.add(1, [], '2026-01-01T00:00:00.000Z');
    journal.lanes.set('gone', 0).set('a', 1);
    await using shown = following(journal);
    await shown.shows(1);
    journal.add(2, ['a']);
    journal.lanes.set('a', 2);
    await shown.shows(2);
    expect(shown.seen).to.deep.equal([1, 2]);
  });

  it('tells of a rule what it finishes, in whatever order, each once', async () => {
    const journal = makeReader();
    journal.lanes.set('a', 0);
    await using shown = following(journal, { rule: 'a' });
    for (const seq of [1, 2, 3]) journal.add(seq, seq === 1 ? [] : ['a']);
    await shown.shows(2, 3);
    journal.entries[0] = {
      ...(journal.entries[0] as EventWithRuns),
      runs: [{ rule: 'a', outcome: 'settled', steps: [] }],
    };
    await shown.shows(1);
    journal.lanes.set('a', 3);
    journal.add(4, ['a']);
    await shown.shows(4);
    const looks = journal.queries.length;
    await until(() => journal.queries.length > looks + 1, 'two more looks');
    expect(shown.seen).to.deep.equal([2, 3, 1, 4]);
    expect(journal.queries.at(-1)?.after).to.equal(3);
  });
});
