/**
 * Where rules are tried: in lanes of their own, over a journal in memory, with a clock that is turned and everything that
 * goes out captured. They are the lanes that the daemon has; nothing here decides anything.
 */
import type { AppConfig, Config } from '../../config/model.ts';
import { coerceError } from '../../core/errors.ts';
import type { NewEvent } from '../../core/event.ts';
import { silentLog } from '../../core/log.ts';
import { noMetrics } from '../../core/metrics.ts';
import type { OwnLookup } from '../../core/own.ts';
import type { Rule, Step } from '../../core/rule.ts';
import type { RunRecord } from '../../core/run.ts';
import type { Would } from '../../core/would.ts';
import { tapLanes } from '../../daemon/tap.ts';
import { MODE } from '../../dispatch/deliver.ts';
import { type Dispatcher, makeDispatcher } from '../../dispatch/dispatcher.ts';
import type { Known } from '../../dispatch/match.ts';
import { checkUrl } from '../../http/outbound.ts';
import { makeAttribution } from '../../plugin/attribution.ts';
import { type CaptureDeps, makeCapture } from '../../plugin/capture.ts';
import type { Data } from '../../plugin/contract.ts';
import { makePluginHost, type PluginHost, type PreparedStep } from '../../plugin/host.ts';
import type { PluginLoader } from '../../plugin/load.ts';
import { findApp } from '../../plugin/view.ts';
import type { FieldDirectory, Identities, ItemReader, Names, PodioClient } from '../../podio/contract.ts';
import { makePluginPodio } from '../../podio/index.ts';
import type { WriteWatch } from '../../podio/plugin-podio.ts';
import type { MemoryStore } from '../../store/memory.ts';
import type { TurnedClock } from './clock.ts';

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

export interface StageDeps {
  readonly config: Config;
  /** Those that are tried, as {@link asTried} makes them. */
  readonly rules: readonly Rule[];
  readonly loader: PluginLoader;
  readonly podio: PodioClient;
  readonly identities: Identities;
  readonly names: Names;
  readonly fields: FieldDirectory;
  readonly reader: ItemReader;
  readonly appOfItem: (itemId: number) => number | undefined;
  /** Whether an app has a field of that name, where that is known. */
  readonly hasField: (app: AppConfig, name: string) => boolean | undefined;
  readonly store: MemoryStore;
  readonly clock: TurnedClock;
  /** What podiod made itself. Default: nothing. */
  readonly own?: OwnLookup;
  /** Told of what steps write, where that is done. */
  readonly watch?: WriteWatch;
  readonly capture?: Pick<CaptureDeps, 'perform' | 'answer'>;
  /** Whether something else is under way that rules have to wait for. */
  readonly isBusy?: () => boolean;
  /** Real time that what is in hand may take, ms. Default: any. */
  readonly patienceMs?: number;
  readonly onStep?: (step: StepRun) => void;
  readonly onRun?: (run: RunRecord) => void;
}

export interface Stage extends AsyncDisposable {
  readonly dispatcher: Dispatcher;
  readonly known: Known;
  /** Resolves when everything is done that is to be done before time goes on. Rejects when that takes too long. */
  settle(): Promise<void>;
  /** Puts it into the journal, and waits until the rules have made of it what they can. */
  append(events: readonly NewEvent[]): Promise<void>;
  /** Time goes on until then (wall time, ms); what falls due on the way happens. */
  goTo(instant: number): Promise<void>;
}

/** One try a step, and nothing is held up: what fails is what is to be seen. When a change was found makes no difference. */
export function asTried({ recovered: _, shadow: __, ...rule }: Rule): Rule {
  const once = (step: Step): Step => ({
    ...step,
    delivery: { ...step.delivery, attempts: 1, whenExhausted: 'park' },
  });
  return { ...rule, startAt: 'earliest', steps: rule.steps.map(once) };
}

/**
 * Of events that are run together each has a record, and the last one's tells of the run. Those of the others end with what the mode
 * has made of them, after what decided that they might wait.
 */
export const isRunWithOthers = ({ steps }: Pick<RunRecord, 'steps'>): boolean => steps.at(-1)?.step === MODE;

export async function openStage(deps: StageDeps): Promise<Stage> {
  const { config, rules, podio, identities, names, fields, reader, store, clock } = deps;
  await using ending = new AsyncDisposableStack();
  const attribution = makeAttribution(silentLog);
  const pluginPodio = makePluginPodio({
    client: podio,
    identities,
    names,
    logins: [...config.logins.values()].map(login => ({ kind: 'login', ...login })),
    appOfItem: deps.appOfItem,
    current: attribution.current,
    ...(deps.watch && { watch: deps.watch }),
  });
  const host = makePluginHost({
    loader: deps.loader,
    reader,
    podioFor: () => pluginPodio,
    values: store.values,
    log: silentLog,
    clock,
    // Everything is captured.
    fetch: () => Promise.reject(new TypeError('nothing is called here')),
    mayCall: url => checkUrl(config.outbound, url),
    attribution,
    apps: app => findApp(config.apps, app),
    knowsField({ app: name }, field) {
      const app = name === undefined ? undefined : config.apps.get(name);
      return app && deps.hasField(app, field);
    },
    previousRun: async (rule, { seq }) => {
      const at = await store.lanes.previous(rule, seq);
      return at === undefined ? undefined : new Date(at).toISOString();
    },
    capture: makeCapture({
      podio: pluginPodio,
      values: store.values,
      appName: id => names.app(id),
      checkUrl: url => checkUrl(config.outbound, url),
      ...deps.capture,
    }),
    isCaptured: () => true,
  });
  ending.defer(() => host.dispose());

  const known = { apps: config.apps, spaces: config.spaces, fields };
  const { onStep, onRun = () => {} } = deps;
  const dispatcher = makeDispatcher({
    rules,
    plugins: onStep ? watched(host, onStep) : host,
    known,
    store: { ...store, lanes: tapLanes(store.lanes, () => clock.now(), onRun) },
    reader,
    ...(deps.own && { own: deps.own }),
    clock,
    log: silentLog,
    metrics: noMetrics,
    random: () => 0.5,
  });
  await dispatcher.open();
  dispatcher.start();
  // Its deadline is on a clock that stands still.
  ending.defer(() => void dispatcher.stop(0));

  const isBusy = (): boolean => {
    const head = store.journal.head();
    return (
      (deps.isBusy?.() ?? false) ||
      dispatcher
        .status()
        .some(({ inHand, position, state }) => inHand > 0 || position < head || state === 'waiting for setup')
    );
  };
  const settle = async (): Promise<void> => {
    if (await isCalm(isBusy, deps.patienceMs ?? Number.POSITIVE_INFINITY)) return;
    const at = dispatcher.status().filter(({ inHand, state }) => inHand > 0 || state !== 'running');
    const told = at.map(({ rule, error }) => `${rule}${error === undefined ? '' : ` (${error})`}`).join(', ');
    const seconds = (deps.patienceMs ?? 0) / 1000;
    throw new Error(`not done within ${seconds} s of real time: ${told || 'a call to Podio'}`);
  };
  const running = ending.move();
  return {
    dispatcher,
    known,
    settle,
    async append(events) {
      if (events.length > 0) await store.journal.append(events);
      await settle();
    },
    goTo: instant => clock.goTo(instant, settle),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** Between a write in memory and what it leads to lie some turns of the event loop. */
const CALM_TURNS = 3;

/** Resolves with true when nothing is in hand, with false when that takes too long. */
async function isCalm(isBusy: () => boolean, patienceMs: number): Promise<boolean> {
  const until = performance.now() + patienceMs;
  for (let calm = 0; calm < CALM_TURNS; ) {
    await new Promise(resolve => setImmediate(resolve));
    calm = isBusy() ? 0 : calm + 1;
    if (calm === 0 && performance.now() > until) return false;
  }
  return true;
}

/** Tells what goes into each step and what comes out. */
function watched(host: PluginHost, onStep: (step: StepRun) => void): Pick<PluginHost, 'prepare' | 'view'> {
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
        tried: prepared.tried,
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
            onStep({
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
            onStep({ ...at, outcome, gives: [], error: coerceError(thrown).message, ...told() });
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
