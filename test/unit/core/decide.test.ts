import { expect } from 'chai';
import fc from 'fast-check';
import {
  type Candidate,
  type Decision,
  decide,
  type HeldEvent,
  type Mark,
  missingOf,
  type Standing,
} from '../../../src/core/decide.ts';
import { isAccounted, type LedgerEntry, NOTHING_KNOWN } from '../../../src/core/ledger.ts';

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

  describe('with items', () => {
    /** A journal kept by hand: what a store does with a verdict, and no more. */
    class Book {
      readonly seqs: { readonly id: string; readonly ref: string; readonly revision: number | undefined }[] =
        [];
      readonly ledger = new Map<number, LedgerEntry>();
      readonly held: HeldEvent[] = [];
      #keys = 0;

      apply(...batch: readonly (Candidate | Mark)[]): readonly Decision[] {
        const verdict = decide({
          batch,
          known: Map.groupBy(
            this.seqs.map(({ id, ref }, i) => ({ id, ref, seq: i + 1 })),
            ({ id }) => id,
          ),
          ledger: this.ledger,
          held: Map.groupBy(this.held, ({ item }) => item ?? 0),
          head: this.seqs.length,
        });
        for (const release of verdict.releases) {
          const at = 'key' in release ? this.held.findIndex(({ key }) => key === release.key) : -1;
          const event = 'at' in release ? (batch[release.at] as Candidate) : this.held.splice(at, 1)[0];
          if (!event) throw new Error('released what is not there');
          expect(release.seq).to.equal(this.seqs.length + 1);
          expect(release.twin).to.equal(this.seqs.some(({ id }) => id === event.id));
          this.seqs.push({ id: event.id, ref: event.ref, revision: event.revision });
        }
        verdict.decisions.forEach(({ status }, i) => {
          if (status === 'held') this.held.push({ ...(batch[i] as Candidate), key: ++this.#keys });
        });
        for (const [item, entry] of verdict.ledger) this.ledger.set(item, entry);
        return verdict.decisions;
      }

      get ids(): readonly string[] {
        return this.seqs.map(({ id, ref }) => (ref === 'app' ? id : `${id} (${ref})`));
      }
    }

    const update = (revision: number, more: Partial<Candidate> = {}): Candidate => ({
      id: String(revision),
      ref: 'app',
      item: 1,
      revision,
      kind: 'jumps',
      ...more,
    });
    const comment: Candidate = { id: 'comment', ref: 'app', item: 1 };
    const statuses = (decisions: readonly Decision[]) => decisions.map(({ status }) => status);

    it('takes the first revision seen for the baseline', () => {
      const book = new Book();
      expect(statuses(book.apply(update(7), update(8)))).to.deep.equal(['released', 'released']);
      expect(book.ledger.get(1)).to.deep.equal({ upTo: 8, above: [], missing: [] });
    });

    it('takes none while changes from before may still be found, but for a creation', () => {
      const book = new Book();
      expect(statuses(book.apply(update(7, { baseline: false })))).to.deep.equal(['released']);
      expect(book.ledger.get(1)).to.deep.equal({ upTo: undefined, above: [7], missing: [] });
      book.apply({ ...update(0, { baseline: false }), item: 2 });
      expect(book.ledger.get(2)?.upTo).to.equal(0);
    });

    it('takes the lowest that is known for the baseline: what lies between is missing, and not from before', () => {
      const book = new Book();
      const loose = (revision: number, more: Partial<Candidate> = {}) =>
        update(revision, { kind: 'loose', ...more });
      book.apply(loose(1, { baseline: false }), loose(9));
      expect(book.ledger.get(1)).to.deep.equal({ upTo: 1, above: [9], missing: [] });
      book.apply({ mark: 'own', item: 2, revision: 4 }, loose(7, { item: 2 }));
      expect(book.ledger.get(2)).to.deep.equal({ upTo: 4, above: [7], missing: [] });
    });

    it('holds the first that is delivered where it jumps over what podiod has made of the item itself', () => {
      const book = new Book();
      expect(statuses(book.apply({ mark: 'own', item: 1, revision: 0 }, update(2)))).to.deep.equal([
        'done',
        'held',
      ]);
      expect(missingOf(book.ledger.get(1) ?? NOTHING_KNOWN, book.held)).to.deep.equal([[1, 1]]);
      book.apply({ mark: 'settle', item: 1, revision: 0 }, update(1, { kind: 'found' }));
      expect(book.ids).to.deep.equal(['1', '2']);
      // While changes from before may still be found there is no baseline to jump from.
      const behind = update(7, { item: 2, baseline: false });
      expect(statuses(book.apply({ mark: 'own', item: 2, revision: 5 }, behind))).to.deep.equal([
        'done',
        'released',
      ]);
    });

    it('holds what jumps, with all that comes later of the item, and lets it go in order of revisions', () => {
      const book = new Book();
      const held = [update(1), update(4), comment, update(3)];
      expect(statuses(book.apply(...held))).to.deep.equal(['released', 'held', 'held', 'held']);
      expect(missingOf(book.ledger.get(1) ?? NOTHING_KNOWN, book.held)).to.deep.equal([[2, 2]]);
      expect(statuses(book.apply(update(4), comment))).to.deep.equal(['repeat', 'repeat']);
      expect(statuses(book.apply({ ...comment, id: 'other', item: 2 }))).to.deep.equal(['released']);
      expect(statuses(book.apply(update(2)))).to.deep.equal(['released']);
      expect(book.ids).to.deep.equal(['1', 'other', '2', '3', '4', 'comment']);
    });

    it('holds and releases within one batch', () => {
      const book = new Book();
      expect(book.apply(update(1), update(3), update(2))).to.deep.equal([
        { status: 'released', seq: 1, twin: false },
        { status: 'released', seq: 3, twin: false },
        { status: 'released', seq: 2, twin: false },
      ]);
      expect(book.held).to.deep.equal([]);
    });

    it('releases what comes late as it comes, also while others wait', () => {
      const book = new Book();
      book.apply(update(5), update(8));
      expect(statuses(book.apply(update(3), update(6)))).to.deep.equal(['released', 'released']);
      expect(book.ids).to.deep.equal(['5', '3', '6']);
    });

    it('counts the deliveries of the app alone where it has a hook of its own', () => {
      const book = new Book();
      const beside = (revision: number) => update(revision, { ref: 'field', kind: 'beside' });
      expect(statuses(book.apply(update(1), beside(2), beside(4), update(4)))).to.deep.equal([
        'released',
        'released',
        'held',
        'held',
      ]);
      expect(missingOf(book.ledger.get(1) ?? NOTHING_KNOWN, book.held)).to.deep.equal([[2, 3]]);
      book.apply(update(2, { kind: 'found' }), update(3, { kind: 'found' }));
      expect(book.ids).to.deep.equal(['1', '2 (field)', '2', '3', '4 (field)', '4']);
    });

    it('knows from a creation that only a field’s hook told of that all from it on is due', () => {
      const book = new Book();
      const beside = (revision: number) =>
        update(revision, { ref: 'field', kind: 'beside', baseline: false });
      expect(statuses(book.apply(beside(0), update(2)))).to.deep.equal(['released', 'held']);
      expect(missingOf(book.ledger.get(1) ?? NOTHING_KNOWN, book.held)).to.deep.equal([[0, 1]]);
      book.apply(update(1), update(0));
      expect(book.ids).to.deep.equal(['0 (field)', '0', '1', '2']);
      // Where podiod has edited the item by then, that is due no more.
      const other = { item: 2, id: 'other' };
      book.apply(
        { mark: 'own', item: 2, revision: 1 },
        { ...beside(0), ...other },
        { ...update(0), ...other },
      );
      expect(book.ledger.get(2)).to.deep.equal({ upTo: 1, above: [], missing: [] });
      // An edit proves nothing of what came before it.
      book.apply({ ...beside(3), item: 3, id: 'third' });
      expect(book.ledger.has(3)).to.equal(false);
    });

    it('lets nobody wait where numbers are left out naturally, and remembers which came', () => {
      const book = new Book();
      const loose = (revision: number) => update(revision, { kind: 'loose' });
      expect(statuses(book.apply(loose(1), loose(4), loose(3)))).to.deep.equal([
        'released',
        'released',
        'released',
      ]);
      expect(book.ledger.get(1)).to.deep.equal({ upTo: 1, above: [3, 4], missing: [] });
    });

    it('knows its own revisions, whenever it hears of them', () => {
      const book = new Book();
      book.apply(update(1), { mark: 'own', item: 1, revision: 2 }, update(3));
      expect(statuses(book.apply(update(5)))).to.deep.equal(['held']);
      book.apply({ mark: 'own', item: 1, revision: 4 });
      expect(book.ids).to.deep.equal(['1', '3', '5']);
      expect(statuses(book.apply(update(4)))).to.deep.equal(['released']);
    });

    it('leaves a gap open so that nothing has to wait for it, and tells what is found later', () => {
      const book = new Book();
      book.apply(update(1), update(4), update(7), comment, { mark: 'release', item: 1 });
      expect(book.ids).to.deep.equal(['1', '4', '7', 'comment']);
      expect(book.ledger.get(1)?.missing).to.deep.equal([
        [2, 3],
        [5, 6],
      ]);
      const found = (revision: number) => update(revision, { kind: 'found' });
      expect(statuses(book.apply(update(8), found(2), update(3), found(3), found(7)))).to.deep.equal([
        'released',
        'released',
        'released',
        'repeat',
        'repeat',
      ]);
      book.apply({ mark: 'settle', item: 1, revision: 6 });
      expect(book.ledger.get(1)?.missing).to.deep.equal([[5, 6]]);
      book.apply({ mark: 'close', item: 1, revisions: [[2, 6]] });
      expect(book.ledger.get(1)).to.deep.equal({ upTo: 8, above: [], missing: [] });
    });

    it('has, in the end, each revision once and in order, however deliveries come', () => {
      const LAST = 9;
      const revisions = Array.from({ length: LAST + 1 }, (_, revision) => revision);
      const world = fc.record({
        own: fc.subarray(revisions.slice(1)),
        lost: fc.subarray(revisions.slice(1)),
        twice: fc.subarray(revisions),
        order: fc.shuffledSubarray(revisions, { minLength: LAST + 1 }),
        giveUpAt: fc.option(fc.nat(LAST)),
      });
      fc.assert(
        fc.property(world, ({ own, lost, twice, order, giveUpAt }) => {
          const book = new Book();
          book.apply(update(0));
          for (const [step, revision] of order.entries()) {
            if (own.includes(revision)) book.apply({ mark: 'own', item: 1, revision });
            else if (!lost.includes(revision)) {
              book.apply(update(revision));
              if (twice.includes(revision))
                expect(statuses(book.apply(update(revision)))).to.deep.equal(['repeat']);
            }
            if (step === giveUpAt) book.apply({ mark: 'release', item: 1 });
          }
          // What a look at Podio finds: all that is not accounted for by then, and that there is no more.
          const entry = book.ledger.get(1) ?? NOTHING_KNOWN;
          const there = new Set(book.held.map(event => event.revision));
          for (const revision of revisions) {
            if (isAccounted(entry, revision) || there.has(revision)) continue;
            book.apply(update(revision, { kind: 'found' }));
          }
          book.apply({ mark: 'settle', item: 1, revision: LAST });
          book.apply({ mark: 'close', item: 1, revisions: [[0, LAST]] });
          expect(book.held).to.deep.equal([]);
          const told = book.seqs.map(({ revision }) => revision);
          expect(told.toSorted()).to.deep.equal(revisions.filter(revision => !own.includes(revision)));
          if (giveUpAt === null) expect(told).to.deep.equal(told.toSorted());
          expect(book.ledger.get(1)).to.deep.equal({ upTo: LAST, above: [], missing: [] });
        }),
        { numRuns: 500 },
      );
    });
  });
});
