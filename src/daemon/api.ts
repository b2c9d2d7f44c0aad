/** The admin API, joined to the parts that it tells of and asks. */
import { makeAdmin } from '../admin/admin.ts';
import type { MetricsRegistry } from '../admin/metrics.ts';
import type { Readiness, StatusFacts } from '../admin/status.ts';
import type { Alarms } from '../alarms/watch.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { Address, HttpServer } from '../http/server.ts';
import type { Retention } from '../retention/retention.ts';
import type { ItemRunStatus } from '../schedule/item-runs.ts';
import type { TimersStatus } from '../schedule/timers.ts';
import { ensureSecretFile, keepSecretFile } from '../store/files.ts';
import type { Base, Front } from './base.ts';
import type { Definitions } from './definitions.ts';
import { freeBytes } from './disk.ts';
import type { OldSecrets } from './hook-secrets.ts';
import { dropParked, retryParked } from './parked.ts';
import { makePauseDesk } from './pauses.ts';
import { reconcile } from './reconcile.ts';
import type { Reloads } from './reload.ts';

export interface ApiParts {
  readonly reloads: Pick<Reloads, 'reload' | 'status'>;
  readonly base: Base;
  readonly front: Front;
  readonly dispatcher: Dispatcher;
  readonly definitions: Definitions;
  readonly retention: Retention;
  readonly alarms: Pick<Alarms, 'raised'>;
  readonly oldSecrets: Pick<OldSecrets, 'status'>;
  readonly readiness: { status(): Readiness };
  readonly numberOfItem: (itemId: number) => number | undefined;
  /** Ticks whose items are being read. */
  readonly itemRuns: () => readonly ItemRunStatus[];
  readonly timers: () => readonly TimersStatus[];
  readonly metrics: MetricsRegistry;
  readonly version: string;
  /** UTC milliseconds. */
  readonly startedAt: number;
}

/** Listens. Rejects with INGRESS_PORT when the address can't be had. */
export async function openApi(parts: ApiParts): Promise<HttpServer> {
  const { base, front, dispatcher, readiness, metrics } = parts;
  const { live, options, store, log } = base;
  const { reconciler, handshake } = front;
  const { admin, dataDir } = live.config;
  const token = admin.token ?? (await ensureSecretFile(dataDir, 'admin-token'));
  // Commands are often run in a shell that does not have the daemon's environment.
  if (admin.token !== undefined) await keepSecretFile(dataDir, 'admin-token', token);
  options.log.addSecrets?.([token]);
  const ruleNames = (): readonly string[] => live.config.rules.map(({ name }) => name);
  let server: HttpServer | undefined;
  const fd = options.sockets?.admin;
  server = await makeAdmin({
    token,
    deps: {
      readiness: readiness.status,
      facts: () => factsOf(parts, server?.address ?? admin),
      events: store.journal.list,
      parking: {
        list: store.parking.list,
        drop: selection => dropParked(store.parking, metrics, selection),
        retry: selection => retryParked(store.parking, ruleNames(), selection),
      },
      // What people ask for now and then is read when they do.
      findItem: async name => {
        const { findItem, parseItemName } = await import('./find-item.ts');
        return findItem(base, live.config, parseItemName(name));
      },
      numberOfItem: parts.numberOfItem,
      why: async request => {
        const { whyInDaemon } = await import('./why.ts');
        return whyInDaemon(
          base,
          {
            config: live.config,
            fields: base.fields,
            store,
            running: {
              rules: dispatcher.status,
              inHand: dispatcher.inHand,
              reconcile: reconciler.status,
            },
          },
          request,
        );
      },
      replay: dispatcher.replay,
      readPodio: async request =>
        (await import('./podio-read.ts')).readForCommand(base.podio, live.config, request),
      fire: async request =>
        (await import('./fire.ts')).fireByHand(base, live.config, store.journal, request),
      ...makePauseDesk({
        pauses: store.pauses,
        rules: ruleNames,
        plugins: () => dispatcher.breakers().map(({ plugin }) => plugin),
        seen: dispatcher.pausesSeen,
      }),
      logLevels: options.log.levels,
      async handshake(hookId) {
        const hook = reconciler.status().hooks.find(one => one.owner === 'ours' && one.hookId === hookId);
        return hook && handshake(hook);
      },
      reconcile: request => reconcile(reconciler, request),
      reload: ({ dryRun }) => parts.reloads.reload({ dryRun }),
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
    mask: options.log.mask ?? Object.assign((text: string) => text, { known: (text: string) => text }),
  }).listen({ ...admin, ...(fd !== undefined && { fd }) });
  return server;
}

async function factsOf(
  {
    reloads,
    base,
    front,
    dispatcher,
    definitions,
    retention,
    alarms,
    oldSecrets,
    readiness,
    itemRuns,
    timers,
    version,
    startedAt,
  }: ApiParts,
  admin: Address,
): Promise<StatusFacts> {
  const { live, podio, store, clock } = base;
  return {
    version,
    pid: process.pid,
    startedAt,
    now: clock.now(),
    readiness: readiness.status(),
    publicUrl: front.publicUrl(),
    ingress: front.ingress.address,
    admin,
    head: store.journal.head(),
    waiting: front.waiting(),
    diskFree: await freeBytes(live.config.dataDir),
    retention: await retention.status(),
    lanes: await store.lanes.status(),
    disabled: live.config.disabledRules ?? [],
    running: dispatcher.status(),
    breakers: dispatcher.breakers(),
    replays: await store.replays.list(),
    paused: await store.pauses.list(),
    itemRuns: itemRuns(),
    timers: timers(),
    armed: await store.timers.counts(),
    parked: await store.parking.counts(),
    reconcile: front.reconciler.status(),
    budgets: podio.budgets(),
    sweeps: front.recovery.status(),
    completeness: await store.gaps.completeness(),
    definitions: definitions.status(),
    config: reloads.status(),
    alarms: alarms.raised(),
    oldSecret: oldSecrets.status(),
  };
}
