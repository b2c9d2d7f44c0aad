/**
 * The composition root: builds every part, joins them, and owns the order in which they start and stop. Nothing else in
 * podiod knows all of it.
 */
import { statfs } from 'node:fs/promises';
import { type Observable, Subject } from 'rxjs';
import { makeAdmin } from '../admin/admin.ts';
import { makeMetrics } from '../admin/metrics.ts';
import { removeRunFile, writeRunFile } from '../admin/run-file.ts';
import type { StatusFacts } from '../admin/status.ts';
import { summaryOf } from '../admin/summary.ts';
import type { Config } from '../config/model.ts';
import type { Catalog } from '../core/catalog.ts';
import { coerceError } from '../core/errors.ts';
import type { PodioEvent } from '../core/event.ts';
import type { LogFields } from '../core/log.ts';
import type { RunRecord } from '../core/run.ts';
import { type Dispatcher, makeDispatcher } from '../dispatch/dispatcher.ts';
import { makeReliably } from '../dispatch/reliably.ts';
import { outboundFetch } from '../http/outbound.ts';
import type { Address, HttpServer } from '../http/server.ts';
import { type Attribution, makeAttribution, type PluginScope } from '../plugin/attribution.ts';
import { makePluginHost } from '../plugin/host.ts';
import { makePluginLoader } from '../plugin/load.ts';
import { findApp } from '../plugin/view.ts';
import type { FieldDirectory, ItemReader } from '../podio/contract.ts';
import { makeItemReader, makePluginPodio } from '../podio/index.ts';
import type { Reconciler } from '../reconcile/index.ts';
import { makeRetention } from '../retention/retention.ts';
import { makeScheduler } from '../schedule/scheduler.ts';
import { ensureSecretFile, keepSecretFile } from '../store/files.ts';
import { type Base, type BaseOptions, openBase, openFront } from './base.ts';
import { Closing } from './closing.ts';
import { confirmed } from './confirm.ts';
import { makeDefinitions } from './definitions.ts';
import { findItem, parseItemName } from './find-item.ts';
import { fireByHand } from './fire.ts';
import { forgetWhenReplaced } from './hook-secrets.ts';
import { boundHeap, restWhenQuiet } from './memory.ts';
import { makeOwnWrites } from './own-writes.ts';
import { retryParked } from './parked.ts';
import { makePauseDesk } from './pauses.ts';
import { makeReadiness } from './readiness.ts';
import { reconcile } from './reconcile.ts';
import { tapLanes } from './tap.ts';
import { whyInDaemon } from './why.ts';

export interface DaemonOptions extends BaseOptions {
  /** Of podiod, for `status` and run.json. */
  readonly version: string;
  /** `loop` (default): at boot and again and again. `asked`: only through {@link Daemon.reconciler}, as the demo does. */
  readonly reconcile?: 'loop' | 'asked';
  /** The process is podiod's alone: its memory may be managed, which costs all that runs in it a pause now and then. */
  readonly ownsProcess?: boolean;
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
  const { store, log, clock } = base;
  const startedAt = clock.now();

  // The admin API starts late, when there is something to tell, and ends late, to tell of the end.
  let admin: HttpServer | undefined;
  starting.defer('the admin API', async () => {
    await admin?.close(ADMIN_CLOSE_MS);
    await removeRunFile(config.dataDir);
  });

  const runs$ = new Subject<RunRecord>();
  starting.defer('the stream of runs', () => runs$.complete());
  const attribution = options.attribution ?? makeAttribution(log);
  options.log.correlate?.(() => workOf(attribution.current()));
  const { dispatcher, reader } = buildLanes(base, attribution, run => runs$.next(run), starting);
  let left = 0;
  starting.defer(
    'the lanes',
    async () => {
      left = await dispatcher.stop(Math.max(config.stopTimeoutMs - REST_MS, config.stopTimeoutMs / 2));
    },
    () => dispatcher.status().flatMap(({ rule, inHand }) => (inHand > 0 ? [`rule ${rule}`] : [])),
  );

  await dispatcher.open();
  const definitions = makeDefinitions({
    ...base,
    config: () => config,
    settings: store.settings,
    onMoved: () => {
      if (options.reconcile === 'asked') return;
      reconciler.now().catch(error => log.warn('hooks not looked at', { error: coerceError(error) }));
    },
  });
  starting.defer("the apps' definitions", () => definitions.stop());
  const { ingress, outage, reconciler, recovery, publicUrl, handshake } = await openFront(
    base,
    starting,
    definitions.noticed,
  );
  const scheduler = makeScheduler({
    ...base,
    rules: config.rules,
    journal: store.journal,
    settings: store.settings,
  });
  starting.defer('the schedules', () => scheduler.stop());
  const retention = makeRetention({
    store,
    limits: () => config.retention,
    rules: () => dispatcher.status().map(({ rule }) => rule),
    clock,
    log,
  });
  starting.defer('retention', () => retention.stop());
  starting.defer('old secrets', forgetWhenReplaced(base.secrets, reconciler, clock, log));
  const readiness = makeReadiness({ clock, reconciler, outage });
  starting.defer('readiness', readiness.waitForHooks());
  const lanesUp = readiness.wait('the lanes are starting');

  const token = config.admin.token ?? (await ensureSecretFile(config.dataDir, 'admin-token'));
  // Commands are often run in a shell that does not have the daemon's environment.
  if (config.admin.token !== undefined) await keepSecretFile(config.dataDir, 'admin-token', token);
  options.log.addSecrets?.([token]);
  const facts = async (adminAddress: Address): Promise<StatusFacts> => ({
    version: options.version,
    pid: process.pid,
    startedAt,
    now: clock.now(),
    readiness: readiness.status(),
    publicUrl,
    ingress: ingress.address,
    admin: adminAddress,
    head: store.journal.head(),
    diskFree: await freeBytes(config.dataDir),
    retention: await retention.status(),
    lanes: await store.lanes.status(),
    running: dispatcher.status(),
    breakers: dispatcher.breakers(),
    replays: await store.replays.list(),
    paused: await store.pauses.list(),
    parked: await store.parking.counts(),
    reconcile: reconciler.status(),
    budgets: base.podio.budgets(),
    sweeps: recovery.status(),
    completeness: await store.gaps.completeness(),
    definitions: definitions.status(),
  });
  const adminFd = options.sockets?.admin;
  admin = await makeAdmin({
    token,
    deps: {
      readiness: readiness.status,
      facts: () => facts(admin?.address ?? config.admin),
      events: store.journal.list,
      parking: {
        list: store.parking.list,
        drop: store.parking.drop,
        retry: selection =>
          retryParked(
            store.parking,
            config.rules.map(({ name }) => name),
            selection,
          ),
      },
      findItem: async name => findItem(base, config, parseItemName(name)),
      why: request =>
        whyInDaemon(
          base,
          {
            config,
            fields: base.fields,
            store,
            running: { rules: dispatcher.status, reconcile: reconciler.status },
          },
          request,
        ),
      replay: dispatcher.replay,
      fire: request => fireByHand(base, config, store.journal, request),
      ...makePauseDesk({
        pauses: store.pauses,
        rules: () => config.rules.map(({ name }) => name),
        plugins: () => dispatcher.breakers().map(({ plugin }) => plugin),
        seen: dispatcher.pausesSeen,
      }),
      logLevels: options.log.levels,
      async handshake(hookId) {
        const hook = reconciler.status().hooks.find(one => one.owner === 'ours' && one.hookId === hookId);
        return hook && handshake(hook);
      },
      reconcile: request => reconcile(reconciler, request),
      rotateSecret: async () => {
        await base.secrets.rotate();
        return reconcile(reconciler, {
          dryRun: false,
          prune: false,
          move: false,
          allowDeletes: false,
        });
      },
    },
    metrics,
    log,
    mask: options.log.mask?.known ?? (text => text),
  }).listen({ ...config.admin, ...(adminFd !== undefined && { fd: adminFd }) });
  await writeRunFile(config.dataDir, {
    pid: process.pid,
    version: options.version,
    startedAt: new Date(startedAt).toISOString(),
    ingress: ingress.address,
    admin: admin.address,
  });

  await definitions.start();
  if (options.ownsProcess) {
    starting.defer('the bound on memory', boundHeap());
    starting.defer('the giving back of memory', restWhenQuiet(store, clock));
  }
  dispatcher.start();
  lanesUp();
  retention.start();
  await scheduler.start();
  if (options.reconcile !== 'asked') reconciler.start();
  // After the hooks: what they deliver by then need not be looked for.
  const catchUp = reconciler.firstDone.then(() => recovery.start());
  catchUp.catch(error =>
    log.error('looking for missed changes has not begun', { error: coerceError(error) }),
  );
  const { version } = options;
  log.info('podiod is up', {
    version,
    ingress: ingress.address,
    admin: admin.address,
    rules: config.rules.length,
  });

  const running = starting.move();
  let stopped: Promise<number> | undefined;
  return {
    events$: dispatcher.events$,
    runs$: runs$.asObservable(),
    ingress: ingress.address,
    admin: admin.address,
    reader,
    fields: base.fields,
    catalog: definitions.catalog,
    reconciler,
    ready: readiness.ready,
    attributeUncaught: attribution.attributeUncaught,
    unstopped: () => running.left(),
    summary: async () =>
      summaryOf({
        readiness: readiness.status(),
        running: dispatcher.status(),
        lanes: await store.lanes.status(),
        parked: await store.parking.counts(),
        reconcile: reconciler.status(),
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

/** For whoever may write there without being root. */
const freeBytes = (dir: string): Promise<number | undefined> =>
  statfs(dir).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => undefined,
  );

/** What a line belongs to that is written while a plugin is at work, a call to Podio on its behalf included. */
const workOf = (scope: PluginScope | undefined): LogFields | undefined =>
  scope && {
    ...(scope.rule !== undefined && { rule: scope.rule }),
    ...(scope.step !== undefined && { step: scope.step }),
    ...(scope.event && { seq: scope.event.seq, event: scope.event.id }),
  };

/** The side that rules see: plugins set up for their steps, and a lane for each rule. */
function buildLanes(
  base: Base,
  attribution: Attribution,
  onRun: (run: RunRecord) => void,
  closing: Closing,
): { dispatcher: Dispatcher; reader: ItemReader } {
  const { config, podio, identities, fields, names, store, log, clock, fetch, metrics } = base;
  const reader = makeItemReader({ client: podio, identities, log });
  const stopping = new AbortController();
  closing.defer('own writes', () => stopping.abort());
  const reliably = makeReliably({ clock, log: log.child({ module: 'podio' }) });
  const pluginPodio = makePluginPodio({
    client: podio,
    identities,
    names,
    logins: [...config.logins.values()].map(login => ({ kind: 'login', ...login })),
    appOfItem: reader.appOfItem,
    current: attribution.current,
    onWrite: makeOwnWrites({ gaps: store.gaps, names, reliably, signal: stopping.signal, log }),
  });
  const plugins = makePluginHost({
    loader: makePluginLoader({ configDir: config.dir, attribution, clock }),
    reader,
    podioFor: () => pluginPodio,
    values: store.values,
    log,
    clock,
    fetch: outboundFetch(config.outbound, fetch),
    attribution,
    apps: app => findApp(config.apps, app),
    previousRun: async (rule, { seq }) => {
      const at = await store.lanes.previous(rule, seq);
      return at === undefined ? undefined : new Date(at).toISOString();
    },
    knowsField: ({ app: name }, field) => {
      const app = name === undefined ? undefined : config.apps.get(name);
      if (app === undefined || !fields.hasRead(app.id)) return undefined;
      return fields.known(app.id, app.fields[field] ?? field) !== undefined;
    },
  });
  closing.defer('the plugins', () => plugins.dispose(), plugins.disposing);
  const dispatcher = makeDispatcher({
    rules: config.server.confirm ? config.rules.map(confirmed) : config.rules,
    store: { ...store, lanes: tapLanes(store.lanes, store.now, onRun) },
    plugins,
    reader,
    known: { apps: config.apps, spaces: config.spaces, fields },
    clock,
    log,
    metrics,
    ...(base.options.log.mask && { mask: base.options.log.mask.known }),
  });
  return { dispatcher, reader };
}
