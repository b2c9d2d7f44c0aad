import { UsageError } from '../../core/errors.ts';
import { type CommandContext, withCommonOptions } from '../command.ts';
import { EXIT } from '../exit.ts';
import type { CommonOptions } from '../io.ts';

interface DemoOptions extends CommonOptions {
  readonly events?: string;
  readonly every: string;
  readonly seed: string;
}

export function defineDemo({ program, cli, exit }: CommandContext): void {
  withCommonOptions(program.command('demo'))
    .summary('see it work, with an emulated Podio')
    .description(
      'Runs the example config as it is, by the same code as `run`, against an emulated Podio in which people edit items. Nothing\nleaves this machine and nothing stays on it. Ctrl-C ends it with a summary.',
    )
    .option('--events <n>', 'end after N events')
    .option('--every <interval>', 'how often somebody does something', '700ms')
    .option('--seed <n>', 'the same seed, the same deeds', '1')
    .addHelpText('after', '\nExamples:\n  podiod demo\n  podiod demo --events 20 --every 50ms')
    .action(async ({ events, every, seed, ...options }: DemoOptions) => {
      const [{ runDemo }, { parseDuration }] = await Promise.all([
        import('../demo/demo.ts'),
        import('../../config/units.ts'),
      ]);
      const everyMs = parseDuration(every);
      if (!(everyMs >= 1)) throw new UsageError(`--every must be like 500ms or 2s, got ${every}`);
      const limit = events === undefined ? undefined : count('--events', events);
      const ok = await runDemo(cli, options, { limit, everyMs, seed: count('--seed', seed) });
      if (!ok) exit(EXIT.failed);
    });
}

function count(option: string, text: string): number {
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
  throw new UsageError(`${option} must be a whole number from 1 on, got ${text}`);
}
