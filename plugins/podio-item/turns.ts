export type Turns = <T>(key: string, work: () => Promise<T>) => Promise<T>;

/** One at a time for each key: two events that look for the same item would both find none, and both make one. */
export function makeTurns(): Turns {
  const last = new Map<string, Promise<unknown>>();
  return async (key, work) => {
    const before = last.get(key);
    const turn = (before ?? Promise.resolve()).then(work, work);
    last.set(key, turn);
    try {
      return await turn;
    } finally {
      if (last.get(key) === turn) last.delete(key);
    }
  };
}

export interface Fresh {
  get(key: string): { readonly itemId: number; readonly ageMs: number } | undefined;
  set(key: string, itemId: number): void;
}

/** Items that were made a moment ago: Podio may take a while until a search shows them. */
export function makeFresh(keepMs = 10 * 60_000, most = 1000): Fresh {
  const made = new Map<string, { readonly itemId: number; readonly at: number }>();
  return {
    get(key) {
      const found = made.get(key);
      const ageMs = found ? Date.now() - found.at : 0;
      return found && ageMs < keepMs ? { itemId: found.itemId, ageMs } : undefined;
    },
    set(key, itemId) {
      made.delete(key);
      made.set(key, { itemId, at: Date.now() });
      const [oldest] = made.size > most ? made.keys() : [];
      if (oldest !== undefined) made.delete(oldest);
    },
  };
}
