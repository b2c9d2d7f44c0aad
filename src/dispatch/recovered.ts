/** What a rule makes of changes that were missed and found later. Pure. */
import type { Check } from '../core/condition.ts';
import { showDuration } from '../core/duration.ts';
import type { PodioEvent } from '../core/event.ts';
import type { Rule } from '../core/rule.ts';

/** Podio's times are whole seconds: a change may have been made up to so much later. */
const RESOLUTION_MS = 1000;

/** When a recovered change was made, UTC milliseconds; undefined for other events, and where it is not known. */
function changedAt({ source, params }: PodioEvent): number | undefined {
  if (source !== 'recovered' || params.changed_at === undefined) return undefined;
  const ms = Date.parse(params.changed_at);
  return Number.isNaN(ms) ? undefined : ms;
}

/** Whether the change was made before the rule was first loaded: then it is nothing to that rule, not even a record. */
export function isBefore(event: PodioEvent, { startAt }: Rule, loadedAt: number): boolean {
  const changed = changedAt(event);
  return changed !== undefined && startAt === 'head' && changed + RESOLUTION_MS <= loadedAt;
}

/** Of a change that was missed and found later: whether the rule's `recovered` wants it. Undefined where nothing is asked of it. */
export function ageCheck(
  event: PodioEvent,
  { recovered = 'run' }: Pick<Rule, 'recovered'>,
): Check | undefined {
  if (event.source !== 'recovered' || recovered === 'run') return undefined;
  const path = 'event.source';
  if (recovered === 'skip') return { path, test: 'not recovered', seen: 'recovered', holds: false };
  const changed = changedAt(event);
  const test = `recovered within ${showDuration(recovered.maxAgeMs)}`;
  // What is not known to be too old is wanted.
  if (changed === undefined)
    return { path, test, seen: 'recovered, after nobody knows how long', holds: true };
  const ageMs = Date.parse(event.receivedAt) - changed;
  return { path, test, seen: `recovered after ${showDuration(ageMs)}`, holds: ageMs <= recovered.maxAgeMs };
}
