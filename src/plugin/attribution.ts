import { AsyncLocalStorage } from 'node:async_hooks';
import { type Clock, systemClock } from '../core/clock.ts';
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

/** What throws at each event has one line in so long, milliseconds; what comes between goes to debug. */
const TOLD_FOR_MS = 60_000;

export function makeAttribution(
  log: Pick<Log, 'error' | 'debug'>,
  clock: Pick<Clock, 'monotonic'> = systemClock,
): Attribution {
  const scopes = new AsyncLocalStorage<PluginScope>();
  const toldAt = new Map<string, number>();
  const levelFor = ({ plugin, phase }: PluginScope): 'error' | 'debug' => {
    const whose = `${plugin}\n${phase}`;
    const now = clock.monotonic();
    if (now - (toldAt.get(whose) ?? Number.NEGATIVE_INFINITY) < TOLD_FOR_MS) return 'debug';
    toldAt.set(whose, now);
    return 'error';
  };
  return {
    run: (scope, fn) => scopes.run(scope, fn),
    current: () => scopes.getStore(),
    attributeUncaught(thrown) {
      const scope = scopes.getStore();
      if (!scope) return false;
      const { plugin, phase, rule, step } = scope;
      const error = coerceError(thrown);
      log[levelFor(scope)]('plugin threw outside its stream', { plugin, phase, rule, step, error });
      scope.fail?.(error);
      return true;
    },
  };
}
