/** Deliveries by the hundred thousand, sent by a process of their own (storm-child.ts). */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { until } from '../support/wait.ts';

export interface StormOptions {
  readonly port: number;
  /** Where deliveries go, by type. */
  readonly paths: Readonly<Record<'item.create' | 'item.update' | 'comment.create', string>>;
  readonly app: number;
  readonly connections: number;
  /** Deliveries that are on their way on a connection. */
  readonly depth: number;
  readonly itemsPerConnection: number;
  readonly seed: number;
}

/** `more`: so many events more. `end`: no more; say what was sent when all of it is answered. */
export type StormOrder = { readonly more: number } | { readonly end: true };

export interface StormProgress {
  readonly made: number;
  /** With 200. */
  readonly answered: number;
  /** Deliveries of an event that had been answered before, answered with 200 too. */
  readonly repeats: number;
  readonly statuses: Readonly<Record<number, number>>;
  /** Answers that are neither 200 nor 503. */
  readonly wrong: readonly string[];
  /** All that was ordered is answered. */
  readonly isDone: boolean;
}

/** All that was sent, and answered with 200. */
export interface Sent {
  /** With their last revision: every one from 0 on was sent. */
  readonly items: readonly (readonly [item: number, lastRevision: number])[];
  /** From 1 on. */
  readonly comments: number;
}

export type StormMessage = StormProgress & { readonly sent?: Sent };

export interface Storm {
  more(events: number): void;
  progress(): StormProgress;
  end(): Promise<Sent>;
  kill(): void;
}

export function startStorm(options: StormOptions): Storm {
  const child = fork(join(import.meta.dirname, 'storm-child.ts'), [JSON.stringify(options)], {
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit');
  let latest: StormProgress = { made: 0, answered: 0, repeats: 0, statuses: {}, wrong: [], isDone: true };
  let sent: Sent | undefined;
  child.on('message', (message: StormMessage) => {
    latest = message;
    sent = message.sent ?? sent;
  });
  const order = (what: StormOrder) => void child.send(what);
  return {
    more(events) {
      latest = { ...latest, isDone: false };
      order({ more: events });
    },
    progress: () => latest,
    async end() {
      if (sent) return sent;
      order({ end: true });
      await until(() => sent ?? child.exitCode !== null, 'every delivery to be answered', 300_000);
      await exited;
      if (!sent) throw new Error('the process that delivers has ended before it was through');
      return sent;
    },
    kill: () => void child.kill('SIGKILL'),
  };
}
