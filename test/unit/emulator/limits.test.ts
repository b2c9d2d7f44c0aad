import { expect } from 'chai';
import { makeVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';
import { type Api, CLIENT, DEALS, LEADS, type Scene, setUp, tearDown } from './support.ts';

describe('emulator: limits', () => {
  let scene: Scene;
  let clock: VirtualClock;
  let app: Api;

  const prepare = async (limits: object) => {
    clock = makeVirtualClock();
    scene = await setUp({ clock, limits });
    app = await scene.asApp();
  };
  const get = (api: Api = app) => api.get('/oauth/scope');
  const filter = (api: Api = app) => api.post(`/item/app/${LEADS}/filter/`, {});
  const standing = ({ headers }: { headers: Headers }) => [
    Number(headers.get('x-rate-limit-limit')),
    Number(headers.get('x-rate-limit-remaining')),
  ];

  afterEach(tearDown);

  it('tells on every answer which ceiling counts and what is left, 1000 and 250 by default', async () => {
    await prepare({});
    expect(standing(await get())).to.deep.equal([1000, 999]);
    expect(standing(await filter())).to.deep.equal([250, 249]);
    expect(standing(await app.get('/item/1'))).to.deep.equal([1000, 998]);
  });

  it('counts per identity and client', async () => {
    await prepare({ general: 1 });
    await get();
    expect((await get()).status).to.equal(420);
    expect((await get(await scene.asApp(DEALS))).status).to.equal(200);
    scene.world.addClient({ ...CLIENT, clientId: 'other' });
    const { body } = await scene.api.post('/oauth/token/v2', {
      grant_type: 'app',
      app_id: LEADS,
      app_token: 'leads-token',
      client_id: 'other',
      client_secret: CLIENT.clientSecret,
    });
    const other = await scene.api.send('GET', '/oauth/scope', undefined, {
      authorization: `OAuth2 ${body.access_token}`,
    });
    expect(other.status).to.equal(200);
  });

  it('answers 420 until the hour is over, with the wait in the text', async () => {
    await prepare({ general: 2 });
    await get();
    await clock.advance(1_000_000);
    await get();
    const refused = await get();
    expect(refused.status).to.equal(420);
    expect(standing(refused)).to.deep.equal([2, 0]);
    expect(refused.body).to.include({ error: 'rate_limit', error_detail: null, error_propagate: false });
    expect(refused.body.error_description).to.contain('wait 2600 seconds');
    await clock.advance(2_599_000);
    expect((await get()).status).to.equal(420);
    await clock.advance(1_000);
    expect(standing(await get())).to.deep.equal([2, 1]);
  });

  it('slides, when switched', async () => {
    await prepare({ general: 2, window: 'sliding' });
    await get();
    await clock.advance(1_000_000);
    await get();
    await clock.advance(2_600_000);
    expect(standing(await get())).to.deep.equal([2, 0]);
    expect((await get()).body.error_description).to.contain('wait 1000 seconds');
  });

  it('blocks every call of the identity once one count is used up, or its class alone', async () => {
    await prepare({ limited: 1 });
    await filter();
    expect((await get()).status).to.equal(200);
    expect((await filter()).status).to.equal(420);
    expect((await get()).status).to.equal(420);
    await prepare({ limited: 1, exceeded: 'class' });
    await filter();
    expect((await filter()).status).to.equal(420);
    expect((await get()).status).to.equal(200);
  });

  it('limits logins on their own, with a budget that is not empty', async () => {
    await prepare({ logins: 2 });
    const login = (appId = LEADS) =>
      scene.api.post('/oauth/token/v2', {
        grant_type: 'app',
        app_id: appId,
        app_token: scene.world.app(appId)?.token,
        client_id: CLIENT.clientId,
        client_secret: CLIENT.clientSecret,
      });
    await login();
    const refused = await login();
    expect(refused.status).to.equal(420);
    expect(refused.body.error_description).to.contain('wait 300 seconds');
    expect(standing(refused)).to.deep.equal([1000, 1000]);
    expect((await get()).status).to.equal(200);
    expect((await login(DEALS)).status).to.equal(200);
    scene.world.setLimits({ loginScope: 'client', logins: 1 });
    await login(DEALS);
    expect((await login(DEALS)).status).to.equal(420);
    await clock.advance(300_000);
    expect((await login()).status).to.equal(200);
  });

  it('counts refreshes with the logins of the same app', async () => {
    await prepare({ logins: 2 });
    const client = { client_id: CLIENT.clientId, client_secret: CLIENT.clientSecret };
    const grant = { ...client, grant_type: 'app', app_id: LEADS, app_token: 'leads-token' };
    const { body } = await scene.api.post('/oauth/token/v2', grant);
    const refresh = { ...client, grant_type: 'refresh_token', refresh_token: body.refresh_token };
    expect((await scene.api.post('/oauth/token/v2', refresh)).status).to.equal(420);
  });
});
