import { expect } from 'chai';
import { makeVirtualClock } from '../../support/virtual-clock.ts';
import { type Api, DEALS, LEADS, type Scene, setUp, tearDown } from './support.ts';

describe('emulator: items', () => {
  let scene: Scene;
  let app: Api;

  beforeEach(async () => {
    scene = await setUp();
    app = await scene.asApp();
  });
  afterEach(tearDown);

  const create = async (body: object): Promise<number> =>
    (await app.post(`/item/app/${LEADS}/`, body)).body.item_id;

  it('creates with values by external id, by field id or as a list', async () => {
    const made = await app.post(`/item/app/${LEADS}/`, {
      fields: { title: 'Alder', 1002: 1 },
      external_id: 'crm-1',
      tags: ['a'],
    });
    expect(made.status).to.equal(200);
    expect(made.body).to.include({ title: 'Alder', revision: 0 });
    expect(made.body.item_id).to.be.greaterThan(2 ** 32);
    const listed = await create({
      fields: [
        { external_id: 'title', values: [{ value: 'Baltic' }] },
        { field_id: 1002, values: [2] },
      ],
    });
    expect(scene.world.show(made.body.item_id)).to.deep.include({
      externalId: 'crm-1',
      tags: ['a'],
      appItemId: 1,
      values: { title: 'Alder', status: 'Open' },
    });
    expect(scene.world.show(listed)).to.deep.include({
      appItemId: 2,
      values: { title: 'Baltic', status: 'Won' },
    });
  });

  it('reads an item whole, with who made it and through what', async () => {
    const itemId = await create({ fields: { title: 'Alder' } });
    scene.world.updateItem(itemId, { fields: { status: 'Won' } }, { by: 'Ada Lindqvist' });
    const { body } = await app.get(`/item/${itemId}?mark_as_viewed=false`);
    expect(body).to.include({
      item_id: itemId,
      app_item_id: 1,
      title: 'Alder',
      revision: 1,
      external_id: null,
    });
    expect(body.created_by).to.include({ type: 'app', id: LEADS, user_id: -1, avatar: -1, name: 'Leads' });
    expect(body.created_via).to.include({ name: 'podiod' });
    expect(body.current_revision.created_by).to.include({ type: 'user', name: 'Ada Lindqvist' });
    expect(body.current_revision.created_via).to.include({ id: 1, name: 'Podio' });
    expect(body.initial_revision).to.include({ revision: 0, type: 'creation' });
    expect(body.revisions.map((each: { revision: number }) => each.revision)).to.deep.equal([1, 0]);
    expect(body.app).to.include({ app_id: LEADS, item_name: 'Lead' });
    expect(body.fields.map((field: { external_id: string }) => field.external_id)).to.deep.equal([
      'title',
      'status',
    ]);
  });

  it('is found by number, by external id, basic and by values', async () => {
    const itemId = await create({ fields: { title: 'Alder', status: 1 }, external_id: 'crm 1' });
    const reads = [
      `/app/${LEADS}/item/1`,
      `/item/app/${LEADS}/external_id/crm%201`,
      `/item/${itemId}/basic/`,
    ];
    for (const path of reads) expect((await app.get(path)).body.item_id, path).to.equal(itemId);
    expect((await app.get(`/item/${itemId}/basic`)).body).to.not.have.property('comments');
    expect((await app.get(`/item/app/${LEADS}/external_id/none`)).status).to.equal(404);
    expect(
      (await app.get(`/item/${itemId}/value`)).body.map((field: { type: string }) => field.type),
    ).to.deep.equal(['text', 'category']);
    expect((await app.get(`/item/${itemId}/value/v2`)).body.title.values).to.deep.equal([{ value: 'Alder' }]);
    expect((await app.get(`/item/${itemId}/value/title`)).body).to.deep.equal([{ value: 'Alder' }]);
    expect((await app.get(`/item/${itemId}/value/1003`)).body).to.deep.equal([]);
  });

  it('updates what is given only, and clears by an empty list', async () => {
    const itemId = await create({ fields: { title: 'Alder', status: 1, value: 10 } });
    expect((await app.put(`/item/${itemId}`, { fields: { status: 2 } })).body).to.deep.equal({
      revision: 1,
      title: 'Alder',
    });
    expect((await app.put(`/item/${itemId}/value`, { value: [] })).body.revision).to.equal(2);
    expect((await app.put(`/item/${itemId}/value/title`, { value: 'Baltic' })).body).to.deep.equal({
      revision: 3,
      title: 'Baltic',
    });
    expect(scene.world.show(itemId).values).to.deep.equal({ title: 'Baltic', status: 'Won' });
  });

  it('answers 409 to an update that names an older revision', async () => {
    const itemId = await create({ fields: { title: 'Alder' } });
    expect((await app.put(`/item/${itemId}`, { revision: 0, fields: { status: 1 } })).status).to.equal(200);
    const late = await app.put(`/item/${itemId}`, { revision: 0, fields: { status: 2 } });
    expect(late.status).to.equal(409);
    expect(late.body.error).to.equal('conflict');
    expect(scene.world.show(itemId).values.status).to.equal('Open');
  });

  it('refuses what it can not take, and changes nothing', async () => {
    const refuse = async (body: unknown) => {
      const answer = await app.post(`/item/app/${LEADS}/`, body);
      expect(answer.status, JSON.stringify(body)).to.equal(400);
      expect(answer.body.error).to.equal('invalid_value');
    };
    await refuse([]);
    await refuse({ fields: { nothing: 1 } });
    await refuse({ fields: 'x' });
    await refuse({ fields: ['x'] });
    await refuse({ fields: { status: 'Won' } });
    await refuse({ fields: { status: 9 } });
    await refuse({ fields: { status: [1, 2] } });
    await refuse({ fields: {}, external_id: 5 });
    await refuse({ fields: {}, tags: 'a' });
    await refuse({ fields: {}, file_ids: 5 });
    expect(scene.world.items(LEADS)).to.deep.equal([]);
  });

  it('tells a no-op update or not, as switched; tags and external ids make revisions without a difference', async () => {
    const itemId = await create({ fields: { title: 'Alder' } });
    const revision = async (body: object) => (await app.put(`/item/${itemId}`, body)).body.revision;
    expect(await revision({ fields: { title: 'Alder' } })).to.equal(0);
    scene.world.setSwitches({ noopUpdate: 'revision' });
    expect(await revision({ fields: { title: 'Alder' } })).to.equal(1);
    expect(await revision({ tags: ['hot'] })).to.equal(2);
    expect(await revision({ external_id: 'x' })).to.equal(3);
    expect((await app.get(`/item/${itemId}/revision/0/3`)).body).to.deep.equal([]);
    scene.world.setSwitches({ bumps: ['comments'] });
    expect(await revision({ tags: [] })).to.equal(3);
    scene.world.addComment(itemId, 'Hi');
    expect(scene.world.show(itemId).revision).to.equal(4);
  });

  it('hides an app from the tokens of others, and says 403 for what never existed', async () => {
    const itemId = await create({ fields: { title: 'Alder' } });
    const deals = await scene.asApp(DEALS);
    const paths = [
      `/item/${itemId}`,
      '/item/1',
      `/app/${LEADS}`,
      '/app/1',
      `/item/app/${LEADS}/count`,
      `/space/7`,
      '/org/',
    ];
    for (const path of paths) {
      const answer = await deals.get(path);
      expect(answer.status, path).to.equal(403);
      expect(answer.body.error).to.equal('forbidden');
    }
    const bot = await scene.asBot();
    expect((await bot.get(`/item/${itemId}`)).status).to.equal(200);
    expect((await bot.get('/item/1')).status).to.equal(404);
    expect((await bot.get('/item/x')).status).to.equal(404);
  });

  it('shows users the spaces that they are members of', async () => {
    const itemId = await create({ fields: { title: 'Alder' } });
    const { userId } = scene.world.addUser({ name: 'Guest', username: 'guest', password: 'x', spaces: [7] });
    const guest = await scene.asUser('guest', 'x');
    expect((await guest.get(`/item/${itemId}`)).status).to.equal(200);
    expect((await guest.get('/org/')).body[0].spaces).to.have.lengthOf(1);
    scene.world.removeMember(7, userId);
    for (const path of [`/item/${itemId}`, '/space/7', '/app/space/7/', `/app/${LEADS}`])
      expect((await guest.get(path)).status, path).to.equal(403);
    expect((await guest.get('/org/')).body[0].spaces).to.deep.equal([]);
    scene.world.addMember(7, userId);
    expect((await guest.get('/space/7')).status).to.equal(200);
  });

  it('deletes; what is deleted answers as switched', async () => {
    const itemId = await create({ fields: { title: 'Alder' } });
    expect((await app.delete(`/item/${itemId}`)).status).to.equal(204);
    expect((await app.get(`/item/${itemId}`)).status).to.equal(410);
    for (const status of [403, 404] as const) {
      scene.world.setSwitches({ deletedItem: status });
      expect((await app.get(`/item/${itemId}/basic`)).status).to.equal(status);
    }
    expect((await app.get(`/app/${LEADS}/item/1`)).status).to.equal(404);
    expect(scene.world.show(itemId)).to.include({ deleted: true, revision: 1 });
  });

  it('hides a new item for a while, when switched', async () => {
    const clock = makeVirtualClock();
    scene = await setUp({ clock, readDelayMs: 2000 });
    app = await scene.asApp();
    const itemId = await create({ fields: { title: 'Alder' } });
    expect((await app.get(`/item/${itemId}`)).status).to.equal(403);
    expect((await app.get(`/item/app/${LEADS}/count`)).body.count).to.equal(0);
    await clock.advance(2000);
    expect((await app.get(`/item/${itemId}`)).status).to.equal(200);
  });

  it('names an item by its first text, its first value, or its number', () => {
    const { world } = scene;
    expect(world.title(world.createItem(LEADS, { fields: { status: 'Won', title: 'Alder' } }))).to.equal(
      'Alder',
    );
    expect(world.title(world.createItem(LEADS, { fields: { status: 'Won' } }))).to.equal('Won');
    expect(world.title(world.createItem(LEADS, {}))).to.equal('Lead 3');
  });

  it('names the options where people write one that is not there', () => {
    const { world } = scene;
    expect(() => world.createItem(LEADS, { fields: { status: 'Waiting' } })).to.throw(
      'Invalid value "Waiting" for field "status" (category): must be one of its options: Open, Won, Lost',
    );
  });
});
