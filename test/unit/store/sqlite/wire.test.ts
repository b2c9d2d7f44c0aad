import { expect } from 'chai';
import * as fc from 'fast-check';
import { type NewEvent, orderKey, partOf } from '../../../../src/core/event.ts';
import { packApplied, packRows, unpackApplied, unpackRows } from '../../../../src/store/sqlite/wire.ts';
import type { Applied } from '../../../../src/store/sqlite/writes/journal.ts';

const text = fc.string({ maxLength: 8 });
const id = fc.maxSafeNat();
const events: fc.Arbitrary<NewEvent> = fc.record(
  {
    id: text,
    type: text,
    source: fc.constantFrom('webhook' as const, 'recovered' as const, 'schedule' as const, 'daemon' as const),
    ref: fc.record({
      type: fc.constantFrom('app' as const, 'schedule' as const),
      id: fc.oneof(id, text),
    }),
    params: fc.dictionary(text, text),
    app: text,
    space: text,
    itemId: id,
    revision: id,
    externalId: text,
    following: fc.constantFrom('jumps' as const, 'beside' as const, 'loose' as const),
    baseline: fc.constant(false as const),
  },
  { requiredKeys: ['id', 'type', 'source', 'ref', 'params'], noNullPrototype: true },
);

/** Many alike but for what is their own, as a burst brings them. */
const batches: fc.Arbitrary<readonly NewEvent[]> = fc
  .tuple(fc.array(events, { maxLength: 4 }), fc.array(fc.tuple(fc.nat(), text, id)))
  .map(([kinds, own]) =>
    own.flatMap(([kind, name, itemId]) => {
      const like = kinds[kind % Math.max(kinds.length, 1)];
      return like ? [{ ...like, id: name, itemId }] : [];
    }),
  );

describe('what crosses the thread', () => {
  it('is the same events on the other side, without what they have not', () => {
    fc.assert(
      fc.property(batches, id, (batch, receivedAt) => {
        const rows = unpackRows(structuredClone(packRows(batch)), receivedAt);
        const sent = batch.map(({ params, ...event }) => ({ ...event, receivedAt }));
        expect(rows.map(({ params, part, ...row }) => row)).to.deep.equal(sent);
        expect(rows.map(({ part }) => part)).to.deep.equal(batch.map(event => partOf(orderKey(event))));
        expect(rows.map(({ params }) => JSON.parse(params))).to.deep.equal(
          batch.map(({ params }) => JSON.parse(JSON.stringify(params))),
        );
      }),
    );
  });

  it('is the same answer, whatever became of the batch', () => {
    const answers: Applied[] = [
      { decisions: [] },
      {
        decisions: [
          { status: 'released', seq: 1, twin: false },
          { status: 'released', seq: 2 ** 52 - 1, twin: true },
        ],
      },
      {
        decisions: [
          { status: 'repeat', seq: 1 },
          { status: 'released', seq: 2, twin: false },
        ],
      },
      { decisions: [{ status: 'held' }], releases: [] },
    ];
    for (const answer of answers) {
      expect(unpackApplied(structuredClone(packApplied(answer)))).to.deep.equal(answer);
    }
  });
});
