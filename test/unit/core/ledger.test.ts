import { expect } from 'chai';
import fc from 'fast-check';
import {
  account,
  close,
  isAccounted,
  isIn,
  type LedgerEntry,
  leaveOpen,
  NOTHING_KNOWN,
  openOf,
  settle,
  sizeOf,
  unaccounted,
  without,
} from '../../../src/core/ledger.ts';

const MAX = 12;
const all = Array.from({ length: MAX + 1 }, (_, revision) => revision);

/** The same, written down as plain sets. */
interface Model {
  readonly upTo: number | undefined;
  readonly accounted: ReadonlySet<number>;
}

type Deed = readonly [kind: 'account' | 'settle' | 'leaveOpen' | 'close', revision: number];

const deed: fc.Arbitrary<Deed> = fc.tuple(
  fc.constantFrom('account' as const, 'settle' as const, 'leaveOpen' as const, 'close' as const),
  fc.nat(MAX),
);

const done = (entry: LedgerEntry, [kind, revision]: Deed): LedgerEntry =>
  kind === 'close' ? close(entry, [[revision, MAX]]) : { account, settle, leaveOpen }[kind](entry, revision);

function modelled({ upTo, accounted }: Model, [kind, revision]: Deed): Model {
  if (kind === 'account') return { upTo, accounted: new Set([...accounted, revision]) };
  if (kind === 'settle') {
    return {
      upTo: Math.max(upTo ?? -1, revision),
      // What was left open below stays so.
      accounted: new Set([...accounted, ...all.slice((upTo ?? -1) + 1, revision + 1)]),
    };
  }
  if (kind === 'close') {
    const leftOpen = all.filter(each => upTo !== undefined && each >= revision && each <= upTo);
    return { upTo, accounted: new Set([...accounted, ...leftOpen]) };
  }
  return { upTo: upTo === undefined ? undefined : Math.max(upTo, revision), accounted };
}

describe('ledger', () => {
  it('knows of every revision whether it is accounted for, whatever was done', () => {
    fc.assert(
      fc.property(fc.array(deed, { maxLength: 20, size: 'max' }), deeds => {
        let entry = NOTHING_KNOWN;
        let model: Model = { upTo: undefined, accounted: new Set() };
        for (const each of deeds) {
          entry = done(entry, each);
          model = modelled(model, each);
          const known = all.filter(revision => isAccounted(entry, revision));
          expect(known).to.deep.equal(all.filter(revision => model.accounted.has(revision)));
          const open = openOf(entry, [[0, MAX]]);
          expect(all.filter(revision => isIn(open, revision))).to.deep.equal(
            all.filter(revision => !model.accounted.has(revision)),
          );
          expect(sizeOf(open)).to.equal(all.length - known.length);
          expect(entry.upTo === undefined).to.equal(model.upTo === undefined);
          // Everything below is settled or named, so an entry stays as short as its gaps are.
          expect(
            entry.above.every(revision => entry.upTo === undefined || revision > entry.upTo + 1),
          ).to.equal(true);
        }
      }),
    );
  });

  it('names what is missing between its baseline and a revision', () => {
    const entry = account(account(settle(NOTHING_KNOWN, 3), 6), 8);
    expect(entry).to.deep.equal({ upTo: 3, above: [6, 8], missing: [] });
    expect(unaccounted(entry, 9)).to.deep.equal([
      [4, 5],
      [7, 7],
      [9, 9],
    ]);
    expect(unaccounted(NOTHING_KNOWN, 9)).to.deep.equal([]);
    expect(leaveOpen(entry, 7)).to.deep.equal({
      upTo: 8,
      above: [],
      missing: [
        [4, 5],
        [7, 7],
      ],
    });
  });

  it('takes as much room for a huge gap as for a small one', () => {
    const entry = leaveOpen(settle(NOTHING_KNOWN, 0), Number.MAX_SAFE_INTEGER - 1);
    expect(entry.missing).to.deep.equal([[1, Number.MAX_SAFE_INTEGER - 1]]);
    expect(sizeOf(without(entry.missing, [5, 5]))).to.equal(Number.MAX_SAFE_INTEGER - 2);
  });
});
