import { expect } from 'chai';
import type { Priority } from '../../../src/podio/contract.ts';
import { makeGate } from '../../../src/podio/gate.ts';

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
    const gone = gate.enter('handshake', controller.signal).catch(error => error);
    const next = gate.enter('background');
    controller.abort(reason);
    expect(await gone).to.equal(reason);
    leave();
    (await next)();
    expect(await gate.enter('live', controller.signal).catch(error => error)).to.equal(reason);
  });
});
