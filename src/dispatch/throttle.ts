import type { Cancel, Clock } from '../core/clock.ts';

/** So many may begin within the time. */
interface Limits {
  readonly max: number;
  readonly perMs: number;
}

/**
 * Keeps runs from beginning faster than they may: in the order in which they came, they wait here until one may begin. When
 * that is, the store says: what has begun is on disk.
 */
export class Throttle<T extends object> {
  readonly #clock: Clock;
  readonly #release: (one: T) => void;
  /** When each came, by count. */
  readonly #places = new WeakMap<T, number>();
  readonly #waiting: T[] = [];
  readonly #released = new Set<T>();
  /** When the last ones began, on the monotonic clock, as many as may begin within the time. */
  readonly #begun: number[] = [];
  #count = 0;
  /** Set while none may begin. */
  #timer: Cancel | undefined;
  /** Until then, wall time, ms. */
  #nextAt = 0;
  #isOver = false;

  /** @param release hands back what may ask again */
  constructor(clock: Clock, release: (one: T) => void) {
    this.#clock = clock;
    this.#release = release;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.length;
  }

  /** Its place is that of its coming, also where it has something else to wait for before it asks. */
  came(one: T): void {
    if (!this.#places.has(one)) this.#places.set(one, ++this.#count);
  }

  /** Whether it was released to ask; once. */
  takeTurn(one: T): boolean {
    return this.#released.delete(one);
  }

  /** When the next one may begin, wall time, ms; undefined: none waits. */
  get nextAt(): number | undefined {
    return this.size > 0 ? Math.max(this.#nextAt, this.#clock.now()) : undefined;
  }

  /** False: it waits for its turn. */
  mayAsk(one: T): boolean {
    // One that was released and has not asked yet comes first.
    if (this.#timer === undefined && this.#waiting.length === 0 && this.#released.size === 0) return true;
    this.#wait(one);
    return false;
  }

  /**
   * How long none may begin yet, by those that began in this process. They began when it was on disk that they might, and the
   * store counts from before it wrote that: on a slow disk the next ones would come too early.
   */
  waitMs({ max, perMs }: Limits): number {
    const [first] = this.#begun;
    if (first === undefined || this.#begun.length < max) return 0;
    return Math.max(0, first + perMs - this.#clock.monotonic());
  }

  /** One begins now. */
  begins({ max }: Limits): void {
    if (this.#begun.push(this.#clock.monotonic()) > max) this.#begun.shift();
  }

  /** It asked, and none may begin before `ms` have passed. */
  refused(one: T, ms: number): void {
    if (this.#isOver) return;
    this.#wait(one);
    if (this.#timer !== undefined) return;
    this.#nextAt = this.#clock.now() + ms;
    this.#timer = this.#clock.after(ms, () => {
      this.#timer = undefined;
      this.next();
    });
  }

  /** One has begun, or will not. */
  next(): void {
    if (this.#timer !== undefined || this.#isOver) return;
    const one = this.#waiting.shift();
    if (one === undefined) return;
    this.#released.add(one);
    this.#release(one);
  }

  /** Releases nothing any more. */
  end(): void {
    this.#isOver = true;
    this.#timer?.();
    this.#timer = undefined;
    this.#waiting.length = 0;
  }

  #wait(one: T): void {
    const place = this.#placeOf(one);
    const before = this.#waiting.findIndex(other => this.#placeOf(other) > place);
    this.#waiting.splice(before < 0 ? this.#waiting.length : before, 0, one);
  }

  #placeOf(one: T): number {
    return this.#places.get(one) ?? this.#count;
  }
}
