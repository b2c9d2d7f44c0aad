import { expect } from 'chai';
import { type Api, DEALS, LEADS, SALES, type Scene, setUp, tearDown } from './support.ts';

describe('emulator: apps, comments, tasks, files', () => {
  let scene: Scene;
  let app: Api;
  let bot: Api;
  let itemId: number;

  beforeEach(async () => {
    scene = await setUp();
    app = await scene.asApp();
    bot = await scene.asBot();
    itemId = scene.world.createItem(LEADS, { fields: { title: 'Alder' } }).itemId;
  });
  afterEach(tearDown);

  it('shows an app with its token, its config and its fields', async () => {
    const { body } = await app.get(`/app/${LEADS}/`);
    expect(body).to.include({
      app_id: LEADS,
      status: 'active',
      space_id: SALES,
      token: 'leads-token',
      current_revision: 0,
    });
    expect(body.config).to.include({ name: 'Leads', item_name: 'Lead', type: 'standard' });
    const [, status] = body.fields;
    expect(status).to.include({
      field_id: 1002,
      external_id: 'status',
      type: 'category',
      label: 'Status',
      status: 'active',
    });
    expect(status.config.settings.options[1]).to.include({ id: 2, text: 'Won' });
    expect((await app.get(`/app/${LEADS}/field/1002`)).body).to.deep.equal(status);
    expect((await app.get(`/app/${LEADS}/field/nothing`)).status).to.equal(404);
  });

  it('follows changes of the definition', async () => {
    const { world } = scene;
    world.renameApp(LEADS, 'Prospects');
    world.addField(LEADS, { externalId: 'lead-source', type: 'text' });
    world.renameField(LEADS, 'status', 'Stage');
    world.deleteField(LEADS, 1003);
    const { body } = await app.get(`/app/${LEADS}`);
    expect(body).to.include({ name: 'Prospects', current_revision: 4 });
    expect(body.fields.map((field: { label: string }) => field.label)).to.deep.equal([
      'Title',
      'Stage',
      'Due',
      'Lead source',
    ]);
    world.deleteApp(LEADS);
    expect((await bot.get(`/app/${LEADS}`)).status).to.equal(410);
    expect(() => world.renameApp(1, 'x')).to.throw('no app 1');
    expect(() => world.renameField(DEALS, 'x', 'y')).to.throw('no field x');
    expect(() => world.addApp({ spaceId: 1, name: 'x', fields: [] })).to.throw('no space 1');
  });

  it('lists orgs, spaces and apps to users', async () => {
    expect((await bot.get('/org/')).body[0].spaces).to.have.nested.property('[0].space_id', SALES);
    expect((await bot.get(`/space/${SALES}`)).body).to.include({ name: 'Sales' });
    const apps = (await bot.get(`/app/space/${SALES}/`)).body;
    expect(apps.map((each: { app_id: number }) => each.app_id)).to.deep.equal([LEADS, DEALS]);
    expect(apps[0]).to.not.have.any.keys('token', 'fields');
    expect((await bot.get(`/app/space/${SALES}/${apps[0].url_label}`)).body.app_id).to.equal(LEADS);
    expect((await bot.get(`/app/space/${SALES}/nothing`)).status).to.equal(404);
    expect((await bot.get('/user/status')).body.user).to.include({ user_id: 5, mail: 'bot@example.com' });
    expect((await bot.get('/oauth/scope')).body[0]).to.include({ ref_type: 'global', ref_id: null });
  });

  it('takes comments', async () => {
    const { body } = await app.post(`/comment/item/${itemId}/`, { value: 'Hi', external_id: 'c1' });
    expect(body).to.include({ value: 'Hi', external_id: 'c1', space_id: SALES });
    expect(body.ref).to.deep.equal({ type: 'item', id: itemId });
    expect((await app.put(`/comment/${body.comment_id}`, { value: 'Ho' })).body.value).to.equal('Ho');
    expect((await app.get(`/comment/${body.comment_id}`)).body.value).to.equal('Ho');
    expect((await app.get(`/item/${itemId}`)).body.comments).to.have.lengthOf(1);
    expect((await app.delete(`/comment/${body.comment_id}`)).status).to.equal(204);
    expect((await app.get(`/comment/item/${itemId}`)).body).to.deep.equal([]);
    expect((await app.get(`/comment/${body.comment_id}`)).status).to.equal(404);
    expect((await app.post(`/comment/space/${SALES}/`, { value: 'Hi' })).status).to.equal(400);
    expect((await app.post(`/comment/item/${itemId}/`, { value: 5 })).status).to.equal(400);
  });

  it('takes tasks about something, and from users also in a space', async () => {
    const { body } = await app.post(`/task/item/${itemId}/`, {
      text: 'Call',
      responsible: { type: 'user', id: 5 },
    });
    expect(body).to.include({ text: 'Call', status: 'active', space_id: SALES });
    expect(body.responsible).to.include({ user_id: 5 });
    const done = await app.post(`/task/${body.task_id}/complete`);
    expect(done.body.status).to.equal('completed');
    expect(done.body.completed_on).to.be.a('string');
    expect((await app.post(`/task/${body.task_id}/incomplete`)).body.completed_on).to.equal(null);
    expect((await app.put(`/task/${body.task_id}`, { text: 'Write' })).body.text).to.equal('Write');
    expect((await bot.post(`/task/${body.task_id}/assign`, { responsible: 5 })).status).to.equal(200);
    expect((await app.delete(`/task/${body.task_id}`)).status).to.equal(204);
    expect((await app.get(`/task/${body.task_id}`)).status).to.equal(404);

    expect((await app.post('/task/', { text: 'Alone' })).status).to.equal(403);
    expect((await bot.post('/task/', { text: 'Alone' })).body.space_id).to.equal(null);
    expect((await bot.post('/task/', { text: 'Ours', space_id: SALES })).body.space_id).to.equal(SALES);
    expect((await bot.post(`/task/space/${SALES}/`, { text: 'Ours' })).body.space_id).to.equal(SALES);
    expect((await app.post(`/task/app/${LEADS}`, { text: 'About the app' })).body.space_id).to.equal(SALES);
    expect((await bot.post('/task/status/1/', { text: 'x' })).status).to.equal(400);
    const about = scene.world.addTask({ text: 'Elsewhere', ref: { type: 'app', id: DEALS } });
    expect((await app.get(`/task/${about.taskId}`)).status).to.equal(403);
  });

  it('keeps what a task says, lists those about an item, and shows them on it', async () => {
    const given = { text: 'Call', description: 'Soon', due_date: '2026-02-01', responsible: 5 };
    const { body } = await app.post(`/task/item/${itemId}/`, given);
    expect(body).to.include({ text: 'Call', description: 'Soon', due_date: '2026-02-01' });
    await app.put(`/task/${body.task_id}`, { due_date: '2026-02-02', description: 'Later' });
    for (const list of [`/task/?reference=item:${itemId}&limit=5`, `/task/item/${itemId}/`]) {
      const found = (await app.get(list)).body;
      expect(found).to.have.lengthOf(1);
      expect(found[0]).to.include({ task_id: body.task_id, due_date: '2026-02-02', description: 'Later' });
    }
    expect((await app.get(`/item/${itemId}`)).body.tasks).to.have.lengthOf(1);
    await app.delete(`/task/${body.task_id}`);
    expect((await app.get(`/task/item/${itemId}/`)).body).to.deep.equal([]);
    expect((await app.get('/task/')).status).to.equal(400);
    for (const wrong of [{ due_date: 'soon' }, { due_date: '2026-13-01' }, { responsible: 77 }])
      expect((await app.post(`/task/item/${itemId}/`, { text: 'x', ...wrong })).status).to.equal(400);
    const foreign = scene.world.createItem(DEALS, { fields: { title: 'Elsewhere' } }).itemId;
    expect((await app.get(`/task/item/${foreign}/`)).status).to.equal(403);
  });

  it('gives tasks to a mail address, or not', async () => {
    const task = { text: 'Call', responsible: { type: 'mail', id: 'ada@example.com' } };
    const { body } = await app.post(`/task/item/${itemId}/`, task);
    expect(scene.world.user(body.responsible.user_id)?.username).to.equal('ada@example.com');
    scene.world.setSwitches({ taskByMail: 'refused' });
    expect((await app.post(`/task/item/${itemId}/`, task)).status).to.equal(400);
  });

  it('lists the members of a space, to its app tokens too unless told otherwise', async () => {
    scene.world.addUser({ name: 'Guest', username: 'guest@example.com', password: 'x', spaces: [] });
    for (const api of [app, bot]) {
      const { body } = await api.get(`/space/${SALES}/member/`);
      expect(body).to.have.lengthOf(1);
      expect(body[0]).to.have.nested.property('user.mail', 'bot@example.com');
    }
    scene.world.setSwitches({ membersByApp: 'forbidden' });
    expect((await app.get(`/space/${SALES}/member/`)).status).to.equal(403);
    const guest = await scene.asUser('guest@example.com', 'x');
    expect((await guest.get(`/space/${SALES}/member/`)).status).to.equal(403);
  });

  it('keeps the bytes of files elsewhere where it is told to', async () => {
    scene.world.setSwitches({ fileBytes: 'redirect' });
    const { fileId } = scene.world.addFile({ name: 'a.bin', content: new Uint8Array([0, 255]) });
    const answer = await fetch(`${scene.emulator.url}/file/${fileId}/raw`, {
      redirect: 'manual',
      headers: { authorization: await token() },
    });
    expect(answer.status).to.equal(302);
    const place = new URL(answer.headers.get('location') ?? '', scene.emulator.url);
    expect(new Uint8Array(await (await fetch(place)).arrayBuffer())).to.deep.equal(new Uint8Array([0, 255]));
    expect((await fetch(place, { headers: { authorization: 'OAuth2 x' } })).status).to.equal(400);
    expect((await fetch(`${place}0`)).status).to.equal(403);
  });

  const token = async () => {
    const { body } = await scene.api.post('/oauth/token/v2', {
      grant_type: 'app',
      app_id: LEADS,
      app_token: 'leads-token',
      client_id: 'podiod',
      client_secret: 'client-secret',
    });
    return `OAuth2 ${body.access_token}`;
  };

  it('answers the id alone of an item that was made, where it is told to', async () => {
    scene.world.setSwitches({ itemCreateAnswer: 'id' });
    const { body } = await app.post(`/item/app/${LEADS}/`, { fields: { title: 'Birch' } });
    expect(Object.keys(body)).to.deep.equal(['item_id']);
  });

  it('takes files, attaches, replaces and deletes them', async () => {
    const form = new FormData();
    form.set('source', new Blob(['hello'], { type: 'text/plain' }), 'a.txt');
    form.set('filename', 'hello.txt');
    const { body } = await app.send('POST', '/file/', form);
    expect(body).to.include({ name: 'hello.txt', size: 5, link: `https://files.podio.com/${body.file_id}` });
    expect((await app.get(`/file/${body.file_id}/raw`)).text).to.equal('hello');
    expect(
      (await app.post(`/file/${body.file_id}/attach`, { ref_type: 'item', ref_id: itemId })).status,
    ).to.equal(204);
    expect((await app.get(`/item/${itemId}`)).body.files[0].file_id).to.equal(body.file_id);

    const { fileId } = scene.world.addFile({ name: 'new.txt' });
    expect((await app.post(`/file/${fileId}/replace`, { old_file_id: body.file_id })).status).to.equal(204);
    expect((await app.get(`/file/${body.file_id}`)).status).to.equal(404);
    expect(scene.world.item(itemId)?.fileIds).to.deep.equal([fileId]);
    expect((await app.delete(`/file/${fileId}`)).status).to.equal(204);
    expect(scene.world.item(itemId)?.fileIds).to.deep.equal([]);

    expect((await app.send('POST', '/file/v2', new FormData())).status).to.equal(400);
    expect((await app.post('/file/', { source: 'x' })).status).to.equal(400);
    expect((await app.post(`/file/${fileId}/attach`, {})).status).to.equal(404);
    const loose = scene.world.addFile({ name: 'loose' }).fileId;
    expect((await app.post(`/file/${loose}/attach`, {})).status).to.equal(400);
    expect((await app.post(`/file/${loose}/replace`, { old_file_id: loose })).status).to.equal(400);
    expect((await app.post('/embed/', { url: 'nothing' })).status).to.equal(400);
  });

  it('attaches files with the item that they come with', async () => {
    const { fileId } = scene.world.addFile({ name: 'a' });
    const { body } = await app.post(`/item/app/${LEADS}/`, { fields: {}, file_ids: [fileId] });
    expect(scene.world.item(body.item_id)?.fileIds).to.deep.equal([fileId]);
    expect((await app.put(`/item/${itemId}`, { file_ids: [1] })).status).to.equal(404);
  });
});
