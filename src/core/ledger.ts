/**
 * The ledger of revisions: what is accounted for of an item's running revision numbers. A revision is accounted for when
 * its change was released, when podiod made it itself, or when it was given up. Pure; ranges are inclusive at both ends.
 */

export type Range = readonly [first: number, last: number];

export interface LedgerEntry {
  /** Up to here every revision is accounted for, but for `missing`; -1: none, and all are due. Undefined: no baseline yet. */
  readonly upTo: number | undefined;
  /** Single revisions above that are accounted for all the same, ascending. */
  readonly above: readonly number[];
  /** Up to `upTo`, and not accounted for: gaps that were left open so that later events need not wait. Ascending. */
  readonly missing: readonly Range[];
}

export const NOTHING_KNOWN: LedgerEntry = { upTo: undefined, above: [], missing: [] };

export const sizeOf = (ranges: readonly Range[]): number =>
  ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);

export const isIn = (ranges: readonly Range[], revision: number): boolean =>
  ranges.some(([first, last]) => first <= revision && revision <= last);

/** The ranges without `gone`. */
export const without = (ranges: readonly Range[], [from, to]: Range): readonly Range[] =>
  ranges.flatMap(([first, last]): readonly Range[] => {
    if (last < from || first > to) return [[first, last]];
    return [
      ...(first < from ? [[first, from - 1] as const] : []),
      ...(last > to ? [[to + 1, last] as const] : []),
    ];
  });

/** The newest revision that the ledger, or anything else, knows of. */
export function newestOf(
  entry: LedgerEntry | undefined,
  others: Iterable<number | undefined>,
): number | undefined {
  const known = [entry?.upTo, entry?.above.at(-1), ...others].filter(one => one !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

/** Whether there is nothing left to find out about this revision. */
export function isAccounted({ upTo, above, missing }: LedgerEntry, revision: number): boolean {
  if (upTo === undefined || revision > upTo) return above.includes(revision);
  return !isIn(missing, revision);
}

/** Accounts for one revision. Without a baseline it makes none. */
export function account(entry: LedgerEntry, revision: number): LedgerEntry {
  const { upTo, above, missing } = entry;
  if (upTo !== undefined && revision <= upTo) {
    return isIn(missing, revision) ? { ...entry, missing: without(missing, [revision, revision]) } : entry;
  }
  if (above.includes(revision)) return entry;
  const all = [...above, revision].sort((a, b) => a - b);
  return upTo === undefined ? { ...entry, above: all } : absorb({ ...entry, above: all }, upTo);
}

/** Accounts for everything up to and with `upTo`, but for gaps that were left open: those end by `account` or `close`. */
export function settle(entry: LedgerEntry, upTo: number): LedgerEntry {
  return entry.upTo !== undefined && upTo <= entry.upTo ? entry : absorb(entry, upTo);
}

/** Accounts for what was left open of these: there is nothing left to find out about them. */
export function close(entry: LedgerEntry, ranges: readonly Range[]): LedgerEntry {
  const missing = ranges.reduce(without, entry.missing);
  return sizeOf(missing) === sizeOf(entry.missing) ? entry : { ...entry, missing };
}

/** Moves on to `upTo` and leaves open what is not accounted for on the way. */
export function leaveOpen(entry: LedgerEntry, upTo: number): LedgerEntry {
  if (entry.upTo === undefined || upTo <= entry.upTo) return entry;
  const missing = [...entry.missing, ...unaccounted(entry, upTo)];
  return absorb({ ...entry, missing }, upTo);
}

/** Of these, what there is still something to find out about. */
export function openOf({ upTo, above, missing }: LedgerEntry, ranges: readonly Range[]): readonly Range[] {
  const isBelow: Range = [Number.NEGATIVE_INFINITY, upTo ?? Number.NEGATIVE_INFINITY];
  let later = without(ranges, isBelow);
  for (const revision of above) later = without(later, [revision, revision]);
  const leftOpen = missing.flatMap(([first, last]) =>
    ranges.flatMap(([from, to]): readonly Range[] =>
      from <= last && first <= to ? [[Math.max(first, from), Math.min(last, to)]] : [],
    ),
  );
  return [...leftOpen, ...later];
}

/** What is not accounted for from the baseline up to `upTo`; gaps that were left open not counted. */
export function unaccounted({ upTo: from, above }: LedgerEntry, upTo: number): readonly Range[] {
  if (from === undefined || upTo <= from) return [];
  let ranges: readonly Range[] = [[from + 1, upTo]];
  for (const revision of above) ranges = without(ranges, [revision, revision]);
  return ranges;
}

/** `upTo` raised, and further over what is known right above it. */
function absorb({ above, missing }: LedgerEntry, upTo: number): LedgerEntry {
  let reached = upTo;
  for (const revision of above) if (revision === reached + 1) reached = revision;
  return { upTo: reached, above: above.filter(revision => revision > reached), missing };
}
