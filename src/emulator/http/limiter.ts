/** How many calls are left. */
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

type Class = 'general' | 'limited';

const full = (limit: number, waitMs: number): Standing => ({
  limit,
  remaining: 0,
  waitSeconds: Math.ceil(waitMs / 1000),
});

export function makeLimiter(context: Context): Limiter {
  /** The calls that still count: one entry a call in a sliding window, the window's start and a sum in a fixed one. */
  const sliding = new Map<string, number[]>();
  const fixed = new Map<string, { start: number; used: number }>();

  /** Counts this call if there is room. */
  function add(key: string, limit: number, windowMs: number, window: 'fixed' | 'sliding'): Standing {
    const now = context.clock.now();
    if (window === 'sliding') {
      const times = (sliding.get(key) ?? []).filter(time => now - time < windowMs);
      sliding.set(key, times);
      if (times.length >= limit) return full(limit, (times[0] ?? now) + windowMs - now);
      times.push(now);
      return { limit, remaining: limit - times.length, waitSeconds: undefined };
    }
    const known = fixed.get(key);
    const count = known && now - known.start < windowMs ? known : { start: now, used: 0 };
    fixed.set(key, count);
    if (count.used >= limit) return full(limit, count.start + windowMs - now);
    count.used += 1;
    return { limit, remaining: limit - count.used, waitSeconds: undefined };
  }

  /** When a caller has used up a count, everything is blocked until then, if the settings say so. */
  const blocked = new Map<string, number>();

  return {
    take(caller, operation) {
      const { limits, clock } = context;
      const kind: Class = limits.limitedOperations.includes(operation) ? 'limited' : 'general';
      const until = blocked.get(caller) ?? 0;
      if (limits.exceeded === 'all' && until > clock.now()) return full(limits[kind], until - clock.now());
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
