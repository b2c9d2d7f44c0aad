import { stretch } from '../podio/pace.ts';

/** How often the hooks of an identity's refs are looked at. */
export interface Pace {
  /** As of `identityKey`; undefined for refs that nothing in the config or the store reaches. */
  readonly identity: string | undefined;
  readonly refs: number;
  readonly everyMs: number;
}

/** The refs that one identity looks at, by key. */
export interface Round {
  readonly identity: string | undefined;
  readonly refs: readonly string[];
  /** What its background work may make, an hour. */
  readonly calls: number;
}

/** One run that is over. Times are the clock's monotonic time. */
export interface Looked {
  readonly startedAt: number;
  readonly now: number;
  /** As configured. */
  readonly everyMs: number;
  /** About 1: what the next common round is put off or brought forward by. */
  readonly jitter: number;
  /** Whether these are to be looked at again only after a whole interval. */
  readonly isDone: (ref: string) => boolean;
  /** Milliseconds until it may be looked at; undefined: nothing stands against it. */
  readonly putOffMs: (ref: string) => number | undefined;
}

/** What falls due within this time is looked at together. */
const TOGETHER_MS = 30_000;

/**
 * When each ref is looked at again. Identities whose share suffices are looked at together, every configured interval.
 * Those whose share does not are looked at one ref after the other, evenly over the interval that it does suffice for:
 * a round at once would use up an hour's share and leave nothing for catching up.
 */
export class Rota {
  readonly #dueAt = new Map<string, number>();
  #pace: readonly Pace[] = [];

  isDue(ref: string, now: number): boolean {
    return (this.#dueAt.get(ref) ?? now) <= now + TOGETHER_MS;
  }

  /** Undefined: there is nothing to look at. */
  nextAt(): number | undefined {
    return this.#dueAt.size === 0 ? undefined : Math.min(...this.#dueAt.values());
  }

  pace(): readonly Pace[] {
    return this.#pace;
  }

  /** Sets the times of what was looked at and of what is new or overdue; what is in no round any more is forgotten. */
  plan(rounds: readonly Round[], looked: Looked): void {
    const { everyMs, now } = looked;
    const present = new Set(rounds.flatMap(({ refs }) => refs));
    for (const ref of this.#dueAt.keys()) if (!present.has(ref)) this.#dueAt.delete(ref);
    this.#pace = rounds.map(({ identity, refs, calls }) => ({
      identity,
      refs: refs.length,
      everyMs: stretch(everyMs, refs.length, calls),
    }));
    const isOpen = (ref: string) => looked.isDone(ref) || (this.#dueAt.get(ref) ?? now) <= now;
    const isSpread = (_: Round, n: number) => (this.#pace[n]?.everyMs ?? 0) > everyMs;

    const common = rounds.filter((round, n) => !isSpread(round, n)).flatMap(({ refs }) => refs);
    this.#planTogether(common, isOpen, looked);
    for (const round of rounds.filter(isSpread)) this.#spread(round, isOpen, looked);
  }

  #planTogether(refs: readonly string[], isOpen: (ref: string) => boolean, looked: Looked): void {
    const { startedAt, now, everyMs, jitter, putOffMs } = looked;
    const others = refs.filter(ref => !isOpen(ref)).map(ref => this.#dueAt.get(ref) ?? 0);
    // Who was looked at out of turn joins the others again.
    const round = others.length > 0 ? Math.max(...others) : startedAt + everyMs * jitter;
    for (const ref of refs.filter(isOpen)) {
      const wait = putOffMs(ref);
      this.#dueAt.set(ref, wait === undefined ? round : now + wait);
    }
  }

  #spread({ refs, calls }: Round, isOpen: (ref: string) => boolean, looked: Looked): void {
    const { startedAt, now, putOffMs } = looked;
    const gap = stretch(0, 1, calls);
    const dueAt = (ref: string) => this.#dueAt.get(ref) ?? 0;
    const last = Math.max(startedAt, ...refs.filter(ref => !isOpen(ref)).map(dueAt));
    const inTurn = refs.filter(isOpen).sort((a, b) => dueAt(a) - dueAt(b));
    for (const [n, ref] of inTurn.entries()) {
      this.#dueAt.set(ref, Math.max(last + (n + 1) * gap, now + (putOffMs(ref) ?? 0)));
    }
  }
}
