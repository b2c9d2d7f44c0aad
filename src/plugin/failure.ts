import type { Clock } from '../core/clock.ts';
import {
  coerceError,
  ERROR_CODES,
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
  const cause = coerceError(thrown);
  if (cause instanceof PluginError) return cause;
  if (!isPodiodError(cause)) return new PluginError(DEFAULT_CODE[at.phase], explain(cause), at, { cause });
  const { code, hint, retry }: { code: unknown; hint: unknown; retry: unknown } = cause;
  return new PluginError(isErrorCode(code) ? code : DEFAULT_CODE[at.phase], explain(cause), at, {
    cause,
    ...(typeof hint === 'string' && { hint }),
    retry: saneVerdict(retry),
  });
}

/** An error of another copy of podiod may say what this one does not know. */
const isErrorCode = (code: unknown): code is ErrorCode =>
  typeof code === 'string' && Object.hasOwn(ERROR_CODES, code);

/** A wait that was worked out from a missing header is NaN: that is no wait at all. */
function saneVerdict(verdict: unknown): RetryVerdict {
  if (verdict === 'never') return 'never';
  const afterMs =
    typeof verdict === 'object' && verdict !== null && 'afterMs' in verdict ? verdict.afterMs : undefined;
  return typeof afterMs === 'number' && Number.isFinite(afterMs) && afterMs >= 0 ? { afterMs } : 'backoff';
}

/** The message with those of its causes: `fetch failed` alone helps nobody. */
export function explain(error: Error): string {
  try {
    return joinCauses(error);
  } catch {
    // It has a message, and what else it has can't be read.
    return error.message;
  }
}

function joinCauses(error: Error): string {
  const parts: string[] = [];
  let at: Error | undefined = error;
  for (let depth = 0; at !== undefined && depth < 4; depth++) {
    const text = at.message || ('code' in at && typeof at.code === 'string' ? at.code : at.name);
    if (!parts.some(part => part.includes(text))) parts.push(text);
    at = at.cause instanceof Error ? at.cause : undefined;
  }
  return parts.join(': ');
}

export interface Bounds<T> {
  readonly clock: Clock;
  readonly ms: number;
  /** What it rejects with after `ms`. */
  readonly late: () => Error;
  /** Ends the wait with its reason. */
  readonly signal?: AbortSignal;
  /** Gets what the work comes to after its end. An error then is dropped: one was told already. */
  readonly orphan?: (result: T) => void;
}

/** Waits for `work`, but no longer than its bounds allow. `work` can be ended from outside through what it is given. */
export function withDeadline<T>(
  { clock, ms, late, signal, orphan }: Bounds<T>,
  work: (end: (error: unknown) => void) => T | PromiseLike<T>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let over = false;
    const settle = (how: () => void) => {
      if (over) return;
      over = true;
      cancel();
      signal?.removeEventListener('abort', onAbort);
      how();
    };
    const end = (error: unknown) => settle(() => reject(error));
    const onAbort = () => end(signal?.reason);
    const cancel = clock.after(ms, () => end(late()));
    if (signal?.aborted) return onAbort();
    signal?.addEventListener('abort', onAbort);
    new Promise<T>(begin => begin(work(end))).then(
      result => (over ? orphan?.(result) : settle(() => resolve(result))),
      end,
    );
  });
}
