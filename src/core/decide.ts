/**
 * What an append becomes. The store reads what it knows in one go, asks this, and writes the answer in one go: there is
 * no other place where a repeat is told from news, or where it is decided what has to wait for what is missing.
 */
import {
  account,
  close,
  isAccounted,
  type LedgerEntry,
  leaveOpen,
  NOTHING_KNOWN,
  openOf,
  type Range,
  settle,
  unaccounted,
  without,
} from './ledger.ts';

/** What the decision looks at. `ref` is the event's ref as one string. */
export interface Candidate {
  readonly id: string;
  readonly ref: string;
  /** The item that the event is about, with comments and files too. */
  readonly item?: number;
  /** Where the event is a revision of the item: its running number. */
  readonly revision?: number;
  /**
   * What the revision means to the ledger. `jumps`: every change of the item is delivered under this ref, so that numbers
   * left out are missed changes. `beside`: as before, but under another ref, whose deliveries alone are counted; a creation
   * proves all the same that all from it on is due there. `loose`: numbers are left out naturally. `found`: looked up at
   * Podio; told once, and only if it is not accounted for.
   */
  readonly kind?: 'jumps' | 'beside' | 'loose' | 'found';
  /** False while changes from before may still be found: the first revision seen of an item is then no baseline. */
  readonly baseline?: boolean;
}

/** What is known of an item beside its events. */
export type Mark =
  /** podiod made this revision itself. */
  | { readonly mark: 'own'; readonly item: number; readonly revision: number }
  /** There is nothing left to find out up to this revision, but for what was left open. */
  | { readonly mark: 'settle'; readonly item: number; readonly revision: number }
  /** Of what was left open, there is nothing left to find out about these. */
  | { readonly mark: 'close'; readonly item: number; readonly revisions: readonly Range[] }
  /** What is held waits no longer; what was missing stays open. */
  | { readonly mark: 'release'; readonly item: number };

/** Where an id stands in the journal already. */
export interface Standing {
  readonly ref: string;
  readonly seq: number;
}

/** An event that waits for missing revisions. `key` is the store's name for it. */
export interface HeldEvent extends Candidate {
  readonly key: number;
}

export interface Situation {
  readonly batch: readonly (Candidate | Mark)[];
  /** Every standing of each id of the batch and of what is held; an id that is new has no entry. */
  readonly known: ReadonlyMap<string, readonly Standing[]>;
  /** Of the items of the batch. */
  readonly ledger?: ReadonlyMap<number, LedgerEntry>;
  /** Of the items of the batch, in the order of arrival. */
  readonly held?: ReadonlyMap<number, readonly HeldEvent[]>;
  /** The highest seq given so far. */
  readonly head: number;
}

/**
 * `released` to the lanes under a new seq, `held`, or a `repeat` of the entry that has `seq` (none while that one is
 * held itself). A mark is `done`.
 */
export type Decision =
  | { readonly status: 'released'; readonly seq: number; readonly twin: boolean }
  | { readonly status: 'repeat'; readonly seq?: number }
  | { readonly status: 'held' }
  | { readonly status: 'done' };

/** An event that gets its seq now: `at` is its place in the batch, `key` that of one held before. */
export type Release = { readonly seq: number; readonly twin: boolean } & (
  | { readonly at: number }
  | { readonly key: number }
);

export interface Verdict {
  /** One for each of the batch, in its order. */
  readonly decisions: readonly Decision[];
  /** All that is released, in the order of seq. `twin`: the same change stands at a lower seq under another ref. */
  readonly releases: readonly Release[];
  /** The entries that have changed. */
  readonly ledger: ReadonlyMap<number, LedgerEntry>;
}

/** An event in a queue, new or held before. */
interface Waiting {
  readonly event: Candidate;
  readonly from: { readonly at: number } | { readonly key: number };
}

const NOBODY: readonly Waiting[] = [];

/** Earlier ones of the batch count as known to later ones. */
export function decide({ batch, known, ledger, held, head }: Situation): Verdict {
  const added = new Map<string, Standing[]>();
  const entries = new Map<number, LedgerEntry>();
  const queues = new Map<number, Waiting[]>();
  const decisions: Decision[] = [];
  const releases: Release[] = [];
  let seq = head;

  const standingsOf = (id: string): readonly Standing[] => {
    const before = known.get(id);
    const now = added.get(id);
    return before && now ? [...before, ...now] : (before ?? now ?? []);
  };
  const entryOf = (item: number): LedgerEntry => entries.get(item) ?? ledger?.get(item) ?? NOTHING_KNOWN;
  const put = (item: number, entry: LedgerEntry): void => {
    if (entry !== entryOf(item)) entries.set(item, entry);
  };
  const queueOf = (item: number): readonly Waiting[] => {
    const found = queues.get(item);
    if (found) return found;
    const before = held?.get(item);
    return before === undefined ? NOBODY : openQueue(item);
  };
  const openQueue = (item: number): Waiting[] => {
    const found = queues.get(item);
    if (found) return found;
    const made = (held?.get(item) ?? []).map((event): Waiting => ({ event, from: { key: event.key } }));
    queues.set(item, made);
    return made;
  };

  const release = ({ event: { id, ref }, from }: Waiting): void => {
    const twin = standingsOf(id).length > 0;
    seq += 1;
    const mine = added.get(id);
    if (mine) mine.push({ ref, seq });
    else added.set(id, [{ ref, seq }]);
    releases.push({ seq, twin, ...from });
    if ('at' in from) decisions[from.at] = { status: 'released', seq, twin };
  };

  /** Lets go what waited only for what is there by now. */
  const drain = (item: number): void => {
    const queue = openQueue(item);
    for (let next = nextOf(queue, entryOf(item)); next; next = nextOf(queue, entryOf(item))) {
      queue.splice(queue.indexOf(next), 1);
      release(next);
      put(item, counted(entryOf(item), next.event));
    }
  };

  const releaseAll = (item: number): void => {
    const queue = openQueue(item);
    while (queue.length > 0) {
      // What is below the lowest that waits is left open; what follows that one is let go with it.
      const lowest = queue.reduce(
        (low, { event }) => Math.min(low, event.revision ?? low),
        Number.MAX_SAFE_INTEGER,
      );
      put(item, leaveOpen(entryOf(item), lowest - 1));
      drain(item);
    }
  };

  const mark = (what: Mark): void => {
    const { item } = what;
    const entry = entryOf(item);
    switch (what.mark) {
      case 'release':
        releaseAll(item);
        return;
      case 'close':
        // Nothing waits for what was left open.
        put(item, close(entry, what.revisions));
        return;
      case 'own':
      case 'settle':
        put(item, what.mark === 'own' ? account(entry, what.revision) : settle(entry, what.revision));
        drain(item);
    }
  };

  const take = (event: Candidate, at: number): Decision => {
    const { id, ref, item, revision, kind } = event;
    const same = standingsOf(id).find(standing => standing.ref === ref);
    if (same) return { status: 'repeat', seq: same.seq };
    const waiting: Waiting = { event, from: { at } };
    if (item === undefined) {
      release(waiting);
      return decisions[at] as Decision;
    }
    const queue = queueOf(item);
    if (queue.some(other => other.event.id === id && other.event.ref === ref)) return { status: 'repeat' };
    const before = entryOf(item);
    if (kind === 'found' && revision !== undefined && isAccounted(before, revision)) {
      const told = standingsOf(id)[0];
      return told ? { status: 'repeat', seq: told.seq } : { status: 'repeat' };
    }
    const entry = begun(before, event);
    if (mustWait(event, entry, queue.length > 0)) {
      put(item, entry);
      openQueue(item).push(waiting);
      return { status: 'held' };
    }
    release(waiting);
    put(item, counted(entry, event));
    if (queue.length > 0) drain(item);
    return decisions[at] as Decision;
  };

  batch.forEach((what, at) => {
    if ('mark' in what) {
      mark(what);
      decisions[at] = { status: 'done' };
    } else {
      decisions[at] = take(what, at);
    }
  });
  return { decisions, releases, ledger: entries };
}

/** What an item waits for, given what is held of it: the revisions below, that nothing is known of. */
export function missingOf(entry: LedgerEntry, held: readonly Candidate[]): readonly Range[] {
  let upTo = Number.NEGATIVE_INFINITY;
  for (const { revision, kind } of held) {
    if (revision !== undefined) upTo = Math.max(upTo, kind === 'beside' ? revision - 1 : revision);
  }
  return notHeld(unaccounted(entry, upTo), held);
}

/** Of these, what is lost when nothing more can be found out about them: what is held is told all the same. */
export const lostOf = (
  entry: LedgerEntry,
  held: readonly Candidate[],
  ranges: readonly Range[],
): readonly Range[] => notHeld(openOf(entry, ranges), held);

/** What only a field's hook has told of is still missing to its app. */
function notHeld(ranges: readonly Range[], held: readonly Candidate[]): readonly Range[] {
  let left = ranges;
  for (const { revision, kind } of held) {
    if (revision !== undefined && kind !== 'beside') left = without(left, [revision, revision]);
  }
  return left;
}

function mustWait({ revision, kind }: Candidate, { upTo }: LedgerEntry, isHeld: boolean): boolean {
  if (revision === undefined) return isHeld;
  // Late, a twin, or just what was waited for.
  if (upTo === undefined || revision <= upTo + 1) return false;
  return isHeld || kind === 'jumps' || kind === 'beside';
}

/** The first of the queue that nothing before it is missing of; undefined when all have to wait. */
function nextOf(queue: readonly Waiting[], { upTo }: LedgerEntry): Waiting | undefined {
  const [first] = queue;
  if (first === undefined || first.event.revision === undefined) return first;
  if (upTo === undefined) return first;
  let next: Waiting | undefined;
  for (const waiting of queue) {
    const { revision } = waiting.event;
    if (revision === undefined || revision > upTo + 1) continue;
    if (next === undefined || revision < (next.event.revision ?? 0)) next = waiting;
  }
  return next;
}

/** The ledger as the event finds it: the first that is delivered of an item is its baseline. */
function begun(entry: LedgerEntry, { revision, kind, baseline = true }: Candidate): LedgerEntry {
  if (entry.upTo !== undefined || revision === undefined || kind === undefined) return entry;
  if (kind === 'beside') return revision === 0 ? settle(entry, -1) : entry;
  if (revision > 0 && (!baseline || kind === 'found')) return entry;
  // What lies between an earlier one, such as podiod's own, and this one was made since: it is missing and not from before.
  return settle(entry, Math.min(revision, ...entry.above));
}

/** The ledger after the event. */
function counted(entry: LedgerEntry, event: Candidate): LedgerEntry {
  const { revision, kind } = event;
  if (revision === undefined || kind === undefined || kind === 'beside') return entry;
  return account(begun(entry, event), revision);
}
