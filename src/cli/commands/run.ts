import { coerceError } from '../../core/errors.ts';
import { version } from '../../daemon/package.ts';
import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import { EXIT } from '../exit.ts';
import type { CommonOptions } from '../io.ts';

export function defineRun(context: CommandContext): void {
  const command = withCommonOptions(context.program.command('run'))
    .summary('the daemon, in the foreground')
    .description(
      'Runs the daemon in the foreground: makes the hooks that the rules need exist and be verified, takes events in and runs the rules over them. SIGTERM or SIGINT ends it when what is in hand is finished; a second one ends it at once.',
    )
    .action((options: CommonOptions) => runDaemon(context, options));
  withExamples(
    command,
    [
      ['podiod run', 'with the config that is found here'],
      ['podiod --config /etc/podiod/podiorc.yml', 'the same: run is what podiod does without a command'],
      ['podiod run --log-level debug', 'every call to Podio, every step'],
    ],
    'Logs go to stderr: text on a terminal, else one JSON object a line.\nExit codes: 0 after a clean stop, 1 failed, 78 the config is wrong.',
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
  const [{ startDaemon }, { makeAttribution }, { removeRunFile }, { loadConfigOrFail, makeCommandLog }] =
    await Promise.all([
      import('../../daemon/index.ts'),
      import('../../plugin/attribution.ts'),
      import('../../admin/run-file.ts'),
      import('../setup.ts'),
    ]);
  const { config, warnings, secrets } = await loadConfigOrFail(cli, options);
  const log = makeCommandLog(cli, options, secrets);
  tell = signal => log.info('stopping', { signal });
  if (asked) return tell(asked);
  for (const { message, hint } of warnings) log.warn('config', { warning: message, hint });

  // Before the start: plugins are set up during it.
  const attribution = makeAttribution(log);
  cli.io.onUncaught(thrown => {
    if (attribution.attributeUncaught(thrown)) return true;
    log.error('uncaught error, ending', { error: coerceError(thrown) });
    return false;
  });
  const daemon = await startDaemon(config, { log, version: version(), attribution });
  await stopping.promise;
  const { stopTimeoutMs, dataDir } = config;
  if (await inTime(daemon.stop(), stopTimeoutMs)) return;
  log.error('podiod has not stopped in time, ending', { stopTimeoutMs, unstopped: daemon.unstopped() });
  // What is left unfinished goes on at the next start. A file that names this process would mislead the commands.
  await removeRunFile(dataDir);
  exit(EXIT.failed);
}

/** The parts of the daemon stop within their own deadlines; this is for the case that one doesn't. */
async function inTime(stopped: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(() => late.resolve(false), timeoutMs);
  const isInTime = await Promise.race([stopped.then(() => true), late.promise]);
  clearTimeout(timer);
  return isInTime;
}
