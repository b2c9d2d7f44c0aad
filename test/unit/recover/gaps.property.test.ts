// Jumps, outages, refusals, looks at the app, late deliveries, restarts and reloads, all at once and in any order: a change
// ends told, or open, or counted as lost; never as nothing, and never told twice.
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import fc from 'fast-check';
import type { AppConfig } from '../../../src/config/model.ts';
import { sleep } from '../../../src/core/clock.ts';
import { PodioError } from '../../../src/core/errors.ts';
import type { NewEvent } from '../../../src/core/event.ts';
import { isAccounted, isIn, NOTHING_KNOWN } from '../../../src/core/ledger.ts';
import { silentLog } from '../../../src/core/log.ts';
import { msOf, stampOf } from '../../../src/core/podio-time.ts';
import type { Rule } from '../../../src/core/rule.ts';
import type { Identity } from '../../../src/podio/contract.ts';
import { makeRecovery, type Recovery } from '../../../src/recover/index.ts';
import { type MemoryStore, makeMemoryStore } from '../../../src/store/memory.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

const APP = 101;
const FIELD = 5;
const AS: Identity = { kind: 'app', appId: APP, token: 't' };
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** So many revisions of an item Podio lists. */
const KEPT = 30;

const ALL: Rule = {
  name: 'all',
  triggers: [{ kind: 'app', apps: ['leads'], events: ['item.create', 'item.update', 'item.delete'] }],
  steps: [],
  concurrency: 1,
  startAt: 'head',
  timezone: 'UTC',
  fingerprint: 'all',
};
const LEADS: AppConfig = { name: 'leads', id: APP, token: 't', login: undefined, fields: {} };

/** `field`: the field's own hook alone tells of it. `late`: it comes some moves later. */
type Way = 'at once' | 'late' | 'lost' | 'twice' | 'field' | 'both';
type Podio = 'up' | 'down' | 'refuses';

type Move =
  | { readonly kind: 'create'; readonly way: Way }
  | { readonly kind: 'edit'; readonly item: number; readonly times: number; readonly way: Way }
  /** podiod makes the change itself; its answer is known at once, or only later. */
  | { readonly kind: 'own'; readonly item: number; readonly isLate: boolean }
  | { readonly kind: 'comment'; readonly item: number }
  | { readonly kind: 'delete'; readonly item: number; readonly way: Way }
  | { readonly kind: 'podio'; readonly is: Podio; readonly latency: number }
  | { readonly kind: 'pass'; readonly seconds: number }
  | { readonly kind: 'come'; readonly count: number }
  | { readonly kind: 'restart' }
  | { readonly kind: 'reload'; readonly isFollowed: boolean }
  | { readonly kind: 'jump'; readonly seconds: number };

const item = fc.nat(5);
const way = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Way>('at once') },
  { weight: 4, arbitrary: fc.constant<Way>('lost') },
  ...(['late', 'twice', 'field', 'both'] as const).map(how => ({
    weight: 1,
    arbitrary: fc.constant<Way>(how),
  })),
);
const kind = <K extends Move['kind']>(name: K) => fc.constant(name);
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: kind('create'), way }) },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: kind('edit'),
      item,
      times: fc.oneof(
        { weight: 12, arbitrary: fc.integer({ min: 1, max: 3 }) },
        // More than Podio keeps.
        { weight: 1, arbitrary: fc.constant(KEPT + 5) },
      ),
      way,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind('own'), item, isLate: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('comment'), item }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('delete'), item, way }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: kind('podio'),
      is: fc.oneof(
        { weight: 3, arbitrary: fc.constant<Podio>('up') },
        { weight: 3, arbitrary: fc.constant<Podio>('down') },
        { weight: 1, arbitrary: fc.constant<Podio>('refuses') },
      ),
      latency: fc.constantFrom(0, 0, 700, 5000, 40_000),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: kind('pass'),
      seconds: fc.constantFrom(0, 1, 2, 5, 10, 29, 31, 45, 61, 130, 700, 4000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: kind('come'), count: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('restart') }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('reload'), isFollowed: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('jump'), seconds: fc.integer({ min: -9000, max: 9000 }) }) },
);

interface PodioItem {
  readonly itemId: number;
  /** When each revision was made, Podio's time. */
  readonly made: number[];
  readonly own: Set<number>;
  /** The first that was delivered of an item of which nothing was known. */
  baseline: number;
  isDeleted: boolean;
}

const idOf = (itemId: number, revision: number): string =>
  `${revision === 0 ? 'item.create' : 'item.update'}:${itemId}:${revision}`;

class Scene {
  readonly clock = makeVirtualClock();
  readonly items: PodioItem[] = [];
  readonly #late: (() => Promise<void>)[] = [];
  readonly #begin = this.clock.now();
  store: MemoryStore = makeMemoryStore({ clock: this.clock });
  podio: Podio = 'up';
  latency = 0;
  rules: readonly Rule[] = [ALL];
  /** Changes that may have been given up before somebody told of them after all. */
  unsure = 0;
  #recovery: Recovery | undefined;
  #comments = 0;

  /** Nobody sets Podio's clock. */
  get #podioMs(): number {
    return this.#begin + this.clock.monotonic();
  }

  async start(): Promise<void> {
    const call = async (): Promise<void> => {
      // As Podio was when it was asked, and not when it answers.
      const { podio } = this;
      if (this.latency > 0) await sleep(this.clock, this.latency, new AbortController().signal);
      if (podio === 'down') throw new PodioError('PODIO_UNAVAILABLE', 'Podio is down', { retry: 'backoff' });
    };
    this.#recovery = await makeRecovery({
      config: () => ({
        rules: this.rules,
        apps: new Map([['leads', LEADS]]),
        catchUp: { everyMs: 10 * MINUTE, overlapMs: 10 * SECOND, onStart: true, unhooked: 'run' },
      }),
      store: this.store,
      items: {
        filter: async (_as, _app, body) => {
          const { limit, offset, sort_desc, filters } = body as {
            limit: number;
            offset: number;
            sort_desc: boolean;
            filters: { last_edit_on?: { from: string } };
          };
          const from = msOf(filters.last_edit_on?.from) ?? 0;
          const last = ({ made }: PodioItem): number => made.at(-1) ?? 0;
          const found = this.items
            .filter(one => !one.isDeleted && last(one) >= from)
            .sort((a, b) => (last(a) - last(b) || a.itemId - b.itemId) * (sort_desc ? -1 : 1))
            .slice(offset, offset + limit)
            .map(({ itemId, made }) => ({
              item_id: itemId,
              title: '',
              fields: [],
              revision: made.length - 1,
              created_on: stampOf(made[0] ?? 0),
              last_edit_on: stampOf(made.at(-1) ?? 0),
            }));
          await call();
          return { total: this.items.length, filtered: found.length, items: found };
        },
        revisions: async (_as, itemId) => {
          const one = this.items.find(each => each.itemId === itemId);
          const isGone = one === undefined || one.isDeleted;
          const listed = (one?.made ?? [])
            .map((made, revision) => ({
              revision,
              type: revision === 0 ? ('creation' as const) : ('update' as const),
              created_on: stampOf(made),
            }))
            .slice(-KEPT);
          const { podio } = this;
          await call();
          if (podio === 'refuses') throw new PodioError('PODIO_FORBIDDEN', 'no', { status: 403 });
          if (isGone) throw new PodioError('PODIO_NOT_FOUND', 'gone', { status: 404 });
          return listed;
        },
      },
      share: () => ({ general: 1000, limited: 1000 }),
      identities: { forApp: () => AS, forRef: () => AS },
      clock: this.clock,
      log: silentLog,
      random: () => 0.5,
      podioAheadMs: () => this.#podioMs - this.clock.now(),
    });
    await this.#recovery.start();
  }

  async stop(): Promise<void> {
    await this.clock.until(this.#recovery?.stop() ?? Promise.resolve());
  }

  /** Killed: what was under way may still end, but nothing follows. */
  async restart(): Promise<void> {
    void this.#recovery?.stop();
    this.store = this.store.reopen();
    await this.start();
  }

  async reload(isFollowed: boolean): Promise<void> {
    this.rules = isFollowed ? [ALL] : [];
    await this.#recovery?.follow();
  }

  async change(one: PodioItem, how: Way): Promise<void> {
    const revision = one.made.length;
    one.made.push(this.#podioMs);
    const tell = (type: 'app' | 'app_field', late = false) =>
      this.#deliver(
        one,
        idOf(one.itemId, revision),
        { type, id: type === 'app' ? APP : FIELD },
        revision,
        late,
      );
    if (how === 'late') this.#late.push(() => tell('app', true));
    if (how === 'field' || how === 'both') await tell('app_field');
    if (how === 'at once' || how === 'twice' || how === 'both') await tell('app');
    if (how === 'twice') await tell('app');
  }

  async #deliver(
    one: PodioItem,
    id: string,
    ref: { readonly type: 'app' | 'app_field'; readonly id: number },
    revision: number | undefined,
    isLate: boolean,
  ): Promise<void> {
    // There are no hooks.
    if (this.rules.length === 0 || this.#recovery === undefined) return;
    const { itemId } = one;
    const entryOf = async () => (await this.store.gaps.ledger([itemId])).get(itemId) ?? NOTHING_KNOWN;
    const event: NewEvent = {
      id,
      type: id.slice(0, id.indexOf(':')),
      source: 'webhook',
      ref,
      app: 'leads',
      itemId,
      ...(revision !== undefined && { revision }),
      params: {},
      ...this.#recovery.following(ref, id.slice(0, id.indexOf(':')), 'leads'),
    };
    // In one go: a look at the app may make a baseline, too.
    const [before, , after] = await Promise.all([entryOf(), this.store.journal.append([event]), entryOf()]);
    if (revision === undefined) return;
    if (isLate) this.unsure += 1;
    if (before.upTo === undefined && after.upTo !== undefined)
      one.baseline = Math.min(revision, ...before.above);
  }

  async come(count: number): Promise<void> {
    for (const deliver of this.#late.splice(0, count)) await deliver();
  }

  async own(one: PodioItem, isLate: boolean): Promise<void> {
    const revision = one.made.length;
    one.made.push(this.#podioMs);
    one.own.add(revision);
    const record = () => this.store.gaps.own(one.itemId, revision, 'leads');
    this.unsure += 1;
    if (isLate) this.#late.push(record);
    else await record();
  }

  async comment(one: PodioItem): Promise<void> {
    this.#comments += 1;
    await this.#deliver(one, `comment.create:${this.#comments}`, { type: 'app', id: APP }, undefined, false);
  }

  async delete(one: PodioItem, how: Way): Promise<void> {
    one.isDeleted = true;
    const tell = () =>
      this.#deliver(one, `item.delete:${one.itemId}`, { type: 'app', id: APP }, undefined, false);
    if (how === 'late') this.#late.push(tell);
    else if (how !== 'lost' && how !== 'field') await tell();
  }

  /** Of every change that the ledger is done with: told once, or podiod's own, or counted as lost. */
  async check(when: string): Promise<void> {
    const ids = this.items.map(({ itemId }) => itemId);
    const ledger = await this.store.gaps.ledger(ids);
    const { entries } = await this.store.journal.read({ after: 0, limit: 10_000 });
    const completeness = await this.store.gaps.completeness();
    // What is found goes in between.
    if (!isDeepStrictEqual(ledger, await this.store.gaps.ledger(ids))) return this.check(when);
    const told = new Set<string>();
    for (const { event } of entries) {
      const place = `${event.ref.type} ${event.id}`;
      expect(told.has(place), `${place} told twice ${when}`).to.equal(false);
      told.add(place);
    }
    const gone: string[] = [];
    for (const { itemId, made, own, baseline } of this.items) {
      const entry = ledger.get(itemId) ?? NOTHING_KNOWN;
      for (let revision = baseline; revision < made.length; revision++) {
        const id = idOf(itemId, revision);
        const isDone = isAccounted(entry, revision) && !told.has(`app ${id}`) && !own.has(revision);
        if (isDone) gone.push(id);
        if (told.has(`app ${id}`))
          expect(isIn(entry.missing, revision), `${id} is told and open ${when}`).to.equal(false);
      }
    }
    const said = completeness
      .flatMap(({ unprovable }) => unprovable)
      .filter(({ why }) => !why.startsWith('the item was deleted, as a read'))
      .reduce((sum, { count }) => sum + count, 0);
    expect(said, `said to be lost ${when}, of ${gone.join(' ')}`).to.be.within(
      gone.length,
      gone.length + this.unsure,
    );
  }
}

describe('gaps, whatever happens', () => {
  it('end told once, open, or counted as lost', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(move, { minLength: 5, maxLength: 60, size: 'max' }), async moves => {
        const scene = new Scene();
        const { clock } = scene;
        await scene.start();
        await clock.advance(2 * SECOND);
        let isLosing = false;
        for (const [n, one] of moves.entries()) {
          const alive = scene.items.filter(({ isDeleted }) => !isDeleted);
          const picked = 'item' in one ? alive[one.item % Math.max(1, alive.length)] : undefined;
          switch (one.kind) {
            case 'create': {
              const made: PodioItem = {
                itemId: scene.items.length + 1,
                made: [],
                own: new Set(),
                baseline: 0,
                isDeleted: false,
              };
              scene.items.push(made);
              await scene.change(made, one.way);
              break;
            }
            case 'edit':
              for (let times = 0; picked && times < one.times; times++) await scene.change(picked, one.way);
              break;
            case 'own':
              if (picked) await scene.own(picked, one.isLate);
              break;
            case 'comment':
              if (picked) await scene.comment(picked);
              break;
            case 'delete':
              if (picked) await scene.delete(picked, one.way);
              break;
            case 'podio':
              scene.podio = one.is;
              scene.latency = one.latency;
              if (one.is === 'refuses') isLosing = true;
              break;
            case 'pass':
              await clock.advance(one.seconds * SECOND);
              break;
            case 'come':
              await scene.come(one.count);
              break;
            case 'restart':
              await scene.restart();
              break;
            case 'reload':
              await scene.reload(one.isFollowed);
              if (!one.isFollowed) isLosing = true;
              break;
            case 'jump':
              clock.jump(one.seconds * SECOND);
              break;
          }
          await scene.check(`after move ${n}, ${one.kind}`);
        }
        scene.podio = 'up';
        scene.latency = 0;
        await scene.reload(true);
        await clock.advance(5 * HOUR);
        await scene.stop();
        await scene.check('in the end');
        expect(await scene.store.gaps.held()).to.deep.equal([]);
        expect(await scene.store.gaps.open()).to.deep.equal([]);
        const { entries } = await scene.store.journal.read({ after: 0, limit: 10_000 });
        const told = new Set(
          entries.filter(({ event }) => event.ref.type === 'app').map(({ event }) => event.id),
        );
        for (const { itemId, made, own, baseline, isDeleted } of scene.items) {
          if (isDeleted) continue;
          const entry = (await scene.store.gaps.ledger([itemId])).get(itemId);
          expect(entry?.upTo, `the ledger of ${itemId}`).to.be.at.least(made.length - 1);
          if (isLosing) continue;
          for (let revision = Math.max(baseline, made.length - KEPT); revision < made.length; revision++) {
            const id = idOf(itemId, revision);
            expect(told.has(id) || own.has(revision), `${id} could be read all the time`).to.equal(true);
          }
        }
      }),
      { numRuns: 300 },
    );
  }).timeout(300_000);
});
