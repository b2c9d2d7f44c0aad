import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { Config } from '../../config/model.ts';
import { systemClock } from '../../core/clock.ts';
import { coerceError, PodiodError } from '../../core/errors.ts';
import type { PodioEvent } from '../../core/event.ts';
import type { Outcome, RunRecord } from '../../core/run.ts';
import { showValues } from '../../core/values.ts';
import { type Daemon, startDaemon } from '../../daemon/index.ts';
import { packageFile, version } from '../../daemon/package.ts';
import { makeMatcher } from '../../dispatch/match.ts';
import { makeAttribution } from '../../plugin/attribution.ts';
import { renderPlan } from '../../reconcile/index.ts';
import type { Cli, CommonOptions } from '../io.ts';
import { namesOf } from '../names.ts';
import { statusLine } from '../progress.ts';
import { makeCommandLog } from '../setup.ts';
import { type Block, gatherBlocks } from './blocks.ts';
import { EXAMPLE, loadExample, localized } from './config.ts';
import { type EmulatedPodio, startEmulatedPodio } from './podio.ts';
import { makeScreen, type Screen, type ShownEvent, type Summary } from './screen.ts';
import { startLocalSlack } from './slack.ts';

export interface DemoSettings {
  /** Ends after so many events; undefined: with Ctrl-C. */
  readonly limit: number | undefined;
  readonly everyMs: number;
  readonly seed: number;
}

/** People here do in an hour what would cost a real app its budget, and somebody may leave the demo on all day. */
const NO_LIMITS = { general: 1_000_000, limited: 1_000_000, logins: 1000 };

/** So that people have something to change from the start. */
const ITEMS_PER_APP = 3;

/** Much longer than anything takes here: only a fault makes it wait that long. */
const PATIENCE_MS = 60_000;

/** Answers whether everything went as it should. */
export async function runDemo(
  cli: Cli,
  options: CommonOptions,
  { limit, everyMs, seed }: DemoSettings,
): Promise<boolean> {
  await using ending = new AsyncDisposableStack();
  const show = (lines: readonly string[]) => lines.forEach(line => void cli.print(line));
  const stopped = Promise.withResolvers<'stopped'>();
  cli.io.onStop(() => stopped.resolve('stopped'));

  const { config: example, secrets } = await loadExample(cli);
  const dataDir = await temporaryFolder(ending);
  const podio = await startEmulatedPodio(example, { seed, limits: NO_LIMITS });
  ending.defer(() => podio.stop());
  podio.addHistory(ITEMS_PER_APP);
  const outbox = makeOutbox();
  const slack = await startLocalSlack(outbox.put);
  ending.defer(() => slack.stop());

  const config = localized(example, { podioUrl: podio.url, slackUrl: slack.url, dataDir });
  const log = makeCommandLog(cli, options, secrets, 'error');
  const startedAt = performance.now();
  // Before the start: plugins are set up during it.
  const attribution = makeAttribution(log);
  cli.io.onUncaught(thrown => {
    if (attribution.attributeUncaught(thrown)) return true;
    log.error('uncaught error, ending', { error: coerceError(thrown) });
    return false;
  });
  const daemon = await startDaemon(config, {
    log,
    version: version(),
    attribution,
    publicUrl: ({ host, port }) => `http://${host}:${port}${config.server.path}`,
    reconcile: 'asked',
  });
  ending.defer(async () => void (await daemon.stop()));

  const screen = makeScreen(cli, {
    places: [...config.apps.keys(), ...config.spaces.keys()],
    rules: config.rules.map(({ name }) => name),
    nameOf: namesOf(config, daemon.fields),
  });
  show(screen.heading('podiod demo'));
  const about = `${EXAMPLE} as it is, run by the same code as podiod run, against an emulated Podio in which people edit items. Nothing leaves this machine.`;
  show(screen.paragraph(about));
  const hooks = await makeHooks(cli, screen, daemon, config);
  if (hooks === undefined) return false;

  show(screen.heading('Events', limit === undefined ? 'Ctrl-C ends' : `the first ${limit}`));
  const story = tellStory({ daemon, config, podio, outbox, screen, show, limit });
  podio.startPeople(everyMs);
  const patience = deadline(limit === undefined ? undefined : PATIENCE_MS + limit * everyMs * 4);
  const end = await Promise.race([story.enough, stopped.promise, patience.late]);
  patience.cancel();
  podio.stopPeople();
  if (end === 'stopped') show(['', cli.style('gray', 'Finishing what is in hand ...')]);

  // Everything that is in hand is finished before the summary counts it.
  await story.told();
  await daemon.stop();
  const seconds = (performance.now() - startedAt) / 1000;
  const { events, rules } = story.counts();
  show(screen.summary({ events, rules, hooks, seconds }));
  show(screen.heading('Yours'));
  const file = relative(cli.io.cwd, packageFile(EXAMPLE));
  show(
    screen.paragraph(
      `Copy ${file} to .podiorc.yml, put in your ids and keys, then: podiod check, podiod plan, podiod run.`,
    ),
  );
  return end !== 'late' && !rules.some(({ outcomes }) => outcomes.has('parked'));
}

/** Nothing stays on the machine, also where a second Ctrl-C ends the process without waiting for anything. */
async function temporaryFolder(ending: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'podiod-demo-')).catch((error: Error) => {
    throw new PodiodError('STORE_WRITE_FAILED', `can't make a folder for the demo's data: ${error.message}`, {
      hint: 'TMPDIR names another place.',
      retry: 'never',
    });
  });
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  ending.defer(() => {
    process.off('exit', remove);
    remove();
  });
  return folder;
}

/** Shows the plan, carries it out, and shows the handshakes. Answers how many hooks there are, undefined when one failed. */
async function makeHooks(
  cli: Cli,
  screen: Screen,
  { reconciler, fields }: Daemon,
  config: Config,
): Promise<number | undefined> {
  const nameOf = namesOf(config, fields);
  const show = (lines: readonly string[]) => lines.forEach(line => void cli.print(line));
  show(screen.heading('Plan', 'what podiod plan shows'));
  const plan = await reconciler.plan();
  cli.print(renderPlan(plan, { width: cli.width, colours: cli.colors, nameOf }));

  show(screen.heading('Handshake', 'Podio asks each hook whether it is wanted'));
  using line = statusLine(cli.io.stdout);
  const beganAt = performance.now();
  let active = 0;
  const { results } = await reconciler.now({
    apply: true,
    onProgress({ state }) {
      if (state === 'done') active += 1;
      line.show(`  ${active} of ${plan.actions.length} active`);
    },
  });
  line[Symbol.dispose]();
  const made = results.filter(({ outcome }) => outcome === 'done').map(({ action }) => action);
  show(screen.handshakes(made, performance.now() - beganAt));
  for (const { action, outcome, error } of results) {
    if (outcome === 'done') continue;
    const place = nameOf(action.ref) ?? `${action.ref.type}/${action.ref.id}`;
    cli.print(cli.style('red', `  ! ${place} ${action.type}: ${error?.message ?? outcome}`));
  }
  return made.length === results.length && plan.failed.length === 0 ? made.length : undefined;
}

/** Messages that the local Slack has got, until the runs that posted them are shown. */
function makeOutbox() {
  const waiting = new Map<string, string[]>();
  return {
    put(rule: string, text: string): void {
      waiting.set(rule, [...(waiting.get(rule) ?? []), text]);
    },
    /** Runs of one rule may overlap, but messages mostly name their item. */
    take(rule: string, title: string | undefined): string | undefined {
      const messages = waiting.get(rule) ?? [];
      const named = title ? messages.findIndex(text => text.includes(title)) : -1;
      return messages.splice(Math.max(named, 0), 1)[0];
    },
  };
}

interface StoryParts {
  readonly daemon: Daemon;
  readonly config: Config;
  readonly podio: EmulatedPodio;
  readonly outbox: ReturnType<typeof makeOutbox>;
  readonly screen: Screen;
  readonly show: (lines: readonly string[]) => void;
  readonly limit: number | undefined;
}

/** Shows events and what the rules make of them, in the order in which they happen. */
function tellStory({ daemon, config, podio, outbox, screen, show, limit }: StoryParts) {
  const { reader, fields } = daemon;
  const rules = config.rules.map(rule => ({
    rule,
    ...makeMatcher(rule, { ...config, fields }),
    outcomes: new Map<Outcome, number>(),
    slack: 0,
  }));
  const order = new Map(rules.map(({ rule }, n) => [rule.name, n]));
  const enough = Promise.withResolvers<'enough'>();
  let events = 0;

  /** Counts it, and finds what it has posted. */
  const shown = (run: RunRecord, title: string | undefined) => {
    const counted = rules[order.get(run.rule) ?? -1];
    const slack: string[] = [];
    for (const step of counted?.rule.steps ?? []) {
      const isDone = run.steps.some(verdict => verdict.step === step.name && verdict.outcome === 'done');
      const text = step.use === 'slack-notifier' && isDone ? outbox.take(run.rule, title) : undefined;
      if (text !== undefined) slack.push(text);
    }
    if (counted) {
      counted.outcomes.set(run.outcome, (counted.outcomes.get(run.outcome) ?? 0) + 1);
      counted.slack += slack.length;
    }
    return { run, slack };
  };

  const blocks = gatherBlocks({
    clock: systemClock,
    expect: event => rules.filter(({ match }) => match(event) !== 'no').map(({ rule }) => rule.name),
    async tell({ event, runs }: Block) {
      const about = await aboutOf(event, reader, podio);
      const inOrder = runs.toSorted((a, b) => (order.get(a.rule) ?? 0) - (order.get(b.rule) ?? 0));
      show(screen.event({ event, ...about, runs: inOrder.map(run => shown(run, about.title)) }));
    },
    tellLate: (event, run) => show(screen.late(event, shown(run, undefined))),
  });

  daemon.events$.subscribe(event => {
    if (limit !== undefined && events >= limit && !blocks.has(event)) return;
    if (!blocks.event(event)) return;
    events += 1;
    if (events === limit) enough.resolve('enough');
  });
  daemon.runs$.subscribe(blocks.run);
  return {
    enough: enough.promise,
    told: blocks.told,
    counts: (): Pick<Summary, 'events' | 'rules'> => ({
      events,
      rules: rules.map(({ rule, outcomes, slack }) => ({ rule: rule.name, outcomes, slack })),
    }),
  };
}

/** What an event is about, by the same reader that the rules' plugins use. */
async function aboutOf(
  event: PodioEvent,
  reader: Daemon['reader'],
  { world }: EmulatedPodio,
): Promise<Pick<ShownEvent, 'title' | 'changes' | 'detail'>> {
  if (event.itemId === undefined) return { title: undefined, changes: [], detail: undefined };
  // What can't be read is not shown; the rules have their own way with it.
  const [item, changed] = await Promise.all([
    reader.item(event).catch(() => undefined),
    reader.changes(event).catch(() => new Map<string, never>()),
  ]);
  const title = item?.title;
  const changes = Array.from(changed.values(), ({ label, type, from, to, config }) => ({
    label,
    from: showValues(type, from, { config }),
    to: showValues(type, to, { config }),
  }));
  if (event.type === 'item.create') {
    const values = changes.map(({ to }) => to).filter(to => to !== '' && to !== title);
    return { title, changes: [], detail: values.join(' · ') };
  }
  const remark = world.comment(Number(event.params.comment_id))?.value;
  return { title, changes, detail: remark && `“${remark}”` };
}

/** A promise for the case that something takes too long, and the way to call it off. */
function deadline(ms: number | undefined) {
  const late = Promise.withResolvers<'late'>();
  const timer = ms === undefined ? undefined : setTimeout(() => late.resolve('late'), ms);
  return { late: late.promise, cancel: () => clearTimeout(timer) };
}
