import type { Priority } from './contract.ts';

const RANK: Readonly<Record<Priority, number>> = { handshake: 0, live: 1, recovery: 2, background: 3 };

export const isBefore = (a: Priority, b: Priority): boolean => RANK[a] < RANK[b];

/** Somebody's place in a line. */
export interface Place {
  /** Moves forward to where this priority stands; never back. */
  raise(priority: Priority): void;
  /** Leaves the line; a place whose turn has come has left already. */
  leave(): void;
  /** How many come before it. */
  ahead(): number;
}

/** Waiting calls, by priority and then by arrival. A few hundred at most, so looking through them all is fine. */
export interface Line {
  readonly size: number;
  wait(priority: Priority, turn: () => void): Place;
  /** How many would come before a new one of this priority. */
  ahead(priority: Priority): number;
  /** Takes the first one out and gives it its turn. */
  next(): void;
}

export function makeLine(): Line {
  const waiting = new Set<{ priority: Priority; readonly turn: () => void }>();
  const ahead = (priority: Priority, before?: object): number => {
    let count = 0;
    let isEarlier = true;
    for (const entry of waiting) {
      if (entry === before) isEarlier = false;
      else if (isEarlier ? !isBefore(priority, entry.priority) : isBefore(entry.priority, priority))
        count += 1;
    }
    return count;
  };
  return {
    ahead: priority => ahead(priority),
    get size() {
      return waiting.size;
    },
    wait(priority, turn) {
      const entry = { priority, turn };
      waiting.add(entry);
      return {
        raise(to) {
          if (isBefore(to, entry.priority)) entry.priority = to;
        },
        leave() {
          waiting.delete(entry);
        },
        ahead: () => ahead(entry.priority, entry),
      };
    },
    next() {
      const [head, ...others] = waiting;
      if (!head) return;
      const first = others.reduce((a, b) => (isBefore(b.priority, a.priority) ? b : a), head);
      waiting.delete(first);
      first.turn();
    },
  };
}
