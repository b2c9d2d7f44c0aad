import { expect } from 'chai';
import fc from 'fast-check';
import { type Slot, Window } from '../../../src/dispatch/window.ts';

const wide = { entries: 1000, bytes: 1_000_000, chain: 64 };
const fill = (window: Window<string>, ...orders: string[]) => {
  for (const [at, order] of orders.entries()) window.add(10 * (at + 1), order, 1, `${order}${at}`);
};
const take = (window: Window<string>): Slot<string> => {
  const slot = window.next();
  if (!slot) throw new Error('nothing may run');
  return slot;
};

describe('Window', () => {
  it('hands out one entry of a chain at a time, and chains in turn', () => {
    const window = new Window<string>(wide);
    fill(window, 'a', 'a', 'b', 'a', 'b');
    const a0 = take(window);
    expect([a0.value, take(window).value, window.next()]).to.deep.equal(['a0', 'b2', undefined]);
    window.settle(a0);
    expect(take(window).value).to.equal('a1');
  });

  it('keeps a chain to itself while its first entry waits', () => {
    const window = new Window<string>(wide);
    fill(window, 'a', 'a');
    const first = take(window);
    expect(window.next()).to.equal(undefined);
    window.again(first);
    expect(take(window)).to.equal(first);
  });

  it('moves the cursor to just below the lowest open entry, however far others are', () => {
    const window = new Window<string>(wide);
    fill(window, 'a', 'b', 'c');
    const [a, b, c] = [take(window), take(window), take(window)];
    expect(window.cursor(99)).to.equal(9);
    window.settle(c);
    expect(window.cursor(99)).to.equal(9);
    expect(window.cursor(99, a)).to.equal(19);
    window.settle(a);
    expect(window.cursor(99)).to.equal(19);
    expect(window.cursor(99, b)).to.equal(99);
    window.settle(b);
    expect(window.cursor(99)).to.equal(99);
  });

  it('is bounded by entries and by bytes, and lets in one that is larger than both', () => {
    const byEntries = new Window<string>({ entries: 2, bytes: 100, chain: 64 });
    fill(byEntries, 'a');
    expect(byEntries.hasRoom).to.equal(true);
    byEntries.add(20, 'b', 1, 'b');
    expect(byEntries.hasRoom).to.equal(false);
    const byBytes = new Window<string>({ entries: 10, bytes: 100, chain: 64 });
    expect(byBytes.hasRoom).to.equal(true);
    byBytes.add(1, 'a', 200, 'a');
    expect(byBytes.hasRoom).to.equal(false);
    byBytes.settle(take(byBytes));
    expect(byBytes.hasRoom).to.equal(true);
  });

  it('runs work behind when nothing live may run, one per chain, and never in front of a live event', () => {
    const window = new Window<string>(wide);
    window.addBehind('a', 'a-retry-1');
    window.addBehind('a', 'a-retry-2');
    window.addBehind('b', 'b-retry');
    fill(window, 'a');
    const live = take(window);
    const behind = take(window);
    expect([live.value, behind.value, window.next()]).to.deep.equal(['a0', 'b-retry', undefined]);
    window.settle(live);
    const retry = take(window);
    expect(retry.value).to.equal('a-retry-1');
    window.add(20, 'a', 1, 'a-live');
    expect(window.next()).to.equal(undefined);
    window.settle(retry);
    expect(take(window).value).to.equal('a-live');
    expect(window.cursor(50)).to.equal(19);
  });

  it('hands out what has several order keys when none of them is in hand, and holds them all until it is settled', () => {
    const window = new Window<string>(wide);
    fill(window, 'a', 'b', 'c');
    const [a, b, c] = [take(window), take(window), take(window)];
    window.addBehind('batch', 'many', ['a', 'b']);
    window.settle(c);
    window.settle(a);
    expect(window.next()).to.equal(undefined);
    window.settle(b);
    const many = take(window);
    expect([many.value, window.othersOf(many)]).to.deep.equal(['many', ['a', 'b']]);
    for (const [at, order] of ['b', 'c', 'a'].entries()) window.add(40 + at, order, 1, `${order} later`);
    window.addBehind('batch', 'next');
    expect(take(window).value).to.equal('c later');
    window.again(many);
    expect(take(window)).to.equal(many);
    expect(window.next()).to.equal(undefined);
    window.settle(many);
    expect([take(window).value, take(window).value, take(window).value]).to.deep.equal([
      'a later',
      'b later',
      'next',
    ]);
    expect(window.next()).to.equal(undefined);
  });

  it('hands out every entry once, in order per chain, with the cursor below all that is open', () => {
    type Move =
      | { kind: 'add'; order: string }
      | { kind: 'next' }
      | { kind: 'settle' | 'again'; pick: number };
    const move: fc.Arbitrary<Move> = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), order: fc.constantFrom('a', 'b', 'c') }),
      fc.constant({ kind: 'next' as const }),
      fc.record({ kind: fc.constantFrom('settle' as const, 'again' as const), pick: fc.nat(20) }),
    );
    fc.assert(
      fc.property(
        fc.array(move, { maxLength: 200, size: 'max' }),
        fc.integer({ min: 1, max: 5 }),
        (moves, step) => {
          const window = new Window<number>(wide);
          const open = new Set<number>();
          const inHand: Slot<number>[] = [];
          const settled: Record<string, number[]> = { a: [], b: [], c: [] };
          let seq = 0;
          for (const made of moves) {
            const [slot] =
              made.kind === 'settle' || made.kind === 'again'
                ? inHand.splice(made.pick % (inHand.length || 1), 1)
                : [];
            if (made.kind === 'add') {
              seq += step;
              window.add(seq, made.order, 1, seq);
              open.add(seq);
            } else if (made.kind === 'next') {
              const next = window.next();
              if (next) {
                expect(inHand.map(one => one.order)).to.not.include(next.order);
                inHand.push(next);
              }
            } else if (slot && made.kind === 'settle') {
              open.delete(slot.value);
              settled[slot.order]?.push(slot.value);
              window.settle(slot);
            } else if (slot) {
              window.again(slot);
            }
            const cursor = window.cursor(seq);
            expect(Math.min(...open, seq + 1)).to.equal(cursor + 1);
            expect(window.entries).to.equal(open.size);
          }
          for (let next = window.next() ?? inHand.pop(); next; next = window.next() ?? inHand.pop()) {
            settled[next.order]?.push(next.value);
            window.settle(next);
          }
          expect(window.cursor(seq)).to.equal(seq);
          for (const chain of Object.values(settled)) {
            expect(chain).to.deep.equal([...chain].sort((a, b) => a - b));
          }
          expect(Object.values(settled).flat().length * step).to.equal(seq);
        },
      ),
    );
  });
});
