/** `podiod`: the daemon inside another program. */
import { resolve } from 'node:path';
import type { Observable } from 'rxjs';
import { secretValues } from './config/secrets.ts';
import type { PodioEvent } from './core/event.ts';
import type { Log } from './core/log.ts';
import { configOrFail, readConfig } from './daemon/config.ts';
import { startDaemon as start } from './daemon/index.ts';
import { version } from './daemon/package.ts';
import type { LoadedConfig, ReloadAnswer } from './daemon/reload.ts';
import { makeLog } from './log/log.ts';

export { PodiodError, PodioError, StoreError } from './core/errors.ts';
export type { PodioEvent, Ref } from './core/event.ts';
export type { Log } from './core/log.ts';
export type { RunRecord } from './core/run.ts';
export { ConfigError } from './daemon/config.ts';
export type { ReloadAnswer } from './daemon/reload.ts';
export { version };

export interface StartOptions {
  /** Where relative paths of a config given as an object lead from, and where files are looked for. Default: the working directory. */
  readonly cwd?: string;
  /** For `${NAME}`. Default: the process's environment. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: JSON lines on stderr, from `warn` on. */
  readonly log?: Log;
  readonly fetch?: typeof globalThis.fetch;
}

/** A daemon that runs inside this process. */
export interface DaemonHandle extends AsyncDisposable {
  /** Hot: every event as it is released to the rules. Completes when the daemon stops. */
  readonly events$: Observable<PodioEvent>;
  /** Resolves when `/readyz` says so: also the hooks have been looked at. */
  readonly ready: Promise<void>;
  /** Where deliveries are taken in; the real port where the config says 0. */
  readonly ingress: { readonly host: string; readonly port: number };
  readonly admin: { readonly host: string; readonly port: number };
  /**
   * For the process's `uncaughtException` handler: true when a plugin threw outside its stream, whose try has failed by
   * it. podiod installs no handlers in other programs.
   */
  attributeUncaught(thrown: unknown): boolean;
  /**
   * Exchanges the config while events come in, as `podiod reload` does. Left out: the file that it was started with is read
   * again.
   *
   * @throws ConfigError with every problem; PodiodError RELOAD_ROLLED_BACK when a plugin can't be set up. The config that
   *   held before goes on then.
   */
  reload(config?: string | object): Promise<ReloadAnswer>;
  /** Finishes what is in hand within `stopTimeout` and closes everything. Resolves with how many runs were left. */
  stop(): Promise<number>;
}

/**
 * Starts a daemon as `podiod run` does.
 *
 * @param config a config file's path, or the config itself as an object of the same shape
 * @throws ConfigError with every problem; PodiodError when a part can't start (STORE_LOCKED, INGRESS_PORT, ...)
 */
export async function startDaemon(
  config: string | object,
  options: StartOptions = {},
): Promise<DaemonHandle> {
  const { cwd = process.cwd(), env = process.env, fetch } = options;
  const load = async (from: string | object): Promise<LoadedConfig> => {
    const where = typeof from === 'string' ? { file: resolve(cwd, from) } : { text: JSON.stringify(from) };
    const loaded = await readConfig({ ...where, cwd, env });
    const checked = configOrFail(loaded, { cwd });
    return {
      config: checked,
      warnings: loaded.diagnostics,
      secrets: secretValues(checked, loaded.sources),
    };
  };
  const first = await load(config);
  const log = options.log ?? makeLog({ level: 'warn', format: 'json', secrets: first.secrets });
  const daemon = await start(first.config, {
    log,
    version: version(),
    load: () => load(config),
    ...(fetch && { fetch }),
  });
  const { events$, ready, ingress, admin, attributeUncaught, stop } = daemon;
  return {
    events$,
    ready,
    ingress,
    admin,
    attributeUncaught,
    reload: next => daemon.reload(next === undefined ? {} : { load: () => load(next) }),
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
}
