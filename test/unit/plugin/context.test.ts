import { expect } from 'chai';
import { makeContext } from '../../../src/plugin/context.ts';
import { makeMemoryStore } from '../../../src/store/memory.ts';

const storeOf = () => {
  const { values } = makeMemoryStore();
  return makeContext({ rule: 'won', ruleKey: 'won', step: 'tell', values } as never).store;
};

describe('the store of a step', () => {
  it('keeps JSON', async () => {
    const store = storeOf();
    await store.set('a', { n: [1, 'two', null] });
    expect(await store.get('a')).to.deep.equal({ n: [1, 'two', null] });
    expect(await store.update('a', () => 3)).to.equal(3);
    await store.update('a', () => undefined);
    expect(await store.get('a')).to.equal(undefined);
  });

  it('says what it can not keep, and keeps what it had', async () => {
    const store = storeOf();
    await store.set('a', 1);
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    for (const [value, what] of [
      [() => {}, 'a function'],
      [Symbol('s'), 'a symbol'],
      [1n, 'BigInt'],
      [circle, 'circular'],
      [Promise.resolve(1), 'a Promise'],
    ] as const) {
      for (const keep of [store.set('a', value), store.update('a', () => value)]) {
        const error = await (keep as Promise<void>).then(
          () => expect.fail('kept'),
          error => error,
        );
        expect(error.message)
          .to.match(/^context.store keeps JSON, and this is none: /)
          .and.include(what);
        expect(error.retry).to.equal('never');
      }
    }
    expect(await store.get('a')).to.equal(1);
  });
});
