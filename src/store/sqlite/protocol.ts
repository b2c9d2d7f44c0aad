/**
 * What the store's threads say to each other. A message holds all commands that waited, answers come back in the same
 * order: one message for each flush, not one for each call.
 */
import type { Code } from '../../core/garbage.ts';
import type { Failure } from './failure.ts';
import type { Upgrade } from './upgrade.ts';

export type Command = readonly [operation: string, ...args: unknown[]];

export type Answer = { readonly value: unknown } | { readonly failure: Failure };

export interface Opened {
  readonly head: number;
  /** What the opening has made of it. */
  readonly upgrade: Upgrade | undefined;
}

/** The answer to OPEN: the thread has opened the database, or could not. */
export type Hello = Opened | { readonly failure: Failure };

/** Asks a thread to open the database: threads start at the same time, but the tables must be there for the reader. */
export const OPEN = 'open';
/** Asks a thread to close the database and end. */
export const CLOSE = 'close';
/** Asks a thread to give back memory, by what becomes of its code. Not answered. */
export const REST = { kept: 'rest', dropped: 'rest without code' } as const satisfies Record<Code, string>;

export type Request = typeof OPEN | typeof CLOSE | (typeof REST)[Code] | readonly Command[];

export interface ThreadData {
  /** The database's file. */
  readonly path: string;
}

/** Functions by name whose arguments and answers can be cloned. */
export type Operations = Readonly<Record<string, (...args: never[]) => unknown>>;

/** Commands come from `Thread.call`, which has checked name and arguments against the same type. */
export function perform(operations: Operations, [operation, ...args]: Command): unknown {
  const run = operations[operation] as ((...args: unknown[]) => unknown) | undefined;
  if (!run) throw new Error(`the store's thread knows no operation ${operation}`);
  return run(...args);
}
