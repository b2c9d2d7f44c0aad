/**
 * Runs one test: the config's rules in lanes of their own, over a journal in memory, with a clock that is turned, a Podio that
 * is emulated, and everything that goes out captured. They are the lanes that the daemon has; nothing here decides anything.
 */
import type { Config } from '../../config/model.ts';
import { coerceError } from '../../core/errors.ts';
import type { NewEvent, PodioEvent } from '../../core/event.ts';
import { silentLog } from '../../core/log.ts';
import { noMetrics } from '../../core/metrics.ts';
import { hookedBy, type Rule, type Step } from '../../core/rule.ts';
import type { HttpAnswer, RuleTest } from '../../core/rule-test.ts';
import type { Outcome } from '../../core/run.ts';
import type { Would } from '../../core/would.ts';
import { connect } from '../../daemon/connect.ts';
import { MODE } from '../../dispatch/deliver.ts';
import { makeDispatcher } from '../../dispatch/dispatcher.ts';
import { type RuleWhy, whyChange } from '../../dispatch/why.ts';
import { checkUrl } from '../../http/outbound.ts';
import { momentAt } from '../../language/moment.ts';
import { momentOf } from '../../language/moment-of.ts';
import { makeAttribution } from '../../plugin/attribution.ts';
import { makeCapture } from '../../plugin/capture.ts';
import type { Data } from '../../plugin/contract.ts';
import { makePluginHost, type PluginHost, type PreparedStep } from '../../plugin/host.ts';
import type { PluginLoader } from '../../plugin/load.ts';
import { findApp } from '../../plugin/view.ts';
import { makeItemReader, makePluginPodio } from '../../podio/index.ts';
import { makeCron } from '../../schedule/cron.ts';
import { makeItemRuns } from '../../schedule/item-runs.ts';
import { makeScheduler } from '../../schedule/scheduler.ts';
import { makeRuleTimers } from '../../schedule/timers.ts';
import { makeMemoryStore } from '../../store/memory.ts';
import { makeTurnedClock } from './clock.ts';
import { startTestWorld, type WorldDeed } from './world.ts';

/** What one step made of one message. */
export interface StepRun {
  readonly rule: string;
  readonly step: string;
  readonly event: string;
  readonly outcome: 'done' | 'filtered' | 'failed' | 'continued' | 'skipped';
  readonly gets: Data;
  /** What it added, for each message that came out. */
  readonly gives: readonly unknown[];
  readonly would?: Would;
  readonly error?: string;
}

export interface RuleResult {
  readonly rule: string;
  /** Runs that came to their end, but for those that were filtered out. */
  readonly fired: number;
  readonly outcomes: readonly Outcome[];
  readonly error?: string;
  /** For each change: why it did not fire, or that it did. */
  readonly why: readonly RuleWhy[];
  readonly steps: readonly StepRun[];
}

export interface TrialResult {
  readonly rules: readonly RuleResult[];
  /** What kept the test from being played to its end. */
  readonly problem?: string;
}

export interface TrialOptions {
  readonly config: Config;
  readonly loader: PluginLoader;
  /** Real time that what is in hand may take, ms. */
  readonly patienceMs: number;
}

/** Without `now`: a Thursday, at noon. */
const USUAL_NOW = '2026-01-15 12:00';

/** Rejects only for a fault in podiod. */
export async function runTrial(options: TrialOptions, test: RuleTest): Promise<TrialResult> {
  await using ending = new AsyncDisposableStack();
  const { config, loader } = options;
  const zone = test.timezone ?? ruleOf(config, test)?.timezone ?? config.rules[0]?.timezone ?? 'UTC';
  const startedAt = instantOf(test.now ?? USUAL_NOW, zone, 0);
  if (startedAt === undefined) return { rules: [], problem: `\`now\` is no time: ${test.now}` };
  const clock = makeTurnedClock(startedAt);
  let world: Awaited<ReturnType<typeof startTestWorld>>;
  try {
    world = await startTestWorld(config, test, clock, zone);
  } catch (error) {
    return { rules: [], problem: `\`given\`: ${coerceError(error).message}` };
  }
  ending.defer(() => world.stop());

  const store = makeMemoryStore({ clock });
  let calls = 0;
  const fetch: typeof globalThis.fetch = async (...given) => {
    calls++;
    try {
      return await globalThis.fetch(...given);
    } finally {
      calls--;
    }
  };
  const podioConfig = { ...config.podio, apiUrl: world.url };
  const { podio, identities, fields, names } = await connect(
    { ...config, podio: podioConfig },
    { settings: store.settings, log: silentLog, clock, fetch, metrics: noMetrics },
  );
  const reader = makeItemReader({ client: podio, identities, log: silentLog });
  const attribution = makeAttribution(silentLog);
  const pluginPodio = makePluginPodio({
    client: podio,
    identities,
    names,
    logins: [...config.logins.values()].map(login => ({ kind: 'login', ...login })),
    appOfItem: itemId => reader.appOfItem(itemId) ?? world.world.item(itemId)?.appId,
    current: attribution.current,
  });
  const host = makePluginHost({
    loader,
    reader,
    podioFor: () => pluginPodio,
    values: store.values,
    log: silentLog,
    clock,
    fetch,
    attribution,
    apps: app => findApp(config.apps, app),
    previousRun: async (rule, { seq }) => {
      const at = await store.lanes.previous(rule, seq);
      return at === undefined ? undefined : new Date(at).toISOString();
    },
    capture: makeCapture({
      podio: pluginPodio,
      values: store.values,
      appName: id => names.app(id),
      checkUrl: url => checkUrl(config.outbound, url),
      perform: world.readable,
      answer: sent => answerTo(test.answers, sent),
    }),
    isCaptured: () => true,
  });
  ending.defer(() => host.dispose());
  // Fields are known, as they are in a daemon that has made its hooks.
  for (const { id, name } of config.apps.values()) {
    const identity = identities.forApp(name);
    if (identity && mentionsFields(config.rules, name)) await fields.take(await podio.apps.get(identity, id));
  }

  const steps: StepRun[] = [];
  const rules = config.rules.map(asTried);
  const known = { apps: config.apps, spaces: config.spaces, fields };
  const dispatcher = makeDispatcher({
    rules,
    plugins: watched(host, steps),
    known,
    store,
    reader,
    clock,
    log: silentLog,
    metrics: noMetrics,
    random: () => 0.5,
  });
  await dispatcher.open();
  dispatcher.start();
  ending.defer(() => void dispatcher.stop(0));
  const itemRuns = makeItemRuns({
    ...store,
    rules,
    apps: () => config.apps,
    podio,
    identities,
    learn: reader.learn,
    lag: async () => undefined,
    clock,
    log: silentLog,
  });
  const scheduler = makeScheduler({ ...store, rules, itemRuns, clock, log: silentLog });
  const ruleTimers = makeRuleTimers({
    rules,
    config: () => config,
    store,
    podio,
    identities,
    fields,
    learn: reader.learn,
    podioAheadMs: podio.clock.aheadMs,
    clock,
    log: silentLog,
  });
  for (const part of [itemRuns, scheduler, ruleTimers]) {
    await part.start();
    ending.defer(() => void part.stop());
  }

  const isBusy = (): boolean => {
    const head = store.journal.head();
    return (
      calls > 0 ||
      dispatcher
        .status()
        .some(({ inHand, position, state }) => inHand > 0 || position < head || state === 'waiting for setup')
    );
  };
  const isCalm = await makeSettle(isBusy, options.patienceMs);
  let problem: string | undefined;
  const settle = async (): Promise<void> => {
    if (problem === undefined && !(await isCalm())) {
      const at = dispatcher.status().filter(({ inHand, state }) => inHand > 0 || state !== 'running');
      const told = at
        .map(({ rule, error }) => `${rule}${error === undefined ? '' : ` (${error})`}`)
        .join(', ');
      problem = `not done within ${options.patienceMs / 1000} s of real time: ${told || 'a call to Podio'}`;
    }
  };
  const append = async (events: readonly NewEvent[]): Promise<void> => {
    if (events.length > 0) await store.journal.append(events);
    await settle();
  };

  await settle();
  for (const deed of test.when) {
    if (problem !== undefined) break;
    try {
      switch (deed.kind) {
        case 'after':
          await clock.goTo(clock.now() + deed.ms, settle);
          break;
        case 'at': {
          const instant = instantOf(deed.time, zone, clock.now());
          if (instant === undefined) problem = `\`at\` is no time: ${deed.time}`;
          else await clock.goTo(instant, settle);
          break;
        }
        case 'tick': {
          const instant = nextTick(rules, deed.rule, clock.now());
          if (instant === undefined) problem = `the schedule of ${deed.rule} is never due`;
          else await clock.goTo(instant, settle);
          break;
        }
        case 'fire':
          await append([firedByHand(config, deed.rule, world.item(deed.item))]);
          break;
        default:
          await append(world.do(deed satisfies WorldDeed));
      }
    } catch (error) {
      problem = `\`${deed.kind}\`: ${coerceError(error).message}`;
    }
  }

  const running = dispatcher.status();
  const events = await store.journal.list({ limit: 10_000 });
  const paused = await store.pauses.list();
  const lanes = await store.lanes.status();
  const whyWorld = { rules, disabled: [], known, lanes, paused, running };
  const changes = [...Map.groupBy(events, ({ event }) => event.id).keys()];
  const answers = await Promise.all(
    changes.map(async id => whyChange(whyWorld, await store.journal.trace(id))),
  );
  const results = rules.map(({ name }): RuleResult => {
    const runs = events.flatMap(one => one.runs.filter(run => run.rule === name));
    const error = runs.findLast(run => run.error !== undefined)?.error;
    return {
      rule: name,
      fired: runs.filter(run => run.outcome !== 'filtered' && !isRunWithOthers(run)).length,
      outcomes: runs.map(({ outcome }) => outcome),
      ...(error !== undefined && { error }),
      why: answers.flatMap(({ rules: told }) => told.filter(({ rule }) => rule === name)),
      steps: withSkipped(name, steps, events),
    };
  });
  return { rules: results, ...(problem !== undefined && { problem }) };
}

/** Of events that are run together each has a record, and the last one's tells of the run. */
const isRunWithOthers = ({ steps }: { readonly steps: readonly { readonly step: string }[] }): boolean =>
  steps.length > 0 && steps.every(({ step }) => step === MODE);

const ruleOf = ({ rules }: Config, { rule }: RuleTest): Rule | undefined =>
  rules.find(({ name }) => name === rule);

const mentionsFields = (rules: readonly Rule[], app: string): boolean =>
  rules.some(({ triggers }) =>
    triggers.map(hookedBy).some(hooked => hooked?.apps.includes(app) && hooked.fields !== undefined),
  );

/** One try a step, and nothing is held up: what fails is what the test is to show. Recovered or not makes no difference. */
function asTried({ recovered: _, shadow: __, ...rule }: Rule): Rule {
  const once = (step: Step): Step => ({
    ...step,
    delivery: { ...step.delivery, attempts: 1, whenExhausted: 'park' },
  });
  return { ...rule, steps: rule.steps.map(once) };
}

/** Keeps what goes into each step and what comes out. */
function watched(host: PluginHost, steps: StepRun[]): Pick<PluginHost, 'prepare' | 'view'> {
  return {
    view: host.view,
    prepare(rule, step) {
      const prepared = host.prepare(rule, step);
      return {
        step,
        get state() {
          return prepared.state;
        },
        ready: signal => prepared.ready(signal),
        describe: task => prepared.describe(task),
        async run(task) {
          let would: Would | undefined;
          const at = { rule: rule.name, step: step.name, event: task.event.id, gets: task.data };
          const told = () => (would === undefined ? {} : { would });
          try {
            const output = await prepared.run({
              ...task,
              would(one) {
                would = one;
                task.would?.(one);
              },
            });
            const outcome = output.length > 0 ? 'done' : 'filtered';
            steps.push({
              ...at,
              outcome,
              gives: output.map(({ data, key }) =>
                key === undefined ? data[step.name] : added(task.data, data),
              ),
              ...told(),
            });
            return output;
          } catch (thrown) {
            const outcome = step.onError === 'continue' ? 'continued' : 'failed';
            steps.push({ ...at, outcome, gives: [], error: coerceError(thrown).message, ...told() });
            throw thrown;
          }
        },
      } satisfies PreparedStep;
    },
  };
}

/** What the message of a branch has more than the one before it. */
const added = (before: Data, after: Data): Data =>
  Object.fromEntries(Object.entries(after).filter(([name, value]) => before[name] !== value));

type Listed = readonly {
  readonly event: PodioEvent;
  readonly runs: readonly {
    readonly rule: string;
    readonly steps: readonly { readonly step: string; readonly outcome: string }[];
  }[];
}[];

/** Steps that were passed over were not run, so only the record knows of them. */
function withSkipped(rule: string, steps: readonly StepRun[], events: Listed): readonly StepRun[] {
  const own = steps.filter(step => step.rule === rule);
  const skipped = events.flatMap(({ event, runs }) =>
    runs
      .filter(run => run.rule === rule)
      .flatMap(run => run.steps.filter(({ outcome }) => outcome === 'skipped'))
      .map(({ step }): StepRun => ({ rule, step, event: event.id, outcome: 'skipped', gets: {}, gives: [] })),
  );
  return [...own, ...skipped];
}

/** Resolves with true when nothing is in hand, with false when that takes too long. */
async function makeSettle(isBusy: () => boolean, patienceMs: number): Promise<() => Promise<boolean>> {
  /** Between a write in memory and what it leads to lie some turns of the event loop. */
  const CALM_TURNS = 3;
  return async () => {
    const until = performance.now() + patienceMs;
    for (let calm = 0; calm < CALM_TURNS; ) {
      await new Promise(resolve => setImmediate(resolve));
      calm = isBusy() ? 0 : calm + 1;
      if (calm === 0 && performance.now() > until) return false;
    }
    return true;
  };
}

/** As people write it, in this zone; undefined for what is no time. */
function instantOf(text: string, zone: string, now: number): number | undefined {
  const moment = momentOf(text, { now, zone });
  if (moment === undefined) return undefined;
  if (moment.instant !== undefined) return moment.instant;
  const local = Date.parse(`${moment.day}T${moment.time ?? '00:00:00'}Z`);
  const offsetAt = (instant: number): number => {
    const { day, time } = momentAt(instant, zone);
    return Date.parse(`${day}T${time}Z`) - instant;
  };
  // Near a change of the clock the first guess has the other offset.
  return local - offsetAt(local - offsetAt(local));
}

function nextTick(rules: readonly Rule[], name: string, now: number): number | undefined {
  const triggers = rules.find(rule => rule.name === name)?.triggers ?? [];
  const ticks = triggers.flatMap(trigger =>
    trigger.kind === 'schedule' ? (makeCron(trigger).next(now) ?? []) : [],
  );
  return ticks.length > 0 ? Math.min(...ticks) : undefined;
}

function firedByHand(config: Config, rule: string, item: { itemId: number; appId: number }): NewEvent {
  const app = findApp(config.apps, item.appId)?.name;
  return {
    id: `item.fire:${rule}:${item.itemId}:test`,
    type: 'item.fire',
    source: 'daemon',
    ref: { type: 'app', id: item.appId },
    ...(app !== undefined && { app }),
    itemId: item.itemId,
    params: { rule, item_id: String(item.itemId) },
  };
}

function answerTo(
  answers: readonly HttpAnswer[],
  { method, url }: { method: string; url: string },
): Response | undefined {
  const found = answers.find(
    answer =>
      fits(answer.url, url) &&
      (answer.method === undefined || answer.method.toUpperCase() === method.toUpperCase()),
  );
  if (!found) return undefined;
  const { status, headers = {}, json, body } = found;
  const type = json === undefined ? {} : { 'content-type': 'application/json' };
  const hasBody = ![204, 205, 304].includes(status);
  return new Response(hasBody ? (json === undefined ? (body ?? '') : JSON.stringify(json)) : null, {
    status,
    headers: { ...type, ...headers },
  });
}

function fits(pattern: string, url: string): boolean {
  const parts = pattern.split('*').map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(url);
}
