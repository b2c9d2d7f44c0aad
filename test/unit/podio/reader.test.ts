import { expect } from 'chai';
import { PodioError } from '../../../src/core/errors.ts';
import type { PodioEvent } from '../../../src/core/event.ts';
import { silentLog } from '../../../src/core/log.ts';
import type {
  Comment,
  FieldDifference,
  FileInfo,
  Item,
  ItemField,
  Revision,
  Task,
} from '../../../src/core/podio.ts';
import type { CallOptions, Identity } from '../../../src/podio/contract.ts';
import { makeItemReader } from '../../../src/podio/reader.ts';

const LEADS: Identity = { kind: 'app', appId: 101, token: 't' };

const event = (type: string, revision?: number, more: Partial<PodioEvent> = {}): PodioEvent => ({
  seq: 1,
  id: `${type}:7:${revision}`,
  type,
  source: 'webhook',
  ref: { type: 'app', id: 101 },
  app: 'leads',
  itemId: 7,
  ...(revision !== undefined && { revision }),
  params: {},
  receivedAt: '2026-01-01T00:00:00.000Z',
  ...more,
});

const field = (external_id: string, ...values: readonly string[]): ItemField => ({
  field_id: external_id.length,
  external_id,
  type: 'text',
  label: external_id.toUpperCase(),
  values: values.map(value => ({ value })),
});

const item = (revision: number, ...fields: readonly ItemField[]): Item => ({
  item_id: 7,
  title: `at ${revision}`,
  revision,
  app: { app_id: 101 },
  fields,
});

const changed = (external_id: string, from: readonly string[], to: readonly string[]): FieldDifference => ({
  field_id: external_id.length,
  external_id,
  type: 'text',
  label: external_id.toUpperCase(),
  from: from.map(value => ({ value })),
  to: to.map(value => ({ value })),
  config: { settings: {} },
});

const error = (code: 'PODIO_FORBIDDEN' | 'PODIO_NOT_FOUND' | 'PODIO_UNAVAILABLE' | 'PODIO_INVALID') =>
  new PodioError(code, code);

/** A Podio with one item; what it is asked for stands in `asked`. */
function setUp() {
  const podio = {
    now: item(0) as Item | PodioError,
    differences: new Map<string, readonly FieldDifference[] | PodioError>(),
    revisions: [] as readonly Revision[],
    answers: new Map<string, unknown>(),
    asked: [] as string[],
    gone: [] as string[],
    /** Revisions that podiod made. */
    own: new Set<number>(),
    options: [] as (CallOptions | undefined)[],
  };
  const read =
    <T>(kind: string) =>
    async (_as: Identity, id: number): Promise<T> => {
      const what = `${kind} ${id}`;
      podio.asked.push(what);
      const answer = podio.answers.get(what) ?? error('PODIO_NOT_FOUND');
      if (answer instanceof PodioError) throw answer;
      return answer as T;
    };
  const items: Parameters<typeof makeItemReader>[0]['client']['items'] = {
    async get(as, itemId, options) {
      podio.asked.push(`${as.kind} item ${itemId}`);
      podio.options.push(options);
      if (podio.now instanceof PodioError) throw podio.now;
      return podio.now;
    },
    async difference(_as, itemId, from, to) {
      podio.asked.push(`difference ${itemId} ${from} ${to}`);
      const answer = podio.differences.get(`${from}/${to}`) ?? error('PODIO_NOT_FOUND');
      if (answer instanceof PodioError) throw answer;
      return answer;
    },
    async revisions(_as, itemId) {
      podio.asked.push(`revisions ${itemId}`);
      return podio.revisions;
    },
  };
  const reader = makeItemReader({
    client: {
      items,
      comments: { get: read<Comment>('comment') },
      tasks: { get: read<Task>('task') },
      files: { get: read<FileInfo>('file') },
    },
    identities: {
      forApp: app => (app === 'leads' ? LEADS : undefined),
      forRef: ref => (ref.type === 'app_field' && ref.id === 9 ? LEADS : undefined),
    },
    log: silentLog,
    onGone: ({ id }, itemId) => podio.gone.push(`${id} ${itemId}`),
    own: {
      maybe: () => podio.own.size > 0,
      find: async ({ id, revision = 0 }) =>
        podio.own.has(revision) ? { id, depth: 1, rule: 'other' } : undefined,
    },
  });
  return { podio, reader };
}

const shown = (changes: Awaited<ReturnType<ReturnType<typeof setUp>['reader']['changes']>>) =>
  Object.fromEntries(
    Array.from(changes, ([name, { from, to }]) => [
      name,
      `${from.map(({ value }) => value)} -> ${to.map(({ value }) => value)}`,
    ]),
  );

describe('podio item reader', () => {
  it('reads an item once for all that ask for the same revision', async () => {
    const { podio, reader } = setUp();
    podio.now = item(3);
    const asks = Array.from({ length: 20 }, () => reader.item(event('item.update', 3)));
    expect(new Set(await Promise.all(asks))).to.deep.equal(new Set([podio.now]));
    await reader.item(event('item.update', 3));
    expect(podio.asked).to.deep.equal(['app item 7']);
    expect(reader.appOfItem(7)).to.equal(101);
    expect(reader.appOfItem(8)).to.equal(undefined);
  });

  it('reads anew for a later revision, and not for one that is seen already', async () => {
    const { podio, reader } = setUp();
    podio.now = item(3);
    await reader.item(event('item.update', 3));
    podio.now = item(5);
    expect(await reader.item(event('item.update', 4))).to.include({ revision: 5 });
    expect(await reader.item(event('item.update', 5))).to.include({ revision: 5 });
    expect(podio.asked).to.have.length(2);
  });

  describe('what several events have changed together', () => {
    const edits = (...revisions: readonly number[]) =>
      revisions.map(revision => event(revision === 0 ? 'item.create' : 'item.update', revision));

    it('is from before the first to after the last, without what is the same at both ends', async () => {
      const { podio, reader } = setUp();
      podio.differences.set('2/5', [changed('title', ['a'], ['d']), changed('status', ['x'], ['x'])]);
      // Whatever order they come in, and with what makes no revision among them.
      const events = [...edits(3, 5, 4), event('comment.create')];
      expect(shown((await reader.spanned(events, {})) ?? new Map())).to.deep.equal({ title: 'a -> d' });
      await reader.spanned(events, {});
      expect(podio.asked).to.deep.equal(['difference 7 2 5']);
    });

    it('is that of the one where there is one', async () => {
      const { podio, reader } = setUp();
      podio.differences.set('2/3', [changed('title', ['a'], ['b'])]);
      expect(await reader.spanned(edits(3), {})).to.deep.equal(await reader.changes(event('item.update', 3)));
      expect(podio.asked).to.deep.equal(['difference 7 2 3']);
    });

    it('with the creation among them, is from empty, also where the item has gone on since', async () => {
      const { podio, reader } = setUp();
      podio.now = item(4, field('title', 'z'), field('status', 'Won'));
      podio.differences.set('2/4', [changed('title', ['b'], ['z'])]);
      const changes = await reader.spanned(edits(0, 1, 2), {});
      expect(shown(changes ?? new Map())).to.deep.equal({ title: ' -> b', status: ' -> Won' });
    });

    it('leaves out what podiod itself wrote in between, unless the rule hears of that', async () => {
      const { podio, reader } = setUp();
      podio.own = new Set([2, 4, 5]);
      podio.differences.set('0/1', [changed('title', ['a'], ['b']), changed('note', [], ['x'])]);
      podio.differences.set('2/3', [changed('title', ['own'], ['c'])]);
      podio.differences.set('5/7', [changed('title', ['own'], ['a']), changed('status', ['Open'], ['Won'])]);
      podio.differences.set('0/7', [changed('status', [], ['Won'])]);
      const events = edits(1, 3, 6, 7);
      expect(shown((await reader.spanned(events, {})) ?? new Map())).to.deep.equal({
        note: ' -> x',
        status: 'Open -> Won',
      });
      expect(shown((await reader.spanned(events, { includeOwn: true })) ?? new Map())).to.deep.equal({
        status: ' -> Won',
      });
      // What the rule was told of counts, whoever made it.
      expect(shown((await reader.spanned(edits(1, 2, 3, 4, 5, 6, 7), {})) ?? new Map())).to.deep.equal({
        status: ' -> Won',
      });
    });

    it('costs no more calls, however often podiod and somebody else have answered each other', async () => {
      const { podio, reader } = setUp();
      const told = Array.from({ length: 150 }, (_, n) => 2 * n + 1);
      podio.own = new Set(told.map(revision => revision + 1));
      for (const revision of told)
        podio.differences.set(`${revision - 1}/${revision}`, [changed('title', ['a'], ['b'])]);
      podio.differences.set('0/299', [changed('title', ['a'], ['b']), changed('note', [], ['own'])]);
      const spanned = async (count: number) =>
        shown((await reader.spanned(edits(...told.slice(0, count)), {})) ?? new Map());
      expect(await spanned(100)).to.deep.equal({ title: 'a -> b' });
      expect(podio.asked).to.have.length(100);
      expect(await spanned(150)).to.deep.equal({ title: 'a -> b', note: ' -> own' });
      expect(podio.asked).to.have.length(101);
    });

    it('is not known where Podio has forgotten, and nothing where no event made a revision', async () => {
      const { reader } = setUp();
      expect(await reader.spanned(edits(3, 4), {})).to.equal(undefined);
      expect(await reader.spanned([event('comment.create'), event('item.delete', 5)], {})).to.deep.equal(
        new Map(),
      );
    });

    it('rejects while Podio does not answer', async () => {
      const { podio, reader } = setUp();
      podio.differences.set('2/4', error('PODIO_UNAVAILABLE'));
      expect(await reader.spanned(edits(3, 4), {}).catch(({ code }) => code)).to.equal('PODIO_UNAVAILABLE');
      podio.differences.set('2/4', []);
      expect(await reader.spanned(edits(3, 4), {})).to.deep.equal(new Map());
    });
  });

  it('reads anew for each event that makes no revision', async () => {
    const { podio, reader } = setUp();
    const comment = (id: string) => event('comment.create', undefined, { id });
    await Promise.all([reader.item(comment('c1')), reader.item(comment('c1')), reader.item(comment('c2'))]);
    expect(podio.asked).to.have.length(2);
  });

  it('lets what was missed go behind live work', async () => {
    const { podio, reader } = setUp();
    podio.now = item(1);
    await reader.item(event('item.update', 1, { source: 'recovered' }));
    podio.now = item(2);
    await reader.item(event('item.update', 2));
    expect(podio.options.map(options => options?.priority)).to.deep.equal(['recovery', 'live']);
  });

  it('asks as the app of a field hook, too', async () => {
    const { app: _, ...fromField } = event('item.update', 1, { ref: { type: 'app_field', id: 9 } });
    const { podio, reader } = setUp();
    await reader.item(fromField);
    expect(podio.asked).to.deep.equal(['app item 7']);
  });

  it('rejects where nobody reaches the item', async () => {
    const { reader } = setUp();
    const lost = event('item.update', 1, { app: 'other' });
    expect(await reader.item(lost).catch(error => error.code)).to.equal('PODIO_NO_IDENTITY');
  });

  it('tells of an item that is certainly gone, and not of one that may just not be seen', async () => {
    const { podio, reader } = setUp();
    podio.now = error('PODIO_FORBIDDEN');
    await reader.item(event('item.update', 3));
    expect(podio.gone).to.deep.equal([]);
    podio.now = error('PODIO_NOT_FOUND');
    await reader.item(event('item.update', 4));
    expect(podio.gone).to.deep.equal(['item.update:7:4 7']);
  });

  for (const code of ['PODIO_FORBIDDEN', 'PODIO_NOT_FOUND'] as const) {
    it(`answers the last known item when it is gone (${code}), else an empty one`, async () => {
      const { podio, reader } = setUp();
      podio.now = error(code);
      expect(await reader.item(event('item.delete', 1))).to.deep.equal({ item_id: 7, title: '', fields: [] });
      podio.now = item(2);
      await reader.item(event('item.update', 2));
      podio.now = error(code);
      expect(await reader.item(event('item.delete', 3))).to.include({ title: 'at 2' });
    });
  }

  it('rejects when Podio is down, and keeps nothing of it', async () => {
    const { podio, reader } = setUp();
    podio.now = error('PODIO_UNAVAILABLE');
    expect(await reader.item(event('item.update', 0)).catch(error => error.code)).to.equal(
      'PODIO_UNAVAILABLE',
    );
    podio.now = item(0);
    expect(await reader.item(event('item.update', 0))).to.include({ title: 'at 0' });
    podio.differences.set('0/1', error('PODIO_UNAVAILABLE'));
    const update = event('item.update', 1);
    expect(await reader.changes(update).catch(error => error.code)).to.equal('PODIO_UNAVAILABLE');
    podio.differences.set('0/1', []);
    expect(await reader.changes(update)).to.deep.equal(new Map());
  });

  it('has an empty item and no changes for an event without one', async () => {
    const { podio, reader } = setUp();
    const { itemId: _, ...tick } = event('schedule.fire');
    expect(await reader.item(tick)).to.deep.equal({ item_id: 0, title: '', fields: [] });
    expect(await reader.changes(tick)).to.deep.equal(new Map());
    expect(podio.asked).to.deep.equal([]);
  });

  describe('changes', () => {
    it('of an update are the difference to the revision before, read once; the first edit is 0 to 1', async () => {
      const { podio, reader } = setUp();
      podio.differences.set('0/1', [changed('status', ['Open'], ['Won'])]);
      const [one, two] = await Promise.all([
        reader.changes(event('item.update', 1)),
        reader.changes(event('item.update', 1)),
      ]);
      expect(one).to.equal(two);
      expect(one.get('status')).to.deep.equal({
        fieldId: 6,
        type: 'text',
        label: 'STATUS',
        from: [{ value: 'Open' }],
        to: [{ value: 'Won' }],
        config: { settings: {} },
      });
      expect(podio.asked).to.deep.equal(['difference 7 0 1']);
    });

    it('of a creation are all its fields from empty', async () => {
      const { podio, reader } = setUp();
      podio.now = item(0, field('title', 'A'), field('status', 'Open'));
      expect(shown(await reader.changes(event('item.create', 0)))).to.deep.equal({
        title: ' -> A',
        status: ' -> Open',
      });
      expect(podio.asked).to.deep.equal(['app item 7']);
    });

    it('of a creation are as it was created, however far the item has gone on', async () => {
      const { podio, reader } = setUp();
      podio.now = item(4, field('title', 'B'), field('status', 'Won'), field('value', '9'));
      podio.differences.set('0/4', [
        changed('title', ['A'], ['B']),
        changed('value', [], ['9']),
        changed('tag', ['new'], []),
      ]);
      expect(shown(await reader.changes(event('item.create', 0)))).to.deep.equal({
        title: ' -> A',
        status: ' -> Won',
        tag: ' -> new',
      });
    });

    it('of a creation whose history is forgotten are as the item is now', async () => {
      const { podio, reader } = setUp();
      podio.now = item(40, field('title', 'B'));
      expect(shown(await reader.changes(event('item.create', 0)))).to.deep.equal({ title: ' -> B' });
    });

    it('are none where they are forgotten, gone, or not a matter of fields', async () => {
      const { podio, reader } = setUp();
      podio.differences.set('1/2', error('PODIO_INVALID'));
      podio.differences.set('2/3', error('PODIO_FORBIDDEN'));
      podio.now = error('PODIO_NOT_FOUND');
      for (const none of [
        event('item.update', 2),
        event('item.update', 3),
        event('item.update'),
        event('item.update', 0),
        event('item.create', 0),
        event('item.delete', 4),
        event('comment.create'),
      ]) {
        expect(await reader.changes(none), none.id).to.deep.equal(new Map());
      }
    });
  });

  describe('who made the change', () => {
    const by = (name: string) => ({ type: 'user', id: name.length, name });
    const revision = (n: number, name: string): Revision => ({
      revision: n,
      type: 'update',
      created_on: '2026-01-01 00:00:00',
      created_by: by(name),
    });

    it('is told by the item for its creation and its latest revisions, at no call more', async () => {
      const { podio, reader } = setUp();
      const revisions = [revision(4, 'Ann'), revision(3, 'Bo')];
      podio.now = { ...item(4), created_by: by('Cy'), current_revision: revisions[0], revisions };
      expect(await reader.actor(event('item.update', 4))).to.deep.equal(by('Ann'));
      expect(await reader.actor(event('item.update', 3))).to.deep.equal(by('Bo'));
      expect(await reader.actor(event('item.create', 0))).to.deep.equal(by('Cy'));
      expect(podio.asked).to.deep.equal(['app item 7']);
    });

    it('is read from the history for older ones, once', async () => {
      const { podio, reader } = setUp();
      podio.now = item(40);
      podio.revisions = [revision(2, 'Di')];
      for (let n = 0; n < 3; n++) expect(await reader.actor(event('item.update', 2))).to.deep.equal(by('Di'));
      expect(await reader.actor(event('item.update', 1))).to.equal(undefined);
      expect(podio.asked).to.deep.equal(['app item 7', 'revisions 7', 'revisions 7']);
    });

    it('is nobody where Podio does not tell', async () => {
      const { podio, reader } = setUp();
      for (const type of ['item.delete', 'comment.delete', 'schedule.fire', 'task.update']) {
        expect(await reader.actor(event(type)), type).to.equal(undefined);
      }
      expect(podio.asked).to.deep.equal([]);
    });
  });

  describe('comments, tasks and files', () => {
    const params = { comment_id: '5', task_id: '6' };

    it('are read once for all that ask about one event', async () => {
      const { podio, reader } = setUp();
      const comment = { comment_id: 5, value: 'hi', created_by: { type: 'user', id: 1 } };
      podio.answers.set('comment 5', comment).set('task 6', { task_id: 6 });
      const commented = event('comment.create', undefined, { params });
      const asks = Array.from({ length: 9 }, () => reader.comment(commented));
      expect(new Set(await Promise.all(asks))).to.deep.equal(new Set([comment]));
      expect(await reader.actor(commented)).to.deep.equal(comment.created_by);
      expect(await reader.task(event('task.create', undefined, { params }))).to.deep.equal({ task_id: 6 });
      expect(podio.asked).to.deep.equal(['comment 5', 'task 6']);
    });

    it('are nothing once they are gone, and no call is made for what was deleted', async () => {
      const { podio, reader } = setUp();
      expect(await reader.comment(event('comment.create', undefined, { params }))).to.equal(undefined);
      expect(await reader.comment(event('comment.delete', undefined, { params }))).to.equal(undefined);
      expect(await reader.task(event('item.update', 3))).to.equal(undefined);
      expect(podio.asked).to.deep.equal(['comment 5']);
    });

    it('keep an outage an error, and are asked for again', async () => {
      const { podio, reader } = setUp();
      podio.answers.set('comment 5', error('PODIO_UNAVAILABLE'));
      const commented = event('comment.create', undefined, { params });
      expect(await reader.comment(commented).catch(({ code }) => code)).to.equal('PODIO_UNAVAILABLE');
      podio.answers.set('comment 5', { comment_id: 5 });
      expect(await reader.comment(commented)).to.deep.equal({ comment_id: 5 });
    });

    it('are those that the event names, from the item where it has them', async () => {
      const { podio, reader } = setUp();
      const files = [{ file_id: 1 }, { file_id: 2, name: 'b.pdf' }];
      podio.now = { ...item(3), files };
      podio.answers.set('file 4', { file_id: 4, name: 'd.pdf' });
      const created = { params: { action_type: 'file_created', file_ids: '2,4,9' } };
      expect(await reader.files(event('file.change', undefined, created))).to.deep.equal([
        { file_id: 2, name: 'b.pdf' },
        { file_id: 4, name: 'd.pdf' },
        { file_id: 9 },
      ]);
      expect(await reader.files(event('item.update', 3))).to.deep.equal(files);
      expect(podio.asked).to.deep.equal(['app item 7', 'file 4', 'file 9']);
      const deleted = { params: { action_type: 'file_deleted', file_ids: '2' } };
      expect(await reader.files(event('file.change', undefined, deleted))).to.deep.equal([{ file_id: 2 }]);
      expect(podio.asked).to.have.length(3);
    });
  });
});
