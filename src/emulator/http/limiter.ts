/** How many calls are left (reference section 10). */
import type { Context } from '../context.ts';

export interface Standing {
  readonly limit: number;
  readonly remaining: number;
  /** Set when the call may not be made: seconds until one may. */
  readonly waitSeconds: number | undefined;
}

export interface Limiter {
  /** Counts one call of this caller. */
  take(caller: string, operation: string): Standing;
  takeLogin(caller: string): Standing;
}

/** Calls of one caller: their times in a sliding window, or the start of a fixed one and a count. */
interface Count {
  times: number[];
}

type Class = 'general' | 'limited';

export function makeLimiter(context: Context): Limiter {
  const counts = new Map<string, Count>();

  /** Ages the count, and adds this call if there is room. */
  function add(key: string, limit: number, windowMs: number, window: 'fixed' | 'sliding'): Standing {
    const now = context.clock.now();
    const count = counts.get(key) ?? { times: [] };
    counts.set(key, count);
    const isOver = (time: number): boolean => now - time >= windowMs;
    const [start] = count.times;
    if (window === 'sliding') count.times = count.times.filter(time => !isOver(time));
    else if (start !== undefined && isOver(start)) count.times = [];
    const [oldest = now] = count.times;
    if (count.times.length >= limit)
      return { limit, remaining: 0, waitSeconds: Math.ceil((oldest + windowMs - now) / 1000) };
    count.times.push(now);
    return { limit, remaining: limit - count.times.length, waitSeconds: undefined };
  }

  /** When a caller has used up a count, everything is blocked until then, if the settings say so. */
  const blocked = new Map<string, number>();

  return {
    take(caller, operation) {
      const { limits, clock } = context;
      const kind: Class = limits.limitedOperations.includes(operation) ? 'limited' : 'general';
      const until = blocked.get(caller) ?? 0;
      if (limits.exceeded === 'all' && until > clock.now())
        return {
          limit: limits[kind],
          remaining: 0,
          waitSeconds: Math.ceil((until - clock.now()) / 1000),
        };
      const standing = add(`${kind} ${caller}`, limits[kind], limits.windowMs, limits.window);
      if (standing.waitSeconds !== undefined) blocked.set(caller, clock.now() + standing.waitSeconds * 1000);
      return standing;
    },
    takeLogin(caller) {
      const { logins, loginWindowMs } = context.limits;
      return add(`login ${caller}`, logins, loginWindowMs, 'fixed');
    },
  };
}
