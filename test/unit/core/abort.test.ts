import { expect } from 'chai';
import { whenAborted } from '../../../src/core/abort.ts';

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
