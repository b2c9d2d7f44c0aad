import { expect } from 'chai';
import fieldChangeFilter from '../../../plugins/field-change-filter/index.ts';
import { testPlugin } from '../../../src/plugin/testing.ts';

const option = (id: number, text: string) => ({ value: { id, text, status: 'active' } });
const status = { type: 'category', from: [option(1, 'Open')], to: [option(3, 'Won')] };

/** Whether the change passes a filter with these options. */
const passes = async (options: Record<string, unknown>, changes: Parameters<typeof run>[1] = { status }) =>
  (await run(options, changes)).length === 1;

const run = async (
  options: Record<string, unknown>,
  changes: Record<string, Partial<typeof status> & Record<string, unknown>>,
) => {
  await using tested = await testPlugin(fieldChangeFilter, { options, aliases: { state: 'status' } });
  return tested.run({ changes: changes as never });
};

describe('field-change-filter', () => {
  it('wants the field to have changed', async () => {
    expect(await passes({ field: 'status' })).to.equal(true);
    expect(await passes({ field: 'value' })).to.equal(false);
    expect(await passes({ field: 'status' }, {})).to.equal(false);
  });

  it('knows fields by alias, external id and field id', async () => {
    for (const field of ['state', 'status', '1', 1]) expect(await passes({ field })).to.equal(true);
    expect(await passes({ field: 2 })).to.equal(false);
  });

  for (const [options, expected] of [
    [{ to: 'Won' }, true],
    [{ to: 'Lost' }, false],
    [{ to: ['Lost', 'Won'] }, true],
    [{ to: 3 }, true],
    [{ from: 'Open', to: 'Won' }, true],
    [{ from: 'Lost', to: 'Won' }, false],
    [{ from: ['Open', 'Lost'] }, true],
    [{ from: 'Won' }, false],
    [{ from: null }, false],
    [{ to: null }, false],
  ] as const) {
    it(`${expected ? 'passes' : 'stops'} Open -> Won with ${JSON.stringify(options)}`, async () => {
      expect(await passes({ field: 'status', ...options })).to.equal(expected);
    });
  }

  it('takes a creation as a change from empty, and clearing as one to empty', async () => {
    const created = { status: { ...status, from: [] } };
    expect(await passes({ field: 'status', from: null, to: 'Won' }, created)).to.equal(true);
    expect(await passes({ field: 'status', from: 'Open' }, created)).to.equal(false);
    const cleared = { status: { ...status, to: [] } };
    expect(await passes({ field: 'status', to: [null, 'Lost'] }, cleared)).to.equal(true);
    expect(await passes({ field: 'status', to: 'Won' }, cleared)).to.equal(false);
  });

  // One row for each field type; core/values.test.ts has the finer points.
  for (const [type, value, wanted] of [
    ['text', { value: '<p>Hi</p>' }, 'Hi'],
    ['number', { value: '5.0000' }, 5],
    ['money', { value: '5.0000', currency: 'EUR' }, { value: 5, currency: 'EUR' }],
    ['progress', { value: 50 }, 50],
    ['duration', { value: 3600 }, 3600],
    ['category', { value: { id: 2, text: 'B' } }, 'B'],
    ['question', { value: { id: 2, text: 'B' } }, 2],
    ['state', { value: 'done' }, 'done'],
    [
      'date',
      { start: '2026-01-31 10:00:00', start_date: '2026-01-31', start_time: '10:00:00' },
      '2026-01-31',
    ],
    ['app', { value: { item_id: 9, title: 'Acme' } }, 'Acme'],
    ['contact', { value: { profile_id: 9, name: 'Ann', mail: ['a@b.test'] } }, 'a@b.test'],
    ['member', { value: 9 }, 9],
    ['image', { value: { file_id: 9, name: 'a.png' } }, 'a.png'],
    ['file', { value: { file_id: 9, name: 'a.pdf' } }, 9],
    ['embed', { embed: { original_url: 'https://x.test/' }, file: null }, 'https://x.test/'],
    ['location', { value: 'Main st 1' }, 'Main st 1'],
    ['calculation', { value: '1.5000' }, 1.5],
    ['phone', { value: '+45 12 34', type: 'work' }, '+451234'],
    ['email', { value: 'a@b.test', type: 'work' }, 'A@b.test'],
    ['tel', { value: 1234, uri: 'tel:1234' }, 1234],
    ['tag', { value: 'vip' }, 'vip'],
    ['video', { value: 7 }, 7],
    ['media', { value: { id: 7, name: 'clip' } }, 'clip'],
  ] as const) {
    it(`compares fields of type ${type}`, async () => {
      const changes = { f: { type, from: [], to: [value] } };
      expect(await passes({ field: 'f', from: null, to: wanted }, changes as never)).to.equal(true);
      expect(await passes({ field: 'f', to: 'something else' }, changes as never)).to.equal(false);
      expect(await passes({ field: 'f', to: null }, changes as never)).to.equal(false);
    });
  }

  it("goes by the field's settings where they are known", async () => {
    const sum = { type: 'calculation', from: [], to: [{ value: '1.5000' }] };
    expect(await passes({ field: 'f', to: 1.5 }, { f: sum } as never)).to.equal(true);
    const config = { settings: { return_type: 'text' } };
    expect(await passes({ field: 'f', to: 1.5 }, { f: { ...sum, config } } as never)).to.equal(false);
  });

  it('refuses conditions that can never hold', () => {
    for (const wrong of [
      {},
      { field: '' },
      { field: 'f', to: [] },
      { field: 'f', to: [[]] },
      { field: 'f', from: { amount: 1 } },
    ]) {
      expect(fieldChangeFilter.options.safeParse(wrong).success).to.equal(false);
    }
  });

  it('says what it waits for and what it makes of this event', async () => {
    const describe = async (options: Record<string, unknown>) => {
      await using tested = await testPlugin(fieldChangeFilter, { options });
      return tested.describe({ changes: { status } as never });
    };
    expect(await describe({ field: 'status', from: [null, 'Open'], to: 'Won' })).to.equal(
      'passes: wants a change of status from empty or Open to Won',
    );
    expect(await describe({ field: 'value' })).to.equal('stops here: wants any change of value');
    expect(await describe({ field: 'value', to: { value: 5, currency: 'EUR' } })).to.contain('to 5 EUR');
  });

  it('says what it saw where it stops', async () => {
    const explain = async (options: Record<string, unknown>) => {
      await using tested = await testPlugin(fieldChangeFilter, { options });
      return tested.explain({ changes: { status } as never });
    };
    expect(await explain({ field: 'status', from: null, to: ['Lost', 'Gone'] })).to.deep.equal([
      { path: 'changes.status', test: 'from empty to Lost or Gone', seen: 'from Open to Won', holds: false },
    ]);
    expect(await explain({ field: 'value' })).to.deep.equal([
      { path: 'changes.value', test: 'any', seen: 'unchanged', holds: false },
    ]);
  });

  it('rejects when the changes cannot be read, so that the try is repeated', async () => {
    await using tested = await testPlugin(fieldChangeFilter, { options: { field: 'status' } });
    const changes = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('no answer');
        },
      },
    );
    expect(await tested.run({ changes }).catch(e => e.message)).to.equal('no answer');
  });
});
