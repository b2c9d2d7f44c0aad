import { expect } from 'chai';
import fc from 'fast-check';
import { HOOK_EVENTS, identityOf, idPrefixOf, orderKey, PARTS, partOf } from '../../../src/core/event.ts';

describe('identityOf', () => {
  const cases: [name: string, type: string, params: Record<string, string>, id: string | undefined][] = [
    [
      'a creation, whatever its revision says',
      'item.create',
      { item_id: '1', item_revision_id: '7' },
      'item.create:1:0',
    ],
    ['an update by its revision', 'item.update', { item_id: '1', item_revision_id: '2' }, 'item.update:1:2'],
    [
      'an update to revision 0, which is a value',
      'item.update',
      { item_id: '1', item_revision_id: '0' },
      'item.update:1:0',
    ],
    ['an update without a revision has none', 'item.update', { item_id: '1' }, undefined],
    [
      'an update with an empty revision has none',
      'item.update',
      { item_id: '1', item_revision_id: '' },
      undefined,
    ],
    ['a deletion', 'item.delete', { item_id: '1', item_revision_id: '3' }, 'item.delete:1:3'],
    ['a deletion without a revision', 'item.delete', { item_id: '1' }, 'item.delete:1'],
    ['a comment by its own id', 'comment.create', { item_id: '1', comment_id: '9' }, 'comment.create:9'],
    ['a deleted comment', 'comment.delete', { item_id: '1', comment_id: '9' }, 'comment.delete:9'],
    [
      'files in whatever order',
      'file.change',
      { item_id: '1', action_type: 'file_created', file_ids: '30, 4,5' },
      'file.change:1:file_created:4,5,30',
    ],
    [
      'ids with zeros before them as the numbers they are',
      'item.update',
      { item_id: '0077', item_revision_id: '03' },
      'item.update:77:3',
    ],
    [
      'file ids with zeros too',
      'file.change',
      { item_id: '01', action_type: 'file_created', file_ids: '010,9,9007199254740991' },
      'file.change:1:file_created:9,10,9007199254740991',
    ],
    [
      'a revision of zeros as creation',
      'item.delete',
      { item_id: '1', item_revision_id: '00' },
      'item.delete:1:0',
    ],
    ['a comment with zeros', 'comment.create', { item_id: '1', comment_id: '009' }, 'comment.create:9'],
    ['a task with zeros', 'task.create', { task_id: '06' }, 'task.create:6'],
    ['an app with zeros', 'app.delete', { app_id: '05' }, 'app.delete:5'],
    [
      'a replaced file has none',
      'file.change',
      { item_id: '1', action_type: 'file_replaced', file_ids: '3' },
      undefined,
    ],
    ['a file change of the old form has none', 'file.change', { item_id: '1' }, undefined],
    ['an app', 'app.create', { app_id: '5' }, 'app.create:5'],
    ['an updated app has none', 'app.update', { app_id: '5' }, undefined],
    ['a task', 'task.delete', { task_id: '6' }, 'task.delete:6'],
    ['an updated task has none', 'task.update', { task_id: '6' }, undefined],
    ['a type nobody knows has none', 'moon.rise', { item_id: '1' }, undefined],
  ];
  for (const [name, type, params, id] of cases) {
    it(name, () => expect(identityOf(type, params)).to.equal(id));
  }

  it('does not depend on the hook that delivered', () => {
    const params = { item_id: '1', item_revision_id: '2' };
    expect(identityOf('item.update', { ...params, hook_id: '1' })).to.equal(
      identityOf('item.update', { ...params, hook_id: '2', extra: 'x' }),
    );
  });
});

describe('idPrefixOf', () => {
  it('names the files of a replacement, and else the type', () => {
    const replaced = { item_id: '077', action_type: 'file_replaced', file_ids: '10,7' };
    expect(idPrefixOf('file.change', replaced)).to.equal('file.change:77:file_replaced:7,10');
    expect(idPrefixOf('file.change', { item_id: '77' })).to.equal('file.change');
    expect(idPrefixOf('app.update', { app_id: '5' })).to.equal('app.update');
  });
});

describe('orderKey', () => {
  it('is the item where there is one, else task, app, ref', () => {
    const ref = { type: 'space', id: 3 } as const;
    expect(orderKey({ itemId: 1, params: { task_id: '2', app_id: '3' }, ref })).to.equal('item:1');
    expect(orderKey({ params: { task_id: '2', app_id: '3' }, ref })).to.equal('task:2');
    expect(orderKey({ params: { app_id: '3' }, ref })).to.equal('app:3');
    expect(orderKey({ params: { task_id: '02' }, ref })).to.equal('task:2');
    expect(orderKey({ params: {}, ref })).to.equal('space/3');
    expect(orderKey({ params: {}, ref: { type: 'schedule', id: 'morning' } })).to.equal('schedule/morning');
  });
});

describe('partOf', () => {
  it('is a file format: these never change', () => {
    expect(['item:1', 'item:3300000001', 'schedule/morning', 'æ'].map(partOf)).to.deep.equal([63, 53, 3, 60]);
  });

  it('is 0 to 63 for any key', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), key => {
        const part = partOf(key);
        return Number.isInteger(part) && part >= 0 && part < PARTS;
      }),
    );
  });

  it('spreads items over all parts', () => {
    const parts = new Set(Array.from({ length: 2000 }, (_, n) => partOf(`item:${3_300_000_000 + n}`)));
    expect(parts.size).to.equal(PARTS);
  });
});

describe('HOOK_EVENTS', () => {
  it('lets a hook on a field tell of items only', () => {
    expect(Object.keys(HOOK_EVENTS.app_field)).to.deep.equal(['item.create', 'item.update', 'item.delete']);
  });
});
