/** For authors of plugins: runs one as the daemon would, with no daemon and no Podio. */

import { systemClock } from '../core/clock.ts';
import type { Check } from '../core/condition.ts';
import type { PodioEvent } from '../core/event.ts';
import { type Log, silentLog } from '../core/log.ts';
import type { Item } from '../core/podio.ts';
import type { Sending } from '../core/would.ts';
import type { PodioObject } from '../podio/contract.ts';
import type { Values } from '../store/contract.ts';
import { attempt, dryMessage, type StepTask } from './attempt.ts';
import { makeAttribution } from './attribution.ts';
import { makeCapture } from './capture.ts';
import { connect } from './connect.ts';
import { doOutside, makeContext } from './context.ts';
import type { Data, FieldChanged, PluginContext, PluginDefinition, PluginPodio } from './contract.ts';
import type { MessageWorld } from './message.ts';

/** What a plugin under test meets. All of it may be left out. */
export interface TestBench {
  /** As written in the config; checked by the plugin's schema. */
  readonly options?: unknown;
  readonly log?: Log;
  readonly fetch?: typeof globalThis.fetch;
  /** The calls that the plugin makes. Without it, touching `context.podio` is an error. */
  readonly podio?: Partial<PluginPodio>;
  /** Default: connects to anything. */
  readonly connect?: PluginContext['connect'];
  /** Throws for what the plugin may not call, as `outbound` in the config would. */
  readonly mayCall?: (url: URL) => void;
  /** Aliases of the app's fields, to external ids. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** As in a rule in shadow: what it sends by its context is kept in `sends`, and not sent. */
  readonly captured?: boolean;
  /** The rule's. Default: UTC. */
  readonly timezone?: string;
}

/** One event for the plugin: an `item.update` of the app `leads` (101), unless told otherwise. */
export interface TestEvent {
  readonly event?: Partial<PodioEvent>;
  readonly item?: Partial<Item>;
  /** By external id. */
  readonly changes?: Readonly<Record<string, Partial<FieldChanged>>>;
  /** What steps before would have added. */
  readonly data?: Data;
  /** As Podio has them: a byline, a comment, files, a task. */
  readonly actor?: PodioObject;
  readonly comment?: PodioObject;
  readonly files?: readonly PodioObject[];
  readonly task?: PodioObject;
  /** When the rule is to have run before, ISO 8601. */
  readonly previousRun?: string;
  readonly signal?: AbortSignal;
  /** Default 5000. */
  readonly deadlineMs?: number;
}

export interface PluginUnderTest extends AsyncDisposable {
  /** One try: the data of each message that came out; none means filtered out. Rejects as a try in the daemon does. */
  run(event?: TestEvent): Promise<readonly Data[]>;
  /** With `captured`: all that it would have sent, in order. */
  readonly sends: readonly Sending[];
  /** What describe() says; undefined for a plugin without. */
  describe(event?: TestEvent): Promise<string | undefined>;
  /** What explain() says of a message that was let through or not; undefined for a plugin without. */
  explain(event?: TestEvent): Promise<readonly Check[] | undefined>;
}

/** Where the plugin under test stands: these names are in its delivery keys, context and data. */
const RULE = 'test-rule';
const APP = { name: 'leads', id: 101 } as const;
const ITEM_ID = 4711;

/** Checks the options and sets the plugin up; rejects when either fails. */
export async function testPlugin(plugin: PluginDefinition, bench: TestBench = {}): Promise<PluginUnderTest> {
  const options: unknown = await plugin.options.parseAsync(bench.options ?? {});
  const log = bench.log ?? silentLog;
  const attribution = makeAttribution(log);
  const { name: step } = plugin;
  const podio = podioWith(bench.podio ?? {});
  const fetch = bench.fetch ?? globalThis.fetch;
  const values = memoryValues();
  const capture = bench.captured ? makeCapture({ podio, values }) : undefined;
  const sends: Sending[] = [];
  const instance = await plugin.setup(
    options,
    makeContext({
      rule: RULE,
      ruleKey: RULE,
      step,
      log,
      ...(capture?.world ?? { podio, fetch, values, connect: bench.connect ?? connect, outside: doOutside }),
      mayCall: bench.mayCall,
      captured: capture !== undefined,
      apps: app =>
        app === APP.name || app === APP.id ? { id: APP.id, fields: bench.aliases ?? {} } : undefined,
    }),
  );
  let seq = 0;
  const prepare = (given: TestEvent): { task: StepTask; messages: MessageWorld } => {
    const event = eventOf(++seq, given.event);
    return {
      task: {
        event,
        data: given.data ?? {},
        deliveryKey: `${RULE}/${event.id}/${step}`,
        deadlineMs: given.deadlineMs ?? 5000,
        signal: given.signal ?? new AbortController().signal,
      },
      messages: {
        reader: {
          item: async () => itemOf(event, given.item),
          changes: async () => changesOf(given.changes),
          spanned: async () => changesOf(given.changes),
          actor: async () => given.actor,
          comment: async () => given.comment,
          files: async () => given.files ?? [],
          task: async () => given.task,
        },
        rule: { name: RULE, timezone: bench.timezone ?? 'UTC' },
        previousRun: async () => given.previousRun,
        apps: name => (name === APP.name ? { id: APP.id, fields: bench.aliases ?? {} } : undefined),
        now: Date.now,
      },
    };
  };
  return {
    async run(given = {}) {
      const { task, messages } = prepare(given);
      const at = { plugin: plugin.name, rule: RULE, step, phase: 'deliver' } as const;
      const world = { clock: systemClock, log, attribution, messages };
      const run = async () => (await attempt(instance, task, at, world)).map(({ data }) => data);
      if (!capture) return run();
      const { result, sends: sent } = await capture.collect(run);
      sends.push(...sent);
      return result;
    },
    sends,
    async describe(given = {}) {
      const { task, messages } = prepare(given);
      return plugin.describe?.(dryMessage(task, step, messages).message, options);
    },
    async explain(given = {}) {
      const { task, messages } = prepare(given);
      return plugin.explain?.(dryMessage(task, step, messages).message, options);
    },
    async [Symbol.asyncDispose]() {
      await instance.dispose?.();
    },
  };
}

const eventOf = (seq: number, given: Partial<PodioEvent> = {}): PodioEvent => ({
  seq,
  id: `item.update:${ITEM_ID}:${seq}`,
  type: 'item.update',
  source: 'webhook',
  ref: { type: 'app', id: APP.id },
  app: APP.name,
  itemId: ITEM_ID,
  revision: seq,
  params: { type: 'item.update', item_id: String(ITEM_ID), item_revision_id: String(seq) },
  receivedAt: new Date().toISOString(),
  ...given,
});

const itemOf = ({ itemId, revision }: PodioEvent, given: Partial<Item> = {}): Item => ({
  item_id: itemId ?? ITEM_ID,
  title: '',
  fields: [],
  ...(revision !== undefined && { revision }),
  ...given,
});

const changesOf = (given: TestEvent['changes'] = {}): ReadonlyMap<string, FieldChanged> =>
  new Map(
    Object.entries(given).map(([externalId, change], index) => [
      externalId,
      { fieldId: index + 1, type: 'text', label: externalId, from: [], to: [], ...change },
    ]),
  );

/** A call that a test has not provided for must not pass unnoticed. */
const podioWith = (given: Partial<PluginPodio>): PluginPodio =>
  new Proxy(given as PluginPodio, {
    get(target, key) {
      if (Reflect.has(target, key)) return Reflect.get(target, key);
      throw new Error(`the plugin uses context.podio.${String(key)}, which this test has not given it`);
    },
  });

function memoryValues(): Values {
  const values = new Map<string, string>();
  const read = (key: string): unknown => {
    const json = values.get(key);
    return json === undefined ? undefined : JSON.parse(json);
  };
  const write = (key: string, value: unknown): void => {
    if (value === undefined) values.delete(key);
    else values.set(key, JSON.stringify(value));
  };
  return {
    get: async (_space, key) => read(key),
    set: async (_space, key, value) => write(key, value),
    delete: async (_space, key) => write(key, undefined),
    async update(_space, key, fn) {
      write(key, fn(read(key)));
      return read(key);
    },
  };
}
