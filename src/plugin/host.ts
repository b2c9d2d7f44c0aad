import { type Clock, sleep } from '../core/clock.ts';
import type { Check } from '../core/condition.ts';
import { PluginError } from '../core/errors.ts';
import type { PodioEvent } from '../core/event.ts';
import type { Bundle } from '../core/gather.ts';
import type { Log } from '../core/log.ts';
import type { Rule, Step } from '../core/rule.ts';
import { keyOf } from '../core/rule-key.ts';
import { surroundings, within } from '../language/surroundings.ts';
import type { ItemReader } from '../podio/contract.ts';
import type { Values } from '../store/contract.ts';
import { attempt, dryMessage, type StepTask, type TryWorld } from './attempt.ts';
import type { Attribution } from './attribution.ts';
import type { Capture } from './capture.ts';
import { type Connect, connect as openConnection } from './connect.ts';
import { doOutside, makeContext } from './context.ts';
import type {
  Data,
  Message,
  PluginContext,
  PluginDefinition,
  PluginInstance,
  PluginPodio,
  View,
} from './contract.ts';
import { attributed, withDeadline } from './failure.ts';
import type { PluginLoader } from './load.ts';
import { type MessageWorld, type Output, viewOf } from './message.ts';
import type { AppNames } from './view.ts';

export type { StepTask } from './attempt.ts';
export type { Output } from './message.ts';

/** Told of each field that is named and that the app does not have. */
export type NoField = (name: string) => void;

/** One step of one rule, set up once and run many times. */
export interface PreparedStep {
  readonly step: Step;
  /** Set-up is retried with backoff in the background; events of the rule wait meanwhile. */
  readonly state: StepState;
  /** Resolves once set up; rejects when `signal` aborts or it is disposed, and where it was to be tried once. */
  ready(signal?: AbortSignal): Promise<void>;
  /** Resolves when its first set-up has ended, well or not, or was given up. Never rejects. */
  readonly tried: Promise<void>;
  /**
   * One try. Resolves, when the operator completes, with what it emitted, in order; nothing means filtered out. Rejects with an error whose `retry` verdict counts, or with the reason of the task's signal.
   */
  run(task: StepTask): Promise<readonly Output[]>;
  /** What the plugin would do, by its own describe(); undefined when it has none. Needs no set-up. */
  describe(task: StepTask): Promise<string | undefined>;
  /** Whether it is a filter that can say what it looks at; false until it is set up. */
  readonly explains?: boolean;
  /** What the plugin looked at before it let a message through or not, by its own explain(); undefined when it has none. */
  explain?(task: StepTask): Promise<readonly Check[] | undefined>;
}

export interface StepState {
  readonly state: 'setting-up' | 'ready' | 'failing';
  /** Why the last set-up failed. */
  readonly error?: string;
}

export interface PluginHost {
  /** Begins to set the step up. `once`: what fails then is not tried again, and `ready` rejects with it. */
  prepare(rule: Rule, step: Step, once?: boolean): PreparedStep;
  /** What conditions of a rule see of an event, and of what its steps have added. */
  view(rule: Rule, event: PodioEvent, data: Data, bundle?: Bundle, noField?: NoField): View;
  /** Disposes of the steps of this rule, as `dispose` does of all. */
  release(rule: Rule): Promise<void>;
  /**
   * The steps of a rule in reverse order, each with a deadline; rules at the same time, or what hangs in many would take
   * longer than a stop may. Set-ups in hand are given up. Never rejects.
   */
  dispose(): Promise<void>;
  /** Whose dispose() is under way. */
  disposing(): readonly string[];
}

export interface HostDeps {
  readonly loader: Pick<PluginLoader, 'load'>;
  readonly reader: ItemReader;
  readonly podioFor: (rule: Rule) => PluginPodio;
  readonly values: Values;
  readonly log: Log;
  readonly clock: Clock;
  readonly fetch: typeof globalThis.fetch;
  /** Default: connects to anything. */
  readonly connect?: Connect;
  /** Throws for what plugins may not call. Default: they may call anything. */
  readonly mayCall?: (url: URL) => void;
  readonly attribution: Attribution;
  /** What the config says of an app, by its name or its id. */
  readonly apps: (app: string | number) => AppNames | undefined;
  /** When the event came that a rule last settled a run for, before this one; ISO 8601. Default: never known. */
  readonly previousRun?: (rule: string, event: PodioEvent) => Promise<string | undefined>;
  /** Whether the app of an event has a field of that name. Undefined, or left out: it is not known. */
  readonly knowsField?: (event: PodioEvent, name: string) => boolean | undefined;
  /** For the jitter of set-up's backoff: from 0 (included) to 1 (excluded). */
  readonly random?: () => number;
  /** One set-up. Default 30 s. */
  readonly setupDeadlineMs?: number;
  /** One dispose(). Default 5 s. */
  readonly disposeDeadlineMs?: number;
  /** For rules whose effects are captured. Left out: there are none. */
  readonly capture?: Capture;
  /** Which rules these are. Default: those in shadow. */
  readonly isCaptured?: (rule: Rule) => boolean;
  /** There is no Podio to read from: captured steps that can say what they would do are not run, but asked. */
  readonly offline?: boolean;
}

/**
 * How a step is run. `real`: as it is. `captured`: with what it sends kept and not sent. `told`: not at all, what it would do is
 * told, and the message goes on.
 */
type Mode = 'real' | 'captured' | 'told';

/** A wait that a plugin asks for during set-up is honoured up to here. */
const MAX_SETUP_WAIT_MS = 24 * 60 * 60 * 1000;

export function makePluginHost(deps: HostDeps): PluginHost {
  let steps: SteppedPlugin[] = [];
  const fieldChecks = new Map<Rule, FieldCheck>();
  let disposed = false;
  const disposing = new Set<SteppedPlugin>();

  const disposeOf = async (these: readonly SteppedPlugin[]): Promise<void> => {
    const leaving = new Set(these);
    steps = steps.filter(step => !leaving.has(step));
    for (const step of these) step.end();
    const rules = Map.groupBy(these.toReversed(), ({ rule }) => rule);
    const disposed = Array.from(rules.values(), async ofOne => {
      for (const step of ofOne) {
        disposing.add(step);
        await step.dispose();
        disposing.delete(step);
      }
    });
    await Promise.all(disposed);
  };

  return {
    prepare(rule, step, once = false) {
      if (disposed) throw isDisposed();
      const prepared = new SteppedPlugin(deps, rule, step, once);
      steps.push(prepared);
      return prepared;
    },
    view(rule, event, data, bundle, noField) {
      let fields = fieldChecks.get(rule);
      if (fields === undefined) {
        fields = makeFieldCheck(deps, deps.log.child({ rule: rule.name }));
        fieldChecks.set(rule, fields);
      }
      return viewOf(messageWorld(deps, rule, fields, noField), event, data, bundle);
    },
    async release(rule) {
      fieldChecks.delete(rule);
      await disposeOf(steps.filter(step => step.rule === rule));
    },
    dispose() {
      disposed = true;
      return disposeOf(steps);
    },
    disposing: () =>
      Array.from(disposing, ({ step, place }) => `dispose() of plugin ${step.plugin}, ${place}`),
  };
}

const isDisposed = (): DOMException => new DOMException('the plugin is disposed of', 'AbortError');

class SteppedPlugin implements PreparedStep {
  readonly step: Step;
  readonly #deps: HostDeps;
  readonly #rule: Rule;
  readonly #ending = new AbortController();
  readonly #lifetime = this.#ending.signal;
  /** What fails is not tried again. */
  readonly #once: boolean;
  readonly #log: Log;
  readonly #fields: FieldCheck;
  readonly #whenReady = Promise.withResolvers<void>();
  readonly #whenTried = Promise.withResolvers<void>();
  #state: StepState = { state: 'setting-up' };
  #instance: PluginInstance | undefined;
  /** What messages read from where nobody is told of fields that the app does not have. */
  readonly #messages: MessageWorld;
  /** Whose a try is. */
  readonly #delivering: {
    readonly plugin: string;
    readonly rule: string;
    readonly step: string;
    readonly phase: 'deliver';
  };
  /** Known once its plugin is loaded. */
  #mode: Mode = 'real';
  #explains = false;

  constructor(deps: HostDeps, rule: Rule, step: Step, once: boolean) {
    this.step = step;
    this.#deps = deps;
    this.#rule = rule;
    this.#once = once;
    this.#log = deps.log.child({ module: 'plugin', plugin: step.plugin, rule: rule.name, step: step.name });
    this.#fields = makeFieldCheck(deps, this.#log);
    this.#messages = messageWorld(deps, rule, this.#fields, undefined);
    this.#delivering = this.#at('deliver');
    // Nobody may be waiting when it ends.
    this.#whenReady.promise.catch(() => {});
    void this.#setUpUntilReady();
  }

  get rule(): Rule {
    return this.#rule;
  }

  /** Gives up a set-up in hand. */
  end(): void {
    this.#ending.abort(isDisposed());
    this.#whenReady.reject(this.#lifetime.reason);
    this.#whenTried.resolve();
  }

  get state(): StepState {
    return this.#state;
  }

  get explains(): boolean {
    return this.#explains;
  }

  get tried(): Promise<void> {
    return this.#whenTried.promise;
  }

  async ready(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#state.state === 'ready') return;
    if (!signal) return this.#whenReady.promise;
    const stopped = Promise.withResolvers<never>();
    const onAbort = () => stopped.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([this.#whenReady.promise, stopped.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  run(task: StepTask): Promise<readonly Output[]> {
    // Nearly always there is nothing to wait for, and then nothing is made to wait with.
    if (this.#state.state === 'ready' && this.#mode === 'real') return this.#attempt(task);
    return this.#runOnceReady(task);
  }

  async #runOnceReady(task: StepTask): Promise<readonly Output[]> {
    await this.ready(task.signal);
    if (this.#mode === 'told') return this.#tell(task);
    const { capture } = this.#deps;
    if (this.#mode === 'real' || capture === undefined) return this.#attempt(task);
    const { result, sends } = await capture.collect(() => this.#attempt(task));
    const text = await this.#described(task);
    task.would?.({ ...(text !== undefined && { text }), sends });
    return result;
  }

  async describe(task: StepTask): Promise<string | undefined> {
    const { describe } = await this.#load();
    return describe && this.#asked(task, 'describe', message => describe(message, this.step.options));
  }

  /** What was decided stands; that it can't be put in words harms nobody. */
  async explain(task: StepTask): Promise<readonly Check[] | undefined> {
    const { explain } = await this.#load();
    if (!explain) return undefined;
    try {
      return checksOf(await this.#asked(task, 'explain', message => explain(message, this.step.options)));
    } catch (error) {
      this.#log.debug('not explained', { error });
      return undefined;
    }
  }

  async #asked<T>(
    task: StepTask,
    what: 'describe' | 'explain',
    ask: (message: Message) => T | Promise<T>,
  ): Promise<T> {
    const at = this.#at('deliver');
    const { message, end } = dryMessage(task, this.step.name, this.#worldFor(task).messages);
    const late = () =>
      new PluginError('PLUGIN_DEADLINE', `${what}() took longer than ${task.deadlineMs} ms`, at);
    try {
      return await withDeadline(
        { clock: this.#deps.clock, ms: task.deadlineMs, late, signal: task.signal },
        fail => this.#deps.attribution.run({ ...at, event: task.event, fail }, () => ask(message)),
      );
    } catch (error) {
      throw attributed(error, at);
    } finally {
      end();
    }
  }

  /** `step tell of rule won-leads` */
  get place(): string {
    return `step ${this.step.name} of rule ${this.#rule.name}`;
  }

  async dispose(): Promise<void> {
    const instance = this.#instance;
    this.#instance = undefined;
    if (instance) await this.#disposeOf(instance);
  }

  #attempt(task: StepTask): Promise<readonly Output[]> {
    return attempt(this.#instance as PluginInstance, task, this.#delivering, this.#worldFor(task));
  }

  #worldFor({ noField }: StepTask): TryWorld {
    const { attribution, clock, log } = this.#deps;
    return { attribution, clock, log, messages: noField ? this.#telling(noField) : this.#messages };
  }

  #telling(noField: NoField): MessageWorld {
    return {
      ...this.#messages,
      mentions: (event, name) => {
        if (this.#fields.isMissing(event, name)) noField(name);
      },
      lacks: (event, path) => {
        this.#fields.lacks(event, path);
        noField(path);
      },
    };
  }

  async #tell(task: StepTask): Promise<readonly Output[]> {
    const text = await this.describe(task);
    task.would?.({ ...(text !== undefined && { text }), notRun: true });
    return [{ data: task.data }];
  }

  /** It has done its work; that it can't be put in words harms nobody. */
  async #described(task: StepTask): Promise<string | undefined> {
    try {
      return await this.describe(task);
    } catch (error) {
      this.#log.debug('not described', { error });
      return undefined;
    }
  }

  /** Ends only with success or when it is disposed of: until then the rule's events wait. */
  async #setUpUntilReady(): Promise<void> {
    for (let failures = 0; !this.#lifetime.aborted; failures++) {
      try {
        await this.#setUp();
        if (this.#lifetime.aborted) return await this.dispose();
        this.#state = { state: 'ready' };
        this.#whenReady.resolve();
        this.#whenTried.resolve();
        if (failures > 0) this.#log.info('plugin is set up again', { failures });
        return;
      } catch (thrown) {
        if (this.#lifetime.aborted) return;
        const error = attributed(thrown, this.#at('setup'));
        this.#state = { state: 'failing', error: error.message };
        this.#whenTried.resolve();
        if (this.#once) return this.#whenReady.reject(error);
        const waitMs = this.#backoffMs(failures, error);
        // One line per outage; what follows is in `state`.
        if (failures === 0) {
          this.#log.error('plugin set-up failed, events of its rule wait', {
            error,
            retryInMs: Math.round(waitMs),
          });
        }
        await sleep(this.#deps.clock, waitMs, this.#lifetime).catch(() => {});
      }
    }
  }

  #backoffMs(failures: number, { retry }: PluginError): number {
    if (typeof retry === 'object') return Math.min(retry.afterMs, MAX_SETUP_WAIT_MS);
    const { fromMs, toMs } = this.step.delivery.backoff;
    const random = this.#deps.random ?? Math.random;
    return Math.min(fromMs * 2 ** Math.min(failures, 50), toMs) * (0.5 + random() / 2);
  }

  async #setUp(): Promise<void> {
    const definition = await this.#load();
    this.#mode = this.#modeOf(definition);
    this.#explains = definition.explain !== undefined;
    if (this.#mode === 'told') return;
    const at = this.#at('setup');
    const deadlineMs = this.#deps.setupDeadlineMs ?? 30_000;
    const instance = await withDeadline<PluginInstance>(
      {
        clock: this.#deps.clock,
        ms: deadlineMs,
        late: () => new PluginError('PLUGIN_SETUP', `setup() did not end within ${deadlineMs} ms`, at),
        signal: this.#lifetime,
        // It came too late to be used.
        orphan: late => void this.#disposeOf(late),
      },
      fail =>
        this.#deps.attribution.run({ ...at, fail }, () =>
          // It may compile templates, which may name what the steps before have named.
          within({ ...surroundings(), names: new Set(this.step.names) }, () =>
            definition.setup(this.step.options, this.#context()),
          ),
        ),
    );
    if (typeof instance?.operator !== 'function') {
      throw new PluginError('PLUGIN_SETUP', 'setup() did not return { operator }', at, {
        hint: 'Return { operator: messages$ => messages$.pipe(...), dispose } from it.',
        retry: 'never',
      });
    }
    this.#instance = instance;
  }

  #modeOf({ describe, effects, pure }: PluginDefinition): Mode {
    const { capture, isCaptured = isInShadow, offline } = this.#deps;
    if (capture === undefined || !isCaptured(this.#rule) || pure) return 'real';
    return effects === 'context' && !(offline && describe) ? 'captured' : 'told';
  }

  #load(): Promise<PluginDefinition> {
    return this.#deps.loader.load(this.step.use);
  }

  async #disposeOf(instance: PluginInstance): Promise<void> {
    const at = this.#at('dispose');
    const deadlineMs = this.#deps.disposeDeadlineMs ?? 5000;
    try {
      const late = () =>
        new PluginError('PLUGIN_DEADLINE', `dispose() did not end within ${deadlineMs} ms`, at);
      await withDeadline<unknown>({ clock: this.#deps.clock, ms: deadlineMs, late }, fail =>
        this.#deps.attribution.run({ ...at, fail }, () => instance?.dispose?.()),
      );
    } catch (error) {
      this.#log.warn('plugin failed to dispose', { error: attributed(error, at) });
    }
  }

  #context(): PluginContext {
    const { apps, capture, connect = openConnection, fetch, podioFor, values } = this.#deps;
    const captured = this.#mode === 'captured' ? capture?.world : undefined;
    const world = captured ?? { podio: podioFor(this.#rule), fetch, values, connect, outside: doOutside };
    return makeContext({
      rule: this.#rule.name,
      ruleKey: keyOf(this.#rule),
      step: this.step.name,
      log: this.#log,
      ...world,
      mayCall: this.#deps.mayCall,
      captured: captured !== undefined,
      apps,
    });
  }

  #at<Phase extends PluginError['phase']>(phase: Phase) {
    return { plugin: this.step.plugin, rule: this.#rule.name, step: this.step.name, phase };
  }
}

const isInShadow = ({ shadow }: Rule): boolean => shadow === true;

interface FieldCheck {
  /** Whether the app is known not to have a field. */
  isMissing(event: PodioEvent, field: string): boolean;
  /** A field was asked for what it does not have. */
  lacks(event: PodioEvent, path: string): void;
}

/** Logs once of each field that the app does not have, and of each part that a field does not have. */
function makeFieldCheck({ knowsField }: HostDeps, log: Log): FieldCheck {
  const told = new Set<string>();
  const tell = (key: string, message: string, fields: Readonly<Record<string, unknown>>) => {
    if (told.has(key)) return;
    told.add(key);
    log.warn(message, fields);
  };
  return {
    isMissing(event, field) {
      if (knowsField?.(event, field) !== false) return false;
      tell(field, 'a field is named that the app does not have; it is taken for empty', {
        field,
        app: event.app,
      });
      return true;
    },
    lacks: (event, path) =>
      tell(path, 'a field is asked for what values of its type do not have; it is taken for empty', {
        path,
        app: event.app,
      }),
  };
}

const messageWorld = (
  { apps, clock, previousRun, reader }: HostDeps,
  rule: Rule,
  fields: FieldCheck,
  noField: NoField | undefined,
): MessageWorld => ({
  reader,
  apps,
  rule,
  now: () => clock.now(),
  previousRun: async event => previousRun?.(rule.name, event),
  mentions(event, name) {
    if (fields.isMissing(event, name)) noField?.(name);
  },
  lacks(event, path) {
    fields.lacks(event, path);
    noField?.(path);
  },
});

/** Of what was looked at, no more than this is kept. */
const MOST_CHECKS = 20;
const MOST_TEXT = 120;

/** Plugins may be JavaScript, and hand out anything. */
function checksOf(told: readonly Check[]): readonly Check[] {
  const text = (value: unknown): string => {
    const whole = typeof value === 'string' ? value : String(value);
    return whole.length > MOST_TEXT ? `${whole.slice(0, MOST_TEXT - 3)}...` : whole;
  };
  return told.slice(0, MOST_CHECKS).map(({ path, test, seen, holds }) => ({
    path: text(path),
    test: text(test),
    seen: text(seen),
    holds: holds === true,
  }));
}
