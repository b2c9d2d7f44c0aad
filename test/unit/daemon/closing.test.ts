import { expect } from 'chai';
import { Closing } from '../../../src/daemon/closing.ts';

describe('Closing', () => {
  it('closes in reverse, and says what it waits for', async () => {
    const gate = Promise.withResolvers<void>();
    const order: string[] = [];
    await using first = new Closing();
    first.defer('the store', () => void order.push('store'));
    first.defer(
      'the plugins',
      async () => {
        await gate.promise;
        order.push('plugins');
      },
      () => ['plugin a'],
    );
    first.defer('the ingress', async () => {
      await gate.promise;
      order.push('ingress');
    });
    const moved = first.move();
    expect(moved.left()).to.deep.equal([]);
    const closed = moved[Symbol.asyncDispose]();
    expect(moved.left()).to.deep.equal(['the ingress']);
    gate.resolve();
    await closed;
    expect(order).to.deep.equal(['ingress', 'plugins', 'store']);
    expect(moved.left()).to.deep.equal([]);
  });

  it('says more than a name where more is known', () => {
    const closing = new Closing();
    let parts: readonly string[] = ['plugin a', 'plugin b'];
    closing.defer(
      'the plugins',
      () => new Promise<void>(() => {}),
      () => parts,
    );
    void closing[Symbol.asyncDispose]();
    expect(closing.left()).to.deep.equal(['plugin a', 'plugin b']);
    parts = [];
    expect(closing.left()).to.deep.equal(['the plugins']);
  });

  it('goes on where a part fails to close', async () => {
    const order: string[] = [];
    const closing = new Closing();
    closing.defer('the store', () => void order.push('store'));
    closing.defer('the ingress', () => Promise.reject(new Error('no')));
    const failure = await closing[Symbol.asyncDispose]().catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(Error);
    expect(order).to.deep.equal(['store']);
  });
});
