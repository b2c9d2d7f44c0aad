/** Edits of one item that have settled, judged by what they changed together. */
import type { PodioEvent } from '../core/event.ts';
import type { Rule } from '../core/rule.ts';
import type { ItemReader } from '../podio/contract.ts';
import { MODE, ON_FIELDS, type RunCondition } from './deliver.ts';
import type { Matcher } from './match.ts';

type Reader = Pick<ItemReader, 'changes' | 'spanned'>;

const EDITS = new Set(['item.create', 'item.update', 'item.delete']);

/** Whose changes are looked at one by one: of more it would cost more calls than a run that was not needed. */
const MAX_LOOKS = 100;

/**
 * Whether edits of an item come to nothing: what they changed was changed back, or they made the item and deleted it. Edits
 * of something that differences do not show, such as tags, do not.
 */
async function cancelOut(
  events: readonly PodioEvent[],
  rule: Pick<Rule, 'includeOwn'>,
  reader: Reader,
): Promise<boolean> {
  if (events.length < 2 || !events.every(({ type }) => EDITS.has(type))) return false;
  const isMade = events.some(({ type }) => type === 'item.create');
  const gone = events.findLast(({ type }) => type === 'item.delete');
  if (gone !== undefined) return isMade && events.every(event => isBefore(event, gone));
  if (isMade) return false;
  if ((await reader.spanned(events, rule))?.size !== 0 || events.length > MAX_LOOKS) return false;
  // One that changed no field, as far as can be seen, changed something else: that stands.
  for (const event of events) if ((await reader.changes(event)).size === 0) return false;
  return true;
}

/** An edit that is told late may come after the deletion of its item; one of a later revision says that it is back. */
const isBefore = (event: PodioEvent, gone: PodioEvent): boolean =>
  event.seq <= gone.seq || (event.type === 'item.update' && (event.revision ?? 0) < (gone.revision ?? 0));

/** What decides, before `where`, whether several events of an item come to a run. */
export function* spanConditions(
  events: readonly PodioEvent[],
  rule: Pick<Rule, 'includeOwn'>,
  matcher: Pick<Matcher, 'match' | 'isOnFields' | 'decide' | 'checks'>,
  reader: Reader,
): Generator<RunCondition> {
  yield {
    name: MODE,
    judge: async () => {
      if (!(await cancelOut(events, rule, reader))) return { holds: true, checks: [] };
      const seen = `${events.length} edits that cancel each other out`;
      return { holds: false, checks: [{ path: 'changes', test: 'exists', seen, holds: false }] };
    },
  };
  // One that came on account of something else than fields is a reason by itself.
  if (!events.every(matcher.isOnFields)) return;
  yield {
    name: ON_FIELDS,
    judge: async () => {
      const changes = await reader.spanned(events, rule);
      // Podio has forgotten what it was: its own word that a field changed stands, and what was asked for can't be told.
      if (changes === undefined && events.some(event => matcher.match(event) === 'yes')) {
        const seen = 'forgotten by Podio, whose hooks told of them';
        return { holds: true, checks: [{ path: 'changes', test: 'exists', seen, holds: true }] };
      }
      const known = changes ?? new Map();
      const holds = events.some(event => matcher.decide(event, known));
      const [last] = events.slice(-1);
      return { holds, checks: last === undefined ? [] : matcher.checks(last, known) };
    },
  };
}
