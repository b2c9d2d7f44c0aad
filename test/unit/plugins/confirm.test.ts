import { expect } from 'chai';
import confirm from '../../../plugins/confirm/index.ts';
import { PodioError } from '../../../src/core/errors.ts';
import type { PodioEvent } from '../../../src/core/event.ts';
import { testPlugin } from '../../../src/plugin/testing.ts';

const notAsked = () => expect.fail('is not asked for');

/** Podio with an item of app 101 at revision 5, a comment and a task of the number 1, and nothing else. */
const podio = {
  items: {
    get: async (id: number) => (id === 1 ? item : missing()),
    create: notAsked,
    update: notAsked,
    delete: notAsked,
    filter: notAsked,
  },
  comments: {
    get: async (id: number) =>
      id === 1 ? { comment_id: 1, value: '', ref: { type: 'item', id: 1 } } : missing(),
    create: notAsked,
    list: notAsked,
  },
  apps: { get: async (id: number) => (id < 200 ? { app_id: id } : missing()) },
  tasks: {
    get: async (id: number) => (id === 1 ? { task_id: 1 } : missing()),
    create: notAsked,
    list: notAsked,
  },
};
const item = { item_id: 1, title: '', app: { app_id: 101 }, current_revision: { revision: 5 }, fields: [] };
const missing = (): never => {
  throw new PodioError('PODIO_NOT_FOUND', 'gone', { retry: 'never', status: 404 });
};

const passes = async (event: Partial<PodioEvent>, of: object = podio): Promise<boolean> => {
  await using tested = await testPlugin(confirm, { options: {}, podio: of as never });
  return (await tested.run({ event })).length === 1;
};

describe('confirm', () => {
  const cases: readonly (readonly [event: Partial<PodioEvent>, isSo: boolean])[] = [
    [{ type: 'item.create', itemId: 1 }, true],
    [{ type: 'item.create', itemId: 2 }, false],
    [{ type: 'item.create', itemId: 1, ref: { type: 'app', id: 102 } }, false],
    [{ type: 'item.create', itemId: 1, ref: { type: 'app_field', id: 7 } }, true],
    [{ type: 'item.update', itemId: 1, revision: 5 }, true],
    [{ type: 'item.update', itemId: 1, revision: 6 }, false],
    [{ type: 'item.delete', itemId: 1 }, false],
    [{ type: 'item.delete', itemId: 2 }, true],
    [{ type: 'file.change', itemId: 1 }, true],
    [{ type: 'comment.create', itemId: 1, params: { comment_id: '1' } }, true],
    [{ type: 'comment.create', itemId: 2, params: { comment_id: '1' } }, false],
    [{ type: 'comment.create', itemId: 1, params: { comment_id: '2' } }, false],
    [{ type: 'app.update', params: { app_id: '101' } }, true],
    [{ type: 'app.update', params: { app_id: '102' } }, false],
    [{ type: 'app.create', ref: { type: 'space', id: 7 }, params: { app_id: '102' } }, true],
    [{ type: 'app.create', ref: { type: 'space', id: 7 }, params: { app_id: '202' } }, false],
    [{ type: 'comment.delete', params: { comment_id: '1' } }, false],
    [{ type: 'comment.delete', params: { comment_id: '2' } }, true],
    [{ type: 'task.create', params: { task_id: '1' } }, true],
    [{ type: 'task.update', params: { task_id: '2' } }, false],
    [{ type: 'task.delete', params: { task_id: '2' } }, true],
    [{ type: 'member.add', params: { user_id: '1' } }, false],
    [{ type: 'item.create', itemId: 2, source: 'recovered' }, true],
    [{ type: 'schedule.fire', source: 'schedule' }, true],
  ];
  for (const [event, isSo] of cases) {
    it(`${isSo ? 'passes' : 'stops'} ${JSON.stringify(event)}`, async () => {
      expect(await passes(event)).to.equal(isSo);
    });
  }

  it('takes the revision that the item itself tells, and a comment that does not tell what it is on', async () => {
    const { current_revision, ...plain } = item;
    const said = (over: object) => ({ ...podio, items: { ...podio.items, get: async () => over } });
    const update = { type: 'item.update', itemId: 1, revision: 5 } as const;
    expect(await passes(update, said({ ...plain, revision: 5 }))).to.equal(true);
    expect(await passes(update, said({ ...plain, revision: 4 }))).to.equal(false);
    const get = async () => ({ comment_id: 1, value: '', ref: null });
    const comment = { type: 'comment.create', itemId: 1, params: { comment_id: '1' } } as const;
    expect(await passes(comment, { ...podio, comments: { ...podio.comments, get } })).to.equal(true);
  });

  it('fails, to be tried again, while Podio can not say', async () => {
    const away = async () => {
      throw new PodioError('PODIO_UNAVAILABLE', 'away', { retry: 'backoff' });
    };
    const failure = await passes(
      { type: 'item.delete', itemId: 1 },
      { items: { ...podio.items, get: away } },
    ).catch(error => error.code);
    expect(failure).to.equal('PODIO_UNAVAILABLE');
  });
});
