import { expect } from 'chai';
import fc from 'fast-check';
import type { NewEvent } from '../../../src/core/event.ts';
import { refKey } from '../../../src/core/event.ts';
import type { AppendResult, Entry } from '../../../src/store/contract.ts';
import { itemEvent, reopen, WORLDS } from './worlds.ts';

const event = fc
  .record({
    item: fc.integer({ min: 1, max: 4 }),
    revision: fc.integer({ min: 0, max: 3 }),
    field: fc.boolean(),
  })
  .map(({ item, revision, field }) =>
    itemEvent(item, revision, field ? { ref: { type: 'app_field', id: 55 } } : {}),
  );

/** What arrives between two restarts: calls that wait together, each with a batch. */
const life = fc.array(fc.array(event, { maxLength: 5 }), { maxLength: 6 });

/** What a journal has to make of all that arrived, worked out the plain way. */
function model(arrived: readonly NewEvent[]): { results: AppendResult[]; entries: [string, boolean][] } {
  const seqs = new Map<string, number>();
  const entries: [string, boolean][] = [];
  const results = arrived.map(({ id, ref }): AppendResult => {
    const key = `${refKey(ref)} ${id}`;
    const seq = seqs.get(key);
    if (seq !== undefined) return { id, status: 'repeat', seq };
    const twin = [...seqs.keys()].some(other => other.endsWith(` ${id}`));
    entries.push([key, twin]);
    seqs.set(key, entries.length);
    return { id, status: 'released', seq: entries.length };
  });
  return { results, entries };
}

for (const { name, make } of WORLDS) {
  describe(`laws of the ${name} store`, () => {
    it('journals each ref and id once, in order, however events arrive, repeat and restart', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 3 }), async lives => {
          await using world = make();
          const results: AppendResult[] = [];
          let store = await world.open();
          for (const [i, calls] of lives.entries()) {
            if (i > 0) store = await reopen(world, store);
            const answers = await Promise.all(calls.map(batch => store.journal.append(batch)));
            results.push(...answers.flat());
          }
          const wanted = model(lives.flat(2));
          expect(results).to.deep.equal(wanted.results);
          const { entries } = await store.journal.read({ after: 0, limit: 1000 });
          const found = entries.map(({ event, twin }: Entry) => [`${refKey(event.ref)} ${event.id}`, twin]);
          expect(found).to.deep.equal(wanted.entries);
          expect(store.journal.head()).to.equal(wanted.entries.length);
        }),
        { numRuns: name === 'memory' ? 200 : 5 },
      );
    }).timeout(60_000);
  });
}
