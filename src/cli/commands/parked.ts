import type { AdminClient } from '../../admin/client.ts';
import { UsageError } from '../../core/errors.ts';
import type { ParkedRun } from '../../core/run.ts';
import type { ParkedSelection } from '../../store/contract.ts';
import { type CommandContext, withCommonOptions } from '../command.ts';
import { EXIT } from '../exit.ts';
import { type Cli, type CommonOptions, clip, plain } from '../io.ts';

interface SelectOptions extends CommonOptions {
  readonly rule?: string;
  readonly all?: boolean;
}

export function defineParked({ program, cli, exit }: CommandContext): void {
  const parked = withCommonOptions(program.command('parked'), {
    json: 'the parked runs as one JSON document',
  })
    .summary('runs that gave up: list, retry, drop')
    .description('Lists the runs that wait for a person, oldest first, with why they gave up.')
    .option('--rule <name>', 'of this rule only')
    .addHelpText(
      'after',
      '\nExamples:\n  podiod parked\n  podiod parked --rule won-leads --json\n  podiod parked retry 17 18\n  podiod parked retry --rule won-leads\n  podiod parked drop --all',
    )
    .action(async (options: SelectOptions) => {
      const runs = await allParked(await clientOf(cli, options), options.rule);
      if (options.json) cli.printJson({ parked: runs });
      else if (runs.length === 0) cli.print('Nothing is parked.');
      else for (const run of runs) for (const line of show(cli, run)) cli.print(line);
    });

  const defineVerb = (
    verb: 'retry' | 'drop',
    summary: string,
    done: string,
    act: (client: AdminClient, selection: ParkedSelection) => Promise<readonly string[]>,
  ) => {
    withCommonOptions(parked.command(`${verb} [ids...]`), { json: 'the ids taken as one JSON document' })
      .summary(summary)
      .description(`${summary}. Say which: ids, --rule or --all.`)
      .option('--rule <name>', 'all of this rule')
      .option('--all', 'all of them')
      .addHelpText(
        'after',
        `\nExamples:\n  podiod parked ${verb} 17 18\n  podiod parked ${verb} --rule won-leads\n  podiod parked ${verb} --all`,
      )
      .action(async (ids: string[], _own: SelectOptions, command: { optsWithGlobals(): SelectOptions }) => {
        const options = command.optsWithGlobals();
        const selection = selectionOf(verb, ids, options);
        const taken = await act(await clientOf(cli, options), selection);
        if (options.json) cli.printJson({ ids: taken });
        else cli.print(`${taken.length} ${taken.length === 1 ? 'run' : 'runs'} ${done}.`);
        const missing = ids.filter(id => !taken.includes(id));
        if (missing.length > 0) {
          cli.note(`podiod: not parked: ${missing.join(', ')}`);
          exit(EXIT.failed);
        }
      });
  };
  defineVerb('retry', 'runs them again from the step that failed', 'will run again', (client, selection) =>
    client.retryParked(selection),
  );
  defineVerb('drop', 'gives them up for good', 'dropped', (client, selection) =>
    client.dropParked(selection),
  );
}

async function clientOf(cli: Cli, options: CommonOptions): Promise<AdminClient> {
  const [{ loadPartialOrFail }, { adminClient }] = await Promise.all([
    import('../setup.ts'),
    import('../../admin/client.ts'),
  ]);
  return adminClient(await loadPartialOrFail(cli, options));
}

function selectionOf(verb: string, ids: readonly string[], { rule, all }: SelectOptions): ParkedSelection {
  if (Number(ids.length > 0) + Number(rule !== undefined) + Number(Boolean(all)) !== 1) {
    throw new UsageError(
      `parked ${verb} wants ids, --rule or --all, one of them`,
      'podiod parked lists the ids.',
    );
  }
  if (ids.length > 0) return { ids };
  return rule === undefined ? { all: true } : { rule };
}

/** Page by page: there may be more than one answer should hold. */
async function allParked(client: AdminClient, rule: string | undefined): Promise<readonly ParkedRun[]> {
  const runs: ParkedRun[] = [];
  for (;;) {
    const after = runs.at(-1)?.id;
    const page = await client.parked({
      ...(rule !== undefined && { rule }),
      ...(after !== undefined && { after }),
    });
    if (page.length === 0) return runs;
    runs.push(...page);
  }
}

function show(cli: Cli, { id, rule, event, step, attempts, error, parkedAt }: ParkedRun): string[] {
  const about = event.itemId === undefined ? event.type : `${event.type} item ${event.itemId}`;
  const tries = `${attempts} ${attempts === 1 ? 'try' : 'tries'}`;
  return [
    clip(`${cli.style('bold', id)}  ${rule}  ${about}  ${cli.style('gray', parkedAt)}`, cli.width + 20),
    `    ${clip(`at ${step} after ${tries}: ${plain(error)}`, cli.width - 4)}`,
  ];
}
