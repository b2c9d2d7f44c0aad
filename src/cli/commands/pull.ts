import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import { EXIT } from '../exit.ts';
import type { PullOptions } from '../pull/pull.ts';

export function definePull({ program, cli, exit }: CommandContext): void {
  const command = withCommonOptions(program.command('pull'), {
    json: 'what has changed, as one JSON document',
  })
    .summary("reads the apps' definitions, for check, editor and types")
    .description(
      'Reads the definition of every app in the config, one call each, into a catalog beside the config: fields, types, options, labels. With it `podiod check` looks up fields, options and types offline. Writes a schema for editors beside it. Shows what has changed since the last time.',
    )
    .option('--check', 'write nothing; exit with 1 when a file would change (for CI)')
    .option('--types <file>', 'also write TypeScript types of the apps, for plugins')
    .action(async (options: PullOptions) => {
      const { pull } = await import('../pull/pull.ts');
      if (!(await pull(cli, options))) exit(EXIT.failed);
    });
  withExamples(
    command,
    [
      ['podiod pull', 'writes .podiorc.catalog.json beside .podiorc.yml'],
      ['podiod pull --types src/apps.ts', 'types for plugins too'],
      ['podiod pull --check', 'has somebody changed an app at Podio?'],
      ['podiod pull --json | jq .changes', 'for scripts'],
    ],
    'No app token is ever written into a catalog: it belongs into git, beside the config.\nExit codes: 0, or 1 when an app could not be read; with --check 1 when a file would change.',
  );
}
