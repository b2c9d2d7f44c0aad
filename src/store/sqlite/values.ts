import type { Settings, Values } from '../contract.ts';
import type { Reads } from './reads/index.ts';
import type { Thread } from './thread.ts';
import type { Writes } from './writes/index.ts';

/** Undefined is what is not there; JSON has no word for it. */
const toText = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value));
export const fromText = (text: string | null): unknown => (text === null ? undefined : JSON.parse(text));

export function makeValues(writer: Thread<Writes>, reader: Thread<Reads>): Values {
  return {
    get: async (space, key) => fromText(await reader.call('value', space, key)),
    set: async (space, key, value) => writer.call('putValue', space, key, toText(value)),
    delete: (space, key) => writer.call('putValue', space, key, null),
    async update(space, key, fn) {
      let stood = await reader.call('value', space, key);
      for (;;) {
        const wanted = toText(fn(fromText(stood)));
        const found = await writer.call('swapValue', space, key, stood, wanted);
        if (found === stood) return fromText(wanted);
        stood = found;
      }
    },
  };
}

export function makeSettings(writer: Thread<Writes>, reader: Thread<Reads>): Settings {
  return {
    get: async key => fromText(await reader.call('setting', key)),
    set: async (key, value) => writer.call('putSetting', key, toText(value)),
    delete: key => writer.call('putSetting', key, null),
    async list(prefix) {
      const texts = await reader.call('settings', prefix);
      return new Map([...texts].map(([key, text]) => [key, fromText(text)]));
    },
  };
}
