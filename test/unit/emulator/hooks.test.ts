import { expect } from 'chai';
import { makeVirtualClock } from '../../support/virtual-clock.ts';
import {
  type Api,
  DEALS,
  LEADS,
  type Receiver,
  SALES,
  type Scene,
  setUp,
  startReceiver,
  tearDown,
} from './support.ts';

describe('emulator: hooks', () => {
  let scene: Scene;
  let receiver: Receiver;
  let app: Api;

  beforeEach(async () => {
    scene = await setUp();
    receiver = await startReceiver();
    app = await scene.asApp();
  });
  afterEach(tearDown);

  const create = async (type = 'item.update', url = receiver.url): Promise<number> =>
    (await app.post(`/hook/app/${LEADS}/`, { url, type })).body.hook_id;
  const pings = (count: number) =>
    scene.world.until(() => scene.world.deliveries.length === count, `${count} pings`);

  it('starts inactive, pings at once, and is active after its code was validated', async () => {
    const hookId = await create('item.update', `${receiver.url}?key=secret`);
    await pings(1);
    const [ping] = receiver.received;
    expect(ping?.url).to.equal('/hook');
    expect(ping?.headers['content-type']).to.equal('application/x-www-form-urlencoded');
    expect(ping?.body).to.equal(`type=hook.verify&hook_id=${hookId}&code=${receiver.code()}&key=secret`);
    expect(scene.world.hook(hookId)?.status).to.equal('inactive');

    expect((await app.post(`/hook/${hookId}/verify/validate`, { code: receiver.code() })).status).to.equal(
      204,
    );
    const [listed] = (await app.get(`/hook/app/${LEADS}/`)).body;
    expect(listed).to.include({
      hook_id: hookId,
      status: 'active',
      type: 'item.update',
      url: `${receiver.url}?key=secret`,
    });
    expect(listed.created_by).to.deep.equal({ type: 'app', id: LEADS });
    expect(listed.created_via).to.include({ name: 'podiod' });
    expect(listed.created_on).to.match(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  });

  it('lists the hooks of one object only', async () => {
    await create();
    scene.world.addHook({
      ref: { type: 'app_field', id: 1002 },
      type: 'item.update',
      url: 'https://x.example/',
    });
    expect((await app.get(`/hook/app/${LEADS}`)).body).to.have.lengthOf(1);
    expect((await app.get('/hook/app_field/1002/')).body).to.have.lengthOf(1);
    expect((await app.get('/hook/app_field/1001/')).body).to.have.lengthOf(0);
  });

  it('refuses a wrong code and a hook that is not there with 400', async () => {
    const hookId = await create();
    await pings(1);
    expect((await app.post(`/hook/${hookId}/verify/validate`, { code: 'abc' })).status).to.equal(400);
    expect((await app.post('/hook/1/verify/validate', { code: receiver.code() })).status).to.equal(400);
    expect(scene.world.hook(hookId)?.status).to.equal('inactive');
  });

  it('pings again on request; old codes stay valid unless switched', async () => {
    const hookId = await create();
    await pings(1);
    const first = receiver.code();
    expect((await app.post(`/hook/${hookId}/verify/request`, {})).status).to.equal(204);
    await pings(2);
    expect(receiver.code()).to.not.equal(first);
    expect((await app.post(`/hook/${hookId}/verify/validate`, { code: first })).status).to.equal(204);

    scene.world.setSwitches({ newCodeCancelsOld: true, codeSingleUse: true });
    const second = receiver.code();
    await app.post(`/hook/${hookId}/verify/request`);
    await pings(3);
    expect((await app.post(`/hook/${hookId}/verify/validate`, { code: second })).status).to.equal(400);
    const third = { code: receiver.code() };
    expect((await app.post(`/hook/${hookId}/verify/validate`, third)).status).to.equal(204);
    expect((await app.post(`/hook/${hookId}/verify/validate`, third)).status).to.equal(400);
  });

  it('lets codes grow old when switched', async () => {
    const clock = makeVirtualClock();
    scene = await setUp({ clock, codeLifetimeMs: 60_000 });
    app = await scene.asApp();
    const hookId = await create();
    await pings(1);
    await clock.advance(60_001);
    expect((await app.post(`/hook/${hookId}/verify/validate`, { code: receiver.code() })).status).to.equal(
      400,
    );
  });

  it('refuses bad types, bad URLs and ports that Podio does not call', async () => {
    const refused = async (type: string, url: string) =>
      expect((await app.post(`/hook/app/${LEADS}/`, { type, url })).body.error).to.equal('invalid_value');
    await refused('item.change', receiver.url);
    await refused('task.create', receiver.url);
    await refused('item.update', 'not a url');
    await refused('item.update', 'ftp://example.com/');
    scene.world.setSwitches({ allowAnyPort: false });
    await refused('item.update', receiver.url);
    expect((await app.post(`/hook/app/${LEADS}/`, { type: 'item.update' })).status).to.equal(400);
    expect((await app.post('/hook/item/1/', { type: 'item.update', url: receiver.url })).status).to.equal(
      400,
    );
    expect(scene.world.hooks()).to.deep.equal([]);
  });

  it('takes the same url and type twice, unless switched, and ten of a type at most', async () => {
    await create();
    await create();
    scene.world.setSwitches({ duplicateHooks: 'refuse' });
    expect(
      (await app.post(`/hook/app/${LEADS}/`, { url: receiver.url, type: 'item.update' })).status,
    ).to.equal(409);
    scene.world.setSwitches({ duplicateHooks: 'allow' });
    for (let made = 2; made < 10; made += 1) await create();
    const eleventh = await app.post(`/hook/app/${LEADS}/`, { url: receiver.url, type: 'item.update' });
    expect(eleventh.status).to.equal(400);
    await create('item.create');
    expect(scene.world.hooks({ type: 'app', id: LEADS })).to.have.lengthOf(11);
  });

  it('answers the create call after the ping on request', async () => {
    scene.world.setFaults({ answerCreateAfterVerify: true });
    await create();
    expect(receiver.received).to.have.lengthOf(1);
  });

  it('deletes once, then the hook is not found', async () => {
    const hookId = await create();
    expect((await app.delete(`/hook/${hookId}`)).status).to.equal(204);
    expect((await app.delete(`/hook/${hookId}`)).status).to.equal(404);
  });

  it('lets an app reach its own hooks only, and users those of their spaces', async () => {
    const other = await scene.asApp(DEALS);
    const hookId = await create();
    expect((await other.get(`/hook/app/${LEADS}/`)).status).to.equal(403);
    expect((await other.delete(`/hook/${hookId}`)).status).to.equal(403);
    expect((await other.get('/hook/app_field/1001/')).status).to.equal(403);
    expect((await app.get('/hook/app_field/999/')).status).to.equal(403);
    expect((await app.get(`/hook/space/${SALES}/`)).status).to.equal(403);

    const bot = await scene.asBot();
    const made = await bot.post(`/hook/space/${SALES}/`, { url: receiver.url, type: 'task.create' });
    expect(made.status).to.equal(200);
    expect((await bot.get(`/hook/app/${LEADS}/`)).body).to.have.lengthOf(1);
    expect((await bot.get('/hook/space/999/')).status).to.equal(404);
    expect((await bot.get('/hook/app_field/999/')).status).to.equal(404);
  });

  it('revives a suspended hook by verification, unless switched', async () => {
    const hookId = await create();
    await pings(1);
    await app.post(`/hook/${hookId}/verify/validate`, { code: receiver.code() });
    scene.world.suspendHook(hookId);
    expect((await app.get(`/hook/app/${LEADS}/`)).body[0].status).to.equal('inactive');
    scene.world.setSwitches({ reverifyRevives: false });
    expect((await app.post(`/hook/${hookId}/verify/validate`, { code: receiver.code() })).status).to.equal(
      400,
    );
    scene.world.setSwitches({ reverifyRevives: true });
    await app.post(`/hook/${hookId}/verify/validate`, { code: receiver.code() });
    expect(scene.world.hook(hookId)?.status).to.equal('active');
  });
});
