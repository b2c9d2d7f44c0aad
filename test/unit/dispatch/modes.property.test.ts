// Run modes against a model: whatever the sequence of edits, waits, pauses, failures and crashes, what comes to one run is
// decided by when the events came, and by nothing else.
import { expect } from 'chai';
import fc from 'fast-check';
import { sleep } from '../../../src/core/clock.ts';
import { PermanentError, StoreError } from '../../../src/core/errors.ts';
import type { Mode } from '../../../src/core/rule.ts';
import type { StepTask } from '../../../src/plugin/host.ts';
import type { Lanes } from '../../../src/store/contract.ts';
import { APP, exchange, forked, itemUpdate, makeRule, makeStep, World } from './support.ts';

const SECOND = 1000;
const ITEMS = [1, 2, 3];

type Act =
  | { readonly kind: 'edit'; readonly item: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'crash' }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  /** The step fails from now on, for one item or all, or does so no more. */
  | { readonly kind: 'fail'; readonly fails: boolean; readonly item?: number }
  /** It goes on with another mode. */
  | { readonly kind: 'mode'; readonly mode: Mode | undefined; readonly by: 'kill' | 'stop' | 'reload' }
  /** The edit before is told once more, by a field's hook. */
  | { readonly kind: 'twin' }
  /** From now on the step gives up at once, of an item that is forked in one of its branches, or does so no more. */
  | { readonly kind: 'park'; readonly parks: boolean; readonly item: number }
  /** Someone wants what is parked run again, or given up, or one and then the other: all of it, or the oldest row. */
  | { readonly kind: 'ask'; readonly fors: readonly ('retry' | 'drop')[]; readonly all: boolean }
  /** Someone wants all that came so far run again. */
  | { readonly kind: 'replay' }
  /** The store refuses what the lane writes and reads: before it is done or, what nobody can tell from that, after. */
  | { readonly kind: 'store'; readonly fails: 'before' | 'after' | 'never' };

const edit: fc.Arbitrary<Act> = fc.record({
  kind: fc.constant('edit' as const),
  item: fc.integer({ min: 1, max: 3 }),
});
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 6, arbitrary: edit },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.integer({ min: 1, max: 25 * SECOND }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('pause' as const, 'resume' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail' as const), fails: fc.boolean() }) },
);
const acts = fc.array(act, { minLength: 1, maxLength: 60, size: 'max' });

interface Came {
  readonly seq: number;
  readonly item: number;
  readonly at: number;
}

interface Done {
  readonly seqs: readonly number[];
  readonly key: string;
  readonly at: number;
}

interface Outcome {
  /** How many runs were in hand at most, and whether two of one item ever were. */
  readonly inHand: { readonly most: number; readonly ofOneItem: boolean };
  readonly came: readonly Came[];
  /** Tries that did not fail, in order; a crash may have one done twice. */
  readonly runs: readonly Done[];
  /** When the first try of each was begun, by key. */
  readonly begun: ReadonlyMap<string, number>;
  /** Of all that were begun, the last one of each event: which others were with it. */
  readonly together: ReadonlyMap<number, readonly number[]>;
  /** Killed while the store failed: what was done and not written down is done again. */
  readonly mayRepeat: boolean;
  readonly records: readonly [seq: number, outcome: string][];
  readonly world: World;
}

/** The item whose runs are forked. */
const FORKED = 3;

/** Others are asked for at the start alone, which ends where they fail. */
const STEADY = new Set(['acquire', 'load', 'leave', 'status']);

const unreliable = (lanes: Lanes, store: { readonly fails: string }): Lanes =>
  Object.fromEntries(
    Object.entries(lanes).map(([name, work]: [string, (...given: unknown[]) => Promise<unknown>]) => [
      name,
      async (...given: unknown[]) => {
        const fails = STEADY.has(name) ? 'never' : store.fails;
        if (fails === 'before') throw new StoreError('STORE_UNAVAILABLE', 'not now');
        const answer = await work(...given);
        if (fails === 'after') throw new StoreError('STORE_UNAVAILABLE', 'not known');
        return answer;
      },
    ]),
  ) as unknown as Lanes;

interface Setting {
  readonly workMs?: number;
  readonly forks?: boolean;
  /** The rule is told of an edit by its app and by the field. */
  readonly twins?: boolean;
}

async function play(
  mode: Mode | undefined,
  sequence: readonly Act[],
  { workMs = 0, forks = false, twins = forks }: Setting = {},
): Promise<Outcome> {
  const steps = [...(forks ? [makeStep('fork')] : []), makeStep('work')];
  const triggers = [APP, ...(twins ? [{ ...APP, fields: [{ field: 'status' }] }] : [])];
  const ruleOf = (mode: Mode | undefined) =>
    makeRule('r', { ...(mode && { mode }), concurrency: 2, steps, triggers });
  const came: Came[] = [];
  const runs: Done[] = [];
  const begun = new Map<string, number>();
  const together = new Map<number, readonly number[]>();
  const parking = new Set<number>();
  const store = { fails: 'never' };
  let mayRepeat = false;
  const failing = new Set<number>();
  const inHand = { most: 0, ofOneItem: false };
  let running = 0;
  let inLife: unknown;
  /** In which life a run of the item was begun that has not ended. */
  const busy = new Map<number, unknown>();
  const world = new World({
    rules: [ruleOf(mode)],
    wrap: ({ lanes, ...rest }) => ({ ...rest, lanes: unreliable(lanes, store) }),
    work: {
      fork: ({ event, data }) =>
        event.itemId === FORKED ? forked(data, 'row', { a: 'a', b: 'b' }) : undefined,
      work: async ({ event, bundle, data, deliveryKey, signal }: StepTask) => {
        const events = bundle?.events ?? [event];
        const seqs = events.map(({ seq }) => seq);
        for (const seq of seqs) together.set(seq, seqs);
        if (!begun.has(deliveryKey)) begun.set(deliveryKey, world.clock.monotonic());
        if (events.some(({ itemId = 0 }) => parking.has(itemId)) && data.row !== 'a') {
          throw new PermanentError('never');
        }
        if (events.some(({ itemId = 0 }) => failing.has(itemId))) throw new Error('not now');
        const items = new Set(events.map(({ itemId = 0 }) => itemId));
        const life = world.dispatcher;
        const at = world.clock.monotonic();
        for (const item of items) {
          if (busy.get(item) === life) inHand.ofOneItem = true;
          busy.set(item, life);
        }
        if (life !== inLife) [inLife, running] = [life, 0];
        inHand.most = Math.max(inHand.most, ++running);
        try {
          if (workMs > 0) await sleep(world.clock, workMs, signal);
        } finally {
          if (life === world.dispatcher) {
            for (const item of items) busy.delete(item);
            running--;
          }
        }
        // Of a process that was killed meanwhile nothing counts.
        if (life === world.dispatcher) runs.push({ seqs, key: deliveryKey, at });
        return undefined;
      },
    },
  });
  await world.start();
  const revisions = new Map<number, number>();
  const pauses = (name: 'pause' | 'resume') => world.store.pauses[name]({ kind: 'rule', name: 'r' });
  const mended: Act[] = [
    { kind: 'resume' },
    { kind: 'fail', fails: false },
    ...ITEMS.map((item): Act => ({ kind: 'park', parks: false, item })),
    { kind: 'store', fails: 'never' },
  ];
  for (const one of [...sequence, ...mended]) {
    switch (one.kind) {
      case 'edit': {
        const revision = (revisions.get(one.item) ?? 0) + 1;
        revisions.set(one.item, revision);
        came.push({ seq: world.store.journal.head() + 1, item: one.item, at: world.clock.now() });
        await world.append(itemUpdate(one.item, revision));
        break;
      }
      case 'wait':
        await world.clock.advance(one.ms);
        break;
      case 'crash':
        // What was done and could not be written down is done again, by right.
        mayRepeat ||= store.fails !== 'never';
        await world.crash();
        break;
      case 'fail':
        for (const item of one.item === undefined ? ITEMS : [one.item]) {
          if (one.fails) failing.add(item);
          else failing.delete(item);
        }
        break;
      case 'mode': {
        const rules = [ruleOf(one.mode)];
        if (one.by === 'reload' && store.fails === 'never') {
          world.options = { ...world.options, rules };
          await exchange(world, rules);
          break;
        }
        if (one.by === 'stop')
          await Promise.all([world.dispatcher.stop(SECOND), world.clock.advance(3 * SECOND)]);
        mayRepeat ||= store.fails !== 'never';
        await world.crash({ rules });
        break;
      }
      case 'twin': {
        const [last] = came.slice(-1);
        if (last === undefined) break;
        await world.append(itemUpdate(last.item, revisions.get(last.item), { type: 'app_field', id: 11 }));
        break;
      }
      case 'park':
        if (one.parks) parking.add(one.item);
        else parking.delete(one.item);
        break;
      case 'ask': {
        const ids = (await world.store.parking.list()).map(({ id }) => id);
        // People mend first, and then ask.
        if (one.fors.includes('retry')) parking.clear();
        for (const what of one.fors) {
          await world.store.parking[what](one.all ? { all: true } : { ids: ids.slice(0, 1) });
          await world.clock.advance(0);
        }
        break;
      }
      case 'replay':
        if (came.length > 0) await world.dispatcher.replay({ rule: 'r', from: { seq: 1 }, dryRun: false });
        break;
      case 'store':
        store.fails = one.fails;
        // What waits for it is written.
        if (one.fails === 'never') await world.clock.advance(20 * SECOND);
        break;
      default:
        await pauses(one.kind);
        await world.clock.advance(0);
    }
  }
  // Longer than any wait, backoff and throttle.
  for (let n = 0; n < 60; n++) await world.clock.advance(60 * SECOND);
  const records = (await world.runs()).map(([, seq, outcome]): [number, string] => [seq, outcome]);
  return { came, runs, begun, together, records, world, inHand, mayRepeat };
}

/** Each once, by the first time it was done. */
const distinct = (runs: Outcome['runs']) =>
  [...new Map([...runs].reverse().map(run => [run.key, run])).values()].reverse();

/** How events come into groups: `joins` says whether the next one may. */
function grouped(
  events: readonly Came[],
  joins: (group: readonly [Came, ...Came[]], next: Came) => boolean,
): number[][] {
  const groups: [Came, ...Came[]][] = [];
  for (const next of events) {
    const last = groups.at(-1);
    if (last && joins(last, next)) last.push(next);
    else groups.push([next]);
  }
  return groups.map(group => group.map(({ seq }) => seq));
}

const itemsOf = (came: readonly Came[]) => Map.groupBy(came, ({ item }) => item);

async function check(
  mode: Mode,
  sequence: readonly Act[],
  judge: (outcome: Outcome) => void,
  setting?: Setting,
): Promise<void> {
  const outcome = await play(mode, sequence, setting);
  expect(outcome.inHand.ofOneItem, 'two runs of one item at the same time').to.equal(false);
  // A record for each event, and nothing waits.
  expect(outcome.records.map(([seq]) => seq)).to.deep.equal(outcome.came.map(({ seq }) => seq));
  const [status] = await outcome.world.store.lanes.status();
  expect(status).not.to.have.property('gathered');
  expect(status?.cursor).to.equal(outcome.world.store.journal.head());
  judge(outcome);
  await outcome.world.dispatcher.stop(0);
}

/** A mode that the rule is given at a restart; undefined: none. */
const anyMode: fc.Arbitrary<Mode | undefined> = fc.constantFrom<(Mode | undefined)[]>(
  undefined,
  { kind: 'latest' },
  { kind: 'settle', quietMs: 10 * SECOND, atMostMs: 40 * SECOND },
  { kind: 'batch', max: 3, closes: { kind: 'within', ms: 30 * SECOND } },
  { kind: 'throttle', max: 2, perMs: 20 * SECOND },
);

const twin: fc.Arbitrary<Act> = fc.constant({ kind: 'twin' as const });
const failOne: fc.Arbitrary<Act> = fc.record({
  kind: fc.constant('fail' as const),
  fails: fc.boolean(),
  item: fc.constantFrom(...ITEMS),
});
const hardship: fc.Arbitrary<Act> = fc.oneof(
  { weight: 3, arbitrary: twin },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('park' as const),
      parks: fc.boolean(),
      item: fc.constantFrom(...ITEMS),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('ask' as const),
      fors: fc.constantFrom<('retry' | 'drop')[][]>(['retry'], ['drop'], ['retry', 'drop']),
      all: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('store' as const),
      fails: fc.constantFrom('before' as const, 'after' as const, 'never' as const),
    }),
  },
);
/** What people want run again: what was parked, or all that came. */
const asking: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('park' as const),
      parks: fc.boolean(),
      item: fc.constantFrom(...ITEMS),
    }),
  },
  { weight: 3, arbitrary: fc.constant<Act>({ kind: 'ask', fors: ['retry'], all: true }) },
  { weight: 2, arbitrary: fc.constant<Act>({ kind: 'replay' }) },
);
const changeMode: fc.Arbitrary<Act> = fc.record({
  kind: fc.constant('mode' as const),
  mode: anyMode,
  by: fc.constantFrom('kill' as const, 'stop' as const, 'reload' as const),
});

describe('run modes, whatever happens', function () {
  this.timeout(120_000);

  it('settle: groups are what came without a pause, each is run once, in order', () =>
    fc.assert(
      fc.asyncProperty(acts, async sequence => {
        const [quietMs, atMostMs] = [10 * SECOND, 40 * SECOND];
        await check({ kind: 'settle', quietMs, atMostMs }, sequence, ({ came, runs, records }) => {
          const done = distinct(runs);
          for (const [item, events] of itemsOf(came)) {
            const expected = grouped(
              events,
              (group, next) => next.at < Math.min((group.at(-1)?.at ?? 0) + quietMs, group[0].at + atMostMs),
            );
            const own = done.filter(({ seqs }) => events.some(({ seq }) => seq === seqs[0]));
            expect(
              own.map(({ seqs }) => seqs),
              `item ${item}`,
            ).to.deep.equal(expected);
          }
          expect(records.every(([, outcome]) => outcome === 'settled')).to.equal(true);
        });
      }),
      { numRuns: 150 },
    ));

  it('batch: each event is in one batch, its key is made of the first and the last, and later events of its items wait', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 12, arbitrary: act }, { weight: 1, arbitrary: twin }), {
          minLength: 1,
          maxLength: 60,
          size: 'max',
        }),
        fc.integer({ min: 1, max: 6 }),
        fc.constantFrom(0, 7 * SECOND),
        fc.boolean(),
        async (acts, max, workMs, twins) => {
          const ms = 30 * SECOND;
          let crashes = 0;
          const sequence = acts.filter(
            ({ kind }) =>
              (twins || kind !== 'twin') &&
              // What is alone in hand at the third is given up: it may be what ends the process.
              (kind !== 'crash' || workMs === 0 || ++crashes <= 2),
          );
          await check(
            { kind: 'batch', max, closes: { kind: 'within', ms } },
            sequence,
            ({ came, runs, inHand }) => {
              expect(inHand.most).to.be.at.most(1);
              const done = distinct(runs);
              for (const { seqs, key } of done) {
                expect(key).to.equal(`r/${seqs[0]}-${seqs.at(-1)}/work`);
                expect(seqs.length).to.be.at.most(max);
                expect(seqs).to.deep.equal(seqs.toSorted((a, b) => a - b));
              }
              const ran = done.flatMap(({ seqs }) => seqs);
              expect(ran.toSorted((a, b) => a - b)).to.deep.equal(came.map(({ seq }) => seq));
              for (const events of itemsOf(came).values()) {
                const own = events.map(({ seq }) => seq);
                expect(ran.filter(seq => own.includes(seq))).to.deep.equal(own);
              }
              // What there is something to ask about joins once that is answered.
              if (twins) return;
              const expected = grouped(
                came,
                (group, next) => group.length < max && next.at < group[0].at + ms,
              );
              expect(done.map(({ seqs }) => seqs)).to.deep.equal(expected);
            },
            { workMs, twins },
          );
        },
      ),
      { numRuns: 300 },
    ));

  it('latest: what is run comes in order, the newest at the end, and all else was replaced by it', () =>
    fc.assert(
      fc.asyncProperty(acts, async sequence => {
        await check({ kind: 'latest' }, sequence, ({ came, runs, records }) => {
          const outcomes = new Map(records);
          const done = distinct(runs).map(({ seqs }) => seqs[0] ?? 0);
          for (const events of itemsOf(came).values()) {
            const own = done.filter(seq => events.some(event => event.seq === seq));
            expect(own).to.deep.equal(own.toSorted((a, b) => a - b));
            expect(own.at(-1)).to.equal(events.at(-1)?.seq);
          }
          for (const { seq } of came) {
            expect(outcomes.get(seq)).to.equal(done.includes(seq) ? 'settled' : 'filtered');
          }
        });
      }),
      { numRuns: 150 },
    ));

  it('the mode may be changed at each restart: nothing is lost, and each item is dealt with in order, one run at a time', () =>
    fc.assert(
      fc.asyncProperty(
        anyMode,
        fc.array(
          fc.oneof(
            { weight: 8, arbitrary: act },
            { weight: 1, arbitrary: failOne },
            { weight: 2, arbitrary: changeMode },
          ),
          { minLength: 1, maxLength: 60, size: 'max' },
        ),
        fc.constantFrom(0, 3 * SECOND),
        async (mode, sequence, workMs) => {
          const { came, runs, records, world, inHand } = await play(mode, sequence, { workMs });
          expect(records.map(([seq]) => seq)).to.deep.equal(came.map(({ seq }) => seq));
          expect(inHand.ofOneItem, 'two runs of one item at the same time').to.equal(false);
          expect(inHand.most).to.be.at.most(2);
          const done = distinct(runs);
          for (const [item, events] of itemsOf(came)) {
            const own = new Set(events.map(({ seq }) => seq));
            const ran = done.flatMap(({ seqs }) => seqs.filter(seq => own.has(seq)));
            expect(ran, `item ${item}`).to.deep.equal(ran.toSorted((a, b) => a - b));
            expect(ran.at(-1)).to.equal(events.at(-1)?.seq);
            expect(new Set(ran).size).to.equal(ran.length);
          }
          const ran = new Set(done.flatMap(({ seqs }) => seqs));
          for (const [seq, outcome] of records)
            expect(outcome).to.equal(ran.has(seq) ? 'settled' : 'filtered');
          const [status] = await world.store.lanes.status();
          expect(status).not.to.have.property('gathered');
          expect(status?.cursor).to.equal(came.length);
          await world.dispatcher.stop(0);
        },
      ),
      { numRuns: 300 },
    ));

  it('every event ends in one run, or is given up with all that it was run with, whatever people and the store do', () =>
    fc.assert(
      fc.asyncProperty(
        anyMode,
        fc.array(
          fc.oneof(
            { weight: 8, arbitrary: act },
            { weight: 8, arbitrary: edit },
            { weight: 1, arbitrary: failOne },
            { weight: 2, arbitrary: changeMode },
            { weight: 8, arbitrary: hardship },
          ),
          { minLength: 1, maxLength: 60, size: 'max' },
        ),
        fc.constantFrom(0, 3 * SECOND),
        async (mode, sequence, workMs) => {
          const { came, runs, together, world, mayRepeat, inHand } = await play(mode, sequence, {
            workMs,
            forks: true,
          });
          expect(inHand.ofOneItem, 'two runs of one item at the same time').to.equal(false);
          await world.store.parking.retry({ all: true });
          for (let n = 0; n < 10; n++) await world.clock.advance(60 * SECOND);
          const records = (await world.runs()).map(([, seq, outcome]): [number, string] => [seq, outcome]);
          // Twins leave none.
          expect(records.map(([seq]) => seq)).to.deep.equal(came.map(({ seq }) => seq));
          expect(await world.store.parking.list()).to.deep.equal([]);
          const [status] = await world.store.lanes.status();
          expect(status).not.to.have.property('gathered');
          expect(status?.cursor).to.equal(world.store.journal.head());
          const outcomes = new Map(records);
          const isAny = sequence.some(one => one.kind === 'ask' && one.fors.includes('drop'))
            ? ['settled', 'filtered', 'dropped']
            : ['settled', 'filtered'];
          for (const [seq, outcome] of outcomes) {
            expect(outcome, `event ${seq}`).to.be.oneOf(isAny);
            const times = Map.groupBy(
              runs.filter(({ seqs }) => seqs.includes(seq)),
              ({ key }) => key.split('/').slice(3).join('/'),
            );
            if (outcome === 'filtered') expect(times.size, `event ${seq}`).to.equal(0);
            if (outcome === 'settled') expect(times.size, `event ${seq}`).to.be.at.least(1);
            if (mayRepeat) continue;
            for (const [branch, done] of times) expect(done, `event ${seq}, ${branch}`).to.have.length(1);
            const others = together.get(seq) ?? [seq];
            expect(new Set(others.map(other => outcomes.get(other))).size, `with ${seq}`).to.equal(1);
          }
          await world.dispatcher.stop(0);
        },
      ),
      { numRuns: 500 },
    ));

  it('two runs of one item are never in hand, whatever people ask for and however the mode is changed', () =>
    fc.assert(
      fc.asyncProperty(
        anyMode,
        fc.array(
          fc.oneof(
            { weight: 8, arbitrary: act },
            { weight: 4, arbitrary: edit },
            { weight: 2, arbitrary: failOne },
            { weight: 3, arbitrary: changeMode },
            { weight: 6, arbitrary: asking },
          ),
          { minLength: 1, maxLength: 60, size: 'max' },
        ),
        async (mode, sequence) => {
          const { world, inHand } = await play(mode, sequence, { workMs: 3 * SECOND });
          await world.store.parking.retry({ all: true });
          for (let n = 0; n < 10; n++) await world.clock.advance(60 * SECOND);
          expect(inHand.ofOneItem, 'two runs of one item at the same time').to.equal(false);
          expect(inHand.most).to.be.at.most(2);
          // Nothing waits for something that never comes.
          expect(await world.store.parking.list()).to.deep.equal([]);
          expect(await world.store.replays.list()).to.deep.equal([]);
          const [status] = await world.store.lanes.status();
          expect(status).not.to.have.property('gathered');
          expect(status?.cursor).to.equal(world.store.journal.head());
          await world.dispatcher.stop(0);
        },
      ),
      { numRuns: 300 },
    ));

  it('throttle: none is dropped, and within no stretch of time do more begin', () =>
    fc.assert(
      fc.asyncProperty(acts, fc.integer({ min: 1, max: 3 }), async (sequence, max) => {
        const perMs = 20 * SECOND;
        await check({ kind: 'throttle', max, perMs }, sequence, ({ came, runs, begun, records }) => {
          const done = distinct(runs);
          expect(done.map(({ seqs }) => seqs[0]).toSorted((a = 0, b = 0) => a - b)).to.deep.equal(
            came.map(({ seq }) => seq),
          );
          expect(records.every(([, outcome]) => outcome === 'settled')).to.equal(true);
          for (const events of itemsOf(came).values()) {
            const own = done
              .map(({ seqs }) => seqs[0] ?? 0)
              .filter(seq => events.some(event => event.seq === seq));
            expect(own).to.deep.equal(events.map(({ seq }) => seq));
          }
          // What a crash cuts off has begun, too.
          const times = [...begun.values()].toSorted((a, b) => a - b);
          for (let n = max; n < times.length; n++) {
            expect((times[n] ?? 0) - (times[n - max] ?? 0)).to.be.at.least(perMs);
          }
        });
      }),
      { numRuns: 100 },
    ));
});
