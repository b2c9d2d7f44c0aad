/**
 * The composition root: builds every part, joins them, and owns the order in which they start and stop. Nothing else in
 * podiod knows all of it.
 */
import { type Observable, Subject } from 'rxjs';
import { makeMetrics } from '../admin/metrics.ts';
import { hasRunFile, removeRunFile, writeRunFile } from '../admin/run-file.ts';
import { summaryOf } from '../admin/summary.ts';
import type { Config } from '../config/model.ts';
import type { Catalog } from '../core/catalog.ts';
import { coerceError, UsageError } from '../core/errors.ts';
import type { PodioEvent } from '../core/event.ts';
import { leftRules } from '../core/left.ts';
import type { LogFields } from '../core/log.ts';
import { appsOf } from '../core/rule.ts';
import type { RunRecord } from '../core/run.ts';
import { makeDispatcher } from '../dispatch/dispatcher.ts';
import { makeReliably } from '../dispatch/reliably.ts';
import type { Address, HttpServer } from '../http/server.ts';
import { type Attribution, makeAttribution, type PluginScope } from '../plugin/attribution.ts';
import type { FieldDirectory, ItemReader } from '../podio/contract.ts';
import { makeItemReader } from '../podio/index.ts';
import type { Reconciler } from '../reconcile/index.ts';
import { makeRetention } from '../retention/retention.ts';
import { makeDaemonAlarms } from './alarms.ts';
import { type Base, type BaseOptions, openBase, openFront } from './base.ts';
import { Closing } from './closing.ts';
import { makeDefinitions } from './definitions.ts';
import { makeDeletions } from './deletions.ts';
import { fieldAudit } from './field-audit.ts';
import { makeGeneration, type Parts, type RuleWorld } from './generation.ts';
import { makeGenerations } from './generations.ts';
import { forgetWhenReplaced, keepUnused } from './hook-secrets.ts';
import { tellLeft } from './left.ts';
import { boundHeap, optimiseWasmLate, restWhenQuiet } from './memory.ts';
import { OwnWrites } from './own-writes.ts';
import { makePluginFiles } from './plugin-files.ts';
import { makeReadiness } from './readiness.ts';
import { type LoadedConfig, makeReloads, type ReloadAnswer, type ReloadRequest } from './reload.ts';
import { tapLanes } from './tap.ts';

export interface DaemonOptions extends BaseOptions {
  /** Of podiod, for `status` and run.json. */
  readonly version: string;
  /** `loop` (default): at boot and again and again. `asked`: only through {@link Daemon.reconciler}, as the demo does. */
  readonly reconcile?: 'loop' | 'asked';
  /** The process is podiod's alone: its memory may be managed, which costs all that runs in it a pause now and then. */
  readonly ownsProcess?: boolean;
  /** Reads again what the daemon was started with, for a reload. Rejects with CONFIG_INVALID. Left out: there is nothing to read. */
  readonly load?: () => Promise<LoadedConfig>;
  /** Told of each reload, and waited for, before it changes anything; `ended` never rejects. */
  readonly onReload?: (ended: Promise<void>) => Promise<void>;
  /** Whoever brings one can tell whose an uncaught error is while the daemon still starts: plugins are set up by then. */
  readonly attribution?: Attribution;
}

export interface Daemon {
  /** Hot: every event as it is released to the rules. Completes when the daemon stops. */
  readonly events$: Observable<PodioEvent>;
  /** Hot: every run's record once it is on disk. */
  readonly runs$: Observable<RunRecord>;
  readonly ingress: Address;
  readonly admin: Address;
  readonly reader: ItemReader;
  readonly fields: FieldDirectory;
  /** What is known of the apps: as pulled, and as read again since they changed. */
  readonly catalog: () => Catalog;
  readonly reconciler: Reconciler;
  /** Resolves when `/readyz` says so. */
  readonly ready: Promise<void>;
  /** Exchanges the config while events come in; see {@link Reloads.reload}. */
  reload(request?: ReloadRequest): Promise<ReloadAnswer>;
  /** The config as it is now. */
  config(): Config;
  /** For the process's `uncaughtException`: true when it was a plugin's, whose try has failed by it. */
  attributeUncaught(thrown: unknown): boolean;
  /**
   * Takes no more in, finishes what is in hand within `stopTimeout`, closes everything. Resolves with how many runs were
   * left unfinished (they go on at the next start). A second call answers the same.
   */
  stop(): Promise<number>;
  /** What a stop under way waits for, by name; empty before and after. */
  unstopped(): readonly string[];
  /** How it is, as a sentence for people: `12 rules, 9 hooks active, lag 0`. */
  summary(): Promise<string>;
  /**
   * Resolves when the store has written and read something back and no lane owes anything that it does not get on with.
   * Rejects when the store fails; does not come back when something hangs.
   */
  probe(): Promise<void>;
}

/** How long the admin API may take to answer what it holds when it closes, milliseconds. */
const ADMIN_CLOSE_MS = 500;

/** What of `stopTimeout` the lanes leave for everything else, milliseconds. */
const REST_MS = 3000;

/**
 * Starts in this order: lock, store, plugins, ingress, admin, lanes, schedules, hooks. Rejects when a part can't start,
 * after undoing those before it. That Podio is away is no reason not to start. Lanes are taken over before the ingress
 * listens, or a new rule would begin behind the first events.
 */
export async function startDaemon(config: Config, options: DaemonOptions): Promise<Daemon> {
  // Whatever is deferred here ends in reverse: on stop, or when a later part can't start.
  await using starting = new Closing();
  const metrics = makeMetrics();
  const base = await openBase(config, options, metrics, starting);
  const { store, live, log, clock } = base;
  const startedAt = clock.now();

  // The admin API starts late, when there is something to tell, and ends late, to tell of the end.
  let admin: HttpServer | undefined;
  let isTaken = false;
  starting.defer('the admin API', async () => {
    await admin?.close(ADMIN_CLOSE_MS);
    // Of one before this, which was killed, it says so as long as lanes have not been taken over.
    if (isTaken) await removeRunFile(config.dataDir);
  });

  const runs$ = new Subject<RunRecord>();
  starting.defer('the stream of runs', () => runs$.complete());
  const attribution = options.attribution ?? makeAttribution(log);
  options.log.correlate?.(() => workOf(attribution.current()));
  const world = makeRuleWorld(base, attribution, starting, (...what) =>
    generations.current.parts.wrote(...what),
  );
  const first = makeGeneration(world, live);
  const generations = makeGenerations(first);
  starting.defer('the plugins', () => generations.dispose(), generations.disposing);
  const dispatcher = makeDispatcher({
    ...first.set,
    store: {
      ...store,
      lanes: tapLanes(
        store.lanes,
        store.now,
        run => runs$.next(run),
        () => runs$.observed,
      ),
    },
    reader: world.reader,
    own: world.own,
    clock,
    log,
    metrics,
    ...(options.log.mask && { mask: options.log.mask.known, maskError: options.log.mask }),
  });
  let left = 0;
  starting.defer(
    'the lanes',
    async () => {
      left = await dispatcher.stop(lanesStopMs(live.config));
    },
    () => dispatcher.status().flatMap(({ rule, inHand }) => (inHand > 0 ? [`rule ${rule}`] : [])),
  );

  if (!(await hasRunFile(config.dataDir))) await store.lanes.endedCleanly();
  await dispatcher.open();
  isTaken = true;
  for (const left of leftRules(await store.lanes.status(), config.disabledRules ?? [])) tellLeft(log, left);
  const definitions = makeDefinitions({
    ...base,
    config: () => live.config,
    settings: store.settings,
    onMoved: () => {
      if (options.reconcile === 'asked') return;
      reconciler.now().catch(error => log.warn('hooks not looked at', { error: coerceError(error) }));
    },
  });
  starting.defer("the apps' definitions", () => definitions.stop());
  const audit = await fieldAudit(base, world.reader);
  starting.defer('the comparing of fields’ deliveries', () => audit.stop());
  const front = await openFront(base, starting, definitions.noticed, audit.mended);
  const { ingress, outage, reconciler, recovery } = front;
  starting.defer(
    'the schedules',
    () => generations.current.parts.stop(),
    () => generations.current.parts.stopping(),
  );
  const retention = makeRetention({
    store,
    limits: () => live.config.retention,
    // While a config is exchanged, those of both.
    rules: () =>
      [...dispatcher.status(), ...live.config.rules.map(({ name }) => ({ rule: name }))].map(one => one.rule),
    clock,
    podioAheadMs() {
      if (base.podio.outage().hasAnswered) return base.podio.clock.aheadMs();
      const { apps, spaces } = live.config;
      // Where the config has nothing of Podio nobody asks it, and this clock is all there is.
      return apps.size + spaces.size === 0 ? 0 : undefined;
    },
    log,
  });
  starting.defer('retention', () => retention.stop());
  const alarms = makeDaemonAlarms(base, {
    running: dispatcher,
    reconciler,
    retention,
    reloads: () => reloads,
  });
  starting.defer('the alarms', () => alarms.stop());
  const unused = await keepUnused(base.store.settings);
  const oldSecrets = forgetWhenReplaced(base.secrets, reconciler, clock, log, unused);
  starting.defer('old secrets', oldSecrets.stop);
  const readiness = makeReadiness({ clock, reconciler, rules: dispatcher, outage });
  starting.defer('readiness', readiness.waitForHooks());
  const lanesUp = readiness.wait('the lanes are starting');
  // What fails then is tried again beside everything else, and named.
  void dispatcher.tried().then(readiness.wait('plugins are being set up'));

  const begun = Promise.withResolvers<void>();
  const pluginFiles = makePluginFiles();
  await pluginFiles.changed(config);
  const reloads = makeReloads({
    world,
    front,
    dispatcher,
    definitions,
    generations,
    started: config,
    load: options.load ?? noFile,
    begun: begun.promise,
    pluginFiles,
    drainMs: () => lanesStopMs(live.config),
    reconciles: options.reconcile !== 'asked',
    onBegin: options.onReload ?? (async () => {}),
  });
  starting.defer('a reload of the config', () => reloads.stop());

  const { version } = options;
  // What no event has to wait for is read when they can come in.
  const { openApi } = await import('./api.ts');
  admin = await openApi({
    reloads,
    base,
    front,
    dispatcher,
    definitions,
    retention,
    alarms,
    oldSecrets,
    readiness,
    numberOfItem: world.reader.numberOfItem,
    itemRuns: () => generations.current.parts.itemRuns(),
    timers: () => generations.current.parts.timers(),
    metrics,
    version,
    startedAt,
  });
  await writeRunFile(config.dataDir, {
    pid: process.pid,
    version,
    startedAt: new Date(startedAt).toISOString(),
    ingress: ingress.address,
    admin: admin.address,
  });

  // When the threads are up and all modules are there, and before anything calls Podio.
  if (options.ownsProcess) optimiseWasmLate();
  await definitions.start();
  if (options.ownsProcess) {
    starting.defer('the bound on memory', boundHeap());
    starting.defer('the giving back of memory', restWhenQuiet(store, dispatcher, clock));
  }
  dispatcher.start();
  lanesUp();
  retention.start();
  await alarms.start();
  await first.parts.start(false, work => work());
  if (options.reconcile !== 'asked') reconciler.start();
  // After the hooks: what they deliver by then need not be looked for.
  const catchUp = reconciler.firstDone.then(() => recovery.start());
  catchUp.catch(error =>
    log.error('looking for missed changes has not begun', { error: coerceError(error) }),
  );
  log.info('podiod is up', {
    version,
    ingress: ingress.address,
    admin: admin.address,
    rules: live.config.rules.length,
  });

  begun.resolve();

  const running = starting.move();
  let stopped: Promise<number> | undefined;
  return {
    events$: dispatcher.events$,
    runs$: runs$.asObservable(),
    ingress: ingress.address,
    admin: admin.address,
    reader: world.reader,
    fields: base.fields,
    catalog: definitions.catalog,
    reconciler,
    ready: readiness.ready,
    reload: reloads.reload,
    config: () => live.config,
    attributeUncaught: attribution.attributeUncaught,
    unstopped: () => running.left(),
    summary: async () =>
      summaryOf({
        readiness: readiness.status(),
        running: dispatcher.status(),
        lanes: await store.lanes.status(),
        disabled: live.config.disabledRules ?? [],
        parked: await store.parking.counts(),
        reconcile: reconciler.status(),
        config: reloads.status(),
      }),
    async probe() {
      await store.probe();
      await dispatcher.probe();
    },
    stop() {
      readiness.stopping();
      stopped ??= running[Symbol.asyncDispose]().then(() => {
        log.info('podiod has stopped', { left });
        return left;
      });
      return stopped;
    },
  };
}

/** How long the lanes may take to finish what is in hand. */
const lanesStopMs = ({ stopTimeoutMs }: Config): number =>
  Math.max(stopTimeoutMs - REST_MS, stopTimeoutMs / 2);

const noFile = async (): Promise<never> => {
  throw new UsageError('this daemon was started with a config that stands nowhere', 'Give it another one.');
};

/** What a line belongs to that is written while a plugin is at work, a call to Podio on its behalf included. */
const workOf = (scope: PluginScope | undefined): LogFields | undefined =>
  scope && {
    ...(scope.rule !== undefined && { rule: scope.rule }),
    ...(scope.step !== undefined && { step: scope.step }),
    ...(scope.event && { seq: scope.event.seq, event: scope.event.id }),
  };

/** What rules need that outlives them: items are read once for all, and whose a write is, is known. */
function makeRuleWorld(
  base: Base,
  attribution: Attribution,
  closing: Closing,
  /** Told of items that plugins have written. */
  wrote: Parts['wrote'],
): RuleWorld {
  const { podio, identities, names, store, log, clock, live } = base;
  const stopping = new AbortController();
  closing.defer('own writes', () => stopping.abort());
  const reliably = makeReliably({ clock, log: log.child({ module: 'podio' }) });
  const deletions = makeDeletions({ gaps: store.gaps, config: () => live.config, log });
  const own = new OwnWrites({
    gaps: store.gaps,
    own: store.own,
    head: store.journal.head(),
    names,
    isFollowed: app => live.config.rules.some(({ triggers }) => appsOf(triggers).includes(app)),
    wrote,
    reliably,
    signal: stopping.signal,
    log,
  });
  return {
    ...base,
    attribution,
    reader: makeItemReader({ client: podio, identities, log, onGone: deletions.proved, own }),
    own,
    onDelete: deletions.own,
    ticks: new Map(),
    late: new Map(),
  };
}
