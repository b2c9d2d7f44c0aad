import type { Retention } from '../contract.ts';
import type { Leases } from '../leases.ts';
import type { Reads } from './reads/index.ts';
import type { Thread } from './thread.ts';
import type { Writes } from './writes/index.ts';

interface RetentionParts {
  readonly writer: Thread<Writes>;
  readonly reader: Thread<Reads>;
  readonly leases: Leases;
  now(): number;
  /** Called when events up to here may be gone. */
  removed(upTo: number): void;
}

export function makeRetention({ writer, reader, leases, now, removed }: RetentionParts): Retention {
  return {
    async removeEvents(lease, { olderThanMs, ...removal }) {
      leases.checkSingleton(lease);
      const at = now();
      const answer = await writer.call('removeEvents', removal, at - olderThanMs, at);
      if (answer.events > 0) removed(answer.upTo);
      return answer;
    },
    async forgetSteps(lease, olderThanMs, again) {
      leases.checkSingleton(lease);
      return writer.call('forgetSteps', now() - olderThanMs, again);
    },
    async giveBack(lease) {
      leases.checkSingleton(lease);
      return writer.call('giveBack');
    },
    usage: () => reader.call('usage'),
  };
}
