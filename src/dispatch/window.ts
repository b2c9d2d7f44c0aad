/** An entry in hand. Made by {@link Window} only; the links are its own. */
export interface Slot<T> {
  /** Until it is settled. */
  readonly value: T;
  readonly order: string;
  readonly bytes: number;
  /** Whether it counts against the limits; what is behind is bounded by those who bring it. */
  readonly counts: boolean;
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
  /** Entries of one order key. Not minded here, but by whoever adds. */
  readonly chain: number;
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
  /** A key that is not here has nothing in hand. */
  readonly #chains = new Map<string, { tail: Slot<T>; length: number }>();
  /** First of their chains, in the order they became so: that is the fairness between items. */
  readonly #runnable: Slot<T>[] = [];
  /** Work for when nothing live may run, by order key, the key that waits longest first. */
  readonly #behind = new Map<string, Slot<T>[]>();
  /** Of work that has further order keys: what stands for it in their chains. */
  readonly #standIns = new Map<Slot<T>, readonly Slot<T>[]>();

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  /** Entries of the journal in hand. */
  get entries(): number {
    return this.#entries;
  }

  /** The newest of them; undefined: there is none. */
  get last(): number | undefined {
    return this.#last?.seq;
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
      counts: true,
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
    return this.#chain(slot);
  }

  /** Takes in an entry of the journal that was passed over before. Whoever passed it over holds the cursor for it. */
  addLate(order: string, bytes: number, value: T): void {
    this.#entries++;
    this.#bytes += bytes;
    this.#chain(outsideJournal(order, bytes, true, value));
  }

  /**
   * Takes in live work that does not stand in the order of the journal. It is bounded by whoever brings it. True: it is first of
   * its chain.
   */
  addAside(order: string, value: T): boolean {
    return this.#chain(outsideJournal(order, 0, false, value));
  }

  /** How many of the order key are in hand. */
  chainLength(order: string): number {
    return this.#chains.get(order)?.length ?? 0;
  }

  /**
   * Takes in work that comes after all live work. It joins its chain when it starts and not before, or a live event of
   * the same item would wait behind it.
   * @param others further order keys of it: it starts when nothing is in hand of any of them, and holds them all
   */
  addBehind(order: string, value: T, others: readonly string[] = []): void {
    const slot = outsideJournal(order, 0, false, value);
    if (others.length > 0)
      this.#standIns.set(
        slot,
        others.map(other => outsideJournal(other, 0, false, value)),
      );
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

  /** The further order keys of what was handed out. */
  othersOf(slot: Slot<T>): readonly string[] {
    return this.#standIns.size === 0 ? NONE : (this.#standIns.get(slot) ?? []).map(({ order }) => order);
  }

  /** What was handed out is done with. */
  settle(slot: Slot<T>): void {
    const standIns = this.#standIns.size > 0 ? this.#standIns.get(slot) : undefined;
    if (standIns) {
      this.#standIns.delete(slot);
      for (const standIn of standIns) this.settle(standIn);
    }
    const { before, after, follower, order } = slot;
    const chain = this.#chains.get(order);
    if (chain) chain.length--;
    if (follower) this.#runnable.push(follower);
    else this.#chains.delete(order);
    if (slot.counts) {
      this.#entries--;
      this.#bytes -= slot.bytes;
    }
    if (slot.counts && slot.seq !== undefined) {
      if (before) before.after = after;
      else this.#first = after;
      if (after) after.before = before;
      else this.#last = before;
    }
    forget(slot);
  }

  /**
   * The position at or below which nothing is open, `without` left out of account.
   * @param upTo how far the journal has been looked at
   */
  cursor(upTo: number, without?: Slot<T>): number {
    const lowest = this.#first === without ? this.#first?.after : this.#first;
    return lowest?.seq === undefined ? upTo : lowest.seq - 1;
  }

  /** Whether an entry of the journal at or below `seq` is in hand, those left out of account. */
  isOpenBelow(seq: number, without: (slot: Slot<T>) => boolean): boolean {
    for (let slot = this.#first; slot?.seq !== undefined && slot.seq <= seq; slot = slot.after) {
      if (!without(slot)) return true;
    }
    return false;
  }

  /** True: it is the first. */
  #chain(slot: Slot<T>): boolean {
    const chain = this.#chains.get(slot.order);
    if (chain === undefined) {
      this.#chains.set(slot.order, { tail: slot, length: 1 });
      this.#runnable.push(slot);
      return true;
    }
    chain.tail.follower = slot;
    chain.tail = slot;
    chain.length++;
    return false;
  }

  #nextBehind(): Slot<T> | undefined {
    for (const [order, waiting] of this.#behind) {
      const [slot] = waiting;
      if (slot === undefined || this.#chains.has(order)) continue;
      const standIns = this.#standIns.get(slot) ?? [];
      if (standIns.some(({ order }) => this.#chains.has(order))) continue;
      waiting.shift();
      this.#behind.delete(order);
      if (waiting.length > 0) this.#behind.set(order, waiting);
      for (const first of [slot, ...standIns]) this.#chains.set(first.order, { tail: first, length: 1 });
      return slot;
    }
    return undefined;
  }
}

/**
 * What is old garbage keeps all that it leads to alive until V8 looks at old garbage: the links lead to all that came after,
 * and the table of `#chains` that is given up for a larger one leads to the slots.
 */
function forget<T>(slot: Slot<T>): void {
  slot.before = undefined;
  slot.after = undefined;
  slot.follower = undefined;
  (slot as { value: T | undefined }).value = undefined;
}

const NONE: readonly string[] = [];

/** A slot that does not stand in the order of the journal. */
const outsideJournal = <T>(order: string, bytes: number, counts: boolean, value: T): Slot<T> => ({
  value,
  order,
  bytes,
  counts,
  seq: undefined,
  before: undefined,
  after: undefined,
  follower: undefined,
});
