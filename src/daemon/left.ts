import { howLeft, type LeftRule, leftHint } from '../core/left.ts';
import type { Log } from '../core/log.ts';

/** A line for a rule that has left something waiting. */
export function tellLeft(log: Log, left: LeftRule): void {
  const { disabled: _, ...counts } = left;
  log.warn(`a rule ${howLeft(left)} of which something waits`, { ...counts, hint: leftHint(left) });
}
