import { from, type Observable, type Observer, of, Subscriber } from 'rxjs';
import { whenAborted } from '../core/abort.ts';
import type { Cancel, Clock } from '../core/clock.ts';
import { PluginError, type PluginPhase } from '../core/errors.ts';
import type { PodioEvent } from '../core/event.ts';
import type { Bundle } from '../core/gather.ts';
import type { Log } from '../core/log.ts';
import type { Would } from '../core/would.ts';
import type { Attribution, PluginScope } from './attribution.ts';
import type { Data, Message, PluginInstance } from './contract.ts';
import { type At, attributed } from './failure.ts';
import {
  isMessageOf,
  type MessageWorld,
  makeMessage,
  type Origin,
  type Output,
  outputOf,
} from './message.ts';

/** One event for one step. */
export interface StepTask {
  readonly event: PodioEvent;
  /** Where the message is for several events: this one is the last of them. */
  readonly bundle?: Bundle | undefined;
  /** What the steps before added. Frozen by the host. */
  readonly data: Data;
  readonly deliveryKey: string;
  readonly deadlineMs: number;
  /** Aborted on stop: the try is cut off and rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** Told what the step would have done, where its effects are captured and it is not pure. */
  would?(would: Would): void;
  /** Told of each field that is named and that the app does not have. */
  noField?(name: string): void;
}

/** What a try needs beside its task. */
export interface TryWorld {
  readonly clock: Clock;
  readonly log: Log;
  readonly attribution: Attribution;
  readonly messages: MessageWorld;
}

/** How many messages a step may emit for one. They are held in memory until it completes. */
const MAX_OUTPUT = 1000;

/** Why a signal is aborted after a try that was not cut off: whatever it still guards has nobody waiting for it. */
const OVER = new DOMException('the try is over', 'AbortError');

/** The part of a try's messages that outlives it: the signal is made on demand, and born aborted when it is over. */
class TryOrigin implements Origin {
  readonly step: string;
  readonly event: PodioEvent;
  readonly bundle: Bundle | undefined;
  readonly deliveryKey: string;
  readonly world: MessageWorld;
  #controller: AbortController | undefined;
  #ended: unknown;

  constructor(step: string, task: Pick<StepTask, 'event' | 'bundle' | 'deliveryKey'>, world: MessageWorld) {
    this.step = step;
    this.event = task.event;
    this.bundle = task.bundle;
    this.deliveryKey = task.deliveryKey;
    this.world = world;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#ended !== undefined) this.#controller.abort(this.#ended);
    return this.#controller.signal;
  }

  end(reason: unknown): void {
    this.#ended = reason;
    this.#controller?.abort(reason);
  }
}

/** A plugin may have a copy of rxjs of its own, so its observables are known by what they can do. */
const isObservable = (value: unknown): value is Observable<unknown> =>
  typeof value === 'object' &&
  value !== null &&
  'subscribe' in value &&
  typeof value.subscribe === 'function';

/** What was given instead, for people. */
const kindOf = (value: unknown): string => {
  if (value === null) return 'null';
  if (typeof value !== 'object') return value === undefined ? 'nothing' : `a ${typeof value}`;
  return value instanceof Promise ? 'a Promise' : 'an object';
};

/** Whose a try is. */
type Place = At & { readonly rule: string; readonly step: string };

/**
 * A try in hand: what its operator's output goes to, and the scope in which the plugin's code runs. One object for all of it,
 * since what a run makes is most of what it costs.
 */
class Try implements PluginScope, Observer<unknown> {
  readonly plugin: string;
  readonly phase: PluginPhase;
  readonly rule: string;
  readonly step: string;
  readonly event: PodioEvent;
  readonly events?: readonly PodioEvent[];
  readonly #at: Place;
  readonly #world: TryWorld;
  readonly #origin: TryOrigin;
  readonly #resolve: (output: readonly Output[]) => void;
  readonly #reject: (error: unknown) => void;
  /** Not `subscribe` with an observer: what emits in a loop is only stopped by what it emits to, before it returns. */
  readonly #subscriber = new Subscriber<unknown>(this);
  readonly #output: Output[] = [];
  readonly #stopListening: Cancel;
  #cancelDeadline: Cancel | undefined;
  #over = false;

  constructor(
    task: StepTask,
    at: Place,
    world: TryWorld,
    resolve: (output: readonly Output[]) => void,
    reject: (error: unknown) => void,
  ) {
    this.plugin = at.plugin;
    this.phase = at.phase;
    this.rule = at.rule;
    this.step = at.step;
    this.event = task.event;
    if (task.bundle) this.events = task.bundle.events;
    this.#at = at;
    this.#world = world;
    this.#origin = new TryOrigin(at.step, task, world.messages);
    this.#resolve = resolve;
    this.#reject = reject;
    const { signal } = task;
    this.#stopListening = whenAborted(signal, () => {
      if (this.#end(signal.reason)) reject(signal.reason);
    });
  }

  get signal(): AbortSignal {
    return this.#origin.signal;
  }

  start(instance: Pick<PluginInstance, 'operator'>, { data, deadlineMs }: StepTask): void {
    const { attribution, clock } = this.#world;
    attribution.run(this, () => {
      try {
        // As a method, as dispose() is called: an instance may be of a class.
        const output$: unknown = instance.operator(of(makeMessage(this.#origin, data)));
        if (!isObservable(output$)) {
          throw new PluginError('PLUGIN_MESSAGE', `the operator returned ${kindOf(output$)}`, this.#at, {
            hint: 'It has to return an Observable: messages$ => messages$.pipe(...).',
            retry: 'never',
          });
        }
        from(output$).subscribe(this.#subscriber);
      } catch (error) {
        this.fail(error);
      }
    });
    if (this.#over) return;
    this.#cancelDeadline = clock.after(deadlineMs, () =>
      this.fail(
        new PluginError('PLUGIN_DEADLINE', `did not complete within ${deadlineMs} ms`, this.#at, {
          hint: 'Make the work shorter, or raise `delivery.deadline` of the step.',
        }),
      ),
    );
  }

  next(emitted: unknown): void {
    try {
      this.#output.push(this.#taken(emitted));
    } catch (error) {
      this.fail(error);
    }
  }

  error(thrown: unknown): void {
    this.fail(thrown);
  }

  complete(): void {
    if (this.#end(OVER)) this.#resolve(this.#output);
  }

  fail(thrown: unknown): void {
    const error = attributed(thrown, this.#at);
    if (this.#end(error)) this.#reject(error);
  }

  #taken(emitted: unknown): Output {
    if (this.#output.length >= MAX_OUTPUT) {
      throw new PluginError('PLUGIN_FLOOD', `emitted more than ${MAX_OUTPUT} messages for one`, this.#at, {
        hint: 'A step may fan out, but not without end: look for a repeat or an interval that never completes.',
        retry: 'never',
      });
    }
    if (!isMessageOf(this.#origin, emitted)) {
      throw new PluginError(
        'PLUGIN_MESSAGE',
        `emitted ${kindOf(emitted)} that is no message of this try`,
        this.#at,
        {
          hint: 'Emit the message it was given, or message.with(data).',
          retry: 'never',
        },
      );
    }
    const given = outputOf(emitted);
    const [first] = this.#output;
    if (first !== undefined && (first.key === undefined) !== (given.key === undefined)) {
      throw new PluginError(
        'PLUGIN_MESSAGE',
        'emitted messages of which some are forked and some are not',
        this.#at,
        {
          hint: 'Make all of them by message.fork(), or none.',
          retry: 'never',
        },
      );
    }
    return given;
  }

  /**
   * Whatever ends the try first decides; listeners and teardowns of the plugin run inside its scope. False: it was over.
   */
  #end(reason: unknown): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#cancelDeadline?.();
    this.#stopListening();
    const { attribution } = this.#world;
    // Mostly it is the plugin's code that ends it.
    if (attribution.current() === this) this.#clear(reason);
    else attribution.run(this, () => this.#clear(reason));
    return true;
  }

  #clear(reason: unknown): void {
    try {
      this.#subscriber.unsubscribe();
    } catch (error) {
      const { log } = this.#world;
      log.warn('plugin failed to unsubscribe', { ...this.#at, error: attributed(error, this.#at) });
    }
    this.#origin.end(reason);
  }
}

/**
 * One try: subscribes the operator with a stream of this one message. Resolves when it completes, with what it emitted, in
 * order. Rejects with a PluginError whose `retry` says what to do, or with the reason of `task.signal`.
 */
export function attempt(
  instance: Pick<PluginInstance, 'operator'>,
  task: StepTask,
  at: Place,
  world: TryWorld,
): Promise<readonly Output[]> {
  return new Promise((resolve, reject) => {
    if (task.signal.aborted) reject(task.signal.reason);
    else new Try(task, at, world, resolve, reject).start(instance, task);
  });
}

/** The message of a dry run, with nothing that ends it but the caller. */
export function dryMessage(
  task: StepTask,
  step: string,
  messages: MessageWorld,
): { message: Message; end(): void } {
  const origin = new TryOrigin(step, task, messages);
  return { message: makeMessage(origin, task.data), end: () => origin.end(OVER) };
}
