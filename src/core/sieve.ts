/** Numbers, in a fixed room however many they become: may say of one that was never added that it was, never the other way round. */
export interface Sieve {
  add(number: number): void;
  /** Wrongly true in 2 of 1000 when a hundred thousand were added, in half of all when a million were. */
  mayHave(number: number): boolean;
}

/** 256 KiB. A power of two. */
const BITS = 2 ** 21;
/** So many bits stand for a number. */
const MARKS = 3;

export function makeSieve(): Sieve {
  /** Most daemons add nothing. */
  let words: Uint32Array | undefined;
  return {
    add(number) {
      words ??= new Uint32Array(BITS / 32);
      for (const bit of bitsOf(number)) words[bit >>> 5] = (words[bit >>> 5] ?? 0) | (1 << (bit & 31));
    },
    mayHave(number) {
      if (words === undefined) return false;
      for (const bit of bitsOf(number)) if (((words[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
      return true;
    },
  };
}

/** Ids run on one after the other: each has to fall far from its neighbours. */
function* bitsOf(number: number): Generator<number> {
  const low = mixed(number >>> 0);
  // Odd, so that the steps meet every bit.
  const step = mixed(low ^ Math.floor(number / 2 ** 32)) | 1;
  for (let mark = 0; mark < MARKS; mark++) yield (low + Math.imul(mark, step)) & (BITS - 1);
}

/** Each bit of the result hangs on each bit of the number. */
function mixed(number: number): number {
  let hash = number | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
