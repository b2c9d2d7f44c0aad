import { expect } from 'chai';
import fc from 'fast-check';
import { type Budget, makeBudget, type Taken } from '../../../src/podio/budget.ts';
import type { Priority } from '../../../src/podio/contract.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const ID = 'app/101';

const setUp = (backgroundShare = 0.3) => {
  const clock = makeVirtualClock();
  return { clock, budget: makeBudget({ clock, backgroundShare }) };
};

/** One call whose answer's headers say this. */
const call = (
  budget: Budget,
  limit: number,
  remaining: number,
  { operation = 'items.get', priority = 'live' as Priority } = {},
): void => {
  const { grant, waitMs } = budget.take(ID, operation, priority);
  if (!grant) throw new Error(`refused for ${waitMs} ms`);
  grant.answered({ limit, remaining });
};

const seconds = (taken: Taken) => (taken.grant ? 0 : taken.waitMs / 1_000);

describe('podio budget', () => {
  it('knows nothing at first and says yes', () => {
    const { budget } = setUp();
    expect(budget.wait(ID, 'items.get', 'background')).to.equal(0);
    expect(budget.take(ID, 'items.get', 'live').grant).to.be.an('object');
    expect(budget.status()).to.deep.equal([
      { identity: ID, general: undefined, limited: undefined, pausedMs: 0 },
    ]);
  });

  it('learns both budgets from the headers', () => {
    const { budget } = setUp();
    call(budget, 1_000, 990);
    call(budget, 250, 240, { operation: 'items.filter' });
    expect(budget.status()[0]).to.deep.include({
      general: { limit: 1_000, remaining: 990 },
      limited: { limit: 250, remaining: 240 },
    });
  });

  describe('tells from the limit which budget an operation uses', () => {
    const shown = (budget: Budget) => {
      const [status] = budget.status();
      return [status?.general?.limit, status?.limited?.limit];
    };

    it('with the documented numbers', () => {
      const { budget } = setUp();
      call(budget, 250, 100, { operation: 'hooks.list' });
      expect(shown(budget)).to.deep.equal([undefined, 250]);
    });

    it('with raised ones', () => {
      const { budget } = setUp();
      call(budget, 15_000, 14_000);
      call(budget, 3_750, 3_000, { operation: 'hooks.list' });
      call(budget, 3_750, 2_999, { operation: 'items.filter' });
      expect(shown(budget)).to.deep.equal([15_000, 3_750]);
      expect(budget.status()[0]?.limited?.remaining).to.equal(2_999);
    });

    it('with raised ones and the smaller first', () => {
      const { budget } = setUp();
      call(budget, 3_750, 3_000, { operation: 'items.filter' });
      call(budget, 15_000, 14_000);
      expect(shown(budget)).to.deep.equal([15_000, 3_750]);
    });

    it('when they are raised under way', () => {
      const { budget } = setUp();
      call(budget, 1_000, 500);
      call(budget, 250, 100, { operation: 'items.filter' });
      call(budget, 5_000, 4_999);
      call(budget, 1_250, 1_249, { operation: 'items.filter' });
      expect(shown(budget)).to.deep.equal([5_000, 1_250]);
    });

    it('and a used up one does not hold back the other', () => {
      const { budget } = setUp();
      call(budget, 250, 0, { operation: 'items.filter' });
      expect(budget.wait(ID, 'items.filter', 'live')).to.equal(5 * MINUTE);
      expect(budget.wait(ID, 'items.get', 'live')).to.equal(0);
    });
  });

  it('counts calls on their way as made', () => {
    const { budget } = setUp();
    call(budget, 100, 4);
    const onTheWay = [budget.take(ID, 'items.get', 'live'), budget.take(ID, 'items.get', 'live')];
    expect(onTheWay.map(seconds)).to.deep.equal([0, 0]);
    expect(budget.take(ID, 'items.get', 'live').grant).to.equal(undefined);
  });

  it('keeps something for whoever goes first: handshakes, live work, recovery', () => {
    const may = (remaining: number) => {
      const { budget } = setUp(1);
      call(budget, 1_000, remaining);
      return (['handshake', 'live', 'recovery', 'background'] as const).filter(
        priority => budget.wait(ID, 'hooks.list', priority) === 0,
      );
    };
    expect(may(201)).to.deep.equal(['handshake', 'live', 'recovery', 'background']);
    expect(may(200)).to.deep.equal(['handshake', 'live', 'recovery']);
    expect(may(100)).to.deep.equal(['handshake', 'live']);
    expect(may(20)).to.deep.equal(['handshake']);
    expect(may(0)).to.deep.equal([]);
  });

  it('gives background work its share of an hour and no more', async () => {
    const { budget, clock } = setUp(0.1);
    const background = { operation: 'hooks.list', priority: 'background' as const };
    for (let n = 1; n <= 100; n++) call(budget, 1_000, 1_000 - n, background);
    const refused = budget.take(ID, 'hooks.list', 'background');
    expect(seconds(refused)).to.equal(61 * 60);
    expect(budget.wait(ID, 'hooks.list', 'live')).to.equal(0);
    await clock.advance(61 * MINUTE);
    call(budget, 1_000, 999, background);
  });

  it('takes the share of the ceiling that was told before a restart, until another one is told', () => {
    const { budget } = setUp();
    for (let n = 0; n < 80; n++)
      call(budget, 10_000, 9_900 - n, { operation: 'items.filter', priority: 'background' });
    const { budget: next } = setUp();
    next.restore(ID, budget.spent(ID), 1_000);
    expect(next.wait(ID, 'items.filter', 'background')).to.equal(0);
    expect(next.share(ID)).to.deep.equal({ general: 300, limited: 3_000 });
    call(next, 250, 100, { operation: 'items.filter' });
    expect(next.share(ID).limited).to.equal(75);
    expect(next.wait(ID, 'items.filter', 'background')).to.be.above(50 * MINUTE);
  });

  it('tries now and then whether a window that looks used up has been renewed', async () => {
    const { budget, clock } = setUp();
    call(budget, 1_000, 20);
    expect(seconds(budget.take(ID, 'items.get', 'live'))).to.equal(300);
    await clock.advance(5 * MINUTE);
    const probe = budget.take(ID, 'items.get', 'live');
    expect(probe.grant).to.be.an('object');
    expect(seconds(budget.take(ID, 'items.get', 'live')), 'until the answer').to.equal(1);
    probe.grant?.answered({ limit: 1_000, remaining: 999 });
    expect(budget.wait(ID, 'items.get', 'live')).to.equal(0);
  });

  it('tries again soon when a probe brought no news', async () => {
    const { budget, clock } = setUp();
    call(budget, 1_000, 20);
    await clock.advance(5 * MINUTE);
    budget.take(ID, 'items.get', 'live').grant?.answered(undefined);
    expect(budget.wait(ID, 'items.get', 'live')).to.equal(0);
  });

  it('leaves the last ones to live probes', async () => {
    const { budget, clock } = setUp();
    call(budget, 1_000, 15);
    await clock.advance(5 * MINUTE);
    expect(budget.wait(ID, 'items.get', 'background')).to.equal(5 * MINUTE);
    expect(budget.wait(ID, 'items.get', 'live')).to.equal(0);
  });

  it('forgets a window after an hour', async () => {
    const { budget, clock } = setUp();
    call(budget, 1_000, 0);
    await clock.advance(HOUR - 1);
    expect(budget.wait(ID, 'items.get', 'handshake')).to.equal(1);
    await clock.advance(1);
    expect(budget.wait(ID, 'items.get', 'background')).to.equal(0);
  });

  it('takes an answer that was overtaken for old news', () => {
    const { budget } = setUp();
    call(budget, 1_000, 500);
    const first = budget.take(ID, 'items.get', 'live').grant;
    const second = budget.take(ID, 'items.get', 'live').grant;
    second?.answered({ limit: 1_000, remaining: 498 });
    first?.answered({ limit: 1_000, remaining: 499 });
    expect(budget.status()[0]?.general?.remaining).to.equal(498);
  });

  it('does not call the calls of an identity used up for ever that makes none any more', async () => {
    // Each: what came after the last answer that told, and how long it takes.
    const cases: readonly [then: (budget: Budget) => void, hours: number][] = [
      [() => {}, 1],
      [budget => budget.take(ID, 'items.get', 'handshake').grant?.answered(undefined), 2],
      [budget => void budget.take(ID, 'items.get', 'handshake'), 2],
    ];
    for (const [then, hours] of cases) {
      const { budget, clock } = setUp();
      call(budget, 1_000, 1);
      then(budget);
      await clock.advance(hours * HOUR - 1);
      expect(budget.status()[0]?.general?.remaining).to.be.below(2);
      await clock.advance(1);
      expect(budget.status()[0]?.general?.remaining).to.equal(1_000);
    }
  });

  it('does not take the end of a wait that Podio has asked for for the end of its hour', async () => {
    const { budget, clock } = setUp();
    call(budget, 1_000, 0);
    budget.pause(ID, 300_000);
    await clock.advance(400_000);
    expect(budget.status()[0]?.general?.remaining).to.equal(0);
    await clock.advance(HOUR);
    expect(budget.status()[0]?.general?.remaining).to.equal(1_000);
  });

  it('counts down by itself where no header tells', () => {
    const { budget } = setUp();
    call(budget, 1_000, 500);
    budget.take(ID, 'items.get', 'live').grant?.answered(undefined);
    expect(budget.status()[0]?.general?.remaining).to.equal(499);
  });

  it('pauses one identity for all priorities, until the longest wait is over', async () => {
    const { budget, clock } = setUp();
    call(budget, 1_000, 500);
    budget.pause(ID, 300_000);
    budget.pause(ID, 10_000);
    expect(seconds(budget.take(ID, 'items.filter', 'handshake'))).to.equal(300);
    expect(budget.status()[0]?.pausedMs).to.equal(300_000);
    expect(budget.wait('app/102', 'items.get', 'background')).to.equal(0);
    await clock.advance(300_000);
    expect(budget.status()[0]?.pausedMs).to.equal(0);
    const first = budget.take(ID, 'items.get', 'live').grant;
    expect(seconds(budget.take(ID, 'items.get', 'live')), 'until it is known what is left').to.equal(1);
    first?.answered({ limit: 1_000, remaining: 999 });
    expect(budget.wait(ID, 'items.get', 'live')).to.equal(0);
  });

  it('law: stays inside fixed windows, and background inside its share of any hour', () => {
    const step = fc.record({
      gap: fc.integer({ min: 0, max: 4 * MINUTE }),
      burst: fc.integer({ min: 1, max: 6 }),
      priority: fc.constantFrom<Priority>('handshake', 'live', 'live', 'recovery', 'background'),
      answersReversed: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 40, max: 200 }),
        fc.double({ min: 0.1, max: 0.9, noNaN: true }),
        fc.integer({ min: 0, max: HOUR }),
        fc.array(step, { minLength: 100, maxLength: 150 }),
        (limit, share, phase, steps) => {
          let now = 0;
          const budget = makeBudget({ clock: { monotonic: () => now }, backgroundShare: share });
          const used = new Map<number, number>();
          const background: number[] = [];
          // The documented limit is the guess until the first answer.
          call(budget, limit, limit - 1);
          used.set(Math.floor(phase / HOUR), 1);
          for (const { gap, burst, priority, answersReversed } of steps) {
            now += gap;
            const window = Math.floor((now + phase) / HOUR);
            const answers: (() => void)[] = [];
            for (let n = 0; n < burst; n++) {
              const { grant } = budget.take(ID, 'items.get', priority);
              if (!grant) break;
              const spent = (used.get(window) ?? 0) + 1;
              used.set(window, spent);
              expect(spent, 'calls in one window').to.be.at.most(limit);
              if (priority === 'background') background.push(now);
              answers.push(() => grant.answered({ limit, remaining: limit - spent }));
            }
            if (answersReversed) answers.reverse();
            for (const answer of answers) answer();
          }
          const cap = Math.floor(limit * share);
          for (const [n, at] of background.entries()) {
            const first = background[n - cap];
            if (first !== undefined) expect(at - first, 'an hour').to.be.above(HOUR - 1);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
