import { expect } from 'chai';
import { reopen, WORLDS } from './worlds.ts';

for (const { name, make } of WORLDS) {
  describe(`values of the ${name} store`, () => {
    it('are kept by space and key over a restart, as JSON', async () => {
      await using world = make();
      const store = await world.open();
      const value = { list: [1, 'é', null], deep: { yes: true } };
      await store.values.set('a', 'key', value);
      await store.values.set('b', 'key', null);
      expect(await store.values.get('a', 'key')).to.deep.equal(value);
      const again = await reopen(world, store);
      expect(await again.values.get('a', 'key')).to.deep.equal(value);
      expect(await again.values.get('b', 'key')).to.equal(null);
      expect(await again.values.get('a', 'other')).to.equal(undefined);
      await again.values.delete('a', 'key');
      await again.values.delete('a', 'key');
      expect(await again.values.get('a', 'key')).to.equal(undefined);
      expect(await again.values.get('b', 'key')).to.equal(null);
    });

    it('are updated one after another, however many want to', async () => {
      await using world = make();
      const store = await world.open();
      const seen = await Promise.all(
        Array.from({ length: 20 }, () => store.values.update('a', 'n', n => Number(n ?? 0) + 1)),
      );
      expect(await store.values.get('a', 'n')).to.equal(20);
      expect(seen.map(Number).sort((a, b) => a - b)).to.deep.equal(
        Array.from({ length: 20 }, (_, i) => i + 1),
      );
    });

    it('are updated from nothing, to nothing, and not at all when the function throws', async () => {
      await using world = make();
      const store = await world.open();
      expect(await store.values.update('a', 'key', before => [before === undefined])).to.deep.equal([true]);
      const refusal = await store.values
        .update('a', 'key', () => {
          throw new Error('no');
        })
        .catch(error => (error as Error).message);
      expect(refusal).to.equal('no');
      expect(await store.values.get('a', 'key')).to.deep.equal([true]);
      expect(await store.values.update('a', 'key', () => undefined)).to.equal(undefined);
      expect(await store.values.get('a', 'key')).to.equal(undefined);
    });
  });

  describe(`settings of the ${name} store`, () => {
    it('are kept over a restart and listed by prefix', async () => {
      await using world = make();
      const store = await world.open();
      await store.settings.set('token/app/2', { token: 'x' });
      await store.settings.set('token/app/1', 1);
      await store.settings.set('token/app/1', 'one');
      await store.settings.set('tokens', true);
      await store.settings.set('token', false);
      await store.settings.set('refs', []);
      const again = await reopen(world, store);
      expect([...(await again.settings.list('token/'))]).to.deep.equal([
        ['token/app/1', 'one'],
        ['token/app/2', { token: 'x' }],
      ]);
      expect([...(await again.settings.list('token')).keys()]).to.deep.equal([
        'token',
        'token/app/1',
        'token/app/2',
        'tokens',
      ]);
      expect((await again.settings.list('none')).size).to.equal(0);
      await again.settings.delete('refs');
      expect(await again.settings.get('refs')).to.equal(undefined);
      expect(await again.settings.get('token')).to.equal(false);
    });
  });
}
