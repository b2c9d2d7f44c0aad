import { expect } from 'chai';
import {
  type Reader,
  readApp,
  readComment,
  readDifference,
  readFile,
  readHooks,
  readItem,
  readPage,
  readRevisions,
  readTasks,
} from '../../../src/podio/shapes.ts';

const FIELD = { field_id: 1, external_id: 'status', type: 'category', label: 'Status' };
const VALUES = [{ value: { id: 1 } }];
const ITEM = { item_id: 7, title: 'Acme', fields: [{ ...FIELD, values: VALUES }] };
const DIFFERENCE = { ...FIELD, from: [], to: VALUES };
const APP_FIELD = { ...FIELD, status: 'active', config: {} };
const APP = { app_id: 101, config: { name: 'Leads' }, fields: [APP_FIELD] };
const REVISION = { revision: 3 };

const withField = (over: object) => ({ ...ITEM, fields: [{ ...FIELD, values: VALUES, ...over }] });
const withAppField = (over: object) => ({ ...APP, fields: [{ ...APP_FIELD, ...over }] });

/** What becomes of an answer, and where something odd in it is told. Without a third nothing is changed. */
type Case = readonly [given: unknown, odd: string, becomes?: unknown];

const cases: Record<string, { read: Reader; taken: Case[]; refused: unknown[] }> = {
  'an item': {
    read: readItem,
    taken: [
      [ITEM, ''],
      [{ ...ITEM, fields: [], tags: null, extra: [], created_via: null, external_id: null, app: null }, ''],
      [withField({ type: 'hologram', config: null, label: 5, values: [{ of: 'a new kind' }] }), ''],
      [withField({ values: null }), '', withField({ values: [] })],
      [withField({ values: 0 }), 'fields.values', withField({ values: [] })],
      [withField({ values: [null, ...VALUES, 5] }), 'fields.values', ITEM],
      [withField({ type: null }), '', withField({ type: '' })],
      [withField({ external_id: null }), '', withField({ external_id: '1' })],
      [withField({ external_id: {} }), 'fields', { ...ITEM, fields: [] }],
      [{ ...ITEM, fields: [null, ...ITEM.fields] }, 'fields', ITEM],
      [
        { ...ITEM, config: undefined, revision: '3', item_id: '7' },
        '',
        { ...ITEM, config: undefined, revision: 3 },
      ],
      [{ ...ITEM, revision: [] }, 'revision', ITEM],
      [{ ...ITEM, app: { app_id: '101' } }, '', { ...ITEM, app: { app_id: 101 } }],
      [{ ...ITEM, app: 'leads' }, 'app', ITEM],
    ],
    refused: [null, [], 'x', {}, { ...ITEM, item_id: 1e308 }, { ...ITEM, fields: {} }, { item_id: 7 }],
  },
  'a difference': {
    read: readDifference,
    taken: [
      [[DIFFERENCE], ''],
      [[{ ...DIFFERENCE, from: null }], '', [DIFFERENCE]],
      [[{ ...DIFFERENCE, to: [null, ...VALUES] }], 'to', [DIFFERENCE]],
      [[{ ...DIFFERENCE, field_id: '1' }, 5], '', [DIFFERENCE]],
    ],
    refused: [{}, null, [{}]],
  },
  revisions: {
    read: readRevisions,
    taken: [
      [[REVISION, { revision: 0, created_via: null, created_by: null }], ''],
      [[{ revision: '3' }, { revision: 1.5 }, null], '', [REVISION]],
    ],
    refused: [{}],
  },
  'a page of items': {
    read: readPage,
    taken: [
      [{ items: [], total: 0, filtered: 0 }, ''],
      [{ items: [ITEM], filtered: '1' }, '', { items: [ITEM], filtered: 1 }],
      [{ items: [ITEM], filtered: null }, ''],
    ],
    // A place in it is found by how many there are.
    refused: [{ items: [ITEM, null] }, {}, [ITEM]],
  },
  'an app': {
    read: readApp,
    taken: [
      [APP, ''],
      [{ ...APP, config: null }, '', { ...APP, config: { name: '' } }],
      [{ ...APP, config: { name: 'Leads', item_name: ['Lead'] } }, 'config.item_name', APP],
      [withAppField({ label: null, config: { settings: null } }), ''],
      [withAppField({ status: undefined, config: undefined }), '', APP],
      [withAppField({ config: [] }), 'fields.config', APP],
      [withAppField({ config: { settings: [] } }), 'fields.config.settings', APP],
      [withAppField({ field_id: null }), 'fields', { ...APP, fields: [] }],
    ],
    refused: [
      { ...APP, app_id: 0 },
      { ...APP, fields: null },
    ],
  },
  'a comment': {
    read: readComment,
    taken: [[{ comment_id: 1, value: null, ref: null }, '', { comment_id: 1, value: '', ref: null }]],
    refused: [{ value: 'x' }],
  },
  tasks: {
    read: readTasks,
    taken: [[[{ task_id: 1 }, {}], '', [{ task_id: 1, text: '' }]]],
    refused: [{}],
  },
  'a file': {
    read: readFile,
    taken: [[{ file_id: '1', size: null }, '', { file_id: 1, name: '', size: null }]],
    refused: [{ name: 'a.pdf' }],
  },
  hooks: {
    read: readHooks,
    taken: [
      [[{ hook_id: 1, type: 'item.update', url: 'https://x', created_via: null }], ''],
      [
        [{ hook_id: '1', type: 'item.update', url: null }],
        '',
        [{ hook_id: 1, type: 'item.update', url: '' }],
      ],
    ],
    refused: [{}, [{ type: 'item.update', url: 'https://x' }], [{ hook_id: 1, url: 'https://x' }]],
  },
};

describe('what Podio answers', () => {
  for (const [what, { read, taken, refused }] of Object.entries(cases)) {
    for (const [given, odd, becomes = given] of taken) {
      it(`is ${what} all the same: ${JSON.stringify(given)}`, () => {
        const told: string[] = [];
        expect(read(given, where => told.push(where))).to.deep.equal(becomes);
        expect(told[0] ?? '').to.equal(odd);
      });
    }
    for (const given of refused) {
      it(`is something else than ${what}: ${JSON.stringify(given)}`, () => {
        expect(read(given, () => {})).to.equal(undefined);
      });
    }
  }
});
