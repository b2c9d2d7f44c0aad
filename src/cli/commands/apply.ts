import { UsageError } from '../../core/errors.ts';
import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import { confirmed, unasked } from '../confirm.ts';
import { EXIT } from '../exit.ts';
import type { CommonOptions } from '../io.ts';

interface ApplyCommandOptions extends CommonOptions {
  readonly yes?: boolean;
  readonly prune?: boolean;
  readonly move?: boolean;
  readonly allowDeletes?: boolean;
}

export function defineApply({ program, cli, exit }: CommandContext): void {
  const command = withCommonOptions(program.command('apply'), {
    json: 'the plan and what became of it as one JSON document (with --yes)',
  })
    .summary('makes the hooks at Podio what the rules need')
    .description(
      'Shows the plan, asks, carries it out and waits until every hook is active: through the running daemon where there is one, else with an ingress of its own.',
    )
    .option('-y, --yes', 'do not ask')
    .option('--prune', 'also delete hooks of podiod whose key nobody knows any more')
    .option('--move', 'also delete hooks with a valid key under another public URL')
    .option('--allow-deletes', 'also carry out deletions beyond reconcile.maxDelete')
    .action(
      async ({ yes, prune = false, move = false, allowDeletes = false, ...options }: ApplyCommandOptions) => {
        const interactive = cli.terminal && Boolean(cli.io.stdin.isTTY) && !options.json;
        if (!yes && !interactive) {
          throw new UsageError(
            `apply asks before it changes anything, and ${unasked(options)}`,
            'Say --yes.',
          );
        }
        const [
          { loadConfigOrFail, makeCommandLog },
          { hookPlanToJson, isChange, renderPlan },
          { byItself, throughDaemon },
          { plain },
        ] = await Promise.all([
          import('../setup.ts'),
          import('../../reconcile/index.ts'),
          import('../ways.ts'),
          import('../text.ts'),
        ]);
        const { config, secrets } = await loadConfigOrFail(cli, options);
        const log = makeCommandLog(cli, options, secrets, 'error');
        const flags = { prune, move, allowDeletes };
        await using way =
          (await throughDaemon(cli, config, flags, log)) ?? (await byItself(cli, config, flags, log));

        const plan = await way.plan();
        if (!options.json) {
          cli.note(way.where);
          cli.print(renderPlan(plan, { width: cli.width, colours: cli.colors, nameOf: way.nameOf }));
        }
        const todo = plan.actions.filter(action => isChange(action) && !action.refused).length;
        if (todo > 0 && !yes && !(await confirmed(cli, 'Carry this out?'))) {
          cli.note('Nothing was changed.');
          return exit(EXIT.failed);
        }
        const answer = todo > 0 ? await way.apply(yes ? undefined : plan) : { plan, results: [] };
        const bad = answer.results.filter(({ outcome }) => outcome !== 'done');
        if (options.json) {
          cli.printJson({ ...hookPlanToJson(answer.plan), results: answer.results });
        } else if (todo > 0) {
          for (const { ref, type, error } of bad) {
            const place = way.nameOf(ref) ?? `${ref.type}/${ref.id}`;
            const why = error === null ? 'skipped, since what came before it failed' : plain(error);
            cli.print(cli.style('red', `${place} ${type}: ${why}`));
          }
          cli.print(
            bad.length === 0
              ? cli.style('green', `Done: ${answer.results.length} carried out, every hook is active.`)
              : cli.style('red', `${bad.length} of ${answer.results.length} failed.`),
          );
        }
        const blind = plan.failed.length + plan.unresolved.length > 0;
        if (bad.length > 0 || blind) exit(EXIT.failed);
      },
    );
  withExamples(
    command,
    [
      ['podiod apply', 'shows, asks, does'],
      ['podiod apply --yes', 'where nobody can be asked'],
      ['podiod apply --yes --json | jq .results', 'for scripts'],
      ['podiod apply --prune', 'after the secret was lost'],
    ],
    'Exit codes: 0 every hook is active, 1 one is not, or the answer was no.',
  );
}
