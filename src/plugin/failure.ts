import type { Clock } from '../core/clock.ts';
import {
  coerceError,
  type ErrorCode,
  isPodiodError,
  PluginError,
  type PluginPhase,
  type RetryVerdict,
} from '../core/errors.ts';

/** Where a failure belongs. */
export interface At {
  readonly plugin: string;
  readonly phase: PluginPhase;
  readonly rule?: string;
  readonly step?: string;
}

const DEFAULT_CODE: Readonly<Record<PluginPhase, ErrorCode>> = {
  load: 'PLUGIN_LOAD',
  options: 'PLUGIN_OPTIONS',
  setup: 'PLUGIN_SETUP',
  deliver: 'PLUGIN_DELIVER',
  dispose: 'PLUGIN_DELIVER',
};

/** Makes whatever a plugin threw an error that says whose it is. Code, hint and verdict of podiod's own errors stay. */
export function attributed(thrown: unknown, at: At): PluginError {
  if (thrown instanceof PluginError) return thrown;
  const cause = coerceError(thrown);
  if (!isPodiodError(cause)) return new PluginError(DEFAULT_CODE[at.phase], explain(cause), at, { cause });
  return new PluginError(cause.code, explain(cause), at, {
    cause,
    hint: cause.hint,
    retry: saneVerdict(cause.retry),
  });
}

/** A wait that was worked out from a missing header is NaN: that is no wait at all. */
const saneVerdict = (verdict: RetryVerdict): RetryVerdict =>
  typeof verdict === 'object' && !(Number.isFinite(verdict.afterMs) && verdict.afterMs >= 0)
    ? 'backoff'
    : verdict;

/** The message with those of its causes: `fetch failed` alone helps nobody. */
export function explain(error: Error): string {
  const parts: string[] = [];
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth++) {
    const text = at.message || ('code' in at && typeof at.code === 'string' ? at.code : at.name);
    if (!parts.some(part => part.includes(text))) parts.push(text);
  }
  return parts.join(': ');
}

/**
 * Waits for `work`, but not longer than `ms`: then rejects with `late()`. `work` can be ended from outside through what
 * it is given. What it comes to after its end goes to `orphan`; an error then is dropped, since one was told already.
 */
export function withDeadline<T>(
  clock: Clock,
  ms: number,
  late: () => Error,
  work: (end: (error: Error) => void) => T | PromiseLike<T>,
  orphan: (result: T) => void = () => {},
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let over = false;
    const end = (error: unknown) => {
      over = true;
      cancel();
      reject(error);
    };
    const cancel = clock.after(ms, () => end(late()));
    new Promise<T>(settle => settle(work(end))).then(
      result => {
        if (over) return orphan(result);
        cancel();
        resolve(result);
      },
      error => {
        if (!over) end(error);
      },
    );
  });
}
