/** A list that remembers its latest entries only, so that an emulator can run for days. */
export interface Log<T> {
  readonly entries: readonly T[];
  add(entry: T): void;
  clear(): void;
}

export function makeLog<T>(size: number): Log<T> {
  const entries: T[] = [];
  return {
    entries,
    add(entry) {
      entries.push(entry);
      // A tenth of slack, or every entry beyond the size would move all others.
      if (entries.length > size * 1.1) entries.splice(0, entries.length - size);
    },
    clear: () => {
      entries.length = 0;
    },
  };
}
