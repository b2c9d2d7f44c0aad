import type { Config } from '../config/model.ts';
import { coerceError } from '../core/errors.ts';
import type { PodioEvent } from '../core/event.ts';
import type { Log } from '../core/log.ts';
import { makeRecent } from '../podio/recent.ts';
import type { Gaps } from '../store/contract.ts';

export interface DeletionsDeps {
  readonly gaps: Pick<Gaps, 'deleted'>;
  readonly config: () => Pick<Config, 'rules'>;
  readonly log: Log;
}

/** Items that have been dealt with. */
const KEPT = 10_000;

/**
 * What reads prove of deletions. Nobody can find one afterwards by looking, and what was deleted can't be read: so one that
 * no delivery told of is counted and no more. Where no rule wants deletions, none is missed.
 */
export function makeDeletions({ gaps, config, log }: DeletionsDeps) {
  const known = makeRecent<number, true>(KEPT);
  const areWanted = (app: string): boolean =>
    config().rules.some(({ triggers }) =>
      triggers.some(
        trigger =>
          trigger.kind === 'app' && trigger.apps.includes(app) && trigger.events.includes('item.delete'),
      ),
    );
  return {
    /** podiod has deleted it itself, with or without hooks. */
    own: (itemId: number): void => known.set(itemId, true),

    /** Podio says that the item of the event is not there. */
    proved({ app }: PodioEvent, itemId: number): void {
      if (app === undefined || known.get(itemId) || !areWanted(app)) return;
      known.set(itemId, true);
      gaps
        .deleted(itemId, app)
        .catch(error => log.debug('deletion not recorded', { app, item: itemId, error: coerceError(error) }));
    },
  };
}
