import { type AdminClient, adminClient } from '../admin/client.ts';
import type { Config } from '../config/model.ts';
import type { HookRef } from '../core/hook.ts';
import { connectForReading, openHooks, reconcile } from '../daemon/index.ts';
import type { ReconcileAnswer } from '../daemon/reconcile.ts';
import type { RootLog } from '../log/log.ts';
import { type ApplyOptions, fingerprintOf, type HookPlan } from '../reconcile/index.ts';
import type { Cli } from './io.ts';
import { namesOf } from './names.ts';
import { statusLine } from './progress.ts';
import { noteLogins } from './setup.ts';

/** Where a plan is made and carried out: in the running daemon, or here. */
export interface Way extends AsyncDisposable {
  /** For people. */
  readonly where: string;
  readonly nameOf: (ref: HookRef) => string | undefined;
  plan(): Promise<HookPlan>;
  /** Rejects with HOOK_PLAN_CHANGED where a plan was agreed to, and another would be carried out. */
  apply(agreed?: HookPlan): Promise<ReconcileAnswer>;
}

const expecting = (agreed: HookPlan | undefined) => agreed && { expect: fingerprintOf(agreed.actions) };

/** Undefined when no daemon answers. */
export async function throughDaemon(
  cli: Cli,
  config: Config,
  flags: Required<ApplyOptions>,
  log: RootLog,
): Promise<Way | undefined> {
  const client = adminClient(config);
  try {
    await client.readiness();
  } catch {
    return undefined;
  }
  const { fields } = await connectForReading(config, { log });
  return {
    where: 'A daemon runs on this dataDir: the plan is its own, by the config that it was started with.',
    nameOf: namesOf(config, fields),
    plan: async () => ((await client.reconcile({ ...flags, dryRun: true })) as ReconcileAnswer).plan,
    async apply(agreed) {
      using _shown = watchHooks(cli, client);
      return (await client.reconcile({ ...flags, ...expecting(agreed) })) as ReconcileAnswer;
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

export async function byItself(
  cli: Cli,
  config: Config,
  flags: Required<ApplyOptions>,
  log: RootLog,
): Promise<Way> {
  const hooks = await openHooks(config, { log });
  const { reconciler } = hooks;
  noteLogins(cli, config, hooks.loginsTakeMs);
  const nameOf = namesOf(config, hooks.fields);
  return {
    where: `No daemon runs on this dataDir: taking Podio's pings on ${hooks.ingress.host}:${hooks.ingress.port}.`,
    nameOf,
    plan: () => reconciler.plan(flags),
    async apply(agreed) {
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
      return await reconcile(
        { plan: reconciler.plan, now },
        {
          ...flags,
          ...expecting(agreed),
          dryRun: false,
        },
      );
    },
    [Symbol.asyncDispose]: () => hooks[Symbol.asyncDispose](),
  };
}
