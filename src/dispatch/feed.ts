import { orderKey, type PodioEvent } from '../core/event.ts';
import type { Journal } from '../store/contract.ts';

/** An entry of the journal, with what every lane would otherwise work out again. */
export interface FeedEntry {
  readonly event: PodioEvent;
  readonly twin: boolean;
  /** Events with the same one are handled one after another. */
  readonly order: string;
  /** Roughly what it takes in memory. */
  readonly bytes: number;
}

/** All entries with `after` < seq <= `upTo`. */
export interface Chunk {
  readonly after: number;
  readonly upTo: number;
  readonly entries: readonly FeedEntry[];
  readonly bytes: number;
}

/**
 * The journal as all lanes read it together: what one has read lies ready for the others, so that two hundred rules do
 * not read every entry two hundred times.
 */
export interface Feed {
  /**
   * A chunk that goes on past `after` (and may begin before it); undefined when there is nothing there yet. At once when
   * another lane has read it already.
   */
  read(after: number): Chunk | undefined | Promise<Chunk | undefined>;
  /** The highest seq given so far. */
  head(): number;
}

export interface FeedLimits {
  /** Entries a read asks for. */
  readonly entries: number;
  /** What is kept for others: so many chunks, so many bytes of them. */
  readonly chunks: number;
  readonly bytes: number;
}

const LIMITS: FeedLimits = { entries: 128, chunks: 8, bytes: 8 * 1024 * 1024 };

/** @param lowest the position of the reader that is furthest behind: nobody needs again what lies before it */
export function makeFeed(
  journal: Pick<Journal, 'read' | 'head'>,
  lowest: () => number,
  limits: FeedLimits = LIMITS,
): Feed {
  /** The least recently used first. */
  const kept: Chunk[] = [];
  let keptBytes = 0;
  const reading = new Map<number, Promise<Chunk | undefined>>();

  const keep = (chunk: Chunk) => {
    const passed = lowest();
    for (let at = kept.length - 1; at >= 0; at--) if ((kept[at]?.upTo ?? 0) <= passed) drop(at);
    kept.push(chunk);
    keptBytes += chunk.bytes;
    while (kept.length > 1 && (kept.length > limits.chunks || keptBytes > limits.bytes)) drop(0);
  };
  const drop = (at: number) => {
    const [dropped] = kept.splice(at, 1);
    keptBytes -= dropped?.bytes ?? 0;
  };

  const fetch = async (after: number): Promise<Chunk | undefined> => {
    try {
      const { entries, upTo } = await journal.read({ after, limit: limits.entries });
      if (upTo <= after) return undefined;
      let bytes = 0;
      const fed = entries.map(({ event, twin }) => {
        const size = sizeOf(event);
        bytes += size;
        return { event, twin, order: orderKey(event), bytes: size };
      });
      const chunk = { after, upTo, entries: fed, bytes };
      keep(chunk);
      return chunk;
    } finally {
      reading.delete(after);
    }
  };

  return {
    head: () => journal.head(),
    read(after) {
      if (journal.head() <= after) return undefined;
      for (let at = kept.length - 1; at >= 0; at--) {
        const chunk = kept[at];
        if (chunk === undefined || chunk.after > after || chunk.upTo <= after) continue;
        if (at !== kept.length - 1) {
          kept.splice(at, 1);
          kept.push(chunk);
        }
        return chunk;
      }
      let promise = reading.get(after);
      if (promise === undefined) {
        promise = fetch(after);
        reading.set(after, promise);
      }
      return promise;
    },
  };
}

/** The place in the chunk of the first entry above `after`. */
export function firstAbove({ entries }: Chunk, after: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle]?.event.seq ?? Number.POSITIVE_INFINITY) > after) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** What an event costs beside its parameters: an object with some twenty slots and its strings. */
const EVENT_BYTES = 500;

export function sizeOf(event: PodioEvent): number {
  let bytes = EVENT_BYTES;
  for (const name in event.params) bytes += 2 * (name.length + (event.params[name] ?? '').length);
  return bytes;
}
