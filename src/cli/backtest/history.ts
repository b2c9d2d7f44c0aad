/** What has happened that a rule would have heard of, oldest first: Podio's own revisions, the journal, and ticks. */
import type { NewEvent, PodioEvent } from '../../core/event.ts';
import type { Item, Revision } from '../../core/podio.ts';
import { msOf } from '../../core/podio-time.ts';
import type { Rule } from '../../core/rule.ts';
import type { Identity, PodioClient } from '../../podio/contract.ts';
import type { Seen } from '../../recover/missed.ts';
import { editedSince } from '../../recover/pages.ts';
import { makeCron } from '../../schedule/cron.ts';
import { tickEvent } from '../../schedule/events.ts';
import type { Journal } from '../../store/contract.ts';

/** UTC milliseconds, both included. */
export interface Span {
  readonly since: number;
  readonly until: number;
}

export interface Change {
  readonly at: number;
  readonly event: NewEvent;
}

/** Items as they are now, and what is known of how they came to that. */
export interface Past {
  readonly items: Map<number, Item>;
  readonly revisions: Map<number, ReadonlyMap<number, Revision>>;
}

export interface WatchedApp {
  readonly name: string;
  readonly id: number;
  readonly as: Identity;
  /** Which changes of items the rule wants. */
  readonly wants: ReadonlySet<string>;
}

/** What of an item is known from its being listed, and what its history has to tell. */
export interface Outlook {
  readonly known: readonly { readonly revision: number; readonly at: number }[];
  readonly needsHistory: boolean;
  /** So many updates at most; where the history is needed it may be fewer. */
  readonly updates: number;
  /** So many changes at most after which the item was changed again: what it was then has to be found out. */
  readonly outdated: number;
}

export function outlookOf(seen: Seen, { wants }: Pick<WatchedApp, 'wants'>, { since, until }: Span): Outlook {
  const isIn = (at: number): boolean => at >= since && at <= until;
  const created =
    wants.has('item.create') && isIn(seen.createdOn) ? [{ revision: 0, at: seen.createdOn }] : [];
  const outdated = seen.revision > 0 ? created.length : 0;
  if (!wants.has('item.update') || seen.revision === 0)
    return { known: created, needsHistory: false, updates: 0, outdated };
  const updated = isIn(seen.lastEditOn) ? [{ revision: seen.revision, at: seen.lastEditOn }] : [];
  if (seen.revision === 1)
    return { known: [...created, ...updated], needsHistory: false, updates: updated.length, outdated };
  const updates = seen.revision;
  return { known: created, needsHistory: true, updates, outdated: outdated + updates - 1 };
}

export interface HistoryDeps {
  readonly podio: Pick<PodioClient, 'items'>;
  readonly past: Past;
  readonly span: Span;
  readonly signal: AbortSignal;
  /** Told how far it is. */
  readonly onItem: (count: number) => void;
}

/** All changes of an app's items. */
export async function changesOf(
  app: WatchedApp,
  { podio, past, span, signal, onItem }: HistoryDeps,
): Promise<{ readonly changes: readonly Change[]; readonly unprovable: number; readonly unsure: boolean }> {
  const changes: Change[] = [];
  let unprovable = 0;
  let unsure = false;
  let count = 0;
  const listed: Seen[] = [];
  const onUnsure = () => {
    unsure = true;
  };
  const pages = editedSince({ ...listing(app, podio, past, span), onUnsure });
  for await (const page of pages) listed.push(...page);
  // One that was edited while it was listed stands there twice; the later one knows more.
  for (const seen of new Map(listed.map(one => [one.itemId, one])).values()) {
    signal.throwIfAborted();
    const { known, needsHistory } = outlookOf(seen, app, span);
    for (const { revision, at } of known) changes.push({ at, event: eventOf(app, seen, revision, at) });
    if (needsHistory) {
      const revisions = await podio.items.revisions(app.as, seen.itemId);
      past.revisions.set(seen.itemId, new Map(revisions.map(one => [one.revision, one])));
      for (const { revision, type, created_on } of revisions) {
        const at = msOf(created_on);
        if (revision === 0 || type === 'delete' || at === undefined || at < span.since || at > span.until)
          continue;
        changes.push({ at, event: eventOf(app, seen, revision, at) });
      }
      const [oldest] = revisions;
      const from = msOf(oldest?.created_on);
      // What Podio has forgotten is older than the oldest it tells.
      if (oldest && oldest.revision > 1 && from !== undefined && from > span.since)
        unprovable += oldest.revision - 1;
    }
    onItem(++count);
  }
  return { changes, unprovable, unsure };
}

/** As `editedSince` wants it; items are kept as they come by. */
export const listing = (app: WatchedApp, podio: Pick<PodioClient, 'items'>, past: Past, { since }: Span) => ({
  items: {
    async filter(...given: Parameters<PodioClient['items']['filter']>) {
      const page = await podio.items.filter(...given);
      for (const item of page.items) past.items.set(item.item_id, item);
      return page;
    },
  },
  as: app.as,
  appId: app.id,
  from: since,
  call: {},
});

function eventOf(
  { name, id }: WatchedApp,
  { itemId, externalId }: Seen,
  revision: number,
  at: number,
): NewEvent {
  const type = revision === 0 ? 'item.create' : 'item.update';
  return {
    id: `${type}:${itemId}:${revision}`,
    type,
    // As a change that no delivery told of: rules on fields hear of it by what it changed.
    source: 'recovered',
    ref: { type: 'app', id },
    app: name,
    itemId,
    revision,
    ...(externalId !== undefined && { externalId }),
    params: {
      type,
      item_id: String(itemId),
      item_revision_id: String(revision),
      ...(externalId !== undefined && { external_id: externalId }),
      changed_at: new Date(at).toISOString(),
    },
  };
}

/** What the journal has of that time which the rule wants and Podio's revisions do not tell. */
export async function journaled(
  journal: Pick<Journal, 'list'>,
  wants: (event: PodioEvent) => boolean,
  isTold: (event: PodioEvent) => boolean,
  { since, until }: Span,
): Promise<readonly Change[]> {
  const changes: Change[] = [];
  for (let after = 0; ; ) {
    const page = await journal.list({ after, since, limit: 1000 });
    for (const { event } of page) {
      const { seq: _, receivedAt, source, ...rest } = event;
      const at = Date.parse(receivedAt);
      if (at <= until && wants(event) && !isTold(event))
        changes.push({ at, event: { ...rest, source: source === 'replay' ? 'webhook' : source } });
    }
    const last = page.at(-1)?.event.seq;
    if (last === undefined) return changes;
    after = last;
  }
}

/** More than a tick a minute over a week is nothing that anybody looks at. */
const MOST_TICKS = 10_000;

/** `most`: there are more than those. */
export function ticksOf(
  rule: Rule,
  { since, until }: Span,
  limit = MOST_TICKS,
): { readonly ticks: readonly Change[]; readonly most?: number } {
  const ticks = new Set<number>();
  let isCut = false;
  for (const trigger of rule.triggers) {
    if (trigger.kind !== 'schedule' || trigger.items !== undefined) continue;
    const cron = makeCron(trigger);
    for (let at = cron.next(since - 1); at !== undefined && at <= until; at = cron.next(at)) {
      isCut ||= ticks.size >= limit;
      if (isCut) break;
      ticks.add(at);
    }
  }
  return {
    ticks: Array.from(ticks, at => ({ at, event: tickEvent(rule, at) })),
    ...(isCut && { most: limit }),
  };
}

export const inOrder = (changes: readonly Change[]): readonly Change[] =>
  changes.toSorted(
    (a, b) =>
      a.at - b.at ||
      (a.event.itemId ?? 0) - (b.event.itemId ?? 0) ||
      (a.event.revision ?? 0) - (b.event.revision ?? 0),
  );
