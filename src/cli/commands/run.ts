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
  const [{ startDaemon }, { makeAttribution }, { loadConfigOrFail, makeCommandLog }] = await Promise.all([
    import('../../daemon/index.ts'),
    import('../../plugin/attribution.ts'),
    import('../setup.ts'),
  ]);
  const loaded = await loadConfigOrFail(cli, options);
  const log = makeCommandLog(cli, options, loaded.secrets);
  for (const { message, hint } of loaded.warnings) log.warn('config', { warning: message, hint });

  const stopping = Promise.withResolvers<void>();
  cli.io.onStop(signal => {
    log.info('stopping', { signal });
    stopping.resolve();
  });
  // Before the start: plugins are set up during it.
  const attribution = makeAttribution(log);
  cli.io.onUncaught(thrown => {
    if (attribution.attributeUncaught(thrown)) return true;
    log.error('uncaught error, ending', { error: coerceError(thrown) });
    return false;
  });
  const daemon = await startDaemon(loaded.config, { log, version: version(), attribution });
  await stopping.promise;
  exit((await stopInTime(daemon.stop(), loaded.config.stopTimeoutMs)) ? EXIT.done : EXIT.failed);
}

/** The parts of the daemon stop within their own deadlines; this is for the case that one doesn't. */
async function stopInTime(stopped: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(() => late.resolve(false), timeoutMs);
  const inTime = await Promise.race([stopped.then(() => true), late.promise]);
  clearTimeout(timer);
  return inTime;
}
