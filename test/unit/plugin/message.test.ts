import { expect } from 'chai';
import type { PodioEvent } from '../../../src/core/event.ts';
import type { ItemField } from '../../../src/core/podio.ts';
import { type MessageWorld, makeMessage } from '../../../src/plugin/message.ts';
import { event, readerOf, wonChanges, wonItem } from '../../support/plugin-world.ts';

const NOW = Date.UTC(2026, 0, 31);

const message = (
  over: Partial<MessageWorld> & { event?: PodioEvent; data?: Record<string, unknown> } = {},
) => {
  const { event: given = event(), data = {}, ...world } = over;
  return makeMessage(
    {
      step: 'probe',
      event: given,
      deliveryKey: 'won/item.update:4711:3/probe',
      signal: new AbortController().signal,
      world: {
        reader: readerOf(
          async () => structuredClone(wonItem),
          async () => wonChanges(),
        ),
        apps: name =>
          name === 'leads'
            ? { id: 101, fields: { value: 'deal-value-2', gone: 'gone-1', status: 'deal-value-2' } }
            : undefined,
        now: () => NOW,
        rule: { name: 'won', timezone: 'UTC' },
        previousRun: async () => undefined,
        ...world,
      },
    },
    data,
  );
};

const texts = (fields: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)]));

describe('message', () => {
  it('shows the event, also as a list of one', () => {
    const one = message();
    expect(one.events).to.deep.equal([one.event]);
    expect(one.deliveryKey).to.equal('won/item.update:4711:3/probe');
    expect(Object.keys(one)).to.have.members(['event', 'events', 'deliveryKey', 'data']);
  });

  it('is frozen, through and through', async () => {
    const one = message({ data: { before: { list: [1] } } });
    const item = await one.item();
    const [change] = [...(await one.changes()).values()];
    for (const frozen of [
      one,
      one.event,
      one.event.params,
      one.events,
      one.data,
      one.data.before,
      item,
      item.fields[0],
      change,
    ]) {
      expect(Object.isFrozen(frozen)).to.equal(true);
    }
  });

  it('makes new messages and stays as it was', () => {
    const one = message({ data: { before: 1 } });
    const two = one.with({ a: [1, { b: null }], gone: undefined, when: new Date(0) });
    expect(one.data).to.deep.equal({ before: 1 });
    expect(two.data).to.deep.equal({
      before: 1,
      probe: { a: [1, { b: null }], when: '1970-01-01T00:00:00.000Z' },
    });
    expect(two.event).to.equal(one.event);
    expect(Object.isFrozen(two.data.probe)).to.equal(true);
    expect(two.with(2).data).to.deep.equal({ before: 1, probe: 2 });
  });

  it('keeps a copy of what it is given', () => {
    const given = { list: [1] };
    const one = message().with(given);
    given.list.push(2);
    expect(one.data.probe).to.deep.equal({ list: [1] });
  });

  const circle: Record<string, unknown> = {};
  circle.self = circle;
  for (const [what, value] of Object.entries({
    'a Map': { a: new Map() },
    'a class of its own': { a: new (class Deal {})() },
    'a function': { a: () => 1 },
    'a bigint': { a: 1n },
    'a symbol': { a: Symbol('x') },
    NaN: { a: Number.NaN },
    Infinity: [Number.POSITIVE_INFINITY],
    'a circle': circle,
    undefined,
  })) {
    it(`refuses ${what} as data`, () => {
      expect(() => message().with(value))
        .to.throw(/with\(\)/)
        .that.includes({ code: 'PLUGIN_MESSAGE', retry: 'never' });
    });
  }

  it('takes 64 kb of data and no more', () => {
    const most = 'x'.repeat(64 * 1024 - 2);
    expect(message().with(most).data.probe).to.equal(most);
    expect(() => message().with(`${most}x`))
      .to.throw('65536')
      .that.includes({ code: 'PLUGIN_FLOOD', retry: 'never' });
    expect(() => message().with('ä'.repeat(40_000))).to.throw('65536');
  });

  it('finds one field’s change by alias, external id and field id', async () => {
    const one = message({ apps: () => ({ id: 101, fields: { state: 'status' } }) });
    for (const name of ['state', 'status', '1', 1])
      expect((await one.change(name))?.label).to.equal('Status');
    for (const name of ['value', '2', 'toString', '__proto__'])
      expect(await one.change(name)).to.equal(undefined);
  });

  it('gives each caller changes of its own to count', async () => {
    const one = message();
    ((await one.changes()) as Map<string, unknown>).clear();
    expect(await one.changes()).to.have.length(1);
  });

  describe('view', () => {
    it('shows fields and changes by external id and by alias, where an alias wins', async () => {
      const { view } = message();
      expect(texts(await view.fields())).to.deep.equal({
        'deal-value-2': '$1,000.00',
        value: '$1,000.00',
        status: '$1,000.00',
      });
      expect(await view.changes()).to.deep.equal({});
      const plain = message({ event: event({ app: 'other' }) });
      expect(texts(await plain.view.fields())).to.deep.equal({ status: 'Won', 'deal-value-2': '$1,000.00' });
      const { status } = await plain.view.changes();
      expect([String(status?.from), String(status?.to)]).to.deep.equal(['Open <1>', 'Won']);
    });

    it('leaves out what is empty, on each side of a change too', async () => {
      const item = { ...wonItem, fields: [{ ...(wonItem.fields[0] as ItemField), values: [] }] };
      const changes = new Map([...wonChanges()].map(([name, change]) => [name, { ...change, from: [] }]));
      const { view } = message({
        event: event({ app: 'other' }),
        reader: readerOf(
          async () => item,
          async () => changes,
        ),
      });
      expect(await view.fields()).to.deep.equal({});
      expect((await view.changes()).status).to.have.all.keys('to');
    });

    it('tells of the actor, comment, files and task in one way', async () => {
      const byline = { type: 'user', id: 7, user_id: 7, name: 'Ann', url: 'https://podio.com/users/7' };
      const ann = { type: 'user', id: 7, name: 'Ann', link: 'https://podio.com/users/7' };
      const { view } = message({
        event: event({ params: { comment_id: '5', task_id: '6' } }),
        reader: readerOf(async () => wonItem, undefined, {
          actor: async () => byline,
          comment: async () => ({
            comment_id: 5,
            value: '<p>!ticket <b>A&amp;B</b></p>',
            created_by: byline,
          }),
          files: async () => [{ file_id: 3, name: 'a.pdf', mimetype: 'application/pdf', size: 9 }],
          task: async () => ({ task_id: 6, text: 'Call', responsible: byline }),
        }),
      });
      expect(await view.actor()).to.deep.equal(ann);
      expect(await view.comment()).to.deep.include({ id: 5, text: '!ticket A&B', author: ann });
      expect((await view.files())[0]).to.include({ id: 3, name: 'a.pdf', mimetype: 'application/pdf' });
      expect(await view.task()).to.deep.include({ id: 6, text: 'Call', responsible: ann });
    });

    it('has nothing but ids where that is all that is known', async () => {
      const { view } = message({ event: event({ params: { comment_id: '5' } }) });
      expect(await view.actor()).to.deep.equal({});
      expect(await view.comment()).to.deep.equal({ id: 5 });
      expect(await view.files()).to.deep.equal([]);
      expect(await view.task()).to.deep.equal({});
    });

    it('tells of the run, and is a batch of one', async () => {
      const previous = '2026-01-01T00:00:00.000Z';
      const { view } = message({ previousRun: async () => previous });
      expect(await view.run()).to.deep.equal({ rule: 'won', previous: new Date(previous), replay: false });
      expect(view.batch()).to.deep.equal([view]);
      const replayed = message({ event: event({ source: 'replay' }) });
      expect(await replayed.view.run()).to.deep.equal({ rule: 'won', previous: undefined, replay: true });
    });

    it('shows item, app, data and now', async () => {
      const { view } = message({ data: { a: 1 } });
      expect(await view.item()).to.include({
        id: 4711,
        item_id: 4711,
        title: 'Acme & Sons',
        app_item_id: 12,
      });
      expect(view.app()).to.deep.equal({ name: 'leads', id: 101 });
      expect(view.data()).to.deep.equal({ a: 1 });
      expect(view.now()).to.deep.equal(new Date(NOW));
      expect(view.event().seq).to.equal(7);
    });

    it('knows as much of the app as the event does', () => {
      const appOf = (over: Partial<PodioEvent>) =>
        message({ event: { ...event(), app: undefined, ...over } as PodioEvent }).view.app();
      expect(appOf({ ref: { type: 'app', id: 5 } }).id).to.equal(5);
      expect(appOf({ ref: { type: 'space', id: 7 }, params: { app_id: '6' } }).id).to.equal(6);
      expect(appOf({ ref: { type: 'schedule', id: 'morning' }, params: {} }).id).to.equal(undefined);
    });

    it('reads nothing that is not asked for', async () => {
      const { view } = message({
        reader: readerOf(
          () => Promise.reject(new Error('must not be read')),
          async () => wonChanges(),
        ),
      });
      await view.changes();
      expect(view.data()).to.deep.equal({});
    });
  });
});
