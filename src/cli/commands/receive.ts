import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import { EXIT } from '../exit.ts';
import type { CommonOptions } from '../io.ts';

interface ReceiveOptions extends CommonOptions {
  readonly app?: string;
  readonly space?: string;
  readonly item?: string;
}

export function defineReceive({ program, cli, exit }: CommandContext): void {
  const command = withCommonOptions(program.command('receive <file>'), {
    json: 'what every rule made of each delivery, as one JSON document',
  })
    .summary('your rules on saved deliveries, with no effects')
    .description(
      'Puts saved deliveries through the rules with no network and no files: filters run, all other steps say what they would do. FILE holds form bodies, one a line, or JSON (an object, a list, or one object a line); - is stdin.',
    )
    .option(
      '--app <name>',
      'the app that the deliveries are of; not needed where the config has one app only',
    )
    .option('--space <name>', 'the space that they are of')
    .option(
      '--item <file>',
      'JSON of the item, as Podio answers it, or {"item": ..., "changes": a revision difference}; else item and changes are empty',
    )
    .action(async (file: string, options: ReceiveOptions) => {
      const [{ receive }, { showReceived }] = await Promise.all([
        import('../receive/receive.ts'),
        import('../show/received.ts'),
      ]);
      const received = await receive(cli, file, options);
      if (options.json) cli.printJson({ deliveries: received });
      else for (const line of showReceived(cli, received)) cli.print(line);
      if (received.some(({ rules }) => rules.some(({ outcome }) => outcome === 'failed'))) exit(EXIT.failed);
    });
  withExamples(
    command,
    [
      ['podiod receive deliveries.txt --app leads', 'what would the rules have done?'],
      ['podiod receive deliveries.ndjson --app leads --item item.json', 'with an item to fill in'],
      ["echo 'type=item.create&item_id=1' | podiod receive - --app leads", 'made by hand'],
    ],
    'Exit codes: 0, or 1 when a step failed.',
  );
}
