import { expect } from 'chai';
import { GatherQueue } from '../../../src/dispatch/gather-queue.ts';
import type { Gathered } from '../../../src/store/contract.ts';
import { rest } from './support.ts';

const gathered = (seq: number): Gathered => ({
  key: { seq, eventId: `e${seq}`, replay: 0 },
  mode: 'batch',
  group: 'batch',
  from: 'first',
});

describe('what is gathered', () => {
  it('is written in the order of its tickets, one write at a time', async () => {
    const writes: number[][] = [];
    const answer: (() => void)[] = [];
    const queue = new GatherQueue({
      async write(some) {
        writes.push(some.map(({ key }) => key.seq));
        await new Promise<void>(resolve => answer.push(resolve));
        return some.map(({ key }) => key.seq * 10);
      },
    });
    const tickets = Array.from({ length: 5 }, () => queue.take());
    const told: unknown[] = [];
    const fill = (at: number) => {
      const ticket = tickets[at];
      if (ticket) void queue.fill(ticket, gathered(at)).then(written => told.push(written?.waitMs));
    };
    fill(2);
    fill(1);
    expect(writes).to.deep.equal([]);
    fill(0);
    fill(4);
    expect(writes).to.deep.equal([[0, 1, 2]]);
    if (tickets[3]) queue.drop(tickets[3]);
    await rest();
    // The first write is not answered yet.
    expect(writes).to.have.length(1);
    answer.shift()?.();
    await rest();
    expect(writes).to.deep.equal([[0, 1, 2], [4]]);
    answer.shift()?.();
    await rest();
    expect(told).to.deep.equal([0, 10, 20, 40]);
  });

  it('is told when the lane was let go', async () => {
    const queue = new GatherQueue({ write: async () => undefined });
    expect(await queue.fill(queue.take(), gathered(1))).to.equal(undefined);
  });
});
