import type { Config } from './model.ts';
import { isSecretKey } from './secret-keys.ts';

/**
 * The values in a config that no log or message may show: those under keys that hold a secret, in the config itself and
 * in plugins' options. `more` names options that plugins declare to be secret.
 */
export function secretValues(config: Config, more: ReadonlySet<string> = new Set()): string[] {
  const found = new Set<string>();
  const collect = (value: unknown, secret: boolean): void => {
    if (typeof value === 'string') {
      if (secret && value !== '') found.add(value);
    } else if (value instanceof Map) {
      for (const [, entry] of value) collect(entry, secret);
    } else if (Array.isArray(value)) {
      for (const entry of value) collect(entry, secret);
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, entry] of Object.entries(value))
        collect(entry, secret || isSecretKey(key) || more.has(key));
    }
  };
  collect(config, false);
  return [...found];
}
