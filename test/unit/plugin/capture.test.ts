import { expect } from 'chai';
import type { Sending } from '../../../src/core/would.ts';
import { type CaptureDeps, isReserved, makeCapture } from '../../../src/plugin/capture.ts';
import type { PluginPodio } from '../../../src/plugin/contract.ts';
import { once } from '../../../src/plugin/once.ts';
import { makeMemoryStore } from '../../../src/store/memory.ts';

/** Reads answer; a write that gets through is a mistake. */
const reading = {
  items: {
    get: async (id: number) => ({ item_id: id, title: 'real', fields: [] }),
    filter: async () => ({ items: [], total: 0, filtered: 0 }),
  },
  comments: { list: async () => [] },
  tasks: { list: async () => [] },
  request: async (method: string, path: string) => `${method} ${path}`,
  as: () => reading,
} as unknown as PluginPodio;

const make = (deps: Partial<CaptureDeps> = {}) =>
  makeCapture({ podio: reading, values: makeMemoryStore().values, ...deps });

const sendsOf = async (
  fn: (world: ReturnType<typeof make>['world']) => Promise<unknown>,
  deps: Partial<CaptureDeps> = {},
): Promise<readonly Sending[]> => {
  const capture = make(deps);
  return (await capture.collect(() => fn(capture.world))).sends;
};

describe('captured effects', () => {
  describe('at Podio', () => {
    it('are kept and not done; what is read is read', async () => {
      const sends = await sendsOf(
        async ({ podio }) => {
          expect((await podio.items.get(5)).title).to.equal('real');
          expect(await podio.request('GET', '/item/5')).to.equal('GET /item/5');
          expect(await podio.request('POST', '/item/app/1/filter/')).to.equal('POST /item/app/1/filter/');
          await podio.items.update(5, { fields: { a: 1 }, revision: 3 });
          await podio.items.delete(5, { hook: true });
          await podio.as('bot').comments.create('item', 5, { value: 'hi' });
          await podio.tasks.create({ text: 'call' }, { silent: true });
          await podio.request('PUT', '/item/5/value', { body: {} });
        },
        { appName: () => 'leads' },
      );
      expect(sends).to.deep.equal([
        { podio: 'items.update', item: 5, body: { fields: { a: 1 }, revision: 3 } },
        { podio: 'items.delete', item: 5, hook: true },
        { podio: 'comments.create', on: 'item/5', body: { value: 'hi' }, as: 'bot' },
        { podio: 'tasks.create', body: { text: 'call' }, silent: true },
        { podio: 'request', method: 'PUT', path: '/item/5/value', body: {} },
      ]);
    });

    it('answer as Podio would, with ids that no real thing has and that can be read again', async () => {
      const capture = make({ appName: id => (id === 101 ? 'leads' : undefined) });
      const { podio } = capture.world;
      const { result, sends } = await capture.collect(() =>
        podio.items.create(101, { fields: { title: ['A lead'] } }),
      );
      expect(sends[0]).to.include({ podio: 'items.create', app: 'leads' });
      expect(isReserved(result.item_id)).to.equal(true);
      expect(Number.isSafeInteger(result.item_id)).to.equal(true);
      expect(await podio.items.get(result.item_id)).to.include({ item_id: result.item_id, title: 'A lead' });
      expect((await podio.items.update(result.item_id, {})).revision).to.equal(1);
      expect(await podio.comments.list('item', result.item_id)).to.deep.equal([]);
      const { embed_id: embed } = (await podio.request('POST', '/embed/', {})) as { embed_id: number };
      expect(isReserved(embed)).to.equal(true);
      expect(embed).not.to.equal(result.item_id);
    });

    it('are not done either where nobody collects', async () => {
      const { podio } = make().world;
      expect(isReserved((await podio.comments.create('item', 1, {})).comment_id)).to.equal(true);
    });
  });

  describe('over HTTP', () => {
    it('are kept with method, URL and body, and answered with an empty object', async () => {
      const sends = await sendsOf(async ({ fetch }) => {
        const answer = await fetch('https://erp.example.com/orders?since=1', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: '{"no":7}',
        });
        expect(answer.status).to.equal(200);
        expect(await answer.json()).to.deep.equal({});
        await fetch('https://erp.example.com/', { method: 'POST', body: new URLSearchParams({ a: 'b' }) });
      });
      expect(sends).to.deep.equal([
        {
          http: 'POST',
          url: 'https://erp.example.com/orders?since=1',
          headers: { 'content-type': 'application/json' },
          body: { no: 7 },
        },
        {
          http: 'POST',
          url: 'https://erp.example.com/',
          headers: { 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' },
          body: { a: 'b' },
        },
      ]);
    });

    it('show no secret that a name gives away', async () => {
      const sends = await sendsOf(async ({ fetch }) => {
        await fetch('https://erp.example.com/?access_token=s3cret&page=2', {
          method: 'POST',
          headers: { Authorization: 'Bearer s3cret', 'X-Api-Key': 's3cret', 'Idempotency-Key': 'shown' },
          body: JSON.stringify({ password: 's3cret', deep: [{ apiKey: 's3cret' }], keyword: 'shown' }),
        });
        await fetch('https://me:s3cret@erp.example.com/').catch(() => {});
      });
      expect(JSON.stringify(sends)).not.to.include('s3cret');
      expect(sends[0]).to.deep.include({
        url: 'https://erp.example.com/?access_token=***&page=2',
        body: { password: '***', deep: [{ apiKey: '***' }], keyword: 'shown' },
      });
    });

    it('get the answer that they are given, and are refused what is not to be called', async () => {
      await sendsOf(
        async ({ fetch }) => {
          expect((await fetch('https://erp.example.com/1')).status).to.equal(500);
          expect((await fetch('https://erp.example.com/2')).status).to.equal(200);
          const refused = await fetch('http://10.0.0.1/').catch((error: Error) => error.message);
          expect(refused).to.equal('not there');
        },
        {
          answer: ({ url }) => (url.endsWith('/1') ? new Response('', { status: 500 }) : undefined),
          checkUrl: ({ hostname }) => {
            if (hostname === '10.0.0.1') throw new Error('not there');
          },
        },
      );
    });
  });

  it('by ways of a plugin’s own are kept, and answered with what it says', async () => {
    const sends = await sendsOf(async ({ outside }) => {
      const fail = () => Promise.reject(new Error('must not be made'));
      expect(
        await outside('mail', { to: ['a@example.com'] }, { make: fail, instead: { n: 1 } }),
      ).to.deep.equal({
        n: 1,
      });
    });
    expect(sends).to.deep.equal([{ mail: { to: ['a@example.com'] } }]);
  });

  it('keep each run’s apart, whatever goes on at the same time', async () => {
    const capture = make();
    const send = (n: number) =>
      capture.collect(async () => {
        await new Promise(resolve => setImmediate(resolve));
        await capture.world.podio.items.delete(n);
      });
    const all = await Promise.all([send(1), send(2)]);
    expect(all.map(({ sends }) => sends)).to.deep.equal([
      [{ podio: 'items.delete', item: 1 }],
      [{ podio: 'items.delete', item: 2 }],
    ]);
  });

  it('leave what a step has on record as done for the real one', async () => {
    const { values } = makeMemoryStore();
    const { world } = make({ values });
    const storeOf = (of: typeof values) => ({
      get: (key: string) => of.get('r/s', key),
      set: (key: string, value: unknown) => of.set('r/s', key, value),
      delete: (key: string) => of.delete('r/s', key),
      update: (key: string, fn: (value: unknown) => unknown) => of.update('r/s', key, fn),
    });
    await values.set('r/s', 'seen', 4);
    expect(await storeOf(world.values).update('seen', seen => Number(seen) + 1)).to.equal(5);
    expect(await storeOf(world.values).get('seen')).to.equal(5);
    expect(await values.get('r/s', 'seen')).to.equal(4);

    const making = (result: string) => ({ make: async () => result });
    expect(await once(storeOf(world.values), 'key', making('captured'))).to.equal('captured');
    expect(await once(storeOf(world.values), 'key', making('again'))).to.equal('captured');
    expect(await once(storeOf(values), 'key', making('real'))).to.equal('real');
  });
});
