/** How events that wait to be run together come into groups, and when a group is complete. Pure: both stores decide by it. */

import type { PodioEvent } from './event.ts';

/** The events that one message is for, ascending by seq. The last one is the message's own. */
export interface Bundle {
  /** `settle`: the message tells what changed from before the first to after the last. `batch`: each is one in `batch`. */
  readonly mode: 'settle' | 'batch';
  readonly events: readonly PodioEvent[];
}

/** Why they wait: the rule's run mode. */
export type GatherMode = 'latest' | 'settle' | 'batch';

/** How an event is to wait. */
export interface Gathering {
  readonly mode: GatherMode;
  /** Events with the same one wait together. */
  readonly group: string;
  /** From when the event came until its group is due, milliseconds. Undefined: it is not by itself. */
  readonly waitMs?: number;
  /** Which event sets the time: each anew, or the group's first for all. */
  readonly from: 'first' | 'last';
  /** From when the group's first event came until it is due at the latest. */
  readonly atMostMs?: number;
  /** With so many events it is complete. */
  readonly max?: number;
}

/** Events that wait together. Times are UTC milliseconds of the store's clock. */
export interface Group {
  readonly mode: GatherMode;
  readonly group: string;
  /** The lowest and the highest seq. */
  readonly first: number;
  readonly last: number;
  /** When the first and the latest of them came. */
  readonly firstAt: number;
  readonly lastAt: number;
  readonly count: number;
  /** Undefined: not by itself. */
  readonly due: number | undefined;
}

/** What becomes of the group that is open, and of the event. */
export interface Joined {
  /** The open group was complete before the event came: the event opens another one. */
  readonly isLate: boolean;
  /** The event's group, with it. */
  readonly group: Group;
  /** Nothing more joins it. */
  readonly isFull: boolean;
}

/**
 * An event comes to wait. It goes by the times at which events came and not by when they are looked at: so it makes no
 * difference whether podiod was down, paused or slow meanwhile.
 */
export function join(open: Group | undefined, gathering: Gathering, seq: number, at: number): Joined {
  const isLate = open !== undefined && !mayJoin(open, gathering, at);
  const group = joined(isLate ? undefined : open, gathering, seq, at);
  return { isLate, group, isFull: gathering.max !== undefined && group.count >= gathering.max };
}

/**
 * An open group as it is taken over: where its events came in what is now the future, the clock was ahead then. It waits from
 * now on, and so no longer than anyone asked.
 */
export function takenOver(group: Group, now: number): Group {
  const { mode, firstAt, lastAt, due } = group;
  const ahead = Math.max(0, (mode === 'batch' ? firstAt : lastAt) - now);
  return {
    ...group,
    firstAt: Math.min(firstAt, now),
    lastAt: Math.min(lastAt, now),
    due: due === undefined ? undefined : due - ahead,
  };
}

/** Of the latest only, whatever comes before the run begins joins. */
const mayJoin = ({ mode, due }: Group, gathering: Gathering, at: number): boolean =>
  mode === gathering.mode && (mode === 'latest' || due === undefined || at < due);

function joined(
  open: Group | undefined,
  { mode, group, waitMs, from, atMostMs }: Gathering,
  seq: number,
  at: number,
): Group {
  const firstAt = open?.firstAt ?? at;
  // An event that was held for others before it carries the time at which it came.
  const lastAt = Math.max(open?.lastAt ?? at, at);
  const own = waitMs === undefined ? undefined : lastAt + waitMs;
  const due = (from === 'first' ? open?.due : undefined) ?? own;
  return {
    mode,
    group,
    first: Math.min(open?.first ?? seq, seq),
    last: Math.max(open?.last ?? seq, seq),
    firstAt,
    lastAt,
    count: (open?.count ?? 0) + 1,
    due: due === undefined || atMostMs === undefined ? due : Math.min(due, firstAt + atMostMs),
  };
}
