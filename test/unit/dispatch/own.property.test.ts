import { expect } from 'chai';
import fc from 'fast-check';
import { silentLog } from '../../../src/core/log.ts';
import { MAX_DEPTH, type OwnLookup } from '../../../src/core/own.ts';
import { OwnWrites } from '../../../src/daemon/own-writes.ts';
import { makeReliably } from '../../../src/dispatch/reliably.ts';
import { whyChange } from '../../../src/dispatch/why.ts';
import { itemUpdate, known, listeningLog, makeRule, type Work, World } from './support.ts';

interface Writer {
  /** Items whose changes it reacts to. */
  readonly watches: readonly number[];
  readonly writes: readonly number[];
  readonly includeOwn: boolean;
  /** Its events come before the answers to its writes. */
  readonly early: boolean;
}

/** Rules that write what others watch, with hooks: each write is an event of its own. */
function circle(writers: readonly Writer[], more: { maxDepth?: number; log?: typeof silentLog } = {}) {
  const revisions = new Map<number, number>();
  const ran = new Map<string, number>();
  const rules = writers.map(({ includeOwn }, n) =>
    makeRule(`r${n}`, {
      includeOwn,
      loop: 'allowed',
      ...(more.maxDepth !== undefined && { maxDepth: more.maxDepth }),
    }),
  );
  const lookup: OwnLookup = { maybe: event => own.maybe(event), find: event => own.find(event) };
  const work: Work = async ({ event }, name) => {
    const writer = writers[Number(name.slice(1))] as Writer;
    if (!writer.watches.includes(event.itemId ?? 0)) return [];
    ran.set(name, (ran.get(name) ?? 0) + 1);
    for (const item of writer.writes) {
      const revision = next(item);
      const over = own.begun(item);
      const told = () => own.revised(item, revision, 101, { event, rule: name });
      if (!writer.early) told();
      await world.store.journal.append([itemUpdate(item, revision)]);
      if (writer.early) told();
      over();
    }
    return undefined;
  };
  const { log } = more;
  const world = new World({ rules, work: { work }, own: lookup, ...(log && { log }) });
  const makeOwn = () =>
    new OwnWrites({
      gaps: world.store.gaps,
      own: world.store.own,
      head: world.store.journal.head(),
      names: { app: () => 'leads' },
      isFollowed: () => true,
      reliably: makeReliably({ clock: world.clock, log: silentLog }),
      signal: new AbortController().signal,
      log: silentLog,
    });
  let own = makeOwn();
  const next = (item: number): number => {
    const revision = (revisions.get(item) ?? 0) + 1;
    revisions.set(item, revision);
    return revision;
  };
  return {
    world,
    ran,
    edit: (item: number) => world.append(itemUpdate(item, next(item))),
    start: () => world.start(),
    async crash() {
      const crashed = world.crash();
      own = makeOwn();
      await crashed;
      await world.clock.advance(0);
    },
  };
}

const outcomes = async (world: World) => {
  const listed = await world.store.journal.list({ limit: 100_000 });
  return listed.flatMap(({ event, runs }) =>
    runs.map(({ rule, outcome, steps }) => [event.id, rule, outcome, steps.at(-1)?.step ?? ''].join(' ')),
  );
};

describe('A change that podiod made itself', () => {
  const self: Writer = { watches: [1], writes: [1], includeOwn: false, early: false };

  for (const early of [false, true]) {
    it(`is no news to its rules, where its event comes ${early ? 'before' : 'after'} the answer`, async () => {
      const { world, ran, edit, start } = circle([{ ...self, early }]);
      await start();
      await edit(1);
      await world.clock.advance(1000);
      expect(ran.get('r0')).to.equal(1);
      expect(await outcomes(world)).to.deep.equal([
        'item.update:1:1 r0 settled work',
        'item.update:1:2 r0 filtered rule.own',
      ]);
      const [entry] = await world.store.journal.trace('item.update:1:2');
      const lanes = await world.store.lanes.status();
      const why = whyChange(
        { rules: world.options.rules, disabled: [], known, lanes, paused: [], running: [] },
        entry ? [entry] : [],
      );
      expect(why.rules[0]).to.include({ verdict: 'own' });
      expect(why.rules[0]?.why).to.match(/own change, made by rule r0/);
    });
  }

  it('reaches rules that want it, up to a depth, with one line in the log', async () => {
    const { log, lines } = listeningLog();
    const { world, ran, edit, start, crash } = circle([{ ...self, includeOwn: true }], { log });
    await start();
    await edit(1);
    await world.clock.advance(60_000);
    expect(ran.get('r0')).to.equal(MAX_DEPTH);
    expect((await outcomes(world)).at(-1)).to.equal('item.update:1:9 r0 filtered rule.own');
    await edit(1);
    await crash();
    await world.clock.advance(60_000);
    expect(ran.get('r0')).to.equal(2 * MAX_DEPTH);
    const told = lines.filter(({ message }) => message.startsWith('rules set each other off'));
    expect(told.length).to.be.within(1, 2);
  });

  it('comes to an end, whichever rules write what others watch', async () => {
    const items = [1, 2, 3];
    const writer: fc.Arbitrary<Writer> = fc.record({
      watches: fc.subarray(items),
      writes: fc.subarray(items, { maxLength: 2 }),
      includeOwn: fc.boolean(),
      early: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(writer, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 3 }),
        fc.boolean(),
        async (writers, maxDepth, crashes) => {
          const { world, edit, start, crash } = circle(writers, { maxDepth });
          await start();
          for (const item of items) await edit(item);
          if (crashes) await crash();
          // Each event of a depth has one at most for each rule and write in the next one.
          const most = items.length * (1 + 6 + 6 ** 2 + 6 ** 3 + 6 ** 4);
          let before = -1;
          for (let n = 0; n < 200 && world.store.journal.head() !== before; n++) {
            before = world.store.journal.head();
            await world.clock.advance(1000);
          }
          const head = world.store.journal.head();
          expect(head).to.equal(before).and.to.be.at.most(most);
          expect(await world.runs()).to.have.length(head * writers.length);
        },
      ),
      { numRuns: 200 },
    );
  });
});
