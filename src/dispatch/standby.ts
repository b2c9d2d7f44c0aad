import type { Cancel, Clock } from '../core/clock.ts';
import type { Breaker, Holder } from './breaker.ts';

interface Held<T> {
  readonly one: T;
  /** On the monotonic clock: when it has waited long enough. */
  readonly until: number;
}

/** What a lane holds back while breakers are open. It has no timers: breakers say when there is something to do. */
export class Standby<T> {
  readonly #clock: Clock;
  readonly #release: (one: T) => void;
  readonly #waiting = new Map<Breaker, Set<Held<T>>>();
  readonly #leave: Cancel[] = [];
  #size = 0;

  /**
   * @param isAble whether what is released could run now
   * @param release hands back what may ask its breaker again
   */
  constructor(clock: Clock, breakers: Iterable<Breaker>, isAble: () => boolean, release: (one: T) => void) {
    this.#clock = clock;
    this.#release = release;
    for (const breaker of new Set(breakers)) {
      const waiting = new Set<Held<T>>();
      this.#waiting.set(breaker, waiting);
      const holder: Holder = {
        letOne: () => {
          if (!isAble()) return false;
          this.#letExpired(waiting);
          const [first] = waiting;
          if (first === undefined) return false;
          this.#let(waiting, first);
          return true;
        },
        letAll: () => {
          for (const held of [...waiting]) this.#let(waiting, held);
        },
      };
      this.#leave.push(breaker.join(holder));
    }
  }

  get size(): number {
    return this.#size;
  }

  /** @param leftMs how long it may wait at most */
  add(breaker: Breaker, one: T, leftMs: number): void {
    // It may have closed while the wait was being written down.
    if (breaker.isHolding) {
      this.#waiting.get(breaker)?.add({ one, until: this.#clock.monotonic() + leftMs });
      this.#size++;
    } else {
      this.#release(one);
    }
  }

  /** Releases nothing any more. */
  end(): void {
    for (const leave of this.#leave.splice(0)) leave();
    for (const waiting of this.#waiting.values()) waiting.clear();
    this.#size = 0;
  }

  /** The one that has waited longest is first. */
  #letExpired(waiting: Set<Held<T>>): void {
    const now = this.#clock.monotonic();
    for (const held of waiting) {
      if (held.until > now) return;
      this.#let(waiting, held);
    }
  }

  #let(waiting: Set<Held<T>>, held: Held<T>): void {
    waiting.delete(held);
    this.#size--;
    this.#release(held.one);
  }
}
