// What is decided about items, in random order, with repeats, gaps and restarts, replayed through each store beside a model.
import { expect } from 'chai';
import fc from 'fast-check';
import type { NewEvent } from '../../../src/core/event.ts';
import { refKey } from '../../../src/core/event.ts';
import { isAccounted, NOTHING_KNOWN } from '../../../src/core/ledger.ts';
import { DecideModel, MAX_REVISION } from './decide-model.ts';
import { itemEvent, reopen, WORLDS } from './worlds.ts';

type Deed =
  | { readonly kind: 'append'; readonly batch: readonly NewEvent[] }
  | { readonly kind: 'own'; readonly item: number; readonly revision: number }
  | { readonly kind: 'release'; readonly item: number }
  | {
      readonly kind: 'recover';
      readonly item: number;
      readonly revisions: readonly number[];
      readonly upTo: number;
      readonly lookedFor: readonly number[];
    }
  | { readonly kind: 'restart' };

const item = fc.integer({ min: 1, max: 3 });
const revision = fc.nat(MAX_REVISION - 1);

/** As the hooks of one item's app deliver it: its own hook, a field's beside it, or a field's alone. */
const delivery: fc.Arbitrary<NewEvent> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .record({ item, revision, way: fc.constantFrom('jumps', 'beside', 'loose'), baseline: fc.boolean() })
      .map(({ item, revision, way, baseline }) =>
        itemEvent(item, revision, {
          ...(way === 'loose' ? {} : { following: way as 'jumps' | 'beside' }),
          ...(way === 'beside' ? { ref: { type: 'app_field', id: 55 } } : {}),
          ...(baseline ? {} : { baseline: false }),
        }),
      ),
  },
  {
    weight: 1,
    arbitrary: fc.record({ item, comment: fc.nat(3) }).map(
      ({ item, comment }): NewEvent => ({
        ...itemEvent(item, 0),
        id: `comment.create:${item}00${comment}`,
        type: 'comment.create',
      }),
    ),
  },
);

const deed: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      batch: fc.array(delivery, { minLength: 1, maxLength: 5 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('own' as const), item, revision }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('release' as const), item }) },
  {
    weight: 2,
    arbitrary: fc
      .record({
        kind: fc.constant('recover' as const),
        item,
        revisions: fc.uniqueArray(revision, { maxLength: 4 }),
        lookedFor: fc.uniqueArray(revision, { maxLength: 8 }),
        above: fc.nat(2),
      })
      .map(({ revisions, above, ...rest }) => {
        const ascending = revisions.toSorted((a, b) => a - b);
        return { ...rest, revisions: ascending, upTo: (ascending.at(-1) ?? 0) + above };
      }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
);

for (const { name, make } of WORLDS) {
  describe(`decisions of the ${name} store`, () => {
    it('are those of the plainest model, whatever comes in whatever order', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(deed, { minLength: 1, maxLength: 25, size: 'max' }), async deeds => {
          await using world = make();
          const model = new DecideModel();
          let store = await world.open();
          for (const each of deeds) {
            switch (each.kind) {
              case 'append':
                expect(await store.journal.append(each.batch)).to.deep.equal(model.append(each.batch));
                break;
              case 'own':
                await store.gaps.own(each.item, each.revision, 'leads');
                model.own(each.item, each.revision);
                break;
              case 'release': {
                const lease = await store.singleton('gap-release');
                await store.gaps.release(lease, {
                  itemId: each.item,
                  app: 'leads',
                  why: 'late',
                  retryMs: 1000,
                });
                model.release(each.item);
                break;
              }
              case 'recover': {
                const lease = await store.singleton('catch-up');
                const events = each.revisions.map(
                  (revision): NewEvent => ({ ...itemEvent(each.item, revision), source: 'recovered' }),
                );
                const { upTo, lookedFor } = each;
                const missing = lookedFor.toSorted((a, b) => a - b).map(one => [one, one] as const);
                await store.gaps.recover(lease, [{ itemId: each.item, app: 'leads', events, upTo, missing }]);
                model.recover(each.item, events, upTo, lookedFor);
                break;
              }
              case 'restart':
                store = await reopen(world, store);
                break;
            }
            const { entries } = await store.journal.read({ after: 0, limit: 1000 });
            const found = entries.map(
              ({ event, twin }) => `${refKey(event.ref)} ${event.id}${twin ? ' twin' : ''}`,
            );
            const wanted = model.journal.map(({ id, ref }, at) => {
              const isTwin = model.journal.slice(0, at).some(event => event.id === id);
              return `${refKey(ref)} ${id}${isTwin ? ' twin' : ''}`;
            });
            expect(found).to.deep.equal(wanted);
            expect(entries.map(({ event }) => event.seq)).to.deep.equal(wanted.map((_, at) => at + 1));
            const held = await store.gaps.held();
            for (const item of [1, 2, 3]) {
              const entry = (await store.gaps.ledger([item])).get(item) ?? NOTHING_KNOWN;
              const accounted = Array.from({ length: MAX_REVISION + 1 }, (_, n) => n).filter(n =>
                isAccounted(entry, n),
              );
              expect(accounted, `accounted for of item ${item}`).to.deep.equal(model.accountedOf(item));
              const told = model.journal.filter(({ itemId }) => itemId === item);
              const waiting = model.heldOf(item).filter(id => id.startsWith('item.'));
              const known = [
                ...told.flatMap(({ revision }) => revision ?? []),
                ...waiting.map(id => Number(id.split(':').at(-1))),
                ...[entry.upTo ?? [], entry.above].flat(),
              ];
              expect(await store.gaps.newest(item), `newest of item ${item}`).to.equal(
                known.length > 0 ? Math.max(...known) : undefined,
              );
              expect(held.find(({ itemId }) => itemId === item)?.events ?? 0).to.equal(
                model.heldOf(item).length,
              );
            }
          }
        }),
        { numRuns: name === 'memory' ? 300 : 15 },
      );
    }).timeout(60_000);
  });
}
