import type { Parking } from '../contract.ts';
import type { Reads } from './reads/index.ts';
import type { Thread } from './thread.ts';
import type { Writes } from './writes/index.ts';

/** `requested` is called when a wish can be read. */
export function makeParking(
  writer: Thread<Writes>,
  reader: Thread<Reads>,
  now: () => number,
  requested: () => void,
): Parking {
  return {
    list: (query = {}) => reader.call('parked', query),
    counts: () => reader.call('parkedCounts'),
    async retry(selection) {
      const ids = await writer.call('retry', selection);
      // A halted rule takes that as the word to go on, also when nothing of it is parked.
      if (ids.length > 0 || !('ids' in selection)) requested();
      return ids;
    },
    drop: selection => writer.call('drop', selection, now()),
  };
}
