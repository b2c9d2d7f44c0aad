import type { Cancel } from './clock.ts';

interface Waiting {
  readonly call: () => void;
  /** Its place in the list. */
  at: number;
}

const lists = new WeakMap<AbortSignal, Waiting[]>();

/**
 * Calls `fn` once when a signal that lives long is aborted, which it is not yet. To be cancelled by whatever ends before.
 * An event listener would do the same, but those of a signal are a linked list to Node, and one that was removed keeps
 * its neighbours (as a grown table of a Set keeps the one after it): a lane that listened anew for every try would fill
 * memory with what is over.
 */
export function whenAborted(signal: AbortSignal, fn: () => void): Cancel {
  const list = lists.get(signal) ?? listOf(signal);
  const waiting: Waiting = { call: fn, at: list.length };
  list.push(waiting);
  return () => {
    if (list[waiting.at] !== waiting) return;
    const last = list.pop();
    if (last === undefined || last === waiting) return;
    list[waiting.at] = last;
    last.at = waiting.at;
  };
}

function listOf(signal: AbortSignal): Waiting[] {
  const list: Waiting[] = [];
  lists.set(signal, list);
  signal.addEventListener(
    'abort',
    () => {
      for (const { call } of list.splice(0)) call();
    },
    { once: true },
  );
  return list;
}

/**
 * Aborts with an error, which the signal then keeps. Until the stack of an error is asked for, V8 holds on to everyone that
 * was being called when it was made: of owners that each end the one before them, the last ones would be kept by the first.
 */
export function abortWith(controller: AbortController, reason: Error): void {
  void reason.stack;
  controller.abort(reason);
}
