import { expect } from 'chai';
import { type Api, LEADS, type Scene, setUp, tearDown } from './support.ts';

describe('emulator: revisions', () => {
  let scene: Scene;
  let app: Api;
  let itemId: number;

  beforeEach(async () => {
    scene = await setUp();
    app = await scene.asApp();
    itemId = scene.world.createItem(LEADS, { fields: { title: 'Alder', status: 'Open', value: 10 } }).itemId;
    scene.world.updateItem(itemId, { fields: { status: 'Won' } });
    scene.world.updateItem(itemId, { fields: { value: null, title: 'Alder & Sons' } });
  });
  afterEach(tearDown);

  const difference = async (from: number, to: number) =>
    (await app.get(`/item/${itemId}/revision/${from}/${to}`)).body;

  it('runs from 0, beside a global id of another size', async () => {
    const { body } = await app.get(`/item/${itemId}/revision/`);
    expect(body.map((each: { revision: number; type: string }) => [each.revision, each.type])).to.deep.equal([
      [2, 'update'],
      [1, 'update'],
      [0, 'creation'],
    ]);
    for (const each of body) expect(each.item_revision_id).to.be.greaterThan(1_000_000);
    expect((await app.get(`/item/${itemId}/revision/1`)).body).to.include({ revision: 1, type: 'update' });
    scene.world.setSwitches({ revisionOrder: 'oldest-first' });
    expect((await app.get(`/item/${itemId}/revision`)).body[0].revision).to.equal(0);
  });

  it('compares values, an empty one being an empty list', async () => {
    const [status, ...others] = await difference(0, 1);
    expect(others).to.deep.equal([]);
    expect(status).to.include({ field_id: 1002, external_id: 'status', type: 'category', label: 'Status' });
    expect(status.from[0].value).to.include({ id: 1, text: 'Open' });
    expect(status.to[0].value).to.include({ id: 2, text: 'Won', status: 'active' });

    const both = await difference(1, 2);
    expect(both.map((each: { external_id: string }) => each.external_id)).to.deep.equal(['title', 'value']);
    expect(both[1]).to.deep.include({ from: [{ value: '10.0000', currency: 'EUR' }], to: [] });
    expect(await difference(0, 2)).to.have.lengthOf(3);
    expect((await difference(2, 0))[0].to).to.deep.equal([{ value: 'Alder' }]);
    expect(await difference(1, 1)).to.deep.equal([]);
  });

  it('keeps the last 30 only, so that initial_revision is the oldest kept', async () => {
    for (let value = 1; value <= 31; value += 1) scene.world.updateItem(itemId, { fields: { value } });
    const { body } = await app.get(`/item/${itemId}`);
    expect(body).to.include({ revision: 33 });
    expect(body.initial_revision).to.include({ revision: 4, type: 'update' });
    expect((await app.get(`/item/${itemId}/revision/3/4`)).status).to.equal(404);
    expect((await app.get(`/item/${itemId}/revision/4/5`)).status).to.equal(200);
    scene.world.setSwitches({ prunedRevision: 410, keptRevisions: 0 });
    expect((await app.get(`/item/${itemId}/revision/3`)).status).to.equal(410);
    for (let value = 40; value <= 80; value += 1) scene.world.updateItem(itemId, { fields: { value } });
    expect((await app.get(`/item/${itemId}/revision/`)).body).to.have.lengthOf(71);
  });

  it('answers 404 for a revision that is still to come', async () => {
    expect((await app.get(`/item/${itemId}/revision/2/3`)).status).to.equal(404);
  });
});
