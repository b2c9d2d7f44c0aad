import type { Timer, Timers } from '../contract.ts';
import type { Reads } from './reads/index.ts';
import type { TimerRow } from './reads/timers.ts';
import type { Thread } from './thread.ts';
import type { Writes } from './writes/index.ts';

const LISTED = 500;

export const toTimer = ({ due, value, ...timer }: TimerRow, now: number): Timer => ({
  ...timer,
  inMs: due === null ? undefined : due - now,
  value: JSON.parse(value),
});

export function makeTimers(writer: Thread<Writes>, reader: Thread<Reads>, now: () => number): Timers {
  return {
    async set(timers) {
      const at = now();
      const rows = timers.map(({ rule, key, inMs, value }) => ({
        rule,
        key,
        due: inMs === undefined ? null : at + inMs,
        value: JSON.stringify(value),
      }));
      if (rows.length > 0) await writer.call('setTimers', rows);
    },
    async clear(timers) {
      const rows = timers.map(({ rule, key, stamp }) => ({ rule, key, stamp }));
      if (rows.length > 0) await writer.call('clearTimers', rows);
    },
    async due(rules, limit) {
      const rows = await reader.call('dueTimers', rules, now(), limit);
      return rows.map(row => toTimer(row, now()));
    },
    async next(rules) {
      const due = await reader.call('nextTimer', rules);
      return due === null ? undefined : due - now();
    },
    async get(rule, keys) {
      const found: Timer[] = [];
      for (let n = 0; n < keys.length; n += LISTED) {
        const rows = await reader.call('timers', rule, keys.slice(n, n + LISTED));
        found.push(...rows.map(row => toTimer(row, now())));
      }
      return found;
    },
    bringBack: (rule, keys, withinMs) => writer.call('bringBackTimers', rule, keys, withinMs, now()),
    counts: () => reader.call('timerCounts', now()),
    drop: rule => writer.call('dropTimers', rule),
    rules: () => reader.call('timerRules'),
  };
}
