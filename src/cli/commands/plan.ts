import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import { EXIT } from '../exit.ts';
import type { CommonOptions } from '../io.ts';

interface PlanOptions extends CommonOptions {
  readonly all?: boolean;
  readonly detailedExitcode?: boolean;
  readonly prune?: boolean;
  readonly move?: boolean;
  readonly allowDeletes?: boolean;
}

/** terraform's: 2 tells that there is something to do. Only with --detailed-exitcode. */
const NOT_EMPTY = 2;

export function definePlan({ program, cli, exit }: CommandContext): void {
  const command = withCommonOptions(program.command('plan'), { json: 'the plan as one JSON document' })
    .summary('what would change at Podio, and why; changes nothing')
    .description(
      'Compares the hooks that the rules need with those that exist at Podio, and shows what `apply` (and a running daemon) would create, verify, replace, delete or leave alone. Reads only, at Podio and here; the tokens of its logins are kept in dataDir for the next command.',
    )
    .option('--all', 'also the hooks that stay as they are, where they are many')
    .option('--detailed-exitcode', 'exit with 2 when the plan is not empty')
    .option('--prune', 'plan to delete hooks of podiod whose key nobody knows any more')
    .option('--move', 'plan to delete hooks with a valid key under another public URL')
    .option('--allow-deletes', 'plan deletions beyond reconcile.maxDelete')
    .action(
      async ({
        all = false,
        detailedExitcode,
        prune = false,
        move = false,
        allowDeletes = false,
        ...options
      }: PlanOptions) => {
        const [
          { loadConfigOrFail, makeCommandLog, noteLogins },
          { openHooksForReading },
          { isChange, hookPlanToJson, renderPlan },
          { namesOf },
        ] = await Promise.all([
          import('../setup.ts'),
          import('../../daemon/index.ts'),
          import('../../reconcile/index.ts'),
          import('../names.ts'),
        ]);
        const { config, secrets } = await loadConfigOrFail(cli, options);
        const log = makeCommandLog(cli, options, secrets, 'error');
        await using hooks = await openHooksForReading(config, { log });
        noteLogins(cli, config, hooks.loginsTakeMs);
        const plan = await hooks.reconciler.plan({ prune, move, allowDeletes });
        const nameOf = namesOf(config, hooks.fields);
        if (options.json) {
          cli.printJson(hookPlanToJson(plan));
        } else {
          cli.print(renderPlan(plan, { width: cli.width, colours: cli.colors, all, nameOf }));
        }
        if (plan.failed.length + plan.unresolved.length > 0) exit(EXIT.failed);
        else if (detailedExitcode && plan.actions.some(isChange)) exit(NOT_EMPTY);
      },
    );
  withExamples(
    command,
    [
      ['podiod plan', 'with the config that is found here'],
      ['podiod plan --detailed-exitcode || echo "something to do"', 'for scripts'],
      ['podiod plan --json | jq .summary', 'how many of each kind'],
    ],
    'Exit codes: 0, or 1 when something could not be looked at;\nwith --detailed-exitcode 2 when the plan is not empty.',
  );
}
