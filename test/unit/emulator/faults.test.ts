import { expect } from 'chai';
import { makeVirtualClock } from '../../support/virtual-clock.ts';
import { type Api, CLIENT, LEADS, type Scene, setUp, tearDown } from './support.ts';

describe('emulator: faults', () => {
  let scene: Scene;
  let app: Api;

  beforeEach(async () => {
    scene = await setUp();
    app = await scene.asApp();
  });
  afterEach(tearDown);

  it('fails calls at a rate, the same ones for the same seed', async () => {
    const statuses = async (seed: number) => {
      const { asApp, world } = await setUp({ seed });
      const api = await asApp();
      world.setFaults({ errorRate: 0.5, errorStatus: 502 });
      const answers = [];
      for (let call = 0; call < 12; call += 1) answers.push((await api.get('/oauth/scope')).status);
      return answers;
    };
    const first = await statuses(7);
    expect(first).to.include.members([200, 502]);
    expect(await statuses(7)).to.deep.equal(first);
    expect(await statuses(8)).to.not.deep.equal(first);
  });

  it('words failures as Podio or as a proxy would', async () => {
    scene.world.setFaults({ errorRate: 1 });
    expect((await app.get('/oauth/scope')).body.error).to.equal('unavailable');
    scene.world.setFaults({ errorBody: 'html', errorStatus: 504 });
    const html = await app.get('/oauth/scope');
    expect(html.status).to.equal(504);
    expect(html.headers.get('content-type')).to.equal('text/html');
    expect(html.text).to.contain('<html>');
    scene.world.setFaults({ errorBody: 'empty' });
    expect((await app.get('/oauth/scope')).text).to.equal('');
    scene.world.clearFaults();
    expect((await app.get('/oauth/scope')).status).to.equal(200);
  });

  it('fails after the effect, and only the operations that were named', async () => {
    scene.world.setFaults({ errorRate: 1, errorAfterEffect: true, operations: ['items.create'] });
    expect((await app.post(`/item/app/${LEADS}/`, { fields: { title: 'A' } })).status).to.equal(503);
    expect(scene.world.items(LEADS)).to.have.lengthOf(1);
    expect((await app.get('/oauth/scope')).status).to.equal(200);
    scene.world.setFaults({ errorAfterEffect: false });
    await app.post(`/item/app/${LEADS}/`, { fields: { title: 'B' } });
    expect(scene.world.items(LEADS)).to.have.lengthOf(1);
  });

  it('cuts connections while it is down, and logs them without a status', async () => {
    scene.world.setFaults({ down: true });
    const error = await app.get('/oauth/scope').catch((caught: Error) => caught);
    expect(error).to.be.instanceOf(Error);
    expect(scene.world.requests.at(-1)).to.include({ method: 'GET', status: undefined });
    scene.world.clearFaults();
    expect((await app.get('/oauth/scope')).status).to.equal(200);
  });

  it('is slow on request', async () => {
    const clock = makeVirtualClock();
    scene = await setUp({ clock });
    app = await scene.asApp();
    scene.world.setFaults({ latencyMs: [2000, 2000] });
    const answer = app.get('/oauth/scope');
    const started = clock.now();
    while ((await Promise.race([answer, clock.advance(100).then(() => undefined)])) === undefined);
    expect(clock.now() - started).to.be.at.least(2000);
  });

  it('answers 420 to everything, logins included, for as long as asked', async () => {
    const clock = makeVirtualClock();
    scene = await setUp({ clock });
    app = await scene.asApp();
    scene.world.setFaults({ rateLimitSeconds: 60 });
    const refused = await app.get('/oauth/scope');
    expect(refused.status).to.equal(420);
    expect(refused.body.error_description).to.contain('wait 60 seconds');
    expect(scene.world.requests.at(-1)).to.include({ status: 420, identity: 'app/101' });
    expect((await scene.api.post('/oauth/token/v2', { client_id: CLIENT.clientId })).status).to.equal(420);
    await clock.advance(59_001);
    expect((await app.get('/oauth/scope')).body.error_description).to.contain('wait 1 seconds');
    await clock.advance(1000);
    expect((await app.get('/oauth/scope')).status).to.equal(200);
  });

  it('words errors in one envelope, unknown paths and broken bodies included', async () => {
    const missing = await app.get('/nothing?x=1');
    expect(missing.status).to.equal(404);
    expect(missing.body).to.deep.equal({
      error_parameters: {},
      error_detail: null,
      error_propagate: true,
      request: { url: '/nothing', query_string: 'x=1', method: 'GET' },
      error_description: 'No matching operation could be found. No body was given.',
      error: 'not_found',
    });
    scene.world.setSwitches({ errorUrl: 'absolute' });
    expect((await app.get('/nothing')).body.request.url).to.equal(`${scene.emulator.url}/nothing`);
    expect((await app.get('/item/%zz')).status).to.equal(404);
    const broken = await app.send('POST', '/item/app/101/', new URLSearchParams('fields=x'));
    expect(broken.body.error).to.equal('invalid_value');
    expect((await app.send('PATCH', '/app/101')).status).to.equal(404);
    expect(missing.headers.get('x-podio-request-id')).to.match(/^[0-9a-f]{8}$/);
  });

  it('remembers the latest calls only', async () => {
    scene = await setUp({ logSize: 10 });
    app = await scene.asApp();
    for (let call = 0; call < 30; call += 1) await app.get('/oauth/scope');
    expect(scene.world.requests.length).to.be.at.most(11);
    expect(scene.world.requests.length).to.be.at.least(10);
    scene.world.clearLogs();
    expect(scene.world.requests).to.deep.equal([]);
  });

  it('says what it waited for in vain', async () => {
    const error = await scene.world.until(() => false, 'the moon', 5).catch((caught: Error) => caught);
    expect(error).to.have.property('message', 'waited 5 ms for the moon, in vain');
    const thrown = await scene.world
      .until(() => {
        throw new Error('no');
      })
      .catch((caught: Error) => caught);
    expect(thrown).to.have.property('message', 'no');
  });

  it('refuses to start on a port that is taken, and closes everything on stop', async () => {
    const port = Number(new URL(scene.emulator.url).port);
    const second = await setUp({ port }).catch((error: NodeJS.ErrnoException) => error);
    expect(second).to.have.property('code', 'EADDRINUSE');
    await scene.emulator.stop();
    expect(await app.get('/oauth/scope').catch((error: Error) => error)).to.be.instanceOf(Error);
  });
});
