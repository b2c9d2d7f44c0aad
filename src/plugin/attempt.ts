import { from, map, type Observable, of, type Subscription, take } from 'rxjs';
import { whenAborted } from '../core/abort.ts';
import type { Clock } from '../core/clock.ts';
import { PluginError } from '../core/errors.ts';
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
  if (value === null || typeof value !== 'object')
    return value === undefined ? 'nothing' : `a ${typeof value}`;
  return value instanceof Promise ? 'a Promise' : 'an object';
};

/**
 * One try: subscribes the operator with a stream of this one message. Resolves when it completes, with what it emitted, in
 * order. Rejects with a PluginError whose `retry` says what to do, or with the reason of `task.signal`.
 */
export function attempt(
  operator: PluginInstance['operator'],
  task: StepTask,
  at: At & { readonly rule: string; readonly step: string },
  { clock, log, attribution, messages }: TryWorld,
): Promise<readonly Output[]> {
  return new Promise((resolve, reject) => {
    if (task.signal.aborted) return reject(task.signal.reason);
    const origin = new TryOrigin(at.step, task, messages);
    const output: Output[] = [];
    let over = false;
    let subscription: Subscription | undefined;
    let cancelDeadline: (() => void) | undefined;

    /** Whatever ends the try first decides; listeners and teardowns of the plugin run inside its scope. */
    const end = (reason: unknown, settle: () => void): void => {
      if (over) return;
      over = true;
      cancelDeadline?.();
      stopListening();
      attribution.run(scope, () => {
        try {
          subscription?.unsubscribe();
        } catch (error) {
          log.warn('plugin failed to unsubscribe', { ...at, error: attributed(error, at) });
        }
        origin.end(reason);
      });
      settle();
    };
    const fail = (thrown: unknown): void => {
      const error = attributed(thrown, at);
      end(error, () => reject(error));
    };
    const onStop = () => end(task.signal.reason, () => reject(task.signal.reason));
    const scope: PluginScope = {
      ...at,
      event: task.event,
      ...(task.bundle && { events: task.bundle.events }),
      fail,
      get signal() {
        return origin.signal;
      },
    };

    const taken = (emitted: unknown, index: number): Output => {
      if (index >= MAX_OUTPUT) {
        throw new PluginError('PLUGIN_FLOOD', `emitted more than ${MAX_OUTPUT} messages for one`, at, {
          hint: 'A step may fan out, but not without end: look for a repeat or an interval that never completes.',
          retry: 'never',
        });
      }
      if (!isMessageOf(origin, emitted)) {
        throw new PluginError(
          'PLUGIN_MESSAGE',
          `emitted ${kindOf(emitted)} that is no message of this try`,
          at,
          {
            hint: 'Emit the message it was given, or message.with(data).',
            retry: 'never',
          },
        );
      }
      const given = outputOf(emitted);
      const [first] = output;
      if (first !== undefined && (first.key === undefined) !== (given.key === undefined)) {
        throw new PluginError(
          'PLUGIN_MESSAGE',
          'emitted messages of which some are forked and some are not',
          at,
          {
            hint: 'Make all of them by message.fork(), or none.',
            retry: 'never',
          },
        );
      }
      return given;
    };

    const stopListening = whenAborted(task.signal, onStop);
    attribution.run(scope, () => {
      try {
        const output$: unknown = operator(of(makeMessage(origin, task.data)));
        if (!isObservable(output$)) {
          throw new PluginError('PLUGIN_MESSAGE', `the operator returned ${kindOf(output$)}`, at, {
            hint: 'It has to return an Observable: messages$ => messages$.pipe(...).',
            retry: 'never',
          });
        }
        // take() also stops a source that emits in a loop, which no unsubscribe() reaches before it returns.
        subscription = from(output$)
          .pipe(take(MAX_OUTPUT + 1), map(taken))
          .subscribe({
            next: one => {
              output.push(one);
            },
            error: fail,
            complete: () => end(OVER, () => resolve(output)),
          });
      } catch (error) {
        fail(error);
      }
    });
    // Ended while it was being subscribed by something else than its own end.
    if (over) subscription?.unsubscribe();
    else {
      cancelDeadline = clock.after(task.deadlineMs, () =>
        fail(
          new PluginError('PLUGIN_DEADLINE', `did not complete within ${task.deadlineMs} ms`, at, {
            hint: 'Make the work shorter, or raise `delivery.deadline` of the step.',
          }),
        ),
      );
    }
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
