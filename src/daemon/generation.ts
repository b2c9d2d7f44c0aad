/**
 * What is built of one config, and so anew by a reload, while everything in `Base` lives on. Whatever goes by the rules
 * belongs here, or asks for the config each time (`base.live.config`).
 */
import type { Rule } from '../core/rule.ts';
import type { RuleSet } from '../dispatch/dispatcher.ts';
import { checkUrl, outboundConnect, outboundFetch } from '../http/outbound.ts';
import type { Attribution } from '../plugin/attribution.ts';
import { makeCapture } from '../plugin/capture.ts';
import { connect } from '../plugin/connect.ts';
import { makePluginHost } from '../plugin/host.ts';
import { makePluginLoader } from '../plugin/load.ts';
import { findApp } from '../plugin/view.ts';
import {
  knowsField,
  type LearningItemReader,
  makePluginPodio,
  type PluginPodioOptions,
} from '../podio/index.ts';
import { type ItemRunStatus, makeItemRuns } from '../schedule/item-runs.ts';
import { type HandedOver, makeScheduler } from '../schedule/scheduler.ts';
import { type LateTimers, makeRuleTimers, type RuleTimers, type TimersStatus } from '../schedule/timers.ts';
import type { Base } from './base.ts';
import { confirmed } from './confirm.ts';
import type { Terms } from './live.ts';
import type { OwnWrites } from './own-writes.ts';

/** What rules need that outlives them. */
export interface RuleWorld extends Base {
  readonly attribution: Attribution;
  readonly reader: LearningItemReader;
  /** Knows what plugins write at Podio. */
  readonly own: OwnWrites;
  readonly onDelete: NonNullable<PluginPodioOptions['onDelete']>;
  /** Of the schedules of one config to those of the next. */
  readonly ticks: HandedOver;
  /** Of the timers, likewise. */
  readonly late: LateTimers;
}

/** Something that goes by the rules and is no lane: it works from `start` until `stop`, once. */
export interface Part {
  readonly name: string;
  /**
   * Called when the lanes work. `goesOn`: another one has worked until just now, so that what came due meanwhile is late and
   * not missed. Rejects with a StoreError, and may be called again then.
   */
  start(goesOn?: boolean): Promise<void>;
  stop(): Promise<void>;
}

/** What goes by the rules of one config and is no lane. */
export interface Parts {
  /** In order; see {@link Part.start}. Each start goes through `tried`, which may call it again. */
  start(goesOn: boolean, tried: <T>(work: () => Promise<T>) => Promise<T>): Promise<void>;
  /** Stops what was started, in reverse. */
  stop(): Promise<void>;
  /** What is being stopped; none or one. */
  stopping(): readonly string[];
  /** Ticks whose items are being read. */
  itemRuns(): readonly ItemRunStatus[];
  /** What rules wait for that time brings. */
  timers(): readonly TimersStatus[];
  /** podiod has written an item itself, whichever generation's plugin it was. */
  readonly wrote: RuleTimers['wrote'];
}

/** The plugins of one config's rules. They live as long as one of its lanes does, so they hold nothing else of it. */
export interface RulePlugins {
  /** Disposes of those of one rule. Never rejects. */
  release(rule: string): Promise<void>;
  /** Each with a deadline. Never rejects. */
  dispose(): Promise<void>;
  /** Whose dispose() is under way. */
  disposing(): readonly string[];
}

export interface Generation {
  /** What lanes are made of. Their plugins belong to this generation, also where others have taken over from it. */
  readonly set: RuleSet;
  readonly parts: Parts;
  readonly plugins: RulePlugins;
}

/** Sets nothing up and starts nothing: lanes do, as they are made. */
export function makeGeneration(world: RuleWorld, terms: Terms): Generation {
  const { attribution, podio, fields, store, log, clock, fetch, reader } = world;
  const { config } = terms;
  const rules = config.server.confirm ? config.rules.map(confirmed) : config.rules;
  const seen = world.live.seenBy(terms);
  const pluginPodio = makePluginPodio({
    client: podio,
    identities: seen.identities,
    names: seen.names,
    get logins() {
      return Array.from(seen.config.logins.values(), login => ({ kind: 'login' as const, ...login }));
    },
    appOfItem: reader.appOfItem,
    current: attribution.current,
    watch: world.own,
    onDelete: world.onDelete,
  });
  const plugins = makePluginHost({
    capture: makeCapture({
      podio: pluginPodio,
      values: store.values,
      appName: appId => seen.names.app(appId),
      checkUrl: url => checkUrl(config.outbound, url),
    }),
    loader: makePluginLoader({ configDir: config.dir, attribution, clock }),
    reader,
    podioFor: () => pluginPodio,
    values: store.values,
    log,
    clock,
    fetch: outboundFetch(config.outbound, fetch),
    connect: outboundConnect(config.outbound, connect),
    mayCall: url => checkUrl(config.outbound, url),
    attribution,
    apps: app => findApp(seen.config.apps, app),
    previousRun: async (rule, { seq }) => {
      const shadow = rules.find(({ name }) => name === rule)?.shadow;
      const at = await store.lanes.previous(rule, seq, shadow);
      return at === undefined ? undefined : new Date(at).toISOString();
    },
    knowsField: ({ app: name }, field) => {
      const app = name === undefined ? undefined : seen.config.apps.get(name);
      return app && knowsField(fields, app, field);
    },
  });
  return {
    set: { rules, plugins, known: { apps: config.apps, spaces: config.spaces, fields } },
    parts: makeParts(world, rules, seen),
    plugins: {
      async release(name) {
        const rule = rules.find(one => one.name === name);
        if (rule) await plugins.release(rule);
      },
      dispose: plugins.dispose,
      disposing: plugins.disposing,
    },
  };
}

function makeParts(world: RuleWorld, rules: readonly Rule[], seen: Terms): Parts {
  const { podio, fields, store, log, clock, reader } = world;
  const itemRuns = makeItemRuns({
    rules,
    apps: () => seen.config.apps,
    journal: store.journal,
    settings: store.settings,
    singleton: store.singleton,
    podio,
    identities: seen.identities,
    learn: reader.learn,
    lag: async rule => (await store.lanes.status()).find(lane => lane.rule === rule)?.lag,
    mask: world.options.log.mask?.known,
    clock,
    log,
  });
  const ruleTimers = makeRuleTimers({
    rules,
    config: () => seen.config,
    store,
    podio,
    identities: seen.identities,
    fields,
    learn: reader.learn,
    podioAheadMs: podio.clock.aheadMs,
    late: world.late,
    clock,
    log,
  });
  const scheduler = makeScheduler({
    rules,
    journal: store.journal,
    settings: store.settings,
    itemRuns,
    handedOver: world.ticks,
    clock,
    log,
  });
  return {
    ...running([
      { name: 'the items of schedules', ...itemRuns },
      { name: 'the schedules', ...scheduler },
      { name: 'the timers', start: ruleTimers.start, stop: ruleTimers.stop },
    ]),
    itemRuns: itemRuns.status,
    timers: ruleTimers.status,
    wrote: ruleTimers.wrote,
  };
}

/** What is started of these parts, and stopped again. */
function running(parts: readonly Part[]): Pick<Parts, 'start' | 'stop' | 'stopping'> {
  let started: Part[] = [];
  let stopping: Part | undefined;
  return {
    async start(goesOn, tried) {
      for (const part of parts) {
        started.push(part);
        await tried(() => part.start(goesOn));
      }
    },
    async stop() {
      const toStop = started.toReversed();
      started = [];
      for (const part of toStop) {
        stopping = part;
        await part.stop();
      }
      stopping = undefined;
    },
    stopping: () => (stopping ? [stopping.name] : []),
  };
}
