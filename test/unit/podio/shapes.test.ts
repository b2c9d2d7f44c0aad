import { expect } from 'chai';
import { isApp, isDifference, isFilterResult, isItem, isRevision } from '../../../src/podio/shapes.ts';

const FIELD = { field_id: 1, external_id: 'status', type: 'category', label: 'Status' };
const ITEM = { item_id: 7, title: 'Acme', fields: [{ ...FIELD, values: [{ value: { id: 1 } }] }] };
const DIFFERENCE = { ...FIELD, from: [], to: [{ value: 1 }] };
const APP = { app_id: 101, config: { name: 'Leads' }, fields: [FIELD] };

const withField = (over: object) => ({ ...ITEM, fields: [{ ...ITEM.fields[0], ...over }] });
const withAppField = (over: object) => ({ ...APP, fields: [{ ...FIELD, ...over }] });

/** What podiod would trip over later, and what is Podio's own business. */
const cases: Record<string, readonly [is: (value: unknown) => boolean, right: unknown[], wrong: unknown[]]> =
  {
    'an item': [
      isItem,
      [
        ITEM,
        { ...ITEM, fields: [] },
        { ...ITEM, tags: null, extra: [] },
        withField({ config: null, label: 5 }),
      ],
      [
        ...[
          null,
          [],
          'x',
          {},
          { ...ITEM, item_id: '7' },
          { ...ITEM, item_id: 1e308 },
          { ...ITEM, fields: {} },
        ],
        ...[{ ...ITEM, fields: [null] }, withField({ external_id: 5 }), withField({ type: undefined })],
        ...[withField({ values: 0 }), withField({ values: [null] }), withField({ config: 'x' })],
      ],
    ],
    'a difference': [
      isDifference,
      [DIFFERENCE],
      [
        { ...DIFFERENCE, from: undefined },
        { ...DIFFERENCE, to: [null] },
        { ...DIFFERENCE, field_id: '1' },
      ],
    ],
    'a revision': [isRevision, [{ revision: 0 }], [{ revision: '0' }, { revision: 1.5 }, null]],
    'a page of items': [isFilterResult, [{ items: [] }, { items: [ITEM] }], [{ items: [null] }, {}, [ITEM]]],
    'an app': [
      isApp,
      [APP, withAppField({ label: undefined, status: null, config: { settings: null } })],
      [
        ...[
          { ...APP, config: {} },
          { ...APP, config: { name: 'Leads', item_name: ['Lead'] } },
          { ...APP, app_id: 0 },
        ],
        ...[withAppField({ field_id: 0 }), withAppField({ label: {} }), withAppField({ status: {} })],
        withAppField({ config: { label: 5 } }),
      ],
    ],
  };

describe('what Podio answers', () => {
  for (const [what, [is, right, wrong]] of Object.entries(cases)) {
    it(`is ${what} as far as podiod relies on it`, () => {
      for (const value of right) expect(is(value), JSON.stringify(value)).to.equal(true);
      for (const value of wrong) expect(is(value), JSON.stringify(value)).to.equal(false);
    });
  }
});
