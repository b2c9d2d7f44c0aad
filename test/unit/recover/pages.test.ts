import { expect } from 'chai';
import fc from 'fast-check';
import { msOf, stampOf } from '../../../src/core/podio-time.ts';
import type { Identity, PodioClient } from '../../../src/podio/contract.ts';
import { editedSince, newestEdit } from '../../../src/recover/pages.ts';

const AS: Identity = { kind: 'app', appId: 101, token: 't' };
const BEGIN = Date.UTC(2026, 0, 1);

interface Listed {
  readonly itemId: number;
  /** Podio does not tell when it was made. */
  odd?: boolean;
  revision: number;
  editedAt: number;
}

interface FilterBody {
  readonly limit: number;
  readonly offset: number;
  readonly filters: { readonly last_edit_on: { readonly from: string } };
}

/** An app of items whose n-th is edited in the second `seconds[n]`; after each call the items in `edits` are edited. */
function makeApp(seconds: readonly number[], edits: readonly (readonly number[])[], inclusive: boolean) {
  const items = seconds.map(
    (second, itemId): Listed => ({ itemId, revision: 0, editedAt: BEGIN + second * 1000 }),
  );
  let now = BEGIN + Math.max(0, ...seconds) * 1000;
  let calls = 0;
  const filter: PodioClient['items']['filter'] = async (_as, _appId, body) => {
    const { limit, offset, filters } = body as FilterBody;
    const from = msOf(filters.last_edit_on.from) ?? 0;
    const found = items
      .filter(({ editedAt }) => (inclusive ? editedAt >= from : editedAt > from))
      .sort((a, b) => a.editedAt - b.editedAt || a.itemId - b.itemId)
      .slice(offset, offset + limit)
      .map(({ itemId, revision, editedAt, odd }) => ({
        item_id: itemId,
        title: '',
        fields: [],
        revision,
        ...(!odd && { created_on: stampOf(BEGIN) }),
        last_edit_on: stampOf(editedAt),
      }));
    for (const n of edits[calls] ?? []) {
      const item = items[n % items.length];
      if (!item) continue;
      now += 1000;
      item.revision += 1;
      item.editedAt = now;
    }
    calls += 1;
    return { total: items.length, filtered: found.length, items: found };
  };
  return { items, filter, calls: () => calls };
}

async function read(
  app: ReturnType<typeof makeApp>,
  limit: number,
  onOdd: (itemId: number) => void = () => {},
): Promise<readonly string[]> {
  const given: string[] = [];
  const options = { items: app, as: AS, appId: 101, from: BEGIN - 5000, call: {}, limit, onOdd };
  for await (const page of editedSince(options))
    given.push(...page.map(one => `${one.itemId}/${one.revision}`));
  return given;
}

describe('pages of items', () => {
  it('give every item, each revision once, whatever is edited between two calls', async () => {
    const world = fc.record({
      seconds: fc.array(fc.nat(6), { minLength: 1, maxLength: 60, size: 'max' }),
      edits: fc.array(fc.array(fc.nat(59), { maxLength: 3 }), { maxLength: 5 }),
      limit: fc.integer({ min: 5, max: 20 }),
      inclusive: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(world, async ({ seconds, edits, limit, inclusive }) => {
        const app = makeApp(seconds, edits, inclusive);
        const given = await read(app, limit);
        expect(new Set(given).size).to.equal(given.length);
        const items = new Set(given.map(one => Number.parseInt(one, 10)));
        expect([...items].sort((a, b) => a - b)).to.deep.equal(app.items.map(({ itemId }) => itemId));
      }),
      { numRuns: 500 },
    );
  });

  it('leave out whichever items Podio tells too little of, and give all others', async () => {
    const world = fc.record({
      seconds: fc.array(fc.nat(6), { minLength: 1, maxLength: 60, size: 'max' }),
      odd: fc.oneof(
        fc.array(fc.nat(59), { maxLength: 60 }),
        fc.constant(Array.from({ length: 40 }, (_, n) => n)),
      ),
      limit: fc.integer({ min: 5, max: 20 }),
      inclusive: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(world, async ({ seconds, odd, limit, inclusive }) => {
        const app = makeApp(seconds, [], inclusive);
        for (const n of odd) if (app.items[n]) app.items[n].odd = true;
        const told = new Set<number>();
        const given = (await read(app, limit, itemId => told.add(itemId))).map(one =>
          Number.parseInt(one, 10),
        );
        const ids = (wanted: boolean) =>
          app.items.filter(one => (one.odd === true) === wanted).map(one => one.itemId);
        expect(given.sort((a, b) => a - b)).to.deep.equal(ids(false));
        expect([...told].sort((a, b) => a - b)).to.deep.equal(ids(true));
        expect(app.calls()).to.be.below(100);
      }),
      { numRuns: 500 },
    );
  });

  it('of an app are not begun where it tells too little of the newest item', async () => {
    const filter = async () => ({ total: 1, filtered: 1, items: [{ item_id: 1, title: '', fields: [] }] });
    const failed = await newestEdit({ items: { filter }, as: AS, appId: 101, call: {} }).catch(
      error => error.code,
    );
    expect(failed).to.equal('PODIO_UNAVAILABLE');
  });

  it('cost about one call each', async () => {
    const steady = makeApp(
      Array.from({ length: 1000 }, (_, n) => Math.floor(n / 4)),
      [],
      true,
    );
    expect((await read(steady, 100)).length).to.equal(1000);
    expect(steady.calls()).to.be.within(10, 12);
    const import1000 = makeApp(
      Array.from({ length: 1000 }, () => 3),
      [],
      false,
    );
    expect((await read(import1000, 100)).length).to.equal(1000);
    expect(import1000.calls()).to.be.within(10, 12);
  });
});
