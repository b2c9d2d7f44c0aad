import { expect } from 'chai';
import fc from 'fast-check';
import { type Looked, Rota } from '../../../src/reconcile/rota.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const refsOf = (count: number) => Array.from({ length: count }, (_, n) => `app/${n}`);
const byBot = (count: number, calls = 300) => [{ identity: 'login/bot', refs: refsOf(count), calls }];

const at = (now: number, looked: Partial<Looked> = {}): Looked => ({
  startedAt: now,
  now,
  everyMs: 15 * MINUTE,
  jitter: 1,
  isDone: () => true,
  putOffMs: () => undefined,
  ...looked,
});

/** Looks at what is due, from when to when: the time of every look, by ref. */
function follow(
  rota: Rota,
  rounds: ReturnType<typeof byBot>,
  until: number,
  everyMs = 15 * MINUTE,
): ReadonlyMap<string, number[]> {
  const looks = new Map(rounds.flatMap(({ refs }) => refs.map((ref): [string, number[]] => [ref, []])));
  for (let now = rota.nextAt() ?? until; now < until; now = rota.nextAt() ?? until) {
    const due = new Set([...looks.keys()].filter(ref => rota.isDue(ref, now)));
    for (const ref of due) looks.get(ref)?.push(now);
    rota.plan(rounds, at(now, { everyMs, isDone: ref => due.has(ref) }));
  }
  return looks;
}

describe('the rota of refs', () => {
  it('looks at all together where the share suffices', () => {
    const rota = new Rota();
    rota.plan(byBot(75), at(0));
    expect(rota.pace()).to.deep.equal([{ identity: 'login/bot', refs: 75, everyMs: 15 * MINUTE }]);
    const looks = follow(rota, byBot(75), HOUR);
    expect(looks.get('app/0')).to.deep.equal([15 * MINUTE, 30 * MINUTE, 45 * MINUTE]);
    expect(looks.get('app/74')).to.deep.equal(looks.get('app/0'));
  });

  it('spreads them evenly over a longer interval where it does not', () => {
    const rota = new Rota();
    rota.plan(byBot(200), at(0));
    expect(rota.pace()).to.deep.equal([{ identity: 'login/bot', refs: 200, everyMs: 40 * MINUTE }]);
    expect(rota.nextAt()).to.equal(12_000);
    const looks = follow(rota, byBot(200), 4 * HOUR);
    for (const times of looks.values()) expect(times.length).to.be.within(5, 6);
  });

  it('leaves those alone that share no budget with them', () => {
    const rota = new Rota();
    const rounds = [...byBot(200), { identity: 'app/7', refs: ['app/1007'], calls: 300 }];
    rota.plan(rounds, at(0));
    const looks = follow(rota, rounds, HOUR).get('app/1007') ?? [];
    // Half a minute early at most, together with what is due by then.
    expect(looks.map(time => Math.ceil(time / MINUTE))).to.deep.equal([15, 30, 45, 60]);
  });

  it('comes back to what was put off when it may, and with the others after that', () => {
    const rota = new Rota();
    rota.plan(byBot(2), at(0, { putOffMs: ref => (ref === 'app/1' ? 2 * MINUTE : undefined) }));
    expect(rota.nextAt()).to.equal(2 * MINUTE);
    const looks = follow(rota, byBot(2), 16 * MINUTE);
    expect(looks.get('app/0')).to.deep.equal([15 * MINUTE]);
    expect(looks.get('app/1')).to.deep.equal([2 * MINUTE, 15 * MINUTE]);
  });

  it('never looks at what still has to wait, and does not spin on it', () => {
    const rota = new Rota();
    rota.plan(byBot(1), at(0));
    rota.plan(byBot(1), at(15 * MINUTE, { isDone: () => false }));
    expect(rota.nextAt()).to.equal(30 * MINUTE);
  });

  it('forgets what is no longer of interest, and has nothing to do without refs', () => {
    const rota = new Rota();
    rota.plan(byBot(2), at(0));
    rota.plan([], at(MINUTE));
    expect(rota.nextAt()).to.equal(undefined);
    expect(rota.pace()).to.deep.equal([]);
  });

  it('law: forgets no ref, and makes no more looks in an hour than the share, a round of few aside', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 60 }),
        (count, calls, minutes) => {
          const rota = new Rota();
          const rounds = byBot(count, calls);
          const looked = at(0, { everyMs: minutes * MINUTE });
          rota.plan(rounds, looked);
          const [pace] = rota.pace();
          if (!pace || pace.everyMs === looked.everyMs) return;
          const looks = follow(rota, rounds, 3 * pace.everyMs + HOUR, looked.everyMs);
          for (const times of looks.values()) expect(times.length).to.be.at.least(3);
          const all = [...looks.values()].flat().sort((a, b) => a - b);
          // What falls due within half a minute is looked at together.
          const together = Math.ceil((calls * 30_000) / HOUR) + 1;
          for (const [n, time] of all.entries()) {
            const inTheHour = all.slice(n).filter(other => other < time + HOUR).length;
            expect(inTheHour).to.be.at.most(calls + together);
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});
