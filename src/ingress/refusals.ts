import type { Clock } from '../core/clock.ts';
import type { Log, LogFields } from '../core/log.ts';

/** Tells of refused requests at a bounded rate, since anyone on the internet can cause them. */
export interface Refusals {
  /** `code` is the kind; `fields` describe this one. */
  add(code: string, fields: LogFields): void;
}

/** One line a kind and minute. The first is told at once, those between are counted in the next. */
const EVERY_MS = 60_000;

export function makeRefusals(log: Log, clock: Clock): Refusals {
  const kinds = new Map<string, { toldAt: number; untold: number }>();
  return {
    add(code, fields) {
      const now = clock.monotonic();
      const kind = kinds.get(code) ?? { toldAt: Number.NEGATIVE_INFINITY, untold: 0 };
      kinds.set(code, kind);
      if (now - kind.toldAt < EVERY_MS) {
        kind.untold += 1;
        return;
      }
      // Strangers knock at every door; what has a valid key is Podio's, and may be an event that is lost.
      log[code === 'INGRESS_NOT_FOUND' ? 'info' : 'warn']('request refused', {
        code,
        ...fields,
        ...(kind.untold > 0 ? { untold: kind.untold } : {}),
      });
      kind.toldAt = now;
      kind.untold = 0;
    },
  };
}
