/** What goes from the store in memory, and what is kept as long as somebody needs it. */
import type { Entry, Removal, Removed, Usage } from './contract.ts';
import { isOwed, type MemoryData } from './memory-data.ts';
import type { MemoryGroups } from './memory-groups.ts';
import type { MemoryRevisions } from './memory-revisions.ts';

export interface MemoryRetentionDeps {
  readonly revisions: Pick<MemoryRevisions, 'remove' | 'forgetDeletions'>;
  readonly groups: Pick<MemoryGroups, 'waiting' | 'forget'>;
  /** Entries above this position that are not gone. */
  readonly kept: (after?: number) => readonly Entry[];
  readonly now: () => number;
}

export function memoryRetention(data: MemoryData, { revisions, groups, kept, now }: MemoryRetentionDeps) {
  const used = (): number => kept().reduce((sum, entry) => sum + JSON.stringify(entry).length, 0);

  const removeEvents = ({ olderThanMs, rules, after }: Removal): Removed => {
    const before = now() - olderThanMs;
    const live = new Set(rules);
    const isOld = ({ event }: Entry) =>
      Date.parse(event.receivedAt) < before && event.seq < (data.entries.at(-1)?.event.seq ?? 0);
    const slowest = [...data.lanes.values()]
      .filter(row => live.has(row.lane.rule))
      .sort((a, b) => a.cursor - b.cursor)
      .at(0);
    const holds = (seq: number): boolean =>
      (slowest !== undefined && seq > slowest.cursor) ||
      [...data.parked.values()].some(({ key }) => key.seq === seq) ||
      [...data.runs.values(), ...data.marks.values()].some(({ key }) => key.seq === seq) ||
      [...groups.waiting()].some(one => one.seq === seq) ||
      data.replays.some(({ cursor, to }) => cursor < seq && seq <= to) ||
      [...data.lanes.values()].some(row => isOwed(row, seq));
    const isFree = (entry: Entry): boolean => isOld(entry) && !holds(entry.event.seq);
    const old = kept().filter(isOld);
    const free = kept(after).filter(
      entry =>
        isFree(entry) &&
        kept()
          .filter(({ event }) => event.id === entry.event.id)
          .every(isFree),
    );
    for (const { event } of free) {
      data.gone.add(event.seq);
      revisions.remove(event.seq, event.id);
      groups.forget(event.seq);
      for (const [id, record] of data.records) if (record.seq === event.seq) data.records.delete(id);
      for (const [id, run] of data.runs) if (run.key.seq === event.seq) data.runs.delete(id);
      for (const [id, found] of data.marks) if (found.key.seq === event.seq) data.marks.delete(id);
    }
    revisions.forgetDeletions(before);
    for (const [id, { at }] of data.own) if (at < before) data.own.delete(id);
    if (free.length > 0) data.removedAt = now();
    const upTo = Math.max(after, old.at(-1)?.event.seq ?? 0);
    const heldBy =
      slowest && slowest.cursor < upTo ? { rule: slowest.lane.rule, cursor: slowest.cursor } : undefined;
    return { events: free.length, upTo, more: false, used: used(), ...(heldBy && { heldBy }) };
  };

  const forgetSteps = (olderThanMs: number): boolean => {
    for (const [id, { error: _, ...record }] of data.records) {
      if (record.endedAt >= now() - olderThanMs || record.outcome === 'parked') continue;
      data.records.set(id, { ...record, steps: [] });
    }
    return false;
  };

  const usage = (): Usage => {
    const [oldest] = kept();
    return {
      used: used(),
      free: 0,
      oldest: oldest && { seq: oldest.event.seq, receivedAt: Date.parse(oldest.event.receivedAt) },
      removed: { events: data.gone.size, lastAt: data.removedAt },
    };
  };

  return { removeEvents, forgetSteps, usage };
}
