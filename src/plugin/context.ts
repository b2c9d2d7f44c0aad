import type { Log } from '../core/log.ts';
import type { Values } from '../store/contract.ts';
import type { PluginContext, PluginPodio } from './contract.ts';

/** What a step's context is made of. */
export interface ContextParts {
  readonly rule: string;
  readonly step: string;
  readonly log: Log;
  readonly podio: PluginPodio;
  readonly fetch: typeof globalThis.fetch;
  readonly values: Values;
}

/** Names hold no slash, so no two steps can meet in one space. */
export function makeContext({ rule, step, log, podio, fetch, values }: ContextParts): PluginContext {
  const space = `${rule}/${step}`;
  const store = Object.freeze({
    get: (key: string) => values.get(space, key),
    set: (key: string, value: unknown) => values.set(space, key, value),
    delete: (key: string) => values.delete(space, key),
    update: (key: string, fn: (value: unknown) => unknown) => values.update(space, key, fn),
  });
  return Object.freeze({ log, podio, rule, step, fetch, store });
}
