/** What the store in memory keeps of revisions: identities, the ledger, and what waits for what is missing in it. */
import {
  type Decision,
  decide,
  type HeldEvent,
  lostOf,
  type Mark,
  missingOf,
  type Standing,
} from '../core/decide.ts';
import { type NewEvent, type PodioEvent, revisionOf } from '../core/event.ts';
import { isAccounted, type LedgerEntry, NOTHING_KNOWN, newestOf, sizeOf } from '../core/ledger.ts';
import { candidateOf, stepsOf } from './candidate.ts';
import {
  type Completeness,
  type Entry,
  type GapFailure,
  type HeldItem,
  LATEST_EVENTS,
  type OpenGap,
  type Recovery,
  UNTOLD_DELETION,
} from './contract.ts';
import { refText } from './refs.ts';

interface StoredHeld {
  readonly item: number;
  readonly event: NewEvent;
  readonly at: number;
}

interface StoredGap {
  readonly app: string;
  readonly why: string;
  readonly since: number;
  readonly due: number;
}

interface Counts {
  delivered: number;
  recovered: number;
  own: number;
  /** By reason. */
  readonly unprovable: Map<string, { readonly count: number; readonly lastAt: number }>;
}

export interface RevisionData {
  readonly standings: Map<string, Standing[]>;
  readonly ledger: Map<number, LedgerEntry>;
  readonly held: Map<number, StoredHeld>;
  readonly gaps: Map<number, StoredGap>;
  readonly counts: Map<string, Counts>;
  /** Proved by a read, and told by no delivery. By item. */
  readonly deletions: Map<number, { readonly app: string; readonly at: number }>;
  heldKeys: number;
}

export const emptyRevisions = (): RevisionData => ({
  standings: new Map(),
  ledger: new Map(),
  held: new Map(),
  gaps: new Map(),
  counts: new Map(),
  deletions: new Map(),
  heldKeys: 0,
});

const noCounts = (): Counts => ({ delivered: 0, recovered: 0, own: 0, unprovable: new Map() });

const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
const isMark = (what: NewEvent | Mark): what is Mark => 'mark' in what;

export type MemoryRevisions = ReturnType<typeof makeMemoryRevisions>;

/** Released events are put at the end of `entries`, where the one with seq n stands at n - 1. */
export function makeMemoryRevisions(data: RevisionData, entries: Entry[], now: () => number) {
  const { standings, ledger, held, gaps } = data;

  const countsOf = (app: string): Counts => {
    const found = data.counts.get(app) ?? noCounts();
    data.counts.set(app, found);
    return found;
  };

  const heldByItem = (): ReadonlyMap<number, readonly HeldEvent[]> =>
    Map.groupBy(
      Array.from(held, ([key, { event }]): HeldEvent => ({ ...candidateOf(event), key })),
      ({ item }) => item ?? 0,
    );

  const take = (key: number): NewEvent => {
    const found = held.get(key);
    if (!found) throw new Error(`nothing is held under ${key}`);
    held.delete(key);
    return found.event;
  };

  const write = (
    { following, baseline, ...event }: NewEvent,
    seq: number,
    twin: boolean,
    receivedAt: string,
  ): void => {
    entries.push({ event: copy<PodioEvent>({ seq, ...event, receivedAt }), twin });
    standings.set(event.id, [...(standings.get(event.id) ?? []), { ref: refText(event.ref), seq }]);
    if (event.type === 'item.delete' && event.itemId !== undefined) data.deletions.delete(event.itemId);
    if (event.app === undefined || twin || event.itemId === undefined || revisionOf(event) === undefined)
      return;
    countsOf(event.app)[event.source === 'recovered' ? 'recovered' : 'delivered'] += 1;
  };

  const apply = (
    batch: readonly (NewEvent | Mark)[],
  ): { readonly decisions: readonly Decision[]; readonly released: number } => {
    const at = now();
    const receivedAt = new Date(at).toISOString();
    const verdict = decide({
      batch: batch.map(what => (isMark(what) ? what : candidateOf(what))),
      known: standings,
      ledger,
      held: heldByItem(),
      head: entries.at(-1)?.event.seq ?? 0,
    });
    for (const release of verdict.releases) {
      const event = 'at' in release ? batch[release.at] : take(release.key);
      if (!event || isMark(event)) throw new Error('only events are released');
      write(event, release.seq, release.twin, receivedAt);
    }
    verdict.decisions.forEach(({ status }, i) => {
      const event = batch[i];
      if (status !== 'held' || !event || isMark(event) || event.itemId === undefined) return;
      data.heldKeys += 1;
      held.set(data.heldKeys, { item: event.itemId, event: copy(event), at });
    });
    for (const [item, entry] of verdict.ledger) {
      ledger.set(item, entry);
      if (entry.missing.length === 0) gaps.delete(item);
    }
    return { decisions: verdict.decisions, released: verdict.releases.length };
  };

  const heldItems = (): readonly HeldItem[] =>
    Array.from(
      Map.groupBy(held.values(), ({ item }) => item),
      ([itemId, rows]): HeldItem => ({
        itemId,
        app: rows.find(({ event }) => event.app !== undefined)?.event.app,
        heldMs: Math.max(0, now() - Math.min(...rows.map(({ at }) => at))),
        events: rows.length,
        missing: missingOf(
          ledger.get(itemId) ?? NOTHING_KNOWN,
          rows.map(({ event }) => candidateOf(event)),
        ),
      }),
    ).sort((a, b) => b.heldMs - a.heldMs);

  const openGaps = (): readonly OpenGap[] =>
    Array.from(
      gaps,
      ([itemId, { app, why, since, due }]): OpenGap => ({
        itemId,
        app,
        missing: ledger.get(itemId)?.missing ?? [],
        why,
        since,
        waitMs: due - now(),
      }),
    ).sort((a, b) => a.waitMs - b.waitMs);

  return {
    apply,
    /** The event at `seq` goes: its change is news again. */
    remove(seq: number, id: string): void {
      const left = (standings.get(id) ?? []).filter(standing => standing.seq !== seq);
      if (left.length > 0) standings.set(id, left);
      else standings.delete(id);
    },
    held: heldItems,
    open: openGaps,

    ledger: (items: readonly number[]): ReadonlyMap<number, LedgerEntry> =>
      new Map(
        items.flatMap(item => {
          const entry = ledger.get(item);
          return entry ? [[item, copy(entry)] as const] : [];
        }),
      ),

    newest: (itemId: number): number | undefined =>
      newestOf(ledger.get(itemId), [
        ...(heldByItem().get(itemId) ?? []).map(({ revision }) => revision),
        ...entries
          .filter(({ event }) => event.itemId === itemId)
          .slice(-LATEST_EVENTS)
          .map(({ event }) => event.revision),
      ]),

    /** Answers how many of the events found were told, and how many were released with them. */
    recover(found: readonly Recovery[]): { readonly told: number; readonly released: number } {
      let told = 0;
      let released = 0;
      for (const recovery of found) {
        const { itemId, app, unprovable } = recovery;
        const count = unprovable
          ? sizeOf(
              lostOf(
                ledger.get(itemId) ?? NOTHING_KNOWN,
                heldByItem().get(itemId) ?? [],
                unprovable.revisions,
              ),
            )
          : 0;
        const applied = apply(stepsOf(recovery));
        told += applied.decisions.filter(({ status }) => status === 'released').length;
        released += applied.released;
        if (!unprovable || count === 0) continue;
        const reasons = countsOf(app).unprovable;
        const before = reasons.get(unprovable.why)?.count ?? 0;
        reasons.set(unprovable.why, { count: before + count, lastAt: now() });
      }
      return { told, released };
    },

    release({ itemId, app, why, retryMs }: GapFailure): number {
      const { released } = apply([{ mark: 'release', item: itemId }]);
      if ((ledger.get(itemId)?.missing.length ?? 0) > 0) {
        const before = gaps.get(itemId);
        gaps.set(itemId, {
          app: before?.app ?? app,
          why,
          since: before?.since ?? now(),
          due: now() + retryMs,
        });
      }
      return released;
    },

    postpone({ itemId, why, retryMs }: GapFailure): void {
      const gap = gaps.get(itemId);
      if (gap) gaps.set(itemId, { ...gap, why, due: now() + retryMs });
    },

    deleted(itemId: number, app: string): void {
      if (entries.some(({ event }) => event.type === 'item.delete' && event.itemId === itemId)) return;
      if (!data.deletions.has(itemId)) data.deletions.set(itemId, { app, at: now() });
    },

    forgetDeletions(before: number): void {
      for (const [item, { at }] of data.deletions) if (at < before) data.deletions.delete(item);
    },

    own(itemId: number, revision: number, app: string | undefined): number {
      if (app !== undefined && !isAccounted(ledger.get(itemId) ?? NOTHING_KNOWN, revision))
        countsOf(app).own += 1;
      return apply([{ mark: 'own', item: itemId, revision }]).released;
    },

    completeness(): readonly Completeness[] {
      const missing = Map.groupBy([...heldItems(), ...openGaps()], ({ app }) => app ?? '');
      const deletions = Map.groupBy(data.deletions.values(), ({ app }) => app);
      const apps = new Set([...data.counts.keys(), ...missing.keys(), ...deletions.keys()]);
      return [...apps].sort().map((app): Completeness => {
        const { delivered, recovered, own, unprovable } = data.counts.get(app) ?? noCounts();
        return {
          app,
          delivered,
          recovered,
          own,
          unprovable: [
            ...Array.from(unprovable, ([why, { count, lastAt }]) => ({ why, count, lastAt })),
            ...untold(deletions.get(app)),
          ].sort((a, b) => b.count - a.count),
          open: (missing.get(app) ?? []).reduce((sum, each) => sum + sizeOf(each.missing), 0),
        };
      });
    },
  };
}

const untold = (deletions: readonly { readonly at: number }[] = []): Completeness['unprovable'] =>
  deletions.length === 0
    ? []
    : [{ why: UNTOLD_DELETION, count: deletions.length, lastAt: Math.max(...deletions.map(({ at }) => at)) }];
