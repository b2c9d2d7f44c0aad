import type { OwnChanges } from '../contract.ts';
import type { Reads } from './reads/index.ts';
import type { Thread } from './thread.ts';
import type { Writes } from './writes/index.ts';

export const makeOwn = (writer: Thread<Writes>, reader: Thread<Reads>, now: () => number): OwnChanges => ({
  async add(change) {
    await writer.call('addOwn', change, now());
  },
  find: id => reader.call('findOwn', id),
  items: () => reader.call('ownItems'),
});
