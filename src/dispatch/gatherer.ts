import type { Cancel, Clock } from '../core/clock.ts';
import type { GatherMode } from '../core/gather.ts';
import type { ClosedGroup } from '../store/contract.ts';
import type { HeldLane } from './held-lane.ts';
import { makeWake } from './wake.ts';

export interface GathererDeps {
  readonly clock: Clock;
  /** The rule's now; undefined: it runs each event by itself, and what waits is from before. */
  readonly mode: GatherMode | undefined;
  /** Whether every group is due by itself. */
  readonly timed: boolean;
  /** How many runs could be started now. */
  readonly room: () => number;
  /** The highest seq given so far. */
  readonly head: () => number;
  /** Whether all up to there has been gathered, but for what waits to try again. */
  readonly isThrough: (seq: number) => boolean;
  /** How many runs are in hand or wait that are of no group and from before. */
  readonly others: () => number;
  readonly add: (group: ClosedGroup) => void;
  /** What comes from now on needs to wait for nothing from before: of the same items all of that has its place, or has ended. */
  readonly onThrough: () => void;
}

/** So many groups lie ready or are in hand at most. */
const MAX_GROUPS = 256;
/** Batches are large, and one at a time is run. Its items may be any, so nothing else is in hand beside it. */
const MAX_BATCHES = 2;

/**
 * Looks after the groups of a lane: completes those that are due, and hands out those that are complete as there is room for
 * them. When that is, the store knows; the timer here only wakes.
 */
export class Gatherer {
  readonly #deps: GathererDeps;
  readonly #look = makeWake(() => this.#feed());
  #held: HeldLane | undefined;
  #isOn = false;
  #isOver = false;
  #isThrough = false;
  #inHand = 0;
  /** Of these. */
  #batches = 0;
  /** Of the last group handed out. */
  #place = 0;
  /** When to ask the store again whether a group is due, on the monotonic clock. */
  #dueAt = Number.NEGATIVE_INFINITY;
  #timer: Cancel | undefined;
  /** There is more than there was room for. */
  #hasMore = false;
  /** A group is due, and what had come by then is to be gathered first. */
  #until: number | undefined;
  /** Since when that is so, on the monotonic clock. */
  #untilAt = 0;

  constructor(deps: GathererDeps) {
    this.#deps = deps;
  }

  open(held: HeldLane): void {
    this.#held = held;
  }

  /** Begins with what was left from before. */
  async start(): Promise<void> {
    const { mode, timed } = this.#deps;
    // What waits for the time of a mode that the rule has no more would wait for ever.
    for (let limit = MAX_GROUPS, closed = limit; closed === limit; ) {
      const closing = await this.#held?.close({ limit, unlike: { mode, timed } });
      if (closing === undefined || this.#isOver) return;
      closed = closing.closed;
    }
    this.#isOn = true;
    this.#look();
  }

  /** An event was gathered. @param waitMs until its group is due; undefined: it is not by itself */
  joined(waitMs: number | undefined): void {
    if (waitMs !== undefined) this.#lookAt(waitMs);
    this.progressed();
  }

  /** An entry was dealt with, or is none of the rule's. */
  progressed(): void {
    if (this.#until !== undefined) this.#look();
  }

  /** A run has left its slot, or has ended. */
  freed(): void {
    if (this.#hasMore) this.#look();
  }

  /** A group was run. */
  settle(mode: GatherMode): void {
    this.#inHand--;
    if (mode === 'batch') this.#batches--;
    // What came for the same item meanwhile waited for this.
    if (this.#deps.mode === 'latest') this.#lookAt(0);
    else this.freed();
  }

  /** What their run of a schedule has brought is all there. False: the lane was let go. */
  async closeBefore(seq: number): Promise<boolean> {
    for (let limit = MAX_GROUPS, closed = limit; closed === limit; ) {
      const closing = await this.#held?.close({ limit, before: seq });
      if (closing === undefined) return false;
      closed = closing.closed;
    }
    this.#lookAt(0);
    return true;
  }

  /** Hands out no more. What is in hand ends as it would. */
  end(): void {
    this.#isOver = true;
    this.#isOn = false;
    this.#timer?.();
    this.#timer = undefined;
  }

  #lookAt(ms: number): void {
    if (!this.#isOn) return;
    const { clock } = this.#deps;
    const at = clock.monotonic() + Math.max(0, Math.ceil(ms));
    if (at >= this.#dueAt && ms > 0) return;
    this.#dueAt = at;
    this.#timer?.();
    this.#timer = undefined;
    if (ms <= 0) this.#look();
    else
      this.#timer = clock.after(Math.ceil(ms), () => {
        // A timer may be a moment early, by this very clock. The store says whether it was.
        this.#dueAt = Number.NEGATIVE_INFINITY;
        this.#look();
      });
  }

  async #feed(): Promise<void> {
    const { clock, add } = this.#deps;
    while (this.#isOn && this.#held !== undefined) {
      const room = this.#room;
      this.#hasMore = room <= 0;
      if (room <= 0) return;
      if (this.#dueAt <= clock.monotonic()) {
        const agoMs = this.#mayClose();
        if (agoMs === undefined) return;
        this.#dueAt = Number.POSITIVE_INFINITY;
        const closing = await this.#held.close({ limit: room, agoMs });
        if (closing === undefined) return;
        if (closing.closed === room) this.#dueAt = Number.NEGATIVE_INFINITY;
        else if (closing.nextMs !== undefined) this.#lookAt(closing.nextMs);
      }
      const page = await this.#held.closed({ after: this.#place, limit: room });
      if (page === undefined || !this.#isOn) return;
      for (const group of page) {
        this.#hasMore = !this.#mayAdd(group);
        if (this.#hasMore) return;
        this.#place = group.place;
        this.#inHand++;
        if (group.mode === 'batch') this.#batches++;
        add(group);
      }
      if (page.length < room && this.#dueAt > clock.monotonic()) {
        this.#goThrough();
        return;
      }
    }
  }

  /** All complete groups are handed out. */
  #goThrough(): void {
    if (this.#isThrough) return;
    this.#isThrough = !this.#hasStrangers;
    this.#hasMore = !this.#isThrough;
    if (this.#isThrough) this.#deps.onThrough();
  }

  /** There are runs in hand from before that may be of the items of a batch, or batches, and no chain tells. */
  get #hasStrangers(): boolean {
    const { mode, others } = this.#deps;
    return mode === 'batch' ? this.#inHand > this.#batches || others() > 0 : this.#batches > 0;
  }

  get #room(): number {
    const { mode, room } = this.#deps;
    const most = mode === 'batch' && this.#batches > 0 ? MAX_BATCHES : MAX_GROUPS;
    return Math.min(room(), most - this.#inHand);
  }

  /** Where the mode was another one before, groups of both kinds may be there. */
  #mayAdd({ mode }: ClosedGroup): boolean {
    if (mode !== 'batch') return this.#batches === 0;
    return this.#batches < MAX_BATCHES && this.#inHand === this.#batches && this.#deps.others() === 0;
  }

  /**
   * A group is what had come when it was due, however far behind with the journal the lane is. Answers how long ago that was
   * of which all has been gathered, milliseconds: for what became due since then more may have come. Undefined: not yet.
   */
  #mayClose(): number | undefined {
    const { clock, head, isThrough, mode } = this.#deps;
    const now = clock.monotonic();
    let agoMs = 0;
    // What is from a mode that is no more is complete already.
    if (mode !== undefined && mode !== 'latest') {
      if (this.#until === undefined) {
        this.#until = head();
        this.#untilAt = now;
      }
      if (!isThrough(this.#until)) return undefined;
      agoMs = Math.floor(now - this.#untilAt);
    }
    this.#until = undefined;
    return agoMs;
  }
}
