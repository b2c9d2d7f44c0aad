import { expect } from 'chai';
import { chunksOf } from '../../../src/cli/chunks.ts';
import { makeKnown } from '../../../src/cli/known.ts';
import type { PodioEvent } from '../../../src/core/event.ts';

const event = (itemId: number, ref: PodioEvent['ref'] = { type: 'app', id: 101 }): PodioEvent => ({
  seq: itemId,
  id: `item.update:${itemId}:1`,
  type: 'item.update',
  source: 'webhook',
  ref,
  itemId,
  params: {},
  receivedAt: '2026-01-10T12:00:00.000Z',
});

const kept = [
  { fieldId: 7, appId: 101, externalId: 'status', label: 'Status', type: 'category' },
  { fieldId: 8, appId: 101, externalId: 'old', label: 'Old', type: 'text', gone: true },
];
const settings = { list: async () => new Map([['fields/101', kept]]) };

describe('what people call items and fields', () => {
  it('asks the daemon once for many, and again only for what it did not know', async () => {
    const asked: (readonly number[])[] = [];
    const known = makeKnown(
      { settings },
      {
        itemNumbers: async ids => {
          asked.push(ids);
          return new Map(ids.filter(id => id < 3).map(id => [id, id * 10]));
        },
      },
    );
    await known.look([event(1), event(2), event(1), event(3)]);
    await known.look([event(1), event(2)]);
    await known.look([event(1), event(3)]);
    expect(asked).to.deep.equal([[1, 2, 3], [3]]);
    expect([1, 2, 3, undefined].map(known.numberOf)).to.deep.equal([10, 20, undefined, undefined]);
  });

  it('does without a daemon, and does not ask again for one', async () => {
    let calls = 0;
    const itemNumbers = () => {
      calls++;
      return Promise.reject(new Error('nobody there'));
    };
    const known = makeKnown({ settings }, { itemNumbers });
    await known.look([event(1)]);
    await known.look([event(2, { type: 'app_field', id: 7 })]);
    expect([calls, known.numberOf(1)]).to.deep.equal([1, undefined]);
    expect([7, 8, 9].map(known.fieldOf)).to.deep.equal(['status', 'old', undefined]);
  });

  it('comes in chunks, whole and in order', async () => {
    const chunks: (readonly number[])[] = [];
    for await (const chunk of chunksOf([1, 2, 3, 4, 5], 2)) chunks.push(chunk);
    expect(chunks).to.deep.equal([[1, 2], [3, 4], [5]]);
    for await (const _ of chunksOf([], 2)) expect.fail();
  });
});
