import { setTimeout as pause } from 'node:timers/promises';

type Falsy = undefined | null | false | 0 | '';

/** Looks again and again until `look` answers something truthy (an error counts as not yet). Never a fixed sleep. */
export async function until<T>(
  look: () => T | Promise<T>,
  what: string,
  timeoutMs = 10_000,
): Promise<Exclude<T, Falsy>> {
  const end = performance.now() + timeoutMs;
  let last: unknown = 'never looked';
  for (;;) {
    try {
      const seen = await look();
      if (seen) return seen as Exclude<T, Falsy>;
      last = seen;
    } catch (error) {
      last = error;
    }
    if (performance.now() > end) throw new Error(`waited ${timeoutMs} ms for ${what}; last: ${String(last)}`);
    await pause(5);
  }
}
