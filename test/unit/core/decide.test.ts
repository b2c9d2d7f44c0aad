import { expect } from 'chai';
import fc from 'fast-check';
import { type Candidate, type Decision, decide, type Standing } from '../../../src/core/decide.ts';

const known = (
  ...standings: readonly (Standing & { id: string })[]
): ReadonlyMap<string, readonly Standing[]> => Map.groupBy(standings, ({ id }) => id);

describe('decide', () => {
  it('gives seqs above the head, in the order of the batch', () => {
    const batch = [
      { id: 'b', ref: 'app/1' },
      { id: 'a', ref: 'app/1' },
    ];
    expect(decide({ batch, known: known(), head: 7 }).decisions).to.deep.equal([
      { status: 'released', seq: 8, twin: false },
      { status: 'released', seq: 9, twin: false },
    ]);
  });

  it('points a repeat to the entry it repeats, wherever that is', () => {
    const batch = [
      { id: 'a', ref: 'app/1' },
      { id: 'b', ref: 'app/1' },
      { id: 'b', ref: 'app/1' },
    ];
    expect(
      decide({ batch, known: known({ id: 'a', ref: 'app/1', seq: 3 }), head: 7 }).decisions,
    ).to.deep.equal([
      { status: 'repeat', seq: 3 },
      { status: 'released', seq: 8, twin: false },
      { status: 'repeat', seq: 8 },
    ]);
  });

  it('calls the later one of two refs the twin, also within a batch', () => {
    const batch = [
      { id: 'a', ref: 'app_field/5' },
      { id: 'b', ref: 'app/1' },
      { id: 'b', ref: 'app_field/5' },
    ];
    expect(
      decide({ batch, known: known({ id: 'a', ref: 'app/1', seq: 3 }), head: 3 }).decisions,
    ).to.deep.equal([
      { status: 'released', seq: 4, twin: true },
      { status: 'released', seq: 5, twin: false },
      { status: 'released', seq: 6, twin: true },
    ]);
  });

  /** The plainest journal there is: a list that is searched from its start. */
  function model(candidates: readonly Candidate[]): readonly Decision[] {
    const journal: Candidate[] = [];
    return candidates.map(({ id, ref }): Decision => {
      const at = journal.findIndex(entry => entry.id === id && entry.ref === ref);
      if (at >= 0) return { status: 'repeat', seq: at + 1 };
      const twin = journal.some(entry => entry.id === id);
      journal.push({ id, ref });
      return { status: 'released', seq: journal.length, twin };
    });
  }

  it('decides the same however the events are cut into batches', () => {
    const candidate = fc.record({
      id: fc.constantFrom('a', 'b', 'c', 'd'),
      ref: fc.constantFrom('x', 'y', 'z'),
    });
    fc.assert(
      fc.property(fc.array(fc.array(candidate, { maxLength: 6 }), { maxLength: 8 }), batches => {
        const standings: (Standing & { id: string })[] = [];
        let head = 0;
        const decisions = batches.flatMap(batch => {
          const decided = decide({ batch, known: known(...standings), head }).decisions;
          decided.forEach((decision, i) => {
            const { id, ref } = batch[i] as Candidate;
            if (decision.status !== 'released') return;
            standings.push({ id, ref, seq: decision.seq });
            head = decision.seq;
          });
          return decided;
        });
        expect(decisions).to.deep.equal(model(batches.flat()));
      }),
    );
  });
});
