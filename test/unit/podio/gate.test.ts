import { expect } from 'chai';
import { PodioError } from '../../../src/core/errors.ts';
import type { Priority } from '../../../src/podio/contract.ts';
import { makeGate as makeGateOf } from '../../../src/podio/gate.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

const makeGate = (places: number) => makeGateOf(places, makeVirtualClock());

const turn = () => new Promise(resolve => setImmediate(resolve));

describe('podio gate', () => {
  it('lets so many in, then those who wait by priority and arrival', async () => {
    const gate = makeGate(2);
    const order: string[] = [];
    const leave = [await gate.enter('live'), await gate.enter('background')];
    const waiting: [string, Priority][] = [
      ['b1', 'background'],
      ['l1', 'live'],
      ['r1', 'recovery'],
      ['h1', 'handshake'],
      ['l2', 'live'],
    ];
    const visits = waiting.map(async ([name, priority]) => {
      const out = await gate.enter(priority);
      order.push(name);
      await turn();
      out();
    });
    await turn();
    expect(order).to.deep.equal([]);
    leave[0]?.();
    await Promise.all(visits);
    expect(order).to.deep.equal(['h1', 'l1', 'l2', 'r1', 'b1']);
  });

  it('never has more inside than places', async () => {
    const gate = makeGate(3);
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 40 }, async () => {
        const leave = await gate.enter('live');
        inside += 1;
        most = Math.max(most, inside);
        await turn();
        inside -= 1;
        leave();
      }),
    );
    expect(most).to.equal(3);
  });

  it('lets go of those who give up, and keeps their place for the next', async () => {
    const gate = makeGate(1);
    const leave = await gate.enter('live');
    const controller = new AbortController();
    const reason = new Error('enough');
    const gone = gate.enter('handshake', { signal: controller.signal }).catch(error => error);
    const next = gate.enter('background');
    controller.abort(reason);
    expect(await gone).to.equal(reason);
    leave();
    (await next)();
    expect(await gate.enter('live', { signal: controller.signal }).catch(error => error)).to.equal(reason);
  });

  describe('for those with little patience', () => {
    const waitOf = (error: unknown): number => {
      if (!(error instanceof PodioError) || error.code !== 'PODIO_RATE_LIMITED') throw error;
      return typeof error.retry === 'object' ? error.retry.afterMs : Number.NaN;
    };

    it('sends away who is not let in within it, and does not keep their place', async () => {
      const clock = makeVirtualClock();
      const gate = makeGateOf(1, clock);
      const leave = await gate.enter('live');
      const from = clock.monotonic();
      const refused = gate.enter('live', { patienceMs: 2000 }).then(
        () => expect.fail('it was let in'),
        error => ({ ms: waitOf(error), at: clock.monotonic() }),
      );
      const waits = gate.enter('background');
      await clock.advance(1999);
      let isOver = false;
      void refused.then(() => {
        isOver = true;
      });
      await clock.advance(0);
      expect(isOver).to.equal(false);
      await clock.advance(1);
      const { ms, at } = await refused;
      expect(at).to.equal(from + 2000);
      expect(ms).to.be.within(100, 30_000);
      leave();
      (await waits)();
    });

    it('sends away at once who would not be let in within it', async () => {
      const clock = makeVirtualClock();
      const gate = makeGateOf(1, clock);
      for (let n = 0; n < 30; n++) {
        const leave = await gate.enter('live');
        await clock.advance(1000);
        leave();
      }
      const leave = await gate.enter('live');
      const patient = [gate.enter('live'), gate.enter('live')];
      const error = await gate.enter('live', { patienceMs: 2000 }).catch(thrown => thrown);
      expect(waitOf(error)).to.be.within(2900, 4100);
      // Who comes before the others in line need not wait for them.
      const first = gate.enter('handshake', { patienceMs: 2000 });
      leave();
      (await first)();
      for (const next of patient) (await next)();
    });

    it('lets nobody wait for a rush that is over', async () => {
      const clock = makeVirtualClock();
      const gate = makeGateOf(1, clock);
      for (let n = 0; n < 30; n++) {
        const leave = await gate.enter('live');
        await clock.advance(1000);
        leave();
      }
      const ask = () => gate.enter('live', { patienceMs: 100 }).catch(thrown => waitOf(thrown));
      const during = await gate.enter('live');
      for (let n = 0; n < 2000; n++) await ask();
      during();
      await clock.advance(60_000);
      await gate.enter('live');
      expect(await ask()).to.be.within(100, 20_000);
    });

    it('brings those it sent away back as places become free, and not all together', async () => {
      const clock = makeVirtualClock();
      const gate = makeGateOf(6, clock);
      const CALLERS = 600;
      const VISIT_MS = 100;
      let tries = 0;
      let longestMs = 0;
      const call = async () => {
        for (;;) {
          const from = clock.monotonic();
          tries += 1;
          try {
            const leave = await gate.enter('live', { patienceMs: 2000 });
            longestMs = Math.max(longestMs, clock.monotonic() - from);
            await new Promise<void>(resolve => clock.after(VISIT_MS, resolve));
            leave();
            return clock.monotonic();
          } catch (error) {
            longestMs = Math.max(longestMs, clock.monotonic() - from);
            await new Promise<void>(resolve => clock.after(waitOf(error), resolve));
          }
        }
      };
      const from = clock.monotonic();
      const ends = Promise.all(Array.from({ length: CALLERS }, call));
      await clock.advance(60_000);
      const tookMs = Math.max(...(await ends)) - from;
      expect(longestMs).to.be.at.most(2000);
      // Six at a time, 100 ms each, take 10 s; what comes on top is the price of not waiting in line.
      expect(tookMs).to.be.within(10_000, 15_000);
      expect(tries / CALLERS).to.be.below(3);
    });
  });
});
