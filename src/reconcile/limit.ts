/** Runs `work` when fewer than the limit's number are running, else after those that came before. */
export type Limit = <T>(work: () => Promise<T>) => Promise<T>;

/** At most `size` pieces of work at a time, first come first served. */
export function makeLimit(size: number): Limit {
  const waiting: (() => void)[] = [];
  let free = size;
  return async work => {
    // A turn is handed over, not put back: nobody who comes later can take it in between.
    if (free > 0) free -= 1;
    else await new Promise<void>(resolve => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
