import { expect } from 'chai';
import * as fc from 'fast-check';
import { type NewEvent, orderKey, partOf } from '../../../../src/core/event.ts';
import { packApplied, packRow, unpackApplied, unpackRow } from '../../../../src/store/sqlite/wire.ts';
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

describe('what crosses the thread', () => {
  it('is the same event on the other side, without what it has not', () => {
    fc.assert(
      fc.property(events, id, (event, receivedAt) => {
        const { params, ...row } = unpackRow(structuredClone(packRow(event)), receivedAt);
        const { params: sent, ...rest } = event;
        expect(row).to.deep.equal({ ...rest, part: partOf(orderKey(event)), receivedAt });
        expect(JSON.parse(params)).to.deep.equal(JSON.parse(JSON.stringify(sent)));
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
