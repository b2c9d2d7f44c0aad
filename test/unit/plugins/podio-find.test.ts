import { expect } from 'chai';
import * as fc from 'fast-check';
import podioFind from '../../../plugins/podio-find/index.ts';
import { compileTemplate } from '../../../src/plugin/index.ts';
import type { TestEvent } from '../../../src/plugin/testing.ts';
import { ARCHIVE, type Emulated, emulate, failureOf, LEADS } from '../../support/emulated.ts';

interface Found {
  readonly items: readonly {
    readonly id: number;
    readonly title: string;
    readonly fields: Record<string, unknown>;
  }[];
  readonly complete: boolean;
}

describe('podio-find', () => {
  let scene: Emulated;
  let itemId: number;

  beforeEach(async () => {
    scene = await emulate();
    itemId = scene.world.createItem(LEADS, { fields: { title: 'Alder', status: 'Won', count: 7 } }).itemId;
  });
  afterEach(() => scene[Symbol.asyncDispose]());

  const find = async (options: object, more: TestEvent = {}): Promise<Found> => {
    await using tested = await scene.under(podioFind, { app: 'archive', sort: 'id', ...options });
    const [data] = await tested.run(await scene.about(itemId, more));
    return data?.['podio-find'] as Found;
  };
  const titles = async (where: object, options: object = {}) =>
    (await find({ where, ...options })).items.map(({ title }) => title);
  const add = (title: string, fields: object = {}, more: object = {}) =>
    scene.world.createItem(ARCHIVE, { fields: { title, ...fields }, ...more }).itemId;

  /** One of each, and one that has nothing but a title. */
  const furnish = () => {
    add(
      'a',
      {
        status: 'Won',
        value: { value: '5', currency: 'EUR' },
        due: '2026-05-01',
        count: 3,
        origin: itemId,
        tags: ['a', 'b'],
      },
      { externalId: 'x', tags: ['vip'] },
    );
    add('b', {
      status: 'Lost',
      value: { value: '5', currency: 'USD' },
      due: '2026-05-02 10:00:00',
      count: 4,
      owner: 'ada@example.com',
    });
    add('c', { status: 'Open', value: { value: '50', currency: 'EUR' }, due: '2026-06-01', count: -3 });
    add('none');
  };

  it('finds items by what a rule could say of them', async () => {
    furnish();
    for (const [where, wanted] of [
      [{ 'fields.status': 'Won' }, ['a']],
      [{ 'fields.status': ['Won', 'Lost'] }, ['a', 'b']],
      [{ 'fields.status': { exists: false } }, ['none']],
      [{ 'fields.status': { ne: 'Won' } }, ['b', 'c', 'none']],
      [{ 'fields.value': { gte: 5, currency: 'EUR' } }, ['a', 'c']],
      [{ 'fields.value': { gt: 5 } }, ['c']],
      [{ 'fields.count': 3 }, ['a']],
      [{ 'fields.count': { gt: -3, lt: 4 } }, ['a']],
      [{ 'fields.due': { gte: '2026-05-02' } }, ['b', 'c']],
      [{ 'fields.due': '2026-05-01' }, ['a']],
      [{ 'fields.origin': '{{ item.id }}' }, ['a']],
      [{ 'fields.origin': { exists: false } }, ['b', 'c', 'none']],
      [{ 'fields.owner': 'ada@example.com' }, ['b']],
      [{ 'fields.tags': { contains: 'b' } }, ['a']],
      [{ 'fields.title': { matches: '^[ab]$' } }, ['a', 'b']],
      [{ 'item.externalId': 'x' }, ['a']],
      [{ 'item.tags': { contains: 'vip' } }, ['a']],
      [{ 'item.editedOn': { gte: 'today' } }, ['a', 'b', 'c', 'none']],
      [{ 'item.editedOn': { lt: 'yesterday' } }, []],
      [{ any: [{ 'fields.count': 3 }, { 'fields.title': 'none' }] }, ['a', 'none']],
      [{ not: { 'fields.status': 'Won' }, 'fields.count': { exists: true } }, ['b', 'c']],
    ] as const) {
      for (const filterBounds of ['inclusive', 'exclusive'] as const) {
        scene.world.setSwitches({ filterBounds });
        expect(await titles(where), JSON.stringify(where)).to.deep.equal(wanted);
      }
    }
  });

  it('finds nothing by nothing, unless what is empty is asked for', async () => {
    furnish();
    const no = '{{ data.no }}';
    for (const [where, wanted] of [
      [{ 'fields.status': no }, []],
      [{ 'fields.origin': no, 'fields.status': 'Won' }, []],
      [{ 'fields.title': `order-${no}` }, []],
      [{ 'fields.status': { ne: no } }, []],
      [{ 'fields.value': { value: no, currency: 'EUR' } }, []],
      [{ not: { 'fields.status': no } }, []],
      [{ not: { any: [{ 'fields.status': no }, { 'fields.count': 3 }] } }, []],
      [{ not: { 'fields.status': no, 'fields.count': 3 } }, ['b', 'c', 'none']],
      [{ any: [{ 'fields.status': no }, { 'fields.count': 3 }] }, ['a']],
      [{ 'fields.status': [no, 'Won'] }, ['a']],
      [{ 'fields.status': [no, null] }, ['none']],
      [{ any: [{ 'fields.status': no }, { 'fields.status': { exists: false } }] }, ['none']],
    ] as const) {
      scene.asked();
      expect(await titles(where), JSON.stringify(where)).to.deep.equal(wanted);
      // No call is spent on it either.
      if (wanted.length === 0) expect(scene.asked()).to.not.include('items.filter');
    }
    expect(await find({ where: { 'fields.status': no } })).to.deep.equal({ items: [], complete: true });
  });

  it('gives items whose fields templates and conditions take as those of an item', async () => {
    add('a', { value: { value: '5', currency: 'EUR' }, count: 3 });
    const { items, complete } = await find({});
    expect(complete).to.equal(true);
    expect(items[0]).to.include({ title: 'a' }).and.to.include.keys('id', 'link', 'editedOn');
    const text = compileTemplate(
      '{{ data.x.items[0].fields.value }} {{ data.x.items[0].fields.count | plus: 1 }}',
    );
    const view = { data: () => ({ x: { items } }) } as unknown as Parameters<typeof text.render>[0];
    expect(await text.render(view)).to.equal('€5.00 4');
  });

  it('keeps what is asked for, in that order, and so many', async () => {
    furnish();
    const { items } = await find({ fields: ['count'], sort: '-count', limit: 2 });
    expect(items.map(({ title, fields }) => [title, Object.keys(fields)])).to.deep.equal([
      ['b', ['count']],
      ['a', ['count']],
    ]);
    expect((await find({ sort: '-createdOn', limit: 1 })).items).to.have.lengthOf(1);
    expect(await titles({ 'fields.status': 'Won' }, { limit: 1 })).to.deep.equal(['a']);
  });

  it('asks one call for what Podio can answer, and sends it no more than that', async () => {
    for (let n = 0; n < 700; n++) add(`n${n}`, { count: n, status: n % 2 ? 'Won' : 'Open' });
    scene.asked();
    expect(
      (await find({ where: { 'fields.status': 'Won', 'fields.count': { gte: 100 } }, limit: 5 })).items,
    ).to.have.lengthOf(5);
    expect(scene.asked().filter(name => name === 'items.filter')).to.have.lengthOf(1);
    expect((await find({ where: { 'fields.title': 'n650' }, limit: 5 })).items).to.have.lengthOf(1);
    expect(scene.asked().filter(name => name === 'items.filter')).to.have.lengthOf(2);
  });

  it('ends after so many calls, and says that there may be more', async () => {
    for (let n = 0; n < 5100; n++) add(`n${n}`);
    const { items, complete } = await find({
      where: { 'fields.title': { matches: '9$' } },
      limit: 300,
      fields: [],
    });
    expect(complete).to.equal(true);
    expect(items).to.have.lengthOf(300);
    expect((await find({ where: { 'fields.title': 'nothing' } })).complete).to.equal(false);
    expect(scene.asked().filter(name => name === 'items.filter').length).to.be.below(30);
  }).timeout(20_000);

  it('looks in a view, and as a login', async () => {
    furnish();
    const { viewId } = scene.world.addView(ARCHIVE, { name: 'Won', filters: { status: [2] } });
    expect(await titles({ 'fields.count': { gt: 0 } }, { view: viewId, as: 'bot' })).to.deep.equal(['a']);
    expect(scene.world.requests.at(-1)).to.include({ operation: 'items.filter_by_view', identity: 'user/5' });
    expect(await failureOf(find({ view: 1 }))).to.include({ retry: 'never' });
  });

  it('parks what can never be found, or never be kept', async () => {
    for (const options of [
      { where: { 'fields.nothing': 1 } },
      { sort: 'nothing' },
      { fields: ['nothing'] },
    ]) {
      const error = await failureOf(find(options));
      expect(error).to.include({ retry: 'never' });
      expect(error.message).to.contain('Archive has no field nothing');
    }
    for (let n = 0; n < 300; n++) add('x'.repeat(300));
    const large = await failureOf(find({ limit: 300 }));
    expect(large).to.include({ retry: 'never' });
    expect(large.hint).to.contain('fields');
  });

  it('finds what looking at every item would find, whatever the numbers and the bounds', async () => {
    const counts = [-2, -1, 0, 1, 2, 3, 5, 8];
    for (const count of counts) add(`${count}`, { count });
    const test = fc.record(
      {
        gt: fc.integer({ min: -3, max: 9 }),
        gte: fc.integer({ min: -3, max: 9 }),
        lt: fc.integer({ min: -3, max: 9 }),
        lte: fc.integer({ min: -3, max: 9 }),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(
        test,
        fc.constantFrom('inclusive' as const, 'exclusive' as const),
        async (wanted, filterBounds) => {
          const options = { app: 'archive', where: { 'fields.count': wanted } };
          fc.pre(podioFind.options.safeParse(options).success);
          scene.world.setSwitches({ filterBounds });
          const { gt = -99, gte = -99, lt = 99, lte = 99 } = wanted;
          const fitting = counts.filter(n => n > gt && n >= gte && n < lt && n <= lte);
          expect(await titles(options.where)).to.deep.equal(fitting.map(String));
        },
      ),
      { numRuns: 60 },
    );
  }).timeout(20_000);

  it('shows the place of a condition that can mean nothing', () => {
    const issue = (where: object) => {
      const [first] = podioFind.options.safeParse({ app: 'archive', where }).error?.issues ?? [];
      return `${first?.path.join('/')}: ${first?.message}`;
    };
    expect(issue({ 'fields.count': { gtt: 3 } })).to.match(/^where\/fields\.count\/gtt: unknown operator/);
    expect(issue({ 'event.type': 'x' })).to.contain('only `item` and `fields`');
    expect(issue({})).to.match(/^where: /);
  });
});
