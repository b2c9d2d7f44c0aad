/** Missed changes are found and told (ARCHITECTURE.md, G7): at once where a number is left out, else by looking again. */

import type { Observable, Subscription } from 'rxjs';
import type { AppConfig, Config } from '../config/model.ts';
import { backoffMs, isRateLimited, statedWaitMs } from '../core/backoff.ts';
import { type Clock, sleep } from '../core/clock.ts';
import { coerceError, PodioError } from '../core/errors.ts';
import type { NewEvent } from '../core/event.ts';
import type { HookRef } from '../core/hook.ts';
import type { Log } from '../core/log.ts';
import type { Rule } from '../core/rule.ts';
import { type Identities, identityKey, type PodioClient } from '../podio/contract.ts';
import { stretch } from '../podio/pace.ts';
import type { Singleton, Store } from '../store/contract.ts';
import { type FollowedApp, followedApps } from './apps.ts';
import { GapReader } from './gaps.ts';
import type { Finding } from './missed.ts';
import { isWatermark, sweep, WATERMARK_PREFIX, type Watermark } from './sweep.ts';

export interface RecoveryDeps {
  /** Asked for each time; which apps are followed only in the beginning and by `follow`. */
  readonly config: () => Pick<Config, 'catchUp'> & {
    readonly rules: readonly Rule[];
    readonly apps: ReadonlyMap<string, AppConfig>;
  };
  readonly store: Pick<Store, 'gaps' | 'changes$' | 'settings' | 'singleton' | 'now'>;
  readonly items: Pick<PodioClient['items'], 'filter' | 'revisions'>;
  /** What background work of an identity may call, an hour. */
  readonly share: PodioClient['share'];
  readonly identities: Identities;
  readonly clock: Clock;
  readonly log: Log;
  /** From 0 (included) to 1 (excluded). */
  readonly random: () => number;
  /** How far Podio's clock is ahead of this one, milliseconds. Default: not at all. */
  readonly podioAheadMs?: () => number;
  /** Podio was away and answers again. */
  readonly podioBack$?: Observable<void>;
  /** Items a page at most; default and maximum: 500. */
  readonly pageLimit?: number;
}

/** What only this process knows of an app's looks; the counts are in the store. */
export interface SweepStatus {
  readonly app: string;
  /** How often it is looked at: longer than configured where the background share of its identity's budget is too small. */
  readonly everyMs: number;
  readonly isSweeping: boolean;
  /** ISO 8601. */
  readonly lastSweepAt?: string;
  /** Why the last look did not end well. */
  readonly lastError?: string;
  /** Up to when everything has been looked at, by Podio's clock; ISO 8601. */
  readonly watermark?: string;
}

export interface Recovery {
  /** What a delivery of this type means to the ledger: for the ingress. */
  following(ref: HookRef, type: string, app: string | undefined): Pick<NewEvent, 'following' | 'baseline'>;
  /**
   * Deliveries of the app come again, or are about to, after some may not have come. Until a look that begins from now on is
   * through, what is delivered of an item that nothing is known of is no baseline: what was missed before it is found by that.
   */
  doubt(app: string | undefined): void;
  /** Begins to look. To be called once hooks are as they should be, so that nothing is found twice without need. */
  start(): Promise<void>;
  /** The config is another one: looks after the apps that its rules want changes of. Rejects with a StoreError. */
  follow(): Promise<void>;
  stop(): Promise<void>;
  /** In the order of the config's rules. */
  status(): readonly SweepStatus[];
}

/** Waits after a look that failed, unless the error states one. */
const RETRY = { fromMs: 15_000, toMs: 900_000 };

/** A wait that is nearly over when it is told must not become a hurry. */
const SHORTEST_WAIT_MS = 100;

interface Sweeping {
  app: FollowedApp;
  /** Aborted when no rule follows the app any more. */
  readonly ending: AbortController;
  isSweeping: boolean;
  failures: number;
  lastSweepAt: string | undefined;
  lastError: string | undefined;
  watermark: Watermark | undefined;
  /** What was changed while podiod was down, or its hooks were, may not have been found yet. */
  isBehind: boolean;
  /** How often that has come up. */
  doubts: number;
}

/** The same right, which also ends with `signal`. */
const linked = (lease: Singleton, signal: AbortSignal): Singleton => ({
  ...lease,
  usable: () => lease.usable() && !signal.aborted,
  signal: AbortSignal.any([lease.signal, signal]),
});

/** Reads how far each app had been looked at, so that the ingress can be told what to make of its deliveries. */
export async function makeRecovery(deps: RecoveryDeps): Promise<Recovery> {
  const { config, store, identities, clock, random, podioAheadMs = () => 0 } = deps;
  const log = deps.log.child({ module: 'recover' });
  /** By name. */
  const apps = new Map<string, Sweeping>();

  const meet = (app: FollowedApp, stored: ReadonlyMap<string, unknown>): Sweeping => {
    const found = stored.get(`${WATERMARK_PREFIX}${app.id}`);
    const watermark = isWatermark(found) ? found : undefined;
    return {
      app,
      ending: new AbortController(),
      isSweeping: false,
      failures: 0,
      lastSweepAt: undefined,
      lastError: undefined,
      watermark,
      isBehind: config().catchUp.onStart && watermark !== undefined,
      doubts: 0,
    };
  };

  /** Answers those that were not followed before. */
  const follow = async (): Promise<readonly Sweeping[]> => {
    const stored = await store.settings.list(WATERMARK_PREFIX);
    const before = new Map(apps);
    const met: Sweeping[] = [];
    // In one go, since the ingress asks in between.
    apps.clear();
    for (const [name, app] of followedApps(config().rules, config().apps)) {
      const known = before.get(name);
      const same = known?.app.id === app.id ? known : undefined;
      if (same) same.app = app;
      else met.push(meet(app, stored));
      const state = same ?? met.at(-1);
      if (state) apps.set(name, state);
    }
    const states = new Set(apps.values());
    for (const state of before.values()) {
      if (!states.has(state)) state.ending.abort(new Error('no rule follows the app any more'));
    }
    return met;
  };

  await follow();
  const running = new Set<Promise<void>>();
  const stopping = new AbortController();
  let gapReader: GapReader | undefined;
  let backs: Subscription | undefined;

  /** By the store's clock, as everything that a change's time is compared with: it is never set back while it runs. */
  const localTime = (podioMs: number): number => podioMs - podioAheadMs() + store.now() - clock.now();

  const findingFor = (name: string): Finding | undefined => {
    const app = apps.get(name)?.app;
    return app && { app, unhooked: config().catchUp.unhooked, localTime };
  };

  const sharersOf = (key: string | undefined): readonly Sweeping[] =>
    [...apps.values()].filter(({ app }) => {
      const as = identities.forApp(app.name);
      return (as && identityKey(as)) === key;
    });

  /** A look takes one filter call, and all apps of an identity share its budget. */
  const paceOf = ({ app }: Sweeping) => {
    const as = identities.forApp(app.name);
    const sharing = sharersOf(as && identityKey(as));
    const { everyMs } = config().catchUp;
    const calls = as ? deps.share(as).limited : Number.POSITIVE_INFINITY;
    return { sharing, everyMs: stretch(everyMs, sharing.length, calls) };
  };

  /** Where looks have to be spread they keep their distance; else jitter spreads them well enough. */
  const nextIn = (state: Sweeping): number => {
    const { everyMs } = config().catchUp;
    const pace = paceOf(state);
    return pace.everyMs > everyMs ? pace.everyMs : everyMs * (0.9 + random() * 0.2);
  };

  /** When the first look is due. Without a watermark there is no looking back: where the app stands has to be known. */
  const firstIn = (state: Sweeping): number => {
    const pace = paceOf(state);
    const { everyMs, onStart } = config().catchUp;
    if (!onStart && state.watermark) return nextIn(state);
    if (pace.everyMs <= everyMs) return 0;
    return (pace.everyMs / pace.sharing.length) * pace.sharing.indexOf(state);
  };

  const sweepOnce = async (state: Sweeping, lease: Singleton): Promise<number> => {
    const { app, doubts } = state;
    const { everyMs, overlapMs } = config().catchUp;
    const finding = findingFor(app.name);
    const as = identities.forApp(app.name);
    try {
      if (!finding || !as) {
        throw new PodioError('PODIO_NO_IDENTITY', `no token or login reaches app ${app.name}`, {
          retry: 'never',
        });
      }
      const { items, pageLimit } = deps;
      const { told, isSure, odd } = await sweep(
        {
          items,
          gaps: store.gaps,
          settings: store.settings,
          clock,
          podioNow: () => clock.now() + podioAheadMs(),
          overlapMs,
          ...(pageLimit && { limit: pageLimit }),
        },
        finding,
        as,
        lease,
        watermark => {
          state.watermark = watermark;
        },
      );
      if (told > 0) log.info('missed changes found', { app: app.name, changes: told });
      if (odd.length > 0)
        log.warn(
          'of these items Podio does not tell when they were made and edited: nothing that was missed of them is found',
          {
            app: app.name,
            items: odd.length,
            first: odd[0],
          },
        );
      state.failures = 0;
      state.lastError = undefined;
      state.lastSweepAt = new Date(clock.now()).toISOString();
      if (!isSure) return Math.min(RETRY.fromMs, nextIn(state));
      if (state.doubts === doubts) state.isBehind = false;
      return nextIn(state);
    } catch (thrown) {
      const error = coerceError(thrown);
      if (!lease.usable()) throw error;
      const statedMs = statedWaitMs(error) ?? 0;
      if (isRateLimited(error)) {
        log.debug('catching up waits', { app: app.name, waitMs: statedMs });
        return Math.max(statedMs, SHORTEST_WAIT_MS);
      }
      state.failures += 1;
      const first = state.lastError === undefined;
      state.lastError = error.message;
      log[first ? 'warn' : 'debug']('catching up failed', { app: app.name, error });
      return Math.max(statedMs, Math.min(backoffMs(state.failures, RETRY), everyMs));
    }
  };

  /** Looks at the app again and again, until it is to end. */
  const watch = async (state: Sweeping, lease: Singleton, waitMs: number): Promise<void> => {
    let wait = waitMs;
    for (;;) {
      if (wait > 0) await sleep(clock, wait, lease.signal);
      state.isSweeping = true;
      try {
        wait = await sweepOnce(state, lease);
      } finally {
        state.isSweeping = false;
      }
    }
  };

  let sweeping: Singleton | undefined;
  const watchAll = (states: Iterable<Sweeping>): void => {
    for (const state of states) {
      if (sweeping === undefined) return;
      const lease = linked(sweeping, state.ending.signal);
      const watching = watch(state, lease, firstIn(state))
        .catch(error => {
          if (lease.usable())
            log.error('catching up has ended', { app: state.app.name, error: coerceError(error) });
        })
        .finally(() => running.delete(watching));
      running.add(watching);
    }
  };

  return {
    following(ref, type, name) {
      const state = name === undefined ? undefined : apps.get(name);
      if (!state) return {};
      const { own } = state.app;
      // A creation that nobody is told of by the app's own hook is not due there: it would be read for nothing.
      const isOwn = ref.type === 'app' || (type === 'item.create' && !own.has(type));
      const following = own.has('item.update') ? (isOwn ? 'jumps' : 'beside') : 'loose';
      return { following, ...(state.isBehind && { baseline: false as const }) };
    },

    doubt(name) {
      if (name === undefined) return;
      // Its hooks could be mended, so Podio answers of it.
      gapReader?.wake(name);
      const state = apps.get(name);
      // Before the first look nothing is looked back to.
      if (!state?.watermark) return;
      state.isBehind = true;
      state.doubts += 1;
    },

    async start() {
      if (stopping.signal.aborted) return;
      const lease = linked(await store.singleton('catch-up'), stopping.signal);
      const reading = linked(await store.singleton('gap-release'), stopping.signal);
      if (stopping.signal.aborted) return;
      gapReader = new GapReader({
        store,
        lease: reading,
        items: deps.items,
        identities,
        findingFor,
        clock,
        log,
      });
      gapReader.start();
      backs = deps.podioBack$?.subscribe(() => gapReader?.wake());
      sweeping = lease;
      watchAll(apps.values());
    },

    async follow() {
      watchAll(await follow());
      // Whatever kept something from being read may be what the config was changed for.
      gapReader?.wake();
    },

    async stop() {
      stopping.abort(new Error('podiod is stopping'));
      backs?.unsubscribe();
      await gapReader?.stop();
      await Promise.all(running);
    },

    status: () =>
      Array.from(apps.values(), state => {
        const { app, isSweeping, lastSweepAt, lastError, watermark } = state;
        return {
          app: app.name,
          everyMs: paceOf(state).everyMs,
          isSweeping,
          ...(lastSweepAt !== undefined && { lastSweepAt }),
          ...(lastError !== undefined && { lastError }),
          ...(watermark !== undefined && { watermark: new Date(watermark.reached).toISOString() }),
        };
      }),
  };
}
