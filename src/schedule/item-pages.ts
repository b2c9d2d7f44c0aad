/** Items of an app, page by page, while nothing holds still. */
import type { FilterResult, Item } from '../core/podio.ts';

/** What Podio gives at most, as far as is known. */
export const PAGE_LIMIT = 500;

/** So many items of a page were on the one before: they show that nothing was left out between the two. */
const OVERLAP = 20;

/** Of the items given last, so many are enough to find the place again. */
const TAIL = 100;

/** Where a list can't be had in the order asked for, it is gone through until nothing new comes, at most so often. */
const MAX_PASSES = 5;

/** Where reading goes on. Small and plain: it is kept on disk. */
export interface ItemPlace {
  readonly offset: number;
  /** item_ids given last. */
  readonly tail: readonly number[];
  /** How often the list has been gone through. */
  readonly passes: number;
  /** The list has come in the order of item_ids so far. */
  readonly ordered: boolean;
  /** How many were new since it is gone through this time. */
  readonly fresh: number;
}

export const FIRST_PLACE: ItemPlace = { offset: 0, tail: [], passes: 0, ordered: true, fresh: 0 };

export interface ItemPage {
  /** Those that were not given yet, in the list's order. */
  readonly items: readonly Item[];
  readonly next: ItemPlace;
  /** There is nothing behind it. */
  readonly last: boolean;
  /** The list kept changing its order: something may have been left out. */
  readonly unsure: boolean;
}

/**
 * The page at a place of a list in the order of item_ids, an order that no change of an item can change. Items that leave the list
 * move all behind them up, so each page begins with some that were given already: where it has none of them, the place
 * is looked for further up. `given` is told of what is given, and holds what was.
 */
export async function readPage(
  read: (offset: number, limit: number) => Promise<FilterResult>,
  place: ItemPlace,
  given: Set<number>,
  limit: number,
): Promise<ItemPage> {
  for (const id of place.tail) given.add(id);
  let { offset } = place;
  let page = await read(offset, limit);
  while (offset > 0 && !page.items.some(({ item_id: id }) => given.has(id))) {
    offset = Math.max(0, offset - Math.max(1, Math.floor(limit / 2)));
    page = await read(offset, limit);
  }
  const fresh = page.items.filter(({ item_id: id }) => !given.has(id));
  for (const { item_id: id } of fresh) given.add(id);
  const size = page.items.length;
  const isEnd = size === 0 || offset + size >= page.filtered;
  const next: ItemPlace = {
    offset: Math.max(offset + 1, offset + size - Math.min(OVERLAP, Math.ceil(size / 10))),
    tail: page.items.map(({ item_id: id }) => id).slice(-TAIL),
    passes: place.passes,
    ordered: place.ordered && isAscending(page.items),
    fresh: place.fresh + fresh.length,
  };
  if (!isEnd) return { items: fresh, next, last: false, unsure: false };
  // In some other order a change may have carried an item from what comes to what was read.
  const isAll = next.ordered || (next.passes > 0 && next.fresh === 0);
  const passes = next.passes + 1;
  const last = isAll || passes === MAX_PASSES;
  return {
    items: fresh,
    next: { ...FIRST_PLACE, tail: next.tail, ordered: false, passes },
    last,
    unsure: last && !isAll,
  };
}

const isAscending = (items: readonly Item[]): boolean =>
  items.every((item, index) => index === 0 || (items[index - 1]?.item_id ?? 0) < item.item_id);
