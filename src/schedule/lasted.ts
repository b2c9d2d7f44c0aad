/** How long a field's value has been what a rule waits for, from the item's revisions. Pure. */

/** The field before and after one revision that touched it. */
export interface FieldStep {
  readonly revision: number;
  /** UTC milliseconds, by this machine's clock. */
  readonly at: number;
  /** It is what the rule waits for after this revision. */
  readonly holds: boolean;
  /** It was so before it. */
  readonly held: boolean;
  /** What was before fits the rule's `from`. */
  readonly fits: boolean;
}

/** A stretch of revisions in which the field was what the rule waits for. */
export interface State {
  /** The revision at which it began. */
  readonly began: number;
  /** UTC milliseconds. */
  readonly at: number;
  /** When it ended; undefined: it lasts. */
  readonly endedAt?: number;
}

/**
 * The states among these revisions, oldest first. @param open the state that was there before the first of them, if any
 */
export function statesIn(steps: readonly FieldStep[], open: State | undefined): readonly State[] {
  const states: State[] = [];
  let current = open;
  for (const { revision, at, holds, held, fits } of steps) {
    if (!holds) {
      if (current) states.push({ ...current, endedAt: at });
      current = undefined;
    } else if (!held) {
      // What began and was not seen to end has ended before it began again.
      if (current) states.push({ ...current, endedAt: at });
      current = fits ? { began: revision, at } : undefined;
    }
  }
  return current ? [...states, current] : states;
}

/** Whether it has lasted so long by now. */
export const hasLasted = ({ at, endedAt }: State, forMs: number, now: number): boolean =>
  (endedAt ?? now) - at >= forMs;
