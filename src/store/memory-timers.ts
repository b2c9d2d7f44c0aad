import type { Timer, TimerCount, TimerSetting, Timers } from './contract.ts';
import { SETTING_MS } from './time.ts';

/** `due` is in UTC milliseconds of the store's clock; `value` is JSON. */
export interface StoredTimer extends Pick<Timer, 'rule' | 'key' | 'stamp'> {
  readonly due: number | undefined;
  readonly value: string;
}

const idOf = ({ rule, key }: Pick<Timer, 'rule' | 'key'>): string => JSON.stringify([rule, key]);

/** Timers of the store in memory. */
export function memoryTimers(
  stored: Map<string, StoredTimer>,
  call: <T>(work: () => T) => Promise<T>,
  now: () => number,
): Timers {
  let stamps = Math.max(0, ...Array.from(stored.values(), ({ stamp }) => stamp));

  const set = (timer: TimerSetting): void => {
    const { rule, key, inMs, value } = timer;
    stamps += 1;
    const due = inMs === undefined ? undefined : now() + inMs;
    stored.set(idOf(timer), { rule, key, due, stamp: stamps, value: JSON.stringify(value) });
  };
  const told = ({ due, value, ...timer }: StoredTimer): Timer => ({
    ...timer,
    inMs: due === undefined ? undefined : due - now(),
    value: JSON.parse(value),
  });
  const waiting = (rules: readonly string[]) =>
    [...stored.values()]
      .filter(({ rule, due }) => due !== undefined && rules.includes(rule))
      .sort((a, b) => (a.due ?? 0) - (b.due ?? 0) || a.stamp - b.stamp);

  return {
    set: timers => call(() => timers.forEach(set)),
    clear: timers =>
      call(() => {
        for (const timer of timers)
          if (stored.get(idOf(timer))?.stamp === timer.stamp) stored.delete(idOf(timer));
      }),
    due: (rules, limit) =>
      call(() =>
        waiting(rules)
          .filter(({ due }) => (due ?? 0) <= now())
          .slice(0, limit)
          .map(told),
      ),
    next: rules =>
      call(() => {
        const [first] = waiting(rules);
        return first && told(first).inMs;
      }),
    get: (rule, keys) => call(() => keys.flatMap(key => stored.get(idOf({ rule, key })) ?? []).map(told)),
    bringBack: (rule, keys, withinMs) =>
      call(() => {
        for (const [id, timer] of stored) {
          const { due = 0, value } = timer;
          if (timer.rule !== rule || !timer.key.startsWith(keys) || due <= now() + withinMs) continue;
          if (Math.abs(due - (JSON.parse(value)?.due ?? 0)) > SETTING_MS)
            stored.set(id, { ...timer, due: now() });
        }
      }),
    counts: () =>
      call(() => {
        const counts = new Map<string, TimerCount>();
        for (const { rule, due } of stored.values()) {
          if (due === undefined) continue;
          const { count, nextMs } = counts.get(rule) ?? { count: 0, nextMs: Number.POSITIVE_INFINITY };
          counts.set(rule, { count: count + 1, nextMs: Math.min(nextMs, due - now()) });
        }
        return counts;
      }),
    drop: rule =>
      call(() => {
        for (const [id, timer] of stored) if (timer.rule === rule) stored.delete(id);
      }),
    rules: () => call(() => [...new Set(Array.from(stored.values(), ({ rule }) => rule))].sort()),
  };
}
