/** An item's revisions, from the newest back, as far as somebody wants to know. */
import { PodioError } from '../core/errors.ts';
import type { FieldDifference, Item } from '../core/podio.ts';
import { msOf } from '../core/podio-time.ts';
import type { CallOptions, Identity, PodioClient } from '../podio/contract.ts';

export interface HistoryDeps {
  readonly items: Pick<PodioClient['items'], 'revisions' | 'difference'>;
  readonly as: Identity;
  readonly call: CallOptions;
  /** Podio's time as this machine's clock would have told it. */
  readonly localTime: (podioMs: number) => number;
}

/** Where the walk back has ended. What it says holds after this revision. */
export interface Bottom {
  readonly revision: number;
  /** UTC milliseconds. */
  readonly at: number;
  /** There is nothing before it, or nobody knows any more what was. */
  readonly is: 'creation' | 'enough' | 'forgotten';
}

/**
 * Goes back from the revision that the item has. `visit` is told what each one changed, and ends the walk with true; `until` ends it
 * before a revision is looked at. One call for the list, and one for each revision on the way.
 */
export async function walkBack(
  { items, as, call, localTime }: HistoryDeps,
  item: Pick<Item, 'item_id' | 'revision'>,
  until: (revision: number, at: number) => boolean,
  visit: (revision: number, at: number, changed: readonly FieldDifference[]) => boolean,
): Promise<Bottom> {
  const listed = await items.revisions(as, item.item_id, call);
  const times = new Map(
    listed.flatMap(({ revision, created_on }) => {
      const ms = msOf(created_on);
      return ms === undefined ? [] : [[revision, localTime(ms)] as const];
    }),
  );
  const newest = listed.at(-1)?.revision ?? 0;
  const oldest = listed[0]?.revision ?? 0;
  let revision = Math.min(item.revision ?? newest, newest);
  let at = times.get(revision) ?? localTime(0);
  for (;;) {
    at = times.get(revision) ?? at;
    if (until(revision, at)) return { revision, at, is: 'enough' };
    if (revision <= oldest) return { revision, at, is: revision === 0 ? 'creation' : 'forgotten' };
    const changed = await difference(items, as, item.item_id, revision, call);
    if (changed === undefined) return { revision, at, is: 'forgotten' };
    if (visit(revision, at, changed)) return { revision, at, is: 'enough' };
    revision -= 1;
  }
}

/** Undefined where Podio has forgotten it. */
async function difference(
  items: HistoryDeps['items'],
  as: Identity,
  itemId: number,
  revision: number,
  call: CallOptions,
): Promise<readonly FieldDifference[] | undefined> {
  try {
    return await items.difference(as, itemId, revision - 1, revision, call);
  } catch (error) {
    if (error instanceof PodioError && (error.code === 'PODIO_INVALID' || error.code === 'PODIO_NOT_FOUND'))
      return undefined;
    throw error;
  }
}
