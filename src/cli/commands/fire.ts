import type { FireAnswer } from '../../admin/requests.ts';
import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import type { CommonOptions } from '../io.ts';

interface FireOptions extends CommonOptions {
  readonly rule: string;
  readonly item: string;
}

export function defineFire({ program, cli }: CommandContext): void {
  const command = withCommonOptions(program.command('fire'), { json: 'the event, as one JSON document' })
    .summary('runs a rule for one item, by hand')
    .description(
      'Has the running daemon run a rule for an item now, whatever starts it otherwise: an event item.fire for this rule alone is put into the journal, and its number is told. Nothing is asked. A where is judged as ever; there are no changes, since nothing has changed.',
    )
    .requiredOption('--rule <name>', 'the rule')
    .requiredOption('--item <item>', 'the item: its item_id, app/app_item_id, or the link in Podio')
    .action(async ({ rule, item, ...options }: FireOptions) => {
      const [{ loadPartialOrFail }, { adminClient }] = await Promise.all([
        import('../setup.ts'),
        import('../../admin/client.ts'),
      ]);
      const answer = await adminClient(await loadPartialOrFail(cli, options)).fire({ rule, item });
      if (options.json) cli.printJson(answer);
      else cli.print(told(answer));
    });
  withExamples(
    command,
    [
      ['podiod fire --rule won-leads --item leads/42', 'by the number that people see'],
      ['podiod fire --rule won-leads --item 5300000001 --json', 'by the item_id, for scripts'],
      ['podiod why --event 1234', 'what became of it, by the number it was told'],
    ],
    'Exit codes: 0, 2 when there is no such rule or item, 1 when no daemon runs or Podio does not answer.',
  );
}

const told = ({ rule, app, item, seq }: FireAnswer): string =>
  `Event ${seq}: rule ${rule} runs for item ${item} of ${app}.`;
