import type { Command } from 'commander';
import type { DropAnswer, RetryAnswer } from '../../admin/admin.ts';
import type { AdminClient } from '../../admin/client.ts';
import { leftOf } from '../../admin/status.ts';
import { UsageError } from '../../core/errors.ts';
import type { LeftRule } from '../../core/left.ts';
import type { ParkedRun } from '../../core/run.ts';
import { nearest } from '../../core/suggest.ts';
import type { ParkedSelection } from '../../store/contract.ts';
import { chunksOf } from '../chunks.ts';
import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import { EXIT } from '../exit.ts';
import type { Cli, CommonOptions } from '../io.ts';

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
      'Lists the runs of the running daemon that wait for a person, oldest first, with why they gave up; then rules that are no longer in the config, with what waits of them. Nothing is lost meanwhile.',
    )
    .option('--rule <name>', 'of this rule only')
    .usage('[options] [retry | drop]')
    .argument('[verb]')
    .action(async (verb: string | undefined, options: SelectOptions) => {
      if (verb !== undefined)
        throw new UsageError(
          `unknown command parked ${verb}`,
          `${meant(verb)}podiod parked retry runs them again, podiod parked drop gives them up.`,
        );
      const [{ showGone, showParked }, { makeKnown }] = await Promise.all([
        import('../show/parked.ts'),
        import('../known.ts'),
      ]);
      const client = await clientOf(cli, options);
      const runs = await allParked(client, options.rule);
      const gone = await allLeft(client, options.rule);
      if (options.json) return cli.printJson({ parked: runs, gone });
      if (runs.length + gone.length === 0) return cli.print('Nothing is parked.');
      const known = makeKnown({ settings: { list: async () => new Map() } }, client);
      for await (const chunk of chunksOf(runs, 500)) {
        await known.look(chunk.map(({ event }) => event));
        for (const run of chunk) for (const line of showParked(cli, run, known)) cli.print(line);
      }
      for (const rule of gone) for (const line of showGone(cli, rule)) cli.print(line);
    });
  defineVerb(context, parked, {
    name: 'retry',
    summary: 'runs them again, from the step that failed',
    done: 'will run again',
    act: async (client, selection) => ({ ...(await client.retryParked(selection)), waiting: 0, passed: 0 }),
  });
  defineVerb(context, parked, {
    name: 'drop',
    summary: 'gives them up for good',
    done: 'dropped',
    act: async (client, selection) => ({ ...(await client.dropParked(selection)), missing: [] }),
  });
  withExamples(parked, [
    ['podiod parked', 'which, and why?'],
    ['podiod parked --rule won-leads --json', 'for scripts'],
    ['podiod parked retry 17 18', 'these two again'],
    ['podiod parked retry --rule won-leads', 'all of a rule, when its trouble is over'],
    ['podiod parked drop --all', 'no more of it'],
    [
      'podiod parked drop --rule old-tasks',
      'of a rule that is no longer in the config: also what waits for it',
    ],
  ]);
}

/** Of a verb with a typo. */
function meant(word: string): string {
  const near = nearest(word, ['retry', 'drop']);
  return near === undefined ? '' : `Did you mean \`${near}\`?\n`;
}

interface Verb {
  readonly name: 'retry' | 'drop';
  readonly summary: string;
  readonly done: string;
  act(client: AdminClient, selection: ParkedSelection): Promise<RetryAnswer & DropAnswer>;
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
      const answer = await act(await clientOf(cli, options), selection);
      const { ids: taken, missing, waiting, passed } = answer;
      const runs = taken.length + waiting;
      if (options.json)
        cli.printJson(name === 'retry' ? { ids: taken, missing } : { ids: taken, waiting, passed });
      else cli.print(`${runs} ${runs === 1 ? 'run' : 'runs'} ${done}.`);
      if (passed > 0)
        cli.note(
          `podiod: ${options.rule} had not come to ${passed} ${passed === 1 ? 'event' : 'events'}, and never will`,
        );
      const left = ids.filter(id => !taken.includes(id));
      const troubles = [
        ...missing.map(rule => `the running daemon has no rule ${rule}; what is parked of it stays so`),
        ...(left.length > 0
          ? [`${missing.length > 0 ? 'not taken' : 'not parked'}: ${left.join(', ')}`]
          : []),
        // Asked for as a whole, a halted rule goes on, whether anything of it is parked or not.
        ...(name === 'drop' && options.rule !== undefined && runs + passed === 0
          ? [`nothing of the rule ${options.rule} is parked`]
          : []),
      ];
      for (const trouble of troubles) cli.note(`podiod: ${trouble}`);
      if (troubles.length > 0) exit(EXIT.failed);
    });
  withExamples(
    command,
    [
      [`podiod parked ${name} 17 18`, 'by the ids that podiod parked lists'],
      [`podiod parked ${name} --rule won-leads`, 'all of a rule'],
      [`podiod parked ${name} --all`, 'all there are'],
    ],
    'Exit codes: 0, or 1 when an id is not parked, or a rule is not there.',
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

/** Rules that are gone, of which something waits that is not parked. */
async function allLeft(client: AdminClient, rule: string | undefined): Promise<readonly LeftRule[]> {
  const left = (await client.rules()).filter(({ state }) => state === 'gone').map(leftOf);
  return left.filter(
    one => (rule === undefined || one.rule === rule) && one.begun + one.gathered + one.behind > 0,
  );
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
