import type { Pauses } from '../contract.ts';
import type { Reads } from './reads/index.ts';
import type { Thread } from './thread.ts';
import type { Writes } from './writes/index.ts';

/** `requested` is called when a wish can be read. */
export function makePauses(
  writer: Thread<Writes>,
  reader: Thread<Reads>,
  now: () => number,
  requested: () => void,
): Pauses {
  const told = (changed: boolean): boolean => {
    if (changed) requested();
    return changed;
  };
  return {
    pause: async what => told(await writer.call('pause', what, now())),
    resume: async what => told(await writer.call('resume', what, now())),
    list: () => reader.call('pauses'),
  };
}
