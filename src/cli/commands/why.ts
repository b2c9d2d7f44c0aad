import type { WhyRequest } from '../../admin/requests.ts';
import { isPodiodError, UsageError } from '../../core/errors.ts';
import type { WhyAnswer } from '../../daemon/index.ts';
import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import type { Cli, CommonOptions } from '../io.ts';

interface WhyOptions extends CommonOptions {
  readonly item?: string;
  readonly event?: string;
  readonly rule?: string;
  readonly limit?: string;
}

export function defineWhy({ program, cli }: CommandContext): void {
  const command = withCommonOptions(program.command('why'), { json: 'as one JSON document' })
    .summary('why a rule ran, or did not')
    .description(
      'Tells of the last changes of an item, or of one event, what every rule made of them: each condition with the value that was there, each step with its tries and its end. Of rules that did not run the nearest miss comes first. What no event tells of is told too: that it never arrived, waits for missed changes, or was made by podiod itself. Works beside a running daemon and without one.',
    )
    .option('--item <item>', 'the item: its item_id, app/app_item_id, or the link in Podio')
    .option(
      '--event <event>',
      'one event: its number in the journal, its id, or the delivery key that a receiver has of it',
    )
    .option('--rule <name>', 'only what this rule made of it')
    .option('-n, --limit <n>', 'the last N changes (default: 5)')
    .action(async (options: WhyOptions) => {
      const answer = await ask(cli, options, await requestOf(options));
      if (options.json) return cli.printJson(answer);
      const { showWhy } = await import('../show/why.ts');
      for (const line of showWhy(cli, answer)) cli.print(line);
    });
  withExamples(command, [
    ['podiod why --item leads/42', 'what became of the last changes of an item'],
    ['podiod why --item leads/42 --rule won-leads', 'why did this rule not run?'],
    ['podiod why --event 1234', 'of one event, as podiod events numbers them'],
    ['podiod why --rule won-leads --limit 20 --json', 'for scripts'],
  ]);
}

async function requestOf({ item, event, rule, limit }: WhyOptions): Promise<WhyRequest> {
  if (item === undefined && event === undefined && rule === undefined) {
    throw new UsageError('why what?', 'Give --item, --event or --rule.');
  }
  if (item !== undefined && event !== undefined) {
    throw new UsageError('--item and --event exclude each other', 'Give one of them.');
  }
  for (const [name, given] of Object.entries({ item, event, rule })) {
    if (given?.trim() === '') throw new UsageError(`--${name} is empty`, 'podiod why --help has examples.');
  }
  const { wholeNumber } = await import('../values.ts');
  return {
    ...(item !== undefined && { item }),
    ...(event !== undefined && { event }),
    ...(rule !== undefined && { rule }),
    ...(limit !== undefined && { last: wholeNumber('--limit', limit, 1, 100) }),
  };
}

/** The running daemon knows more than the store alone: hooks, and what its lanes wait for. */
async function ask(cli: Cli, options: WhyOptions, request: WhyRequest): Promise<WhyAnswer> {
  const [{ adminClient }, { loadPartialOrFail }] = await Promise.all([
    import('../../admin/client.ts'),
    import('../setup.ts'),
  ]);
  const partial = await loadPartialOrFail(cli, options);
  try {
    return (await adminClient(partial).why(request)) as WhyAnswer;
  } catch (error) {
    if (!isPodiodError(error) || error.code !== 'ADMIN_UNREACHABLE') throw error;
  }
  const [{ loadConfigOrFail }, { openReader }, { parseItemName, whyOffline }] = await Promise.all([
    import('../setup.ts'),
    import('../../store/index.ts'),
    import('../../daemon/index.ts'),
  ]);
  const { item, ...query } = request;
  const name = item === undefined ? undefined : parseItemName(item);
  const { resolveItem } = await import('../item.ts');
  const itemId = item === undefined ? undefined : await resolveItem(cli, options, item);
  // Its rules only: nothing is asked of anybody, so secrets that this shell lacks are made up.
  const { config } = await loadConfigOrFail(cli, { ...options, placeholders: true });
  const reader = openReader(partial.dataDir);
  try {
    return await whyOffline(config, reader, {
      ...query,
      ...(itemId !== undefined && { itemId }),
      ...(name && 'app' in name && { app: name.app }),
    });
  } finally {
    await reader.close();
  }
}
