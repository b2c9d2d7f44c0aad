import { resolve } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { systemClock } from '../../core/clock.ts';
import { coerceError } from '../../core/errors.ts';
import type { Log, LogFields } from '../../core/log.ts';
import { replacedBy, version } from '../../daemon/package.ts';
import type { InheritedSockets, Manager } from '../../service/index.ts';
import { type CommandContext, logFormatOption, withCommonOptions, withExamples } from '../command.ts';
import { stampOf } from '../env-file.ts';
import { EXIT } from '../exit.ts';
import type { CommonOptions } from '../io.ts';

export function defineRun(context: CommandContext): void {
  const command = withCommonOptions(context.program.command('run'))
    .addOption(logFormatOption())
    .summary('the daemon, in the foreground')
    .description(
      'Runs the daemon in the foreground: makes the hooks that the rules need exist and be verified, takes events in and runs the rules over them. SIGHUP has it read its config again, as podiod reload does. SIGTERM or SIGINT ends it when what is in hand is finished; a second one ends it at once.',
    )
    .action((options: CommonOptions) => runDaemon(context, options));
  withExamples(
    command,
    [
      ['podiod run', 'with the config that is found here'],
      ['podiod --config /etc/podiod/podiorc.yml', 'the same: run is what podiod does without a command'],
      ['podiod run --log-level debug', 'every call to Podio, every step'],
    ],
    'Logs go to stderr: text on a terminal, else one JSON object a line; podiod log-level changes them while it runs.\nExit codes: 0 after a clean stop, 1 failed, 78 the config is wrong.',
  );
}

/** Resolves when the daemon has been asked to stop, and has. */
export async function runDaemon({ cli, exit }: CommandContext, options: CommonOptions): Promise<void> {
  // Before anything else: a service manager that changes its mind at once is to see a clean stop too.
  const stopping = Promise.withResolvers<void>();
  let asked: NodeJS.Signals | undefined;
  let tell = (signal: NodeJS.Signals): void => {
    asked = signal;
  };
  cli.io.onStop(signal => {
    tell(signal);
    stopping.resolve();
  });
  let reloadAsked = false;
  // Until it has started: what it has read may have been the file before.
  let reload = (): void => {
    reloadAsked = true;
  };
  cli.io.onReload(() => reload());
  const [{ startDaemon }, { makeAttribution }, { removeOwnRunFile }, { loadConfigOrFail, makeCommandLog }] =
    await Promise.all([
      import('../../daemon/index.ts'),
      import('../../plugin/attribution.ts'),
      import('../../admin/run-file.ts'),
      import('../setup.ts'),
    ]);
  const envFile = options.envFile && resolve(cli.io.cwd, options.envFile);
  const variables = envFile === undefined ? undefined : stampOf(envFile);
  // What the log may not show is known when the config is read, and plugins are loaded for that.
  let told: Pick<Log, 'error' | 'debug'> = plainly(cli);
  const attribution = makeAttribution({
    error: (...line) => told.error(...line),
    debug: (...line) => told.debug(...line),
  });
  cli.io.onUncaught(thrown => {
    if (attribution.attributeUncaught(thrown)) return true;
    told.error('uncaught error, ending', { error: coerceError(thrown) });
    return false;
  });
  const settings = { ...options, attribution };
  // Nothing has begun yet that would have to end, and a plugin that is loaded may take its time.
  const loaded = await Promise.race([loadConfigOrFail(cli, settings), stopping.promise]);
  if (!loaded || asked) return;
  const { config, warnings, secrets } = loaded;
  const log = makeCommandLog(cli, options, secrets);
  told = log;
  tell = signal => log.info('stopping', { signal });
  cli.io.onForeignExit(exitCode => {
    const { plugin, rule, step, phase } = attribution.current() ?? {};
    log.error('a plugin has ended the process: it must not call process.exit()', {
      ...{ plugin, rule, step, phase, exitCode },
    });
  });
  for (const { message, hint } of warnings) log.warn('config', { warning: message, hint });

  const { dataDir } = config;
  const { manager, sockets } = await serviceManager(cli, log);
  manager?.starting();
  const running = version();
  const starting = startDaemon(config, {
    log,
    version: running,
    attribution,
    ownsProcess: true,
    load: async () => {
      const installed = replacedBy(running);
      return {
        ...(await loadConfigOrFail(cli, { ...settings, json: true })),
        needsRestart: [
          ...(envFile !== undefined && variables !== stampOf(envFile) ? [`the variables of ${envFile}`] : []),
          ...(installed === undefined ? [] : [`podiod itself (${installed} is installed)`]),
        ],
      };
    },
    ...(manager && { onReload: ended => manager.reloading(ended) }),
    ...(sockets && { sockets }),
  });
  // Whatever a start waits for: who asks it to end gets an end.
  const tooLong = stopping.promise.then(() => after(config.stopTimeoutMs, undefined, { ref: false }));
  const daemon = await Promise.race([starting, tooLong]);
  if (!daemon) {
    log.error('podiod has not started, and so not stopped, in time, ending', {
      stopTimeoutMs: config.stopTimeoutMs,
    });
    manager?.end();
    await removeOwnRunFile(dataDir);
    return exit(EXIT.failed);
  }
  manager?.watch(daemon);
  reload = () => {
    log.info('asked to read the config again');
    // What is wrong is in the log.
    daemon.reload().catch(() => {});
  };
  if (reloadAsked) reload();
  await stopping.promise;
  reload = () => {};
  const { stopTimeoutMs } = daemon.config();
  manager?.stopping(stopTimeoutMs);
  const hasStopped = await inTime(daemon.stop(), stopTimeoutMs);
  manager?.end();
  if (hasStopped) return;
  log.error('podiod has not stopped in time, ending', { stopTimeoutMs, unstopped: daemon.unstopped() });
  // What is left unfinished goes on at the next start, unsuspected: what blocks the thread would have kept this from being
  // reached. A file that names this process would mislead the commands.
  await removeOwnRunFile(dataDir);
  exit(EXIT.failed);
}

/** For as long as there is no log: what goes wrong by then is of plugins that are being loaded. */
function plainly({ note }: Pick<CommandContext['cli'], 'note'>): Pick<Log, 'error' | 'debug'> {
  const line = (message: string, { plugin, error }: LogFields = {}): void =>
    note(
      `podiod: ${message}${plugin === undefined ? '' : ` (${plugin})`}: ${error instanceof Error ? error.message : ''}`,
    );
  return { error: line, debug: () => {} };
}

/** What systemd has handed down and wants to be told; nothing where podiod was started by something else. */
async function serviceManager(
  { io: { env } }: CommandContext['cli'],
  log: Log,
): Promise<{ manager?: Manager; sockets?: InheritedSockets }> {
  if (!env.NOTIFY_SOCKET && !env.LISTEN_FDS) return {};
  const { inheritedSockets, makeManager, makeNotifier, watchdogMs } = await import('../../service/index.ts');
  const sockets = inheritedSockets(env, process.pid);
  if (sockets && sockets.unused > 0) {
    log.warn('sockets were handed down that nobody listens on', { unused: sockets.unused });
  }
  if (!env.NOTIFY_SOCKET) return sockets ? { sockets } : {};
  const ofSystemd = log.child({ module: 'systemd' });
  const manager = makeManager({
    notifier: makeNotifier({ socket: env.NOTIFY_SOCKET, path: env.PATH, log: ofSystemd }),
    watchdogMs: watchdogMs(env, process.pid),
    clock: systemClock,
    log: ofSystemd,
  });
  return { manager, ...(sockets && { sockets }) };
}

/** The parts of the daemon stop within their own deadlines; this is for the case that one doesn't. */
async function inTime(stopped: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(() => late.resolve(false), timeoutMs);
  const isInTime = await Promise.race([stopped.then(() => true), late.promise]);
  clearTimeout(timer);
  return isInTime;
}
