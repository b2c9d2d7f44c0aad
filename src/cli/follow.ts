import { setTimeout as pause } from 'node:timers/promises';
import type { EventQuery, EventWithRuns, StoreReader } from '../store/contract.ts';

/** Entries of the journal read at a time. */
const PAGE = 500;
/** How often the journal is looked at for more. */
const LOOK_MS = 250;
/** How long an event is held back for what its rules make of it. */
const PATIENCE_MS = 2000;

type Reader = Pick<StoreReader, 'journal' | 'lanes'>;

/** Page by page, so that a long journal is never in memory as a whole. */
export async function* pages(
  { journal }: Pick<Reader, 'journal'>,
  query: EventQuery,
): AsyncGenerator<EventWithRuns> {
  if (query.last !== undefined) {
    yield* await journal.list(query);
    return;
  }
  for (let after = query.after ?? 0; ; ) {
    const page = await journal.list({ ...query, after, limit: PAGE });
    yield* page;
    if (page.length < PAGE) return;
    after = page.at(-1)?.event.seq ?? after;
  }
}

/** Entries after `after` as they come, each once, until `stop`. */
export async function* follow(
  reader: Reader,
  query: Omit<EventQuery, 'after' | 'last' | 'limit'>,
  after: number,
  stop: AbortSignal,
): AsyncGenerator<EventWithRuns> {
  const look = query.rule === undefined ? lookAtAll(reader, query, after) : lookAtRule(reader, query, after);
  while (!stop.aborted) {
    for await (const entry of look()) yield entry;
    await pause(LOOK_MS, undefined, { signal: stop }).catch(() => {});
  }
}

/** In the order of the journal, each held back until the rules have passed it. */
function lookAtAll(reader: Reader, query: EventQuery, after: number) {
  let last = after;
  /** Rules that keep up. One that was taken out of the config, or is busy trying again, is not waited for. */
  const live = new Set<string>();
  return async function* () {
    const lanes = await reader.lanes.status();
    for (const { rule, lag } of lanes) if (lag === 0) live.add(rule);
    for await (const entry of pages(reader, { ...query, after: last })) {
      const { seq, receivedAt } = entry.event;
      const behind = lanes.filter(({ rule, cursor }) => live.has(rule) && cursor < seq);
      if (behind.length > 0 && Date.now() - Date.parse(receivedAt) < PATIENCE_MS) return;
      for (const { rule } of behind) live.delete(rule);
      last = seq;
      yield entry;
    }
  };
}

/** A rule finishes its events in any order: each is told when its run has ended. */
function lookAtRule(reader: Reader, query: EventQuery, after: number) {
  let settled = after;
  const told = new Set<number>();
  return async function* () {
    const lane = (await reader.lanes.status()).find(({ rule }) => rule === query.rule);
    for await (const entry of pages(reader, { ...query, after: settled })) {
      const { seq } = entry.event;
      if (told.has(seq)) continue;
      told.add(seq);
      yield entry;
    }
    settled = Math.max(settled, lane?.cursor ?? 0);
    for (const seq of told) if (seq <= settled) told.delete(seq);
  };
}
