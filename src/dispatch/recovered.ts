/** What a rule makes of changes that were missed and found later. Pure. */
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

/** Whether the rule's `recovered` leaves the change out; its run then ends as filtered. */
export function isLeftOut(event: PodioEvent, { recovered = 'run' }: Rule): boolean {
  if (event.source !== 'recovered' || recovered === 'run') return false;
  if (recovered === 'skip') return true;
  const changed = changedAt(event);
  return changed !== undefined && Date.parse(event.receivedAt) - changed > recovered.maxAgeMs;
}
