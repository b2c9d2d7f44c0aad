import { expect } from 'chai';
import podioItem from '../../../plugins/podio-item/index.ts';
import type { Outcome } from '../../../plugins/podio-item/work.ts';
import { FieldView } from '../../../src/plugin/index.ts';
import type { TestEvent } from '../../../src/plugin/testing.ts';
import { ARCHIVE, type Emulated, emulate, failureOf, LEADS } from '../../support/emulated.ts';

describe('podio-item', () => {
  let scene: Emulated;
  let itemId: number;

  beforeEach(async () => {
    scene = await emulate();
    itemId = scene.world.createItem(LEADS, {
      fields: {
        title: 'Alder & Sons',
        status: 'Won',
        value: { value: '1200.5', currency: 'USD' },
        due: { start: '2026-05-01 10:00:00', end: '2026-05-02 12:00:00' },
        owner: 'ada@example.com',
        count: 7,
        site: 'https://example.com/a',
        phone: { type: 'mobile', value: '+45 1' },
      },
    }).itemId;
  });
  afterEach(() => scene[Symbol.asyncDispose]());

  const run = async (options: object, more: TestEvent = {}): Promise<Outcome> => {
    await using tested = await scene.under(podioItem, options);
    const [data] = await tested.run(await scene.about(itemId, more));
    return data?.['podio-item'] as Outcome;
  };
  const shown = (id: number | null) => scene.world.show(id ?? 0);
  const archive = () => scene.world.items(ARCHIVE).map(({ itemId: id }) => shown(id));
  const mirror = { app: 'archive', match: { externalId: 'lead-{{ item.id }}' }, create: true };

  describe('create', () => {
    it('makes an item, with values of every type as people write them', async () => {
      const outcome = await run({
        app: 'archive',
        externalId: 'x-{{ item.app_item_id }}',
        tags: ['new', '{{ fields.status }}'],
        set: {
          title: '{{ item.title }}!',
          status: 'won',
          value: '100 usd',
          due: '2026-03-01 09:30',
          owner: '{{ fields.owner.mail }}',
          count: '{{ fields.count | plus: 1 }}',
          tags: ['a', 3],
          origin: '{{ item.id }}',
          site: 'https://example.com/b',
          phone: '555',
          note: null,
        },
      });
      const [item] = archive();
      expect(item).to.deep.include({
        externalId: 'x-1',
        title: 'Alder & Sons!',
        tags: ['new', 'Won'],
        values: {
          title: 'Alder & Sons!',
          status: 'Won',
          value: 100,
          due: '2026-03-01 09:30:00',
          owner: 'Ada',
          count: 8,
          tags: 'a',
          origin: 'Alder & Sons',
          site: 'https://example.com/b',
          phone: '555',
        },
      });
      expect(outcome).to.include({ id: item?.itemId, title: 'Alder & Sons!', revision: 0, created: true });
      expect(outcome.link).to.match(/^https:/);
      expect(outcome.changed).to.include.members(['title', 'phone']).and.not.to.include('note');
      expect(scene.world.item(item?.itemId ?? 0)?.created.by).to.deep.equal({ type: 'app', id: ARCHIVE });
    });

    it('asks for link and title where Podio answers the id alone', async () => {
      scene.world.setSwitches({ itemCreateAnswer: 'id' });
      const outcome = await run({ app: 'archive', set: { title: 'x' } });
      expect(outcome).to.include({ title: 'x', created: true }).and.to.have.property('link');
    });

    it('makes none twice, with an external id and without', async () => {
      for (const more of [{ externalId: 'x' }, {}]) {
        const before = archive().length;
        await using tested = await scene.under(podioItem, {
          app: 'archive',
          set: {
            title: 'x',
            status: 'Won',
            value: { value: 5, currency: 'EUR' },
            site: 'https://example.com/',
          },
          ...more,
        });
        const event = await scene.about(itemId, { event: { id: 'item.update:1:1' } });
        scene.loseAnswerOf('items.create');
        expect(await failureOf(tested.run(event))).to.include({ retry: 'backoff' });
        scene.world.clearFaults();
        const [data] = await tested.run(event);
        expect(data).to.have.nested.property('podio-item.created', true);
        await tested.run(event);
        expect(archive()).to.have.lengthOf(before + 1);
        expect(data).to.have.nested.property('podio-item.id', archive().at(-1)?.itemId);
      }
    });

    it('acts as a login, and tells hooks when it is to', async () => {
      scene.world.addHook({
        ref: { type: 'app', id: ARCHIVE },
        type: 'item.create',
        url: 'http://127.0.0.1:9/',
      });
      await run({ app: 'archive', set: { title: 'quiet' } });
      await run({ app: 'archive', set: { title: 'loud' }, hook: true, as: 'bot' });
      await scene.world.until(() => scene.world.deliveries.length > 0, 'the delivery');
      expect(scene.world.deliveries).to.have.lengthOf(1);
      expect(scene.world.items(ARCHIVE).at(-1)?.created.by).to.deep.equal({ type: 'user', id: 5 });
    });
  });

  describe('copy', () => {
    const copied = {
      title: 'Alder & Sons',
      status: 'Won',
      value: 1200.5,
      due: '2026-05-01 10:00:00',
      owner: 'Ada',
      count: 7,
    };

    it('takes fields over by their type, between apps whose ids differ', async () => {
      await run({
        app: 'archive',
        copy: ['title', 'status', 'value', 'due', 'owner', 'count', 'site', 'phone'],
      });
      const [item] = archive();
      expect(item?.values).to.include({ ...copied, site: 'https://example.com/a', phone: '+45 1' });
      const values = scene.calls.items.get(item?.itemId ?? 0, 'archive');
      const [due] = (await values).fields.filter(({ external_id }) => external_id === 'due');
      expect(due?.values[0]).to.include({ end: '2026-05-02 12:00:00' });
      const [value] = (await values).fields.filter(({ external_id }) => external_id === 'value');
      expect(value?.values[0]).to.include({ currency: 'USD' });
    });

    it('takes them over to fields of other names and types', async () => {
      await run({ app: 'archive', copy: { status: 'note', value: 'count', count: 'title' } });
      expect(archive()[0]?.values).to.include({ note: 'Won', count: 1200.5, title: '7' });
    });

    it('empties what is empty, and lets `set` win', async () => {
      await run({ ...mirror, copy: ['title', 'count'] });
      scene.world.updateItem(itemId, { fields: { count: [] } });
      await run({ ...mirror, copy: ['title', 'count'], set: { title: 'mine' } });
      expect(archive()).to.have.lengthOf(1);
      expect(archive()[0]?.values).to.include({ title: 'mine' }).and.not.to.have.property('count');
    });

    it('leaves alone what would be emptied by an item that is gone', async () => {
      await run({ ...mirror, copy: ['title'] });
      await using tested = await scene.under(podioItem, { ...mirror, copy: ['title'] });
      const gone = { item: { item_id: itemId, title: '', fields: [] as never[], revision: undefined } };
      const [data] = await tested.run({
        event: { itemId, revision: undefined },
        ...gone,
      } as unknown as TestEvent);
      expect(data).to.deep.equal({ 'podio-item': { id: null, created: false, changed: [] } });
      expect(archive()[0]?.values.title).to.equal('Alder & Sons');
    });

    it('says which field there is not, here or there', async () => {
      const here = await failureOf(run({ app: 'archive', copy: ['tittle'] }));
      expect(here).to.include({ retry: 'never' });
      expect(here.message).to.contain('Leads has no field tittle');
      const there = await failureOf(run({ app: 'archive', copy: { title: 'titel' } }));
      expect(there.message).to.contain('Archive has no field titel');
      expect(there.hint).to.contain('title, status');
    });
  });

  describe('upsert', () => {
    it('makes an item once, then changes what differs, and nothing when nothing does', async () => {
      const options = {
        ...mirror,
        copy: ['title', 'status', 'value', 'due', 'owner', 'count', 'site', 'phone'],
      };
      expect(await run(options)).to.include({ created: true });
      const [made] = archive();
      expect(made?.externalId).to.equal(`lead-${itemId}`);
      const same = await run(options);
      expect(same).to.deep.include({ id: made?.itemId, created: false, changed: [], revision: 0 });
      expect(same.link).to.match(/^https:/);
      scene.world.updateItem(itemId, { fields: { status: 'Lost', count: 8 } });
      const changed = await run(options);
      expect(changed).to.deep.include({ id: made?.itemId, changed: ['status', 'count'], revision: 1 });
      expect(archive()).to.have.lengthOf(1);
      expect(archive()[0]?.values).to.include({ status: 'Lost', count: 8 });
    });

    it('changes only, where it may not make one', async () => {
      const options = { app: 'archive', match: { externalId: 'none' }, set: { title: 'x' } };
      expect(await run(options)).to.deep.equal({ id: null, created: false, changed: [] });
      expect(archive()).to.deep.equal([]);
    });

    it('makes one for two events that look for the same at the same time', async () => {
      await using tested = await scene.under(podioItem, {
        app: 'archive',
        match: { externalId: 'same' },
        create: true,
        set: { title: '{{ item.title }}' },
      });
      const event = await scene.about(itemId);
      const outputs = await Promise.all(Array.from({ length: 8 }, () => tested.run(event)));
      expect(archive()).to.have.lengthOf(1);
      const made = outputs.filter(([data]) => (data?.['podio-item'] as Outcome | undefined)?.created);
      expect(made).to.have.lengthOf(1);
    });

    it('makes none twice where Podio takes its time to show it', async () => {
      await using tested = await scene.under(podioItem, { ...mirror, set: { title: 'x' } });
      const event = await scene.about(itemId);
      scene.world.setSwitches({ readDelayMs: 60_000 });
      await tested.run(event);
      expect(await failureOf(tested.run(event))).to.include({ retry: 'backoff' });
      scene.world.setSwitches({ readDelayMs: 0 });
      const [data] = await tested.run(event);
      expect(data?.['podio-item']).to.include({ created: false });
      expect(archive()).to.have.lengthOf(1);
    });

    it('makes none twice when an answer was lost', async () => {
      await using tested = await scene.under(podioItem, { ...mirror, set: { title: 'x' } });
      const event = await scene.about(itemId, { event: { id: 'item.update:1:1' } });
      scene.loseAnswerOf('items.create');
      await failureOf(tested.run(event));
      scene.world.clearFaults();
      await tested.run(event);
      expect(archive()).to.have.lengthOf(1);
    });

    it('makes a new one where the old one was deleted', async () => {
      const options = { app: 'archive', match: { title: 'x' }, create: true };
      const first = scene.world.createItem(ARCHIVE, { fields: { title: 'x' } }).itemId;
      expect(await run(options)).to.deep.include({ id: first, created: false });
      scene.world.deleteItem(first);
      expect(await run({ ...options, set: { title: 'x' } })).to.include({ created: true });
    });

    it('finds by what fields hold, whatever Podio can filter by', async () => {
      const wanted = scene.world.createItem(ARCHIVE, {
        fields: {
          title: 'wanted',
          status: 'Won',
          value: { value: '5', currency: 'EUR' },
          due: '2026-05-01',
          count: 3,
          origin: itemId,
          owner: 'ada@example.com',
        },
      }).itemId;
      scene.world.createItem(ARCHIVE, {
        fields: {
          title: 'other',
          status: 'Won',
          value: { value: '5', currency: 'USD' },
          due: '2026-05-02',
          count: 4,
        },
      });
      for (const textFilters of ['ignored', 'refused'] as const) {
        scene.world.setSwitches({ textFilters });
        for (const match of [
          { title: 'wanted' },
          { status: 'Won', title: 'wanted' },
          { value: '5 EUR' },
          { due: '2026-05-01' },
          { count: 3 },
          { origin: '{{ item.id }}' },
          { owner: 'ada@example.com' },
        ])
          expect(await run({ app: 'archive', match, set: { note: 'x' } }), JSON.stringify(match)).to.include({
            id: wanted,
          });
      }
    });

    it('takes the first that was made of several', async () => {
      const first = scene.world.createItem(ARCHIVE, { fields: { title: 'x' } }).itemId;
      scene.world.createItem(ARCHIVE, { fields: { title: 'x' } });
      expect(await run({ app: 'archive', match: { title: 'x' }, set: { note: 'n' } })).to.include({
        id: first,
      });
    });

    it('gives up looking through texts where there are too many', async () => {
      for (let n = 0; n < 2001; n++) scene.world.createItem(ARCHIVE, { fields: { title: `n${n}` } });
      const error = await failureOf(run({ app: 'archive', match: { title: 'none' }, create: true }));
      expect(error).to.include({ retry: 'never' });
      expect(error.hint).to.contain('externalId');
    });

    it('matches nothing by nothing', async () => {
      for (const match of [
        { externalId: '{{ data.no }}' },
        { title: '{{ data.no }}' },
        { externalId: '{{ data.no }}', title: 'x' },
        // A path would lead to the list of all items.
        { externalId: '{{ ".." }}' },
        // All leads without a number would be one item.
        { externalId: 'lead-{{ data.no }}' },
        { title: '{{ data.no }} of {{ data.none }}' },
      ])
        expect(await failureOf(run({ app: 'archive', match, create: true }))).to.include({ retry: 'never' });
      expect(archive()).to.deep.equal([]);
      const error = await failureOf(
        run({ app: 'archive', externalId: 'lead-{{ data.no }}', set: { title: 'x' } }),
      );
      expect(error.message).to.contain('nothing came of the templates in "lead-{{ data.no }}"');
      expect(error.hint).to.contain('when:');
      expect(archive()).to.deep.equal([]);
      await run({ app: 'archive', match: { externalId: 'lead-{{ data.no }}{{ item.id }}' }, create: true });
      expect(archive()).to.have.lengthOf(1);
    });
  });

  describe('update', () => {
    it('changes the item of the event, or another one', async () => {
      expect(await run({ set: { status: 'Lost' } })).to.deep.include({
        id: itemId,
        changed: ['status'],
        revision: 1,
      });
      const other = scene.world.createItem(ARCHIVE, { fields: { title: 'x' } }).itemId;
      await run(
        { app: 'archive', item: '{{ data.other }}', set: { note: '{{ fields.status }}', title: '' } },
        { data: { other } },
      );
      expect(shown(other).values).to.deep.equal({ note: 'Lost' });
    });

    it('takes an `item` that came to nothing for a mistake, and not for the item of the event', async () => {
      const item = '{{ data.found.items[0].id }}';
      const error = await failureOf(
        run({ item, set: { status: 'Lost' } }, { data: { found: { items: [] } } }),
      );
      expect(error).to.include({ retry: 'never' });
      expect(shown(itemId).values).to.include({ status: 'Won' });
    });

    it('writes on top of what others have changed meanwhile', async () => {
      await using tested = await scene.under(podioItem, { set: { status: 'Lost', count: 9 } });
      const event = await scene.about(itemId);
      // The event's item is an older one by now.
      scene.world.updateItem(itemId, { fields: { title: 'Birch', status: 'Lost' } });
      scene.asked();
      const [data] = await tested.run(event);
      expect(data?.['podio-item']).to.deep.include({ changed: ['count'], revision: 2 });
      expect(scene.asked().filter(name => name.startsWith('items.'))).to.deep.equal([
        'items.update',
        'items.get',
        'items.update',
      ]);
      expect(shown(itemId).values).to.include({ title: 'Birch', status: 'Lost', count: 9 });
    });

    it('keeps what people have changed after it was done', async () => {
      await using tested = await scene.under(podioItem, { set: { status: 'Lost' } });
      const event = await scene.about(itemId, { event: { id: 'item.update:1:1' } });
      await tested.run(event);
      scene.world.updateItem(itemId, { fields: { status: 'Open' } });
      await tested.run(event);
      expect(shown(itemId).values.status).to.equal('Open');
    });

    it('goes on where the item is gone', async () => {
      const event = await scene.about(itemId);
      scene.world.deleteItem(itemId);
      await using tested = await scene.under(podioItem, { item: itemId, app: 'leads', set: { title: 'x' } });
      const [data] = await tested.run({ ...event, event: { itemId: 1 } });
      expect(data).to.deep.equal({ 'podio-item': { id: null, created: false, changed: [] } });
      // The event's own, read before it went.
      await using own = await scene.under(podioItem, { set: { title: 'x' } });
      expect(await own.run(event)).to.deep.equal([
        { 'podio-item': { id: null, created: false, changed: [] } },
      ]);
    });

    it('parks what Podio will never take', async () => {
      for (const set of [
        { status: 'Perhaps' },
        { nothing: 1 },
        { value: 'much' },
        { due: 'soon' },
        { owner: 'nobody' },
        { count: 'many' },
        { title: ['a', 'b'] },
      ])
        expect(await failureOf(run({ set })), JSON.stringify(set)).to.include({ retry: 'never' });
      expect((await failureOf(run({ set: { status: 'Perhaps' } }))).hint).to.contain('Open, Won, Lost');
      expect(await failureOf(run({ app: 'archive', set: { sum: 1 } }))).to.include({ retry: 'never' });
      expect(await failureOf(run({ app: 'archive', set: { origin: 1 } }))).to.include({
        code: 'PODIO_NOT_FOUND',
        retry: 'never',
      });
      expect(shown(itemId).revision).to.equal(0);
    });

    it('reads the app anew after Podio has refused something', async () => {
      await using tested = await scene.under(podioItem, { app: 'archive', set: { status: 'New' } });
      expect(await failureOf(tested.run(await scene.about(itemId)))).to.include({ retry: 'never' });
    });
  });

  it('deletes, and takes for done what is gone', async () => {
    const { itemId: other } = scene.world.createItem(ARCHIVE, { externalId: 'x' });
    expect(await run({ app: 'archive', match: { externalId: 'x' }, delete: true })).to.include({ id: other });
    expect(shown(other).deleted).to.equal(true);
    expect(await run({ app: 'archive', match: { externalId: 'x' }, delete: true })).to.include({ id: null });
    expect(await run({ delete: true })).to.include({ id: itemId });
    expect(shown(itemId).deleted).to.equal(true);
  });

  it('says what it would do', async () => {
    const describe = async (options: object) => {
      await using tested = await scene.under(podioItem, options);
      return tested.describe(await scene.about(itemId));
    };
    expect(
      await describe({ ...mirror, copy: ['title'], set: { status: '{{ fields.status }}', count: 3 } }),
    ).to.equal(
      [
        `makes or changes the item of archive with externalId: "lead-${itemId}"`,
        'copies title',
        'sets status: Won, count: 3',
      ].join('\n'),
    );
    expect(await describe({ app: 'archive', set: { title: 'x' } })).to.match(/^makes an item in archive/);
    expect(await describe({ delete: true })).to.equal(`deletes item ${itemId}`);
  });

  it('tells what it writes, for the graph of rules', () => {
    const writes = (options: object) => podioItem.writes?.(options).map(({ wrong: _, ...write }) => write);
    const both = { app: 'archive', hook: true, fields: ['status', 'note'], values: { status: 'x' } };
    expect(writes({ ...mirror, copy: { title: 'note' }, set: { status: 'x' }, hook: true })).to.deep.equal([
      { ...both, event: 'item.update' },
      { ...both, event: 'item.create' },
    ]);
    expect(writes({ set: { status: 'x', note: 'y' }, copy: { title: 'note' } })).to.deep.equal([
      { fields: ['status', 'note'], values: { status: 'x' }, event: 'item.update' },
    ]);
    expect(writes({ set: '{{ data.fields }}' })).to.deep.equal([{ event: 'item.update' }]);
    expect(writes({ app: 'archive', copy: ['title'] })).to.deep.equal([
      { app: 'archive', fields: ['title'], event: 'item.create' },
    ]);
    expect(writes({ delete: true })).to.deep.equal([{ event: 'item.delete' }]);
    expect(writes({ app: 102, set: { a: 1 } })).to.deep.equal([]);
    // An id may be of any app, unless it is that of the event's item.
    expect(writes({ item: '{{ fields.customer.id }}', set: { a: 1 } })).to.deep.equal([]);
    expect(writes({ item: 7, delete: true })).to.deep.equal([]);
    expect(writes({ item: '{{ item.id }}', delete: true })).to.deep.equal([{ event: 'item.delete' }]);
    expect(writes({ app: 'archive', item: '{{ fields.customer.id }}', delete: true })).to.deep.equal([
      { app: 'archive', event: 'item.delete' },
    ]);
  });

  it('refuses options that mean nothing', () => {
    const first = (options: object) => podioItem.options.safeParse(options).error?.issues[0]?.path.join('.');
    expect(first({})).to.equal('set');
    expect(first({ match: { externalId: 'x' }, set: { a: 1 } })).to.equal('app');
    expect(first({ create: true })).to.equal('app');
    expect(first({ app: 'a', match: {}, create: true })).to.equal('match');
    expect(first({ app: 'a', item: 1, match: { externalId: 'x' }, set: { a: 1 } })).to.equal('item');
    expect(first({ delete: true, set: { a: 1 } })).to.equal('delete');
    expect(first({ app: 'a', delete: true })).to.equal('match');
    expect(first({ app: 'a' })).to.equal(undefined);
    expect(first({ set: { title: '{{ itme.title }}' } })).to.equal('set.title');
    expect(new FieldView('text', []).toString()).to.equal('');
  });
});
