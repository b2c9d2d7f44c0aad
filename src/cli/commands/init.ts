import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import { EXIT } from '../exit.ts';
import type { InitOptions } from '../init/init.ts';

export function defineInit({ program, cli, exit }: CommandContext): void {
  const command = withCommonOptions(program.command('init'), {
    json: 'what was written, as one JSON document',
  })
    .summary('writes a first config, from what a user sees at Podio')
    .description(
      'Asks for an API key and a login, lists the apps that this user sees, and writes a config for the chosen ones: .podiorc.yml, .env with their tokens (mode 0600), the catalog and a schema for editors. The login itself is kept only where Podio gives no token for an app. What is there already is never overwritten unasked.',
    )
    .option('--apps <list>', 'names, ids or Space/App with commas between, or all; else asked for')
    .option('--public-url <url>', 'what Podio will call')
    .option('--api-url <url>', "another Podio, such as podiod emulator's")
    .option('-y, --yes', 'ask nothing: all comes from options and environment')
    .option('--force', 'write a new config where there is one')
    .action(async (options: InitOptions) => {
      const { init } = await import('../init/init.ts');
      if (!(await init(cli, options))) exit(EXIT.failed);
    });
  withExamples(
    command,
    [
      ['podiod init', 'asks, then writes .podiorc.yml and what belongs to it'],
      ['podiod init --apps Leads,Sales/Deals', 'these two'],
      ['podiod init --yes --apps all --env-file key.env', 'for scripts'],
      ['podiod check --env-file .env', 'afterwards'],
    ],
    'Key and login come from PODIO_CLIENT_ID, PODIO_CLIENT_SECRET, PODIO_USERNAME and PODIO_PASSWORD,\nwhere these are not set from the terminal, or from stdin: a line each in this order, then apps and URL.\nExit codes: 0, 1 failed, an app could not be read or the answer was no, 2 wrong usage.',
  );
}
