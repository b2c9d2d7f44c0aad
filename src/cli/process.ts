import { constants } from 'node:os';
import { coerceError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { EXIT } from './exit.ts';

/** The first SIGTERM or SIGINT asks; the second ends the process at once, which is safe: all that counts is on disk. */
export function onSignals(first: (signal: NodeJS.Signals) => void): void {
  let asked = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (asked) process.exit(128 + constants.signals[signal]);
      asked = true;
      first(signal);
    });
  }
}

/** What nobody caught: a plugin's own affair when it can be told whose it is, else the end of the process. */
export function onUncaught(attribute: (thrown: unknown) => boolean, log: Log): void {
  // Rejections too: Node hands unhandled ones to this handler when there is none for them alone.
  process.on('uncaughtException', thrown => {
    if (attribute(thrown)) return;
    log.error('uncaught error, ending', { error: coerceError(thrown) });
    process.exit(EXIT.failed);
  });
}
