import { stepsOf } from '../candidate.ts';
import type { Gaps } from '../contract.ts';
import type { Leases } from '../leases.ts';
import { type OpenJournal, toRow } from './journal.ts';
import type { Reads } from './reads/index.ts';
import type { Thread } from './thread.ts';
import type { Writes } from './writes/index.ts';

interface GapParts {
  readonly writer: Thread<Writes>;
  readonly reader: Thread<Reads>;
  readonly leases: Leases;
  readonly publish: OpenJournal['publish'];
  now(): number;
  /** Called when there is an open gap more. */
  changed(): void;
}

export function makeGaps({ writer, reader, leases, publish, now, changed }: GapParts): Gaps {
  return {
    held: () => reader.call('heldItems', now()),
    open: () => reader.call('openGaps', now()),
    ledger: items => reader.call('ledger', items),
    newest: itemId => reader.call('newestRevision', itemId),
    completeness: () => reader.call('completeness', now()),

    async recover(lease, found) {
      leases.checkSingleton(lease);
      const at = now();
      const rows = found.map(recovery => ({
        ...recovery,
        events: recovery.events.map(event => toRow(event, at)),
      }));
      const answers = await writer.call('recover', rows, at);
      let told = 0;
      answers.forEach((applied, i) => {
        const recovery = found[i];
        if (!recovery) return;
        publish(applied, stepsOf(recovery), at);
        told += applied.decisions.filter(({ status }) => status === 'released').length;
      });
      return told;
    },

    async release(lease, gap) {
      leases.checkSingleton(lease);
      const at = now();
      publish(await writer.call('releaseHeld', gap, at), [], at);
      changed();
    },

    async postpone(lease, gap) {
      leases.checkSingleton(lease);
      await writer.call('postponeGap', gap, now());
    },

    deleted: (itemId, app) => writer.call('deletedItem', itemId, app, now()),

    async own(itemId, revision, app) {
      const at = now();
      publish(await writer.call('ownRevision', itemId, revision, app, at), [], at);
    },
  };
}
