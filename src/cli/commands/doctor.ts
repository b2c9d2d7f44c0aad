import type { AdminClient } from '../../admin/client.ts';
import type { Config } from '../../config/model.ts';
import { coerceError } from '../../core/errors.ts';
import type { HookRef } from '../../core/hook.ts';
import type { ListeningHooks, OfflineHooks } from '../../daemon/index.ts';
import type { RootLog } from '../../log/log.ts';
import type { HandshakeAnswer, HookPlace } from '../../reconcile/index.ts';
import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import { type Finding, fail, failure, ok, type Tell, warn } from '../doctor/findings.ts';
import { EXIT } from '../exit.ts';
import type { Cli, CommonOptions } from '../io.ts';

interface DoctorOptions extends CommonOptions {
  readonly handshake: boolean;
  readonly everyHook?: boolean;
  readonly all?: boolean;
}

export function defineDoctor({ program, cli, exit }: CommandContext): void {
  const command = withCommonOptions(program.command('doctor'), { json: 'the findings as one JSON document' })
    .summary('finds out what is wrong')
    .description(
      'Looks at everything that podiod needs: config, files, disk, database, the daemon, its public address, clocks, logins and hooks. Then asks Podio to verify a hook again and waits for the ping, which goes the whole way there and back and touches no data. Works beside a running daemon and without one.',
    )
    .option('--no-handshake', 'ask for no ping')
    .option('--all', 'also what is well, one by one, where it is much')
    .option('--every-hook', 'ask for the ping of every hook, not of one')
    .action(async (options: DoctorOptions) => {
      const { countOf, makeScreen } = await import('../doctor/findings.ts');
      const screen = makeScreen(cli, options.all ?? false);
      const findings: Finding[] = [];
      await examine(cli, options, finding => {
        findings.push(finding);
        if (!options.json) screen.show(finding);
      });
      if (!options.json) screen.end();
      const isWell = findings.every(({ verdict }) => verdict !== 'fail');
      if (options.json) cli.printJson({ ok: isWell, findings });
      else cli.print(`\n${countOf(findings)}`);
      if (!isWell) exit(EXIT.failed);
    });
  withExamples(
    command,
    [
      ['podiod doctor', 'what is wrong, and what to do?'],
      ['podiod doctor --every-hook', 'ping them all'],
      ['podiod doctor --json | jq \'.findings[] | select(.verdict != "ok")\'', 'for scripts'],
    ],
    'Exit codes: 0, or 1 when something fails. A warning is no failure.',
  );
}

async function examine(cli: Cli, options: DoctorOptions, tell: Tell): Promise<void> {
  const [
    { readConfig, loadPartialOrFail, makeCommandLog },
    { lookAtDaemon, lookAtData },
    { adminClient },
    { secretValues },
  ] = await Promise.all([
    import('../setup.ts'),
    import('../doctor/here.ts'),
    import('../../admin/client.ts'),
    import('../../config/secrets.ts'),
  ]);
  const { config, diagnostics, sources, openFiles = [] } = await readConfig(cli, options);
  const problems = diagnostics.filter(({ severity }) => severity === 'error').length;
  const warnings = diagnostics.length - problems;
  if (!config) {
    const count = problems === 1 ? 'one problem' : `${problems} problems`;
    const next = 'podiod check shows each with its place.';
    // Mostly all of them are of this kind, and their answer one.
    const missing = diagnostics.find(({ code }) => code === 'CONFIG_MISSING_VALUE');
    const why = missing && `${missing.message}: ${missing.hint}\n`;
    tell(fail('config', `it has ${count}`, `${why ?? ''}${next}`));
  } else if (warnings > 0) {
    const count = warnings === 1 ? 'one warning' : `${warnings} warnings`;
    tell(warn('config', `${config.file} is right, with ${count}`, 'podiod check shows each with its place.'));
  } else tell(ok('config', `${config.file} is right`));

  for (const { message, hint } of openFiles) tell(warn('config', message, hint ?? null));
  const partial = config ?? (await loadPartialOrFail(cli, options));
  const isUsable = await lookAtData(partial.dataDir, tell);
  if (!isUsable) {
    // The daemon is found by it, and hooks, tokens and secrets are known by it.
    const next = 'See to dataDir first (above), then run podiod doctor again.';
    return tell(warn('the rest', 'it is not looked at: that takes what dataDir holds', next));
  }
  const client = adminClient(partial);
  const daemon = await lookAtDaemon(client, tell);
  if (!config) return;
  const log = makeCommandLog(cli, options, secretValues(config, sources), 'error');
  await using hooks = await openAs(config, log, { listen: daemon === undefined && options.handshake, tell });
  if (!hooks) return;
  const listening = daemon !== undefined || 'handshake' in hooks;
  await askPodio({ cli, config, options, hooks, client: daemon && client, isListening: listening, tell });
}

/** Where no daemon runs podiod takes the ping itself; where it can't, it only looks. Undefined where it can't do that either. */
async function openAs(
  config: Config,
  log: RootLog,
  { listen, tell }: { listen: boolean; tell: Tell },
): Promise<OfflineHooks | ListeningHooks | undefined> {
  const [{ openHooks, openHooksForReading }, { isDataDirOurs }] = await Promise.all([
    import('../../daemon/index.ts'),
    import('../../store/files.ts'),
  ]);
  const { dataDir } = config;
  if (listen && !isDataDirOurs(dataDir)) {
    tell(
      warn(
        'ingress',
        `podiod does not listen: ${dataDir} is not there yet, and made by root it would be of no use to another user`,
        'Start podiod first, or say this as the user that it runs as.',
      ),
    );
  } else if (listen) {
    try {
      return await openHooks(config, { log });
    } catch (thrown) {
      const { message, hint } = failure('ingress', thrown);
      tell(fail('ingress', `podiod can't listen: ${message}`, hint));
    }
  }
  try {
    return await openHooksForReading(config, { log });
  } catch (thrown) {
    tell(failure('hooks', thrown));
    return undefined;
  }
}

interface Podio {
  readonly cli: Cli;
  readonly config: Config;
  readonly options: DoctorOptions;
  readonly hooks: OfflineHooks | ListeningHooks;
  /** Of the running daemon. */
  readonly client: AdminClient | undefined;
  readonly isListening: boolean;
  readonly tell: Tell;
}

async function askPodio({ cli, config, options, hooks, client, isListening, tell }: Podio): Promise<void> {
  const [{ lookAtClock, lookAtHooks }, { lookAtEvents }, { lookAtWay }, { namesOf }, { noteLogins }] =
    await Promise.all([
      import('../doctor/podio.ts'),
      import('../doctor/events.ts'),
      import('../doctor/way.ts'),
      import('../names.ts'),
      import('../setup.ts'),
    ]);
  await lookAtWay(config.server.publicUrl, isListening, tell, globalThis.fetch);
  const nameOf = namesOf(config, hooks.fields);
  noteLogins(cli, config, hooks.loginsTakeMs);
  const look = await lookAtHooks(hooks, nameOf, tell);
  if (look === undefined) return;
  const { podio } = hooks;
  lookAtClock(podio.outage().hasAnswered ? podio.clock.aheadMs() : undefined, tell);
  await lookAtEvents({ config, hooks, active: look.active, nameOf, tell, now: Date.now });

  const shake = client ? client.handshake : 'handshake' in hooks ? hooks.handshake : undefined;
  if (!options.handshake || shake === undefined) return;
  if (look.active.length === 0) {
    const { failed } = look.plan;
    tell(
      failed.length === 0
        ? warn('handshake', 'there is no active hook to ask for', 'podiod apply makes them.')
        : warn(
            'handshake',
            'none was asked for: no active hook is known, and not all could be looked at',
            'See to what could not be looked at (above), then run podiod doctor again.',
          ),
    );
    return;
  }
  for (const hook of options.everyHook ? look.active : look.active.slice(0, 1)) {
    await shakeOne(hook, shake, nameOf, tell);
  }
}

async function shakeOne(
  { ref, type, hookId }: HookPlace,
  shake: (hook: HookPlace) => Promise<HandshakeAnswer>,
  nameOf: (ref: HookRef) => string | undefined,
  tell: Tell,
): Promise<void> {
  const { hintOf } = await import('../doctor/podio.ts');
  const check = `handshake, ${nameOf(ref) ?? `${ref.type}/${ref.id}`} ${type}`;
  let answer: HandshakeAnswer;
  try {
    answer = await shake({ ref, type, hookId });
  } catch (thrown) {
    tell(fail(check, coerceError(thrown).message, null));
    return;
  }
  const { ok: came, ms, error, code } = answer;
  if (came) tell(ok(check, `Podio's ping came and was answered, in ${(ms / 1000).toFixed(1)} s`));
  // A limit says nothing of the hook, or of the way to it.
  else if (code === 'PODIO_RATE_LIMITED') tell(warn(check, error ?? code, hintOf(code)));
  else tell(fail(check, error ?? 'it did not come', code?.startsWith('PODIO_') ? hintOf(code) : ON_THE_WAY));
}

const ON_THE_WAY =
  'On the way are: DNS of server.publicUrl, its certificate, firewall, proxy (it must pass POST on, body and path as they are), podiod. The log of the proxy shows how far the ping came.';
