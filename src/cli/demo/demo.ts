import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../config/model.ts';
import type { PodioEvent } from '../../core/event.ts';
import type { RunRecord } from '../../core/run.ts';
import { showValues } from '../../core/values.ts';
import { type Daemon, startDaemon } from '../../daemon/index.ts';
import { version } from '../../daemon/package.ts';
import type { HookAction } from '../../reconcile/index.ts';
import { isChange, renderPlan } from '../../reconcile/index.ts';
import type { Cli, CommonOptions } from '../io.ts';
import { namesOf } from '../names.ts';
import { onSignals, onUncaught } from '../process.ts';
import { makeCommandLog } from '../setup.ts';
import { loadExample, localized } from './config.ts';
import { startEmulatedPodio } from './podio.ts';
import { makeScreen, type Screen } from './screen.ts';
import { startLocalSlack } from './slack.ts';

export interface DemoSettings {
  /** Ends after so many events; undefined: with Ctrl-C. */
  readonly limit: number | undefined;
  readonly everyMs: number;
  readonly seed: number;
}

/** People here do in an hour what would cost a real app its budget, and somebody may leave the demo on all day. */
const NO_LIMITS = { general: 1_000_000, limited: 1_000_000, logins: 1000 };

/** Much longer than anything takes here: only a fault makes it wait that long. */
const PATIENCE_MS = 60_000;

/** Answers whether everything went as it should. */
export async function runDemo(cli: Cli, options: CommonOptions, settings: DemoSettings): Promise<boolean> {
  await using ending = new AsyncDisposableStack();
  const screen = makeScreen(cli);
  const show = (lines: readonly string[]) => lines.forEach(line => void cli.print(line));
  const interrupted = Promise.withResolvers<'interrupted'>();
  onSignals(() => interrupted.resolve('interrupted'));

  const { config: example, secrets } = await loadExample(cli);
  const dataDir = await mkdtemp(join(tmpdir(), 'podiod-demo-'));
  ending.defer(() => rm(dataDir, { recursive: true, force: true }));
  const podio = await startEmulatedPodio(example, { seed: settings.seed, limits: NO_LIMITS });
  ending.defer(() => podio.stop());
  let slackLine = (_text: string): void => {};
  const slack = await startLocalSlack(text => slackLine(text));
  ending.defer(() => slack.stop());

  show(screen.heading('podiod demo'));
  show(
    screen.paragraph(
      'The example config against an emulated Podio, where people edit items. Nothing leaves this machine.',
    ),
  );

  const config = localized(example, { podioUrl: podio.url, slackUrl: slack.url, dataDir });
  const log = makeCommandLog(cli, options, secrets, 'error');
  const startedAt = performance.now();
  const daemon = await startDaemon(config, {
    log,
    version: version(),
    publicUrl: ({ host, port }) => `http://${host}:${port}${config.server.path}`,
    reconcile: 'asked',
  });
  ending.defer(async () => void (await daemon.stop()));
  onUncaught(daemon.attributeUncaught, log);

  const hooks = await makeHooks(cli, screen, daemon, config);
  if (hooks.failed > 0) return false;

  show(screen.heading(settings.limit === undefined ? 'Events (Ctrl-C ends)' : `Events (${settings.limit})`));
  const story = tellEvents(daemon, screen, show, settings.limit);
  slackLine = text => show(screen.slack(text));
  podio.startPeople(settings.everyMs);
  const patience = deadline(
    settings.limit === undefined ? undefined : PATIENCE_MS + settings.limit * settings.everyMs * 4,
  );
  const end = await Promise.race([story.enough, interrupted.promise, patience.late]);
  patience.cancel();

  // Everything that is in hand is finished before the summary counts it.
  await daemon.stop();
  const { events, runs } = story.counts();
  const seconds = (performance.now() - startedAt) / 1000;
  show(screen.summary({ events, runs, slackMessages: slack.messages.length, hooks: hooks.active, seconds }));
  return end !== 'late' && !runs.has('parked');
}

/** Shows the plan, carries it out, and shows each handshake. */
async function makeHooks(cli: Cli, screen: Screen, { reconciler }: Daemon, config: Config) {
  const nameOf = namesOf(config);
  const show = (lines: readonly string[]) => lines.forEach(line => void cli.print(line));
  show(screen.heading('Plan'));
  const plan = await reconciler.plan();
  cli.print(renderPlan(plan, { width: cli.width, colours: cli.colors, nameOf }));

  show(screen.heading('Handshake'));
  const begun = new Map<HookAction, number>();
  const { results } = await reconciler.now({
    apply: true,
    onProgress({ action, state }) {
      if (state === 'started') begun.set(action, performance.now());
      if (state !== 'done') return;
      const what = `${nameOf(action.ref) ?? `${action.ref.type}/${action.ref.id}`} ${action.type}`;
      show(screen.handshake(what, performance.now() - (begun.get(action) ?? 0)));
    },
  });
  const failed = results.filter(({ outcome }) => outcome !== 'done');
  for (const { action, error } of failed) {
    cli.print(
      cli.style(
        'red',
        `  ! ${action.ref.type}/${action.ref.id} ${action.type}: ${error?.message ?? 'failed'}`,
      ),
    );
  }
  return { active: plan.actions.filter(isChange).length - failed.length, failed: failed.length };
}

/** Shows events and what the rules make of them, in the order in which they happen. */
function tellEvents(
  daemon: Daemon,
  screen: Screen,
  show: (lines: readonly string[]) => void,
  limit: number | undefined,
) {
  const runs = new Map<RunRecord['outcome'], number>();
  const enough = Promise.withResolvers<'enough'>();
  const seen = new Set<string>();
  /** One event is told at a time, or their lines would mingle. */
  let telling = Promise.resolve();

  const tell = async (event: PodioEvent): Promise<void> => {
    const item =
      event.itemId === undefined ? undefined : await daemon.reader.item(event).catch(() => undefined);
    const changes =
      event.type === 'item.update' ? await daemon.reader.changes(event).catch(() => undefined) : undefined;
    show(screen.event(event, item?.title));
    for (const { label, type, from, to, config } of changes?.values() ?? []) {
      show(
        screen.change({
          label,
          from: showValues(type, from, { config }),
          to: showValues(type, to, { config }),
        }),
      );
    }
  };

  daemon.events$.subscribe(event => {
    // Other hooks tell of the same change: one block is enough for people.
    if (seen.has(event.id)) return;
    if (limit !== undefined && seen.size >= limit) return;
    seen.add(event.id);
    telling = telling.then(() => tell(event));
    if (seen.size === limit) enough.resolve('enough');
  });
  daemon.runs$.subscribe(run => {
    runs.set(run.outcome, (runs.get(run.outcome) ?? 0) + 1);
    telling = telling.then(() => show(screen.run(run)));
  });
  return {
    enough: enough.promise.then(() => telling).then(() => 'enough' as const),
    counts: () => ({ events: seen.size, runs }),
  };
}

/** A promise for the case that something takes too long, and the way to call it off. */
function deadline(ms: number | undefined) {
  const late = Promise.withResolvers<'late'>();
  const timer = ms === undefined ? undefined : setTimeout(() => late.resolve('late'), ms);
  return { late: late.promise, cancel: () => clearTimeout(timer) };
}
