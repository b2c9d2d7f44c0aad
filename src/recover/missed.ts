/**
 * What was missed of an item, from what Podio tells of it and what the ledger knows. Pure. Times are UTC milliseconds by
 * Podio's clock.
 */
import type { NewEvent } from '../core/event.ts';
import { isIn, type LedgerEntry, type Range, sizeOf, unaccounted, without } from '../core/ledger.ts';
import { type Item, PODIO_ITSELF, type Revision } from '../core/podio.ts';
import { msOf } from '../core/podio-time.ts';
import type { Recovery } from '../store/contract.ts';
import type { FollowedApp, Recoverable } from './apps.ts';

export interface Finding {
  readonly app: FollowedApp;
  /** `skip`: what an API client made is taken for a write that wanted no hooks. */
  readonly unhooked: 'run' | 'skip';
  /** Podio's time as this machine's clock would have told it. */
  readonly localTime: (podioMs: number) => number;
}

/** An item of the app as a look at the app shows it. */
export interface Seen {
  readonly itemId: number;
  readonly externalId: string | undefined;
  readonly revision: number;
  readonly createdOn: number;
  readonly lastEditOn: number;
  /** By an API client, as far as that is told. */
  readonly lastEditByClient: boolean;
}

/** Why what is missing can't be told. Shown in `status`, which counts by them. */
export const WHY = {
  pruned: 'Podio no longer lists the revision',
  deleted: 'the item was deleted, and its history with it',
  refused: 'Podio refuses the item’s history: it was deleted, or may not be seen',
  unconfigured: 'nothing in the config reaches the app any more',
} as const;

const isByClient = (via: Revision['created_via'] | null): boolean =>
  typeof via === 'object' && via !== null && via.id !== PODIO_ITSELF;

/** Undefined where Podio left out what is needed. */
export function seenOf(item: Item): Seen | undefined {
  const current = item.current_revision as Partial<Revision> | null | undefined;
  const revision = item.revision ?? current?.revision;
  const createdOn = msOf(item.created_on);
  // Which of the two a list of items carries is not documented for certain.
  const lastEditOn = msOf(item.last_edit_on) ?? msOf(current?.created_on);
  if (revision === undefined || createdOn === undefined || lastEditOn === undefined) return undefined;
  return {
    itemId: item.item_id,
    externalId: item.external_id ?? undefined,
    revision,
    createdOn,
    lastEditOn,
    lastEditByClient: isByClient(current?.created_via),
  };
}

const typeOf = (revision: number): Recoverable => (revision === 0 ? 'item.create' : 'item.update');

/** Of these revisions, those whose kind of change some rule wants. */
function wanted(missing: readonly Range[], { wants }: FollowedApp): readonly Range[] {
  const updates = wants.has('item.update') ? without(missing, [0, 0]) : [];
  return wants.has('item.create') && isIn(missing, 0) ? [[0, 0], ...updates] : updates;
}

/**
 * What is missing of an item that a look at its app has shown. `at`: nothing made then or before is ever told for an item
 * that the ledger has no baseline of. `revisions` undefined: the item's history has to be read to tell.
 */
export function missedOf(
  seen: Seen,
  entry: LedgerEntry | undefined,
  at: number,
): { readonly missing: readonly Range[]; readonly known: boolean } {
  if (entry?.upTo !== undefined) return { missing: unaccounted(entry, seen.revision), known: true };
  if (seen.lastEditOn <= at) return { missing: [], known: true };
  const isNew = seen.createdOn > at;
  let missing: readonly Range[] = isNew ? [[0, seen.revision]] : [[1, seen.revision]];
  for (const revision of entry?.above ?? []) missing = without(missing, [revision, revision]);
  // Of an old item only the newest revision is known to be from after that time.
  return { missing, known: isNew || seen.revision === 1 };
}

/** What can be told without reading the item's history; undefined where it has to be read. */
export function recoveryWithout(
  seen: Seen,
  { missing, known }: ReturnType<typeof missedOf>,
  finding: Finding,
): Recovery | undefined {
  const lost = wanted(missing, finding.app);
  const settled: Recovery = {
    itemId: seen.itemId,
    app: finding.app.name,
    events: [],
    upTo: seen.revision,
    missing,
  };
  if (lost.length === 0) return settled;
  if (!known || sizeOf(lost) > 1) return undefined;
  const [only] = lost[0] ?? [];
  if (only === seen.revision) {
    if (seen.lastEditByClient && finding.unhooked === 'skip') return settled;
    return { ...settled, events: [eventOf(seen, only, seen.lastEditOn, finding)] };
  }
  if (only === 0 && finding.unhooked === 'run') {
    return { ...settled, events: [eventOf(seen, 0, seen.createdOn, finding)] };
  }
  return undefined;
}

/** What is told once the item's history is read. `after`: only what was made after that time counts as missed. */
export function recoveryWith(
  item: Pick<Seen, 'itemId' | 'externalId'> & Partial<Pick<Seen, 'createdOn'>>,
  missing: readonly Range[],
  revisions: readonly Revision[],
  finding: Finding,
  after = Number.NEGATIVE_INFINITY,
): Recovery {
  const { app, unhooked } = finding;
  const lost = wanted(missing, app);
  const upTo = missing.at(-1)?.[1] ?? 0;
  const events: NewEvent[] = [];
  let unlisted = lost;
  for (const { revision, type, created_on, created_via } of revisions) {
    if (!isIn(lost, revision)) continue;
    unlisted = without(unlisted, [revision, revision]);
    const made = msOf(created_on);
    if (type === 'delete' || (made ?? after + 1) <= after) continue;
    if (unhooked === 'skip' && isByClient(created_via)) continue;
    events.push(eventOf(item, revision, made, finding));
  }
  if (isIn(unlisted, 0)) {
    const isMissed = item.createdOn !== undefined && item.createdOn > after;
    // The creation is known from the item itself, however long its history is.
    if (isMissed && unhooked === 'run') {
      events.unshift(eventOf(item, 0, item.createdOn, finding));
      unlisted = without(unlisted, [0, 0]);
    }
  }
  const oldest = revisions.reduce((low, { revision }) => Math.min(low, revision), Number.POSITIVE_INFINITY);
  const oldestMade = msOf(revisions.find(({ revision }) => revision === oldest)?.created_on);
  // Older revisions are older: when the oldest one listed is from before, so are all that are no longer listed.
  const lostOnes = oldestMade !== undefined && oldestMade <= after ? [] : unlisted;
  return {
    itemId: item.itemId,
    app: app.name,
    events,
    upTo,
    missing,
    ...(lostOnes.length > 0 && { unprovable: { revisions: lostOnes, why: WHY.pruned } }),
  };
}

/** Nothing can be found out about these any more. */
export const lostFor = (itemId: number, app: string, missing: readonly Range[], why: string): Recovery => ({
  itemId,
  app,
  events: [],
  upTo: missing.at(-1)?.[1] ?? 0,
  missing,
  unprovable: { revisions: missing, why },
});

function eventOf(
  { itemId, externalId }: Pick<Seen, 'itemId' | 'externalId'>,
  revision: number,
  made: number | undefined,
  { app, localTime }: Finding,
): NewEvent {
  const type = typeOf(revision);
  return {
    id: `${type}:${itemId}:${revision}`,
    type,
    source: 'recovered',
    ref: { type: 'app', id: app.id },
    app: app.name,
    itemId,
    revision,
    ...(externalId !== undefined && { externalId }),
    params: {
      type,
      item_id: String(itemId),
      item_revision_id: String(revision),
      ...(externalId !== undefined && { external_id: externalId }),
      ...(made !== undefined && { changed_at: new Date(localTime(made)).toISOString() }),
    },
  };
}
