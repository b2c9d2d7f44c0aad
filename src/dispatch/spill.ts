import type { Entry } from '../store/contract.ts';

/** An item whose events come faster than they go: further ones are left in the journal and read again later. */
interface Left {
  readonly itemId: number;
  /** Nothing below is open of what was left or has been read again. */
  lowest: number;
  /** Everything up to here has been read again, or was never left. */
  read: number;
  /** The last one left in the journal; 0: none is any more. */
  last: number;
  reading: boolean;
}

export interface SpillDeps {
  /** So many events of one item lie in memory; what is more waits in the journal. */
  readonly limit: number;
  /** Entries of the item above `after`, oldest first. Undefined: the lane was let go. */
  readonly read: (itemId: number, after: number, limit: number) => Promise<ItemPage | undefined>;
  /** An entry that was left: takes it in, or says that there is nothing to do with it. */
  readonly take: (entry: Entry) => boolean;
}

export interface ItemPage {
  readonly entries: readonly Entry[];
  /** seqs among them whose runs are on record. */
  readonly done: ReadonlySet<number>;
}

/**
 * Keeps one item that gets nowhere from filling the window of its rule: remembers for each such item from where on its
 * events are to be read again. That position holds the cursor meanwhile.
 */
export class Spill {
  readonly #deps: SpillDeps;
  readonly #left = new Map<string, Left>();

  constructor(deps: SpillDeps) {
    this.#deps = deps;
  }

  /** The position at or below which nothing that was left is open. */
  cursor(position: number): number {
    let cursor = position;
    for (const { lowest } of this.#left.values()) cursor = Math.min(cursor, lowest - 1);
    return cursor;
  }

  get isEmpty(): boolean {
    return this.#left.size === 0;
  }

  /** Whether to leave the event in the journal. @param chain how many of its item lie in memory */
  leaves(order: string, chain: number, { seq, itemId }: { seq: number; itemId?: number }): boolean {
    const left = this.#left.size > 0 ? this.#left.get(order) : undefined;
    const { limit } = this.#deps;
    if (left?.last || (chain >= limit && left !== undefined)) {
      if (left.last === 0) left.read = seq - 1;
      left.last = seq;
      return true;
    }
    if (chain < limit || itemId === undefined) return false;
    this.#left.set(order, { itemId, lowest: seq, read: seq - 1, last: seq, reading: false });
    return true;
  }

  /** An event of the item is settled. @param chain how many of it lie in memory still */
  settled(order: string, seq: number, chain: number): void {
    const left = this.#left.size > 0 ? this.#left.get(order) : undefined;
    if (left === undefined) return;
    if (seq >= left.lowest) left.lowest = seq + 1;
    if (left.last > 0) {
      if (chain <= this.#deps.limit / 8) void this.#refill(order, left, chain);
    } else if (seq >= left.read) {
      this.#left.delete(order);
    }
  }

  async #refill(order: string, left: Left, chain: number): Promise<void> {
    if (left.reading) return;
    left.reading = true;
    for (let taken = 0; taken === 0 && left.last > 0; ) {
      const page = await this.#deps.read(left.itemId, left.read, this.#deps.limit - chain);
      if (page === undefined) return;
      const known = page.entries.filter(({ event }) => event.seq <= left.last);
      left.read = known.at(-1)?.event.seq ?? left.last;
      if (left.read >= left.last) left.last = 0;
      for (const entry of known) {
        if (!page.done.has(entry.event.seq) && this.#deps.take(entry)) taken++;
      }
      // What was left is dealt with, and nothing of it is open.
      if (left.last === 0 && taken === 0) this.#left.delete(order);
    }
    left.reading = false;
  }
}
