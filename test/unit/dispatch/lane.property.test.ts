import { expect } from 'chai';
import fc from 'fast-check';
import { PermanentError, RetryAfter, StoreError } from '../../../src/core/errors.ts';
import type { NewEvent } from '../../../src/core/event.ts';
import type { Store } from '../../../src/store/contract.ts';
import type { MemoryStore } from '../../../src/store/memory.ts';
import { APP, itemUpdate, makeRule, makeStep, type Work, World } from './support.ts';

/** What happens to the daemon, one after the other. */
type Move =
  | { kind: 'append'; items: readonly number[] }
  | { kind: 'time'; ms: number }
  /** Somebody sets the clock, forward or back. */
  | { kind: 'jump'; hours: number }
  | { kind: 'crash' | 'stop' | 'retry' }
  /** Someone wants a part of the journal run again, in parts of ten. */
  | { kind: 'replay'; from: number; to: number }
  /** The plugin of the last step fails for all, or works again. */
  | { kind: 'away' | 'back' }
  /** The store refuses writes, or takes them again. */
  | { kind: 'break' | 'mend' };

const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      items: fc.array(fc.nat(4), { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.nat(8000) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('jump' as const), hours: fc.integer({ min: -6, max: 6 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('crash' as const, 'stop' as const, 'retry' as const) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('break' as const, 'mend' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('away' as const, 'back' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('replay' as const), from: fc.nat(10), to: fc.nat(10) }),
  },
);

/** How a step takes one event: the milliseconds each try lasts, and how the tries before the last one end. */
const temper = fc.record({
  ms: fc.nat(3000),
  failures: fc.array(fc.constantFrom('error' as const, 'later' as const), { maxLength: 3 }),
  ends: fc.oneof(
    { weight: 5, arbitrary: fc.constant('pass' as const) },
    { weight: 1, arbitrary: fc.constantFrom('filter' as const, 'split' as const, 'never' as const) },
  ),
});

const LIMITS = { entries: 7, bytes: 1_000_000, chain: 2 };
const CONCURRENCY = 3;

describe('Lane, whatever happens', () => {
  it('settles every matching event once and in order per item, and never loses one below the cursor', async function () {
    this.timeout(60_000);
    await fc.assert(
      fc.asyncProperty(
        fc.array(move, { minLength: 3, maxLength: 30, size: 'max' }),
        fc.array(temper, { minLength: 1, maxLength: 12, size: 'max' }),
        async (moves, tempers) => {
          let broken = false;
          let away = false;
          const tries = new Map<string, number>();
          const inHand = new Map<string, number>();
          /** Every completed try of the step in the middle, in order. */
          const completed: { seq: number; key: string }[] = [];
          const problems: string[] = [];
          const recorded = new Map<number, number>();
          /** The same for replays, by seq and number. */
          const replayed = new Map<string, number>();
          let life = 0;

          const middle: Work = async ({ event, deliveryKey, signal }) => {
            const own = life;
            const { ms, failures, ends } = tempers[event.seq % tempers.length] ?? {
              ms: 0,
              failures: [],
              ends: 'pass',
            };
            const order = `${own} ${event.itemId}`;
            if (inHand.has(order)) problems.push(`two of item ${event.itemId} at a time`);
            inHand.set(order, event.seq);
            if ([...inHand.keys()].filter(key => key.startsWith(`${own} `)).length > CONCURRENCY) {
              problems.push('more at a time than the rule allows');
            }
            try {
              await new Promise<void>((resolve, reject) => {
                world.clock.after(ms, resolve);
                signal.addEventListener('abort', () => reject(signal.reason), { once: true });
              });
            } finally {
              inHand.delete(order);
            }
            const tried = tries.get(deliveryKey) ?? 0;
            tries.set(deliveryKey, tried + 1);
            const failure = failures[tried];
            if (failure === 'error') throw new Error('no');
            if (failure === 'later') throw new RetryAfter(1500);
            if (ends === 'never') throw new PermanentError('never');
            completed.push({ seq: event.seq, key: deliveryKey });
            return ends === 'filter' ? [] : ends === 'split' ? [{ n: 1 }, { n: 2 }] : undefined;
          };
          const wrap = (store: MemoryStore): Pick<Store, 'journal' | 'lanes' | 'replays' | 'changes$'> => {
            const check = async () => {
              await Promise.resolve();
              if (broken) throw new StoreError('STORE_UNAVAILABLE', 'not now');
            };
            return {
              ...store,
              lanes: {
                ...store.lanes,
                finish: async (lease, finished, cursor) => {
                  await check();
                  await store.lanes.finish(lease, finished, cursor);
                  const { seq, replay } = finished.record;
                  if (finished.parkedId !== undefined) return;
                  if (replay === 0) recorded.set(seq, (recorded.get(seq) ?? 0) + 1);
                  else replayed.set(`${seq}/${replay}`, (replayed.get(`${seq}/${replay}`) ?? 0) + 1);
                },
                tried: async (...given) => {
                  await check();
                  await store.lanes.tried(...given);
                },
                checkpoint: async (...given) => {
                  await check();
                  await store.lanes.checkpoint(...given);
                },
                advance: async (...given) => {
                  await check();
                  await store.lanes.advance(...given);
                },
              },
            };
          };
          const world = new World({
            rules: [
              makeRule('r', {
                triggers: [APP, { ...APP, fields: [{ field: 'status' }] }],
                steps: [makeStep('first'), makeStep('middle'), makeStep('last')],
                concurrency: CONCURRENCY,
              }),
            ],
            work: {
              middle,
              last: () => {
                if (away) throw new Error('away');
                return undefined;
              },
            },
            limits: LIMITS,
            wrap,
          });
          await world.start();

          /** The lowest seq of each change: the others are twins and leave no record. */
          const wanted = new Set<number>();
          const revisions = new Map<number, number>();
          for (const made of moves) {
            switch (made.kind) {
              case 'append': {
                const events: NewEvent[] = [];
                for (const item of made.items) {
                  const revision = (revisions.get(item) ?? 0) + 1;
                  revisions.set(item, revision);
                  events.push(itemUpdate(item, revision));
                  if (item === 1) events.push(itemUpdate(item, revision, { type: 'app_field', id: 11 }));
                  if (item === 2)
                    events.push({
                      ...itemUpdate(item, revision),
                      type: 'item.delete',
                      id: `other ${revision}`,
                    });
                }
                const results = await world.store.journal.append(events);
                for (const [at, { seq }] of results.entries()) {
                  const event = events[at];
                  if (event?.type === 'item.update' && event.ref.type === 'app' && seq) wanted.add(seq);
                }
                await world.clock.advance(0);
                break;
              }
              case 'time':
                await world.clock.advance(made.ms);
                break;
              case 'jump':
                world.clock.jump(made.hours * 3_600_000);
                break;
              case 'crash':
                life++;
                await world.crash();
                break;
              case 'stop': {
                const stopped = world.dispatcher.stop(1000);
                await world.clock.advance(3000);
                await stopped;
                life++;
                await world.crash();
                break;
              }
              case 'retry':
                await world.store.parking.retry({ all: true });
                await world.clock.advance(0);
                break;
              case 'replay': {
                const head = world.store.journal.head();
                const seq = (tenth: number) => Math.ceil((head * tenth) / 10);
                await world.dispatcher.replay({
                  rule: 'r',
                  from: { seq: seq(made.from) },
                  to: { seq: seq(made.to) },
                  dryRun: false,
                });
                await world.clock.advance(0);
                break;
              }
              case 'away':
                away = true;
                break;
              case 'back':
                away = false;
                break;
              case 'break':
                broken = true;
                break;
              case 'mend':
                broken = false;
                break;
            }
            const cursor = (await world.cursor('r')) ?? 0;
            const open = [...wanted].filter(seq => seq <= cursor && !recorded.has(seq));
            expect(open, `below cursor ${cursor}`).to.deep.equal([]);
            const [status] = world.dispatcher.status();
            expect(status?.inHand).to.be.at.most(CONCURRENCY);
          }

          broken = false;
          away = false;
          // Every wait ends within the longest backoff, and where a breaker is open there is one try for each; in virtual time
          // that costs nothing.
          for (let n = 0; n < 1000 && recorded.size < wanted.size; n++) await world.clock.advance(60_000);
          await world.clock.advance(30_000);
          expect([...recorded.keys()].sort((a, b) => a - b)).to.deep.equal([...wanted].sort((a, b) => a - b));
          expect([...recorded.values()].every(times => times === 1)).to.equal(true);
          for (let n = 0; n < 40 && (await world.store.replays.list()).length > 0; n++) {
            await world.clock.advance(60_000);
          }
          expect(await world.store.replays.list()).to.deep.equal([]);
          expect([...replayed.values()].every(times => times === 1)).to.equal(true);
          expect(problems).to.deep.equal([]);
          expect(await world.cursor('r')).to.equal(world.store.journal.head());
          // A parked run that is retried comes late; all others complete in the order of the journal.
          const last = new Map<string, number>();
          for (const { seq, key } of completed) {
            const item = key.split(':')[1] ?? '';
            const temperament = tempers[seq % tempers.length];
            if (temperament?.ends === 'never' || /\/[1-9]$/.test(key)) continue;
            expect(seq).to.be.at.least(last.get(item) ?? 0);
            last.set(item, seq);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});
