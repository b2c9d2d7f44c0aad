import { coerceError, PodiodError } from '../core/errors.ts';

/** What `message.with()` takes, in bytes of JSON. */
const MAX_DATA = 64 * 1024;

/** Freezes a tree of plain data. What is frozen at its root is taken for frozen throughout. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const key of Object.keys(value)) deepFreeze(value[key as keyof typeof value]);
  return value;
}

const bad = (message: string, hint: string) =>
  new PodiodError('PLUGIN_MESSAGE', message, { hint, retry: 'never' });

const nameOf = (value: object): string => {
  const name: unknown = value.constructor?.name;
  return typeof name === 'string' && name !== '' ? `a ${name}` : 'an object with a prototype of its own';
};

/** Objects of another realm are plain too, so it is not Object.prototype itself that is asked for. */
const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
};

/**
 * A frozen copy of `value`, which has to be plain JSON: it is written to disk and read again, perhaps by another process,
 * so what JSON would silently lose is an error. Keys that hold undefined are left out; a Date becomes its text.
 */
export function plainJson(value: unknown): unknown {
  const hint =
    'Give message.with() strings, finite numbers, booleans, null, arrays and plain objects of these.';
  const complain = (key: string, what: string): never => {
    throw bad(
      `data given to message.with() must be plain JSON, but ${key ? `"${key}"` : 'it'} is ${what}`,
      hint,
    );
  };
  let text: string | undefined;
  try {
    text = JSON.stringify(value, (key, held: unknown) => {
      switch (typeof held) {
        case 'function':
        case 'symbol':
        case 'bigint':
          return complain(key, `a ${typeof held}`);
        case 'number':
          return Number.isFinite(held) ? held : complain(key, String(held));
        case 'undefined':
          return undefined;
        case 'object':
          return held === null || Array.isArray(held) || isPlain(held) ? held : complain(key, nameOf(held));
        default:
          return held;
      }
    });
  } catch (error) {
    if (error instanceof PodiodError) throw error;
    // Circles, and whatever a toJSON of the plugin's own throws.
    throw bad(`data given to message.with() can't be written as JSON: ${coerceError(error).message}`, hint);
  }
  if (text === undefined) return complain('', 'undefined');
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_DATA) {
    throw new PodiodError(
      'PLUGIN_FLOOD',
      `data given to message.with() may have ${MAX_DATA} bytes as JSON, this has ${bytes}`,
      { hint: 'Pass on an id or a URL and let the next step fetch what it needs.', retry: 'never' },
    );
  }
  return deepFreeze(JSON.parse(text) as unknown);
}
