/** Plays one test on a stage of its own, with a Podio that is emulated. */
import type { Config } from '../../config/model.ts';
import { hasField } from '../../core/catalog.ts';
import { coerceError } from '../../core/errors.ts';
import type { NewEvent, PodioEvent } from '../../core/event.ts';
import { silentLog } from '../../core/log.ts';
import { noMetrics } from '../../core/metrics.ts';
import { hookedBy, type Rule } from '../../core/rule.ts';
import type { Deed, HttpAnswer, RuleTest } from '../../core/rule-test.ts';
import { type Outcome, unknownFieldsOf } from '../../core/run.ts';
import { connect } from '../../daemon/connect.ts';
import { OwnWrites } from '../../daemon/own-writes.ts';
import { makeReliably } from '../../dispatch/reliably.ts';
import { type RuleWhy, whyChange } from '../../dispatch/why.ts';
import { momentAt } from '../../language/moment.ts';
import { momentOf } from '../../language/moment-of.ts';
import type { PluginLoader } from '../../plugin/load.ts';
import { findApp } from '../../plugin/view.ts';
import { makeItemReader } from '../../podio/index.ts';
import { makeCron } from '../../schedule/cron.ts';
import { makeItemRuns } from '../../schedule/item-runs.ts';
import { makeScheduler } from '../../schedule/scheduler.ts';
import { makeRuleTimers } from '../../schedule/timers.ts';
import { makeMemoryStore } from '../../store/memory.ts';
import { makeTurnedClock } from '../stage/clock.ts';
import { asTried, isRunWithOthers, openStage, type StepRun } from '../stage/stage.ts';
import { startTestWorld, type WorldDeed } from './world.ts';

export interface RuleResult {
  readonly rule: string;
  /** Runs that came to their end, but for those that were filtered out. */
  readonly fired: number;
  readonly outcomes: readonly Outcome[];
  readonly error?: string;
  /** For each change: why it did not fire, or that it did. */
  readonly why: readonly RuleWhy[];
  readonly steps: readonly StepRun[];
  /** Fields that its conditions or templates named and the item's app does not have. */
  readonly unknownFields: readonly string[];
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
  const connection = await connect(
    { ...config, podio: podioConfig },
    { settings: store.settings, log: silentLog, clock, fetch, metrics: noMetrics },
  );
  const { podio, identities, fields, names } = connection;
  // Fields are known, as they are in a daemon that has made its hooks.
  for (const { id, name } of config.apps.values()) {
    const identity = identities.forApp(name);
    if (identity && mentionsFields(config.rules, name)) await fields.take(await podio.apps.get(identity, id));
  }
  const stopping = new AbortController();
  ending.defer(() => stopping.abort());
  // What the steps write is podiod's own, as it is in a daemon.
  const own = new OwnWrites({
    gaps: store.gaps,
    own: store.own,
    head: store.journal.head(),
    names,
    isFollowed: () => true,
    wrote: (...written) => ruleTimers.wrote(...written),
    reliably: makeReliably({ clock, log: silentLog }),
    signal: stopping.signal,
    log: silentLog,
  });
  const reader = makeItemReader({ client: podio, identities, log: silentLog, own });
  const steps: StepRun[] = [];
  const rules = config.rules.map(asTried);
  const stage = await openStage({
    ...connection,
    config,
    rules,
    loader,
    reader,
    // Without a catalog its apps have every field that anyone speaks of.
    hasField: (app, field) => hasField(config.catalog, app, field),
    appOfItem: itemId => reader.appOfItem(itemId) ?? world.world.item(itemId)?.appId,
    store,
    own,
    watch: own,
    clock,
    capture: { perform: world.readable, answer: sent => answerTo(test.answers, sent) },
    isBusy: () => calls > 0,
    patienceMs: options.patienceMs,
    onStep: step => void steps.push(step),
  });
  ending.use(stage);
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

  let problem: string | undefined;
  const play = async (deed: Deed): Promise<void> => {
    switch (deed.kind) {
      case 'after':
        return stage.goTo(clock.now() + deed.ms);
      case 'at': {
        const instant = instantOf(deed.time, zone, clock.now());
        if (instant === undefined) throw new Error(`that is no time: ${deed.time}`);
        if (instant < clock.now()) throw new Error(`${deed.time} is over by then`);
        return stage.goTo(instant);
      }
      case 'tick': {
        const instant = nextTick(rules, deed.rule, clock.now());
        if (instant === undefined) throw new Error(`the schedule of ${deed.rule} is never due`);
        return stage.goTo(instant);
      }
      case 'fire':
        return stage.append([firedByHand(config, deed.rule, world.item(deed.item))]);
      default:
        return stage.append(world.do(deed satisfies WorldDeed));
    }
  };
  for (const deed of test.when) {
    try {
      await stage.settle();
      await play(deed);
    } catch (error) {
      problem = `\`${deed.kind}\`: ${coerceError(error).message}`;
      break;
    }
  }

  const { dispatcher, known } = stage;
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
      unknownFields: unknownFieldsOf(runs.flatMap(run => run.steps)),
    };
  });
  return { rules: results, ...(problem !== undefined && { problem }) };
}

const ruleOf = ({ rules }: Config, { rule }: RuleTest): Rule | undefined =>
  rules.find(({ name }) => name === rule);

const mentionsFields = (rules: readonly Rule[], app: string): boolean =>
  rules.some(({ triggers }) =>
    triggers.map(hookedBy).some(hooked => hooked?.apps.includes(app) && hooked.fields !== undefined),
  );

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
