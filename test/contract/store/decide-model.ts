/**
 * What a store has to make of what it is told about items, worked out the plain way: sets and lists that are searched from
 * their start, and no ranges. Written from the rules of release and baseline, not from `core/decide.ts`.
 */

import type { NewEvent } from '../../../src/core/event.ts';
import { refKey } from '../../../src/core/event.ts';
import type { AppendResult } from '../../../src/store/contract.ts';

interface Item {
  /** Up to here nothing is waited for; undefined before anything is known. */
  reached: number | undefined;
  /** Revisions of which there is nothing left to find out. */
  readonly accounted: Set<number>;
  /** Held events, in the order of arrival. */
  queue: NewEvent[];
}

/** Revisions of the test's items are below this. */
export const MAX_REVISION = 12;

export class DecideModel {
  /** The journal: index + 1 is the seq. */
  readonly journal: NewEvent[] = [];
  readonly #items = new Map<number, Item>();

  append(batch: readonly NewEvent[]): readonly AppendResult[] {
    const taken = batch.map(event => this.#take(event));
    // What was held in this batch may have been released by a later one of it.
    return batch.map((event, i) => {
      const result = taken[i] as AppendResult;
      if (result.status !== 'held') return result;
      const seq = this.#seqOf(event);
      return seq === undefined ? result : { id: event.id, status: 'released', seq };
    });
  }

  own(itemId: number, revision: number): void {
    const item = this.#item(itemId);
    item.accounted.add(revision);
    this.#reach(item);
    this.#drain(item);
  }

  /** Lets go what is held; what was missing stays unaccounted. */
  release(itemId: number): void {
    const item = this.#item(itemId);
    while (item.queue.length > 0) {
      const lowest = Math.min(...item.queue.map(event => revisionOf(event) ?? Number.POSITIVE_INFINITY));
      if (item.reached !== undefined && Number.isFinite(lowest) && lowest - 1 > item.reached) {
        item.reached = lowest - 1;
        this.#reach(item);
      } else if (!Number.isFinite(lowest)) {
        // Only what has no revision is left, and nothing holds it.
        for (const event of item.queue.splice(0)) this.#release(event);
        return;
      }
      this.#drain(item);
    }
  }

  /** Answers how many were told. */
  recover(itemId: number, events: readonly NewEvent[], upTo: number, lookedFor: readonly number[]): number {
    const before = this.journal.length;
    const item = this.#item(itemId);
    let told = 0;
    for (const event of events) {
      this.#settle(item, (event.revision ?? 0) - 1);
      if (this.#take(event).status === 'released') told += 1;
    }
    this.#settle(item, upTo);
    for (const revision of lookedFor) {
      if (item.reached !== undefined && revision <= item.reached) item.accounted.add(revision);
    }
    return this.journal.length === before ? 0 : told;
  }

  heldOf(itemId: number): readonly string[] {
    return this.#item(itemId).queue.map(({ id }) => id);
  }

  accountedOf(itemId: number): readonly number[] {
    return [...this.#item(itemId).accounted].filter(n => n >= 0 && n <= MAX_REVISION).sort((a, b) => a - b);
  }

  #item(itemId: number): Item {
    const found = this.#items.get(itemId);
    if (found) return found;
    const made: Item = { reached: undefined, accounted: new Set(), queue: [] };
    this.#items.set(itemId, made);
    return made;
  }

  #seqOf({ id, ref }: NewEvent): number | undefined {
    const at = this.journal.findIndex(event => event.id === id && refKey(event.ref) === refKey(ref));
    return at < 0 ? undefined : at + 1;
  }

  #take(event: NewEvent): AppendResult {
    const { id, itemId = 0, ref } = event;
    const seq = this.#seqOf(event);
    if (seq !== undefined) return { id, status: 'repeat', seq };
    const item = this.#item(itemId);
    if (item.queue.some(other => other.id === id && refKey(other.ref) === refKey(ref)))
      return { id, status: 'repeat' };
    const revision = revisionOf(event);
    if (event.source === 'recovered' && revision !== undefined && item.accounted.has(revision)) {
      const first = this.journal.findIndex(other => other.id === id);
      return first < 0 ? { id, status: 'repeat' } : { id, status: 'repeat', seq: first + 1 };
    }
    this.#begin(event, item);
    if (this.#waits(event, item)) {
      item.queue.push(event);
      return { id, status: 'held' };
    }
    this.#release(event);
    this.#count(event, item);
    const given = this.journal.length;
    this.#drain(item);
    return { id, status: 'released', seq: given };
  }

  #waits(event: NewEvent, { reached, queue }: Item): boolean {
    const revision = revisionOf(event);
    if (revision === undefined) return queue.length > 0;
    if (reached === undefined || revision <= reached + 1) return false;
    const counts =
      event.source !== 'recovered' && (event.following === 'jumps' || event.following === 'beside');
    return queue.length > 0 || counts;
  }

  #release(event: NewEvent): void {
    this.journal.push(event);
  }

  #count(event: NewEvent, item: Item): void {
    const revision = revisionOf(event);
    const isFound = event.source === 'recovered';
    if (revision === undefined || (event.following === 'beside' && !isFound)) return;
    this.#begin(event, item);
    item.accounted.add(revision);
    this.#reach(item);
  }

  /** The first that is delivered is the baseline, or what was known of the item before if that is lower. */
  #begin(event: NewEvent, item: Item): void {
    const revision = revisionOf(event);
    const isFound = event.source === 'recovered';
    if (item.reached !== undefined || revision === undefined) return;
    if (event.following === 'beside' && !isFound) {
      // A creation: all from it on is due, though it is counted under another ref.
      if (revision > 0) return;
      item.reached = -1;
      this.#reach(item);
      return;
    }
    if (revision !== 0 && (event.baseline === false || isFound)) return;
    const first = Math.min(revision, ...item.accounted);
    for (let below = 0; below < first; below++) item.accounted.add(below);
    item.reached = first;
    this.#reach(item);
  }

  /** What was left open below what is reached stays open. */
  #settle(item: Item, upTo: number): void {
    for (let revision = (item.reached ?? -1) + 1; revision <= upTo; revision++) item.accounted.add(revision);
    item.reached = Math.max(item.reached ?? Number.NEGATIVE_INFINITY, upTo);
    this.#reach(item);
    this.#drain(item);
  }

  #reach(item: Item): void {
    if (item.reached === undefined) return;
    while (item.accounted.has(item.reached + 1)) item.reached += 1;
  }

  #drain(item: Item): void {
    for (;;) {
      const [first] = item.queue;
      if (first === undefined) return;
      let next: NewEvent | undefined;
      if (revisionOf(first) === undefined || item.reached === undefined) next = first;
      else {
        const ready = item.queue.filter(event => {
          const revision = revisionOf(event);
          return revision !== undefined && revision <= (item.reached ?? 0) + 1;
        });
        const lowest = Math.min(...ready.map(event => revisionOf(event) ?? 0));
        next = ready.find(event => revisionOf(event) === lowest);
      }
      if (next === undefined) return;
      item.queue = item.queue.filter(event => event !== next);
      this.#release(next);
      this.#count(next, item);
    }
  }
}

const revisionOf = ({ type, revision }: NewEvent): number | undefined =>
  type === 'item.update' ? revision : undefined;
