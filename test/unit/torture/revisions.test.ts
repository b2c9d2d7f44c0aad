// The look at the end of torture and soak is itself looked at: a lost change that it does not see would never be seen.
import { expect } from 'chai';
import type { LedgerEntry } from '../../../src/core/ledger.ts';
import { changeId, checkRevisions, type ToldEvent, type WorkedItem } from '../../torture/revisions.ts';

const ITEM = 7;

const upTo = (last: number): LedgerEntry => ({ upTo: last, above: [], missing: [] });
const told = (revision: number, ref = 'app/101', recovered = false, item = ITEM): ToldEvent => ({
  id: changeId(item, revision),
  ref,
  item,
  revision,
  recovered,
});
const worked = (last: number, facts: Partial<WorkedItem> = {}): WorkedItem => ({
  app: 'leads',
  ownRef: 'app/101',
  byPeople: new Set(Array.from({ length: last + 1 }, (_, revision) => revision)),
  isDeleted: false,
  last,
  listedFrom: Math.max(0, last - 29),
  ...facts,
});

interface World {
  readonly items?: ReadonlyMap<number, WorkedItem>;
  readonly item?: WorkedItem;
  readonly events: readonly ToldEvent[];
  readonly ledger?: ReadonlyMap<number, LedgerEntry>;
  readonly own?: readonly string[];
  readonly lost?: number;
}

function look({
  item = worked(2),
  items = new Map([[ITEM, item]]),
  events,
  ledger,
  own = [],
  lost = 0,
}: World) {
  const problems: string[] = [];
  const counts = checkRevisions(
    {
      items,
      events,
      ledger: ledger ?? new Map(Array.from(items, ([id, { last }]) => [id, upTo(last)])),
      own: new Set(own),
      lost: () => lost,
    },
    (kind, text) => problems.push(`${kind}: ${text.replace(/ of .*(?=; Podio)| of .*/, '')}`),
  );
  return { counts, problems };
}

describe('the look at revisions', () => {
  it('finds nothing where each is told, podiod’s own or counted as lost', () => {
    const item = worked(40, { byPeople: new Set(Array.from({ length: 40 }, (_, n) => n)) });
    const events = [told(0), ...Array.from({ length: 34 }, (_, n) => told(n + 6))];
    const { counts, problems } = look({ item, events, own: [changeId(ITEM, 40)], lost: 5 });
    expect(problems).to.deep.equal([]);
    expect(counts).to.deep.equal({ journaled: 35, own: 1, unprovable: 5, beforeBaseline: 0, ofDeleted: 0 });
  });

  it('finds what a person has changed among podiod’s own', () => {
    const events = [told(0), told(1), told(2)];
    expect(look({ events, own: [changeId(ITEM, 1)] }).problems).to.deep.equal([
      'taken for own: item.update:7:1',
    ]);
  });

  it('takes no change for told of which only a field’s hook has told, where the app has one of its own', () => {
    const events = [told(0), told(1, 'app_field/5'), told(2)];
    expect(look({ events, lost: 1 }).problems).to.deep.equal([
      'silent gap: item.update:7:1; Podio still lists it',
    ]);
    const deals = worked(2, { app: 'deals' });
    const { ownRef: _, ...withFieldsAlone } = deals;
    expect(look({ item: withFieldsAlone, events }).problems).to.deep.equal([]);
  });

  it('takes no change for lost that Podio could have told of all the time', () => {
    const { problems } = look({ item: worked(31), events: [told(0), ...range(3, 31)], lost: 2 });
    // 1 is no longer listed.
    expect(problems).to.deep.equal(['silent gap: item.update:7:2; Podio still lists it']);
  });

  it('sees a loss behind those of deleted items', () => {
    const items = new Map([
      [ITEM, worked(40)],
      [8, worked(3, { isDeleted: true })],
    ]);
    const events = [told(0), ...range(3, 40), told(0, 'app/101', false, 8)];
    expect(look({ items, events, lost: 5 }).problems).to.deep.equal([]);
    const { problems } = look({ items, events, lost: 4 });
    expect(problems[0]).to.equal('silent gap: 1 more');
    expect(problems.slice(1)).to.deep.equal([
      'silent gap, or said to be lost: item.update:7:1',
      'silent gap, or said to be lost: item.update:7:2',
    ]);
  });

  it('sees what is counted as lost more than once', () => {
    expect(look({ item: worked(40), events: [told(0), ...range(3, 40)], lost: 3 }).problems).to.deep.equal([
      'lost twice: 3',
    ]);
    // One that came after a later one may have been counted before.
    const late = [told(0), ...range(4, 40), told(3)];
    expect(look({ item: worked(40), events: late, lost: 3 }).problems).to.deep.equal([]);
  });

  it('sees what the ledger does not account for, and what it left open', () => {
    const events = [told(0)];
    expect(look({ item: worked(1), events, ledger: new Map([[ITEM, upTo(0)]]) }).problems).to.deep.equal([
      'silent gap: item.update:7:1',
    ]);
    const open: LedgerEntry = { upTo: 2, above: [], missing: [[1, 1]] };
    expect(look({ events: [told(0), told(2)], ledger: new Map([[ITEM, open]]) }).problems).to.deep.equal([
      'left open: item.update:7:1',
    ]);
    // Nobody could notice it before the item was gone.
    const gone = worked(1, { isDeleted: true });
    expect(look({ item: gone, events, ledger: new Map([[ITEM, upTo(0)]]) }).problems).to.deep.equal([]);
  });

  it('asks for nothing below the first that was delivered, unless a look at the app found the item first', () => {
    const { counts, problems } = look({ events: [told(1), told(2)] });
    expect(problems).to.deep.equal([]);
    expect(counts.beforeBaseline).to.equal(1);
    expect(look({ events: [told(0, 'app/101', true), told(2)] }).problems).to.deep.equal([
      'silent gap: item.update:7:1; Podio still lists it',
    ]);
  });

  it('asks for all from a creation on that only a field’s hook told of, where that came first', () => {
    const field = told(0, 'app_field/5');
    expect(look({ events: [field, told(1), told(2)] }).problems).to.deep.equal([
      'silent gap: item.create:7:0; Podio still lists it',
    ]);
    expect(look({ events: [told(1), field, told(2)] }).counts.beforeBaseline).to.equal(1);
  });

  it('takes a deletion for the first that was delivered too', () => {
    const deleted = { ...told(2), id: `item.delete:${ITEM}:2` };
    const gone = worked(1, { isDeleted: true });
    const ledger = new Map([[ITEM, upTo(2)]]);
    const { counts, problems } = look({ item: gone, ledger, events: [deleted] });
    expect(problems).to.deep.equal([]);
    expect(counts.beforeBaseline).to.equal(2);
    // Below it a field’s hook told of the creation: from that on all is due.
    const beside = [told(0, 'app_field/5'), deleted];
    expect(look({ item: gone, ledger, events: beside }).problems).to.deep.equal(['silent gap: 2 more']);
    expect(look({ item: gone, ledger, events: beside, lost: 2 }).problems).to.deep.equal([]);
    // After one that was delivered it is none.
    expect(look({ item: gone, ledger, events: [told(0), deleted] }).problems).to.deep.equal([
      'silent gap: 1 more',
    ]);
    expect(look({ item: gone, ledger, events: [told(0), deleted], lost: 1 }).problems).to.deep.equal([]);
  });
});

const range = (from: number, to: number): readonly ToldEvent[] =>
  Array.from({ length: to - from + 1 }, (_, n) => told(from + n));
