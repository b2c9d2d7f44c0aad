import type { Candidate } from '../core/decide.ts';
import { type NewEvent, revisionOf } from '../core/event.ts';
import type { Range } from '../core/ledger.ts';
import { refText } from './refs.ts';

/** What the decision looks at of an event. */
export function candidateOf(event: Omit<NewEvent, 'params'>): Candidate {
  const { id, itemId, source, following = 'loose', baseline = true } = event;
  const ref = refText(event.ref);
  if (itemId === undefined) return { id, ref };
  const revision = revisionOf(event);
  if (revision === undefined) return { id, ref, item: itemId };
  return {
    id,
    ref,
    item: itemId,
    revision,
    // What a field's hook owes is of a change that is known already.
    kind: source === 'recovered' && event.ref.type !== 'app_field' ? 'found' : following,
    baseline,
  };
}

/**
 * What a recovery does, in its order: below each change that is told there is nothing left to find out. What was looked
 * for and not told is closed last; a gap that was left open and not looked for stays open.
 */
export function stepsOf<E extends { readonly revision?: number }>(recovery: {
  readonly itemId: number;
  readonly events: readonly E[];
  readonly upTo: number;
  readonly missing: readonly Range[];
}) {
  const { itemId: item, events, upTo, missing: revisions } = recovery;
  const settled = (revision: number) => ({ mark: 'settle', item, revision }) as const;
  return [
    ...events.flatMap(event => [settled((event.revision ?? 0) - 1), event]),
    settled(upTo),
    { mark: 'close', item, revisions } as const,
  ];
}
