import type { Config } from '../config/model.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import type { HookRef } from '../core/hook.ts';
import type { Log } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import { carryOver, withKeys } from '../dispatch/renames.ts';
import type { Address, HttpServer } from '../http/server.ts';
import { makeIngress } from '../ingress/ingress.ts';
import type { RootLog } from '../log/log.ts';
import {
  type HandshakeAnswer,
  type HookPlace,
  makeReconciler,
  makeVerifier,
  type Reconciler,
  type ReconcilerEffects,
  shakeHands,
} from '../reconcile/index.ts';
import { makeRecovery, type Recovery } from '../recover/index.ts';
import type { InheritedSockets } from '../service/index.ts';
import { lockDataDir, openStore, type Store } from '../store/index.ts';
import type { Closing } from './closing.ts';
import { makeCommandTokens, withTokensOfCommands } from './command-tokens.ts';
import { type Connection, connect } from './connect.ts';
import { type HookSecrets, makeHookSecrets } from './hook-secrets.ts';
import { type Live, makeLive } from './live.ts';
import { placeOf } from './place.ts';

export interface BaseOptions {
  readonly log: Log & Partial<Pick<RootLog, 'addSecrets' | 'mask' | 'levels' | 'correlate'>>;
  readonly clock?: Clock;
  readonly fetch?: typeof globalThis.fetch;
  /** What Podio is to call, where that is known only once the ingress listens. Default: `server.publicUrl`. */
  readonly publicUrl?: (ingress: Address) => string;
  /** Listened on in place of the config's addresses. */
  readonly sockets?: InheritedSockets;
}

/** What everything that works on a dataDir stands on. It outlives a reload of the config. */
export interface Base extends Connection {
  /** The config, which a reload may exchange; `identities` and `names` are those of it. */
  readonly live: Live;
  readonly options: BaseOptions;
  readonly log: Log;
  readonly clock: Clock;
  readonly fetch: typeof globalThis.fetch;
  readonly metrics: Metrics;
  readonly store: Store;
  readonly secrets: HookSecrets;
}

/** Takes the lock on dataDir and opens the store. What has to be closed is left with `closing`. */
export async function openBase(
  config: Config,
  options: BaseOptions,
  metrics: Metrics,
  closing: Closing,
): Promise<Base> {
  const { log, clock = systemClock, fetch = globalThis.fetch } = options;
  const { dataDir, server } = config;
  const lock = lockDataDir(dataDir);
  closing.defer('the lock on dataDir', () => lock.release());
  const onLost = (error: Error): void => {
    // Caught by nobody, so the process ends: to live on would mean to answer 503 for ever.
    setImmediate(() => {
      throw error;
    });
  };
  const store = await openStore({ dataDir, lock, clock, maxWaiting: server.maxWaiting, log, onLost });
  closing.defer('the store', () => store.close());

  const secrets = await makeHookSecrets({ dataDir, server, log, hide: options.log.addSecrets });
  await carryOver(store.rules, config.rules, log);
  const rules = withKeys(config.rules, await store.rules.keys());
  const { podio, fields, ...reach } = await connect(config, {
    settings: withTokensOfCommands(store.settings, makeCommandTokens(dataDir, log, clock.now)),
    log,
    clock,
    fetch,
    metrics,
  });
  const live = makeLive({ config: { ...config, rules }, ...reach });
  const { identities, names } = live;
  return {
    live,
    podio,
    fields,
    identities,
    names,
    options,
    log,
    clock,
    fetch,
    metrics,
    store,
    secrets,
  };
}

/** The side that Podio sees: where its deliveries come in, and what keeps its hooks right. */
export interface Front {
  readonly ingress: HttpServer;
  /** Why events can't be taken in now; undefined while they can. */
  readonly outage: () => string | undefined;
  /** Events that have come in and are not on disk yet. */
  readonly waiting: () => number;
  readonly reconciler: Reconciler;
  readonly recovery: Recovery;
  readonly publicUrl: () => string;
  /** Has Podio ping a hook, which tries the whole way there and back. */
  handshake(hook: HookPlace): Promise<HandshakeAnswer>;
}

/** How long the ingress may take to answer what it holds when it closes, milliseconds. */
const CLOSE_MS = 2000;

/** Listens, so that hooks can be verified. Reconciler and recovery do nothing until they are told to. */
export async function openFront(
  base: Base,
  closing: Closing,
  /** Told of every app.update that comes in, by the app's name. */
  onAppUpdate: (app: string) => void = () => {},
  /** Told of hooks that did not deliver for a while, and do so now. */
  onMended?: ReconcilerEffects['onMended'],
): Promise<Front> {
  const { live, options, podio, identities, fields, names, store, secrets, log, clock, metrics } = base;
  const { server } = live.config;
  const verifier = makeVerifier({ podio, identities, clock, log });
  closing.defer('the verifier', () => verifier.stop());
  const recovery = await makeRecovery({
    config: () => live.config,
    store,
    items: podio.items,
    share: podio.share,
    identities,
    clock,
    log,
    random: Math.random,
    podioAheadMs: podio.clock.aheadMs,
    podioBack$: podio.back$,
  });
  const { listen, outage, waiting } = makeIngress({
    path: server.path,
    secrets: secrets.all,
    journal: store.journal,
    verify: verifier.verified,
    resolve: (ref, params) => {
      const { app, space } = placeOf(ref, params, names);
      if (params.type === 'app.update' && app !== undefined) onAppUpdate(app);
      const { following, baseline } = recovery.following(ref, params.type ?? '', app);
      return { app, space, following, baseline };
    },
    maxBody: server.maxBody,
    maxWaiting: server.maxWaiting,
    strangers: server.rateLimit,
    trustProxy: server.trustProxy,
    maxConnections: server.maxConnections,
    log,
    metrics,
    clock,
    probe: store.probe,
  });
  const fd = options.sockets?.ingress;
  const ingress = await listen({ host: server.host, port: server.port, ...(fd !== undefined && { fd }) });
  closing.defer('the ingress', () => ingress.close(CLOSE_MS));

  const doubt = (ref: HookRef): void => recovery.doubt(names.appOfRef(ref));
  const publicUrl = (): string => options.publicUrl?.(ingress.address) ?? live.config.server.publicUrl;
  const reconciler = makeReconciler({
    config: () => ({ ...live.config, publicUrl: publicUrl(), secrets: secrets.all() }),
    podio,
    identities,
    fields,
    settings: store.settings,
    verifier,
    clock,
    log,
    random: Math.random,
    onMending: doubt,
    onMended(ref, since) {
      doubt(ref);
      onMended?.(ref, since);
    },
  });
  closing.defer('the reconciler', () => reconciler.stop());
  closing.defer('the search for missed changes', () => recovery.stop());
  const handshake = (hook: HookPlace) => shakeHands({ podio, identities, verifier, clock }, hook);
  return { ingress, outage, waiting, reconciler, recovery, publicUrl, handshake };
}
