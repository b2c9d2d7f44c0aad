import { version } from '../../daemon/package.ts';
import type { CommandContext } from '../command.ts';
import { withCommonOptions } from '../command.ts';
import { EXIT } from '../exit.ts';
import type { CommonOptions } from '../io.ts';

export function defineRun({ program, cli, exit }: CommandContext): void {
  withCommonOptions(program.command('run', { isDefault: true }))
    .summary('the daemon, in the foreground')
    .description(
      'Runs the daemon in the foreground: makes the hooks that the rules need exist and be verified, takes events in and runs\nthe rules over them. SIGTERM or SIGINT ends it when what is in hand is finished; a second one ends it at once.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  podiod run\n  podiod run --config /etc/podiod/podiorc.yml --log-level debug',
    )
    .action(async (options: CommonOptions) => {
      const [{ startDaemon }, { loadConfigOrFail, makeCommandLog }, { onSignals, onUncaught }] =
        await Promise.all([import('../../daemon/index.ts'), import('../setup.ts'), import('../process.ts')]);
      const loaded = await loadConfigOrFail(cli, options);
      const log = makeCommandLog(cli, options, loaded.secrets);
      for (const { message, hint } of loaded.warnings) log.warn('config', { warning: message, hint });

      const stopping = Promise.withResolvers<void>();
      onSignals(signal => {
        log.info('stopping', { signal });
        stopping.resolve();
      });
      const daemon = await startDaemon(loaded.config, { log, version: version() });
      onUncaught(daemon.attributeUncaught, log);
      await stopping.promise;
      exit((await stopInTime(daemon.stop(), loaded.config.stopTimeoutMs)) ? EXIT.done : EXIT.failed);
    });
}

/** The parts of the daemon stop within their own deadlines; this is for the case that one doesn't. */
async function stopInTime(stopped: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(() => late.resolve(false), timeoutMs);
  const inTime = await Promise.race([stopped.then(() => true), late.promise]);
  clearTimeout(timer);
  return inTime;
}
