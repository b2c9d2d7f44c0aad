import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Settings } from '../store/contract.ts';
import type { Budget, Spent } from './budget.ts';
import { isRecord } from './json.ts';
import type { LoginPace } from './login-pace.ts';
import type { Bucket } from './pace.ts';

const PREFIX = 'budget/';

/**
 * What must outlive a restart of what is known of each identity's budget, in the store under `budget/{identity}`: a wait
 * that Podio asked for, how much background work was done lately, and of what ceiling it is a part. Or a daemon that is
 * started again and again would call into the one and use up the other, and one whose ceiling was raised would stand still
 * until some other call tells of it.
 */
export interface BudgetKeep {
  /** Resolves when what was kept counts again; reads the store once for each identity. Never rejects. */
  restored(identity: string): Promise<void>;
  /** It has changed. Kept soon; a failure is only told. */
  changed(identity: string): void;
}

export function makeBudgetKeep(options: {
  readonly settings: Pick<Settings, 'get' | 'set'>;
  readonly budget: Pick<Budget, 'spent' | 'restore'>;
  readonly pace: Pick<LoginPace, 'pausedMs' | 'limited'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
}): BudgetKeep {
  const { settings, budget, pace, clock, log } = options;
  const restoring = new Map<string, Promise<void>>();
  /** Being written; true: it has changed meanwhile. */
  const writing = new Map<string, boolean>();

  const restore = async (identity: string): Promise<void> => {
    const kept = await settings.get(PREFIX + identity).catch(error => {
      log.debug('budget not read from the store', { identity, error });
    });
    if (!isRecord(kept)) return;
    // A clock that was set back makes waits no longer than they were.
    const elapsed = Math.max(0, clock.now() - (Number(kept.at) || 0));
    budget.restore(
      identity,
      { pausedMs: Number(kept.pausedMs) || 0, limits: limitsOf(kept), background: binsOf(kept) },
      elapsed,
    );
    const loginMs = (Number(kept.loginMs) || 0) - elapsed;
    if (loginMs > 0) pace.limited(identity, loginMs);
  };

  const write = async (identity: string): Promise<void> => {
    writing.set(identity, false);
    try {
      const kept = { at: clock.now(), ...budget.spent(identity), loginMs: pace.pausedMs(identity) };
      await settings.set(PREFIX + identity, kept);
    } catch (error) {
      log.debug('budget not kept', { identity, error });
    }
    const again = writing.get(identity);
    writing.delete(identity);
    if (again) await write(identity);
  };

  return {
    restored(identity) {
      const known = restoring.get(identity) ?? restore(identity);
      restoring.set(identity, known);
      return known;
    },
    changed(identity) {
      if (writing.has(identity)) writing.set(identity, true);
      else void write(identity);
    },
  };
}

function limitsOf({ limits }: Readonly<Record<string, unknown>>): Spent['limits'] {
  const of = (bucket: Bucket) => {
    const limit = isRecord(limits) ? limits[bucket] : undefined;
    return typeof limit === 'number' && limit > 0 ? { [bucket]: limit } : {};
  };
  return { ...of('general'), ...of('limited') };
}

/** Whatever stands there: what is no pair of numbers is left out. */
function binsOf({ background }: Readonly<Record<string, unknown>>): Spent['background'] {
  const of = (bucket: Bucket) => {
    const bins = isRecord(background) ? background[bucket] : undefined;
    return (Array.isArray(bins) ? bins : []).filter(
      (bin): bin is [number, number] => Array.isArray(bin) && bin.every(Number.isFinite) && bin.length === 2,
    );
  };
  return { general: of('general'), limited: of('limited') };
}
