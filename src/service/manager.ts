/** Tells a service manager the truth about a daemon: when it is ready, how it is, that it is alive, that it ends. */
import type { Cancel, Clock } from '../core/clock.ts';
import { coerceError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Notifier } from './notify.ts';

/** What is told of. */
export interface Managed {
  /** Resolves when `/readyz` says so. */
  readonly ready: Promise<void>;
  /** How it is, as a sentence. */
  summary(): Promise<string>;
  /** Resolves when everything that has to move does. Rejecting is an answer too: a full disk is no reason to be killed. */
  probe(): Promise<void>;
}

export interface ManagerOptions {
  readonly notifier: Notifier;
  /** How long systemd waits for a sign of life, milliseconds; undefined where it does not wait for any. */
  readonly watchdogMs: number | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Manager {
  /** It starts. A long start is not killed for its length: bringing a large database to a newer form takes minutes on a slow disk. */
  starting(): void;
  /** From now on systemd is told how this daemon is. */
  watch(daemon: Managed): void;
  /** Its config is being exchanged until `ended`. Resolves when systemd has heard of it. */
  reloading(ended: Promise<void>): Promise<void>;
  /** It is asked to end, and will take no longer than this. */
  stopping(withinMs: number): void;
  /** Nothing more is said. */
  end(): void;
}

/** The status is looked at so often, and told where it has changed: each message is a process. */
const STATUS_MS = 5000;

/** While it ends, systemd is asked for this much time more, again and again: it is not to kill what still works. */
const EXTEND_MS = 15_000;
const EXTEND_EVERY_MS = 5000;

/** A start asks for more time when it takes longer than this, again and again, and no longer than that: then it hangs. */
const SLOW_START_MS = 60_000;
const EXTEND_START_MS = 90_000;
const LONGEST_START_MS = 60 * 60_000;

/** Undefined where systemd wants no sign of life, or not from this process. */
export function watchdogMs(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): number | undefined {
  const usec = Number(env.WATCHDOG_USEC);
  const isMeant = env.WATCHDOG_PID === undefined || Number(env.WATCHDOG_PID) === pid;
  return isMeant && usec > 0 ? usec / 1000 : undefined;
}

export function makeManager({ notifier, watchdogMs, clock, log }: ManagerOptions): Manager {
  const timers = new Set<Cancel>();
  let told = '';
  let isReady = false;
  let watched: Managed | undefined;
  let isStopping = false;
  let hasEnded = false;

  const later = (ms: number, fn: () => void): void => {
    const cancel = clock.after(ms, () => {
      timers.delete(cancel);
      fn();
    });
    timers.add(cancel);
  };

  const tellStatus = async (daemon: Managed): Promise<void> => {
    const summary = await daemon.summary().catch(error => `not known: ${coerceError(error).message}`);
    if (isStopping || hasEnded || summary === told) return;
    told = summary;
    void notifier.tell({ STATUS: summary });
  };

  const followStatus = (daemon: Managed): void => {
    later(STATUS_MS, () => void tellStatus(daemon).finally(() => hasEnded || followStatus(daemon)));
  };

  /** A probe that does not come back is followed by no sign of life, and by no further probe. */
  const feed = (daemon: Managed, everyMs: number): void => {
    const cancel = clock.after(everyMs, () =>
      log.error('podiod does not answer itself; unless it does soon, systemd will restart it', {
        afterMs: everyMs,
      }),
    );
    timers.add(cancel);
    daemon
      .probe()
      .catch(error => log.debug('the probe failed', { error: coerceError(error) }))
      .then(() => {
        cancel();
        timers.delete(cancel);
        if (hasEnded) return;
        void notifier.tell({ WATCHDOG: '1' });
        later(everyMs, () => feed(daemon, everyMs));
      });
  };

  const extend = (untilMs: number): void => {
    const leftMs = untilMs - clock.monotonic();
    if (leftMs <= 0) return;
    void notifier.tell({ EXTEND_TIMEOUT_USEC: String(EXTEND_MS * 1000) });
    later(EXTEND_EVERY_MS, () => extend(untilMs));
  };

  const extendStart = (untilMs: number): void => {
    if (isReady || isStopping || hasEnded || clock.monotonic() >= untilMs) return;
    void notifier.tell({ EXTEND_TIMEOUT_USEC: String(EXTEND_START_MS * 1000) });
    later(EXTEND_START_MS / 3, () => extendStart(untilMs));
  };

  return {
    starting() {
      const untilMs = clock.monotonic() + LONGEST_START_MS;
      later(SLOW_START_MS, () => extendStart(untilMs));
    },
    watch(daemon) {
      watched = daemon;
      void tellStatus(daemon);
      followStatus(daemon);
      if (watchdogMs !== undefined) feed(daemon, watchdogMs / 2);
      void daemon.ready.then(async () => {
        // It also stops waiting when it is to stop before it was ever ready.
        if (isStopping) return;
        told = await daemon.summary().catch(() => 'ready');
        isReady = true;
        if (!isStopping) void notifier.tell({ READY: '1', STATUS: told });
      });
    },
    async reloading(ended) {
      // READY after it would say too much of one that is not.
      if (!isReady || isStopping) return;
      void ended.then(async () => {
        const summary = await watched?.summary().catch(() => undefined);
        if (isStopping || hasEnded) return;
        told = summary ?? 'ready';
        void notifier.tell({ READY: '1', STATUS: told });
      });
      // systemd compares it with its own clock, which is the one that Node tells.
      const usec = String(process.hrtime.bigint() / 1000n);
      await notifier.tell({ RELOADING: '1', MONOTONIC_USEC: usec, STATUS: 'reading its config again' });
    },
    stopping(withinMs) {
      if (isStopping) return;
      isStopping = true;
      void notifier.tell({ STOPPING: '1', STATUS: 'finishing what is in hand' });
      extend(clock.monotonic() + withinMs);
    },
    end() {
      for (const cancel of timers) cancel();
      timers.clear();
      hasEnded = true;
    },
  };
}
