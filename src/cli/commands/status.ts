import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import { EXIT } from '../exit.ts';
import type { CommonOptions } from '../io.ts';

export function defineStatus({ program, cli, exit }: CommandContext): void {
  const command = withCommonOptions(program.command('status'), { json: 'the status as one JSON document' })
    .summary('what the running daemon is doing')
    .description(
      'Shows rules (lag, last run, failures), hooks, degraded refs and the Podio budget of the running daemon. Of the config only admin and dataDir are read.',
    )
    .option('--all', 'rules, apps and budgets one by one, however many there are')
    .option('--ready', 'exit with 1 when the daemon is not ready')
    .action(async (options: CommonOptions & { ready?: boolean; all?: boolean }) => {
      const [{ loadPartialOrFail }, { adminClient }, { renderStatus }] = await Promise.all([
        import('../setup.ts'),
        import('../../admin/client.ts'),
        import('../../admin/render-status.ts'),
      ]);
      const status = await adminClient(await loadPartialOrFail(cli, options)).status();
      if (options.json) cli.printJson(status);
      else {
        const { all = false } = options;
        cli.print(renderStatus(status, { width: cli.width, colours: cli.colors, all, now: Date.now() }));
      }
      if (options.ready && !status.ready) exit(EXIT.failed);
    });
  withExamples(
    command,
    [
      ['podiod status', 'one screen: of many rules and apps those that somebody should look at'],
      ['podiod status --ready && echo up', 'for scripts'],
      ['podiod status --json | jq .hooks', 'active, inactive and missing hooks'],
    ],
    'Exit codes: 0, or 1 when none runs (with --ready: or is not ready).',
  );
}
