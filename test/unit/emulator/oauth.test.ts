import { expect } from 'chai';
import { makeVirtualClock } from '../../support/virtual-clock.ts';
import { Api, BOT, CLIENT, LEADS, type Scene, setUp, tearDown } from './support.ts';

const client = { client_id: CLIENT.clientId, client_secret: CLIENT.clientSecret };
const appGrant = { ...client, grant_type: 'app', app_id: LEADS, app_token: 'leads-token' };
const form = (parameters: Record<string, unknown>) =>
  new URLSearchParams(
    Object.entries(parameters).map(([name, value]): [string, string] => [name, String(value)]),
  );

describe('emulator: logging in', () => {
  let scene: Scene;
  const v2 = (body: unknown) => scene.api.post('/oauth/token/v2', body);
  const v1 = (body: URLSearchParams) => scene.api.post('/oauth/token', body);

  beforeEach(async () => {
    scene = await setUp();
  });
  afterEach(tearDown);

  it('answers a token pair to each grant, on the endpoint of each encoding', async () => {
    const app = await v2(appGrant);
    expect(app.status).to.equal(200);
    expect(app.body).to.include({ token_type: 'bearer', expires_in: 28_800, scope: 'global:all' });
    expect(app.body.ref).to.deep.equal({ type: 'app', id: LEADS });

    const user = await v1(form({ ...client, grant_type: 'password', ...BOT }));
    expect(user.body.ref).to.deep.equal({ type: 'user', id: 5 });
  });

  it('takes client credentials as HTTP Basic on the form endpoint', async () => {
    const { client_id, client_secret, ...grant } = appGrant;
    const authorization = `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`;
    const answer = await scene.api.send('POST', '/oauth/token', form(grant), { authorization });
    expect(answer.body.ref).to.deep.equal({ type: 'app', id: LEADS });
  });

  it('refuses the other encoding on each endpoint, as Podio words it', async () => {
    const json = await scene.api.post('/oauth/token', appGrant);
    expect(json.status).to.equal(400);
    expect(json.body.error).to.equal('invalid_client');
    expect(json.body.error_description).to.contain('client_id');

    const posted = await v2(form(appGrant));
    expect(posted.status).to.equal(400);
    expect(posted.body).to.include({
      error: 'invalid_value',
      error_description: 'Invalid value null (null): must be object',
    });
  });

  it('tells by error_detail what was wrong', async () => {
    const wrongs: [object, string, string | null][] = [
      [{ ...appGrant, client_id: 'nobody' }, 'invalid_client', 'oauth.client.invalid_id'],
      [{ ...appGrant, client_secret: 'no' }, 'invalid_client', 'oauth.client.invalid_secret'],
      [
        { ...client, grant_type: 'password', ...BOT, username: 'x' },
        'invalid_grant',
        'user.invalid.username',
      ],
      [
        { ...client, grant_type: 'password', ...BOT, password: 'x' },
        'invalid_grant',
        'user.invalid.password',
      ],
      [{ ...appGrant, app_token: 'no' }, 'invalid_grant', null],
      [{ ...client, grant_type: 'refresh_token', refresh_token: 'no' }, 'invalid_grant', null],
    ];
    for (const [body, error, detail] of wrongs) {
      const answer = await v2(body);
      expect(answer.status).to.equal(400);
      expect(answer.body).to.include({ error, error_detail: detail });
    }
  });

  it('refreshes: by default the old refresh token dies, by switch it lives', async () => {
    const first = (await v2(appGrant)).body;
    const refresh = { ...client, grant_type: 'refresh_token', refresh_token: first.refresh_token };
    const second = await v2(refresh);
    expect(second.body.ref).to.deep.equal({ type: 'app', id: LEADS });
    expect(second.body.refresh_token).to.not.equal(first.refresh_token);
    expect((await v2(refresh)).body.error).to.equal('invalid_grant');

    scene.world.setSwitches({ oldRefreshToken: 'lives' });
    const again = { ...refresh, refresh_token: second.body.refresh_token };
    expect((await v2(again)).status).to.equal(200);
    expect((await v2(again)).status).to.equal(200);
  });

  it('takes both header schemes, and words every bad one as Podio does', async () => {
    const { access_token: token } = (await v2(appGrant)).body;
    const get = (authorization?: string) => new Api(scene.emulator.url, authorization).get(`/app/${LEADS}`);
    expect((await get(`OAuth2 ${token}`)).status).to.equal(200);
    expect((await get(`Bearer ${token}`)).status).to.equal(200);

    const missing = await get();
    expect(missing.status).to.equal(401);
    expect(missing.headers.get('www-authenticate')).to.equal('Bearer realm="podio"');
    expect(missing.body).to.include({ error: 'unauthorized', error_description: 'invalid_request' });
    expect((await get('OAuth2 bogus')).body).to.include({
      error: 'unauthorized',
      error_description: 'expired_token',
    });
    const emptyToken = await get('OAuth2 ');
    expect(emptyToken.status).to.equal(400);
    expect(emptyToken.body.error).to.equal('Invalid authorization header');
  });

  it('answers expired_token after revocation, on request, and for a deleted app', async () => {
    const app = await scene.asApp();
    scene.world.setFaults({ refuseTokens: true });
    expect((await app.get('/oauth/scope')).body.error_description).to.equal('expired_token');
    scene.world.clearFaults();
    expect((await app.get('/oauth/scope')).body).to.have.nested.property('[0].ref_id', LEADS);
    scene.world.revokeTokens({ type: 'app', id: LEADS });
    expect((await app.get('/oauth/scope')).status).to.equal(401);

    const other = await scene.asApp();
    scene.world.deleteApp(LEADS);
    expect((await other.get('/oauth/scope')).status).to.equal(401);
  });

  it('lets tokens expire', async () => {
    const clock = makeVirtualClock();
    const timed = await setUp({ clock });
    const app = await timed.asApp();
    await clock.advance(28_799_000);
    expect((await app.get('/oauth/scope')).status).to.equal(200);
    await clock.advance(1_000);
    expect((await app.get('/oauth/scope')).status).to.equal(401);
  });

  it('forgets a token that is invalidated, and refuses logins or the form endpoint on request', async () => {
    const app = await scene.asApp();
    expect((await app.post('/oauth/token/invalidate')).status).to.equal(204);
    expect((await app.get('/oauth/scope')).status).to.equal(401);

    scene.world.setFaults({ refuseLogins: true });
    expect((await v2(appGrant)).body.error).to.equal('invalid_grant');
    scene.world.clearFaults();
    scene.world.setSwitches({ formTokenEndpoint: 'retired' });
    expect((await v1(form(appGrant))).status).to.equal(404);
  });

  it('logs every call with its operation and who made it, for counting', async () => {
    const app = await scene.asApp();
    await app.get(`/app/${LEADS}?view=full`);
    expect(
      scene.world.requests.map(({ operation, identity, status }) => ({ operation, identity, status })),
    ).to.deep.equal([
      { operation: 'oauth.token', identity: 'app/101', status: 200 },
      { operation: 'apps.get', identity: 'app/101', status: 200 },
    ]);
    expect(scene.world.requests[1]).to.include({ path: `/app/${LEADS}`, query: 'view=full' });
  });
});
