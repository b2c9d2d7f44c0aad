import type { HookRef } from '../core/hook.ts';
import type { ItemReader } from '../podio/contract.ts';
import { makeFieldAudit } from '../recover/index.ts';
import type { Base } from './base.ts';

/**
 * Compares what fields' hooks delivered where some of it may be lost: at once for the time before this start, then for each
 * hook that was found dead. To be made before the ingress listens.
 */
export async function fieldAudit(base: Base, reader: Pick<ItemReader, 'changes'>) {
  const { live, store, fields, clock, log } = base;
  const audit = makeFieldAudit({
    config: () => live.config,
    journal: store.journal,
    reader,
    fields,
    now: store.now,
    clock,
    log,
  });
  const [last] = await store.journal.list({ last: 1 });
  const lastAt = last && Date.parse(last.event.receivedAt);
  // Deliveries of one change that came here and there: some before the stop, some after it, some in between.
  if (lastAt !== undefined) audit.doubt(lastAt);
  return {
    stop: audit.stop,
    mended(ref: HookRef, since: number | undefined): void {
      // What is dead at the first look was alive at one of the last looks of the process before, or it had been mended.
      const from = since ?? (lastAt === undefined ? undefined : lastAt - live.config.reconcile.everyMs);
      if (ref.type === 'app_field' && from !== undefined) audit.doubt(from, ref);
    },
  };
}
