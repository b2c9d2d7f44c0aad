import type { Replays } from '../contract.ts';
import type { Reads } from './reads/index.ts';
import type { Thread } from './thread.ts';
import type { Writes } from './writes/index.ts';

/** `requested` is called when a wish can be read. */
export function makeReplays(
  writer: Thread<Writes>,
  reader: Thread<Reads>,
  now: () => number,
  requested: () => void,
): Replays {
  return {
    async request(rule, range) {
      const id = await writer.call('replay', rule, range, now());
      requested();
      return id;
    },
    list: () => reader.call('replays'),
  };
}
