import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import { EXIT } from '../exit.ts';
import type { CommonOptions } from '../io.ts';
import { wholeNumber } from '../values.ts';

interface BacktestOptions extends CommonOptions {
  readonly rule: string;
  readonly since: string;
  readonly until?: string;
  readonly journal?: boolean;
  readonly fresh?: boolean;
  readonly state?: string;
  readonly yes?: boolean;
  readonly limit: number;
}

export function defineBacktest({ program, cli, exit }: CommandContext): void {
  const command = withCommonOptions(program.command('backtest'), {
    json: 'what would have come of it, as one JSON document (with --yes)',
  })
    .summary('a rule over what has happened, with no effects')
    .description(
      "Runs a rule over what is already there: Podio's own revisions of items, and the journal. What its steps would send is kept and shown, and not sent. Says what it costs in calls before it begins; takes what is spare of the budget, through the running daemon where there is one; can be stopped, and goes on when it is started again.",
    )
    .requiredOption('--rule <name>', 'the rule')
    .requiredOption('--since <time>', 'from when on: 30d, 12h, or ISO 8601')
    .option('--until <time>', 'up to when; else now')
    .option('--journal', 'by the journal alone: no history is read from Podio')
    .option('--limit <n>', 'how many runs are shown', text => wholeNumber('--limit', text), 20)
    .option('--state <file>', 'where what was read is kept until it is done; else in dataDir')
    .option('--fresh', 'begin anew, whatever an earlier one has read')
    .option('-y, --yes', 'do not ask')
    .action(async (options: BacktestOptions) => {
      const [{ backtest }, { showBacktest }] = await Promise.all([
        import('../backtest/command.ts'),
        import('../backtest/show.ts'),
      ]);
      const report = await backtest(cli, options);
      if (report === undefined) {
        cli.note('Nothing is read.');
        return exit(EXIT.failed);
      }
      if (options.json) cli.printJson(report);
      else for (const line of showBacktest(cli, report)) cli.print(line);
      if (report.interrupted) exit(EXIT.failed);
    });
  withExamples(
    command,
    [
      ['podiod backtest --rule won-deal --since 30d', 'says what it costs, asks, then does'],
      ['podiod backtest --rule won-deal --since 2026-01-01 --until 2026-02-01 --yes --json', 'for scripts'],
      ['podiod backtest --rule won-deal --since 7d --journal', 'what podiod itself has seen'],
    ],
    'Exit codes: 0, or 1 when the answer was no or it was stopped.',
  );
}
