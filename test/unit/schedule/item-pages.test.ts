import { expect } from 'chai';
import fc from 'fast-check';
import type { FilterResult, Item } from '../../../src/core/podio.ts';
import { FIRST_PLACE, readPage } from '../../../src/schedule/item-pages.ts';

const itemOf = (id: number): Item => ({ item_id: id, title: '', fields: [] });

/** A list that changes between the calls. */
function makeList(
  ids: readonly number[],
  order: (ids: number[]) => number[] = all => all.sort((a, b) => a - b),
) {
  const there = new Set(ids);
  const list = {
    there,
    calls: 0,
    before: (_call: number): void => {},
    async read(offset: number, limit: number): Promise<FilterResult> {
      list.before(list.calls++);
      const sorted = order([...there]);
      const items = sorted.slice(offset, offset + limit).map(itemOf);
      return { total: sorted.length, filtered: sorted.length, items };
    },
  };
  return list;
}

async function readAll(list: ReturnType<typeof makeList>, limit: number, forget = (_page: number) => false) {
  const found: number[] = [];
  let place = FIRST_PLACE;
  let given = new Set<number>();
  for (let n = 0; n < 1000; n++) {
    const page = await readPage(list.read, place, given, limit);
    found.push(...page.items.map(({ item_id: id }) => id));
    if (page.last) return { found, unsure: page.unsure };
    place = page.next;
    // As after a restart: only what is kept on disk is known.
    if (forget(n)) given = new Set();
  }
  throw new Error('no end');
}

const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1);

describe('items page by page', () => {
  it('gives each once, in the order of their ids', async () => {
    for (const [size, limit] of [
      [0, 10],
      [1, 10],
      [10, 10],
      [11, 10],
      [95, 10],
      [1200, 500],
      [7, 2],
    ] as const) {
      const { found, unsure } = await readAll(makeList(upTo(size)), limit);
      expect([found, unsure], `${size} by ${limit}`).to.deep.equal([upTo(size), false]);
    }
  });

  it('leaves out none that is there all the time, whatever comes and goes meanwhile, and gives none twice', async () => {
    const run = fc.record({
      size: fc.integer({ min: 0, max: 120 }),
      limit: fc.integer({ min: 2, max: 40 }),
      moves: fc.array(
        fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 140 })), { maxLength: 40, size: 'max' }),
        {
          maxLength: 30,
        },
      ),
    });
    await fc.assert(
      fc.asyncProperty(run, async ({ size, limit, moves }) => {
        const list = makeList(upTo(size));
        const always = new Set(list.there);
        list.before = call => {
          for (const [comes, id] of moves[call] ?? []) {
            if (comes) list.there.add(id);
            else {
              list.there.delete(id);
              always.delete(id);
            }
          }
        };
        const { found } = await readAll(list, limit);
        expect(new Set(found).size).to.equal(found.length);
        expect(new Set(found).isSupersetOf(always)).to.equal(true);
      }),
      { numRuns: 500 },
    );
  });

  it('goes on after a restart with what is kept: none is left out, and with nothing changed none comes twice', async () => {
    const list = makeList(upTo(300));
    const { found } = await readAll(list, 50, page => page % 2 === 0);
    expect(found).to.deep.equal(upTo(300));
    const shrinking = makeList(upTo(300));
    shrinking.before = call => {
      for (let id = call * 25; id < call * 25 + 25; id++) shrinking.there.delete(id);
    };
    const rest = await readAll(shrinking, 50, () => true);
    expect(new Set(rest.found).isSupersetOf(new Set(shrinking.there))).to.equal(true);
  });

  it('goes through a list in another order until nothing new comes, and says where that has no end', async () => {
    const backwards = makeList(upTo(95), all => all.sort((a, b) => b - a));
    expect((await readAll(backwards, 10)).found.toSorted((a, b) => a - b)).to.deep.equal(upTo(95));
    // One that is edited moves to the front of such a list, so what was behind is read as if nothing were.
    const restless = makeList(upTo(40), all => all.sort((a, b) => b - a));
    restless.before = call => void restless.there.add(1000 + call);
    const { found, unsure } = await readAll(restless, 10);
    expect(new Set(found).isSupersetOf(new Set(upTo(40)))).to.equal(true);
    expect(unsure).to.equal(true);
  });
});
