import type { Command } from 'commander';
import type { AdminClient } from '../../admin/client.ts';
import { UsageError } from '../../core/errors.ts';
import type { ParkedRun } from '../../core/run.ts';
import type { ParkedSelection } from '../../store/contract.ts';
import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import { EXIT } from '../exit.ts';
import type { Cli, CommonOptions } from '../io.ts';
import { clip, plain } from '../text.ts';

interface SelectOptions extends CommonOptions {
  readonly rule?: string;
  readonly all?: boolean;
}

export function defineParked(context: CommandContext): void {
  const { program, cli } = context;
  const parked = withCommonOptions(program.command('parked'), {
    json: 'the parked runs as one JSON document',
  })
    .summary('runs that gave up: list, retry, drop')
    .description(
      'Lists the runs of the running daemon that wait for a person, oldest first, with why they gave up. Nothing is lost meanwhile.',
    )
    .option('--rule <name>', 'of this rule only')
    .usage('[options] [retry | drop]')
    .argument('[verb]')
    .action(async (verb: string | undefined, options: SelectOptions) => {
      if (verb !== undefined)
        throw new UsageError(`unknown command parked ${verb}`, 'It has retry and drop.');
      const runs = await allParked(await clientOf(cli, options), options.rule);
      if (options.json) cli.printJson({ parked: runs });
      else if (runs.length === 0) cli.print('Nothing is parked.');
      else for (const run of runs) for (const line of show(cli, run)) cli.print(line);
    });
  defineVerb(context, parked, {
    name: 'retry',
    summary: 'runs them again, from the step that failed',
    done: 'will run again',
    act: (client, selection) => client.retryParked(selection),
  });
  defineVerb(context, parked, {
    name: 'drop',
    summary: 'gives them up for good',
    done: 'dropped',
    act: (client, selection) => client.dropParked(selection),
  });
  withExamples(parked, [
    ['podiod parked', 'which, and why?'],
    ['podiod parked --rule won-leads --json', 'for scripts'],
    ['podiod parked retry 17 18', 'these two again'],
    ['podiod parked retry --rule won-leads', 'all of a rule, when its trouble is over'],
    ['podiod parked drop --all', 'no more of it'],
  ]);
}

interface Verb {
  readonly name: 'retry' | 'drop';
  readonly summary: string;
  readonly done: string;
  /** Answers the ids taken. */
  act(client: AdminClient, selection: ParkedSelection): Promise<readonly string[]>;
}

function defineVerb(
  { cli, exit }: CommandContext,
  parked: Command,
  { name, summary, done, act }: Verb,
): void {
  const command = withCommonOptions(parked.command(`${name} [ids...]`), {
    json: 'the ids taken as one JSON document',
  })
    .summary(summary)
    .description(`Parked runs: ${summary}. Say which: ids, --rule or --all.`)
    .option('--rule <name>', 'all of this rule')
    .option('--all', 'all of them')
    .action(async (ids: string[], options: SelectOptions) => {
      const selection = selectionOf(name, ids, options);
      const taken = await act(await clientOf(cli, options), selection);
      if (options.json) cli.printJson({ ids: taken });
      else cli.print(`${taken.length} ${taken.length === 1 ? 'run' : 'runs'} ${done}.`);
      const missing = ids.filter(id => !taken.includes(id));
      if (missing.length > 0) {
        cli.note(`podiod: not parked: ${missing.join(', ')}`);
        exit(EXIT.failed);
      }
    });
  withExamples(
    command,
    [
      [`podiod parked ${name} 17 18`, 'by the ids that podiod parked lists'],
      [`podiod parked ${name} --rule won-leads`, 'all of a rule'],
      [`podiod parked ${name} --all`, 'all there are'],
    ],
    'Exit codes: 0, or 1 when an id is not parked.',
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
  const room = cli.terminal ? Math.max(cli.width, 30) : Infinity;
  const about = event.itemId === undefined ? event.type : `${event.type} item ${event.itemId}`;
  const tries = `${attempts} ${attempts === 1 ? 'try' : 'tries'}`;
  return [
    `${cli.style('bold', id)}  ${clip(`${rule}  ${plain(about)}  ${parkedAt}`, room - id.length - 2)}`,
    `    ${clip(`at ${step} after ${tries}: ${plain(error)}`, room - 4)}`,
  ];
}
