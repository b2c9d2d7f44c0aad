/** The most recently used entries, so many at most. */
export interface Recent<K, V> {
  /** Counts as a use. */
  get(key: K): V | undefined;
  set(key: K, value: V): void;
  delete(key: K): void;
}

export function makeRecent<K, V extends {}>(capacity: number): Recent<K, V> {
  /** A Map keeps the order of insertion: the oldest use stands first. */
  const entries = new Map<K, V>();
  const put = (key: K, value: V) => {
    entries.delete(key);
    entries.set(key, value);
  };
  return {
    get(key) {
      const value = entries.get(key);
      if (value !== undefined) put(key, value);
      return value;
    },
    set(key, value) {
      put(key, value);
      for (const oldest of entries.keys()) {
        if (entries.size <= capacity) break;
        entries.delete(oldest);
      }
    },
    delete(key) {
      entries.delete(key);
    },
  };
}
