import type { AdminClient } from '../../admin/client.ts';
import type { Config } from '../../config/model.ts';
import { UsageError } from '../../core/errors.ts';
import type { HookRef } from '../../core/hook.ts';
import type { ReconcileAnswer } from '../../daemon/reconcile.ts';
import type { RootLog } from '../../log/log.ts';
import type { ApplyOptions, HookPlan } from '../../reconcile/index.ts';
import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import { confirmed } from '../confirm.ts';
import { EXIT } from '../exit.ts';
import type { Cli, CommonOptions } from '../io.ts';
import { statusLine } from '../progress.ts';
import { plain } from '../text.ts';

interface ApplyCommandOptions extends CommonOptions {
  readonly yes?: boolean;
  readonly prune?: boolean;
  readonly move?: boolean;
  readonly allowDeletes?: boolean;
}

/** Where a plan is made and carried out: in the running daemon, or here. */
interface Way extends AsyncDisposable {
  /** For people. */
  readonly where: string;
  readonly nameOf: (ref: HookRef) => string | undefined;
  plan(): Promise<HookPlan>;
  apply(): Promise<ReconcileAnswer>;
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
            'apply asks before it changes anything, and there is no terminal to ask on',
            'Say --yes.',
          );
        }
        const [{ loadConfigOrFail, makeCommandLog }, { isChange, planToJson, renderPlan }] =
          await Promise.all([import('../setup.ts'), import('../../reconcile/index.ts')]);
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
        const answer = todo > 0 ? await way.apply() : { plan, results: [] };
        const bad = answer.results.filter(({ outcome }) => outcome !== 'done');
        if (options.json) {
          cli.printJson({ ...planToJson(answer.plan.actions), results: answer.results });
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

/** Undefined when no daemon answers. */
async function throughDaemon(
  cli: Cli,
  config: Config,
  flags: Required<ApplyOptions>,
  log: RootLog,
): Promise<Way | undefined> {
  const { adminClient } = await import('../../admin/client.ts');
  const client = adminClient(config);
  try {
    await client.readiness();
  } catch {
    return undefined;
  }
  const [{ connectForReading }, { namesOf }] = await Promise.all([
    import('../../daemon/index.ts'),
    import('../names.ts'),
  ]);
  const { fields } = await connectForReading(config, { log });
  return {
    where: 'A daemon runs on this dataDir: the plan is its own, by the config that it was started with.',
    nameOf: namesOf(config, fields),
    plan: async () => ((await client.reconcile({ ...flags, dryRun: true })) as ReconcileAnswer).plan,
    async apply() {
      using _shown = watchHooks(cli, client);
      return (await client.reconcile(flags)) as ReconcileAnswer;
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** The daemon's hooks as they become active, for as long as somebody waits for them at a terminal. */
function watchHooks(cli: Cli, client: AdminClient): Disposable {
  const line = statusLine(cli.io.stderr);
  line.show('  waiting for Podio ...');
  const timer = setInterval(async () => {
    const hooks = await client.hooks().catch(() => []);
    const ours = hooks.filter(({ owner }) => owner === 'ours');
    const active = ours.filter(({ status }) => status === 'active').length;
    line.show(`  ${active} of ${ours.length} hooks active`);
  }, 500);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      line[Symbol.dispose]();
    },
  };
}

async function byItself(cli: Cli, config: Config, flags: Required<ApplyOptions>, log: RootLog): Promise<Way> {
  const [{ openHooks, reconcile }, { namesOf }] = await Promise.all([
    import('../../daemon/index.ts'),
    import('../names.ts'),
  ]);
  const hooks = await openHooks(config, { log });
  const { reconciler } = hooks;
  const nameOf = namesOf(config, hooks.fields);
  return {
    where: `No daemon runs on this dataDir: taking Podio's pings on ${hooks.ingress.host}:${hooks.ingress.port}.`,
    nameOf,
    plan: () => reconciler.plan(flags),
    async apply() {
      using line = statusLine(cli.io.stderr);
      let ended = 0;
      const now: typeof reconciler.now = options =>
        reconciler.now({
          ...options,
          onProgress({ action: { ref, type }, state }) {
            if (state !== 'started' && state !== 'waiting') ended += 1;
            const place = nameOf(ref) ?? `${ref.type}/${ref.id}`;
            line.show(`  ${ended} ended; ${place} ${type}: ${state}`);
          },
        });
      return await reconcile({ plan: reconciler.plan, now }, { ...flags, dryRun: false });
    },
    [Symbol.asyncDispose]: () => hooks[Symbol.asyncDispose](),
  };
}
