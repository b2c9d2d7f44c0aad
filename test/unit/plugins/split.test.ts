import { expect } from 'chai';
import split from '../../../plugins/split/index.ts';
import { testPlugin } from '../../../src/plugin/testing.ts';
import { failureOf } from '../../support/emulated.ts';

const ORDERS = [
  { id: 7, no: 'SO-7' },
  { id: 'x', no: 'SO-x' },
];
const IN = { in: '{{ data.erp.body.orders }}', as: 'order' };

async function run(options: object, orders: unknown) {
  await using tested = await testPlugin(split, { options });
  return tested.run({ data: { erp: { body: { orders } } } });
}

describe('split', () => {
  it('passes on a message for each element, under the name it is given', async () => {
    const data = await run({ ...IN, key: 'id' }, ORDERS);
    expect(data.map(({ order }) => order)).to.deep.equal(ORDERS);
    expect(data[0]).to.have.property('erp');
  });

  it('takes texts and numbers as their own keys', async () => {
    expect((await run(IN, ['a', 5])).map(({ order }) => order)).to.deep.equal(['a', 5]);
  });

  it('takes a list that stands in the config', async () => {
    expect(await run({ in: ['a', 'b'], as: 'order' }, null)).to.have.length(2);
  });

  it('takes the values of a field, which stay what they are', async () => {
    await using tested = await testPlugin(split, {
      options: { in: '{{ fields.owner }}', as: 'person', key: 'user_id' },
    });
    const values = [1, 2].map(id => ({ value: { user_id: id, name: `P${id}` } }));
    const field = { field_id: 1, external_id: 'owner', type: 'contact', label: 'Owner', values };
    const data = await tested.run({ item: { fields: [field] } });
    expect(data.map(({ person }) => person)).to.deep.equal(
      values.map(value => ({ podioField: 'contact', values: [value] })),
    );
  });

  it('ends where the list is empty, or nothing that may count as one', async () => {
    expect(await run({ ...IN, key: 'id' }, [])).to.deep.equal([]);
    expect(await run({ ...IN, key: 'id', optional: true }, undefined)).to.deep.equal([]);
  });

  const refused: readonly (readonly [what: string, options: object, given: unknown, says: RegExp])[] = [
    ['nothing in place of a list', { key: 'id' }, undefined, /came to nothing, and not to a list/],
    ['something that is no list', { key: 'id' }, { a: 1 }, /came to an object, and not to a list/],
    ['text', { key: 'id', optional: true }, 'a, b', /came to a string/],
    ['more than it takes', {}, Array.from({ length: 1001 }, (_, n) => n), /1001 elements, and 1000/],
    ['elements without a key', { key: 'id' }, [{ id: 1 }, {}, { id: '' }], /of 3 elements, 2, 3 has no `id`/],
    ['a key that is too long', {}, ['x'.repeat(201)], /of 1 elements, 1 is no text/],
    ['elements that are no keys', {}, [{ id: 1 }], /is no text and no number/],
  ];
  for (const [what, options, given, says] of refused) {
    it(`parks at once for ${what}`, async () => {
      const error = await failureOf(run({ ...IN, ...options }, given));
      expect(error.message).to.match(says);
      expect(error.retry).to.equal('never');
    });
  }

  it('takes no name that could not stand in a template, and nothing that can be no list', () => {
    for (const options of [
      { ...IN, as: 'two words' },
      { ...IN, in: 'orders' },
      { ...IN, in: 5 },
    ]) {
      expect(split.options.safeParse(options).success).to.equal(false);
    }
  });
});
