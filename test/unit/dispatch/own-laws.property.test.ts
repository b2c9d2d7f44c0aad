// Whose a change is, whatever happens to writes, deliveries and the process: as rules see it in the end.
import { expect } from 'chai';
import fc from 'fast-check';
import { PodioError } from '../../../src/core/errors.ts';
import { silentLog } from '../../../src/core/log.ts';
import type { OwnLookup } from '../../../src/core/own.ts';
import { type Item, PODIO_ITSELF } from '../../../src/core/podio.ts';
import { OwnWrites } from '../../../src/daemon/own-writes.ts';
import { makeReliably } from '../../../src/dispatch/reliably.ts';
import type { Call, Identity, PodioClient } from '../../../src/podio/contract.ts';
import { makePluginPodio, type PluginCallScope } from '../../../src/podio/plugin-podio.ts';
import { itemUpdate, makeRule, makeStep, type Work, World } from './support.ts';

const ITEMS = [1, 2] as const;
const VALUES = ['a', 'b'] as const;
type Value = (typeof VALUES)[number];

/** What becomes of a write: its answer may come late or never, and it may never have been made. */
type Fate = 'answered' | 'late' | 'lost' | 'unsent' | 'refused';

type Act =
  | { readonly what: 'edit'; readonly item: number; readonly value: Value }
  /** One of what Podio has to tell, in any order; some twice. */
  | { readonly what: 'deliver'; readonly which: number; readonly again: boolean }
  | { readonly what: 'pass'; readonly ms: number }
  | { readonly what: 'kill' };

interface Plan {
  readonly acts: readonly Act[];
  readonly fates: readonly Fate[];
  /** The rule writes on top of the revision that it has read. */
  readonly guarded: boolean;
  /** It writes to the other item than the event's. */
  readonly other: boolean;
  /** It writes as a user. Then people are told from it by Podio's own pages, else also where they use scripts. */
  readonly login: boolean;
}

interface Revision {
  readonly by: 'person' | 'podiod';
  isTold: boolean;
  /** Nobody in this world can know whose it is. */
  isOpen: boolean;
}

const LATE_MS = 700;
/** Longer than a run is tried again whose writes have all the fates of a plan. */
const LONGEST_RETRIED_MS = 15 * 60_000;
const USER = { type: 'user', id: 1 };
const SCRIPT = 77;
const LOGIN: Identity = { kind: 'login', name: 'bot', username: 'bot', password: 'hush' };
const TOKEN: Identity = { kind: 'app', appId: 101, token: 't' };

class Scene {
  readonly #plan: Plan;
  readonly #fates: Fate[];
  readonly #values = new Map<number, Value>();
  readonly revisions = new Map<number, Revision[]>();
  readonly #toTell: (readonly [item: number, revision: number])[] = [];
  /** Writes that were made without an answer, by what they are the repeats of. */
  readonly #unanswered = new Set<string>();
  readonly #underWay = new Map<string, Revision | undefined>();
  /** What was begun by a process that is no more gets no answer. */
  #process = 0;
  #own: OwnWrites;
  readonly world: World;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#fates = [...plan.fates];
    for (const item of ITEMS) this.revisions.set(item, [{ by: 'person', isTold: true, isOpen: false }]);
    const own: OwnLookup = { maybe: event => this.#own.maybe(event), find: event => this.#own.find(event) };
    const write: Work = ({ event, signal }, rule) => this.#work({ event, rule, signal });
    this.world = new World({
      rules: [makeRule('writes', { steps: [makeStep('write')] }), makeRule('hears')],
      work: { write },
      own,
    });
    this.#own = this.#makeOwn();
  }

  #makeOwn(): OwnWrites {
    const { store, clock } = this.world;
    return new OwnWrites({
      gaps: store.gaps,
      own: store.own,
      head: store.journal.head(),
      names: { app: () => 'leads' },
      isFollowed: () => true,
      reliably: makeReliably({ clock, log: silentLog }),
      signal: new AbortController().signal,
      log: silentLog,
    });
  }

  async #work(scope: PluginCallScope & { readonly rule: string }): Promise<undefined> {
    const { itemId = 0, revision = 0 } = scope.event ?? {};
    const podio = makePluginPodio({
      client: this.#client(scope),
      identities: {
        forApp: () => (this.#plan.login ? LOGIN : TOKEN),
        forRef: () => undefined,
      },
      names: { appId: () => 101 },
      logins: [],
      appOfItem: () => 101,
      current: () => scope,
      watch: this.#own,
    });
    const item = this.#plan.other ? 3 - itemId : itemId;
    const value = VALUES[revision % VALUES.length] ?? 'a';
    const guard = this.#plan.guarded && { revision: (await podio.items.get(item)).revision };
    await podio.items.update(item, { fields: { value }, ...guard }, { hook: true });
  }

  /** Podio, as far as it goes here, for one call of a rule. */
  #client({ event, rule }: PluginCallScope): PodioClient {
    const begunBy = this.#process;
    const answer = async <T>(made: T, ms: number): Promise<T> => {
      if (ms > 0) await new Promise<void>(done => this.world.clock.after(ms, done));
      return this.#process === begunBy ? made : new Promise<T>(() => {});
    };
    const request = async (_: Identity, { path, body }: Call): Promise<unknown> => {
      const item = Number(path.split('/')[2]);
      const key = `${rule}/${event?.id}/${item}`;
      const { fields, revision: onTop } = body as { fields: { value: Value }; revision?: number };
      const fate = this.#fates.shift() ?? 'answered';
      if (fate === 'unsent')
        throw new PodioError('PODIO_UNAVAILABLE', 'connection refused', { unsent: true });
      if (fate === 'refused') throw new PodioError('PODIO_CONFLICT', 'not now', { retry: 'backoff' });
      if (onTop !== undefined && onTop !== this.#newest(item))
        throw new PodioError('PODIO_CONFLICT', 'changed meanwhile', { retry: 'backoff' });
      const before = this.revisions.get(item)?.at(-1);
      const isNew = this.#change(item, fields.value, 'podiod');
      const now = this.revisions.get(item)?.at(-1);
      // The one case that remains: a write for the first time changes nothing, on top of what nobody has told of yet.
      const isBlind = !isNew && onTop === undefined && !before?.isTold && !this.#unanswered.has(key);
      if (fate === 'lost') {
        this.#unanswered.add(key);
        if (isNew && now) now.isOpen = true;
        throw new PodioError('PODIO_UNAVAILABLE', 'the connection broke');
      }
      this.#underWay.set(key, isNew ? now : undefined);
      const made = { revision: this.#newest(item) };
      const told = await answer(made, fate === 'late' ? LATE_MS : 0);
      this.#underWay.delete(key);
      if (isBlind && before) before.isOpen = true;
      return told;
    };
    const { login } = this.#plan;
    const items = {
      get: async (_: Identity, item_id: number) => ({ item_id, revision: this.#newest(item_id) }) as Item,
      revision: async (_: Identity, item: number, revision: number) =>
        this.revisions.get(item)?.[revision]?.by === 'person'
          ? { revision, created_by: USER, created_via: { id: login ? PODIO_ITSELF : SCRIPT } }
          : { revision, created_by: login ? USER : { type: 'app', id: 101 }, created_via: { id: SCRIPT } },
    };
    return { request, items } as unknown as PodioClient;
  }

  #newest = (item: number): number => (this.revisions.get(item)?.length ?? 0) - 1;

  #change(item: number, value: Value, by: Revision['by']): boolean {
    if (this.#values.get(item) === value) return false;
    this.#values.set(item, value);
    this.revisions.get(item)?.push({ by, isTold: false, isOpen: false });
    this.#toTell.push([item, this.#newest(item)]);
    return true;
  }

  async #tell([item, revision]: readonly [number, number]): Promise<void> {
    const told = this.revisions.get(item)?.[revision];
    await this.world.append({ ...itemUpdate(item, revision), following: 'beside' });
    if (told) told.isTold = true;
  }

  async act(act: Act): Promise<void> {
    const { clock } = this.world;
    switch (act.what) {
      case 'edit':
        this.#change(act.item, act.value, 'person');
        return;
      case 'deliver': {
        const at = this.#toTell.length === 0 ? 0 : act.which % this.#toTell.length;
        const one = this.#toTell[at];
        if (!one) return;
        if (!act.again) this.#toTell.splice(at, 1);
        return this.#tell(one);
      }
      case 'pass':
        return clock.advance(act.ms);
      case 'kill': {
        this.#process += 1;
        // Nobody knows any more what these have made.
        for (const [key, made] of this.#underWay) {
          this.#unanswered.add(key);
          if (made) made.isOpen = true;
        }
        this.#underWay.clear();
        const crashed = this.world.crash();
        this.#own = this.#makeOwn();
        await crashed;
        return clock.advance(0);
      }
    }
  }

  /** All is told, and done. */
  async end(): Promise<void> {
    let left = 200;
    do {
      for (const one of this.#toTell.splice(0)) await this.#tell(one);
      await this.world.clock.advance(LONGEST_RETRIED_MS);
    } while (this.#toTell.length > 0 && left-- > 0);
    expect(this.#toTell, 'rules that never come to an end').to.deep.equal([]);
  }
}

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('edit' as const),
      item: fc.constantFrom(...ITEMS),
      value: fc.constantFrom(...VALUES),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ what: fc.constant('deliver' as const), which: fc.nat(5), again: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ what: fc.constant('pass' as const), ms: fc.constantFrom(100, 800, 3000, 30_000) }),
  },
  { weight: 1, arbitrary: fc.constant({ what: 'kill' as const }) },
);
const plan: fc.Arbitrary<Plan> = fc.record({
  acts: fc.array(act, { maxLength: 25 }),
  fates: fc.array(fc.constantFrom<Fate>('answered', 'answered', 'late', 'lost', 'unsent', 'refused'), {
    maxLength: 12,
  }),
  guarded: fc.boolean(),
  other: fc.boolean(),
  login: fc.boolean(),
});

describe('Whose a change is', () => {
  it('a person’s always runs a rule, and podiod’s own never, whatever becomes of writes, deliveries and the process', async () => {
    const seen = { persons: 0, own: 0, open: 0 };
    await fc.assert(
      fc.asyncProperty(plan, async given => {
        const scene = new Scene(given);
        await scene.world.start();
        for (const one of given.acts) await scene.act(one);
        await scene.end();
        const listed = await scene.world.store.journal.list({ limit: 100_000 });
        for (const { event, runs } of listed) {
          const revision = scene.revisions.get(event.itemId ?? 0)?.[event.revision ?? 0];
          if (!revision) throw new Error(`nobody has made ${event.id}`);
          seen[revision.isOpen ? 'open' : revision.by === 'person' ? 'persons' : 'own'] += 1;
          if (revision.isOpen) continue;
          for (const { rule, outcome, steps } of runs) {
            const isSwallowed = outcome === 'filtered' && steps.at(-1)?.step === 'rule.own';
            expect(isSwallowed, `${event.id}, made by a ${revision.by}, in ${rule}: ${outcome}`).to.equal(
              revision.by === 'podiod',
            );
            if (revision.by === 'person') expect(outcome).to.equal('settled');
          }
          expect(runs, event.id).to.have.length(2);
        }
      }),
      { numRuns: 1500 },
    );
    // It is about something.
    for (const [what, many] of Object.entries(seen)) expect(many, what).to.be.greaterThan(50);
  }).timeout(120_000);
});
