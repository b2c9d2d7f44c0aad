import { childOf, comesAfter, namesOf } from '../core/branch.ts';
import type { Data } from '../plugin/contract.ts';
import type { Output } from '../plugin/host.ts';
import type { Breaker } from './breaker.ts';
import { Trying } from './trying.ts';

/** A message on its way through the steps. */
export interface Strand {
  /** Of the step that comes next. */
  readonly index: number;
  readonly branch: string;
  readonly data: Data;
  /** Of that step. */
  readonly trying: Trying;
  /** When it may go on, on the monotonic clock. */
  until: number;
  /** What holds it back. */
  heldBy: Breaker | undefined;
}

export const strandAt = (index: number, branch: string, data: Data): Strand => ({
  index,
  branch,
  data,
  trying: new Trying(),
  until: 0,
  heldBy: undefined,
});

/** How the branches are called that a step opens by this; undefined: it opens none. */
export function branchesOf(output: readonly Output[]): readonly string[] | undefined {
  const [first] = output;
  if (first?.key !== undefined) return namesOf(output.map(({ key }) => String(key)));
  return output.length > 1 ? output.map((_, n) => String(n)) : undefined;
}

/** Where all strands wait: for so long, or for what this breaker says. */
export interface Wait {
  readonly ms: number;
  readonly breaker: Breaker | undefined;
}

/** What waits for a breaker beside others does not wait for a word from it, but asks it every now and then. */
const ASK_MS = 1000;

/**
 * The strands of one run in their order, depth first: where the first one has to wait, the next one goes on, but for one of a
 * key that stands before it.
 */
export class Strands {
  #all: readonly Strand[];

  constructor(first: Strand) {
    this.#all = [first];
  }

  get size(): number {
    return this.#all.length;
  }

  get first(): Strand | undefined {
    return this.#all[0];
  }

  /** Those that were held back ask again. */
  ask(): void {
    for (const strand of this.#all) {
      if (strand.heldBy === undefined) continue;
      strand.heldBy = undefined;
      strand.until = 0;
    }
  }

  /** Which one goes on. @param isBarred whether what a step needs has just held back another one */
  next(now: number, isBarred: (index: number) => boolean): Strand | undefined {
    // Nearly always there is one, and it goes on.
    const [first] = this.#all;
    if (first === undefined || (this.#all.length === 1 && first.until === 0 && first.heldBy === undefined))
      return first;
    return this.#all.find(
      (strand, at) =>
        strand.heldBy === undefined &&
        strand.until <= now &&
        !isBarred(strand.index) &&
        !this.#follows(strand, at),
    );
  }

  replace(strand: Strand, by: readonly Strand[]): void {
    this.#all = this.#all.length === 1 ? by : this.#all.flatMap(one => (one === strand ? by : [one]));
  }

  /** What they wait for when none can go on. */
  wait(now: number, isBarred: (index: number) => boolean): Wait {
    const held = this.#all.filter(({ heldBy }) => heldBy !== undefined);
    const waiting = this.#all.filter(
      (strand, at) => strand.heldBy === undefined && !isBarred(strand.index) && !this.#follows(strand, at),
    );
    const [first] = held;
    const breaker = first?.heldBy;
    const until = Math.min(...[...held, ...waiting].map(strand => strand.until));
    const others = held.filter(({ heldBy }) => heldBy !== breaker || waiting.length > 0);
    const asks = others.map(({ heldBy }) => Math.max(heldBy?.waitMs ?? 0, ASK_MS));
    const ms = Math.max(0, Math.min(until - now, ...asks));
    return { ms, breaker: waiting.length > 0 ? undefined : breaker };
  }

  #follows({ branch }: Strand, at: number): boolean {
    return branch.includes(';') && this.#all.slice(0, at).some(before => comesAfter(branch, before.branch));
  }
}

/** Those that go on from `strand` when its step has passed these on. */
export const strandsAfter = (
  { index, branch }: Strand,
  data: readonly Data[],
  names: readonly string[] | undefined,
): readonly Strand[] =>
  data.map((one, n) => {
    const name = names?.[n];
    return strandAt(index + 1, name === undefined ? branch : childOf(branch, name), one);
  });
