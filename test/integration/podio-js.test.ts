// Podio's own client for Node works against the emulator: what it sends and expects was not written by us.
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { type Emulator, startEmulator } from '../../src/testing.ts';

interface Podio {
  authenticateWithApp(appId: number, token: string, done: (error: Error | null) => void): void;
  authenticateWithCredentials(username: string, password: string, done: (error: Error | null) => void): void;
  request(method: string, path: string, data?: object): Promise<never>;
}

interface PodioJs {
  api: new (
    auth: { authType: string; clientId: string; clientSecret: string },
    options: { apiURL: string },
  ) => Podio;
}

const { api: PodioClient } = createRequire(import.meta.url)('podio-js') as PodioJs;

const LEADS = 101;

describe('podio-js against the emulator', () => {
  let emulator: Emulator;
  let podio: Podio;
  let receiver: Server;
  let hookUrl: string;

  const call = <T>(method: string, path: string, data?: object): Promise<T> =>
    podio.request(method, path, data);

  const login = (appId: number, token: string): Promise<void> =>
    new Promise((resolve, reject) =>
      podio.authenticateWithApp(appId, token, error => (error ? reject(error) : resolve())),
    );

  beforeEach(async () => {
    emulator = await startEmulator({ allowAnyPort: true });
    emulator.world.addClient({ clientId: 'client', clientSecret: 'secret' });
    emulator.world.addUser({ name: 'Ada Lindqvist', username: 'ada@example.com', password: 'password' });
    emulator.world.addSpace({ spaceId: 7, name: 'Sales' });
    emulator.world.addApp({
      appId: LEADS,
      spaceId: 7,
      name: 'Leads',
      token: 'leads-token',
      fields: [
        { externalId: 'title', type: 'text' },
        { externalId: 'status', type: 'category', settings: { options: ['Open', 'Won'] } },
        { externalId: 'value', type: 'money' },
      ],
    });
    podio = new PodioClient(
      { authType: 'server', clientId: 'client', clientSecret: 'secret' },
      { apiURL: emulator.url },
    );

    // What a receiver written with podio-js does: validate the code, then take events.
    receiver = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const params = new URLSearchParams(body);
      if (params.get('type') === 'hook.verify') {
        await call('POST', `/hook/${params.get('hook_id')}/verify/validate`, { code: params.get('code') });
      }
      response.end();
    });
    await new Promise<void>(resolve => receiver.listen(0, '127.0.0.1', resolve));
    hookUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/podio`;
  });

  afterEach(async () => {
    await emulator.stop();
    await new Promise(resolve => {
      receiver.close(resolve);
      receiver.closeAllConnections();
    });
  });

  it('logs in as an app and as a user, and is refused with a wrong token', async () => {
    await login(LEADS, 'leads-token');
    expect(await call('GET', `/app/${LEADS}`)).to.include({ app_id: LEADS, token: 'leads-token' });

    const refused = await login(LEADS, 'wrong').catch((error: Error) => error);
    expect(refused).to.be.instanceOf(Error).with.property('status', 400);

    await new Promise<void>((resolve, reject) =>
      podio.authenticateWithCredentials('ada@example.com', 'password', error =>
        error ? reject(error) : resolve(),
      ),
    );
    expect(await call('GET', '/space/7')).to.include({ name: 'Sales' });
  });

  it('creates, lists, verifies and deletes a hook, which gets events while it is active', async () => {
    await login(LEADS, 'leads-token');
    const { world } = emulator;
    const made = await call<{ hook_id: number }>('POST', `/hook/app/${LEADS}/`, {
      url: hookUrl,
      type: 'item.update',
    });
    await world.until(() => world.hook(made.hook_id)?.status === 'active', 'the hook to become active');
    expect(await call<object[]>('GET', `/hook/app/${LEADS}/`))
      .to.have.lengthOf(1)
      .with.nested.property('[0]')
      .that.includes({ hook_id: made.hook_id, status: 'active', type: 'item.update', url: hookUrl });

    const { itemId } = world.createItem(LEADS, { fields: { title: 'Alder & Sons', status: 'Open' } });
    world.updateItem(itemId, { fields: { status: 'Won' } }, { by: 'Ada Lindqvist' });
    const delivered = () => world.deliveries.filter(({ type }) => type === 'item.update');
    await world.until(() => delivered().length === 1, 'the delivery');
    expect(delivered()[0]).to.deep.include({
      status: 200,
      params: {
        item_id: String(itemId),
        item_revision_id: '1',
        type: 'item.update',
        hook_id: String(made.hook_id),
      },
    });

    world.suspendHook(made.hook_id);
    await call('POST', `/hook/${made.hook_id}/verify/request`, {});
    await world.until(() => world.hook(made.hook_id)?.status === 'active', 'the hook to come back');

    await call('DELETE', `/hook/${made.hook_id}`);
    expect(world.hooks()).to.deep.equal([]);
  });

  it('creates, reads, updates, compares and filters items', async () => {
    await login(LEADS, 'leads-token');
    const { item_id: itemId } = await call<{ item_id: number }>('POST', `/item/app/${LEADS}/`, {
      fields: { title: 'Alder & Sons', status: 1, value: { value: 1200, currency: 'EUR' } },
      external_id: 'crm-1',
    });
    expect(await call('GET', `/item/${itemId}`)).to.include({
      title: 'Alder & Sons',
      revision: 0,
      external_id: 'crm-1',
    });

    expect(await call('PUT', `/item/${itemId}`, { fields: { status: 2 } })).to.deep.equal({
      revision: 1,
      title: 'Alder & Sons',
    });
    expect(emulator.world.show(itemId).values).to.deep.equal({
      title: 'Alder & Sons',
      status: 'Won',
      value: 1200,
    });
    expect(await call<object[]>('GET', `/item/${itemId}/revision/0/1`)).to.have.nested.property(
      '[0].to[0].value.text',
      'Won',
    );

    const found = await call<{ filtered: number; items: { item_id: number }[] }>(
      'POST',
      `/item/app/${LEADS}/filter/`,
      { filters: { status: [2] } },
    );
    expect(found.filtered).to.equal(1);
    expect(found.items[0]?.item_id).to.equal(itemId);

    const missing = await call('GET', '/item/1').catch((error: Error) => error);
    expect(missing).to.be.instanceOf(Error).with.property('status', 403);
  });
});
