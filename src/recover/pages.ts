import { PodioError } from '../core/errors.ts';
import { stampOf } from '../core/podio-time.ts';
import type { CallOptions, Identity, PodioClient } from '../podio/contract.ts';
import { type Seen, seenOf } from './missed.ts';

/** What Podio gives at most, as far as is known. */
export const PAGE_LIMIT = 500;

/** Podio's times are whole seconds, and whether a bound includes itself is not known: one second more is asked for. */
const RESOLUTION_MS = 1000;

/** How often a page may be asked for anew because items moved meanwhile, before the next look is left to find them. */
const MAX_RESTARTS = 5;

export interface PagesOptions {
  readonly items: Pick<PodioClient['items'], 'filter'>;
  readonly as: Identity;
  readonly appId: number;
  /** Podio's time, UTC milliseconds. */
  readonly from: number;
  readonly call: CallOptions;
  readonly limit?: number;
  /** Items moved so often that some may have been left out. */
  readonly onUnsure?: () => void;
  /** Of this item Podio does not tell what is needed: it is left out. */
  readonly onOdd?: (itemId: number) => void;
}

/** The time of the newest edit in the app; undefined when there are no items. */
export async function newestEdit({
  items,
  as,
  appId,
  call,
}: Omit<PagesOptions, 'from'>): Promise<number | undefined> {
  const answer = await items.filter(
    as,
    appId,
    { sort_by: 'last_edit_on', sort_desc: true, limit: 1, offset: 0, remember: false, filters: {} },
    call,
  );
  const [newest] = answer.items;
  const seen = newest && seenOf(newest);
  if (seen || !newest) return seen?.lastEditOn;
  throw new PodioError(
    'PODIO_UNAVAILABLE',
    `item ${newest.item_id} came without its revision or the times of its creation and last edit`,
    { hint: 'Check podio.apiUrl, and whether a proxy answers in its place.' },
  );
}

/**
 * All items edited at or after `from`, oldest edit first, each revision of an item once. Nothing holds still while it is
 * read: an item that is edited moves to the end, and what was behind it moves up. So each page starts anew at the time
 * where the last one ended; where too many items have that time, it goes on by number, and looks whether it has met the
 * last item again.
 */
export async function* editedSince(options: PagesOptions): AsyncGenerator<readonly Seen[]> {
  const { items, as, appId, call, limit = PAGE_LIMIT } = options;
  const given = new Set<string>();
  let from = options.from;
  let offset = 0;
  /** What the page has to begin with, or something has moved. */
  let meets: string | undefined;
  let restarts = 0;
  for (;;) {
    const answer = await items.filter(
      as,
      appId,
      {
        sort_by: 'last_edit_on',
        sort_desc: false,
        limit,
        offset,
        remember: false,
        filters: { last_edit_on: { from: stampOf(from) } },
      },
      call,
    );
    const listed = answer.items.map(seenOf);
    for (const [n, { item_id: itemId }] of answer.items.entries()) if (!listed[n]) options.onOdd?.(itemId);
    const page = listed.filter(seen => seen !== undefined);
    if (meets !== undefined && keyOf(page[0]) !== meets) {
      if (restarts < MAX_RESTARTS) {
        restarts += 1;
        offset = 0;
        meets = undefined;
        continue;
      }
      options.onUnsure?.();
    }
    const fresh = page.filter(seen => !given.has(keyOf(seen)));
    for (const seen of fresh) given.add(keyOf(seen));
    if (fresh.length > 0) yield fresh;
    if (listed.length < limit) return;
    const last = page.at(-1);
    const end = listed.lastIndexOf(last);
    if (last === undefined || end === 0) {
      offset += listed.length;
      meets = undefined;
      continue;
    }
    const next = last.lastEditOn - RESOLUTION_MS;
    const again = page.filter(({ lastEditOn }) => lastEditOn >= next).length;
    if (next > from && again <= limit / 2) {
      from = next;
      offset = 0;
      meets = undefined;
    } else {
      offset += end;
      meets = keyOf(last);
    }
  }
}

/** An item that was edited again is another one: it stands elsewhere. */
const keyOf = (seen: Seen | undefined): string => `${seen?.itemId}/${seen?.revision}`;
