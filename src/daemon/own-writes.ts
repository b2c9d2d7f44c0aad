import type { Log } from '../core/log.ts';
import type { Reliably } from '../dispatch/reliably.ts';
import type { Names } from '../podio/contract.ts';
import type { Gaps } from '../store/contract.ts';

export interface OwnWritesDeps {
  readonly gaps: Pick<Gaps, 'own'>;
  readonly names: Pick<Names, 'app'>;
  readonly reliably: Reliably;
  /** Aborted when nobody waits for the store any more. */
  readonly signal: AbortSignal;
  readonly log: Log;
}

/**
 * What podiod writes itself is nothing that it has missed. The run that wrote waits for a store that fails, and so does
 * this: else the rule would be told of its own write as soon as the store works again.
 */
export function makeOwnWrites({ gaps, names, reliably, signal, log }: OwnWritesDeps) {
  return (itemId: number, revision: number, appId: number | undefined): void => {
    const app = appId === undefined ? undefined : names.app(appId);
    void reliably(() => gaps.own(itemId, revision, app), signal).then(recorded => {
      if (recorded === undefined) log.warn('own write not recorded', { item: itemId, revision });
    });
  };
}
