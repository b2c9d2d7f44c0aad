// The sweep over random schedules: what was lost is found, once, whatever else happens at Podio and here.
import { expect } from 'chai';
import fc from 'fast-check';
import { PodioError } from '../../../src/core/errors.ts';
import type { NewEvent } from '../../../src/core/event.ts';
import { silentLog } from '../../../src/core/log.ts';
import type { Revision } from '../../../src/core/podio.ts';
import { msOf, stampOf } from '../../../src/core/podio-time.ts';
import type { Identity, PodioClient } from '../../../src/podio/contract.ts';
import { GapReader } from '../../../src/recover/gaps.ts';
import type { Finding } from '../../../src/recover/missed.ts';
import { sweep } from '../../../src/recover/sweep.ts';
import { type MemoryStore, makeMemoryStore } from '../../../src/store/memory.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

const APP = 101;
const AS: Identity = { kind: 'app', appId: APP, token: 't' };
const BEGIN = Date.UTC(2026, 0, 1);
/** So many revisions of an item Podio lists. */
const KEPT = 30;
const OVERLAP_MS = 10_000;

interface PodioItem {
  readonly itemId: number;
  /** When each revision was made, Podio's time, whole seconds. */
  readonly made: number[];
}

/** How one change reaches podiod: at once, later (when the n-th move after it comes), never, or twice. */
type Way = 'at once' | 'late' | 'lost' | 'twice';

type Move =
  | { readonly kind: 'create'; readonly way: Way }
  | { readonly kind: 'edit'; readonly item: number; readonly times: number; readonly way: Way }
  /** Podio's seconds go by; many things happen in one. */
  | { readonly kind: 'pass'; readonly seconds: number }
  /** `edits` fall between its calls; after `failsAfter` calls of Podio the next one fails. */
  | { readonly kind: 'sweep'; readonly edits: readonly number[]; readonly failsAfter: number | undefined }
  /** What is held of an item was held for too long: it goes on, and what was missing stays open. */
  | { readonly kind: 'release'; readonly item: number }
  | { readonly kind: 'restart' }
  /** This machine's clock is set. */
  | { readonly kind: 'jump'; readonly seconds: number };

const way = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Way>('at once') },
  { weight: 4, arbitrary: fc.constant<Way>('lost') },
  { weight: 1, arbitrary: fc.constant<Way>('late') },
  { weight: 1, arbitrary: fc.constant<Way>('twice') },
);
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('create' as const), way }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('edit' as const),
      item: fc.nat(30),
      // Now and then more than Podio keeps.
      times: fc.oneof(
        { weight: 12, arbitrary: fc.integer({ min: 1, max: 3 }) },
        { weight: 1, arbitrary: fc.constant(KEPT + 5) },
      ),
      way,
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), seconds: fc.nat(40) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('sweep' as const),
      edits: fc.array(fc.nat(30), { maxLength: 14, size: 'max' }),
      failsAfter: fc.option(fc.nat(6), { nil: undefined }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('release' as const), item: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('jump' as const),
      seconds: fc.integer({ min: -9000, max: 9000 }),
    }),
  },
);

const plan = fc.record({
  /** Items that were there before podiod. */
  before: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 5 }),
  moves: fc.array(move, { minLength: 3, maxLength: 60, size: 'max' }),
  inclusive: fc.boolean(),
  pageLimit: fc.integer({ min: 4, max: 12 }),
  /** Podio's clock against this machine's. */
  aheadSeconds: fc.integer({ min: -5000, max: 5000 }),
  /** Whether an item.update hook of the app tells of every change. */
  jumps: fc.boolean(),
});

class Scene {
  readonly clock = makeVirtualClock(BEGIN);
  readonly items: PodioItem[] = [];
  /** Changes that nobody has been told of, or will be, by deliveries. */
  readonly late: NewEvent[] = [];
  /** The first revision that was delivered of an item of which nothing was known: its baseline. */
  readonly baselines = new Map<number, number>();
  store: MemoryStore;
  /** A look since the start has ended well: until then a first delivery is no baseline. */
  hasLooked = true;
  editsPerCall = 1;
  origin = Number.POSITIVE_INFINITY;
  #podioMs: number;
  readonly #plan: { inclusive: boolean; pageLimit: number; aheadSeconds: number; jumps: boolean };

  constructor(given: { inclusive: boolean; pageLimit: number; aheadSeconds: number; jumps: boolean }) {
    this.#plan = given;
    this.#podioMs = BEGIN + given.aheadSeconds * 1000;
    this.store = makeMemoryStore({ clock: this.clock });
  }

  async pass(seconds: number): Promise<void> {
    this.#podioMs += seconds * 1000;
    await this.clock.advance(seconds * 1000);
  }

  async change(item: PodioItem, how: Way): Promise<void> {
    const revision = item.made.length;
    item.made.push(this.#podioMs);
    const { itemId } = item;
    const type = revision === 0 ? 'item.create' : 'item.update';
    const event: NewEvent = {
      id: `${type}:${itemId}:${revision}`,
      type,
      source: 'webhook',
      ref: { type: 'app', id: APP },
      app: 'leads',
      itemId,
      revision,
      params: {},
      ...(this.#plan.jumps && { following: 'jumps' as const }),
    };
    if (how === 'late') this.late.push(event);
    if (how === 'at once' || how === 'twice') await this.deliver(event);
    if (how === 'twice') await this.deliver(event);
  }

  async deliver(event: NewEvent): Promise<void> {
    const { itemId = 0, revision = 0 } = event;
    const entry = (await this.store.gaps.ledger([itemId])).get(itemId);
    if (entry?.upTo === undefined && (this.hasLooked || revision === 0)) this.baselines.set(itemId, revision);
    await this.store.journal.append([this.hasLooked ? event : { ...event, baseline: false }]);
  }

  /** Answers whether it came to its end. */
  async look(edits: readonly number[], failsAfter: number | undefined): Promise<boolean> {
    let calls = 0;
    const left = [...edits];
    const count = async () => {
      if (failsAfter !== undefined && calls >= failsAfter)
        throw new PodioError('PODIO_UNAVAILABLE', 'Podio is down', { retry: 'backoff' });
      calls += 1;
      for (let n = 0; n < this.editsPerCall; n++) {
        const edited = this.items[(left.pop() ?? Number.NaN) % this.items.length];
        if (!edited) continue;
        this.#podioMs += 1000;
        await this.change(edited, 'lost');
      }
    };
    const lease = await this.store.singleton('catch-up');
    const looking = sweep(
      {
        items: this.#client(count),
        gaps: this.store.gaps,
        settings: this.store.settings,
        clock: this.clock,
        podioNow: () => this.#podioMs,
        overlapMs: OVERLAP_MS,
        limit: this.#plan.pageLimit,
      },
      this.#finding(),
      AS,
      lease,
      ({ origin }) => {
        this.origin = origin;
      },
    );
    try {
      const { isSure } = await this.clock.until(looking);
      if (isSure) this.hasLooked = true;
      return isSure;
    } catch (error) {
      expect(error).to.have.property('code', 'PODIO_UNAVAILABLE');
      return false;
    }
  }

  #finding(): Finding {
    return {
      app: {
        name: 'leads',
        id: APP,
        wants: new Set(['item.create', 'item.update']),
        own: new Set(this.#plan.jumps ? (['item.create', 'item.update'] as const) : []),
        deletions: false,
      },
      unhooked: 'run',
      localTime: podioMs => podioMs - this.#plan.aheadSeconds * 1000,
    };
  }

  /** @param count is told of each call; its failure is the call's */
  #client(count: () => Promise<void>): Pick<PodioClient['items'], 'filter' | 'revisions'> {
    const lastEdit = ({ made }: PodioItem) => made.at(-1) ?? 0;
    return {
      filter: async (_as, _appId, body) => {
        const { limit, offset, sort_desc, filters } = body as {
          limit: number;
          offset: number;
          sort_desc: boolean;
          filters: { last_edit_on?: { from: string } };
        };
        const from = msOf(filters.last_edit_on?.from) ?? 0;
        const found = this.items
          .filter(item => (this.#plan.inclusive ? lastEdit(item) >= from : lastEdit(item) > from))
          .sort((a, b) => (lastEdit(a) - lastEdit(b) || a.itemId - b.itemId) * (sort_desc ? -1 : 1))
          .slice(offset, offset + limit)
          .map(({ itemId, made }) => ({
            item_id: itemId,
            title: '',
            fields: [],
            revision: made.length - 1,
            created_on: stampOf(made[0] ?? 0),
            last_edit_on: stampOf(made.at(-1) ?? 0),
          }));
        await count();
        return { total: this.items.length, filtered: found.length, items: found };
      },
      revisions: async (_as, itemId) => {
        await count();
        const item = this.items.find(each => each.itemId === itemId);
        return (item?.made ?? [])
          .map(
            (made, revision): Revision => ({
              revision,
              type: revision === 0 ? 'creation' : 'update',
              created_on: stampOf(made),
              created_via: { id: 1 },
            }),
          )
          .slice(-KEPT);
      },
    };
  }

  async release({ itemId }: PodioItem): Promise<void> {
    const lease = await this.store.singleton('gap-release');
    await this.store.gaps.release(lease, { itemId, app: 'leads', why: 'Podio is down', retryMs: 60_000 });
  }

  /** What was left open is read, however long its reader waits for it. */
  async readGaps(): Promise<void> {
    const reader = new GapReader({
      store: this.store,
      lease: await this.store.singleton('gap-release'),
      items: this.#client(async () => {}),
      identities: { forApp: () => AS, forRef: () => undefined },
      findingFor: () => this.#finding(),
      clock: this.clock,
      log: silentLog,
    });
    reader.start();
    await this.clock.advance(3_600_000);
    await reader.stop();
  }

  restart(): void {
    this.store = this.store.reopen();
    this.hasLooked = false;
  }
}

describe('the sweep, whatever happens', () => {
  it('tells each change once that nobody told of, none from before podiod, and says what it can not tell', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ before, moves, ...given }) => {
        const scene = new Scene(given);
        for (const edits of before) {
          const item: PodioItem = { itemId: scene.items.length + 1, made: [] };
          scene.items.push(item);
          for (let n = 0; n <= edits; n++) await scene.change(item, 'lost');
          await scene.pass(edits % 2);
        }
        await scene.look([], undefined);
        // Podio tells whole seconds: what is made in the second of the first look counts as from before.
        await scene.pass(1);

        for (const made of moves) {
          switch (made.kind) {
            case 'create': {
              const item: PodioItem = { itemId: scene.items.length + 1, made: [] };
              scene.items.push(item);
              await scene.change(item, made.way);
              break;
            }
            case 'edit': {
              const item = scene.items[made.item % Math.max(1, scene.items.length)];
              for (let n = 0; item && n < made.times; n++) await scene.change(item, made.way);
              break;
            }
            case 'pass':
              await scene.pass(made.seconds);
              for (const event of scene.late.splice(0, 2)) await scene.deliver(event);
              break;
            case 'sweep':
              await scene.look(made.edits, made.failsAfter);
              break;
            case 'release': {
              const item = scene.items[made.item % Math.max(1, scene.items.length)];
              if (item) await scene.release(item);
              break;
            }
            case 'restart':
              scene.restart();
              break;
            case 'jump':
              scene.clock.jump(made.seconds * 1000);
              break;
          }
        }
        await scene.pass(60);
        for (let n = 0; n < 2; n++) expect(await scene.look([], undefined)).to.equal(true);
        // What is held waits for the gap reader as well; here all is found by now.
        expect(await scene.store.gaps.held()).to.deep.equal([]);
        await scene.readGaps();

        const { entries } = await scene.store.journal.read({ after: 0, limit: 10_000 });
        const told = Map.groupBy(entries, ({ event }) => event.id);
        for (const [id, same] of told) expect(same.length, id).to.equal(1);
        let lacking = 0;
        for (const { itemId, made } of scene.items) {
          const entry = (await scene.store.gaps.ledger([itemId])).get(itemId);
          for (const [revision, at] of made.entries()) {
            const id = `${revision === 0 ? 'item.create' : 'item.update'}:${itemId}:${revision}`;
            const found = told.get(id)?.[0]?.event;
            if (at <= scene.origin) {
              expect(found, `${id} is from before podiod`).to.equal(undefined);
              continue;
            }
            expect(entry?.upTo, `the ledger ends with ${id}`).to.be.at.least(revision);
            if (found !== undefined) continue;
            if (revision < (scene.baselines.get(itemId) ?? 0)) continue;
            // Only what Podio no longer lists may be lacking, and that is counted.
            expect(revision, id).to.be.below(made.length - KEPT);
            lacking += 1;
          }
        }
        const [completeness] = await scene.store.gaps.completeness();
        const said = (completeness?.unprovable ?? []).reduce((sum, { count }) => sum + count, 0);
        expect(said, 'changes that are said to be lost').to.be.at.least(lacking);
        expect(completeness?.open ?? 0).to.equal(0);
        // A further look finds nothing.
        await scene.look([], undefined);
        expect((await scene.store.journal.read({ after: 0, limit: 10_000 })).entries.length).to.equal(
          entries.length,
        );
      }),
      { numRuns: 1000 },
    );
  }).timeout(60_000);

  /** Nobody is told of anything; `told`: what the sweep has found. */
  const quiet = async (pageLimit: number) => {
    const scene = new Scene({ inclusive: true, pageLimit, aheadSeconds: 0, jumps: true });
    await scene.look([], undefined);
    await scene.pass(1);
    const create = async () => {
      const item: PodioItem = { itemId: scene.items.length + 1, made: [] };
      scene.items.push(item);
      await scene.change(item, 'lost');
    };
    const told = async () => {
      const { entries } = await scene.store.journal.read({ after: 0, limit: 1000 });
      return entries.map(({ event }) => event.id);
    };
    const all = () =>
      scene.items.flatMap(({ itemId, made }) =>
        made.map((_, revision) => `${revision === 0 ? 'item.create' : 'item.update'}:${itemId}:${revision}`),
      );
    return { scene, create, told, all };
  };

  it('finds in the next look what was left out while items moved too often', async () => {
    const { scene, create, told, all } = await quiet(4);
    for (let n = 0; n < 40; n++) await create();
    await scene.pass(60);
    scene.editsPerCall = 3;
    const moving = Array.from({ length: 39 }, (_, n) => n).reverse();
    expect(await scene.look(moving, undefined)).to.equal(false);
    await scene.pass(60);
    expect(await scene.look([], undefined)).to.equal(true);
    expect((await told()).toSorted()).to.deep.equal(all().toSorted());
  });

  it('finds all of an item that was edited again each time before its page came', async () => {
    const { scene, create, told, all } = await quiet(4);
    await create();
    for (let n = 0; n < 6; n++) {
      await scene.pass(10);
      await create();
    }
    await scene.pass(10);
    await scene.change(scene.items[0] as PodioItem, 'lost');
    // After its first page, which the item is not on.
    expect(await scene.look([], 1)).to.equal(false);
    await scene.pass(60);
    expect(await scene.look([], undefined)).to.equal(true);
    expect((await told()).toSorted()).to.deep.equal(all().toSorted());
  });
});
