/** From 0 (included) to 1 (excluded); the same numbers again for the same seed. Mulberry32. */
export function makeRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Draws by turns: each once before any comes again, in an order that is another one each time. */
export function makeBag<T>(all: readonly T[], random: () => number): () => T {
  const left: T[] = [];
  return () => {
    if (left.length === 0) left.push(...shuffled(all, random));
    return left.pop() as T;
  };
}

export const shuffled = <T>(all: readonly T[], random: () => number): readonly T[] =>
  all
    .map(one => [random(), one] as const)
    .sort(([a], [b]) => a - b)
    .map(([, one]) => one);
