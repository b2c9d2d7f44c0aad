// A world for lanes: the store in memory, steps that are plain functions, and a clock that stands still.
import type { Clock } from '../../../src/core/clock.ts';
import type { NewEvent, PodioEvent } from '../../../src/core/event.ts';
import { type Log, silentLog } from '../../../src/core/log.ts';
import { noMetrics } from '../../../src/core/metrics.ts';
import type { OwnLookup } from '../../../src/core/own.ts';
import type { AppTrigger, DeliveryPolicy, Rule, Step } from '../../../src/core/rule.ts';
import { type Dispatcher, makeDispatcher } from '../../../src/dispatch/dispatcher.ts';
import type { Known } from '../../../src/dispatch/match.ts';
import type { WindowLimits } from '../../../src/dispatch/window.ts';
import type { Changes, Data, View } from '../../../src/plugin/contract.ts';
import type { Output, PreparedStep, StepState, StepTask } from '../../../src/plugin/host.ts';
import type { ItemReader, KnownField } from '../../../src/podio/contract.ts';
import type { Store } from '../../../src/store/contract.ts';
import { type MemoryStore, makeMemoryStore } from '../../../src/store/memory.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

export const POLICY: DeliveryPolicy = {
  retryForMs: 24 * 60 * 60 * 1000,
  backoff: { fromMs: 1000, toMs: 60_000 },
  deadlineMs: 60_000,
  whenExhausted: 'park',
};

export const APP: AppTrigger = { kind: 'app', apps: ['leads'], events: ['item.create', 'item.update'] };

export const makeStep = (name: string, step: Partial<Step> = {}): Step => ({
  name,
  plugin: name,
  use: name,
  options: {},
  onError: 'park',
  delivery: POLICY,
  ...step,
});

export const makeRule = (name: string, rule: Partial<Rule> = {}): Rule => ({
  name,
  triggers: [APP],
  steps: [makeStep('work')],
  concurrency: 4,
  startAt: 'earliest',
  timezone: 'UTC',
  fingerprint: 'f1',
  ...rule,
});

/** What a step does with one message: undefined passes it on as it is. */
export type Work = (
  task: StepTask,
  rule: string,
) => readonly Data[] | undefined | Promise<readonly Data[] | undefined>;

/** Branches of their own, called as the keys: what a work gives back for a split. */
export const forked = (
  data: Data,
  name: string,
  values: Readonly<Record<string, unknown>>,
): readonly Data[] => Object.entries(values).map(([key, value]) => ({ ...data, [name]: value, [KEY]: key }));

const KEY = Symbol('the key of a branch');

const outputOf = (data: Data): Output => {
  const { [KEY]: key, ...rest } = data as Data & { [KEY]?: string };
  return key === undefined ? { data } : { data: rest, key };
};

export const pass: Work = () => undefined;

export function fakeStep(rule: string, step: Step, work: Work, ready?: Promise<void>): PreparedStep {
  let state: StepState = { state: ready ? 'setting-up' : 'ready' };
  void ready?.then(() => {
    state = { state: 'ready' };
  });
  return {
    step,
    get state() {
      return state;
    },
    ready: () => ready ?? Promise.resolve(),
    tried: ready ?? Promise.resolve(),
    async run(task) {
      task.signal.throwIfAborted();
      const cut = new Promise<never>((_, reject) => {
        task.signal.addEventListener('abort', () => reject(task.signal.reason), { once: true });
      });
      return ((await Promise.race([work(task, rule), cut])) ?? [task.data]).map(outputOf);
    },
    describe: async () => undefined,
  };
}

let revisions = 0;

/** An edit of an item in app 101. Without `revision`, each is another change. */
export function itemUpdate(
  itemId: number,
  revision = ++revisions,
  ref: NewEvent['ref'] = { type: 'app', id: 101 },
) {
  const event: NewEvent = {
    id: `item.update:${itemId}:${revision}`,
    type: 'item.update',
    source: 'webhook',
    ref,
    app: 'leads',
    itemId,
    revision,
    params: { type: 'item.update', item_id: String(itemId), item_revision_id: String(revision) },
  };
  return event;
}

const status: KnownField = {
  appId: 101,
  fieldId: 11,
  externalId: 'status',
  type: 'category',
  label: 'Status',
};
const value: KnownField = {
  appId: 101,
  fieldId: 12,
  externalId: 'deal-value',
  type: 'money',
  label: 'Value',
};

export const known: Known = {
  apps: new Map([
    ['leads', { name: 'leads', id: 101, token: 't', login: undefined, fields: { value: 'deal-value' } }],
    ['deals', { name: 'deals', id: 102, token: 't', login: undefined, fields: {} }],
  ]),
  spaces: new Map([['sales', { name: 'sales', id: 7, login: 'bot' }]]),
  fields: {
    hasRead: appId => appId === 101,
    byId: id => [status, value].find(field => field.fieldId === id),
    known: (appId, name) =>
      [status, value].find(
        field => field.appId === appId && (field.externalId === name || String(field.fieldId) === name),
      ),
  },
};

export interface WorldOptions {
  rules: readonly Rule[];
  /** By step name. */
  work?: Record<string, Work>;
  changes?: (event: PodioEvent) => Promise<Changes>;
  spanned?: ItemReader['spanned'];
  ready?: Promise<void>;
  log?: Log;
  limits?: WindowLimits;
  mask?: (text: string) => string;
  maskError?: (text: string) => string;
  own?: OwnLookup;
  /** In place of the store's own parts. */
  wrap?: (store: MemoryStore) => Pick<Store, 'journal' | 'lanes' | 'replays' | 'changes$'>;
}

/** A daemon that can be started, crashed and started again over the same data. */
export class World {
  readonly clock = makeVirtualClock();
  options: WorldOptions;
  store: MemoryStore;
  dispatcher: Dispatcher;

  constructor(options: WorldOptions) {
    this.options = options;
    this.store = makeMemoryStore({ clock: this.clock });
    this.dispatcher = this.#make();
  }

  async start(): Promise<this> {
    await this.dispatcher.open();
    this.dispatcher.start();
    await this.clock.advance(0);
    return this;
  }

  /** As after kill -9; `change` is what is different at the next start. */
  async crash(change: Partial<WorldOptions> = {}): Promise<void> {
    this.store = this.store.reopen();
    this.options = { ...this.options, ...change };
    this.dispatcher = this.#make();
    await this.start();
  }

  async append(...events: NewEvent[]): Promise<void> {
    await this.store.journal.append(events);
    await this.clock.advance(0);
  }

  /** `[rule, item, outcome]` of every run on record. */
  async runs(): Promise<[rule: string, seq: number, outcome: string][]> {
    const listed = await this.store.journal.list({ limit: 100_000 });
    return listed.flatMap(({ event, runs }) =>
      runs.map(({ rule, outcome }): [string, number, string] => [rule, event.seq, outcome]),
    );
  }

  async cursor(rule: string): Promise<number | undefined> {
    return (await this.store.lanes.status()).find(lane => lane.rule === rule)?.cursor;
  }

  #make(): Dispatcher {
    const {
      rules,
      work = {},
      changes,
      spanned,
      ready,
      log,
      limits,
      wrap,
      mask,
      maskError,
      own,
    } = this.options;
    return makeDispatcher({
      rules,
      store: { pauses: this.store.pauses, ...(wrap?.(this.store) ?? this.store) },
      plugins: {
        prepare: (rule, step) => fakeStep(rule.name, step, work[step.name] ?? pass, ready),
        view: (_rule, event, data) => viewOf(event, data),
      },
      reader: { changes: changes ?? (async () => new Map()), spanned: spanned ?? (async () => new Map()) },
      known,
      clock: this.clock satisfies Clock,
      log: log ?? silentLog,
      metrics: noMetrics,
      random: () => 1 - Number.EPSILON,
      ...(limits && { limits }),
      ...(mask && { mask }),
      ...(maskError && { maskError }),
      ...(own && { own }),
    });
  }
}

/** Other rules in place of those that run; steps do what the world's do. */
export function succeed(
  world: World,
  rules: readonly Rule[],
  kept: readonly string[],
  ready?: Promise<void>,
) {
  const { work = {} } = world.options;
  return world.dispatcher.succeed(
    {
      rules,
      plugins: {
        prepare: (rule, step) => fakeStep(rule.name, step, work[step.name] ?? pass, ready),
        view: (_rule, event, data) => viewOf(event, data),
      },
      known,
    },
    new Set(kept),
  );
}

/** As a reload does. Answers how many runs had to be cut off. */
export async function exchange(
  world: World,
  rules: readonly Rule[],
  ...kept: readonly string[]
): Promise<number> {
  const succession = succeed(world, rules, kept);
  await world.clock.until(succession.ready(new AbortController().signal));
  const { cutOff } = await world.clock.until(succession.drain(1000, new AbortController().signal));
  const isDone = await world.clock.until(succession.takeOver(new AbortController().signal));
  if (!isDone) throw new Error('the other rules were not taken over');
  await world.clock.advance(0);
  return cutOff;
}

/** Conditions in these tests look at the event and the data alone. */
export const viewOf = (event: PodioEvent, data: Data): View =>
  ({ event: () => event, data: () => data }) as unknown as View;

/** Resolves when everything that waits for nothing but promises has happened. */
export const rest = () => new Promise(resolve => setImmediate(resolve));

/** Lines that were logged, without debug. */
export function listeningLog(): { log: Log; lines: { level: string; message: string; step?: unknown }[] } {
  const lines: { level: string; message: string; step?: unknown }[] = [];
  const note =
    (level: string) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
      lines.push({ level, message, ...('step' in fields && { step: fields.step }) });
    };
  const log: Log = {
    error: note('error'),
    warn: note('warn'),
    info: note('info'),
    debug: () => {},
    child: () => log,
  };
  return { log, lines };
}
