import { expect } from 'chai';
import { makeVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';
import { type Api, LEADS, type Scene, setUp, tearDown } from './support.ts';

const MINUTE = 60_000;

describe('emulator: filter', () => {
  let scene: Scene;
  let app: Api;
  let clock: VirtualClock;
  const ids: number[] = [];

  /** Five items, a minute apart: Lead 1 at 12:00, ... Lead 5 at 12:04. The odd ones are won. */
  beforeEach(async () => {
    clock = makeVirtualClock(Date.UTC(2026, 5, 1, 12));
    scene = await setUp({ clock });
    app = await scene.asApp();
    ids.length = 0;
    for (let number = 1; number <= 5; number += 1) {
      const fields = {
        title: `Lead ${number}`,
        status: number % 2 ? 'Won' : 'Open',
        ...(number === 3 ? {} : { value: number * 10, due: `2026-07-0${number}` }),
      };
      ids.push(
        scene.world.createItem(
          LEADS,
          { fields, externalId: `x${number}`, tags: number > 3 ? ['late'] : [] },
          { by: number === 2 ? 'Ada' : 'Bo' },
        ).itemId,
      );
      await clock.advance(MINUTE);
    }
  });
  afterEach(tearDown);

  const filter = async (body: object, path = '') =>
    (await app.post(`/item/app/${LEADS}/filter/${path}`, body)).body;
  const numbers = async (filters: unknown, more: object = {}): Promise<number[]> =>
    (await filter({ sort_by: 'app_item_id', sort_desc: false, ...more, filters })).items.map(
      (item: { app_item_id: number }) => item.app_item_id,
    );

  it('answers all of an app with an empty body, newest first, 30 at most', async () => {
    const answer = await filter({});
    expect(answer).to.include({ total: 5, filtered: 5 });
    expect(answer.items.map((item: { app_item_id: number }) => item.app_item_id)).to.deep.equal([
      5, 4, 3, 2, 1,
    ]);
    const [item] = answer.items;
    expect(item).to.include.keys(
      'item_id',
      'external_id',
      'title',
      'link',
      'revision',
      'fields',
      'comment_count',
      'last_event_on',
    );
    expect(item).to.not.have.any.keys('app', 'files', 'tags');
  });

  it('pages', async () => {
    const page = await filter({ limit: 2, offset: 3, sort_by: 'item_id', sort_desc: false });
    expect(page).to.include({ total: 5, filtered: 5 });
    expect(page.items.map((item: { app_item_id: number }) => item.app_item_id)).to.deep.equal([4, 5]);
  });

  it('filters by when, inclusive bounds unless switched, dates and times and relative ones', async () => {
    expect(await numbers({ created_on: { from: '2026-06-01 12:03:00' } })).to.deep.equal([4, 5]);
    expect(await numbers({ created_on: { to: '2026-06-01 12:01:00' } })).to.deep.equal([1, 2]);
    expect(await numbers({ created_on: { from: '2026-06-02' } })).to.deep.equal([]);
    expect(await numbers({ created_on: { to: '2026-06-01' } })).to.deep.equal([1, 2, 3, 4, 5]);
    expect(await numbers({ created_on: { from: '-1h' } })).to.deep.equal([1, 2, 3, 4, 5]);
    expect(await numbers({ created_on: { to: '-1d' } })).to.deep.equal([]);
    scene.world.setSwitches({ filterBounds: 'exclusive' });
    expect(await numbers({ created_on: { from: '2026-06-01 12:03:00' } })).to.deep.equal([5]);
  });

  it('filters and sorts by the last edit', async () => {
    scene.world.updateItem(ids[0] ?? 0, { fields: { status: 'Open' } }, { by: 'Ada' });
    scene.world.addComment(ids[1] ?? 0, 'No edit');
    const filters = { last_edit_on: { from: '2026-06-01 12:04:00' } };
    expect(await numbers(filters, { sort_by: 'last_edit_on' })).to.deep.equal([5, 1]);
    expect(
      await numbers({ last_edit_by: [{ type: 'user', id: scene.world.userNamed('Ada')?.userId }] }),
    ).to.deep.equal([1, 2]);
  });

  it('filters by who, ids, tags and title', async () => {
    expect(await numbers({ created_by: [`user:${scene.world.userNamed('Ada')?.userId}`] })).to.deep.equal([
      2,
    ]);
    expect(await numbers({ item_id: [ids[0], ids[4]] })).to.deep.equal([1, 5]);
    expect(await numbers({ item_id: { from: ids[3] } })).to.deep.equal([4, 5]);
    expect(await numbers({ external_id: 'x3' })).to.deep.equal([3]);
    expect(await numbers({ app_item_id: [2] })).to.deep.equal([2]);
    expect(await numbers({ title: 'Lead 4' })).to.deep.equal([4]);
    expect(await numbers({ tags: ['late'] })).to.deep.equal([4, 5]);
  });

  it('filters by fields: option ids, ranges, nothing', async () => {
    expect(await numbers({ status: [2] })).to.deep.equal([1, 3, 5]);
    expect(await numbers({ 1002: [1] })).to.deep.equal([2, 4]);
    expect(await numbers({ value: { from: 20, to: 40 } })).to.deep.equal([2, 4]);
    expect(await numbers({ due: { from: '2026-07-02', to: '2026-07-04' } })).to.deep.equal([2, 4]);
    expect(await numbers({ status: [null] })).to.deep.equal([]);
    scene.world.updateItem(ids[2] ?? 0, { fields: { status: [] } });
    expect(await numbers({ status: [2, null] })).to.deep.equal([1, 3, 5]);
    expect(await numbers([{ key: 'status', values: [2] }])).to.deep.equal([1, 5]);
  });

  it('ignores or refuses filters on text, as switched', async () => {
    expect(await numbers({ 1001: 'Lead 1' })).to.have.lengthOf(5);
    scene.world.setSwitches({ textFilters: 'refused' });
    expect((await filter({ filters: { 1001: 'Lead 1' } })).error).to.equal('invalid_value');
  });

  it('sorts by a field, those without a value first', async () => {
    expect(await numbers({}, { sort_by: 'value' })).to.deep.equal([3, 1, 2, 4, 5]);
    expect(await numbers({}, { sort_by: '1003', sort_desc: true })).to.deep.equal([5, 4, 2, 1, 3]);
    expect(await numbers({}, { sort_by: 'fivestar' })).to.deep.equal([1, 2, 3, 4, 5]);
  });

  it('refuses what it does not know', async () => {
    const bodies = [
      { filters: { nothing: 1 } },
      { filters: 'x' },
      { filters: { created_on: 'x' } },
      { filters: { created_on: { from: 'x' } } },
      { sort_by: 'nothing' },
      { limit: -1 },
      { limit: '5' },
      { limit: 501 },
    ];
    for (const body of bodies)
      expect((await filter(body)).error, JSON.stringify(body)).to.equal('invalid_value');
    scene.world.setSwitches({ overFilterLimit: 'clamp', maxFilterLimit: 2 });
    expect((await filter({ limit: 501 })).items).to.have.lengthOf(2);
  });

  it('shows other keys on demand', async () => {
    const path = `/item/app/${LEADS}/filter/?fields=`;
    const first = async (fields: string) => (await app.post(path + fields, { limit: 1 })).body.items[0];
    expect(await first('items.fields(files,tags)')).to.deep.include({
      files: [],
      tags: ['late'],
      app_item_id: 5,
    });
    expect(await first('items.view(micro).fields(external_id)')).to.have.all.keys(
      'item_id',
      'app_item_id',
      'title',
      'link',
      'revision',
      'external_id',
    );
  });

  it('filters by view, counts and lists by query', async () => {
    const { viewId } = scene.world.addView(LEADS, { name: 'Won', filters: { status: [2] } });
    expect((await filter({}, `${viewId}/`)).filtered).to.equal(3);
    expect((await app.post(`/item/app/${LEADS}/filter/1`, {})).status).to.equal(404);
    expect((await app.get(`/item/app/${LEADS}/count`)).body).to.deep.equal({ count: 5 });
    expect((await app.get(`/item/app/${LEADS}/count?view_id=${viewId}`)).body).to.deep.equal({ count: 3 });
    expect((await app.get(`/item/app/${LEADS}/count?external_id=x1`)).body).to.deep.equal({ count: 1 });
    const listed = await app.get(`/item/app/${LEADS}/?limit=2&sort_by=item_id&sort_desc=false`);
    expect(listed.body.items.map((item: { app_item_id: number }) => item.app_item_id)).to.deep.equal([1, 2]);
    expect((await app.get(`/item/app/${LEADS}/v2?title=Lead%202`)).body).to.include({
      total: 5,
      filtered: 1,
    });
  });

  it('leaves out what was deleted', async () => {
    scene.world.deleteItem(ids[0] ?? 0);
    expect(await filter({})).to.include({ total: 4, filtered: 4 });
  });
});
