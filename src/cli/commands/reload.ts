import type { ReloadAnswer } from '../../daemon/reload.ts';
import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import type { CommonOptions } from '../io.ts';
import { showReload } from '../show/reload.ts';

interface ReloadOptions extends CommonOptions {
  readonly dryRun?: boolean;
}

export function defineReload({ program, cli }: CommandContext): void {
  const command = withCommonOptions(program.command('reload'), {
    json: 'what it meant as one JSON document',
  })
    .summary('has the daemon read its config again')
    .description(
      'Asks the running daemon to read its config again, and to go on with it while events come in: rules that are as they were go on untouched, a rule that was edited goes on where it was, a new one starts now. Where the file has a problem, or a plugin of it can not be set up, nothing changes and it says what is wrong.',
    )
    .option('--dry-run', 'only say what would change')
    .action(async ({ dryRun = false, ...options }: ReloadOptions) => {
      const [{ loadPartialOrFail }, { adminClient }] = await Promise.all([
        import('../setup.ts'),
        import('../../admin/client.ts'),
      ]);
      const client = adminClient(await loadPartialOrFail(cli, options));
      const answer = (await client.reload({ dryRun })) as ReloadAnswer;
      if (options.json) cli.printJson(answer);
      else for (const line of showReload(answer)) cli.print(line);
    });
  withExamples(
    command,
    [
      ['podiod reload --dry-run', 'what would change?'],
      ['podiod reload', 'go on with what the file says now'],
    ],
    'The daemon reads the file that it was started with, with the environment that it was started with.\nExit codes: 0; 78 when the config is wrong; 1 when a plugin can not be set up, the disk is full or no daemon runs.',
  );
}
