/** Chance that repeats itself: the same seed gives the same world, tokens, faults and people. */
export interface Random {
  /** 0 inclusive to 1 exclusive. */
  next(): number;
  /** A whole number, both ends included. */
  integer(from: number, to: number): number;
  /** True with this probability; draws nothing for 0, so that a fault that is off leaves the sequence alone. */
  chance(probability: number): boolean;
  /** Undefined for an empty list. */
  pick<T>(list: readonly T[]): T | undefined;
  /** Lower-case hexadecimal digits. */
  hex(length: number): string;
}

/** mulberry32: 32 bits of state are plenty for faults and names; nothing here is a secret. */
export function makeRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
  return {
    next,
    integer,
    chance: probability => probability > 0 && next() < probability,
    pick: list => list[integer(0, list.length - 1)],
    hex: length => Array.from({ length }, () => integer(0, 15).toString(16)).join(''),
  };
}
