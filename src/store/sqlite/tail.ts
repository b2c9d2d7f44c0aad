import type { Entry, ReadResult } from '../contract.ts';

/**
 * Enough for lanes that keep up; one that lags reads from the database. Not more: what lives for a tenth of a second under load
 * is what the garbage collector works hardest for.
 */
const KEPT = 256;

/**
 * The newest entries, kept as they were appended: lanes that keep up with the journal need not read back what this process
 * has just written, once for each rule.
 */
export class Tail {
  #entries: Entry[] = [];
  /** Everything above this is in #entries. */
  #from: number;
  #last: number;

  constructor(head: number) {
    this.#from = head;
    this.#last = head;
  }

  /** In the order of seq, after they are on disk. */
  push(entry: Entry): void {
    const { seq } = entry.event;
    // What lies between is not known here: a write that was told to have failed, and stands all the same.
    if (seq !== this.#last + 1) this.forget(seq - 1);
    this.#last = seq;
    this.#entries.push(entry);
    // By halves, so that each entry is moved once.
    if (this.#entries.length >= 2 * KEPT) {
      this.#entries = this.#entries.slice(KEPT);
      this.#from = (this.#entries[0]?.event.seq ?? 1) - 1;
    }
  }

  /** Up to here only the database knows what there is. */
  forget(seq: number): void {
    this.#entries = [];
    this.#from = seq;
    this.#last = seq;
  }

  /** What stands at or below `upTo` may be gone from the database. */
  drop(upTo: number): void {
    if (upTo <= this.#from) return;
    this.#entries = this.#entries.slice(this.#after(upTo));
    this.#from = upTo;
  }

  /** Undefined when `after` lies before what is kept. */
  read(after: number, limit: number): ReadResult | undefined {
    if (after < this.#from) return undefined;
    const start = this.#after(after);
    const entries = this.#entries.slice(start, start + limit);
    return { entries, upTo: entries.at(-1)?.event.seq ?? after };
  }

  /** Index of the first entry above seq, by halving. */
  #after(seq: number): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#entries[middle]?.event.seq ?? 0) <= seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
