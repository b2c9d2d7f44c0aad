import { createInterface } from 'node:readline/promises';
import type { AdminClient } from '../../admin/client.ts';
import type { Config } from '../../config/model.ts';
import { UsageError } from '../../core/errors.ts';
import type { ReconcileAnswer } from '../../daemon/reconcile.ts';
import type { ApplyOptions, HookPlan } from '../../reconcile/index.ts';
import { type CommandContext, withCommonOptions } from '../command.ts';
import { EXIT } from '../exit.ts';
import type { Cli, CommonOptions } from '../io.ts';

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
  plan(): Promise<HookPlan>;
  apply(): Promise<ReconcileAnswer>;
}

export function defineApply({ program, cli, exit }: CommandContext): void {
  withCommonOptions(program.command('apply'), { json: 'the plan and what became of it as one JSON document' })
    .summary('makes the hooks at Podio what the rules need')
    .description(
      'Shows the plan, asks, carries it out and waits until every hook is active: through the running daemon where there is\none, else with an ingress of its own.',
    )
    .option('-y, --yes', 'do not ask')
    .option('--prune', 'also delete hooks of podiod whose key nobody knows any more')
    .option('--move', 'also delete hooks with a valid key under another public URL')
    .option('--allow-deletes', 'also carry out deletions beyond reconcile.maxDelete')
    .addHelpText(
      'after',
      '\nExamples:\n  podiod apply\n  podiod apply --yes --prune\n\nExit codes: 0 every hook is active, 1 one is not.',
    )
    .action(
      async ({ yes, prune = false, move = false, allowDeletes = false, ...options }: ApplyCommandOptions) => {
        const interactive = cli.terminal && Boolean(cli.io.stdin.isTTY) && !options.json;
        if (!yes && !interactive) {
          throw new UsageError(
            'apply asks before it changes anything, and there is no terminal',
            'Say --yes.',
          );
        }
        const [{ loadConfigOrFail, makeCommandLog }, { isChange, renderPlan }, { namesOf }] =
          await Promise.all([
            import('../setup.ts'),
            import('../../reconcile/index.ts'),
            import('../names.ts'),
          ]);
        const { config, secrets } = await loadConfigOrFail(cli, options);
        const log = makeCommandLog(cli, options, secrets, 'error');
        const flags = { prune, move, allowDeletes };
        await using way =
          (await throughDaemon(cli, config, flags)) ?? (await byItself(cli, config, flags, log));

        const plan = await way.plan();
        if (!options.json) {
          cli.note(way.where);
          cli.print(renderPlan(plan, { width: cli.width, colours: cli.colors, nameOf: namesOf(config) }));
        }
        const blind = plan.failed.length + plan.unresolved.length > 0;
        const todo = plan.actions.filter(action => isChange(action) && !action.refused).length;
        if (todo > 0 && !yes && !(await confirmed(cli))) {
          cli.note('Nothing was changed.');
          return exit(EXIT.failed);
        }
        const answer = todo > 0 ? await way.apply() : { plan, results: [] };
        const bad = answer.results.filter(({ outcome }) => outcome !== 'done');
        if (options.json) cli.printJson(answer);
        else if (todo > 0) {
          for (const { ref, type, error } of bad) {
            cli.print(
              cli.style(
                'red',
                `${ref.type}/${ref.id} ${type}: ${error ?? 'skipped, since what came before it failed'}`,
              ),
            );
          }
          cli.print(
            bad.length === 0
              ? cli.style('green', `Done: ${todo} carried out, every hook is active.`)
              : `${bad.length} of ${todo} failed.`,
          );
        }
        if (bad.length > 0 || blind) exit(EXIT.failed);
      },
    );
}

async function confirmed(cli: Cli): Promise<boolean> {
  const lines = createInterface({ input: cli.io.stdin, output: cli.io.stdout });
  try {
    return /^y(es)?$/i.test((await lines.question('\nCarry this out? Only "yes" is taken for one: ')).trim());
  } finally {
    lines.close();
  }
}

/** Undefined when no daemon answers. */
async function throughDaemon(cli: Cli, config: Config, flags: ApplyOptions): Promise<Way | undefined> {
  const { adminClient } = await import('../../admin/client.ts');
  const client = adminClient(config);
  try {
    await client.readiness();
  } catch {
    return undefined;
  }
  return {
    where: 'A daemon runs on this dataDir: the plan is its own, by the config that it was started with.',
    plan: async () => ((await client.reconcile({ ...flags, dryRun: true })) as ReconcileAnswer).plan,
    async apply() {
      using _shown = showProgress(cli, client);
      return (await client.reconcile(flags)) as ReconcileAnswer;
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** The daemon's hooks as they become active, for as long as somebody waits for them at a terminal. */
function showProgress(cli: Cli, client: AdminClient): Disposable {
  if (!cli.io.stderr.isTTY) return { [Symbol.dispose]() {} };
  const timer = setInterval(async () => {
    const hooks = await client.hooks().catch(() => []);
    const ours = hooks.filter(({ owner }) => owner === 'ours');
    const active = ours.filter(({ status }) => status === 'active').length;
    cli.io.stderr.write(`\r  ${active} of ${ours.length} hooks active \u001b[K`);
  }, 500);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      cli.io.stderr.write('\r\u001b[K');
    },
  };
}

async function byItself(
  cli: Cli,
  config: Config,
  flags: ApplyOptions,
  log: import('../../log/log.ts').RootLog,
): Promise<Way> {
  const { openHooks, reconcile } = await import('../../daemon/index.ts');
  const hooks = await openHooks(config, { log });
  const { reconciler } = hooks;
  return {
    where: `No daemon runs on this dataDir: taking Podio's pings on ${config.server.host}:${hooks.ingress.port}.`,
    plan: () => reconciler.plan(flags),
    apply: () =>
      reconcile(
        {
          plan: reconciler.plan,
          now: options =>
            reconciler.now({
              ...options,
              onProgress({ action: { action, ref, type }, state }) {
                if (cli.io.stderr.isTTY)
                  cli.note(`  ${ref.type}/${ref.id} ${type}: ${state === 'started' ? action : state}`);
              },
            }),
        },
        { ...flags, dryRun: false } as Parameters<typeof reconcile>[1],
      ),
    [Symbol.asyncDispose]: () => hooks[Symbol.asyncDispose](),
  };
}
