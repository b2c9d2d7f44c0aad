import { type CommandContext, logLevelOption, withExamples } from '../command.ts';
import { EXIT } from '../exit.ts';
import type { CommonOptions } from '../io.ts';

interface DemoOptions extends CommonOptions {
  readonly events?: string;
  readonly every?: string;
  readonly seed: string;
}

/** Slow enough to be read. */
const READABLE = '1s';
/** Who asks for a number of events wants to see the end of it. */
const BRISK = '200ms';
/** Its first events have something of everything: a filter that filters, one that passes, messages to Slack. */
const SEED = '265';

export function defineDemo({ program, cli, exit }: CommandContext): void {
  const command = program
    .command('demo')
    .addOption(logLevelOption())
    .summary('see it work, with an emulated Podio')
    .description(
      'Runs the example config as it is, by the same code as `podiod run`, against an emulated Podio in which people edit items. Nothing leaves this machine and nothing stays on it. Ctrl-C ends it with a summary.',
    )
    .option('--events <n>', 'end after N events')
    .option('--every <time>', `how often somebody does something (${READABLE}; with --events ${BRISK})`)
    .option('--seed <n>', 'the same seed, the same deeds', SEED)
    .action(async ({ events, every, seed, ...options }: DemoOptions) => {
      const [{ runDemo }, { duration, wholeNumber }] = await Promise.all([
        import('../demo/demo.ts'),
        import('../values.ts'),
      ]);
      const limit = events === undefined ? undefined : wholeNumber('--events', events, 1);
      const everyMs = duration('--every', every ?? (limit === undefined ? READABLE : BRISK));
      const ok = await runDemo(cli, options, { limit, everyMs, seed: wholeNumber('--seed', seed) });
      if (!ok) exit(EXIT.failed);
    });
  withExamples(command, [
    ['podiod demo', 'until Ctrl-C'],
    ['podiod demo --events 20', 'a quick look'],
    ['podiod demo --seed 3 --every 3s', 'other people, in less of a hurry'],
  ]);
}
