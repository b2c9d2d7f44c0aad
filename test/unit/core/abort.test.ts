import { expect } from 'chai';
import { abortWith, whenAborted } from '../../../src/core/abort.ts';
import { giveBackMemory } from '../../../src/core/garbage.ts';

describe('whenAborted', () => {
  it('calls each that was not cancelled, once, whatever was cancelled before', () => {
    const controller = new AbortController();
    const called: number[] = [];
    const cancels = [0, 1, 2, 3, 4].map(n => whenAborted(controller.signal, () => called.push(n)));
    for (const n of [1, 4, 0, 1]) cancels[n]?.();
    whenAborted(controller.signal, () => called.push(5));
    controller.abort();
    controller.abort();
    expect(called.sort()).to.deep.equal([2, 3, 5]);
    cancels[2]?.();
  });

  it('may be cancelled by what it calls', () => {
    const controller = new AbortController();
    const called: number[] = [];
    let second = (): void => {};
    whenAborted(controller.signal, () => {
      called.push(1);
      second();
    });
    second = whenAborted(controller.signal, () => called.push(2));
    controller.abort();
    expect(called).to.deep.equal([1, 2]);
  });
});

describe('abortWith', () => {
  /** Whoever ends the one before him, as a lane does that takes over. */
  class Owner {
    readonly controller = new AbortController();
    end(other: AbortController): void {
      abortWith(other, new Error('somebody else has it now'));
    }
  }

  it('keeps the reason, and nobody who was at work when it was made', async () => {
    const first = new AbortController();
    const ended = (() => {
      const owner = new Owner();
      owner.end(first);
      return new WeakRef(owner);
    })();
    // What was looked at in this turn is kept until the next.
    await new Promise(resolve => setImmediate(resolve));
    giveBackMemory('kept');
    expect(ended.deref()).to.equal(undefined);
    expect(first.signal.reason).to.be.an('error').with.property('message', 'somebody else has it now');
    expect(first.signal.reason.stack).to.include('abort.test.ts');
  });
});
