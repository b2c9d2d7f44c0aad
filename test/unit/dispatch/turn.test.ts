import { expect } from 'chai';
import { makeTurn } from '../../../src/dispatch/turn.ts';

describe('Turn', () => {
  it('is had by one at a time, in the order of asking', () => {
    const turn = makeTurn();
    const order: string[] = [];
    const ask = (name: string) => {
      if (turn.take(false, () => ask(name))) order.push(name);
    };
    for (const name of ['a', 'b', 'c']) ask(name);
    expect(order).to.deep.equal(['a']);
    turn.give();
    turn.give();
    expect(order).to.deep.equal(['a', 'b', 'c']);
  });

  it('closes for all until one that wants the process to itself has had it', () => {
    const turn = makeTurn();
    const order: string[] = [];
    turn.began();
    turn.began();
    const ask = () => {
      if (turn.take(true, ask)) {
        turn.began();
        order.push('sole');
      }
    };
    const other = () => order.push('other');
    ask();
    expect([turn.isClosed, turn.isAwaited]).to.deep.equal([true, true]);
    turn.whenOpen(other);
    turn.whenOpen(other);
    turn.ended();
    expect(order).to.deep.equal([]);
    turn.ended();
    expect(order).to.deep.equal(['sole']);
    expect([turn.isClosed, turn.isAwaited]).to.deep.equal([true, false]);
    turn.give();
    turn.ended();
    expect(order).to.deep.equal(['sole', 'other']);
    expect(turn.isClosed).to.equal(false);
  });

  it('opens again where the one it closed for can not be started after all', () => {
    const turn = makeTurn();
    let opened = 0;
    turn.began();
    expect(turn.take(true, () => {})).to.equal(false);
    turn.whenOpen(() => opened++);
    turn.ended();
    expect(opened).to.equal(1);
    expect(turn.isClosed).to.equal(false);
  });

  it('lets a second one wait that wants the process to itself', () => {
    const turn = makeTurn();
    const order: string[] = [];
    const ask = (name: string) => {
      if (turn.take(true, () => ask(name))) {
        turn.began();
        order.push(name);
      }
    };
    turn.began();
    ask('first');
    ask('second');
    turn.ended();
    expect(order).to.deep.equal(['first']);
    turn.give();
    turn.ended();
    expect(order).to.deep.equal(['first', 'second']);
    turn.give();
    turn.ended();
    expect(turn.isClosed).to.equal(false);
  });
});
