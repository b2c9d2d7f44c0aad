/** An entry in hand. Made by {@link Window} only; the links are its own. */
export interface Slot<T> {
  readonly value: T;
  readonly order: string;
  readonly bytes: number;
  /** Undefined for work that does not stand in the lane's way through the journal: it never holds the cursor. */
  readonly seq: number | undefined;
  /** Neighbours in the order of the journal. */
  before: Slot<T> | undefined;
  after: Slot<T> | undefined;
  /** The next one with the same order key. */
  follower: Slot<T> | undefined;
}

export interface WindowLimits {
  readonly entries: number;
  readonly bytes: number;
}

/**
 * The entries a lane has in hand, as a pure data structure: which one may run next, and how far the cursor may go.
 * Entries with the same order key form a chain of which only the first may run. All operations take constant time but
 * `next()` for work behind, which skips the chains that are busy.
 */
export class Window<T> {
  readonly #limits: WindowLimits;
  #first: Slot<T> | undefined;
  #last: Slot<T> | undefined;
  #entries = 0;
  #bytes = 0;
  /** The last of each chain. A key that is not here has nothing in hand. */
  readonly #tails = new Map<string, Slot<T>>();
  /** First of their chains, in the order they became so: that is the fairness between items. */
  readonly #runnable: Slot<T>[] = [];
  /** Work for when nothing live may run, by order key, the key that waits longest first. */
  readonly #behind = new Map<string, Slot<T>[]>();

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  /** Entries of the journal in hand. */
  get entries(): number {
    return this.#entries;
  }

  get runnable(): number {
    return this.#runnable.length;
  }

  /** An entry that is too large for the bytes alone is let in when there is no other. */
  get hasRoom(): boolean {
    return this.#entries === 0 || (this.#entries < this.#limits.entries && this.#bytes < this.#limits.bytes);
  }

  /**
   * Takes in the next entry of the journal: `seq` is above all that were added before. True: it is first of its chain.
   */
  add(seq: number, order: string, bytes: number, value: T): boolean {
    const slot: Slot<T> = {
      value,
      order,
      bytes,
      seq,
      before: this.#last,
      after: undefined,
      follower: undefined,
    };
    if (this.#last) this.#last.after = slot;
    else this.#first = slot;
    this.#last = slot;
    this.#entries++;
    this.#bytes += bytes;
    const tail = this.#tails.get(order);
    if (tail) tail.follower = slot;
    else this.#runnable.push(slot);
    this.#tails.set(order, slot);
    return tail === undefined;
  }

  /**
   * Takes in work that comes after all live work. It joins its chain when it starts and not before, or a live event of
   * the same item would wait behind it.
   */
  addBehind(order: string, value: T): void {
    const slot: Slot<T> = {
      value,
      order,
      bytes: 0,
      seq: undefined,
      before: undefined,
      after: undefined,
      follower: undefined,
    };
    const waiting = this.#behind.get(order);
    if (waiting) waiting.push(slot);
    else this.#behind.set(order, [slot]);
  }

  /** Hands out what may run next. It stays first of its chain until it is settled. */
  next(): Slot<T> | undefined {
    return this.#runnable.shift() ?? this.#nextBehind();
  }

  /** What was handed out and had to wait may run again. */
  again(slot: Slot<T>): void {
    this.#runnable.push(slot);
  }

  /** What was handed out is done with. */
  settle(slot: Slot<T>): void {
    const { before, after, follower, order } = slot;
    if (follower) this.#runnable.push(follower);
    else this.#tails.delete(order);
    if (slot.seq === undefined) return;
    if (before) before.after = after;
    else this.#first = after;
    if (after) after.before = before;
    else this.#last = before;
    this.#entries--;
    this.#bytes -= slot.bytes;
  }

  /**
   * The position at or below which nothing is open, `without` left out of account.
   * @param upTo how far the journal has been looked at
   */
  cursor(upTo: number, without?: Slot<T>): number {
    const lowest = this.#first === without ? this.#first?.after : this.#first;
    return lowest?.seq === undefined ? upTo : lowest.seq - 1;
  }

  #nextBehind(): Slot<T> | undefined {
    for (const [order, waiting] of this.#behind) {
      if (this.#tails.has(order)) continue;
      const slot = waiting.shift();
      this.#behind.delete(order);
      if (waiting.length > 0) this.#behind.set(order, waiting);
      if (slot) this.#tails.set(order, slot);
      return slot;
    }
    return undefined;
  }
}
