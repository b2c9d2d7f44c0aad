import { AsyncLocalStorage } from 'node:async_hooks';
import { coerceError, type PluginPhase } from '../core/errors.ts';
import type { PodioEvent } from '../core/event.ts';
import type { Log } from '../core/log.ts';

/** What is being done, and for whom, wherever code of a plugin runs. */
export interface PluginScope {
  readonly plugin: string;
  readonly phase: PluginPhase;
  readonly rule?: string;
  readonly step?: string;
  /** The event in hand, while one is. */
  readonly event?: PodioEvent;
  /** Where it is the last of several in hand: all of them. */
  readonly events?: readonly PodioEvent[];
  /** Aborted when the try is over. */
  readonly signal?: AbortSignal;
  /** Ends what is being done with this error. Does nothing when it is over. */
  fail?(error: unknown): void;
}

/** Knows which plugin the code that runs belongs to, across timers, promises and callbacks. */
export interface Attribution {
  run<T>(scope: PluginScope, fn: () => T): T;
  current(): PluginScope | undefined;
  /**
   * For `uncaughtException` and `unhandledRejection`, called inside the handler. True: a plugin's error outside its
   * stream; it is logged and the try it belongs to has failed. False: nobody's, so the process has to end.
   */
  attributeUncaught(thrown: unknown): boolean;
}

export function makeAttribution(log: Log): Attribution {
  const scopes = new AsyncLocalStorage<PluginScope>();
  return {
    run: (scope, fn) => scopes.run(scope, fn),
    current: () => scopes.getStore(),
    attributeUncaught(thrown) {
      const scope = scopes.getStore();
      if (!scope) return false;
      const { plugin, phase, rule, step } = scope;
      const error = coerceError(thrown);
      log.error('plugin threw outside its stream', { plugin, phase, rule, step, error });
      scope.fail?.(error);
      return true;
    },
  };
}
