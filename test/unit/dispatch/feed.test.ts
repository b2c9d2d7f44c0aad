import { expect } from 'chai';
import { type Chunk, firstAbove, makeFeed } from '../../../src/dispatch/feed.ts';
import { makeMemoryStore } from '../../../src/store/memory.ts';
import { itemUpdate } from './support.ts';

async function journalOf(count: number) {
  const { journal } = makeMemoryStore();
  await journal.append(Array.from({ length: count }, (_, item) => itemUpdate(item)));
  const reads: number[] = [];
  return {
    reads,
    journal: {
      head: journal.head,
      append: journal.append,
      read: (query: { after: number; limit: number }) => {
        reads.push(query.after);
        return journal.read(query);
      },
    },
  };
}
const limits = { entries: 10, chunks: 3, bytes: 1_000_000 };
/** Some reader still needs everything. */
const nowhere = () => 0;
const seqs = (chunk: Chunk | undefined) => chunk?.entries.map(({ event }) => event.seq);

describe('feed', () => {
  it('reads once for all who ask at the same place, together or later', async () => {
    const { journal, reads } = await journalOf(5);
    const feed = makeFeed(journal, nowhere, limits);
    const [one, other] = await Promise.all([feed.read(0), feed.read(0)]);
    expect(seqs(one)).to.deep.equal([1, 2, 3, 4, 5]);
    expect(other).to.equal(one);
    expect(feed.read(0)).to.equal(one);
    expect(reads).to.deep.equal([0]);
  });

  it('serves a place inside of what was read, at once', async () => {
    const { journal, reads } = await journalOf(25);
    const feed = makeFeed(journal, nowhere, limits);
    const first = (await feed.read(0)) as Chunk;
    await feed.read(10);
    expect(feed.read(4)).to.equal(first);
    expect(first.entries[firstAbove(first, 4)]?.event.seq).to.equal(5);
    expect(firstAbove(first, 10)).to.equal(10);
    expect(reads).to.deep.equal([0, 10]);
  });

  it('says at once that there is nothing, and reads what has come since', async () => {
    const { journal, reads } = await journalOf(2);
    const feed = makeFeed(journal, nowhere, limits);
    await feed.read(0);
    expect(feed.read(2)).to.equal(undefined);
    await journal.append([itemUpdate(9)]);
    expect(seqs(await feed.read(2))).to.deep.equal([3]);
    expect(reads).to.deep.equal([0, 2]);
  });

  it('keeps a bounded number of chunks and bytes, those used last', async () => {
    const { journal, reads } = await journalOf(50);
    const feed = makeFeed(journal, nowhere, limits);
    for (const after of [0, 10, 20, 0, 30]) await feed.read(after);
    expect(reads).to.deep.equal([0, 10, 20, 30]);
    expect(feed.read(0)).to.not.be.instanceOf(Promise);
    expect(feed.read(10)).to.be.instanceOf(Promise);

    const small = makeFeed(journal, nowhere, { ...limits, bytes: 1 });
    await small.read(0);
    await small.read(10);
    expect(small.read(10)).to.not.be.instanceOf(Promise);
    expect(small.read(0)).to.be.instanceOf(Promise);
  });

  it('keeps nothing that all readers have passed', async () => {
    const { journal } = await journalOf(40);
    let lowest = 0;
    const feed = makeFeed(journal, () => lowest, limits);
    await feed.read(0);
    await feed.read(10);
    lowest = 19;
    await feed.read(20);
    expect(feed.read(5)).to.be.instanceOf(Promise);
    expect(feed.read(15)).to.not.be.instanceOf(Promise);
  });

  it('hands an error to all who wait, and reads again for the next one', async () => {
    const { journal } = await journalOf(1);
    let broken = true;
    const read: typeof journal.read = async query => {
      if (broken) throw new Error('no');
      return journal.read(query);
    };
    const feed = makeFeed({ head: journal.head, read }, nowhere);
    const answers = await Promise.allSettled([feed.read(0), feed.read(0)]);
    expect(answers.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected']);
    broken = false;
    expect(seqs(await feed.read(0))).to.deep.equal([1]);
  });

  it('works out order keys once for all lanes', async () => {
    const { journal } = await journalOf(1);
    const chunk = await makeFeed(journal, nowhere).read(0);
    expect(chunk?.entries[0]).to.include({ order: 'item:0', twin: false });
    expect(chunk?.bytes).to.be.above(500);
  });
});
