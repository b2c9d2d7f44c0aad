/** Values and settings of the store in memory: JSON by its key. */
import type { Settings, Values } from './contract.ts';

type Call = <T>(work: () => T) => Promise<T>;

const parsed = (text: string | undefined): unknown => (text === undefined ? undefined : JSON.parse(text));

const put = (stored: Map<string, string>, key: string, value: unknown): void => {
  if (value === undefined) stored.delete(key);
  else stored.set(key, JSON.stringify(value));
};

export function memoryValues(stored: Map<string, string>, call: Call): Values {
  const at = (space: string, key: string): string => JSON.stringify([space, key]);
  return {
    get: (space, key) => call(() => parsed(stored.get(at(space, key)))),
    set: (space, key, value) => call(() => put(stored, at(space, key), value)),
    delete: (space, key) => call(() => put(stored, at(space, key), undefined)),
    update: (space, key, fn) =>
      call(() => {
        put(stored, at(space, key), fn(parsed(stored.get(at(space, key)))));
        return parsed(stored.get(at(space, key)));
      }),
  };
}

export function memorySettings(stored: Map<string, string>, call: Call): Settings {
  return {
    get: key => call(() => parsed(stored.get(key))),
    set: (key, value) => call(() => put(stored, key, value)),
    delete: key => call(() => put(stored, key, undefined)),
    list: prefix =>
      call(
        () =>
          new Map(
            [...stored]
              .filter(([key]) => key.startsWith(prefix))
              .sort(([a], [b]) => (a < b ? -1 : 1))
              .map(([key, text]): [string, unknown] => [key, JSON.parse(text)]),
          ),
      ),
  };
}
