import { secretsInUrls } from '../core/secret-text.ts';
import type { Sources } from './include.ts';
import type { Config } from './model.ts';
import { isSecretKey } from './secret-keys.ts';

/**
 * The values in a config that no log or message may show: those under keys that hold a secret, in the config itself and
 * in plugins' options, what URLs anywhere in it hold, and what came from where only secrets are kept.
 */
export function secretValues(config: Config, { secrets: more, values }: Sources): string[] {
  const found = new Set(values);
  const collect = (value: unknown, secret: boolean): void => {
    if (typeof value === 'string') {
      if (secret && value !== '') found.add(value);
      else for (const part of secretsInUrls(value)) found.add(part);
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
