import { expect } from 'chai';
import type { NewEvent } from '../../../../src/core/event.ts';
import { makeJournal } from '../../../../src/store/sqlite/journal.ts';
import type { Thread } from '../../../../src/store/sqlite/thread.ts';
import { type PackedRows, packApplied, unpackRows } from '../../../../src/store/sqlite/wire.ts';
import type { Writes } from '../../../../src/store/sqlite/writes/index.ts';
import { codeOf, itemEvent } from '../../../contract/store/worlds.ts';

/** A writer that has everything on disk, and leaves out of its answers what is in `unanswered`. */
function diskOf(unanswered: ReadonlySet<number>) {
  const disk: number[] = [];
  const writer = {
    async callWith(_operation: string, args: () => [PackedRows, number]) {
      await new Promise(resolve => setImmediate(resolve));
      const [rows, at] = args();
      const written = unpackRows(rows, at);
      const first = disk.length;
      for (const { itemId } of written) disk.push(itemId ?? 0);
      const decisions = written.map(({ itemId }, i) =>
        unanswered.has(itemId ?? 0)
          ? ({ status: 'done' } as const)
          : ({ status: 'released', seq: first + i + 1, twin: false } as const),
      );
      return packApplied({ decisions: decisions as never });
    },
  };
  return { disk, writer: writer as unknown as Thread<Writes> };
}

describe('a journal whose answer can not be read after the flush', () => {
  it('writes nothing of it again and has room for as much as before', async () => {
    const { disk, writer } = diskOf(new Set([2]));
    const { journal } = makeJournal({
      writer,
      reader: undefined as never,
      head: 0,
      maxWaiting: 3,
      now: () => 0,
      changed: () => {},
      held: () => {},
    });
    const append = (...items: number[]) =>
      codeOf(journal.append(items.map((item): NewEvent => itemEvent(item, 1))));
    expect(await Promise.all([append(1), append(2), append(3)])).to.deep.equal([
      undefined,
      'INTERNAL',
      'INTERNAL',
    ]);
    expect(disk).to.deep.equal([1, 2, 3]);
    // Had they been taken off twice, more could wait than may; had they not been, less.
    expect(await Promise.all([append(4), append(5), append(6), append(7)])).to.deep.equal([
      undefined,
      undefined,
      undefined,
      'STORE_UNAVAILABLE',
    ]);
    expect(disk).to.deep.equal([1, 2, 3, 4, 5, 6]);
  });
});
