import { coerceError, PodiodError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Values } from '../store/contract.ts';
import type { PluginContext, PluginPodio } from './contract.ts';
import { type AppNames, fieldsOf } from './view.ts';

/** What a step's context is made of. */
export interface ContextParts {
  readonly rule: string;
  /** What stands for the rule where its name must not change. */
  readonly ruleKey: string;
  readonly step: string;
  readonly log: Log;
  readonly podio: PluginPodio;
  readonly fetch: typeof globalThis.fetch;
  readonly values: Values;
  readonly outside: PluginContext['outside'];
  readonly connect: PluginContext['connect'];
  readonly mayCall?: ((url: URL) => void) | undefined;
  readonly captured: boolean;
  /** What the config says of an app. */
  readonly apps: (app: string | number) => AppNames | undefined;
}

/** Names hold no slash, so no two steps can meet in one space. */
export function makeContext(parts: ContextParts): PluginContext {
  const { rule, ruleKey, step, log, podio, fetch, values, apps, captured } = parts;
  const { outside, connect, mayCall = () => {} } = parts;
  const space = `${ruleKey}/${step}`;
  const store = Object.freeze({
    get: (key: string) => values.get(space, key),
    set: async (key: string, value: unknown) => values.set(space, key, asJson(value)),
    delete: (key: string) => values.delete(space, key),
    update: (key: string, fn: (value: unknown) => unknown) =>
      values.update(space, key, value => asJson(fn(value))),
  });
  const aliases = (app: string | number) => fieldsOf(apps(app));
  return Object.freeze({
    log,
    podio,
    rule,
    step,
    fetch,
    store,
    outside,
    connect,
    mayCall,
    captured,
    aliases,
  });
}

/** What of a value would be lost in silence, or is no value at all, is an error that says so. */
function asJson(value: unknown): unknown {
  if (value instanceof Promise)
    throw notKept('a Promise', 'Wait for it before; what update() calls is not async.');
  try {
    if (value === undefined || JSON.stringify(value) !== undefined) return value;
  } catch (error) {
    throw notKept(coerceError(error).message);
  }
  throw notKept(`a ${typeof value}`);
}

const notKept = (
  what: string,
  hint = 'Give it strings, numbers, booleans, null, arrays and plain objects.',
) =>
  new PodiodError('PLUGIN_DELIVER', `context.store keeps JSON, and this is none: ${what}`, {
    hint,
    retry: 'never',
  });

/** Where nothing is captured. */
export const doOutside: PluginContext['outside'] = (_name, _what, { make }) => make();
