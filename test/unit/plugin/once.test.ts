import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { PodioError } from '../../../src/core/errors.ts';
import type { PluginStore } from '../../../src/plugin/contract.ts';
import { type Effect, once } from '../../../src/plugin/once.ts';

/** As the daemon's: values are JSON, and an update may call its function again. */
function makeStore(): PluginStore & { readonly places: ReadonlyMap<string, string> } {
  const places = new Map<string, string>();
  const read = (key: string): unknown => {
    const json = places.get(key);
    return json === undefined ? undefined : JSON.parse(json);
  };
  const write = (key: string, value: unknown): void => {
    if (value === undefined) places.delete(key);
    else places.set(key, JSON.stringify(value));
  };
  return {
    places,
    get: async key => read(key),
    set: async (key, value) => write(key, value),
    delete: async key => write(key, undefined),
    async update(key, fn) {
      fn(read(key));
      write(key, fn(read(key)));
      return read(key);
    },
  };
}

/** An effect that counts, and a far side that keeps what was made. */
function world() {
  const made: string[] = [];
  const asked: number[] = [];
  const effect = (name: string, more: Partial<Effect<string>> = {}): Effect<string> => ({
    async make() {
      made.push(name);
      return name;
    },
    async find(since) {
      asked.push(since);
      return made.find(one => one === name);
    },
    ...more,
  });
  return { made, asked, effect };
}

/** A process that ends while it is at it: it never comes back. */
const crash = (store: PluginStore, key: string, effect: Effect<string>, when: 'before' | 'after') => {
  const begun = Promise.withResolvers<void>();
  void once(store, key, {
    ...effect,
    make: async () => {
      if (when === 'after') await effect.make();
      begun.resolve();
      return new Promise<string>(() => {});
    },
  });
  return begun.promise;
};

describe('once', () => {
  it('makes something once, and answers what was made', async () => {
    const store = makeStore();
    const { made, asked, effect } = world();
    for (let n = 0; n < 3; n++) expect(await once(store, 'a', effect('a'))).to.equal('a');
    expect(await once(store, 'b', effect('b'))).to.equal('b');
    expect(made).to.deep.equal(['a', 'b']);
    expect(asked).to.deep.equal([]);
  });

  it('looks for what a try made that was never heard of again', async () => {
    const store = makeStore();
    const { made, asked, effect } = world();
    const before = Date.now();
    await crash(store, 'a', effect('a'), 'after');
    expect(await once(store, 'a', effect('a'))).to.equal('a');
    expect(made).to.deep.equal(['a']);
    expect(asked[0]).to.be.within(before, Date.now());
    expect(await once(store, 'a', effect('a'))).to.equal('a');
    expect(asked).to.have.lengthOf(1);
  });

  it('knows what was made for others from what it looks for', async () => {
    const store = makeStore();
    const there: { id: number; text: string }[] = [];
    const say = (text: string): Effect<{ id: number }> => ({
      async make() {
        there.push({ id: there.length + 1, text });
        return { id: there.length };
      },
      find: async (_since, isOthers) => there.find(one => one.text === text && !isOthers(one.id)),
    });
    expect(await once(store, 'a', say('hello'))).to.include({ id: 1 });
    const late = { ...say('hello'), make: () => Promise.reject(new Error('no answer')) };
    await once(store, 'b', late).catch(() => {});
    expect(await once(store, 'b', say('hello'))).to.include({ id: 2 });
    await crash(store, 'c', say('hello') as unknown as Effect<string>, 'after');
    expect(await once(store, 'c', say('hello'))).to.include({ id: 3 });
    expect(there).to.have.length(3);
  });

  it('makes it where nothing is found, or nobody can look', async () => {
    const store = makeStore();
    const { made, asked, effect } = world();
    await crash(store, 'a', effect('a'), 'before');
    await once(store, 'a', effect('a'));
    const { find: _, ...blind } = effect('b');
    await crash(store, 'b', blind, 'after');
    await once(store, 'b', blind);
    expect(made).to.deep.equal(['a', 'b', 'b']);
    expect(asked).to.have.lengthOf(1);
  });

  it('looks again after a failure that leaves open whether it was made', async () => {
    const store = makeStore();
    const { made, asked, effect } = world();
    const lost = new PodioError('PODIO_UNAVAILABLE', 'no answer');
    const failing = effect('a', {
      async make() {
        made.push('a');
        throw lost;
      },
    });
    expect(await once(store, 'a', failing).catch(error => error)).to.equal(lost);
    expect(await once(store, 'a', effect('a'))).to.equal('a');
    expect(made).to.deep.equal(['a']);
    expect(asked).to.have.lengthOf(1);
  });

  it('does not look after a refusal: nothing was made', async () => {
    const store = makeStore();
    const { made, asked, effect } = world();
    for (const code of [
      'PODIO_RATE_LIMITED',
      'PODIO_INVALID',
      'PODIO_FORBIDDEN',
      'PODIO_CONFLICT',
    ] as const) {
      const no = new PodioError(code, 'no');
      const refused = effect('a', { make: () => Promise.reject(no) });
      expect(await once(store, 'a', refused).catch(error => error)).to.equal(no);
    }
    expect(store.places.size).to.equal(0);
    await once(store, 'a', effect('a'));
    expect(made).to.deep.equal(['a']);
    expect(asked).to.deep.equal([]);
  });

  it('lets one event wait for the other that is at the same thing', async () => {
    const store = makeStore();
    const { made, effect } = world();
    const going = Promise.withResolvers<string>();
    const first = once(store, 'x', effect('x', { by: 'one', forever: true, make: () => going.promise }));
    const second = () => once(store, 'x', effect('x', { by: 'two', forever: true }));
    expect(await second().catch(error => error.message)).to.contain('another event is at the same thing');
    going.resolve('made by one');
    expect(await first).to.equal('made by one');
    expect(await second()).to.equal('made by one');
    expect(made).to.deep.equal([]);
  });

  it('keeps so much and no more, and forgets what is done first', async () => {
    const store = makeStore();
    const { made, effect } = world();
    // All of these share one place.
    const keys: string[] = [];
    for (let n = 0; keys.length < 100; n++) {
      if (createHash('sha256').update(`k${n}`).digest('base64url').startsWith('aa')) keys.push(`k${n}`);
    }
    const [open = '', ...rest] = keys;
    await crash(store, open, effect(open), 'after');
    for (const key of rest) await once(store, key, effect('x'.repeat(900)));
    expect([...store.places.keys()]).to.deep.equal(['once/aa']);
    expect(store.places.get('once/aa')?.length).to.be.below(64 * 1024);
    expect(await once(store, open, effect(open))).to.equal(open);
    const last = rest.at(-1) ?? '';
    await once(store, last, effect('again'));
    expect(made.filter(one => one === open || one === 'again')).to.deep.equal([open]);
  });

  it('never forgets what is to be once for all', async () => {
    const store = makeStore();
    const { made, effect } = world();
    await once(store, 'a', effect('a', { forever: true }));
    for (let n = 0; n < 200; n++) await once(store, `k${n}`, effect(`k${n}`));
    await once(store, 'a', effect('a', { forever: true }));
    expect(made.filter(one => one === 'a')).to.deep.equal(['a']);
  });
});
